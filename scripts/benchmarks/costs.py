"""What a program of XLA computes and moves, read from its text.

`costs` counts the floating-point operations of matrix products and convolutions, 2 for every
multiplication, and the bytes that its operations read and write, each tensor once for each
operation that takes or gives it, wherever it lies meanwhile: what stays in a cache is counted, too.
A loop counts as often as it is known to run, else once; of the branches of a condition the cheaper
one counts, for the other sets weights from the first batch or skips a step.
"""

import math
import re

_COMPUTATION = re.compile(r"^(?:ENTRY )?%(\S+) \(.*\{$")
_NAME = re.compile(r"^  (?:ROOT )?%(\S+) = (.*)$")
_SHAPE = re.compile(r"([a-z]\w*)\[([\d,]*)\]")
_SIZES = {"pred": 1, "bf16": 2}
_FREE = {"parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all"}


def program(function, *arguments):
    """The text of the program that XLA makes of a `tf.function` of such arguments."""
    return function.experimental_get_compiler_ir(*arguments)(stage="optimized_hlo")


def costs(text):
    """(floating-point operations, bytes) of a program."""
    computations, entry = {}, None
    for line in text.splitlines():
        if found := _COMPUTATION.match(line):
            current = computations[found[1]] = {}
            entry = found[1] if line.startswith("ENTRY") else entry
        elif found := _NAME.match(line):
            current[found[1]] = _parsed(found[2])
    return _of_computation(computations, entry)


def _parsed(text):
    """(shapes, operation, names of operands, the rest of the text) of an instruction."""
    place = _end_of_shape(text)
    shapes, rest = text[:place], text[place + 1 :]
    operation, _, rest = rest.partition("(")
    operands, _, rest = rest.partition(")")
    shapes = [(kind, _numbers(dims)) for kind, dims in _SHAPE.findall(shapes)]
    return shapes, operation, re.findall(r"%([^\s,]+)", operands), rest


def _end_of_shape(text):
    """The first space that is not within a tuple's shape."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == " " and depth == 0:
            return place
    raise ValueError(f"No instruction of XLA: {text!r}.")


def _numbers(text):
    return [int(n) for n in text.split(",") if n]


def _size(shapes):
    """Bytes."""
    total = 0
    for kind, dims in shapes:
        bits = re.search(r"\d+", kind)
        size = _SIZES.get(kind) or (int(bits[0]) / 8 if bits else 0)
        total += size * math.prod(dims)
    return total


def _of_computation(computations, name):
    instructions, operations, moved = computations[name], 0, 0
    for shapes, operation, operands, rest in instructions.values():
        called = [
            _of_computation(computations, each)
            for each in re.findall(r"%([^\s,})]+)", " ".join(_callees(operation, rest)))
        ]
        if operation == "while":
            trips = re.search(r'"known_trip_count":\{"n":"(\d+)"', rest)
            times = int(trips[1]) if trips else 1
            operations += times * sum(each[0] for each in called)
            moved += times * sum(each[1] for each in called)
        elif operation == "conditional":
            cheaper = min(called, key=lambda each: each[::-1])
            operations, moved = operations + cheaper[0], moved + cheaper[1]
        elif operation == "call":
            operations, moved = operations + called[0][0], moved + called[0][1]
        elif operation not in _FREE:
            read = sum(_size(instructions[each][0]) for each in operands)
            moved += read + _size(shapes)
            operations += sum(each[0] for each in called)
            if operation in ("dot", "convolution"):
                of = [instructions[each][0][0][1] for each in operands]
                operations += _multiplied(operation, shapes[0][1], *of, rest)
    return operations, moved


def _callees(operation, rest):
    """The parts of an instruction's text that name what it calls; not what sums call."""
    names = {
        "fusion": r"calls=(\S+)",
        "call": r"to_apply=(\S+)",
        "while": r"(?:body|condition)=(\S+)",
        "conditional": r"(?:branch_computations=\{[^}]*\}|(?:true|false)_computation=\S+)",
    }
    return re.findall(names[operation], rest) if operation in names else []


def _multiplied(operation, outcome, left, right, rest):
    """Operations of a product or a convolution."""
    if operation == "dot":
        contracted = re.search(r"lhs_contracting_dims=\{([\d,]*)\}", rest)
        return 2 * math.prod(outcome) * math.prod(left[i] for i in _numbers(contracted[1]))
    kernel = re.search(r"dim_labels=\w+_(\w+)->", rest)[1]
    return 2 * math.prod(outcome) * math.prod(right) // right[kernel.index("o")]
