"""Every solver by name, as programs ask for it."""

import functools

from glf.solvers.fixed_point import FixedPoint
from glf.solvers.sequential import CachedSequential, Sequential

SOLVERS = {
    "sequential": Sequential,
    "cached_sequential": CachedSequential,
    "fixed_point": functools.partial(FixedPoint, draft=False),
    "drafted": FixedPoint,
    "tolerance": functools.partial(FixedPoint, tolerance=1e-4, draft=False),
    "drafted_tolerance": functools.partial(FixedPoint, tolerance=1e-4),
    "blocks": functools.partial(FixedPoint, blocks=2, draft=False),
}


def make_solver(name, **options):
    """The solver called `name`, with options of its class.

    Raises:
      ValueError: for an unknown name.
    """
    if name not in SOLVERS:
        raise ValueError(f"There is no solver {name!r}; choose one of {', '.join(SOLVERS)}.")
    return SOLVERS[name](**options)
