"""Subjects of `scripts.benchmark`, one a file."""
