"""Lists of layers that TensorFlow's checkpoints can see."""


def track(owner, prefix, layers):
    """Makes every layer (or weight) of a list an attribute of `owner`: prefix_0, prefix_1, ...

    `tf.train.Checkpoint` follows attributes only. Layers that Keras 3 finds in a list are among
    its `weights`, but are neither saved nor restored, and `assert_consumed` does not notice.

    Returns the layers as a list, to be kept under a name of its own.
    """
    layers = list(layers)
    for i, layer in enumerate(layers):
        setattr(owner, f"{prefix}_{i}", layer)
    return layers
