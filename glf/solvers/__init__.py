"""Solvers of the slow direction of autoregressive bijectors: the same bits, in fewer passes."""

from glf.solvers.base import Cached, Solution, Solver, System
from glf.solvers.fixed_point import FixedPoint
from glf.solvers.parts import slow_parts, solving
from glf.solvers.registry import SOLVERS, make_solver
from glf.solvers.sequential import CachedSequential, Sequential

__all__ = [
    "SOLVERS",
    "Cached",
    "CachedSequential",
    "FixedPoint",
    "Sequential",
    "Solution",
    "Solver",
    "System",
    "make_solver",
    "slow_parts",
    "solving",
]
