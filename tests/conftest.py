"""What all tests share: the machine they run on, and small datasets and models."""

import gc
import os
import warnings

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# What XLA makes of our graphs is tested; that LLVM makes it fast would take a quarter of the time.
# The programs of tests/scripts are compiled as users' are.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

import pytest
from scheduling import (  # noqa: F401
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_xdist_make_scheduler,
)

# Rooms whose tests compare what is computed with mathematics: their graphs run as they are traced.
# All others, and all programs, have TensorFlow rewrite them first, as users do.
_AS_TRACED = ("autoregressive", "bijectors", "dequantizers", "layers", "networks", "priors")
# And files that make a graph for each of many models; samplers are compared as rewritten as well.
_FILES_AS_TRACED = ("test_configs", "test_every_model")


def pytest_configure(config):
    """Prepares a process that runs tests; one that hands them out to others needs none of it."""
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        _prepare()


def _prepare():
    gc.disable()  # until the tests are collected: what is imported stays
    import keras  # noqa: F401
    import tensorflow as tf

    with warnings.catch_warnings():
        # TFP 0.25 asks for TensorFlow's version through distutils' deprecated classes.
        warnings.filterwarnings("ignore", "distutils Version classes", DeprecationWarning)
        import tensorflow_probability  # noqa: F401

    from glf.core import host

    # What a test writes need not outlast the machine's power; programs write as users' do.
    os.fsync = lambda descriptor: None
    # As all programs do: what tests allocate, others of the process have just freed.
    host.keep_freed_memory()
    # Two of them, so that the mirrored strategy can be tested on any machine.
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)


def pytest_collection_finish(session):
    """Leaves what is imported, and the tests, to themselves: they are never garbage.

    Tracing makes millions of objects, all in use: to look through them again and again, as Python
    does by itself, takes a sixth of the time. All is looked through between tests.
    """
    _leave_to_itself()
    gc.set_threshold(10_000, 10, 1_000_000)
    gc.enable()


def _leave_to_itself():
    gc.collect()
    gc.freeze()


def _made(hundred_thousands):
    """Whether there are that many more objects than when all was looked through."""
    return gc.get_count()[2] >= hundred_thousands


@pytest.fixture(autouse=True)
def _garbage_after_much():
    """Collects after tests that made much: a million objects more than are gone already."""
    yield
    if _made(10):
        gc.collect()


@pytest.fixture(autouse=True, scope="module")
def _no_garbage():
    """Models and programs of a module are gone after it: they hold gigabytes that gc cannot see.

    TensorFlow keeps every graph with a custom gradient for good, by that gradient's name. What is
    still there is there for good: the next collection need not look through it.
    """
    yield
    from tensorflow.python.framework import ops

    from glf.core.traced_once import TRACED

    # What is traced once for all calls has such gradients, too, but for random numbers.
    for key in [key for key in TRACED if not key[0].__module__.startswith("glf.core")]:
        del TRACED[key]
    gradients = ops.gradient_registry._registry
    for name in [name for name in gradients if name.startswith("CustomGradient-")]:
        del gradients[name]
    if _made(1):
        _leave_to_itself()


@pytest.fixture(autouse=True, scope="module")
def _graphs_as_traced(request):
    """Leaves out TensorFlow's rewriting of graphs, a fifth of the time of small ones."""
    import tensorflow as tf

    as_traced = request.path.parent.name in _AS_TRACED or request.path.stem in _FILES_AS_TRACED
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": as_traced})


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """What is kept for the next time lies in the tests' own folder, one for all processes."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    os.environ["GLF_CACHE"] = str(base / "glf_cache")


@pytest.fixture(autouse=True)
def _float32_policy():
    """The global policy is float32 again after every test."""
    import keras

    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="session")
def digits():
    """The embedded digits: 1350 for training, 150 for validation, 297 for testing."""
    from glf.data.make import make_dataset

    return make_dataset("digits")


def small_glf(spec, **changes):
    """A GLF of dense networks of 16 units, 4 latents and two coupling blocks of 8 units.

    Its weights are random ones, the flow's last layers and the batch statistics included, which a
    fresh model starts at 0 and 1.
    """
    from functools import partial

    import keras
    import numpy as np

    from glf.bijectors import BothHalvesCoupling, Chain, RandomPermutation
    from glf.models.glf import GLF
    from glf.networks.dense_autoencoder import DenseAutoencoder
    from glf.networks.dense_conditioner import DenseConditioner
    from glf.priors import Flow

    coupling = partial(
        BothHalvesCoupling, make_conditioner=partial(DenseConditioner, hidden=8, num_layers=1)
    )
    parts = {
        "latent_size": 4,
        "make_autoencoder": partial(DenseAutoencoder, hidden=(16,)),
        "make_flow": partial(Flow, partial(Chain, [coupling, RandomPermutation], repeats=2)),
    }
    keras.utils.set_random_seed(11)
    model = GLF(spec, **{**parts, **changes})
    generator = np.random.default_rng(11)
    for weight in model.weights:
        if weight.dtype == "float32":
            noise = generator.normal(scale=0.3, size=weight.shape)
            weight.assign(weight + (np.abs(noise) if "variance" in weight.path else noise))
    return model


@pytest.fixture(scope="session")
def make_small_glf():
    """`small_glf`, for tests that change the model they use."""
    return small_glf


@pytest.fixture(scope="session")
def glf(digits):
    """A small GLF for the digits with random weights; not to be changed."""
    return small_glf(digits.spec)
