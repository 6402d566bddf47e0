"""The battery finds planted errors: each wrong bijector fails exactly where it should."""

import functools

import bijector_battery as battery
import pytest
import tensorflow as tf

from glf.bijectors import MAF, AffineCoupling, AffineMap, Coupling, Planar, SplineMap
from glf.bijectors.registry import REGISTRY
from glf.networks.dense_conditioner import DenseConditioner
from glf.networks.made import MADE

small = functools.partial(DenseConditioner, hidden=8)


class WrongSign(AffineCoupling):
    """The log-determinant of the other direction."""

    def _inverse(self, y, condition, training):
        u, log_det = super()._inverse(y, condition, training)
        return u, -log_det


class WrongInBothDirections(AffineCoupling):
    """Opposite to each other, but both wrong: only the Jacobian can tell."""

    def _forward(self, u, condition, training):
        y, log_det = super()._forward(u, condition, training)
        return y, 1.1 * log_det

    def _inverse(self, y, condition, training):
        u, log_det = super()._inverse(y, condition, training)
        return u, 1.1 * log_det


class SplineWithoutAFactor(SplineMap):
    """The derivative lacks the square of the bin's mean slope."""

    def apply(self, x, raw):
        y, log_derivative = super().apply(x, raw)
        x_knots, y_knots, _ = self._knots(raw)
        index = tf.reduce_sum(tf.cast(x[..., None] >= x_knots[..., 1:-1], tf.int32), axis=-1)
        slopes = (y_knots[..., 1:] - y_knots[..., :-1]) / (x_knots[..., 1:] - x_knots[..., :-1])
        slope = tf.gather(slopes, index, batch_dims=2)
        missing = tf.where(tf.abs(x) <= self.bound, 2 * tf.math.log(slope), 0.0)
        return y, log_derivative - missing


class DroppedScaleGradient(AffineMap):
    """Gradients do not reach the log-scale."""

    def apply(self, x, raw):
        return super().apply(x, self._without_gradient(raw))

    def undo(self, y, raw):
        return super().undo(y, self._without_gradient(raw))

    @staticmethod
    def _without_gradient(raw):
        return tf.stack([tf.stop_gradient(raw[..., 0]), raw[..., 1]], axis=-1)


class DroppedInputGradient(AffineCoupling):
    """Gradients do not pass from the network to its input: the Jacobian's determinant is right."""

    def _inverse(self, y, condition, training):
        first, second = tf.split(y, [self.size // 2, self.size - self.size // 2], axis=1)
        raw = self.parameters(tf.stop_gradient(first), condition, training=training)
        second, log_derivative = self.elementwise.apply(second, raw)
        return tf.concat([first, second], axis=1), tf.reduce_sum(log_derivative, axis=1)


class PeekingMADE(MADE):
    """Every output sees the next input, too."""

    def call(self, inputs, condition=None):
        return super().call(tf.roll(inputs, 1, axis=1), condition)


class LooseInverse(Planar):
    """The inverse stops a little short of the solution."""

    def _inverse(self, y, condition, training):
        u, log_det = super()._inverse(y, condition, training)
        return u * (1 + 1e-5), log_det


class BatchDependent(AffineCoupling):
    """The image depends on the other examples."""

    def _inverse(self, y, condition, training):
        u, log_det = super()._inverse(y, condition, training)
        return u + tf.stop_gradient(tf.reduce_mean(u)), log_det


class UntrackedWeights(AffineCoupling):
    """The network hides in a list, where checkpoints do not look."""

    def build(self, input_shape, condition_shape=None):
        super().build(input_shape, condition_shape)
        self.listed = [self.parameters]
        del self.parameters

    @property
    def _network(self):
        return self.listed[0]

    def _apply(self, function, point, condition, training):
        fixed, moved = tf.split(point, [self.size // 2, self.size - self.size // 2], axis=1)
        raw = self._network(fixed, condition, training=training)
        moved, log_derivative = function(moved, raw)
        return tf.concat([fixed, moved], axis=1), tf.reduce_sum(log_derivative, axis=1)


def affine(cls, **kwargs):
    return functools.partial(cls, make_conditioner=small, **kwargs)


PLANTED = {
    "wrong sign": ("log_dets_are_opposite", affine(WrongSign), "affine_coupling"),
    "wrong sign, by the Jacobian": ("jacobian", affine(WrongSign), "affine_coupling"),
    "wrong both ways": ("jacobian", affine(WrongInBothDirections), "affine_coupling"),
    "spline without a factor": (
        "jacobian",
        functools.partial(
            Coupling, functools.partial(SplineWithoutAFactor, 4, 3.0), "second", small
        ),
        "spline_coupling",
    ),
    "dropped scale gradient": (
        "gradients",
        functools.partial(Coupling, DroppedScaleGradient, "second", small),
        "affine_coupling",
    ),
    "dropped scale gradient, own network": (
        "gradients",
        functools.partial(Coupling, DroppedScaleGradient, "first", small, True),
        "affine_coupling_first",
    ),
    "dropped input gradient": ("gradients", affine(DroppedInputGradient), "affine_coupling"),
    "peeking autoregressive network": (
        "round_trip",
        functools.partial(MAF, make_network=functools.partial(PeekingMADE, hidden=(8, 8))),
        "maf",
    ),
    "loose inverse": ("round_trip", affine(LooseInverse), "planar"),
    "batch-dependent": ("examples_are_independent", affine(BatchDependent), "affine_coupling"),
    "hidden weights": ("checkpoint", affine(UntrackedWeights), "affine_coupling"),
}


@pytest.mark.slow
@pytest.mark.parametrize("planted", PLANTED)
def test_planted_error_is_found(planted):
    check, wrong, right = PLANTED[planted]
    battery.CHECKS[check](battery.Case(REGISTRY[right], 5))
    case = battery.Case(wrong, 5)
    with pytest.raises(AssertionError):
        battery.CHECKS[check](case)
