"""Masks pixel by pixel: what segmentation does without a joint density."""

import tensorflow as tf

from glf.core import random
from glf.core.training import Training
from glf.models.base import Conditional, GenerativeModel, HasDensity
from glf.models.chunks import ROWS, in_chunks, in_pieces
from glf.models.requests import check_conditions, check_images, check_request, conditions_for
from glf.networks.conditioning import Paired
from glf.networks.image_residual import ResidualConditioner


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
        self.condition_encoder = make_condition_encoder(spec)
        if self.condition_encoder.context_shape[1:3] != tuple(spec.image_shape[:2]):
            raise ValueError(
                "LogisticSegmenter needs features of every pixel, got a condition encoder that "
                f"gives {self.condition_encoder.context_shape}; take Paired."
            )
        self.network = make_conditioner(units=spec.image_shape[2], dtype="float32")
        self.network.build(self.condition_encoder.context_shape)
        self.built = True

    def loss_terms(self, x, seed, training, condition=None):
        """{"loss", "nll"}, each [batch] in nats. `seed` drives the network's dropout."""
        mode = Training(random.fold(seed, "dropout")) if training else False
        nll = -self._log_prob(x, self._logits(condition, mode))
        return {"loss": nll, "nll": nll}

    def parameter_groups(self):
        """ "network": everything."""
        return {"network": self.trainable_weights}

    def log_prob(self, x, condition=None):
        """log P(x | condition) in nats, exact: [batch].

        Raises:
          ValueError: if images or conditions are not what the model was built for.
        """
        x = tf.convert_to_tensor(x)
        check_images(self.spec, x, self.condition_encoder, condition)
        return self._log_prob_in_chunks(x, condition)

    @tf.function(reduce_retracing=True, autograph=False)
    def _log_prob_in_chunks(self, x, condition):
        return in_chunks(
            lambda rows: self._log_prob(rows[0], self._logits(rows[1])), (x, condition)
        )

    @tf.function(reduce_retracing=True, autograph=False)
    def probabilities(self, condition):
        """P(x_i = 1 | condition) of every pixel, float32 [batch, height, width, channels]."""
        return in_chunks(lambda rows: tf.sigmoid(self._logits(rows)), condition)

    def sample(self, num, seed, temperature=1.0, condition=None):
        """Draws every pixel by itself, uint8 [num, height, width, channels] in {0, 1}.

        Args:
          num: how many.
          seed: an integer or a pair of integers; the first n of a larger request with the same seed
            come from the same noise.
          temperature: multiplies the logistic noise on the logits; at 0 every pixel takes its more
            probable value.
          condition: one image for each mask.

        Raises:
          ValueError: if a number is out of range, or the conditions are not what the model needs.
        """
        check_request(num, temperature)
        condition = conditions_for(self.condition_encoder, num, condition)
        return self._sample(
            tf.cast(num, tf.int32),
            random.make_seed(seed),
            tf.cast(temperature, tf.float32),
            condition,
        )

    @tf.function(reduce_retracing=True, autograph=False)
    def _sample(self, num, seed, temperature, condition):
        def piece(i):
            logits = self._logits(condition[i * ROWS : tf.minimum((i + 1) * ROWS, num)])
            noise = random.logistic(tf.shape(logits), random.fold(seed, i))
            return (tf.cast(logits + temperature * noise > 0, tf.uint8),)

        return in_pieces(piece, (num + ROWS - 1) // ROWS)[0]

    def _logits(self, condition, training=False):
        check_conditions(self.condition_encoder, condition)
        return self.network(self.condition_encoder.encode(condition), training=training)

    def _log_prob(self, x, logits):
        of_pixels = -tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(x, logits.dtype), logits)
        return tf.reduce_sum(of_pixels, [1, 2, 3])
