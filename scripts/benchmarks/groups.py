"""Group convolutions beside ordinary ones, of the same arithmetic and of the same weights.

For each group three layers of size 3 with ReLU, of the image, of features and of features, in a
training step: XLA programs that give the gradients of all weights, on an eighth of --batch_size
images of 32 x 32 x 3 (on the hexagonal lattice hexagons of radius 16, 33 x 33). "of equal
arithmetic" is the same step of `Conv2D` with as many channels as the group has in all, "of equal
weights" with the filters that the group's are made of. Peak memory, where Linux tells: by how much
a process that has taken a step with one image grows by one with --batch_size images, compiling it
included. "One image" of 28 x 28 is encoded and decoded by the `GroupAutoencoder` of configs/models,
of p4, which makes its kernels in every call, and by one whose kernels are kept, as runs opened for
inference and exports have it, see `glf.layers.kept_kernels`.
"""

import pathlib
import subprocess
import sys

from .rounds import in_turn, median

FILTERS = 24
SIDES = {"square": 32, "hexagonal": 33}


def kinds():
    """{name: (group, whether it is of group convolutions, channels of an ordinary one)}."""
    from glf.layers.plane_groups import GROUP_NAMES, filters_for, plane_group

    cases = {}
    for name in GROUP_NAMES:
        group = plane_group(name)
        channels = group.order * filters_for(group, FILTERS)
        cases[name] = (name, True, None)
        cases[f"{name}, ordinary of equal arithmetic"] = (name, False, channels)
        cases[f"{name}, ordinary of equal weights"] = (name, False, FILTERS)
    return cases


def make_step(name, of_group, channels, batch_size):
    """A callable that computes the gradients of three layers once."""
    import keras
    import tensorflow as tf

    from glf.layers.group_conv import GroupConv2D
    from glf.layers.plane_groups import filters_for, plane_group

    group = plane_group(name)
    side = SIDES[group.lattice]
    if of_group:
        filters = filters_for(group, FILTERS)
        layers = [GroupConv2D(filters, name, image=first) for first in (True, False, False)]
    else:
        layers = [keras.layers.Conv2D(channels, 3, padding="same") for _ in range(3)]
    x = tf.random.stateless_normal([batch_size, side, side, 3], [0, 1], alg="philox")
    h = x[:1]
    for layer in layers:
        h = layer(h)
    weights = [w.value for layer in layers for w in layer.trainable_weights]

    @tf.function(jit_compile=True, autograph=False)
    def gradients():
        with tf.GradientTape() as tape:
            h = x
            for layer in layers:
                h = tf.nn.relu(layer(h))
            loss = tf.reduce_mean(tf.square(h))
        return tape.gradient(loss, weights)

    def run():
        gradients()[0].numpy()

    run()
    return run


def one_image():
    """{name: callable that encodes or decodes one image}, of kernels made and kept."""
    import tensorflow as tf

    from glf.layers.kept_kernels import keep_kernels
    from glf.networks.group_autoencoder import GroupAutoencoder

    tasks, arguments = {}, {"encoded": tf.zeros([1, 28, 28, 1]), "decoded": tf.zeros([1, 24])}
    for kind in ("made", "kept"):
        network = GroupAutoencoder((28, 28, 1), 24, group="p4")
        if kind == "kept":
            keep_kernels(network)
        functions = {"encoded": network.encode, "decoded": network.decode}
        for name, argument in arguments.items():
            program = tf.function(functions[name], autograph=False)
            program(argument)
            tasks[name, kind] = lambda of=program, to=argument: of(to).numpy()
    return tasks


def measure(sizes):
    """{name: figure}."""
    batch_size = max(1, sizes.batch_size // 8)
    seconds = {case: median(times) for case, times in in_turn(one_image(), sizes.rounds).items()}
    figures = {}
    for name in ("encoded", "decoded"):
        for kind in ("made", "kept"):
            figures[f"groups, one image {name}, kernels {kind}, s"] = seconds[name, kind]
        ratio = seconds[name, "made"] / seconds[name, "kept"]
        figures[f"groups, one image {name}, kernels made / kept"] = ratio
    return figures | layers(batch_size, sizes)


def layers(batch_size, sizes):
    """{name: figure} of three layers of each group, and of ordinary ones."""
    cases = kinds()
    tasks = {name: make_step(*case, batch_size) for name, case in cases.items()}
    seconds = {name: median(times) for name, times in in_turn(tasks, sizes.rounds).items()}
    memory = {}
    if pathlib.Path("/proc/self/clear_refs").exists():
        memory = {name: peak_of(case, sizes.batch_size) for name, case in cases.items()}
    figures = {}
    for name, (group, of_group, _) in cases.items():
        figures[f"groups, {name}, s"] = seconds[name]
        figures[f"groups, {name}, peak MB"] = memory.get(name, float("nan"))
        if not of_group:
            of = name.removeprefix(f"{group}, ordinary ")
            figures[f"groups, {group} / {of}, time"] = seconds[group] / seconds[name]
            if memory:
                figures[f"groups, {group} / {of}, memory"] = memory[group] / memory[name]
    return figures


def peak_of(case, batch_size):
    """Megabytes by which a process grows."""
    program = f"from {__name__} import peak; peak({case!r}, {batch_size})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])


def peak(case, batch_size):
    """Prints them, in that process."""
    make_step(*case, 1)
    before = _megabytes("VmRSS")
    # Makes the peak what is held now: loading TensorFlow took more.
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    make_step(*case, batch_size)
    print(_megabytes("VmHWM") - before)


def _megabytes(key):
    lines = pathlib.Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{key}:"))) / 1024
