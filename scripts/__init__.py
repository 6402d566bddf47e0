"""Command-line programs: flags in, one library call, files out."""
