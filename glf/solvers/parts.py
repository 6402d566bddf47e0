"""The parts of a model that have a slow direction: who solves it, and what that took.

Such a part has an attribute `solver`, which it calls whenever its slow direction is asked for. What
is traced already keeps the solver that it was traced with.
"""

import contextlib

from glf.solvers.base import Solver


def slow_parts(layer):
    """The parts of a Keras layer or model, itself among them, that have a `Solver`."""
    return [p for p in layer._flatten_layers() if isinstance(getattr(p, "solver", None), Solver)]


@contextlib.contextmanager
def solving(layer, solver=None):
    """Within the block all slow parts of `layer` are solved by `solver`, each by its own if None.

    Yields a list, to which every call adds its `Solution`: in a graph these are tensors of it, so
    that a function that is traced within the block can return them.
    """
    solutions = []
    parts = slow_parts(layer)
    before = [part.solver for part in parts]
    try:
        for part in parts:
            part.solver = _Recorded(solver or part.solver, solutions)
        yield solutions
    finally:
        for part, own in zip(parts, before, strict=True):
            part.solver = own


class _Recorded(Solver):
    """Another solver, whose solutions are listed."""

    def __init__(self, solver, solutions):
        super().__init__(solver.jit)
        self.inside, self.solutions = solver, solutions

    def __call__(self, system):
        self.solutions.append(self.inside(system))
        return self.solutions[-1]

    def solve(self, system):
        return self.inside.solve(system)
