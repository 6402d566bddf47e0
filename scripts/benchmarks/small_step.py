"""RealNVP's training step, whose weights are many and small; its two directions; its sampling.

The flow of `flows.py`, 8 couplings of 20 dimensions with networks of two hidden layers of 64, at
512 points, without and with batch normalization in the networks. The step is the training loop's
with Adam, clipping and a moving average; one by one means without packs (`glf/training/packs.py`).
"Same bits" is 1 if all weights and averages are then the same.
"""

import contextlib
import functools
from unittest import mock

from .flows import DIMENSIONS, POINTS, bijector_of_ours
from .rounds import in_turn, median

STEPS, CALLS = 50, 20


def stepper(batch_norm, jit, packed, batch_parts=1):
    """A `Stepper` of a `VectorFlow`, and batches for it."""
    import keras
    import tensorflow as tf

    from glf.core import random
    from glf.data.dataset import DataSpec
    from glf.models import VectorFlow
    from glf.priors import Flow
    from glf.training import packs
    from glf.training.execution import Execution
    from glf.training.experiment import Experiment
    from glf.training.step import Stepper

    keras.utils.set_random_seed(0)
    spec = DataSpec((DIMENSIONS,), None, None)
    model = VectorFlow(
        spec, make_flow=functools.partial(Flow, functools.partial(bijector_of_ours, batch_norm))
    )
    experiment = Experiment(
        lambda spec: model,
        batch_size=POINTS,
        batch_parts=batch_parts,
        clip_norm=1.0,
        moving_average=0.999,
    )
    none = contextlib.nullcontext() if packed else mock.patch.object(packs, "LARGEST", 0)
    with none:
        made = Stepper(model, experiment, Execution(jit=jit))
    points = random.normal([POINTS, DIMENSIONS], 0)
    return made, iter(tf.data.Dataset.from_tensors({"x": points}).repeat())


def bits(made):
    """The weights of a stepper's model, and their averages, as bytes."""
    values = [*made.model.weights, *made.average.averages]
    return b"".join(value.numpy().tobytes() for value in values)


def steps(name, batch_norm, jit, rounds, figures):
    """In packs and one by one: milliseconds a step, and whether the weights are the same after."""
    both = {packed: stepper(batch_norm, jit, packed) for packed in (False, True)}
    tasks = {
        packed: lambda made=made, batches=batches: made.run(batches, STEPS)
        for packed, (made, batches) in both.items()
    }
    in_turn(tasks, 1)
    seconds = in_turn(tasks, rounds)
    for packed, word in ((False, "one by one"), (True, "in packs")):
        figures[f"{name}, step, {word} (ms)"] = median(seconds[packed]) / STEPS * 1e3
    ratios = [a / b for a, b in zip(seconds[False], seconds[True], strict=True)]
    figures[f"{name}, step, one by one / in packs"] = median(ratios)
    figures[f"{name}, step, same bits"] = int(bits(both[False][0]) == bits(both[True][0]))


def parts(name, batch_norm, rounds, figures):
    """A batch that is gone through in four parts (`train.batch_parts`) against one."""
    both = {number: stepper(batch_norm, True, True, number) for number in (1, 4)}
    tasks = {
        number: lambda made=made, batches=batches: made.run(batches, STEPS)
        for number, (made, batches) in both.items()
    }
    in_turn(tasks, 1)
    seconds = in_turn(tasks, rounds)
    ratios = [a / b for a, b in zip(seconds[4], seconds[1], strict=True)]
    figures[f"{name}, step, in four parts / at once"] = median(ratios)


def directions(name, batch_norm, jit, rounds, figures):
    """Forward and inverse with their log-determinants, in inference; sampling and its noise."""
    import tensorflow as tf

    from glf.core import random
    from glf.priors import Flow

    flow = Flow(functools.partial(bijector_of_ours, batch_norm))
    flow.build((None, DIMENSIONS))
    points, seed = random.normal([POINTS, DIMENSIONS], 0), random.make_seed(0)
    functions = {
        "forward": (flow.bijector.forward_and_log_det, points),
        "inverse": (flow.bijector.inverse_and_log_det, points),
        "sampling": (functools.partial(flow.sample, POINTS), seed),
        "noise alone": (functools.partial(flow.base.sample, POINTS), seed),
    }

    def run(program, argument):
        for _ in range(CALLS):
            y = program(argument)
        tf.nest.flatten(y)[0].numpy()

    tasks = {}
    for what, (function, argument) in functions.items():
        program = tf.function(function, jit_compile=jit, autograph=False)
        tasks[what] = functools.partial(run, program, argument)
    in_turn(tasks, 1)
    seconds = in_turn(tasks, rounds)
    for what, values in seconds.items():
        figures[f"{name}, {what} (ms)"] = median(values) / CALLS * 1e3
    ratios = [a / b for a, b in zip(seconds["forward"], seconds["inverse"], strict=True)]
    figures[f"{name}, forward / inverse"] = median(ratios)


def measure(sizes):
    """With and without batch normalization, by XLA and in a graph."""
    figures = {}
    for batch_norm in (False, True):
        for jit in (True, False):
            name = f"RealNVP{', batch norm' * batch_norm}, {'XLA' if jit else 'graph'}"
            steps(name, batch_norm, jit, sizes.rounds, figures)
            directions(name, batch_norm, jit, sizes.rounds, figures)
            if jit:
                parts(name, batch_norm, sizes.rounds, figures)
    return figures
