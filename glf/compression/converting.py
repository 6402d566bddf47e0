"""Trained integer flows to integer models: every network in integers, every prior by tables."""

import numpy as np
import tensorflow as tf

from glf.compression.float_network import FloatNetwork
from glf.compression.integer_model import (
    LARGEST_MEAN,
    LARGEST_TRANSLATION,
    IntegerModel,
    Prior,
    seen_of,
)
from glf.compression.quantising import FloatConv, quantise
from glf.compression.symbols import Window
from glf.compression.tables import (
    FRACTION,
    LOGIT_STEPS,
    LOWEST,
    SCALES,
    STEPS,
    make_tables,
)
from glf.families import IntegerLogisticMixture
from glf.integer_flows import (
    ChannelPermutation,
    IntegerChain,
    IntegerCoupling,
    IntegerSqueeze,
    Permuted,
    TriangularIntegerCoupling,
)
from glf.models.integer_flow import IntegerFlow
from glf.networks.plain import HasPlainLayers

# What a network gives for log s is counted in parts of a nat, to so many nats from 0.
_SCALE_STEPS, _SCALE_REACH = 64, 16
_TRIANGULAR_FRACTION = 8


def convert(model, images):
    """The `IntegerModel` of a trained `IntegerFlow`, its networks in integers.

    Args:
      model: the flow.
      images: some hundred images of its training data [n, height, width, channels], by which the
        ranges of tensors are found.

    Raises:
      ValueError: if the model is no integer flow, takes a condition, or has a part that cannot be
        computed by integers, or whose sums cannot be bounded.
    """
    return _Walk(model, images, _in_integers).made


def in_floats(model, images):
    """The same with the model's own networks, in floats: coded by the machine it is decoded by."""
    return _Walk(model, images, FloatNetwork).made


def _in_integers(network, inputs, unit, factors, limit, offsets):
    if not isinstance(network, HasPlainLayers):
        raise ValueError(
            f"{type(network).__name__} cannot be turned into integers: it is not made of "
            "convolutions and rectifiers alone. Take a DenseNetConditioner or a RezeroConditioner, "
            "or compress with --float."
        )
    layers = [
        FloatConv(np.asarray(each.kernel), np.asarray(each.bias), *each[2:])
        for each in network.plain_layers()
    ]
    return quantise(layers, inputs, unit, factors, limit, offsets)


