"""The `tf.distribute` strategies that a flag can name."""

import itertools
import re

import tensorflow as tf
from absl import logging

from glf.layers.batch_norm import BatchNormalization
from glf.training.cluster import described

NAMES = ("single", "mirrored", "multi_worker")
_DEVICE = re.compile(r"(?:.*/device:|/)?([A-Za-z_]+:\d+)$")


class _Mirrored(tf.distribute.MirroredStrategy):
    """A mirrored strategy whose reductions have names of their own in this process.

    TensorFlow numbers the reductions of every strategy from the same number on, and remembers the
    shape that came under each: in a process that trains a second model, of other shapes, its first
    reduction would fail.
    """

    _numbers = itertools.count(100_000, 100_000)

    def __init__(self, devices):
        self._collective_key_base = next(self._numbers)
        super().__init__(devices)


def make_strategy(name="single", devices=None, worker_timeout=3600.0):
    """Returns the strategy of that name.

    Args:
      name: "single" (one CPU or the first GPU), "mirrored" (every GPU of this machine, or the
        `devices` named) or "multi_worker" (several machines, described by TF_CONFIG).
      devices: device names for "mirrored", for example ["GPU:0", "GPU:1"].
      worker_timeout: of "multi_worker", seconds that a sum waits for the others' shares: more than
        the chief takes to evaluate.

    Raises:
      ValueError: if the name is unknown, if devices are given to another strategy, if one of them
        is not there or named twice, if none is named and there is no GPU, or if TF_CONFIG does not
        describe workers that can be joined.
    """
    if name not in NAMES:
        raise ValueError(f"Unknown strategy {name!r}; expected one of {', '.join(NAMES)}.")
    if devices and name != "mirrored":
        raise ValueError(f"Devices can be chosen for the mirrored strategy, not for {name!r}.")
    if name == "mirrored":
        return _Mirrored(_devices(devices))
    if name == "multi_worker":
        return _multi_worker(described(), worker_timeout)
    return tf.distribute.get_strategy()


def _multi_worker(cluster, timeout):
    """The strategy, once all workers have met."""
    own, num = cluster.addresses[cluster.number], len(cluster.addresses)
    logging.info("Worker %d of %d, %s: waiting for the others.", cluster.number, num, own)
    try:
        options = tf.distribute.experimental.CommunicationOptions(timeout_seconds=timeout)
        return tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
    except tf.errors.OpError as error:
        raise ValueError(
            f"Worker {cluster.number} of {num} could not join the others at {own}: "
            f"{str(error).splitlines()[0]} Check that the address is this machine's, its port free "
            f"and the others reachable: {', '.join(cluster.addresses)}."
        ) from error


def _devices(asked):
    """The names of the devices that are asked for, all of which are there.

    TensorFlow itself replaces those that are not there by the CPU.
    """
    there = [_DEVICE.match(d.name)[1] for d in tf.config.list_logical_devices()]
    has = f"this machine has {', '.join(there)}"
    if not asked:
        gpus = [name for name in there if name.startswith("GPU:")]
        if not gpus:
            raise ValueError(
                f"The mirrored strategy takes all GPUs, and there is none: {has}. Leave out "
                "--strategy to take one device, or name devices: --device=CPU:0."
            )
        return gpus
    if isinstance(asked, str):
        raise ValueError(f"devices is a list of names, e.g. ['GPU:0', 'GPU:1'], got {asked!r}.")
    matches = [_DEVICE.match(str(device)) for device in asked]
    names = [match and match[1].upper() for match in matches]
    missing = [str(d) for d, name in zip(asked, names, strict=True) if name not in there]
    if missing:
        raise ValueError(f"There is no device {' and no device '.join(missing)}; {has}.")
    if len(set(names)) < len(names):
        raise ValueError(
            f"A device is named more than once: {', '.join(map(str, asked))}. Name each once; "
            f"{has}."
        )
    return names


def share_batch_statistics(model):
    """Lets the batch normalisations of a model's networks take the statistics of all replicas.

    Raises:
      ValueError: if it has none.
    """
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, BatchNormalization)]
    if not layers:
        raise ValueError(
            "train.batch_norm_across_replicas has no effect: no network of this model has batch "
            "normalisation. Leave it out."
        )
    for layer in layers:
        layer.across_replicas = True


def is_chief(name):
    """Whether this process is the one that writes the run folder.

    Of the workers of "multi_worker" that is the one TF_CONFIG calls chief, or else worker 0.
    """
    return name != "multi_worker" or described().is_chief
