"""Functions of one piece of rows, traced once and run over any number of rows in bounded memory."""

import functools
import threading

import numpy as np
import tensorflow as tf

from glf.core import cache, random
from glf.core.shares import ALONE


class Pieces:
    """The compiled functions of one model.

    A function maps arguments of one piece to tensors [n, ...], or a tuple of them. Its Python code
    runs once for each structure of arguments, whatever the numbers of rows and however many
    programs and exports it is part of; a loop of the graph calls what was traced, or, where rows
    that are known to be no more than one piece, a program without a loop. The pieces depend only on
    the number of rows, so that the same request gives the same bits wherever it runs.

    Attributes:
      shares: those who make what several pieces give together, see `glf.core.shares` and
        `glf.core.devices`; each device has traces of its own.
    """

    def __init__(self):
        self._pieces, self._programs, self.shares = {}, {}, ALONE
        self._tracing = threading.RLock()

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
        tensors = {name: t for name, t in arguments.items() if t is not None}
        rows = _known_rows(tensors)
        alone = rows is not None and 0 < rows <= size
        asked = function, fixed, jit, arguments, tensors
        if self.shares is not ALONE and tf.executing_eagerly() and rows > size:
            name = f"{function.__name__.strip('_')}-{_digest(fixed, arguments, tensors)}"
            return _shared(self.shares, name, lambda: self._traced(*asked), tensors, rows, size)
        key = self._key(*asked), alone
        with self._tracing:
            # By itself, whatever graph this call is part of.
            if key not in self._programs:
                with tf.init_scope():
                    self._programs[key] = self._program(asked, alone, size)
        return self._programs[key](*tensors.values())

    def _key(self, function, fixed, jit, arguments, tensors):
        """What tells what is traced from all else."""
        del jit  # the function's
        kinds = map(_kind, tensors.items())
        return (self.shares.place, function, *fixed, *arguments, *kinds)

    def _program(self, asked, alone, size):
        """The traced function of all rows, which calls that of one piece."""
        piece, (*_, tensors) = self._traced(*asked), asked
        joined = _alone if alone else functools.partial(_joined, size=size)
        program = tf.function(
            lambda *flat: joined(piece, dict(zip(tensors, flat, strict=True))), autograph=False
        )
        specs = [_spec(name, t) for name, t in tensors.items()]
        return program.get_concrete_function(*specs)

    def _traced(self, function, fixed, jit, arguments, tensors):
        """The traced function of one piece, {name: tensor} to what `function` gives."""
        key = self._key(function, fixed, jit, arguments, tensors)
        with self._tracing:
            if key in self._pieces:
                return self._pieces[key]

            def of_piece(tensors):
                return function(*fixed, *map(tensors.get, arguments))

            piece = tf.function(of_piece, autograph=False, jit_compile=jit or None)
            specs = {name: _spec(name, t) for name, t in tensors.items()}
            self._pieces[key] = piece.get_concrete_function(specs)
            return self._pieces[key]


def _known_rows(tensors):
    """How many rows there are, where that is known."""
    num = tensors.get("num")
    if num is not None:
        known = num.numpy() if tf.executing_eagerly() else tf.get_static_value(num)
        return None if known is None else int(known)
    return next(t.shape[0] for name, t in tensors.items() if _is_cut(name, t))


def _alone(piece, tensors):
    """What `piece` gives of all rows where they are no more than one piece."""
    if "seed" in tensors:
        tensors["seed"] = random.fold(tensors["seed"], 0)
    return piece(tensors)


def _joined(piece, tensors, size):
    """What `piece`, a traced function, gives of all rows: a loop."""
    total = tensors.get("num")
    if total is None:
        total = tf.shape(next(t for name, t in tensors.items() if _is_cut(name, t)))[0]
    count = (total + size - 1) // size

    def step(i, arrays):
        rows = tf.nest.flatten(piece(_of_piece(i, tensors, size, total)))
        return i + 1, [array.write(i, t) for array, t in zip(arrays, rows, strict=True)]

    outputs = piece.structured_outputs
    arrays = [
        tf.TensorArray(t.dtype, size=count, infer_shape=False, element_shape=[None, *t.shape[1:]])
        for t in tf.nest.flatten(outputs)
    ]
    _, arrays = tf.while_loop(lambda i, _: i < count, step, (0, arrays), parallel_iterations=1)
    return tf.nest.pack_sequence_as(outputs, [array.concat() for array in arrays])


def _of_piece(i, tensors, size, total):
    """The arguments of piece i."""
    start, stop = i * size, tf.minimum((i + 1) * size, total)
    cut = {name: t[start:stop] if _is_cut(name, t) else t for name, t in tensors.items()}
    if "num" in tensors:
        cut["num"] = stop - start
    if "seed" in tensors:
        cut["seed"] = random.fold(tensors["seed"], i)
    return cut


def _shared(shares, name, traced, tensors, total, size):
    """What `_joined` gives, each piece made by one of those who share.

    `traced` gives the traced function of one piece for whoever calls it.
    """
    outputs = []

    def make(index, _):
        piece = traced()
        outputs.append(piece.structured_outputs)
        made = piece(_of_piece(index, tensors, size, total))
        return {str(i): rows for i, rows in enumerate(tf.nest.flatten(made))}

    pieces = list(shares.over(name, lambda: range(-(-total // size)), make))
    rows = [np.concatenate([p[str(i)] for p in pieces]) for i in range(len(pieces[0]))]
    output = outputs[0] if outputs else traced().structured_outputs
    return tf.nest.pack_sequence_as(output, list(map(tf.constant, rows)))


def _digest(fixed, arguments, tensors):
    """What tells a request from others: of equal ones the results are equal, whoever asks."""
    told = [_told(part) for part in fixed]
    return cache.digest(told, list(arguments), *map(np.asarray, tensors.values()))[:16]


def _told(part):
    """What JSON can say of a sampler, a solver, or an option of one: its class and its options."""
    if isinstance(part, str | int | float | None):
        return part
    if isinstance(part, list | tuple):
        return [_told(each) for each in part]
    kind = type(part)
    return {f"{kind.__module__}.{kind.__qualname__}": {k: _told(v) for k, v in vars(part).items()}}


def _is_cut(name, tensor):
    return name != "seed" and tensor.shape.rank > 0


def _kind(item):
    """What tells the traced functions of a named tensor from those of another."""
    name, tensor = item
    shape = tensor.shape
    return name, tensor.dtype, tuple(shape[1:] if _is_cut(name, tensor) else shape)


def _spec(name, tensor):
    """The tensor's, for any number of rows."""
    free = [None, *tensor.shape[1:]] if _is_cut(name, tensor) else tensor.shape
    return tf.TensorSpec(free, tensor.dtype)
