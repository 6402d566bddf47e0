"""An inverse autoregressive flow over all values of an image."""

from glf.bijectors.autoregressive import AutoregressiveBijector
from glf.bijectors.base import ImageBijector
from glf.bijectors.elementwise import AffineMap
from glf.networks.masked_image_network import MaskedImageNetwork
from glf.solvers.fixed_point import FixedPoint


class ImageIAF(AutoregressiveBijector, ImageBijector):
    """y_i = f(u_i; θ_i(u_before i)), log|det dy/du| = Σ log f', i running through all values.

    The inverse autoregressive flow (Kingma et al. 2016, section 4) with a masked convolutional
    network; values are ordered row by row, channels fastest. As the noise model of a dequantizer it
    is autoregressive dequantization (Hoogeboom, Cohen, Tomczak 2020). Sampling, the forward, takes
    one pass of the network; the inverse is solved, in h·w·c passes at most and mostly far fewer.
    The network must not depend on `training`.

    Args:
      make_map: factory of the elementwise map f, called without arguments.
      make_network: factory of the masked network θ, called with `parameters=` and `dtype=`.
      make_solver: factory of the inverse's `Solver`, called without arguments.
      make_draft: factory of an `ImageConditioner` that guesses the inverse's result, see
        `AutoregressiveBijector`.
      fraction_bits: what the network sees of a value, or None, see `AutoregressiveBijector`.
    """

    def __init__(
        self,
        make_map=AffineMap,
        make_network=MaskedImageNetwork,
        make_solver=FixedPoint,
        make_draft=None,
        fraction_bits=None,
        *,
        dtype="float32",
    ):
        super().__init__(
            make_map, make_network, make_solver, make_draft, fraction_bits, dtype=dtype
        )

    def _forward(self, u, condition, training):
        """One pass."""
        return self._at_once(self.elementwise.apply, u, condition)

    def _inverse(self, y, condition, training):
        """As many passes as it takes."""
        return self._solved(self.elementwise.undo, y, condition)
