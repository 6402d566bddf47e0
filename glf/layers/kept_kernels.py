"""What layers make of their weights alone, made once where weights do not change any more.

Kernels of group convolutions, normalised or scaled kernels, matrices and their inverses, dense
layers with the batch normalisation before them.
"""

import tensorflow as tf


def keep_kernels(layer):
    """Makes the kernels of all layers in `layer` that make one, now, and lets them use it from now.

    Such a layer has `make_kernel`, which gives a tensor, a tuple of them, or an empty one where
    there is nothing to make, and `kept`: None, or variables with what that gave, which the layer
    then uses. What changes its weights afterwards changes nothing of what it computes, until
    `forget_kernels`. Kept kernels are no part of the layer's state: neither weights nor in
    checkpoints; a SavedModel has what its functions use, so these in the place of the weights.

    Returns those layers that had kept none before.
    """
    parts = [part for part in layer._flatten_layers() if hasattr(part, "make_kernel")]
    made = {part: part.make_kernel() for part in parts if part.built and part.kept is None}
    made = {part: kernel for part, kernel in made.items() if tf.nest.flatten(kernel)}
    for part, kernel in made.items():
        # Past Keras and TensorFlow, for which an attribute is a part of the model's state.
        part.__dict__["kept"] = tf.nest.map_structure(_variable, kernel)
    return list(made)


def _variable(tensor):
    return tf.Variable(tensor, trainable=False, name="kernel")


def forget_kernels(parts):
    """Lets the layers that `keep_kernels` gave make their kernels of their weights again."""
    for part in parts:
        part.__dict__["kept"] = None
