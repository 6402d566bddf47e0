"""Masks pixel by pixel: what segmentation does without a joint density."""

import math

import tensorflow as tf

from glf.core import random
from glf.core.mode import Training
from glf.core.part import made_by
from glf.families.bernoulli import Bernoulli
from glf.models.abilities import HasDensity
from glf.models.base import GenerativeModel
from glf.models.drawn import drawn_images
from glf.models.requests import check_conditions
from glf.networks.condition_encoders import Paired
from glf.networks.residual_conditioner import ResidualConditioner


class LogisticSegmenter(GenerativeModel, HasDensity):
    """Independent Bernoulli pixels, whose logits a network reads from the paired image.

      log P(x | condition) = sum_i x_i log s(l_i) + (1 - x_i) log s(-l_i),   l = network(condition)

    with the logistic function s: exact, and trained by what is called cross-entropy elsewhere.
    Every pixel has its probability; that neighbours belong together is beyond this model, so that
    its samples are as ragged as its probabilities are unsure. The baseline of conditional flows.

    Args:
      spec: the `DataSpec` of pairs whose modelled image has 2 levels.
      make_condition_encoder: makes the `ConditionEncoder`, called with the spec.
      make_conditioner: makes the network of the encoder's features, called with `units=` and
        `dtype=`.

    Raises:
      ValueError: if the data has more than 2 levels or no pairs.
    """

    def __init__(
        self,
        spec,
        *,
        make_condition_encoder=Paired,
        make_conditioner=ResidualConditioner,
    ):
        super().__init__(spec)
        if spec.levels != 2:
            raise ValueError(
                f"LogisticSegmenter models masks of 2 levels, got data of {spec.levels}; take data "
                'of masks (make_dataset.source = "pairs:PATH" or "vessels").'
            )
        context = self._take_condition(make_condition_encoder, spec)
        if context[1:3] != tuple(spec.shape[:2]):
            raise ValueError(
                "LogisticSegmenter needs features of every pixel, got a condition encoder that "
                f"gives {context}; take Paired."
            )
        self.family = Bernoulli(spec.shape[2], spec.levels)
        self.network = made_by(
            make_conditioner,
            "LogisticSegmenter.make_conditioner",
            units=spec.shape[2],
            dtype="float32",
        )
        self.network.build(context)
        self.built = True

    def _loss_terms(self, x, seed, training, condition):
        """{"loss", "nll"}, each [batch] in nats. `seed` drives the network's dropout."""
        mode = Training(random.fold(seed, "dropout")) if training else False
        logits = self.family.at_places(self._logits(condition, mode))
        nll = -tf.reduce_sum(
            self.family.log_prob(logits, self.family.values_at_places(x)), [1, 2, 3]
        )
        return {"loss": nll, "nll": nll}

    def parameter_groups(self):
        """ "network": everything."""
        return {"network": self.trainable_weights}

    def probabilities(self, condition):
        """P(x_i = 1 | condition) of every pixel, float32 [batch, height, width, channels].

        Raises:
          ValueError: if the conditions are not what the model was built for.
        """
        condition = check_conditions(self.condition_encoder, condition)
        return self._in_pieces(self._probabilities, condition=condition)

    def _probabilities(self, condition):
        return self.family.mean(self._logits(condition))

    def _draw(self, num, seed, temperature, condition):
        """Draws every pixel by itself; `temperature` multiplies the logistic noise on the logits.

        At 0 every pixel takes its more probable value.
        """
        logits = self._logits(condition)
        noise = self.family.noise(tf.shape(logits), seed)
        x = self.family.decide(logits[..., None], noise, temperature)
        y = tf.cast(x[..., 0], tf.float32)
        return drawn_images(tf.where(tf.math.is_finite(logits), y, math.nan), 2)

    def _logits(self, condition, training=False):
        return self.network(self._context(condition), training=training)
