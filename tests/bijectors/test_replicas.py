"""Bijectors with batch statistics on two replicas do what they do on one."""

import os
import pathlib
import subprocess
import sys

import pytest

# In a process of its own: the devices of this one are already fixed.
PROGRAM = """
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from glf.bijectors import ActNorm, BatchNorm, Chain

y = np.random.default_rng(0).normal(2.0, 3.0, size=(16, 4)).astype(np.float32)


def made():
    chain = Chain([ActNorm, BatchNorm])
    chain.build((None, 4))
    return chain


alone = made()
expected, log_det = alone.inverse_and_log_det(y, training=True)

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    spread = made()


@tf.function
def step(y):
    def replica(y):
        with tf.GradientTape() as tape:
            tape.watch(y)
            u, log_det = spread.inverse_and_log_det(y, training=True)
            loss = tf.reduce_sum(u)
        return u, log_det, tape.gradient(loss, y)

    return strategy.run(replica, (y,))


data = tf.data.Dataset.from_tensor_slices(y).batch(16)
(results,) = [step(batch) for batch in strategy.experimental_distribute_dataset(data)]
u, log_det_2, gradient = (
    tf.concat(strategy.experimental_local_results(result), 0) for result in results
)
np.testing.assert_allclose(u, expected, atol=1e-4)
np.testing.assert_allclose(log_det_2, log_det, atol=1e-4)
for one, many in zip(alone.weights, spread.weights, strict=True):
    for local in strategy.experimental_local_results(many.value):
        np.testing.assert_allclose(local.numpy(), one.numpy(), atol=1e-4, err_msg=one.path)
# The mean of u over both replicas is 0 whatever y is; the gradient passes through that mean.
np.testing.assert_allclose(gradient, 0, atol=1e-3)
"""


@pytest.mark.slow
def test_two_replicas_equal_one():
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=pathlib.Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
