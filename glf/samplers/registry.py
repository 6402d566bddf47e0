"""Every sampler by name, as programs and configurations ask for it."""

import functools

from glf.samplers.ancestral import Ancestral, CachedAncestral
from glf.samplers.predictive import Predictive

SAMPLERS = {
    "ancestral": Ancestral,
    "cached_ancestral": CachedAncestral,
    "fixed_point": Predictive,
    "windowed": functools.partial(Predictive, rows="auto"),
    "forecasting": functools.partial(Predictive, forecast=True),
    "forecasting_windowed": functools.partial(Predictive, rows="auto", forecast=True),
    "zeros": functools.partial(Predictive, guess="zeros"),
    "repeat_last": functools.partial(Predictive, guess="repeat_last"),
    "pixel_above": functools.partial(Predictive, guess="pixel_above"),
    "fresh_noise": functools.partial(Predictive, guess="fresh_noise"),
}


def make_sampler(name, **options):
    """The sampler called `name`, with options of its class.

    Raises:
      ValueError: for an unknown name.
    """
    if name not in SAMPLERS:
        raise ValueError(f"There is no sampler {name!r}; choose one of {', '.join(SAMPLERS)}.")
    return SAMPLERS[name](**options)
