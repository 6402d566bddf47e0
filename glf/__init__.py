"""glf: Generative Latent Flows and their relatives, likelihood-based models in TensorFlow.

The names a notebook imports; each is loaded when it is first used. `help(glf.GLF)` and the like say
more of one.

Data:
  make_dataset        a dataset by the name of its source
  DataSpec            what a model needs to know of data

Models, each made of a DataSpec:
  GLF                 an autoencoder with a flow on its latents
  RegularizedAutoencoder  an autoencoder with a prior fitted after it
  WAE                 an autoencoder whose latents are spread like N(0, I)
  VAE                 a variational autoencoder with a loss of reconstructions, as GLF has one
  TwoStageVAE         the same, and a second one of its latents
  LikelihoodVAE       a variational autoencoder with a likelihood of integers; IWAE by its bound
  PixelFlow           a flow of dequantized images, under a bound
  IntegerFlow         a flow of the integers themselves, exact
  Autoregressive      every pixel given those before it
  DiscreteAutoencoder an autoencoder of integer codes with an autoregressive prior
  VectorFlow          a flow of points
  Flow                a density by itself: a base seen through a bijector

Work with them:
  train               trains a model in a folder, the run
  Experiment          what: the model, the data, steps, optimizers
  Execution           how: devices, precision, where the data are
  load_run            the model, the data and the step of a run
  evaluate            measures a model on a split
  interpolations      images between images, on lines of base noise
  make_sampler        a way of drawing from autoregressive models, by name
  predictive_sample   the same for autoregressive functions of others
  export_model        a SavedModel that needs nothing of this package
"""

import importlib

__version__ = "0.1.0"
_NAMES = {
    "GLF": "glf.models.glf",
    "RegularizedAutoencoder": "glf.models.regularized_autoencoder",
    "WAE": "glf.models.wae",
    "VAE": "glf.models.vae",
    "TwoStageVAE": "glf.models.two_stage_vae",
    "LikelihoodVAE": "glf.models.likelihood_vae",
    "Autoregressive": "glf.models.autoregressive",
    "DiscreteAutoencoder": "glf.models.discrete_autoencoder",
    "IntegerFlow": "glf.models.integer_flow",
    "PixelFlow": "glf.models.pixel_flow",
    "VectorFlow": "glf.models.vector_flow",
    "make_sampler": "glf.samplers.registry",
    "predictive_sample": "glf.samplers.accelerate",
    "Flow": "glf.priors.flow",
    "DataSpec": "glf.data.dataset",
    "make_dataset": "glf.data.make",
    "train": "glf.training.train",
    "Experiment": "glf.training.experiment",
    "Execution": "glf.training.execution",
    "load_run": "glf.configurables",
    "evaluate": "glf.evaluation.evaluate",
    "interpolations": "glf.evaluation.interpolation",
    "export_model": "glf.export",
}


def __getattr__(name):
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'glf' has no attribute {name!r}")


def __dir__():
    # No __all__: for help() it would be the list of what to print in full.
    return sorted([*_NAMES, "__version__"])
