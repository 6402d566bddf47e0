"""What all tests share: the machine they run on, and small datasets and models."""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import pytest
import tensorflow as tf

# Two of them, so that the mirrored strategy can be tested on any machine.
_CPU = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(_CPU, [tf.config.LogicalDeviceConfiguration()] * 2)


@pytest.fixture(autouse=True)
def _float32_policy():
    """The global policy is float32 again after every test."""
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="session")
def digits():
    """The embedded digits: 1350 for training, 150 for validation, 297 for testing."""
    from glf.data.make import make_dataset

    return make_dataset("digits")
