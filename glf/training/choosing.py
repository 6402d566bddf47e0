"""XLA or a graph for a model's training step: the faster one, measured."""

import time

import tensorflow as tf
from absl import logging

from glf.core.caller import undisturbed
from glf.training.rematerialising import rematerialise
from glf.training.step import Stepper

ROUNDS, SECONDS = 5, 0.2  # of the measurement, and what a round of each takes at least


def is_faster_by_xla(experiment, executions, spec, batch):
    """Whether XLA's training step takes no longer than the graph's, on this machine now.

    Both are traced and compiled for a model of its own, which is thrown away, and take steps in
    turn on one batch; medians are compared. What compiling takes does not count: it is spent then.

    Args:
      experiment: the `Experiment`.
      executions: {True, False: an `Execution` with and without XLA}.
      spec: the `DataSpec` of its data.
      batch: one batch of them.
    """
    batches, tasks = iter(tf.data.Dataset.from_tensors(batch).repeat()), {}
    for jit, execution in executions.items():
        with undisturbed(seed=experiment.seed, policy=execution.precision):
            model = experiment.make_model(spec)
            if experiment.rematerialise:
                rematerialise(model)
            stepper = Stepper(model, experiment, execution)
        stepper.run(batches, 1)
        tasks[jit] = stepper.run
    longest = max(_seconds(task, batches, 1) for task in tasks.values())
    steps = max(1, int(SECONDS / max(longest, 1e-6)))
    taken = {jit: [] for jit in tasks}
    for _ in range(ROUNDS):
        for jit, task in tasks.items():
            taken[jit].append(_seconds(task, batches, steps) / steps)
    by_xla, as_graph = (sorted(taken[jit])[ROUNDS // 2] for jit in (True, False))
    logging.info(
        "A step takes %.3g ms by XLA and %.3g ms as a graph: the run is trained %s.",
        *(1e3 * by_xla, 1e3 * as_graph, "by XLA" if by_xla <= as_graph else "as a graph"),
    )
    return by_xla <= as_graph


def _seconds(task, batches, steps):
    began = time.perf_counter()
    task(batches, steps)
    return time.perf_counter() - began
