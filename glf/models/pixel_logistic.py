"""Masks pixel by pixel: what segmentation does without a joint density."""

import math

import tensorflow as tf

from glf.core import random
from glf.core.mode import Training
from glf.core.part import made_by
from glf.families.bernoulli import Bernoulli
from glf.models.base import Conditional, GenerativeModel, HasDensity
from glf.models.chunks import ROWS, in_chunks, in_pieces
from glf.models.drawn import Drawn, drawn_images
from glf.models.requests import check_conditions
from glf.networks.condition_encoders import Paired
from glf.networks.residual_conditioner import ResidualConditioner


class LogisticSegmenter(GenerativeModel, HasDensity, Conditional):
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
        name=None,
    ):
        super().__init__(spec, name=name)
        if spec.levels != 2:
            raise ValueError(
                f"LogisticSegmenter models masks of 2 levels, got data of {spec.levels}; take data "
                'of masks (make_dataset.source = "pairs:PATH" or "vessels").'
            )
        self.condition_encoder = made_by(
            make_condition_encoder, "LogisticSegmenter.make_condition_encoder", spec
        )
        if self.condition_encoder.context_shape[1:3] != tuple(spec.image_shape[:2]):
            raise ValueError(
                "LogisticSegmenter needs features of every pixel, got a condition encoder that "
                f"gives {self.condition_encoder.context_shape}; take Paired."
            )
        self.family = Bernoulli(spec.image_shape[2], spec.levels)
        self.network = made_by(
            make_conditioner,
            "LogisticSegmenter.make_conditioner",
            units=spec.image_shape[2],
            dtype="float32",
        )
        self.network.build(self.condition_encoder.context_shape)
        self.built = True

    def _loss_terms(self, x, seed, training, condition):
        """{"loss", "nll"}, each [batch] in nats. `seed` drives the network's dropout."""
        mode = Training(random.fold(seed, "dropout")) if training else False
        nll = -self._judged(x, self._logits(condition, mode))
        return {"loss": nll, "nll": nll}

    def parameter_groups(self):
        """ "network": everything."""
        return {"network": self.trainable_weights}

    @tf.function(reduce_retracing=True, autograph=False)
    def _log_prob(self, x, condition):
        """log P(x | condition), exact."""
        return in_chunks(lambda rows: self._judged(rows[0], self._logits(rows[1])), (x, condition))

    def probabilities(self, condition):
        """P(x_i = 1 | condition) of every pixel, float32 [batch, height, width, channels].

        Raises:
          ValueError: if the conditions are not what the model was built for.
        """
        return self._probabilities(check_conditions(self.condition_encoder, condition))

    @tf.function(reduce_retracing=True, autograph=False)
    def _probabilities(self, condition):
        return in_chunks(lambda rows: self.family.mean(self._logits(rows)), condition)

    @tf.function(reduce_retracing=True, autograph=False)
    def _draw(self, num, seed, temperature, condition):
        """Draws every pixel by itself; `temperature` multiplies the logistic noise on the logits.

        At 0 every pixel takes its more probable value.
        """

        def piece(i):
            logits = self._logits(condition[i * ROWS : tf.minimum((i + 1) * ROWS, num)])
            noise = self.family.noise(tf.shape(logits), random.fold(seed, i))
            x = self.family.decide(logits[..., None], noise, temperature)
            y = tf.cast(x[..., 0], tf.float32)
            return drawn_images(tf.where(tf.math.is_finite(logits), y, math.nan), 2)

        return Drawn(*in_pieces(piece, (num + ROWS - 1) // ROWS))

    def _logits(self, condition, training=False):
        return self.network(self.condition_encoder.encode(condition), training=training)

    def _judged(self, x, logits):
        each = self.family.log_prob(self.family.at_places(logits), self.family.values_at_places(x))
        return tf.reduce_sum(each, [1, 2, 3])
