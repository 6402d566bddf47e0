"""A flow: a base density seen through a bijector."""

from glf.bijectors.chain import Chain
from glf.bijectors.coupling import BothHalvesCoupling
from glf.bijectors.guidance import check_guidable, guided_forward
from glf.bijectors.permutation import RandomPermutation
from glf.core.nameable import nameable
from glf.core.part import made_by
from glf.priors.base import BaseDensity, Prior
from glf.priors.fitted import FittedPrior
from glf.priors.standard import StandardNormal


@nameable()
def paper_bijector(num=4):
    """Generative Latent Flow's bijector: `num` both-halves couplings, each with a permutation."""
    return Chain([BothHalvesCoupling, RandomPermutation], repeats=num)


class Flow(Prior):
    """A normalizing flow: z = forward(u) with u from a base density.

      log p(z | condition) = log p_base(u | condition) + log|det du/dz|,   u = inverse(z; condition)

    Density and samples come from the bijector's fused methods, one evaluation of every network
    per pass; `distribution` hands out the same ones under TFP's interface.

    Args:
      make_bijector: factory of the bijector, called without arguments; its dtype is the flow's.
      make_base: factory of the base density, called without arguments, of the same dtype.
      make_fitted_base: factory of a `FittedPrior` that takes the base's place outside of training,
        fitted to base points of training examples by a model that does so, such as `GLF`; None:
        the base is the base. What a flow leaves of the data's shape in its base space, places where
        the base has mass and no data lie, costs few nats and spoils many samples: a share s of all
        mass costs -log(1 - s).
      make_context: factory of a `ContextNetwork`, called with `dtype=`: what it makes of the
        condition is the condition of bijector and base. None: the condition itself.

    Raises:
      ValueError: if bijector and bases have different dtypes, if one is given in place of a
        factory, or if the fitted base is none that is fitted.
    """

    def __init__(
        self,
        make_bijector=paper_bijector,
        make_base=StandardNormal,
        *,
        make_fitted_base=None,
        make_context=None,
    ):
        bijector = made_by(make_bijector, "Flow.make_bijector")
        base = made_by(make_base, "Flow.make_base")
        if bijector.compute_dtype != base.compute_dtype:
            raise ValueError(
                "A flow's bijector and base need one dtype, got "
                f"{bijector.compute_dtype} and {base.compute_dtype}."
            )
        super().__init__(dtype=bijector.compute_dtype)
        self.bijector = bijector
        self.base, self.fitted_base = base, None
        if make_fitted_base is not None:
            self.fitted_base = _fitted_base(make_fitted_base, bijector.compute_dtype)
        self.context_network = None
        if make_context is not None:
            self.context_network = made_by(make_context, "Flow.make_context", dtype=self.dtype)

    def build(self, input_shape, condition_shape=None):
        """Builds bijector and base."""
        super().build(input_shape, condition_shape)
        if self.context_network is not None and condition_shape is not None:
            self.context_network.build(condition_shape)
            condition_shape = self.context_network.context_shape
        self.bijector.build(input_shape, condition_shape)
        self.base.build((None, *self.bijector.base_shape), condition_shape)
        if self.fitted_base is not None:
            self.fitted_base.build((None, *self.bijector.base_shape))

    def _base(self, training=False):
        """What base points follow."""
        return self.base if training or self.fitted_base is None else self.fitted_base

    def log_prob(self, z, condition=None, training=False):
        """Returns log p(z | condition), shape [batch], in nats."""
        condition = self._context(condition)
        u, log_det = self.bijector.inverse_and_log_det(z, condition, training)
        base = self._base(training)
        if base is self.fitted_base:
            condition = None
        return base.log_prob(u, condition, training) + log_det

    def drafted(self, z, condition=None):
        """See `Prior`: the bijector's, and the base's."""
        condition = self._context(condition)
        u, loss = self.bijector.drafted(z, condition)
        return loss + self.base.drafted(u, condition)

    def _sample(self, num, seed, temperature, condition):
        """Draws from the base at `temperature` and maps forward: [num, ...event].

        With a condition of shape [num, ...], row i of the sample follows row i of the condition.
        """
        condition = self._context(condition)
        base = self._base()
        given = None if base is self.fitted_base else condition
        u = base._sample(num, seed, temperature, given)
        return self.bijector.forward(u, condition)

    def check_guidable(self):
        """Refuses flows that guidance is not defined for, see `guided_forward`.

        Raises:
          ValueError: if a layer of the bijector or the base depends on the condition otherwise.
        """
        check_guidable(self.bijector)
        if not isinstance(self._base(), BaseDensity | FittedPrior):
            raise ValueError(
                "Guidance is defined for flows whose base is the same for all conditions, such as "
                f"StandardNormal; this one has a {type(self._base()).__name__}."
            )

    def sample_guided(self, num, seed, temperature, condition, without, weight):
        """Draws as `sample` does, each affine layer guided from `without` to `condition`.

        Both are [num, ...]; `weight` w is a scalar of at least 0, see `guided_forward`.
        """
        self.check_guidable()
        condition, without = self._context(condition), self._context(without)
        u = self._base().sample(num, seed, temperature)
        return guided_forward(self.bijector, u, condition, without, weight)

    @property
    def reparameterization_type(self):
        """The base's."""
        return self._base().reparameterization_type

    def to_base(self, z, condition=None):
        """The base point u of every z."""
        return self.bijector.inverse(z, self._context(condition))

    def from_base(self, u, condition=None):
        """The point z of every base point u."""
        return self.bijector.forward(u, self._context(condition))

    def _context(self, condition):
        """What bijector and base are given as their condition."""
        if self.context_network is None or condition is None:
            return condition
        return self.context_network(condition)

    def round_trip(self, z, condition=None):
        """forward(inverse(z)), with the base's own round trip between them."""
        u = self.to_base(z, condition)
        return self.from_base(self.base.round_trip(u, self._context(condition)), condition)


def _fitted_base(make, dtype):
    """What `make` makes.

    Raises:
      ValueError: if it is no `FittedPrior`, or of another dtype.
    """
    made = made_by(make, "Flow.make_fitted_base")
    if not isinstance(made, FittedPrior) or made.compute_dtype != dtype:
        raise ValueError(
            f"Flow.make_fitted_base makes a prior that is fitted, of {dtype}, such as "
            f"FittedMixture; got a {type(made).__name__} of {made.compute_dtype}."
        )
    return made
