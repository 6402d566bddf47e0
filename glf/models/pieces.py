"""Functions of one piece of rows, traced once and run over any number of rows in bounded memory."""

import functools

import tensorflow as tf

from glf.core import random


class Pieces:
    """The compiled functions of one model.

    A function maps arguments of one piece to tensors [n, ...], or a tuple of them. Its Python code
    runs once for each structure of arguments, whatever the numbers of rows and however many
    programs and exports it is part of; a loop of the graph calls what was traced. The pieces depend
    only on the number of rows, so that the same request gives the same bits wherever it runs.
    """

    def __init__(self):
        self._programs = {}

    def __call__(self, function, fixed, size, jit, arguments):
        """What `function` gives, `size` rows at a time, joined by rows.

        Args:
          function: a method of the model.
          fixed: Python objects, its first arguments.
          size: the rows of a piece, for each function the same in every call.
          jit: whether a piece is an XLA program.
          arguments: {name: tensor or None}, its other arguments in order. Of tensors [rows, ...] a
            piece has its rows, of scalars the same; but "num", a number of rows to make, is that
            of the piece, and "seed" is folded by its index. The first n rows of a larger request
            have the same seeds.
        """
        key = (function, *fixed)
        if key not in self._programs:
            whole = functools.partial(function, *fixed)
            self._programs[key] = _program(whole, size, jit)
        return self._programs[key](arguments)


def _program(function, size, jit):
    # Of tensors alone, for free numbers of rows; what is None is among the names only.
    @functools.partial(tf.function, autograph=False, jit_compile=jit or None)
    def piece(tensors, names):
        return function(*map(tensors.get, names))

    known = {}

    @functools.partial(tf.function, autograph=False, reduce_retracing=True)
    def program(arguments):
        tensors = {name: t for name, t in arguments.items() if t is not None}
        names = tuple(arguments)
        total = tensors.get("num")
        if total is None:
            total = tf.shape(next(t for name, t in tensors.items() if _is_cut(name, t)))[0]

        def of_piece(i):
            """The arguments of piece i."""
            start, stop = i * size, tf.minimum((i + 1) * size, total)
            cut = {n: t[start:stop] if _is_cut(n, t) else t for n, t in tensors.items()}
            if "num" in tensors:
                cut["num"] = stop - start
            if "seed" in tensors:
                cut["seed"] = random.fold(tensors["seed"], i)
            return cut

        specs = {
            n: _free(t) if _is_cut(n, t) else tf.TensorSpec(t.shape, t.dtype)
            for n, t in tensors.items()
        }
        # TensorFlow's own memory of traces does not reach into what saves an export.
        key = (names, *specs.items())
        if key not in known:
            known[key] = piece.get_concrete_function(specs, names)
        traced = known[key]
        outputs = traced.structured_outputs
        count = (total + size - 1) // size
        arrays = [
            tf.TensorArray(spec.dtype, size=count, infer_shape=False, element_shape=spec.shape)
            for spec in map(_free, tf.nest.flatten(outputs))
        ]

        def step(i, arrays):
            rows = tf.nest.flatten(traced(of_piece(i), names))
            return i + 1, [array.write(i, t) for array, t in zip(arrays, rows, strict=True)]

        _, arrays = tf.while_loop(lambda i, _: i < count, step, (0, arrays), parallel_iterations=1)
        return tf.nest.pack_sequence_as(outputs, [array.concat() for array in arrays])

    return program


def _is_cut(name, tensor):
    return name != "seed" and tensor.shape.rank > 0


def _free(tensor):
    return tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype)
