"""Where a training step's time goes: the operations of the program that XLA made of it.

Of the step of six systems on the digits, and of GLF's with the published networks: milliseconds in
matrix products, in convolutions, and in all else, of which the longest kinds are named as XLA names
them (fusions after the operations in them). TensorFlow's profiler tells how long each operation
took; of its calls the lower quartile counts, so that work beside it disturbs little. Run it on one
core, by `taskset -c 0`: what several threads share, convolutions above all, ends for the profiler
when it has been handed out to them.
"""

import collections
import glob
import re
import tempfile

CALLS, SHOWN = 12, 4
SYSTEMS = ("glow", "flow_pp", "pixel_cnn", "idf", "tarflow")
_PRODUCT = re.compile(r"dot|matmul|gemm", re.IGNORECASE)
_CONVOLUTION = re.compile(r"conv(?!ert)", re.IGNORECASE)


def operations(step):
    """{operation: milliseconds a step} of what `step`, a function of a number, calls by XLA."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    options = tf.profiler.experimental.ProfilerOptions(host_tracer_level=3, python_tracer_level=0)
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder, options)
        for _ in range(CALLS):
            step(1)
        tf.profiler.experimental.stop()
        space, taken = xplane_pb2.XSpace(), collections.defaultdict(list)
        (path,) = glob.glob(f"{folder}/**/*.xplane.pb", recursive=True)
        with open(path, "rb") as file:
            space.ParseFromString(file.read())
    for plane in space.planes:
        stats = {key: stat.name for key, stat in plane.stat_metadata.items()}
        for line in plane.lines:
            for event in line.events:
                if "hlo_op" in {stats[stat.metadata_id] for stat in event.stats}:
                    name = plane.event_metadata[event.metadata_id].name
                    taken[name].append(event.duration_ps / 1e9)
    return {
        name: sorted(times)[len(times) // 4] * len(times) / CALLS for name, times in taken.items()
    }


def shares(taken):
    """(products, convolutions, rest in ms, the longest kinds of the rest) of operations."""
    products, convolutions, rest = 0.0, 0.0, collections.Counter()
    for name, time in taken.items():
        kind = re.sub(r"[\d._]+$", "", name)
        if "fusion" not in kind and _CONVOLUTION.search(kind):
            convolutions += time
        elif "fusion" not in kind and _PRODUCT.search(kind):
            products += time
        else:
            rest[kind] += time
    return products, convolutions, sum(rest.values()), rest.most_common(SHOWN)


def steps():
    """Yields (name, a function that takes training steps)."""
    from . import models, peers

    yield "GLF, MNIST", peers.ours("GLF")[1]["step"]
    for name in SYSTEMS:
        yield name, models.make(name, jit=True).run


def measure(sizes):
    """All of them, one after the other."""
    figures = {}
    for name, step in steps():
        step(2)
        products, convolutions, rest, longest = shares(operations(step))
        total = products + convolutions + rest
        figures[f"{name}, all operations (ms)"] = total
        figures[f"{name}, matrix products (%)"] = 100 * products / total
        figures[f"{name}, convolutions (%)"] = 100 * convolutions / total
        for kind, time in longest:
            figures[f"{name}, else: {kind} (%)"] = 100 * time / total
        for figure in [figure for figure in figures if figure.startswith(f"{name},")]:
            print(f"{figure}: {figures[figure]:.4g}", flush=True)
    return figures
