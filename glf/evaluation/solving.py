"""Solvers of one flow's slow directions side by side: what they cost, and that they agree."""

import numpy as np
import tensorflow as tf

from glf.evaluation.sampling import Plan, side_by_side, summary
from glf.solvers.registry import SOLVERS, make_solver

BASELINES = ("sequential", "cached_sequential")
COUNTS = ("differing", "uncertified")


def solvers_for(model, names=(), jit=True):
    """{name: `Solver`}, as XLA programs or not, for a model that `DrawsByFlow`.

    Those named, or all that it has what they need for: for those with drafts that is a draft, for
    the cached one networks that keep their activations (of a part `keeps_activations`).
    """
    parts = model.slow_parts
    drafts = any(getattr(part, "draft", None) is not None for part in parts)
    cached = all(getattr(part, "keeps_activations", True) for part in parts)
    lacking = [name for name in SOLVERS if name.startswith("drafted") and not drafts]
    lacking += [] if cached else ["cached_sequential"]
    names = names or [name for name in SOLVERS if name not in lacking]
    return {name: make_solver(name, jit=jit) for name in names}


def compare_solvers(
    model,
    solvers,
    *,
    seeds=10,
    batch=1,
    fewer_seeds=None,
    repeats=1,
    condition=None,
    temperature=1.0,
    baselines=BASELINES,
    progress=None,
):
    """Draws the same points of a flow with each solver, in turn, as `compare_samplers` does.

    A time is that of drawing from the flow, certificates included. Nothing is mended.

    Args:
      model: a model that `DrawsByFlow`, with slow parts.
      solvers: {name: `Solver`}; the first one's points are what the others' are compared with.
      condition: conditions of the `batch` samples, as of `sample`, or None.
      seeds, batch, fewer_seeds, repeats, temperature, baselines, progress: as of
        `compare_samplers`.

    Returns {name: {"settings": {}, "seeds", "calls_percent", "slowest_percent",
    "forward_equivalents", "seconds", "speedup", "differing", "uncertified": as of
    `compare_samplers`, calls being passes of all slow directions together and d their places;
    "difference": the largest difference of a value from the first solver's; "error": the largest
    |g(image) - image| of a certificate}}.

    Raises:
      ValueError: as of `compare_samplers` and `solve_with`.
    """

    def drawing(name, seed):
        solver = solvers[name]
        return lambda: model.solve_with(solver, batch, seed, temperature, condition)

    def record(points, reference):
        percent, x = 100.0 * points.calls.numpy() / points.places.numpy(), points.x.numpy()
        return {
            "calls_percent": percent.mean(),
            "slowest_percent": percent.max(),
            "forward_equivalents": points.forward_equivalents.numpy().mean(),
            "differing": int((x != reference.x.numpy()).sum()),
            "uncertified": int((~points.certified.numpy()).sum()),
            "difference": float(np.max(np.abs(x - reference.x.numpy()))),
            "error": float(tf.reduce_max(points.error)),
        }

    plan = Plan(seeds, batch, fewer_seeds or {}, repeats, progress or (lambda line: None))
    records = side_by_side(list(solvers), drawing, int, record, plan)
    return {
        name: {
            "settings": {},
            **summary(own, {b: records[b] for b in baselines if b in records}, COUNTS),
            "difference": max(r["difference"] for r in own),
            "error": max(r["error"] for r in own),
        }
        for name, own in records.items()
    }
