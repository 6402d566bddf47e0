"""A flow on points of continuous data: no integers, no dequantization, no bits."""

from types import MappingProxyType

import tensorflow as tf

from glf.core.part import made_by
from glf.models.abilities import HasPointDensity, HasRoundTrip
from glf.models.base import GenerativeModel
from glf.models.drafts import DRAFT, draft_weights, with_drafts_apart
from glf.models.drawn import drawn_points
from glf.models.solving import DrawsByFlow
from glf.priors.flow import Flow


class VectorFlow(GenerativeModel, HasPointDensity, HasRoundTrip, DrawsByFlow):
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
    meanings = MappingProxyType({"draft": DRAFT})
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
        """{"loss", "nll"[, "draft"]}, each [batch], in nats. `seed` is not used."""
        context = self._context(condition)
        terms = {"nll": -self.flow.log_prob(x, context, training)}
        if draft_weights(self.flow):
            terms["draft"] = self.flow.drafted(x, context)
        return {"loss": tf.add_n(list(terms.values())), **terms}

    def parameter_groups(self):
        """ "flow": everything, and "draft" apart, if there is one."""
        return with_drafts_apart({"flow": self.trainable_weights}, self.flow)

    @property
    def sampled_prior(self):
        """The flow."""
        return self.flow

    def _round_trip(self, x, seed, condition):
        """Points, and these through the flow and back."""
        return x, tf.cast(self.flow.round_trip(x, self._context(condition)), tf.float32)

    def _draw(self, num, seed, temperature, condition):
        """Draws points, float32 [num, d]; `temperature` scales the base's noise."""
        x = self.flow._sample(num, seed, temperature, self._context(condition))
        return drawn_points(tf.cast(x, tf.float32))
