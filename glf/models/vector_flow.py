"""A flow on points of continuous data: no integers, no dequantization, no bits."""

import abc
import typing

import tensorflow as tf

from glf.core.part import made_by
from glf.models.abilities import HasRoundTrip
from glf.models.base import GenerativeModel
from glf.models.chunks import in_chunks
from glf.models.drawn import drawn_points
from glf.models.requests import check_data
from glf.priors.flow import Flow


class HasPointDensity(abc.ABC):
    """Models with a density of points x [batch, d] of continuous data, exact.

    Their `loss_terms` have "nll", which is -log p(x) in nats. A density has a unit, that of the
    data to the power of -d, and no bits per dimension: it can be compared on the same data only.
    """

    @typing.final
    def log_prob(self, x):
        """log p(x) in nats, [batch] of x [batch, d].

        Raises:
          ValueError: if these are no points [batch, d] of finite numbers.
        """
        return self._log_prob(check_data(self.spec, x))

    @abc.abstractmethod
    def _log_prob(self, x):
        """The same of any number of points."""


class VectorFlow(GenerativeModel, HasPointDensity, HasRoundTrip):
    """A normalizing flow on vectors x [batch, d], trained by maximum likelihood.

      loss = -log p(x) = -log p_base(u) - log|det du/dx|,   u = inverse(x)

    Points are neither shifted nor scaled on the way: a flow that wants them so begins with an
    `ActNorm`, whose log-determinant counts.

    Args:
      spec: the data's `DataSpec`, of continuous data: `levels` is None.
      make_flow: makes the `Flow`, or any other `Prior`.

    Raises:
      ValueError: if the data are integers or no vectors.
    """

    models_points = True
    round_trip_of = "points"

    def __init__(self, spec, *, make_flow=Flow, name=None):
        super().__init__(spec, name=name)
        if spec.levels is not None or len(spec.image_shape) != 1:
            raise ValueError(
                "VectorFlow models points of continuous data, got data of shape "
                f"{tuple(spec.image_shape)} with {spec.levels} levels; take points "
                '(make_dataset.source = "two_moons", for example), or a PixelFlow for images.'
            )
        self.flow = made_by(make_flow, "VectorFlow.make_flow")
        self.flow.build((None, *spec.image_shape))
        self.built = True

    def _loss_terms(self, x, seed, training, condition):
        """{"loss", "nll"}, each [batch] in nats. `seed` is not used."""
        del seed, condition
        nll = -self.flow.log_prob(x, training=training)
        return {"loss": nll, "nll": nll}

    def parameter_groups(self):
        """ "flow": everything."""
        return {"flow": self.trainable_weights}

    @tf.function(reduce_retracing=True, autograph=False)
    def _log_prob(self, x):
        """log p(x) in nats, exact."""
        return in_chunks(self.flow.log_prob, x, size=8192)

    @tf.function(reduce_retracing=True, autograph=False)
    def _round_trip(self, x, condition):
        """Points, and these through the flow and back."""
        del condition
        return x, tf.cast(self.flow.round_trip(x), tf.float32)

    @tf.function(reduce_retracing=True, autograph=False)
    def _draw(self, num, seed, temperature, condition):
        """Draws points, float32 [num, d]; `temperature` scales the base's noise."""
        del condition
        return drawn_points(tf.cast(self.flow.sample(num, seed, temperature), tf.float32))
