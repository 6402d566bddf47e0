"""Models: a choice of networks, flows and losses, trained by one loop."""

from glf.models.autoregressive import Autoregressive
from glf.models.discrete_autoencoder import DiscreteAutoencoder
from glf.models.glf import GLF
from glf.models.pixel_flow import PixelFlow
from glf.models.pixel_logistic import LogisticSegmenter
from glf.models.quantizers import ArgmaxStraightThrough, GumbelSoftmax, VectorQuantizer
from glf.models.reconstruction import AbsoluteError, CrossEntropy, Perceptual, SquaredError
from glf.models.vector_flow import VectorFlow

__all__ = [
    "GLF",
    "AbsoluteError",
    "ArgmaxStraightThrough",
    "Autoregressive",
    "CrossEntropy",
    "DiscreteAutoencoder",
    "GumbelSoftmax",
    "LogisticSegmenter",
    "Perceptual",
    "PixelFlow",
    "SquaredError",
    "VectorFlow",
    "VectorQuantizer",
]
