"""A model's own networks, in floats, in the place of integer networks."""

import hashlib
import platform

import numpy as np
import tensorflow as tf


class FloatNetwork:
    """round(network(x / unit) factors + offsets), within ±limit, computed by TensorFlow.

    It is the same again only for the same program on the same machine, for as many rows at once.
    Arguments as of `quantising.quantise`, but a Keras layer for the list of convolutions; nothing
    is calibrated.
    """

    def __init__(self, network, inputs, unit, factors, limit, offsets=0.0):
        factors, offsets = tf.constant(factors, tf.float32), tf.constant(offsets, tf.float32)

        def of(x):
            y = network(tf.cast(x, tf.float32) / unit) * factors + offsets
            return tf.cast(tf.round(tf.clip_by_value(y, -limit, limit)), tf.int64)

        spec = tf.TensorSpec([None, *inputs.shape[1:]], tf.int64)
        self._function = tf.function(of, input_signature=[spec], autograph=False)

    def run(self, x):
        """int64 [n, h, w, outputs] of int64 [n, h, w, inputs]."""
        return self._function(tf.constant(np.ascontiguousarray(x))).numpy()


def machine():
    """What the bits of floats depend on, as well as a program can tell, in words."""
    devices = [d.device_type for d in tf.config.list_logical_devices()]
    threads = tf.config.threading
    return {
        "tensorflow": tf.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "devices": ", ".join(devices),
        "threads": f"{threads.get_intra_op_parallelism_threads()}, "
        f"{threads.get_inter_op_parallelism_threads()}",
        "host": hashlib.blake2b(platform.node().encode(), digest_size=8).hexdigest(),
    }


def _processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line for line in file if line.startswith("model name")]
        return names[0].split(":")[1].strip()
    except (OSError, IndexError):
        return platform.processor()
