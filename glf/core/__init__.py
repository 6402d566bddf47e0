"""What every other room may use: randomness, files, and the registry of parts."""
