"""The `tf.distribute` strategies that a flag can name."""

import json
import os

import tensorflow as tf

NAMES = ("single", "mirrored", "multi_worker")


def make_strategy(name="single", devices=None):
    """Returns the strategy of that name.

    Args:
      name: "single" (one CPU or the first GPU), "mirrored" (every GPU of this machine, or the
        `devices` named) or "multi_worker" (several machines, described by TF_CONFIG).
      devices: device names for "mirrored", for example ["GPU:0", "GPU:1"].

    Raises:
      ValueError: if the name is unknown, or devices are given to another strategy.
    """
    if name not in NAMES:
        raise ValueError(f"Unknown strategy {name!r}; expected one of {', '.join(NAMES)}.")
    if devices and name != "mirrored":
        raise ValueError(f"Devices can be chosen for the mirrored strategy, not for {name!r}.")
    if name == "mirrored":
        return tf.distribute.MirroredStrategy(devices or None)
    if name == "multi_worker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.get_strategy()


def is_chief(name):
    """Whether this process is the one that writes the run folder.

    Of the workers of "multi_worker" that is the one TF_CONFIG calls chief, or else worker 0.
    """
    if name != "multi_worker":
        return True
    config = json.loads(os.environ.get("TF_CONFIG") or "{}")
    task, cluster = config.get("task", {}), config.get("cluster", {})
    if "chief" in cluster:
        return task.get("type") == "chief"
    return not task or (task.get("type") == "worker" and int(task.get("index", 0)) == 0)
