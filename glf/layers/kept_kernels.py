"""Kernels that layers make of their weights, made once where weights do not change any more."""

import tensorflow as tf


def keep_kernels(layer):
    """Makes the kernels of all layers in `layer` that make one, now, and lets them use it from now.

    Such a layer has `make_kernel`, and `kept`: None, or a variable with what that gave, which its
    `kernel` then gives. What changes its weights afterwards changes nothing of what it computes,
    until `forget_kernels`. Kept kernels are no part of the layer's state: neither weights nor in
    checkpoints; a SavedModel has what its functions use, so these in the place of the weights.

    Returns those layers that had kept none before.
    """
    parts = [part for part in layer._flatten_layers() if hasattr(part, "make_kernel")]
    parts = [part for part in parts if part.built and part.kept is None]
    for part in parts:
        # Past Keras and TensorFlow, for which an attribute is a part of the model's state.
        part.__dict__["kept"] = tf.Variable(part.make_kernel(), trainable=False, name="kernel")
    return parts


def forget_kernels(parts):
    """Lets the layers that `keep_kernels` gave make their kernels of their weights again."""
    for part in parts:
        part.__dict__["kept"] = None
