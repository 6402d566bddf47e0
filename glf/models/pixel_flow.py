"""Flows of pixels: integers, made continuous by noise, under a density of images."""

from types import MappingProxyType

import tensorflow as tf

from glf.core import random
from glf.core.mode import Training
from glf.core.part import made_by
from glf.dequantizers.bounds import ELBO
from glf.dequantizers.uniform import UniformDequantizer
from glf.models.abilities import HasBounds, HasRoundTrip
from glf.models.base import GenerativeModel
from glf.models.denoising import Denoises
from glf.models.drafts import DRAFT, draft_weights, with_drafts_apart
from glf.models.drawn import drawn_images
from glf.models.solving import DrawsByFlow


class PixelFlow(GenerativeModel, HasBounds, HasRoundTrip, Denoises, DrawsByFlow):
    """A density of images p(y), y in [0, 1], that judges integers x through a dequantizer.

    With v ~ q(v | x) on [0, 1)^D and y = (x + v) / levels, every draw weighs

      log w = log p(y) - D log(levels) - log q(v | x),      E[w] = P(x),

    so that a bound of the weights is a lower bound of log P(x) (Theis, van den Oord, Bethge 2016;
    Ho et al. 2019, "Flow++"; Hoogeboom, Cohen, Tomczak 2020, "Learning Discrete Distributions by
    Dequantization"). The loss is minus that bound. Noise model and bound are two choices.

    A condition becomes one context of features that density and dequantizer are given.

    With `GaussianNoise`, which reaches beyond a level, log w has log r(x | x + v) in addition, the
    probability that x is read from the sum: see there what the bound is then a bound of. The
    density is that of noisy images, and so are its samples; with `denoise` the step of `Denoises`
    follows, y + σ² ∇ log p(y), and images are the levels nearest to that.

    Args:
      spec: the data's `DataSpec`.
      make_density: makes the `Prior` over y [height, width, channels]; called without arguments.
      make_dequantizer: makes the `NoiseModel`, a `Dequantizer` or `GaussianNoise`; called without
        arguments.
      make_bound: makes the bound that is trained; called without arguments.
      make_condition_encoder: makes the `ConditionEncoder`, called with the spec; None: the model
        takes no condition.
      denoise: whether samples are denoised.

    Raises:
      ValueError: if noise within a level is to be denoised, or Gaussian noise comes with a density
        that begins with a map of the unit interval.
    """

    round_trip_of = "images"
    meanings = MappingProxyType({"draft": DRAFT})

    def __init__(
        self,
        spec,
        *,
        make_density,
        make_dequantizer=UniformDequantizer,
        make_bound=ELBO,
        make_condition_encoder=None,
        denoise=False,
    ):
        super().__init__(spec)
        context = self._take_condition(make_condition_encoder, spec)
        self.density = made_by(make_density, "PixelFlow.make_density")
        self.density.build((None, *spec.shape), context)
        self.dequantizer = made_by(make_dequantizer, "PixelFlow.make_dequantizer")
        self.dequantizer.build(spec.shape, spec.levels, context)
        self.bound = made_by(make_bound, "PixelFlow.make_bound")
        self.noise_deviation = self.dequantizer.deviation
        self.denoise = denoise
        if denoise:
            self.require_denoising()
        if self.noise_deviation is not None:
            _refuse_unit_intervals(self.density)
        self.built = True

    @property
    def likelihood(self):
        """The name of the bound that is trained."""
        noisy = "" if self.noise_deviation is None else ", levels read from noise one by one"
        return self.bound.name + noisy

    def _loss_terms(self, x, seed, training, condition):
        """{"loss", "nll"[, "draft"]}, each [batch]: nll is minus the bound, in nats."""
        nll = -self.bound(self._log_weights(x, seed, self.bound.num_samples, condition, training))
        terms = {"nll": nll}
        if draft_weights(self.density):
            terms["draft"] = self._draft_loss(x, random.fold(seed, "draft"), condition)
        return {"loss": tf.add_n(list(terms.values())), **terms}

    def _draft_loss(self, x, seed, condition):
        """That of the density's drafts, at one draw of the noise for each example."""
        context = self._context(condition)
        v, _ = self.dequantizer.sample_and_log_prob(x, seed, context, False)
        loss = self.density.drafted((tf.cast(x, v.dtype) + v) / self.spec.levels, context)
        return tf.cast(loss, tf.float32)

    def _log_weights(self, x, seed, num_samples, condition, training):
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
        log_ratio = self.dequantizer.log_reading(v, x) - log_q
        log_weights = log_density - volume + tf.cast(log_ratio, tf.float32)
        return tf.transpose(tf.reshape(log_weights, (-1, num_samples)))

    def parameter_groups(self):
        """ "flow": everything, the dequantizer and the condition encoder as well.

        Apart from it "draft", if the density has any.
        """
        return with_drafts_apart({"flow": self.trainable_weights}, self.density)

    def _draw(self, num, seed, temperature, condition):
        """Draws y from the density, and gives the level that it lies in: floor(levels * y)."""
        y = self.density._sample(num, seed, temperature, self._context(condition))
        return self._levels_of(self._denoised(y, condition) if self.denoise else y)

    def _draw_both(self, num, seed, temperature, condition):
        """The levels of y, and of y after the step."""
        y = self.density._sample(num, seed, temperature, self._context(condition))
        return self._levels_of(y), self._levels_of(self._denoised(y, condition))

    def _denoised(self, y, condition):
        """y + σ² ∇ log p(y)."""
        log_density = self.density.log_prob(y, self._context(condition))
        # Not by a tape: what makes a piece's graph pauses them.
        (score,) = tf.gradients(log_density, y)
        return y + self.noise_deviation**2 * score

    def _levels_of(self, y):
        # Noise may well end on an edge; a bijector that does so ends in a bounded interval.
        bounded = self.noise_deviation is None
        return drawn_images(y, self.spec.levels, rounded=False, edges=bounded)

    @property
    def sampled_prior(self):
        """The density of y."""
        return self.density

    def _round_trip(self, x, seed, condition):
        """levels * y = x + v, and the same through the density's bijectors and back."""
        context = self._context(condition)
        v, _ = self.dequantizer.sample_and_log_prob(x, seed, context, False)
        before = tf.cast(x, v.dtype) + v
        after = self.density.round_trip(before / self.spec.levels, context) * self.spec.levels
        return tf.cast(before, tf.float32), tf.cast(after, tf.float32)


def _repeated(values, num):
    """Every row `num` times, one after the other: [batch, ...] to [batch * num, ...]."""
    copies = tf.tile(values[:, None], [1, num, *[1] * (values.shape.rank - 1)])
    return tf.reshape(copies, (-1, *values.shape[1:]))


def _refuse_unit_intervals(density):
    for layer in density._flatten_layers():
        if getattr(layer, "of_unit_interval", False):
            raise ValueError(
                f"Gaussian noise leaves [0, 1], where the density's {type(layer).__name__} has no "
                "place for it; take Center in its place, or a dequantizer."
            )
