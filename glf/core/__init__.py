"""For every other room: randomness, checks, files, and what parts have in common."""
