"""Models: a choice of networks, flows and losses, trained by one loop."""

from glf.models.autoregressive import Autoregressive
from glf.models.discrete_autoencoder import DiscreteAutoencoder
from glf.models.glf import GLF
from glf.models.integer_flow import IntegerFlow
from glf.models.likelihood_vae import LikelihoodVAE
from glf.models.pixel_flow import PixelFlow
from glf.models.pixel_logistic import LogisticSegmenter
from glf.models.posteriors import FlowPosterior, GaussianPosterior
from glf.models.quantizers import ArgmaxStraightThrough, GumbelSoftmax, VectorQuantizer
from glf.models.reconstruction import (
    AbsoluteError,
    CrossEntropy,
    LearnedVariance,
    Perceptual,
    SquaredError,
)
from glf.models.regularized_autoencoder import RegularizedAutoencoder
from glf.models.second_stage import SecondStage
from glf.models.two_stage_vae import TwoStageVAE
from glf.models.vae import VAE
from glf.models.vector_flow import VectorFlow
from glf.models.wae import WAE

__all__ = [
    "GLF",
    "VAE",
    "WAE",
    "AbsoluteError",
    "ArgmaxStraightThrough",
    "Autoregressive",
    "CrossEntropy",
    "DiscreteAutoencoder",
    "FlowPosterior",
    "GaussianPosterior",
    "GumbelSoftmax",
    "IntegerFlow",
    "LearnedVariance",
    "LikelihoodVAE",
    "LogisticSegmenter",
    "Perceptual",
    "PixelFlow",
    "RegularizedAutoencoder",
    "SecondStage",
    "SquaredError",
    "TwoStageVAE",
    "VectorFlow",
    "VectorQuantizer",
]
