"""Autoregressive models of images: networks, conditionals, conditions, forecasts."""

from glf.autoregressive.diagonal_bilstm import DiagonalBiLSTM
from glf.autoregressive.embedding import Embedding, OneHot, Scaled
from glf.autoregressive.forecaster import Forecaster
from glf.autoregressive.gated_pixel_cnn import GatedPixelCNN
from glf.autoregressive.model import AutoregressiveModel
from glf.autoregressive.network import CausalNetwork
from glf.autoregressive.pixel_cnn import PixelCNN
from glf.autoregressive.pixel_cnn_pp import PixelCNNPlusPlus
from glf.autoregressive.row_lstm import RowLSTM
from glf.autoregressive.wavenet import WaveNet

__all__ = [
    "AutoregressiveModel",
    "CausalNetwork",
    "DiagonalBiLSTM",
    "Embedding",
    "Forecaster",
    "GatedPixelCNN",
    "OneHot",
    "PixelCNN",
    "PixelCNNPlusPlus",
    "RowLSTM",
    "Scaled",
    "WaveNet",
]
