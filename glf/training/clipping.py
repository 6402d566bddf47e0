"""Gradients of groups, clipped and handed to their optimizers."""

import tensorflow as tf

from glf.training.l2_adam import L2Adam
from glf.training.packs import LARGEST, joined, small


def norms_of(gradients):
    """{"gradient_norm/GROUP": global norm} of {group: gradients}.

    Small gradients are laid one behind the other first: one sum in place of one for each.
    """
    return {
        f"gradient_norm/{group}": tf.linalg.global_norm(_with_small_joined(mine))
        for group, mine in gradients.items()
    }


def _with_small_joined(gradients):
    dense = [g for g in gradients if isinstance(g, tf.Tensor) and g.shape.is_fully_defined()]
    chosen = small(dense, LARGEST, [g.dtype for g in dense])
    taken = {id(dense[i]) for members in chosen for i in members}
    vectors = [joined([dense[i] for i in members]) for members in chosen]
    return [*vectors, *(g for g in gradients if id(g) not in taken)]


def apply_gradients(gradients, norms, optimizers, groups, largest):
    """Has the optimizer of each group take a step.

    Args:
      gradients: {group: a gradient for each weight}.
      norms: of them, as of `norms_of`.
      optimizers: {group: Keras optimizer}.
      groups: {group: weights}.
      largest: the global norm that gradients of a group are scaled down to; None: they are not.
    """
    for group, mine in gradients.items():
        norm = norms[f"gradient_norm/{group}"]
        optimizer, weights = optimizers[group], groups[group]
        if largest is None:
            optimizer.apply(mine, weights)
        elif isinstance(optimizer, L2Adam):
            optimizer.apply(mine, weights, scale=_clipping(norm, largest))
        else:
            mine, _ = tf.clip_by_global_norm(mine, largest, use_norm=norm)
            optimizer.apply(mine, weights)


def _clipping(norm, largest):
    """The factor of `tf.clip_by_global_norm`, in its very operations; not a number if `norm` is."""
    return largest * tf.minimum(1.0 / norm, 1.0 / tf.cast(largest, norm.dtype)) + (norm - norm)
