"""Samplers of autoregressive models: with the same noise, all of them draw the same sample."""

from glf.samplers.ancestral import Ancestral, CachedAncestral
from glf.samplers.base import Sampler, Samples
from glf.samplers.predictive import Predictive
from glf.samplers.registry import SAMPLERS, make_sampler

__all__ = [
    "SAMPLERS",
    "Ancestral",
    "CachedAncestral",
    "Predictive",
    "Sampler",
    "Samples",
    "make_sampler",
]
