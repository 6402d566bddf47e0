"""The training step of every system of the literature on the digits, by XLA and as a graph.

Of each study in configs/studies/*/digits.gin, on made-up digits: seconds until the first step is
done, most of them tracing and compiling, milliseconds of a step afterwards, both ways in turn,
their ratio, and after how many steps XLA has made up for its compilation, if it ever does. Beside
them the floating-point operations of the step's products and convolutions by XLA and the bytes that
its operations read and write, see `costs.py`, and both as a share of what products and sums of
large arrays reach in the same rounds; not of a system that takes steps of its own for a part, such
as GLF's flow. What lies in a cache is faster than a large array, so that the second share may be
above 100 %. Then, opened for inference, images a second of `sample`, as a graph, as models sample,
and by XLA (not of models that draw by samplers, which drop what is done), and of the loss of one
pass without gradients.
"""

import functools
import time
import typing

from . import costs
from .rounds import in_turn, median
from .step import matrix_multiply

STEPS, IMAGES = 10, 64


def studies():
    """The names of the systems that have a study of the digits."""
    from glf.core.places import configs_home

    return sorted(path.parent.name for path in configs_home().glob("configs/studies/*/digits.gin"))


ADDED = 2**25


def addition():
    """A function that adds a large array to another, and the bytes that it reads and writes."""
    import tensorflow as tf

    x, y = tf.Variable(tf.zeros([ADDED])), tf.ones([ADDED])
    # In place: new memory would have to be got each time.
    add = tf.function(lambda: x.assign_add(y), autograph=False)
    return add, 3 * 4 * ADDED


class Made(typing.NamedTuple):
    """A model of a system that has taken its first step.

    Attributes:
      model: the model.
      stepper: its `Stepper`.
      batches: an iterator of the same batch.
      seconds: until the first step was done.
    """

    model: object
    stepper: object
    batches: object
    seconds: float

    def run(self, count=STEPS):
        """Takes so many steps."""
        self.stepper.run(self.batches, count)


def of_step(made):
    """`costs` of the step by XLA of a `Made`; None where it is not all of the step."""
    from glf.core import random

    stepper = made.stepper
    if stepper.updates:
        return None
    batch = next(made.batches)
    batch = {name: batch[name] for name in stepper.inputs}
    found = [costs.costs(costs.program(stepper._joint[0], batch, random.make_seed(0)))]
    if stepper._move_average is not None:
        found.append(costs.costs(costs.program(stepper._move_average, stepper.step)))
    return [sum(parts) for parts in zip(*found, strict=True)]


def make(name, jit, bindings=(), side=None, batch=None):
    """The `Made` of a system.

    Args:
      name: of a system.
      jit: whether by XLA.
      bindings: more of the study's configuration.
      side: of the images, if it is not the digits'.
      batch: images of a step, if they are not the study's.
    """
    import dataclasses

    import tensorflow as tf

    from glf import configurables
    from glf.core import random
    from glf.training.execution import Execution
    from glf.training.step import Stepper

    configurables.parse([f"configs/studies/{name}/digits.gin"], bindings)
    experiment = configurables.experiment()
    spec = experiment.make_dataset().spec
    if side:
        spec = dataclasses.replace(spec, shape=(side, side, *spec.shape[2:]))
    if batch:
        experiment = dataclasses.replace(experiment, batch_size=batch)
    model = experiment.make_model(spec)
    began = time.perf_counter()
    stepper = Stepper(model, experiment, Execution(jit=jit))
    rows = experiment.batch_size
    x = tf.cast(random.uniform([rows, *spec.shape], 0, 0, spec.levels, tf.int32), spec.dtype)
    labels = random.uniform([rows], 1, 0, spec.num_classes or 1, tf.int32)
    batches = iter(tf.data.Dataset.from_tensors({"x": x, "label": labels}).repeat())
    stepper.run(batches, 1)
    return Made(model, stepper, batches, time.perf_counter() - began)


