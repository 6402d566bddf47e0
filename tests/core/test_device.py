"""GPUs, as TensorFlow would tell of them, and a machine without."""

from types import SimpleNamespace

import pytest
import tensorflow as tf

from glf.core import device


@pytest.fixture
def two_gpus(monkeypatch):
    """Two that are not there; what is set of each, in order."""
    gpus = [SimpleNamespace(name=f"/physical_device:GPU:{i}") for i in range(2)]
    details = [{"device_name": "NVIDIA H100"}, {}]
    grown = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    config = tf.config.experimental
    monkeypatch.setattr(config, "get_device_details", lambda gpu: details[gpus.index(gpu)])
    monkeypatch.setattr(config, "set_memory_growth", lambda gpu, on: grown.append((gpu.name, on)))
    return grown


def test_gpus_take_memory_as_they_need_it(two_gpus):
    device.prepare()
    assert two_gpus == [("/physical_device:GPU:0", True), ("/physical_device:GPU:1", True)]
    assert device.has_gpu()


def test_gpus_have_names(two_gpus):
    assert device.names() == ["NVIDIA H100", "/physical_device:GPU:1"]


def test_a_machine_without():
    device.prepare()
    assert not device.has_gpu()
    assert device.names() == ["CPU"]
