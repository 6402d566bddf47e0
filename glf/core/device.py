"""What depends on the devices at hand: GPUs, their memory, their names, the bits of their sums."""

import tensorflow as tf


def has_gpu():
    """Whether TensorFlow sees a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))


def prepare():
    """Lets GPUs give a process memory as it asks for it, not all of it at once.

    Before TensorFlow has used one; does nothing where there is none.
    """
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


def make_deterministic():
    """Lets TensorFlow choose kernels that give the same bits in every run of this process.

    On a GPU others are faster, and add in an order of their own. On a CPU programs of this package
    give the same bits without.
    """
    tf.config.experimental.enable_op_determinism()


def names():
    """What the devices are called: GPUs by their makers' names, or "CPU"."""
    details = tf.config.experimental.get_device_details
    gpus = tf.config.list_physical_devices("GPU")
    return [details(gpu).get("device_name", gpu.name) for gpu in gpus] or ["CPU"]
