"""Running a network over many rows in pieces of bounded memory, inside one graph."""

import tensorflow as tf

ROWS = 256


def in_chunks(function, rows, size=ROWS):
    """Returns `function(rows)` computed `size` rows at a time: a graph loop, any number of rows.

    `function` maps [n, ...] to [n, ...] row by row, for any n; `rows` may be a tuple of tensors,
    which are cut alike. The pieces depend only on the number of rows, so that the same request
    gives the same bits wherever it runs.
    """
    total = tf.shape(tf.nest.flatten(rows)[0])[0]
    pieces = (total + size - 1) // size

    def piece(i):
        return function(tf.nest.map_structure(lambda t: t[i * size : (i + 1) * size], rows))

    output = piece_spec(function, rows)
    results = tf.TensorArray(
        output.dtype, size=pieces, infer_shape=False, element_shape=[None, *output.shape[1:]]
    )
    _, results = tf.while_loop(
        lambda i, _: i < pieces,
        lambda i, results: (i + 1, results.write(i, piece(i))),
        (0, results),
        parallel_iterations=1,
    )
    return results.concat()


def piece_spec(function, rows):
    """The dtype and shape that `function` gives for a free number of rows."""
    spec = tf.nest.map_structure(lambda t: tf.TensorSpec([None, *t.shape[1:]], t.dtype), rows)
    return tf.function(function, autograph=False).get_concrete_function(spec).structured_outputs


def in_pieces(piece, count):
    """The results of piece(0), ..., piece(count - 1), tuples of tensors, joined by rows."""
    traced = tf.function(piece, autograph=False).get_concrete_function(tf.TensorSpec([], tf.int32))
    arrays = tuple(
        tf.TensorArray(t.dtype, size=count, infer_shape=False, element_shape=[None, *t.shape[1:]])
        for t in traced.structured_outputs
    )

    def step(i, *arrays):
        written = [a.write(i, t) for a, t in zip(arrays, piece(i), strict=True)]
        return (i + 1, *written)

    _, *arrays = tf.while_loop(lambda i, *_: i < count, step, (0, *arrays), parallel_iterations=1)
    return [array.concat() for array in arrays]
