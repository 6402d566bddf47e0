"""Trained integer flows as integer models: by NumPy, in graphs, by XLA, in floats."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from glf.compression.converting import convert, in_floats, means_offsets, scale_table
from glf.compression.graph_network import GraphNetwork, in_graphs
from glf.compression.tables import LOWEST, STEPS
from glf.data.dataset import DataSpec
from glf.families import IntegerLogisticMixture
from glf.integer_flows import (
    IntegerChain,
    IntegerCoupling,
    IntegerMultiScale,
    IntegerPrior,
    Permuted,
    TriangularIntegerCoupling,
)
from glf.models import IntegerFlow
from glf.networks import (
    DenseNetConditioner,
    GlowConditioner,
    LabelEmbedding,
    RezeroConditioner,
)

pytestmark = pytest.mark.slow

SPEC = DataSpec((5, 4, 1), 17, num_classes=3)
DENSE = partial(DenseNetConditioner, growth=3, depth=1)
REZERO = partial(RezeroConditioner, filters=4, blocks=1)


def flow(network=DENSE, **options):
    def level(unit):
        maps = [
            partial(Permuted, partial(IntegerCoupling, 0.5, network), back=True),
            partial(Permuted, partial(TriangularIntegerCoupling, 0.5, REZERO)),
        ]
        return IntegerChain(maps, unit=unit)

    density = partial(
        IntegerMultiScale,
        levels=2,
        make_level=level,
        make_part=partial(IntegerPrior, network),
        make_last=partial(IntegerPrior, DENSE, partial(IntegerLogisticMixture, components=2)),
    )
    return IntegerFlow(SPEC, make_density=density, **options)


@pytest.fixture(scope="module")
def trained():
    """A flow whose weights are not those of its start, and images."""
    model = flow()
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign_add(0.1 * rng.normal(size=weight.shape))
    x = (rng.normal(size=(40, 5, 4, 1)) * 3 + np.arange(4)[:, None] * 2 + 5).clip(0, 16)
    return model, x.astype(np.uint8)


@pytest.fixture(scope="module")
def made(trained):
    return convert(*trained)


def test_the_likelihood_is_the_flows(trained, made):
    model, x = trained
    expected = -model.log_prob(x).numpy() / np.log(2)
    floats = in_floats(model, x)
    np.testing.assert_allclose(floats.bits(x).sum((1, 2, 3)), expected, rtol=0.02)
    assert floats.bits(x).mean() == pytest.approx(expected.mean() / 20, rel=0.005)
    assert made.bits(x).mean() == pytest.approx(expected.mean() / 20, rel=0.01)
    np.testing.assert_array_equal(floats.decode(floats.encode(x), len(x)), x)


def test_the_parts_are_the_flows(trained):
    """In floats the integers are those of the model itself, and so are the stages."""
    model, x = trained
    parts = model.density.parts(tf.cast(x, tf.float32) - model.offset)
    found = [part for _, part, _ in in_floats(model, x).through(x)]
    for one, other in zip(parts, found, strict=True):
        # The triangular coupling has its numbers in parts of 256 here.
        assert np.mean(np.asarray(one) == other) > 0.95


def test_files_are_the_same_whoever_computes(trained, made):
    _, x = trained
    data = made.encode(x)
    np.testing.assert_array_equal(made.decode(data, len(x)), x)
    graph = in_graphs(made)
    assert graph.encode(x) == data
    np.testing.assert_array_equal(graph.decode(data, len(x)), x)
    np.testing.assert_array_equal(graph.decode(graph.encode(x[::-1]), len(x)), x[::-1])
    network = made.networks[0]
    inputs = np.random.default_rng(1).integers(
        -40, 40, (3, 2, 2, network.convs[0].weights.shape[2])
    )
    expected = network.run(inputs)
    np.testing.assert_array_equal(GraphNetwork(network, jit=True).run(inputs), expected)


def test_tables_of_scales_and_means():
    family = IntegerLogisticMixture(1, components=3, unit=8)
    table = scale_table(family)
    r = np.array([-2.0, 0.0, 1.5], np.float32)
    parameters = np.tile(r[:, None], (1, family.parameter_size))
    _, means, log_scales = family.split(tf.constant(parameters))
    expected = STEPS * (np.asarray(log_scales)[:, 0] / np.log(2) - LOWEST)
    found = table[(r * 64).astype(int) + len(table) // 2]
    assert np.abs(found - expected).max() <= 0.5001
    offsets = 8 * (r[:, None] + means_offsets(family))
    np.testing.assert_allclose(means, offsets, rtol=1e-6)


def test_what_cannot_be_turned_into_integers(trained):
    _, x = trained
    with pytest.raises(ValueError, match="GlowConditioner cannot be turned into integers"):
        convert(flow(partial(GlowConditioner, filters=2)), x)
    with pytest.raises(ValueError, match="takes a condition"):
        convert(flow(make_condition_encoder=LabelEmbedding), x)
    with pytest.raises(ValueError, match="coded by an IntegerFlow, and this is a str"):
        convert("model", x)
