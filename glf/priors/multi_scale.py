"""Flows of several scales: squeeze, transform, factor out, again."""

from functools import partial

from glf.bijectors.chain import Chain
from glf.bijectors.logit import Logit
from glf.bijectors.squeeze import Squeeze
from glf.priors.conditional_gaussian import ConditionalGaussian
from glf.priors.factored_out import FactoredOut
from glf.priors.flow import Flow


class MultiScale(Flow):
    """A flow of images in several scales, as in RealNVP and Glow.

    From the data on: the preprocessing; then for each scale a bijector, after which half of the
    channels is factored out under its own prior and the rest goes on to the next scale; after the
    last scale all that is left is judged by the last prior.

      log p(y | context) = sum over scales of (log|det| + log p(z_out | z_stay, context))
                           + log p_last(z | context)

    In code it is a `Flow` whose base is a `FactoredOut` prior, whose rest is such a flow again.

    Args:
      make_scale: factory of the bijector of one scale; called once for each.
      num_scales: how many scales, at least 1; every one but the last factors out.
      make_last_scale: factory of the last scale's bijector; None: `make_scale`.
      make_preprocessing: factory of what comes first, from y in [0, 1] to the real line; None:
        nothing.
      make_part: factory of the prior of each part that is factored out, or a list of them, one for
        each scale but the last, from the data on.
      make_last: factory of the prior of what is left.
      make_context: factory of the `ContextNetwork` of each scale, which makes the scale's condition
        of that of the scale before, the first one of the whole: a `DownsampledContext` gives every
        scale the features of its size. None: all scales have the same condition, averaged over
        blocks where it is larger.
      squeeze: whether every scale begins with a `Squeeze`, ahead of `make_scale`'s bijector. False
        for one that squeezes by itself, as RealNVP's does between its couplings.
      groups: of the channels, in which each scale factors out, see `FactoredOut`: 4 for a flow
        whose density is the same for an image and its rotations.
      dtype: of these squeezes: the bijectors'.

    Raises:
      ValueError: if there is no scale, or there are more or fewer factories of parts than scales
        that factor out; in `build`, if a side cannot be halved that often.
    """

    def __init__(
        self,
        make_scale,
        num_scales=2,
        *,
        make_last_scale=None,
        make_preprocessing=Logit,
        make_part=ConditionalGaussian,
        make_last=ConditionalGaussian,
        make_context=None,
        squeeze=True,
        groups=1,
        dtype="float32",
    ):
        if num_scales < 1:
            raise ValueError(f"MultiScale.num_scales must be at least 1, got {num_scales}.")
        factories = [make_scale] * (num_scales - 1) + [make_last_scale or make_scale]
        if callable(make_part):
            make_parts = [make_part] * (num_scales - 1)
        elif len(make_part) != num_scales - 1:
            raise ValueError(
                "MultiScale.make_part is one factory, or a list of one for each scale but the "
                f"last: {num_scales - 1} for num_scales={num_scales}, got {len(make_part)}."
            )
        else:
            make_parts = list(make_part)

        def parts_of(scale):
            """Factories of the bijector and of the base."""
            makers = [make_preprocessing] if make_preprocessing is not None and scale == 0 else []
            makers += [partial(Squeeze, dtype=dtype)] if squeeze else []
            make_bijector = partial(Chain, [*makers, factories[scale]])
            if scale == num_scales - 1:
                return make_bijector, make_last
            make_rest = partial(Flow, *parts_of(scale + 1), make_context=make_context)
            return make_bijector, partial(FactoredOut, make_parts[scale], make_rest, groups)

        super().__init__(*parts_of(0), make_context=make_context)
