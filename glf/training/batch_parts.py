"""Batches that a step goes through in parts, which take less memory."""

import tensorflow as tf

from glf.core import random


def in_parts(part, stage, batch, seed, number, groups):
    """What `part` gives of a whole batch, which it is given in equal parts, in order.

    Each has the seed that the replica with its rows would have, if there were as many replicas as
    parts (`glf.training.replicas.own_seed`), and so the same noise.

    Args:
      part: of (stage, rows, seed, sums): the sums with its gradients added, loss terms, features.
      stage: of training.
      batch: {name: values}.
      seed: of the step.
      number: of parts.
      groups: {group: weights} of gradients.
    """
    cut = {name: tf.split(values, number) for name, values in batch.items()}
    sums = {g: [tf.zeros(w.shape, w.dtype) for w in weights] for g, weights in groups.items()}
    terms, features = [], []
    for index in range(number):
        rows = {name: values[index] for name, values in cut.items()}
        # No part begins, and takes memory, before the one ahead of it is done.
        with tf.control_dependencies(tf.nest.flatten([sums, terms])):
            mine = part(stage, rows, random.fold(seed, index), sums)
        sums = mine[0]
        terms.append(mine[1])
        features.append(mine[2])
    terms = {name: tf.add_n([each[name] for each in terms]) for name in terms[0]}
    joined = {g: tf.concat([each[g] for each in features], 0) for g in features[0]}
    return sums, terms, joined
