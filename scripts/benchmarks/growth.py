"""How cost grows with the batch, the image's side, depth, the number of samples, and workers.

Of four systems of the literature, as their studies of the digits have them but for what grows:
milliseconds of a training step by XLA, and of drawing samples from a model opened for inference, in
turn for all sizes of one kind. Beside each size but the first stands p, with which the time grew as
size^p since the size before; that of images is a side, which has its square of pixels. Of workers
see `workers.py`: the step of a GLF and a Glow as a graph, the batch shared between processes on
this machine, without p.

`draw` makes a picture of the figures.
"""

import functools
import itertools
import math
import re
import typing

from . import models, workers
from .rounds import in_turn, median

BATCH = 16


class Growth(typing.NamedTuple):
    """What grows.

    Attributes:
      depth: the binding that says it.
      depths: its values.
      sides: of the images.
      samples: how many are drawn at once.
    """

    depth: str
    depths: tuple[int, ...] = (2, 4, 8, 16)
    sides: tuple[int, ...] = (8, 16, 32)
    samples: tuple[int, ...] = (1, 16, 64, 256, 1024)


BATCHES = (16, 64, 256, 1024)
SYSTEMS = {
    "glf": Growth("Chain.repeats"),
    "glow": Growth("Chain.repeats"),
    "pixel_cnn": Growth("PixelCNN.blocks"),
    # Every pixel is a token, which looks at all before it, one pixel after the other.
    "tarflow": Growth("CausalTransformer.layers", (1, 2, 4, 8), (4, 8, 16), (1, 16, 64, 256)),
}
STEPS = 4

_FIGURE = re.compile(r"(?P<system>\w+), (?P<task>.+) by (?P<kind>\w+), (?P<size>\d+) \(ms\)")


def steps(made):
    """{size: a function that takes `STEPS` steps} of {size: a `models.Made`}."""
    return {size: functools.partial(one.run, STEPS) for size, one in made.items()}


def samples(model, num):
    """A function that draws `num` images of a model that takes no more steps."""
    from glf.layers.kept_kernels import keep_kernels

    keep_kernels(model)
    return lambda: model.draw(num, 0).x.numpy()


def of_system(system, rounds):
    """Yields (task, kind of size, {size: milliseconds of each round})."""
    growth = SYSTEMS[system]
    make = functools.partial(models.make, system, True)
    batches = {size: make(batch=size) for size in BATCHES}
    yield "step", "batch", _measured(steps(batches), rounds, STEPS)
    drawing = {size: samples(batches[BATCH].model, size) for size in growth.samples}
    yield "drawing", "samples", _measured(drawing, rounds)
    sides = {size: make(batch=BATCH, side=size) for size in growth.sides}
    deep = {size: make([f"{growth.depth} = {size}"], batch=BATCH) for size in growth.depths}
    for kind, made in (("side", sides), ("depth", deep)):
        yield f"step of {BATCH}", kind, _measured(steps(made), rounds, STEPS)
        drawing = {size: samples(one.model, BATCH) for size, one in made.items()}
        yield f"drawing {BATCH}", kind, _measured(drawing, rounds)


def _measured(tasks, rounds, calls=1):
    in_turn(tasks, 1)
    seconds = in_turn(tasks, rounds)
    return {size: [1e3 * s / calls for s in values] for size, values in seconds.items()}


def powers(measured):
    """{size: p} of {size: times}: each size's times are (size / the one before)^p of that one's."""
    found, sizes = {}, list(measured)
    for one, two in itertools.pairwise(sizes):
        ratios = [b / a for a, b in zip(measured[one], measured[two], strict=True)]
        found[two] = math.log(median(ratios)) / math.log(two / one)
    return found


def measure(sizes):
    """All of them, one system after the other."""
    figures = {}
    for system in SYSTEMS:
        for task, kind, measured in of_system(system, sizes.rounds):
            grown = powers(measured)
            for size, times in measured.items():
                name = f"{system}, {task} by {kind}, {size}"
                figures[f"{name} (ms)"] = median(times)
                print(f"{name} (ms): {median(times):.4g}", flush=True)
                if size in grown:
                    figures[f"{name}, p"] = grown[size]
                    print(f"{name}, p: {grown[size]:.3g}", flush=True)
    for study in workers.STUDIES:
        for number in workers.WORKERS:
            taken = workers.together(study, number, 8 * sizes.steps)["step (ms)"]
            name = f"{study}, step by workers, {number} (ms)"
            figures[name] = taken
            print(f"{name}: {taken:.4g}", flush=True)
    return figures


def draw(figures, path):
    """Writes a picture of what `measure` gives: a panel for every task and kind of size.

    Args:
      figures: its figures; others are left out.
      path: of a .png file.
    """
    from matplotlib.figure import Figure

    from glf.core import files

    panels = {}
    for name, value in figures.items():
        if found := _FIGURE.fullmatch(name):
            lines = panels.setdefault((found["task"], found["kind"]), {})
            lines.setdefault(found["system"], []).append((int(found["size"]), value))
    columns = 3
    rows = -(-len(panels) // columns)
    picture = Figure(figsize=(4 * columns, 3.2 * rows), layout="constrained")
    names = list(SYSTEMS)
    axes = picture.subplots(rows, columns, squeeze=False).flat
    for ((task, kind), lines), axis in zip(panels.items(), axes, strict=False):
        for system, points in lines.items():
            colour = f"C{names.index(system)}"
            axis.plot(*zip(*points, strict=True), marker="o", color=colour, label=system)
        ticks = sorted({size for points in lines.values() for size, _ in points})
        axis.set_xscale("log", base=2)
        axis.set_xticks(ticks, list(map(str, ticks)))
        axis.set_yscale("log")
        axis.set_xlabel(kind)
        axis.set_ylabel(f"{task}, ms")
        axis.grid(alpha=0.3)
    for axis in list(axes):  # those without a panel
        axis.set_axis_off()
    first = next(iter(picture.axes))
    picture.legend(*first.get_legend_handles_labels(), loc="outside upper center", ncols=len(names))
    with files.atomic_path(path) as new:
        picture.savefig(new, dpi=100, format="png")
