"""Images per second of `sample`, of the GLF of the training step."""

import functools

from .rounds import in_turn, median


def measure(sizes):
    """Images per second of `sample`."""
    from glf import configurables
    from glf.data.dataset import DataSpec

    configurables.parse(["configs/studies/glf/mnist.gin"])
    model = configurables.make_model(DataSpec((28, 28, 1), 256, 10))
    tasks = {}
    for num in (1, 64, 2048):
        tasks[num] = functools.partial(lambda n: model.sample(n, 0).numpy(), num)
        tasks[num]()
    return {
        f"sampling, {num} at once (images/s)": num / median(seconds)
        for num, seconds in in_turn(tasks, sizes.rounds).items()
    }
