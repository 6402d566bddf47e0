"""Kernels made once, in exports and models of runs: no part of their state."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors import Chain, ImageCoupling, InvertibleConv1x1
from glf.data.dataset import DataSpec
from glf.export import export_model
from glf.layers.group_conv import GroupConv2D
from glf.layers.kept_kernels import forget_kernels, keep_kernels
from glf.networks.dense_conditioner import DenseConditioner
from glf.networks.glow_conditioner import GlowConditioner
from glf.networks.group_autoencoder import GroupAutoencoder
from glf.training import restore


@pytest.fixture
def make_model(make_small_glf):
    """A factory of the same tiny GLF, whose autoencoder is of p4."""
    network = partial(GroupAutoencoder, group="p4", filters=2, hidden=4, num_downsamples=1)
    return partial(make_small_glf, DataSpec((4, 4, 1), 17, None), make_autoencoder=network)


X = np.random.default_rng(0).integers(0, 17, (3, 4, 4, 1)).astype(np.uint8)


def gathers(function):
    """How many kernels the graph of a function gathers, and of what it calls."""
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    return sum(node.op == "GatherV2" for node in nodes)


@pytest.mark.slow
def test_an_export_has_the_kernels_and_makes_none(make_model, tmp_path):
    model = make_model()
    layers = model.autoencoder.encoder._flatten_layers()
    convolutions = [layer for layer in layers if isinstance(layer, GroupConv2D)]
    assert len(convolutions) == 3
    before = model.encode(X).numpy()
    export_model(model, tmp_path / "export")
    loaded = tf.saved_model.load(str(tmp_path / "export"))
    signature = loaded.signatures["encode"]
    assert gathers(signature) == 0
    held = {tuple(v.shape) for v in signature.variables}
    assert {tuple(c.make_kernel().shape) for c in convolutions} <= held
    assert not {tuple(c.weight.shape) for c in convolutions} & held
    np.testing.assert_array_equal(loaded.encode(tf.constant(X))["latents"], before)
    drawn = loaded.sample(num=2, temperature=1.0, seed=tf.constant(3, tf.int64))["images"]
    np.testing.assert_array_equal(drawn, model.sample(2, 3))
    # The model itself goes on with its weights, whatever they become.
    for convolution in convolutions:
        assert convolution.kept is None
        convolution.weight.assign(2 * convolution.weight)
    assert np.abs(model.encode(X) - before).max() > 0.1 * np.abs(before).max()
    assert gathers(tf.function(model.encode).get_concrete_function(tf.constant(X))) == 3


def test_the_model_of_a_run_keeps_its_kernels(make_model, monkeypatch):
    monkeypatch.setattr(restore, "_checkpoint", lambda folder, which: None)
    monkeypatch.setattr(restore, "restore", lambda checkpoint, path, partial: {"step": 3})
    model, opened, y = make_model(), make_model(), tf.constant(X / 16, tf.float32)
    assert restore.restore_for_inference(opened, None, None) == 3
    encode = tf.function(opened.autoencoder.encode).get_concrete_function(y)
    assert gathers(encode) == 0
    np.testing.assert_array_equal(opened.autoencoder.encode(y), model.autoencoder.encode(y))
    assert len(opened.weights) == len(model.weights)
    assert keep_kernels(opened) == []
    with opened.settled():
        pass
    assert all(p.kept is not None for p in opened._flatten_layers() if isinstance(p, GroupConv2D))


def test_kept_kernels_are_no_state(tmp_path):
    layer = GroupConv2D(1, "p4", image=True)
    layer.build((None, 4, 4, 1))
    plain = tf.train.Checkpoint(layer=layer).write(str(tmp_path / "plain"))
    assert keep_kernels(layer) == [layer]
    kept = tf.train.Checkpoint(layer=layer).write(str(tmp_path / "kept"))
    assert tf.train.list_variables(kept) == tf.train.list_variables(plain)
    assert len(layer.weights) == 2


@pytest.mark.slow
def test_a_glow_makes_nothing_of_its_weights_any_more():
    network = partial(GlowConditioner, filters=3)
    flow = Chain([InvertibleConv1x1, partial(ImageCoupling, make_conditioner=network)])
    flow.build((None, 2, 2, 4))
    rng = np.random.default_rng(0)
    for weight in flow.trainable_weights:
        weight.assign_add(0.3 * rng.standard_normal(weight.shape))
    u = tf.constant(rng.standard_normal((3, 2, 2, 4)), tf.float32)

    def traced():
        """What both directions give, and the operations of their graphs."""
        ways = (flow.forward_and_log_det, flow.inverse_and_log_det)
        graphs = [tf.function(way).get_concrete_function(u) for way in ways]
        functions = [f for g in graphs for f in (g, *g.graph._functions.values())]
        types = {op.type for f in functions for op in f.graph.get_operations()}
        return tf.nest.map_structure(np.array, [graph(u) for graph in graphs]), types

    before, made_anew = traced()
    parts = keep_kernels(flow)
    kept, others = traced()
    tf.nest.map_structure(np.testing.assert_array_equal, kept, before)
    # Of normalised kernels, and of the matrix and its inverse.
    assert {"Rsqrt", "OneHot", "MatrixTriangularSolve"} <= made_anew - others
    lower = flow.bijectors[0].weight.lower
    lower.assign(lower + 1)
    tf.nest.map_structure(np.testing.assert_array_equal, traced()[0], before)
    forget_kernels(parts)
    assert np.abs(traced()[0][0][0] - before[0][0]).max() > 0.1


@pytest.mark.parametrize("kind", ["qr", "full", "p4"])
def test_matrices(kind):
    layer = InvertibleConv1x1(kind)
    layer.build((None, 2, 2, 4))
    matrix = layer.weight
    before = matrix.matrix().numpy(), matrix.inverse().numpy()
    assert keep_kernels(layer) == [matrix]
    np.testing.assert_array_equal((matrix.matrix(), matrix.inverse()), before)


def test_batch_normalisation_is_part_of_the_dense_layer_after_it():
    network = DenseConditioner(5, hidden=7, zero_init_last=False)
    network.build((None, 3), (None, 2))
    rng = np.random.default_rng(0)
    for weight in network.weights:
        weight.assign(np.abs(weight + 0.5 * rng.standard_normal(weight.shape)))
    x, condition = (tf.constant(rng.standard_normal((6, n)), tf.float32) for n in (3, 2))
    before, moments = network(x, condition), [w.numpy() for w in network.non_trainable_weights]
    assert keep_kernels(network) == [network]
    np.testing.assert_allclose(network(x, condition), before, rtol=2e-6)
    graph = tf.function(network).get_concrete_function(x, condition).graph
    parts = [graph, *(f.graph for f in graph._functions.values())]
    kinds = {op.type for part in parts for op in part.get_operations()}
    assert "MatMul" in kinds
    assert not {"Rsqrt", "Sqrt"} & kinds
    # In training the statistics are the batch's, and move.
    assert np.abs(network(x, condition, training=True) - before).max() > 0.1
    moved = zip(network.non_trainable_weights, moments, strict=True)
    assert all(np.abs(weight - value).max() > 0.01 for weight, value in moved)
