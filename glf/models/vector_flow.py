"""A flow on points of continuous data: no integers, no dequantization, no bits."""

import tensorflow as tf

from glf.core.part import made_by
from glf.models.abilities import HasPointDensity, HasRoundTrip
from glf.models.base import GenerativeModel
from glf.models.drawn import drawn_points
from glf.priors.flow import Flow


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
    rows = 8192
    round_trip_of = "points"

    def __init__(self, spec, *, make_flow=Flow):
        super().__init__(spec)
        if spec.levels is not None or len(spec.shape) != 1:
            raise ValueError(
                "VectorFlow models points of continuous data, got data of shape "
                f"{tuple(spec.shape)} with {spec.levels} levels; take points "
                '(make_dataset.source = "two_moons", for example), or a PixelFlow for images.'
            )
        self.flow = made_by(make_flow, "VectorFlow.make_flow")
        self.flow.build((None, *spec.shape))
        self.built = True

    def _loss_terms(self, x, seed, training, condition):
        """{"loss", "nll"}, each [batch] in nats. `seed` is not used."""
        nll = -self.flow.log_prob(x, self._context(condition), training)
        return {"loss": nll, "nll": nll}

    def parameter_groups(self):
        """ "flow": everything."""
        return {"flow": self.trainable_weights}

    def _round_trip(self, x, seed, condition):
        """Points, and these through the flow and back."""
        return x, tf.cast(self.flow.round_trip(x, self._context(condition)), tf.float32)

    def _draw(self, num, seed, temperature, condition):
        """Draws points, float32 [num, d]; `temperature` scales the base's noise."""
        x = self.flow.sample(num, seed, temperature, self._context(condition))
        return drawn_points(tf.cast(x, tf.float32))
