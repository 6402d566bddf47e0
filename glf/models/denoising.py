"""The ability to take Gaussian noise out of images."""

import abc
import typing

import tensorflow as tf

from glf.models.signatures import Ability


class Denoises(Ability):
    """Models of images y in [0, 1] with Gaussian noise on them, N(0, σ²), which they take out.

    With p the density of noisy images, E[clean | y] = y + σ² ∇ log p(y): exact for the p of the
    noisy data, by Tweedie's formula, and one step of the trained one's (Zhai et al. 2024, arXiv
    2412.06329, section 3.3).

    Attributes:
      noise_deviation: σ; None for a model whose noise is not of this kind, which does not denoise.
    """

    noise_deviation = None

    @typing.final
    def denoised(self, y, condition=None):
        """y + σ² ∇ log p(y), floats [batch, height, width, channels], of noisy images.

        Raises:
          ValueError: if the model does not denoise, or images or conditions are not what it was
            built for.
        """
        self.require_denoising()
        y = tf.convert_to_tensor(y, tf.float32)
        if y.shape.rank != 4 or not y.shape[1:].is_compatible_with(self.spec.shape):
            raise ValueError(
                f"Images of shape [batch, {', '.join(map(str, self.spec.shape))}] are denoised, "
                f"got {y.shape}."
            )
        condition = self._checked_condition(y, condition)
        return self._in_pieces(self._denoised, y=y, condition=condition)

    @typing.final
    def draw_both(self, num, seed, temperature=1.0, condition=None):
        """(noisy, denoised): the same samples as `Drawn`, before the step and after it.

        Arguments and errors as of `draw`.
        """
        self.require_denoising()
        return self._requested(self._draw_both, (), num, seed, temperature, condition)

    def require_denoising(self):
        """Refuses models whose noise is not Gaussian.

        Raises:
          ValueError: if this is one.
        """
        if self.noise_deviation is None:
            raise ValueError(
                f"This {type(self).__name__} does not denoise: its noise stays within a level. "
                "One with GaussianNoise as its noise model does."
            )

    @abc.abstractmethod
    def _denoised(self, y, condition):
        """The same of one piece."""

    @abc.abstractmethod
    def _draw_both(self, num, seed, temperature, condition):
        """The same of one piece."""
