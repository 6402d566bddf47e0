"""Every registered model through the battery; and that everything is registered."""

import importlib
import inspect
import pkgutil

import causal_battery as battery
import causal_reach
import numpy as np
import pytest

import glf.autoregressive
from glf.autoregressive.diagonal_bilstm import DiagonalBiLSTM
from glf.autoregressive.embedding import Embedding
from glf.autoregressive.network import CausalNetwork
from glf.autoregressive.pixel_cnn import PixelCNN
from glf.autoregressive.pixel_cnn_pp import PixelCNNPlusPlus
from glf.autoregressive.registry import REGISTRY
from glf.autoregressive.row_lstm import RowLSTM
from glf.autoregressive.wavenet import WaveNet

# The others only in the full run.
FAST = (
    "gated_colour_labels",
    "pixel_cnn_colour",
    "row_lstm_mixture_image",
    "wavenet_raster_image",
)
# One of each network.
EACH_NETWORK = (*FAST, "diagonal_bilstm", "plus_plus")


def settings_of(name):
    """The network's class, and the arguments the registry gives it."""
    make = REGISTRY[name].keywords["make_network"]
    return make.func, make.keywords


PIXELWISE = [
    name
    for name in REGISTRY
    if settings_of(name)[0] not in (RowLSTM, DiagonalBiLSTM, PixelCNNPlusPlus)
    or settings_of(name)[1].get("downsamplings") == 0
]
# Four scales' worth of pixels would be too many images.
TINY = [name for name in REGISTRY if settings_of(name)[1].get("downsamplings", 0) < 2]


def each(names=tuple(REGISTRY), fast=FAST):
    marked = [n if n in fast else pytest.param(n, marks=pytest.mark.slow) for n in sorted(names)]
    return pytest.mark.parametrize("case", marked, indirect=True)


@pytest.fixture(scope="module")
def case(request):
    case = battery.Case(REGISTRY[request.param])
    case.name = request.param
    return case


@pytest.fixture(scope="module")
def models():
    """One of each entry, with its initial weights."""
    return {name: make() for name, make in REGISTRY.items()}


def expected_reach(name, model):
    """What is seen where that is not everything, read off the registry's own settings."""
    network, settings = settings_of(name)
    image = model.image_shape, model.groups
    if network is PixelCNN:
        return causal_reach.pixel_cnn(*image, settings["first_kernel"], 3, settings["blocks"])
    if network is RowLSTM:
        return causal_reach.row_lstm(*image, settings["first_kernel"], 3, settings["layers"])
    if network is WaveNet:
        field = settings["cycles"] * (2 ** settings["dilations"] - 1)
        return causal_reach.wavenet(*image, field + settings.get("first_kernel", 1))
    return None


@each()
@pytest.mark.parametrize("check", battery.CHECKS.values(), ids=battery.CHECKS)
def test_passes(case, check):
    check(case)


@each(fast=EACH_NETWORK)
def test_masks(case):
    battery.check_masks(case, expected_reach(case.name, case.model))


@each(PIXELWISE, fast=("gated", "wavenet"))
def test_pixel_view(case):
    assert case.model.network.pixelwise
    battery.check_pixel_view(case)


def test_networks_that_compute_single_pixels_say_so(models):
    for name, model in models.items():
        assert model.network.pixelwise == (name in PIXELWISE)


@each(["gated", "plus_plus", "row_lstm", "diagonal_bilstm"], fast=())
def test_the_smallest_window(case):
    battery.check_rows_view(case, rows=case.model.network.alignment)


@each(["row_lstm", "diagonal_bilstm"], fast=())
def test_a_window_too_long_to_be_unrolled(case):
    battery.check_rows_view(case, rows=5)


@each((*EACH_NETWORK, "wavenet_labels"), fast=())
def test_xla(case):
    battery.check_xla(case)


def tiny(name):
    """The registry's model on a space of a few thousand images at most."""
    make, (network, _) = REGISTRY[name], settings_of(name)
    channels = make.args[0][2]
    shape = (4, 1, channels) if network is WaveNet and "raster" not in name else (2, 2, channels)
    return battery.Case(lambda: make.func(shape, 3 if channels == 1 else 2, **make.keywords))


@pytest.mark.parametrize(
    "name", [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in TINY]
)
def test_probabilities_sum_to_one(name):
    battery.check_sums_to_one(tiny(name))


@each([n for n in REGISTRY if settings_of(n)[0] is PixelCNNPlusPlus], fast=("plus_plus",))
def test_dropout(case):
    battery.check_dropout(case)


def test_the_blind_spot_of_masked_convolutions():
    """No depth shows a PixelCNN what a Gated PixelCNN of the same kernels sees."""
    image = (5, 5, 1), 1
    deep = causal_reach.pixel_cnn(*image, 3, 3, 20)
    row, column, _ = causal_reach.places(*image)
    right, down = column - column[:, None], row[:, None] - row
    blind = (down > 0) & (right > down)
    np.testing.assert_array_equal(deep, causal_reach.before(*image) & ~blind)
    assert blind.any()


def test_registry_is_complete(models):
    for module in pkgutil.iter_modules(glf.autoregressive.__path__):
        importlib.import_module(f"glf.autoregressive.{module.name}")
    todo, concrete = [CausalNetwork, Embedding], set()
    while todo:
        cls = todo.pop()
        todo.extend(cls.__subclasses__())
        if cls.__module__.startswith("glf.autoregressive") and not inspect.isabstract(cls):
            # By name: gin makes a subclass of the same name of each class that it knows.
            concrete.add((cls.__module__, cls.__qualname__))
    parts = [part for m in models.values() for part in (m.network, m.embedding)]
    assert {(type(part).__module__, type(part).__qualname__) for part in parts} == concrete
    assert {m.data_shape[2] for m in models.values() if m.forecaster is not None} >= {1, 3}


def test_every_network_has_both_kinds_of_contexts_and_colours(models):
    for network in {settings_of(name)[0] for name in REGISTRY}:
        mine = [models[name] for name in REGISTRY if settings_of(name)[0] is network]
        shapes = [m.context_shape for m in mine if m.context_shape is not None]
        assert {shape[1:3] == (1, 1) for shape in shapes} == {True, False}, network
        assert {m.data_shape[2] for m in mine} >= {1, 3}, network
        assert len({type(m.family) for m in mine}) == 2, network
