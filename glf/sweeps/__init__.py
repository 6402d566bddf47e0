"""Sweeps: one run for each combination of methods, datasets and bindings, each in a process."""
