"""Judging models: likelihoods, reconstructions, reports and pictures."""
