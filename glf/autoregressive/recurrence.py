"""Loops over time that compile and have gradients, and the cell of the recurrent networks."""

import tensorflow as tf

from glf.layers.gates import split_groups

# Up to so many steps are written out, which is faster for windows of a few rows and costs little
# time to trace; more become a loop.
UNROLLED = 4


def scan(step, inputs, state):
    """state_t = step(state_{t-1}, inputs_t); all states, stacked along the first axis.

    Args:
      step: (state, slice of inputs) to the next state, of the same structure and shapes.
      inputs: a nest of [steps, ...], steps static.
      state: a nest, the state before the first step.
    """
    steps = tf.nest.flatten(inputs)[0].shape[0]
    if steps > UNROLLED:
        return tf.scan(step, inputs, state)
    states = []
    for t in range(steps):
        state = step(state, tf.nest.map_structure(lambda part, t=t: part[t], inputs))
        states.append(state)
    return tf.nest.map_structure(lambda *parts: tf.stack(parts), *states)


def lstm(gates, cell, groups=1):
    """One step of an LSTM from its gates' pre-activations [..., 4p] and the last cell [..., p].

    (o, f, i) = sigmoid, g = tanh of the four parts of each group; cell = f cell + i g;
    h = o tanh(cell). Returns (h, cell).
    """
    o, f, i, g = split_groups(gates, 4, groups)
    cell = tf.sigmoid(f) * cell + tf.sigmoid(i) * tf.tanh(g)
    return tf.sigmoid(o) * tf.tanh(cell), cell
