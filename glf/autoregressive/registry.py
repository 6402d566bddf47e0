"""Autoregressive models by name, in small, for listing and for the conformance battery.

A constructor takes nothing and returns a model of images of a few pixels. Every concrete network,
embedding of this package stands here at least once, and every network with all that has its own way
through its code.
"""

from functools import partial

from glf.autoregressive.diagonal_bilstm import DiagonalBiLSTM
from glf.autoregressive.embedding import OneHot
from glf.autoregressive.forecaster import Forecaster
from glf.autoregressive.gated_pixel_cnn import GatedPixelCNN
from glf.autoregressive.model import AutoregressiveModel
from glf.autoregressive.pixel_cnn import PixelCNN
from glf.autoregressive.pixel_cnn_pp import PixelCNNPlusPlus
from glf.autoregressive.row_lstm import RowLSTM
from glf.autoregressive.wavenet import WaveNet
from glf.data.dataset import DataSpec
from glf.families.discretized_logistic_mixture import DiscretizedLogisticMixture

_pixel_cnn = partial(PixelCNN, filters=24, blocks=2, first_kernel=5, head=12)
_gated = partial(GatedPixelCNN, filters=12, layers=3, first_kernel=5, head=12)
_plus_plus = partial(PixelCNNPlusPlus, filters=8, resnets=1, downsamplings=1)
_row = partial(RowLSTM, filters=12, layers=2, first_kernel=3, head=12)
_diagonal = partial(DiagonalBiLSTM, filters=12, layers=2, first_kernel=3, head=12)
_wavenet = partial(WaveNet, filters=12, dilations=3, cycles=2, head=12)

_labels = {"context": "one for all pixels"}
_image = {"context": "one for each pixel"}
_mixture = {"make_family": partial(DiscretizedLogisticMixture, components=3)}
_forecast = {"make_forecaster": partial(Forecaster, horizon=3, filters=4, columns=3)}


def _made(image_shape, levels, context=None, **parts):
    sides = (1, 1) if context == "one for all pixels" else image_shape[:2]
    context_shape = None if context is None else (None, *sides, 4)
    return AutoregressiveModel(DataSpec(image_shape, levels, None), context_shape, **parts)


def _model(image_shape, levels, make_network, **parts):
    return partial(_made, image_shape, levels, make_network=make_network, **parts)


REGISTRY = {
    "diagonal_bilstm": _model((5, 4, 1), 4, _diagonal),
    "diagonal_bilstm_colour_labels": _model((4, 3, 3), 4, _diagonal, **_labels),
    "diagonal_bilstm_mixture_image": _model((4, 6, 3), 8, _diagonal, **_mixture, **_image),
    "gated": _model((5, 4, 1), 4, _gated, make_embedding=OneHot, **_forecast),
    "gated_colour_labels": _model((5, 3, 3), 4, _gated, **_labels, **_forecast),
    "gated_image": _model((4, 6, 1), 4, partial(_gated, kernel=5), **_image),
    "gated_mixture": _model((5, 5, 3), 8, _gated, **_mixture),
    "pixel_cnn": _model((7, 5, 1), 2, _pixel_cnn),
    "pixel_cnn_colour": _model((5, 5, 3), 4, _pixel_cnn, make_embedding=OneHot, **_forecast),
    "pixel_cnn_colour_image": _model((4, 6, 3), 4, _pixel_cnn, **_image),
    "pixel_cnn_mixture_labels": _model((5, 5, 3), 8, _pixel_cnn, **_mixture, **_labels),
    "plus_plus": _model((8, 4, 3), 8, _plus_plus, **_mixture, **_forecast),
    "plus_plus_flat": _model((5, 3, 1), 4, partial(_plus_plus, downsamplings=0), **_labels),
    "plus_plus_image": _model((4, 6, 1), 8, _plus_plus, **_mixture, **_image),
    "plus_plus_three_scales": _model((8, 4, 1), 4, partial(_plus_plus, downsamplings=2), **_labels),
    "row_lstm": _model((7, 4, 1), 4, _row),
    "row_lstm_colour_labels": _model((4, 3, 3), 4, _row, **_labels),
    "row_lstm_mixture_image": _model((4, 6, 3), 8, _row, **_mixture, **_image),
    "wavenet": _model((13, 1, 1), 8, _wavenet, **_forecast),
    "wavenet_labels": _model((13, 1, 1), 8, _wavenet, **_mixture, **_labels),
    "wavenet_raster_image": _model((4, 2, 3), 4, _wavenet, raster=True, **_image),
    "wavenet_stereo": _model(
        (11, 1, 2), 4, partial(_wavenet, first_kernel=3), make_embedding=OneHot
    ),
}