def passes(model):
    """Functions that wait for `IMAGES` images: {"sample": by way, "loss": the one}."""
    import tensorflow as tf

    from glf.core import random
    from glf.core.fused import for_xla_on_cpu
    from glf.layers.kept_kernels import keep_kernels
    from glf.models.drawing import DrawsBySampler

    keep_kernels(model)
    shape = [IMAGES, *model.spec.shape]
    x = tf.cast(random.uniform(shape, 0, 0, model.spec.levels, tf.int32), model.spec.dtype)
    condition = None
    if model.condition_encoder is not None:
        condition = tf.range(IMAGES) % model.condition_encoder.condition_levels
    seed = random.make_seed(0)
    loss = tf.function(lambda: model.loss_terms(x, seed, False, condition), autograph=False)

    @functools.partial(tf.function, jit_compile=True, autograph=False)
    def draw():
        with for_xla_on_cpu():
            return model._draw(IMAGES, seed, 1.0, condition).x

    sample = {"graph": lambda: model.draw(IMAGES, 0).x.numpy()}
    if not isinstance(model, DrawsBySampler):
        sample["XLA"] = lambda: draw().numpy()
    return {"sample": sample, "loss": {"graph": lambda: loss()["loss"].numpy()}}


def measure(sizes):
    """All of them, one after the other."""
    figures = {}
    multiply, multiplied = matrix_multiply("float32")
    adding, moved = addition()
    adding()
    for name in studies():
        made = {way: make(name, jit) for way, jit in (("graph", False), ("XLA", True))}
        for way, one in made.items():
            figures[f"{name}, first step, {way} (s)"] = one.seconds
        tasks = {way: one.run for way, one in made.items()}
        in_turn(tasks, 1)
        rates = {"product": multiply, "addition": adding}
        seconds = in_turn(tasks | rates, sizes.rounds)
        steps = {way: median(seconds[way]) / STEPS for way in tasks}
        for way, value in steps.items():
            figures[f"{name}, step, {way} (ms)"] = 1e3 * value
        figures[f"{name}, step, graph / XLA"] = _ratio(seconds)
        saved, spent = steps["graph"] - steps["XLA"], made["XLA"].seconds - made["graph"].seconds
        even = spent / saved if saved > 0 else float("inf")
        figures[f"{name}, XLA is ahead after (steps)"] = max(even, 0.0)
        of_one = of_step(made["XLA"])
        units = {"product": ("arithmetic", "GFLOP", multiplied), "addition": ("moved", "GB", moved)}
        for one, (rate, (what, unit, whole)) in zip(of_one or (), units.items(), strict=False):
            figures[f"{name}, step, XLA, {what} ({unit})"] = one / 1e9
            pairs = zip(seconds["XLA"], seconds[rate], strict=True)
            share = median([one * STEPS / a * b / whole for a, b in pairs])
            figures[f"{name}, step, XLA, {what}, of the rate (%)"] = 100 * share
        for use, ways in passes(made["XLA"].model).items():
            for way, task in ways.items():
                figures[f"{name}, {use}, first, {way} (s)"] = in_turn({way: task}, 1)[way][0]
            seconds = in_turn(ways, sizes.rounds)
            for way, values in seconds.items():
                figures[f"{name}, {use}, {way} (images/s)"] = IMAGES / median(values)
            if len(ways) > 1:
                figures[f"{name}, {use}, graph / XLA"] = _ratio(seconds)
                firsts = [figures[f"{name}, {use}, first, {way} (s)"] for way in ways]
                figures[f"{name}, {use}, XLA begins later by (s)"] = firsts[1] - firsts[0]
        for figure in [figure for figure in figures if figure.startswith(f"{name},")]:
            print(f"{figure}: {figures[figure]:.4g}", flush=True)
    return figures


def _ratio(seconds):
    return median([a / b for a, b in zip(seconds["graph"], seconds["XLA"], strict=True)])
