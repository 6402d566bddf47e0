"""The training step of every system of the literature on the digits, by XLA and as a graph.

Of each study in configs/studies/*/digits.gin, on made-up digits: seconds until the first step is
done, most of them tracing and compiling, milliseconds of a step afterwards, both ways in turn,
their ratio, and after how many steps XLA has made up for its compilation, if it ever does. Then
images a second of `sample`, and of the loss of one pass without gradients.
"""

import functools
import time

from .rounds import in_turn, median

STEPS, IMAGES = 10, 64


def studies():
    """The names of the systems that have a study of the digits."""
    from glf.core.places import configs_home

    return sorted(path.parent.name for path in configs_home().glob("configs/studies/*/digits.gin"))


def stepper(name, jit):
    """A function that takes `STEPS` training steps, the model, and seconds to the first one."""
    import tensorflow as tf

    from glf import configurables
    from glf.core import random
    from glf.training.execution import Execution
    from glf.training.step import Stepper

    configurables.parse([f"configs/studies/{name}/digits.gin"])
    experiment = configurables.experiment()
    dataset = experiment.make_dataset()
    model = experiment.make_model(dataset.spec)
    began = time.perf_counter()
    made = Stepper(model, experiment, Execution(jit=jit))
    spec, rows = dataset.spec, experiment.batch_size
    x = tf.cast(random.uniform([rows, *spec.shape], 0, 0, spec.levels, tf.int32), spec.dtype)
    labels = random.uniform([rows], 1, 0, spec.num_classes or 1, tf.int32)
    batches = iter(tf.data.Dataset.from_tensors({"x": x, "label": labels}).repeat())
    made.run(batches, 1)
    return functools.partial(made.run, batches, STEPS), model, time.perf_counter() - began


def passes(model):
    """{"sample", "loss": functions that take `IMAGES` images and wait for the result}."""
    import tensorflow as tf

    from glf.core import random

    shape = [IMAGES, *model.spec.shape]
    x = tf.cast(random.uniform(shape, 0, 0, model.spec.levels, tf.int32), model.spec.dtype)
    condition = None
    if model.condition_encoder is not None:
        condition = tf.range(IMAGES) % model.condition_encoder.condition_levels
    seed = random.make_seed(0)
    loss = tf.function(lambda: model.loss_terms(x, seed, False, condition), autograph=False)
    return {
        "sample": lambda: model.draw(IMAGES, 0).x.numpy(),
        "loss": lambda: loss()["loss"].numpy(),
    }


def measure(sizes):
    """All of them, one after the other."""
    figures = {}
    for name in studies():
        tasks, firsts = {}, {}
        for way, jit in (("graph", False), ("XLA", True)):
            tasks[way], model, firsts[way] = stepper(name, jit)
            figures[f"{name}, first step, {way} (s)"] = firsts[way]
        in_turn(tasks, 1)
        seconds = in_turn(tasks, sizes.rounds)
        steps = {way: median(values) / STEPS for way, values in seconds.items()}
        for way, value in steps.items():
            figures[f"{name}, step, {way} (ms)"] = 1e3 * value
        ratios = [a / b for a, b in zip(seconds["graph"], seconds["XLA"], strict=True)]
        figures[f"{name}, step, graph / XLA"] = median(ratios)
        saved, spent = steps["graph"] - steps["XLA"], firsts["XLA"] - firsts["graph"]
        even = spent / saved if saved > 0 else float("inf")
        figures[f"{name}, XLA is ahead after (steps)"] = max(even, 0.0)
        uses = passes(model)
        in_turn(uses, 1)
        for use, values in in_turn(uses, sizes.rounds).items():
            figures[f"{name}, {use} (images/s)"] = IMAGES / median(values)
        for figure in [figure for figure in figures if figure.startswith(f"{name},")]:
            print(f"{figure}: {figures[figure]:.4g}", flush=True)
    return figures
