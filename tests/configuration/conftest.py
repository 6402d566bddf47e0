"""A configuration that builds in a moment, and a run of it."""

import numpy as np
import pytest

from glf import configurables
from glf.training.execution import Execution

TINY = (
    "train.make_model = @GLF",
    *(
        "GLF.latent_size = 2",
        "GLF.make_autoencoder = @DenseAutoencoder",
    ),
    *("DenseAutoencoder.hidden = (4,)", "GLF.make_flow = @Flow"),
    *("Flow.make_bijector = @ActNorm", "train.num_steps = 1", "train.batch_size = 4"),
    *("train.validate_every = 0", "train.pictures_every = 0"),
)


@pytest.fixture(scope="session")
def tiny():
    """Bindings of the model and its training; the data's are left to the test."""
    return TINY


@pytest.fixture(autouse=True)
def _nothing_configured():
    yield
    configurables.parse()


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """A file of 40 images, 4 x 4, with values up to 16."""
    path = tmp_path_factory.mktemp("images") / "images.npy"
    np.save(path, np.random.default_rng(0).integers(0, 17, (40, 4, 4), np.uint8))
    return path


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory, images):
    """The folder of one step on the images; not to be changed."""
    workdir = tmp_path_factory.mktemp("tiny") / "run"
    configurables.parse(gin_params=[*TINY, f'make_dataset.source = "array:{images}"'])
    configurables.train(workdir, Execution(jit=False))
    configurables.parse()
    return workdir
