"""What a program of XLA computes and moves, read from its text.

`costs` counts the floating-point operations of matrix products and convolutions, 2 for every
multiplication that is not with a zero put in between, and the bytes that its operations read and
write: each tensor once for each operation that takes or gives it, wherever it lies meanwhile, so
that what stays in a cache is counted, too; of a tensor of which only a piece is read or written the
piece. A loop counts as often as it is known to run, else once; of the branches of a condition the
one that moves less counts, for the other sets weights from the first batch.
"""

import math
import re

_COMPUTATION = re.compile(r"^(?:ENTRY )?%(\S+) \(.*\{$")
_NAME = re.compile(r"^  (?:ROOT )?%(\S+) = (.*)$")
_SHAPE = re.compile(r"([a-z]\w*)\[([\d,]*)\]")
_FREE = {"parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all"}
# Of their first operand they read what they give.
_SLICES = {"slice", "dynamic-slice", "gather"}
_CALLS = {
    "fusion": r"calls=%([^\s,})]+)",
    "call": r"to_apply=%([^\s,})]+)",
    "while": r"(?:body|condition)=%([^\s,})]+)",
    "conditional": r"(?:[{=]|, )%([^\s,})]+)",
}


def program(function, *arguments):
    """The text of the program that XLA makes of a `tf.function` of such arguments."""
    return function.experimental_get_compiler_ir(*arguments)(stage="optimized_hlo")


def costs(text):
    """(floating-point operations, bytes) of a program.

    Raises:
      ValueError: if it calls a library for products or convolutions, which are not counted.
    """
    computations, entry = {}, None
    for line in text.splitlines():
        if found := _COMPUTATION.match(line):
            current = computations[found[1]] = {}
            entry = found[1] if line.startswith("ENTRY") else entry
        elif found := _NAME.match(line):
            current[found[1]] = _Instruction(found[2])
    return _of_computation(computations, entry)


class _Instruction:
    """One line: its shapes, operation, operands, what stands in its parentheses and behind them."""

    def __init__(self, text):
        place = _end_of_shape(text)
        self.shapes = [(kind, _numbers(dims)) for kind, dims in _SHAPE.findall(text[:place])]
        self.operation, _, rest = text[place + 1 :].partition("(")
        self.inside, _, self.rest = rest.partition(")")
        self.operands = re.findall(r"%([^\s,]+)", self.inside)
        called = re.findall(_CALLS[self.operation], self.rest) if self.operation in _CALLS else []
        self.called = called

    @property
    def size(self):
        """Bytes of what it gives."""
        total = 0
        for kind, dims in self.shapes:
            bits = re.search(r"\d+", kind)  # a "pred" is a byte, a "token" nothing
            width = int(bits[0]) / 8 if bits else float(kind == "pred")
            total += width * math.prod(dims)
        return total


def _end_of_shape(text):
    """The first space that is not within a tuple's shape."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == " " and depth == 0:
            return place
    raise ValueError(f"No instruction of XLA: {text!r}.")


def _numbers(text, by=","):
    return [int(n) for n in text.split(by) if n]


def _of_computation(computations, name):
    own, operations, moved = computations[name], 0, 0
    for each in own.values():
        called = [_of_computation(computations, inner) for inner in each.called]
        if each.operation == "while":
            trips = re.search(r'"known_trip_count":\{"n":"(\d+)"', each.rest)
            times = int(trips[1]) if trips else 1
            operations += times * sum(inner[0] for inner in called)
            moved += times * sum(inner[1] for inner in called)
        elif each.operation == "conditional":
            less = min(called, key=lambda inner: inner[::-1])
            operations, moved = operations + less[0], moved + less[1]
        elif each.operation == "call":
            operations, moved = operations + called[0][0], moved + called[0][1]
        elif each.operation not in _FREE:
            operations += sum(inner[0] for inner in called) + _arithmetic(each, own)
            moved += _moved(each, own, computations)
    return operations, moved


def _moved(each, own, computations):
    """Bytes that an instruction reads and writes."""
    if each.operation == "dynamic-update-slice":
        return 2 * own[each.operands[1]].size
    if each.operation in _SLICES:
        return 2 * each.size
    if each.operation != "fusion":
        return each.size + sum(own[operand].size for operand in each.operands)
    inner = computations[each.called[0]]
    parameters = [name for name, one in inner.items() if one.operation == "parameter"]
    parameters.sort(key=lambda name: int(inner[name].inside))
    updates = [one for one in inner.values() if one.operation == "dynamic-update-slice"]
    read = sum(
        _read(inner, name, own[operand])
        for name, operand in zip(parameters, each.operands, strict=True)
    )
    return read + (sum(inner[one.operands[1]].size for one in updates) if updates else each.size)


def _read(inner, name, operand):
    """Bytes of its parameter `name` that a fusion reads."""
    users = [one for one in inner.values() if name in one.operands]
    pieces = [one for one in users if one.operation in _SLICES and one.operands[0] == name]
    updated = [one for one in users if one.operation == "dynamic-update-slice"]
    updated = [one for one in updated if one.operands[0] == name]
    if len(pieces) + len(updated) < len(users):
        return operand.size
    return min(operand.size, sum(piece.size for piece in pieces))


def _arithmetic(each, own):
    """Floating-point operations of a product or a convolution; of others 0."""
    if each.operation == "custom-call" and re.search("matmul|conv", each.rest, re.IGNORECASE):
        raise ValueError(f"A library's product is not counted: {each.rest!r}.")
    if each.operation not in ("dot", "convolution"):
        return 0
    outcome, (left, right) = each.shapes[0][1], (own[name].shapes[0][1] for name in each.operands)
    if each.operation == "dot":
        contracted = re.search(r"lhs_contracting_dims=\{([\d,]*)\}", each.rest)
        return 2 * math.prod(outcome) * math.prod(left[i] for i in _numbers(contracted[1]))
    kernel = re.search(r"dim_labels=\w+_(\w+)->", each.rest)[1]
    zeros = re.search(r"lhs_dilate=([\dx]+)", each.rest)
    zeros = math.prod(_numbers(zeros[1], "x")) if zeros else 1
    return 2 * math.prod(outcome) * math.prod(right) // (right[kernel.index("o")] * zeros)
