"""What the networks refuse, and what holds for one of them alone."""

import functools

import causal_battery as battery
import causal_reach
import numpy as np
import pytest
import tensorflow as tf

from glf.autoregressive.diagonal_bilstm import DiagonalBiLSTM
from glf.autoregressive.gated_pixel_cnn import GatedPixelCNN
from glf.autoregressive.model import AutoregressiveModel
from glf.autoregressive.pixel_cnn import PixelCNN
from glf.autoregressive.pixel_cnn_pp import PixelCNNPlusPlus
from glf.autoregressive.registry import REGISTRY
from glf.autoregressive.row_lstm import RowLSTM
from glf.autoregressive.view import WholeView
from glf.autoregressive.wavenet import WaveNet
from glf.data.dataset import DataSpec
from glf.families import DiscretizedLogisticMixture

IMAGE = (4, 4, 3)


@pytest.mark.parametrize(
    ("network", "settings", "words"),
    [
        (PixelCNN, {"filters": 7}, "filters must be even"),
        (PixelCNN, {"blocks": -1}, "blocks not negative"),
        (PixelCNN, {"filters": 24, "head": 6, "kernel": 4}, "odd number of columns"),
        (GatedPixelCNN, {"layers": 0}, "layers must be at least 1"),
        (GatedPixelCNN, {"first_kernel": 1}, "at least 3"),
        (GatedPixelCNN, {"filters": 7}, "divide into 3 groups"),
        (PixelCNNPlusPlus, {}, "decides them together"),
        (RowLSTM, {"filters": 9}, "RowLSTM.filters must be even"),
        (RowLSTM, {"filters": 32}, "divide into 3 groups"),
        (RowLSTM, {"filters": 24, "kernel": 2}, "odd number of columns"),
        (DiagonalBiLSTM, {"layers": 0}, "DiagonalBiLSTM.layers at least 1"),
        (WaveNet, {}, "AutoregressiveModel.raster = True"),
    ],
)
def test_networks_refuse(network, settings, words):
    with pytest.raises(ValueError, match=words):
        network(IMAGE, 3, 3, **settings)


@pytest.mark.parametrize(
    ("shape", "settings", "words"),
    [
        ((6, 8, 1), {}, "divisible by 4, got .6, 8, 1.; choose fewer"),
        ((8, 7, 1), {"downsamplings": 1}, "divisible by 2"),
        ((8, 8, 1), {"downsamplings": 3}, "downsamplings of 0, 1 or 2"),
        ((8, 8, 1), {"resnets": 0}, "resnets of at least 1"),
        ((8, 8, 1), {"dropout": 1.0}, "dropout in"),
    ],
)
def test_plus_plus_refuses(shape, settings, words):
    with pytest.raises(ValueError, match=words):
        PixelCNNPlusPlus(shape, 3, **settings)


@pytest.mark.parametrize("settings", [{"dilations": 0}, {"cycles": 0}, {"first_kernel": 0}])
def test_wavenet_refuses(settings):
    with pytest.raises(ValueError, match="must be at least 1"):
        WaveNet((8, 1, 1), 1, **settings)


@pytest.mark.parametrize(("dilations", "cycles", "first"), [(1, 1, 1), (3, 1, 2), (2, 2, 1)])
def test_wavenets_field(dilations, cycles, first):
    """The last cycles * (2^dilations - 1) + first_kernel values, neither more nor fewer."""
    network = functools.partial(
        WaveNet, filters=6, dilations=dilations, cycles=cycles, first_kernel=first, head=6
    )
    case = battery.Case(
        lambda: AutoregressiveModel(DataSpec((14, 1, 1), 4, None), make_network=network)
    )
    field = cycles * (2**dilations - 1) + first
    battery.check_masks(case, causal_reach.wavenet((14, 1, 1), 1, field))


def test_plus_plus_is_aligned_to_its_scales():
    for downsamplings in (0, 1, 2):
        network = PixelCNNPlusPlus((8, 8, 1), 1, filters=2, resnets=1, downsamplings=downsamplings)
        assert network.alignment == 2**downsamplings
        assert network.pixelwise == (downsamplings == 0)


@pytest.mark.parametrize("name", ["gated_colour_labels", "plus_plus", "plus_plus_three_scales"])
def test_rows_depend_on_rows_above_only(name):
    """What networks compute once a row knows nothing of the row itself, on any scale."""
    case = battery.Case(REGISTRY[name])
    model, context = case.model, case.model.arranged(case.context)
    height = model.image_shape[0]
    row = height // 2
    changed = tf.concat([case.x[:, :row], case.images(battery.BATCH)[:, row:]], 1)
    links, others = (
        model.network.rows(WholeView(x, model.embed), context) for x in (case.x, changed)
    )
    assert any(np.abs(a - b).max() > 0 for a, b in zip(links, others, strict=True))
    for a, b in zip(links, others, strict=True):
        scale = height // a.shape[1]
        same = row // scale + 1
        np.testing.assert_array_equal(a[:, :same], b[:, :same])


def test_no_dropout_at_rate_zero():
    """Whatever the seed."""
    network = functools.partial(
        PixelCNNPlusPlus, filters=4, resnets=1, downsamplings=1, dropout=0.0
    )
    model = AutoregressiveModel(
        DataSpec((4, 4, 1), 4, None), make_network=network, make_family=DiscretizedLogisticMixture
    )
    x = tf.zeros([2, 4, 4, 1], tf.int32)
    a, b = (model.loss_terms(x, seed=seed)["nll"] for seed in (None, tf.constant([1, 2])))
    np.testing.assert_array_equal(a, b)
