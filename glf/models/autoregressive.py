"""Autoregressive models of images: every pixel given those before it."""

import functools
from types import MappingProxyType

import tensorflow as tf

from glf.autoregressive.model import AutoregressiveModel
from glf.core import random
from glf.core.checks import ensured
from glf.core.part import made_by
from glf.models.abilities import HasDensity
from glf.models.base import GenerativeModel
from glf.models.drawing import DrawsBySampler, rows_of_piece
from glf.models.drawn import drawn_integers
from glf.samplers.predictive import Predictive

FORECAST = "cross-entropy of the forecasting module, over all positions and its horizon"
WINDOWED = functools.partial(Predictive, rows="auto")


class Autoregressive(GenerativeModel, HasDensity, DrawsBySampler):
    """A model with P(x) = prod_i p(x_i | x_<i), trained by maximum likelihood.

    The loss of an example, in nats, is -log P(x), and beside it, without any influence on the
    model, the cross-entropy of its forecaster if it has one:

      loss = nll + forecast.

    Args:
      spec: the data's `DataSpec`.
      make_density: makes the `AutoregressiveModel`; called with `spec` and `context_shape`.
      make_condition_encoder: makes the `ConditionEncoder`, called with the spec; None: the model
        takes no condition.
      make_sampler: makes the `Sampler` that `sample` uses; each gives the same images. The default
        is fixed-point iteration in windows of rows.
    """

    by_xla = ("_log_prob",)
    meanings = MappingProxyType({"forecast": FORECAST})

    def __init__(
        self,
        spec,
        *,
        make_density=AutoregressiveModel,
        make_condition_encoder=None,
        make_sampler=WINDOWED,
    ):
        super().__init__(spec)
        self.density = made_by(
            make_density,
            "Autoregressive.make_density",
            spec=spec,
            context_shape=self._take_condition(make_condition_encoder, spec),
        )
        self.sampler = made_by(make_sampler, "Autoregressive.make_sampler")
        self.rows = rows_of_piece(self.density)
        self.built = True

    @property
    def sampled(self):
        """The density."""
        return self.density

    def _loss_terms(self, x, seed, training, condition):
        """{"loss", "nll"[, "forecast"]}, each [batch] in nats. `seed` drives dropout."""
        dropout = random.fold(seed, "dropout") if training else None
        terms = self.density.loss_terms(x, self._context(condition), dropout)
        return {"loss": tf.add_n(list(terms.values())), **terms}

    def parameter_groups(self):
        """ "density", and "forecaster" if there is one."""
        return density_groups("density", self.density, self.condition_encoder)

    def _log_prob(self, x, seed, condition):
        return self.density.log_prob(x, self._context(condition))

    def _draw(self, num, seed, temperature, condition):
        """Draws with the model's own sampler; at temperature 0 the likeliest value everywhere."""
        return drawn_integers(self._samples(self.sampler, num, seed, temperature, condition).x)

    def complete(self, x, known, seed, temperature=1.0, condition=None, sampler=None):
        """Draws anew what is not known of images.

        Each value is drawn from p(x_i | x_<i), the known ones in their places. Where these come
        first in raster order that is P(unknown | known), the completion of an image. What is known
        further down has no influence on what is drawn above it.

        Args:
          x: images, integers [batch, height, width, channels]; only what is known is looked at.
          known: bool, broadcast to the shape of x: [height, width, 1], for example.
          seed: as for `sample`, like `temperature` and `condition`.
          sampler: a `Sampler`; None: the model's own.

        Returns uint8 [batch, height, width, channels].
        """
        x, known = tf.convert_to_tensor(x), tf.cast(known, tf.bool)
        if not x.dtype.is_integer:
            raise ValueError(f"Images to complete are integers, got {x.dtype.name}.")
        values = tf.where(known, tf.cast(x, tf.int32), -1)
        if values.shape[1:] != self.spec.shape:
            raise ValueError(
                f"Images to complete and their mask must have the shape {self.spec.shape} "
                f"together, got {values.shape[1:]}."
            )
        negative = tf.reduce_any(known & (values < 0))
        message = "Known values are integers of at least 0, got one of"
        values = ensured(values, ~negative, message, tf.reduce_min(x))
        sampler = sampler or self.sampler
        samples = self.sample_with(sampler, x.shape[0], seed, temperature, condition, values)
        return tf.cast(samples.x, tf.uint8)


def density_groups(name, density, condition_encoder):
    """The trainable weights of an `AutoregressiveModel` and of the encoder of its conditions.

    Returns {name: ...[, "forecaster": ...]}.
    """
    forecaster = density.forecaster
    apart = [] if forecaster is None else forecaster.trainable_weights
    others = {id(w) for w in apart}
    weights = [] if condition_encoder is None else list(condition_encoder.trainable_weights)
    weights += [w for w in density.trainable_weights if id(w) not in others]
    return {name: weights} if forecaster is None else {name: weights, "forecaster": apart}
