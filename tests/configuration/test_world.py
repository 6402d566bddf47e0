"""What the caller configures with gin is theirs, and ours is ours."""

import copy
import random

import gin
import keras
import numpy as np
import pytest
import tensorflow as tf

from glf import configurables
from glf.training.execution import Execution


@pytest.fixture(scope="module")
def theirs():
    """Names of the caller that this package has, too."""

    @gin.configurable(module="mine")
    def train(seed=0):
        return seed

    @gin.configurable(module="mine")
    def adam(learning_rate=1.0):
        return learning_rate

    return train, adam


@pytest.fixture
def _theirs_configured(theirs):
    gin.clear_config()
    gin.parse_config(["train.seed = 7", "adam.learning_rate = %rate", "rate = 0.25"])
    gin.finalize()
    yield
    gin.clear_config()


def state():
    """All of a process that a library call could disturb."""
    gins = {
        name: copy.copy(value)
        for name, value in vars(gin.config).items()
        if name.startswith("_") and name.isupper() and isinstance(value, dict | set | list | bool)
    }
    gins["_REGISTRY"] = dict(gin.config._REGISTRY.items())
    gins.pop("_ARG_SPEC_CACHE")
    return {
        "gin": gins,
        "python": random.getstate(),
        "numpy": str(np.random.get_state()),
        "policy": keras.config.dtype_policy().name,
        "text": gin.config_str() + gin.operative_config_str(),
    }


@pytest.mark.usefixtures("_theirs_configured")
def test_opening_a_run_changes_nothing_outside(tiny_run, theirs):
    train, adam = theirs
    keras.config.set_dtype_policy("mixed_bfloat16")
    assert (train(), adam()) == (7, 0.25)
    before = state()
    tf.random.set_seed(3)
    drawn = [float(tf.random.normal([])) for _ in range(2)]
    tf.random.set_seed(3)
    again = [float(tf.random.normal([]))]
    model, _, step, _ = configurables.load_run(tiny_run)
    model.sample(2, 0)
    again.append(float(tf.random.normal([])))
    assert step == 1
    assert state() == before
    assert again == drawn
    assert (train(), adam()) == (7, 0.25)
    assert model.autoencoder.dtype_policy.name == "float32"


@pytest.mark.usefixtures("_theirs_configured")
def test_parsing_making_and_training_change_nothing_outside(tiny, images, tmp_path):
    before = state()
    bindings = [*tiny, f'make_dataset.source = "array:{images}"', "adam.learning_rate = 0.5"]
    configurables.parse(gin_params=bindings)
    configurables.make_model(configurables.make_dataset().spec)
    configurables.train(tmp_path / "run", Execution(jit=False))
    assert "adam.learning_rate = 0.5" in configurables.config_text()
    assert "train.num_steps = 1" in configurables.operative_text()
    assert state() == before
    with pytest.raises(ValueError, match="cannot be used"):
        configurables.parse(gin_params=["train.sead = 1"])
    assert state() == before


def test_opening_a_run_leaves_the_parsed_configuration(tiny, tiny_run):
    configurables.parse(gin_params=[*tiny, "train.seed = 9"])
    configurables.load_run(tiny_run)
    assert configurables.experiment().seed == 9


def test_parts_that_are_made_late_have_their_bindings(tiny, digits):
    configurables.parse(gin_params=[*tiny, "DenseAutoencoder.hidden = (3,)"])
    make = configurables.experiment().make_model
    configurables.parse()
    for made in (make, copy.deepcopy(make)):
        assert made(digits.spec).autoencoder.weights[0].shape == (64, 3)


def test_the_callers_own_parts_can_be_used(tiny):
    @gin.register(module="mine")
    def my_pair(image_shape, latent_size, width=1):
        del image_shape
        return ("mine", latent_size, width)

    bindings = [*tiny, "GLF.make_autoencoder = @my_pair", "my_pair.width = 6"]
    bindings = [b for b in bindings if not b.startswith("DenseAutoencoder")]
    configurables.parse(gin_params=bindings)
    assert "@my_pair" in configurables.config_text()


@pytest.mark.parametrize("checkpoint", ["latset", "", "1.5", None, True])
def test_a_checkpoint_that_is_none(tiny_run, checkpoint):
    with pytest.raises(ValueError, match='"latest", "best" or the number of a step'):
        configurables.load_run(tiny_run, checkpoint=checkpoint)