class _Walk:
    """Goes through a flow from the data to the base, with examples.

    Attributes:
      made: the `IntegerModel`.
    """

    def __init__(self, model, images, make_network):
        if not isinstance(model, IntegerFlow):
            raise ValueError(
                f"Files are coded by an IntegerFlow, and this is a {type(model).__name__}."
            )
        if model.condition_encoder is not None:
            raise ValueError("A model that takes a condition cannot code files: train one without.")
        self._make_network, self._unit = make_network, model.unit
        spec, density = model.spec, model.density
        self.made = IntegerModel(spec.shape, spec.levels, model.offset, [], [], [], make_tables())
        z = np.asarray(images).astype(np.int64) - model.offset
        for stage in density.stages:
            z = self._part(stage, z) if hasattr(stage, "parting") else self._map(stage.map, z)
        self._add_prior(density.last, z, None)

    def _map(self, made, x):
        """Adds the stages of a map; returns what it makes of the examples."""
        if isinstance(made, IntegerChain):
            for each in made.maps:
                x = self._map(each, x)
            return x
        if isinstance(made, Permuted):
            order = np.asarray(made.permutation.permutation).tolist()
            x = self._map(made.map, self._add({"do": "permute", "order": order}, x))
            if made.back:
                x = self._add({"do": "permute", "order": np.argsort(order).tolist()}, x)
            return x
        if isinstance(made, ChannelPermutation):
            return self._add({"do": "permute", "order": np.asarray(made.permutation).tolist()}, x)
        if isinstance(made, IntegerSqueeze):
            return self._add({"do": "squeeze", "factors": list(made.factors)}, x)
        if isinstance(made, IntegerCoupling):
            return self._coupling(made, x)
        raise ValueError(f"{type(made).__name__} cannot be turned into an integer model.")

    def _coupling(self, made, x):
        moved = made.moved_channels
        factors, stage = np.full(moved, float(self._unit)), {"do": "move", "kept": made.kept}
        limit = LARGEST_TRANSLATION
        if isinstance(made, TriangularIntegerCoupling):
            steps = 2.0**_TRIANGULAR_FRACTION
            factors = np.full(moved + moved * (moved - 1) // 2, steps)
            factors[:moved] *= self._unit
            stage |= {"do": "triangular", "fraction": _TRIANGULAR_FRACTION}
            limit = LARGEST_MEAN
        stage["network"] = self._add_network(made.network, x[..., : made.kept], factors, limit)
        return self._add(stage, x)

    def _add(self, stage, x):
        self.made.stages.append(stage)
        return self.made.inverse(stage, x)

    def _add_network(self, network, inputs, factors, limit, offsets=0.0):
        made = self._make_network(network, inputs, self._unit, factors, limit, offsets)
        self.made.networks.append(made)
        return len(self.made.networks) - 1

    def _part(self, stage, z):
        parting = stage.parting
        changed = [parting.stay_shape[i] != z.shape[i + 1] for i in range(3)]
        axis = 1 + changed.index(True)
        made = {"do": "part", "axis": axis, "stay": parting.stay_shape[axis - 1]}
        made |= {"lines": getattr(parting, "lines", 0), "prior": len(self.made.priors)}
        self.made.stages.append(made)
        stay, out = np.split(z, [made["stay"]], axis)
        self._add_prior(stage.prior, out, seen_of(made, stay))
        return stay

    def _add_prior(self, prior, out, seen):
        family, channels = prior.family, out.shape[-1]
        if not isinstance(family, IntegerLogisticMixture):
            raise ValueError(
                f"{type(family).__name__} has no tables of integers; take IntegerLogisticMixture."
            )
        k = family.components
        centre = self._unit * 2.0**FRACTION
        factors = np.repeat([float(LOGIT_STEPS)] * (k > 1) + [centre, float(_SCALE_STEPS)], k)
        offsets = np.zeros(len(factors))
        offsets[-2 * k : -k] = centre * means_offsets(family)
        network = constants = None
        if prior.network is None:
            given = np.asarray(prior.parameters())[0]
            constants = np.rint(np.clip(given * factors + offsets, -LARGEST_MEAN, LARGEST_MEAN))
            constants = constants.astype(np.int32)
        else:
            own = (np.tile(factors, channels), LARGEST_MEAN, np.tile(offsets, channels))
            network = self._add_network(prior.network, seen, *own)
        low, high = int(out.min()), int(out.max())
        margin = (high - low + 3) // 4
        window = Window.around(low - margin, high + margin)
        made = (k, channels, window.low, window.bits, scale_table(family), network, constants)
        self.made.priors.append(Prior(*made))


def means_offsets(family):
    """Where the means of the components begin, in units: what `split` adds to 0."""
    _, means, _ = family.split(tf.zeros([family.parameter_size]))
    return np.asarray(means, np.float64) / family.unit


def scale_table(family):
    """int32: the numbers of scales for r = -R, ..., R in parts of a nat, see `Prior.scales`."""
    reach = _SCALE_STEPS * _SCALE_REACH
    given = np.arange(-reach, reach + 1, dtype=np.float32)[:, None] / _SCALE_STEPS
    parameters = np.tile(given, (1, family.parameter_size))
    log_scales = np.asarray(family.split(tf.constant(parameters))[2], np.float64)[:, 0]
    found = np.rint(STEPS * (log_scales / np.log(2.0) - LOWEST))
    return np.clip(found, 0, SCALES - 1).astype(np.int32)
