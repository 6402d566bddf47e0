"""glf: Generative Latent Flows and their relatives, likelihood-based models in TensorFlow.

The names a notebook imports; each is loaded when it is first used.
"""

import importlib

__version__ = "0.1.0"
_NAMES = {
    "GLF": "glf.models.glf",
    "Autoregressive": "glf.models.autoregressive",
    "DiscreteAutoencoder": "glf.models.discrete_autoencoder",
    "PixelFlow": "glf.models.pixel_flow",
    "VectorFlow": "glf.models.vector_flow",
    "make_sampler": "glf.samplers.registry",
    "predictive_sample": "glf.samplers.accelerate",
    "Flow": "glf.priors.flow",
    "DataSpec": "glf.data.dataset",
    "make_dataset": "glf.data.make",
    "train": "glf.training.train",
    "Execution": "glf.training.train",
    "load_run": "glf.configurables",
    "evaluate": "glf.evaluation.evaluate",
    "interpolations": "glf.evaluation.interpolation",
    "export_model": "glf.export",
}
__all__ = sorted([*_NAMES, "__version__"])


def __getattr__(name):
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'glf' has no attribute {name!r}")


def __dir__():
    return __all__
