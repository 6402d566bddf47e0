"""What `scripts.benchmark` measures, one subject a file."""
