"""Flows of pixels: integers, made continuous by noise, under a density of images."""

import tensorflow as tf

from glf.core import random
from glf.core.training import Training
from glf.dequantizers.bounds import ELBO
from glf.dequantizers.uniform import UniformDequantizer
from glf.models.base import Conditional, GenerativeModel, HasBounds
from glf.models.chunks import ROWS, in_pieces
from glf.models.requests import check_conditions, check_images, check_request, conditions_for


class PixelFlow(GenerativeModel, HasBounds, Conditional):
    """A density of images p(y), y in [0, 1], that judges integers x through a dequantizer.

    With v ~ q(v | x) on [0, 1)^D and y = (x + v) / levels, every draw weighs

      log w = log p(y) - D log(levels) - log q(v | x),      E[w] = P(x),

    so that a bound of the weights is a lower bound of log P(x) (Theis, van den Oord, Bethge 2016;
    Ho et al. 2019, "Flow++"; Hoogeboom, Cohen, Tomczak 2020, "Learning Discrete Distributions by
    Dequantization"). The loss is minus that bound. Noise model and bound are two choices.

    A condition becomes one context of features that density and dequantizer are given.

    Args:
      spec: the data's `DataSpec`.
      make_density: makes the `Prior` over y [height, width, channels]; called without arguments.
      make_dequantizer: makes the `Dequantizer`; called without arguments.
      make_bound: makes the bound that is trained; called without arguments.
      make_condition_encoder: makes the `ConditionEncoder`, called with the spec; None: the model
        takes no condition.
    """

    def __init__(
        self,
        spec,
        *,
        make_density,
        make_dequantizer=UniformDequantizer,
        make_bound=ELBO,
        make_condition_encoder=None,
        name=None,
    ):
        super().__init__(spec, name=name)
        self.condition_encoder = context = None
        if make_condition_encoder is not None:
            self.condition_encoder = make_condition_encoder(spec)
            context = self.condition_encoder.context_shape
        self.density = make_density()
        self.density.build((None, *spec.image_shape), context)
        self.dequantizer = make_dequantizer()
        self.dequantizer.build(spec.image_shape, spec.levels, context)
        self.bound = make_bound()
        self.built = True

    @property
    def likelihood(self):
        """The name of the bound that is trained."""
        return self.bound.name

    def loss_terms(self, x, seed, training, condition=None):
        """{"loss", "nll"}, each [batch] in nats: minus the bound on log P(x | condition)."""
        nll = -self.bound(self.log_weights(x, seed, self.bound.num_samples, condition, training))
        return {"loss": nll, "nll": nll}

    def log_weights(self, x, seed, num_samples=1, condition=None, training=False):
        """log w of `num_samples` draws of the noise for each example: [num_samples, batch]."""
        mode = Training(random.fold(seed, "dropout")) if training else False
        context = self._context(condition)
        if num_samples > 1:
            # Draws of one example are neighbours: its noise does not depend on the batch's size.
            x = _repeated(x, num_samples)
            context = None if context is None else _repeated(context, num_samples)
        noise_seed = random.fold(seed, "dequantization")
        v, log_q = self.dequantizer.sample_and_log_prob(x, noise_seed, context, mode)
        y = (tf.cast(x, v.dtype) + v) / self.spec.levels
        log_density = tf.cast(self.density.log_prob(y, context, mode), tf.float32)
        volume = tf.math.log(float(self.spec.levels)) * y.shape[1:].num_elements()
        log_weights = log_density - volume - tf.cast(log_q, tf.float32)
        return tf.transpose(tf.reshape(log_weights, (-1, num_samples)))

    def parameter_groups(self):
        """ "flow": everything, the dequantizer and the condition encoder as well."""
        return {"flow": self.trainable_weights}

    def log_prob(self, x, condition=None):
        """The bound on log P(x | condition) in nats, [batch], with noise that depends on nothing.

        Example i of a batch has the same noise in every call.

        Raises:
          ValueError: if images or conditions are not what the model was built for.
        """
        x = tf.convert_to_tensor(x)
        check_images(self.spec, x, self.condition_encoder, condition)
        return self._log_prob(x, condition)

    @tf.function(reduce_retracing=True, autograph=False)
    def _log_prob(self, x, condition):
        num = tf.shape(x)[0]

        def piece(i):
            rows = slice(i * ROWS, (i + 1) * ROWS)
            seed = random.fold(0, "log_prob", i)
            given = None if condition is None else condition[rows]
            return (-self.loss_terms(x[rows], seed, False, given)["nll"],)

        return in_pieces(piece, (num + ROWS - 1) // ROWS)[0]

    def sample(self, num, seed, temperature=1.0, condition=None):
        """Draws y from the density, and gives the level that it lies in: floor(levels * y).

        Args:
          num: how many.
          seed: an integer or a pair of integers; the first n of a larger request with the same seed
            come from the same noise.
          temperature: multiplies the noise of every prior; at 0 there is none.
          condition: one for each image. None: a model conditioned on labels takes 0, 1, 2, ... in
            turn.

        Returns uint8 [num, height, width, channels] in the data's levels.

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
            start, stop = i * ROWS, tf.minimum((i + 1) * ROWS, num)
            context = self._context(None if condition is None else condition[start:stop])
            y = self.density.sample(stop - start, random.fold(seed, i), temperature, context)
            # Limited while they are floats: no integer holds what a flow without logit may give.
            x = tf.clip_by_value(tf.floor(y * self.spec.levels), 0, self.spec.levels - 1)
            return (tf.cast(x, tf.uint8),)

        return in_pieces(piece, (num + ROWS - 1) // ROWS)[0]

    def _context(self, condition):
        check_conditions(self.condition_encoder, condition)
        return None if condition is None else self.condition_encoder.encode(condition)


def _repeated(values, num):
    """Every row `num` times, one after the other: [batch, ...] to [batch * num, ...]."""
    copies = tf.tile(values[:, None], [1, num, *[1] * (values.shape.rank - 1)])
    return tf.reshape(copies, (-1, *values.shape[1:]))
