"""Solvers side by side on a model, and the drafts that it trains beside its flow."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors import MAF, BothHalvesCoupling, Chain
from glf.data import DataSpec
from glf.evaluation.sampling import table_of_samplers
from glf.evaluation.solving import compare_solvers, solvers_for
from glf.models.vector_flow import VectorFlow
from glf.networks.dense_conditioner import DenseConditioner
from glf.networks.made import MADE
from glf.priors import Flow
from glf.solvers import FixedPoint

DENSE = partial(DenseConditioner, hidden=8, batch_norm=False)


def made(make_bijector):
    keras.utils.set_random_seed(0)
    model = VectorFlow(DataSpec((4,), None, None), make_flow=partial(Flow, make_bijector))
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign_add(0.5 * rng.normal(size=weight.shape))
    return model


@pytest.fixture(scope="module")
def model():
    mafs = [
        partial(MAF, make_network=partial(MADE, hidden=(8,), order=order), make_draft=DENSE)
        for order in ("sequential", "reversed")
    ]
    return made(partial(Chain, mafs))


def test_drafts_are_a_group_and_a_term_of_their_own(model):
    groups = model.parameter_groups()
    assert list(groups) == ["flow", "draft"]
    assert sum(map(len, groups.values())) == len(model.trainable_weights)
    x = tf.random.stateless_normal([5, 4], [0, 0], alg="philox")
    with tf.GradientTape(persistent=True) as tape:
        terms = model.loss_terms(x, (0, 0), True)
    assert list(terms) == ["loss", "nll", "draft"]
    np.testing.assert_allclose(terms["loss"], terms["nll"] + terms["draft"])
    assert all(g is None for g in tape.gradient(terms["draft"], groups["flow"]))
    assert all(g is not None for g in tape.gradient(terms["draft"], groups["draft"]))
    assert all(g is None for g in tape.gradient(terms["nll"], groups["draft"]))


@pytest.mark.slow
def test_exact_solvers_agree_and_others_are_found_out(model):
    names = ("sequential", "drafted")
    solvers = {**solvers_for(model, names, jit=False), "early": FixedPoint(tolerance=0.5)}
    results = compare_solvers(model, solvers, seeds=2, batch=3)
    for name in names:
        figures = results[name]
        assert figures["differing"] == figures["uncertified"] == figures["error"] == 0, name
        assert 0 < figures["slowest_percent"]["mean"] <= 100
    assert results["sequential"]["calls_percent"]["values"] == [100.0, 100.0]
    early = results["early"]
    assert early["differing"] > 0 < early["uncertified"]
    assert 0 < early["error"] <= 0.5
    table = table_of_samplers(results)
    assert "passes (% of d)" in table
    assert all(name in table for name in solvers)


def test_what_a_model_can_be_solved_by(model):
    assert "drafted" in solvers_for(model)
    assert "cached_sequential" in solvers_for(model)
    coupling = made(partial(BothHalvesCoupling, make_conditioner=DENSE))
    with pytest.raises(ValueError, match="no autoregressive bijector"):
        coupling.solve_with(FixedPoint(), 2, 0)
