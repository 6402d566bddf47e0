"""Sampling from tfd.PixelCNN and from PixelCNNPlusPlus, under several samplers.

Seconds for 4 samples of 28 x 28 x 1 with 256 levels; both have the same numbers of filters, blocks,
scales and mixture components, and fresh weights, with which predictive samplers have it easy. Like
is compared with like under ancestral sampling, whose time no weight changes.
"""

import functools

from .rounds import in_turn, median

PIXEL_CNN = {"filters": 16, "resnets": 1, "scales": 2, "components": 5}


def pixel_cnn_of_tfp():
    """A callable that draws 4 samples from tfd.PixelCNN, and its number of weights."""
    import tensorflow as tf
    import tensorflow_probability as tfp

    distribution = tfp.distributions.PixelCNN(
        (28, 28, 1),
        num_resnet=PIXEL_CNN["resnets"],
        num_hierarchies=PIXEL_CNN["scales"],
        num_filters=PIXEL_CNN["filters"],
        num_logistic_mix=PIXEL_CNN["components"],
        dropout_p=0.0,
        high=255,
    )
    weights = sum(w.shape.num_elements() for w in distribution.network.trainable_weights)

    # Compiled, as its users would have it.
    @tf.function(autograph=False)
    def draw():
        return distribution.sample(4, seed=0)

    return lambda: draw().numpy(), weights


def pixel_cnn_of_ours(names):
    """{sampler: callable that draws 4 samples}, and the number of weights."""
    import tensorflow as tf

    from glf.autoregressive import AutoregressiveModel, PixelCNNPlusPlus
    from glf.data.dataset import DataSpec
    from glf.families import DiscretizedLogisticMixture
    from glf.samplers import make_sampler

    model = AutoregressiveModel(
        DataSpec((28, 28, 1), 256, None),
        make_network=functools.partial(
            PixelCNNPlusPlus,
            filters=PIXEL_CNN["filters"],
            resnets=PIXEL_CNN["resnets"],
            downsamplings=PIXEL_CNN["scales"] - 1,
            dropout=0.0,
        ),
        make_family=functools.partial(
            DiscretizedLogisticMixture, components=PIXEL_CNN["components"]
        ),
    )
    noise = model.noise(4, 0)

    def drawing(name):
        sampler = make_sampler(name)
        draw = tf.function(lambda: sampler(model, noise).x, autograph=False)
        return lambda: draw().numpy()

    return {name: drawing(name) for name in names}, model.count_params()


def measure(sizes):
    """tfd.PixelCNN against PixelCNNPlusPlus, and samplers of the latter among each other."""
    theirs, their_weights = pixel_cnn_of_tfp()
    ours, our_weights = pixel_cnn_of_ours(
        ("ancestral", "cached_ancestral", "fixed_point", "windowed")
    )
    tasks = {"tfd.PixelCNN": theirs, **ours}
    for task in tasks.values():
        task()
    seconds = in_turn(tasks, min(sizes.rounds, 3))
    figures = {
        "tfd.PixelCNN, weights, masked ones among them": their_weights,
        "PixelCNNPlusPlus, weights": our_weights,
    }
    for name, values in seconds.items():
        figures[f"4 samples of 28x28, {name} (s)"] = median(values)
    for name in ours:
        for base in ("tfd.PixelCNN", "ancestral", "cached_ancestral"):
            if name != base:
                ratios = [a / b for a, b in zip(seconds[base], seconds[name], strict=True)]
                figures[f"{name}, times faster than {base}"] = median(ratios)
    return figures
