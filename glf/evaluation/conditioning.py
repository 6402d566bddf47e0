"""Errors of the inverses of learned matrices, as training and evaluation show them."""

from absl import logging

from glf.bijectors.conditioning import LearnedMatrix
from glf.evaluation.base import Evaluator
from glf.evaluation.report import metric

NAME = "layer_round_trip"
# Of values of standard normal size, by then some ten thousand times the rounding of float32; a
# level of 256 is a few times wider.
LARGEST_ERROR = 1e-3


class Conditioning(Evaluator):
    """The learned matrix that is inverted with the largest error, if there are any."""

    ranks = False

    def measure(self, subject):
        """ "layer_round_trip", or nothing of a model without learned matrices.

        Warns where it is too large.
        """
        worst = worst_round_trip(subject.model)
        if worst is None:
            return {}
        error, name = worst
        if text := warning(error, name):
            logging.warning("%s", text)
        meaning = f"largest error of normal noise through a learned matrix and back: {name}"
        return {NAME: metric(error, "", meaning, "lower")}


def layer_round_trips(model):
    """[(name, error)] of every layer of `model` that is a `LearnedMatrix`, in its order.

    A name says which one of its kind it is, counted from the data on, and the shape it works on:
    "EmergingConv 2 of 8 on 4x4x4". The error is `LearnedMatrix.round_trip_error`.
    """
    # Keras lists the layers of a layer in the order in which they were made; its own walk through
    # all of them goes backwards.
    layers, waiting = [], [model]
    while waiting:
        layer = waiting.pop()
        waiting += reversed(layer._layers)
        if isinstance(layer, LearnedMatrix) and layer not in layers:
            layers.append(layer)
    totals, counts, named = {}, {}, []
    for layer in layers:
        kind = type(layer).__name__
        totals[kind] = totals.get(kind, 0) + 1
    for layer in layers:
        kind = type(layer).__name__
        counts[kind] = counts.get(kind, 0) + 1
        shape = "x".join(map(str, layer.event_shape))
        name = f"{kind} {counts[kind]} of {totals[kind]} on {shape}"
        named.append((name, float(layer.round_trip_error())))
    return named


def worst_round_trip(model):
    """(error, name) of the layer with the largest error; None for a model without such layers."""
    return max(((error, name) for name, error in layer_round_trips(model)), default=None)


def warning(error, name):
    """What to say of the layer with the largest error; None where it is small enough."""
    if error <= LARGEST_ERROR:
        return None
    return (
        f"{name} is badly conditioned: values of standard normal noise come back from it with an "
        f"error of {error:.3g}, more than {LARGEST_ERROR:g}. The density is right, but samples and "
        "decoded images may not be. A lower learning rate or clipped gradients (train.clip_norm) "
        "keep its weights smaller."
    )
