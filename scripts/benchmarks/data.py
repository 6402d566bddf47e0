"""The input pipeline beside the training step that it feeds.

Images per second of `train_batches`, alone, from an array in memory, a memory-mapped array, a
folder of PNG files (decoded once before the first epoch, which is timed apart), and tfds' MNIST
where it is prepared ($TFDS_DATA_DIR); and with what training adds: mirrored and shifted images.
Beside them the images per second of GLF's training step, measured in the same rounds: as long as a
source is several times as fast, the step does not wait.
"""

import os
import pathlib
import tempfile
import time

import numpy as np
from PIL import Image

from .rounds import in_turn, median
from .step import training_step

NUM = 20_000
FILES = 2_000
# In a round: many more than lie ready from the time of another's turn.
BATCHES = 200
SHAPE = (28, 28, 1)


def made_up(num):
    """Random images: what is in them costs nothing here."""
    return np.random.default_rng(0).integers(0, 256, (num, *SHAPE), np.uint8)


def sources(folder):
    """{name: bindings of make_dataset} of data that are written to a folder."""
    folder = pathlib.Path(folder)
    np.save(folder / "images.npy", made_up(NUM))
    (folder / "images").mkdir()
    for i, image in enumerate(made_up(FILES)):
        Image.fromarray(image[..., 0]).save(folder / "images" / f"{i:05d}.png")
    array = {"source": f"array:{folder / 'images.npy'}", "cache_dir": str(folder / "cache")}
    files = {
        "source": f"folder:{folder / 'images'}",
        **{"image_size": SHAPE[0], "channels": 1},
        "cache_dir": str(folder / "cache"),
    }
    found = {
        "array": array,
        "array, shifted and mirrored": {**array, "max_translation": 2, "horizontal_flip": True},
        "memory-mapped array": {**array, "memory_budget": 0},
        "folder of PNG files": files,
        "memory-mapped folder": {**files, "memory_budget": 0},
    }
    if os.environ.get("TFDS_DATA_DIR"):
        found["tfds:mnist"] = {"source": "tfds:mnist"}
    return found


def pipeline(dataset, sizes):
    """A callable that reads a round's batches of training examples."""
    batches = iter(dataset.train_batches(sizes.batch_size, seed=0))

    def run():
        for _ in range(BATCHES):
            next(batches)

    run()
    return run


def measure(sizes):
    """Images per second of every source and of the step, and the least ratio of the two."""
    from glf.data.make import make_dataset

    step, _, _ = training_step("float32", sizes)
    figures, tasks = {}, {"step": step}
    with tempfile.TemporaryDirectory() as folder:
        for name, options in sources(folder).items():
            began = time.perf_counter()
            tasks[name] = pipeline(make_dataset(**options), sizes)
            figures[f"first batches of {name} (s)"] = time.perf_counter() - began
        seconds = in_turn(tasks, sizes.rounds)
    batches = dict.fromkeys(tasks, BATCHES) | {"step": sizes.steps}
    rates = {name: [batches[name] * sizes.batch_size / s for s in seconds[name]] for name in tasks}
    for name, rate in rates.items():
        figures[f"{name} (images/s)"] = median(rate)
    own = rates.pop("step")
    for name, rate in rates.items():
        figures[f"{name} / step"] = median([a / b for a, b in zip(rate, own, strict=True)])
    return figures
