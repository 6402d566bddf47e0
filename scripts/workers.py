"""Programs that several workers run together: their flags, and how they meet.

Each worker starts the same command. They meet in a folder `shares/` of the run's, by what is asked
of them: see `glf.core.shares`.
"""

import contextlib

from absl import flags

from . import common

# Of the programs that ask for them, whose --help shows them.
flags.disclaim_key_flags()

TIMEOUT = "Seconds after which the others do what a worker that does not answer was to do."


def define_cluster(strategy, timeout_about=None):
    """--cluster and what belongs to it; returns the flags, and a function that checks them.

    Args:
      strategy: the holder of --strategy.
      timeout_about: what --worker_timeout does; None: there is no such flag.
    """
    cluster = flags.DEFINE_enum(
        "cluster",
        "tf_config",
        ["tf_config", "slurm", "kubernetes"],
        "Who tells --strategy=multi_worker of its workers. tf_config: the environment variable "
        "TF_CONFIG, which Kubeflow sets. slurm: srun. kubernetes: the pods with --cluster_label.",
    )
    port = flags.DEFINE_integer(
        "cluster_port",
        8888,
        "Where the workers of --cluster=slurm and kubernetes listen; several on one machine take "
        "the ports from there on.",
        lower_bound=1,
        upper_bound=65535,
    )
    label = flags.DEFINE_string(
        "cluster_label",
        None,
        "For --cluster=kubernetes: the selector of the pods, e.g. job-name=glf.",
    )
    found = [cluster, port, label]
    if timeout_about is not None:
        found.append(flags.DEFINE_float("worker_timeout", 3600.0, timeout_about, lower_bound=1.0))

    def check():
        for flag in found if strategy.value != "multi_worker" else ():
            if flag.value != flag.default:
                raise ValueError(
                    f"--{flag.name} is for --strategy=multi_worker, not {strategy.value}."
                )

    return found, check


def define_devices(strategy):
    """--device; returns the flag, and a function that checks it.

    Args:
      strategy: the holder of --strategy.
    """
    devices = flags.DEFINE_multi_string(
        "device", [], "A device for --strategy=mirrored, e.g. GPU:0. Repeatable. Default: all GPUs."
    )

    def check():
        if devices.value and strategy.value != "mirrored":
            raise ValueError(f"--device is for --strategy=mirrored, not {strategy.value}.")

    return devices, check


class Workers:
    """--strategy of programs whose work is shared, with the flags of clusters.

    Args:
      about: what several workers do.
      timeout_about: as of `define_cluster`.
    """

    by_devices = False

    def __init__(self, about, timeout_about=TIMEOUT):
        alone, told = ["single"], ""
        if self.by_devices:
            alone, told = ["single", "mirrored"], "mirrored: all GPUs share it (see --device). "
        self._strategy = flags.DEFINE_enum(
            "strategy",
            "single",
            [*alone, "multi_worker"],
            f"{told}multi_worker: each of several processes that start the same command {about}. "
            "They are described by the environment variable TF_CONFIG.",
        )
        found, self._check_cluster = define_cluster(self._strategy, timeout_about)
        (self._cluster, self._port, self._label, *self._timeout) = found

    def check(self):
        """Refuses flags that belong to another strategy."""
        self._check_cluster()

    @property
    def several(self):
        """Whether there are several."""
        return self._strategy.value == "multi_worker"

    def place(self):
        """(this process's number, how many there are).

        Raises:
          ValueError: if TF_CONFIG or the scheduler does not say so.
        """
        from glf.training.cluster import announce, described

        if not self.several:
            return 0, 1
        announce(self._cluster.value, self._port.value, self._label.value)
        cluster = described()
        return cluster.number, len(cluster.addresses)

    @contextlib.contextmanager
    def meeting(self, folder, step, dataset, asked):
        """The `glf.core.shares.Shares` of this process; of one that is alone, `ALONE`.

        Args:
          folder: the `RunFolder`.
          step: of the model's weights.
          dataset: the `Dataset`, or None.
          asked: the flags that say what is made.
        """
        from glf.core import cache, shares
        from glf.training import data_record
        from glf.training.run_folder import describe_environment

        number, of = self.place()
        if of == 1:
            yield shares.ALONE
            return
        data = None if dataset is None else data_record.describe(dataset)["record"]
        told = {flag.name: flag.value for flag in asked}
        code = {name: describe_environment()[name] for name in ("versions", "commit")}
        key = cache.digest(common.program(), step, data, told, code)
        where = folder.path / "shares" / key[:32]
        with shares.meeting(where, number, of, *[flag.value for flag in self._timeout]) as together:
            yield together


class WorkersOrDevices(Workers):
    """The same of programs whose work the devices of one machine can share, too."""

    by_devices = True

    def __init__(self, about):
        super().__init__(about)
        self._devices, self._check_devices = define_devices(self._strategy)
        self._mirrored = None

    def check(self):
        """Refuses flags that belong to another strategy."""
        super().check()
        self._check_devices()

    @contextlib.contextmanager
    def opening(self):
        """Inside the block a model that is opened has its weights on all devices that share.

        Raises:
          ValueError: if a device is not there.
        """
        if self._strategy.value != "mirrored":
            yield
            return
        from glf.training.strategies import make_strategy

        self._mirrored = make_strategy("mirrored", self._devices.value)
        with self._mirrored.scope():
            yield

    @contextlib.contextmanager
    def meeting(self, folder, step, dataset, asked):
        """As of `Workers`; with --strategy=mirrored the `glf.core.devices.Devices`."""
        if self._mirrored is None:
            with super().meeting(folder, step, dataset, asked) as together:
                yield together
            return
        import tensorflow as tf

        from glf.core.devices import Devices

        with tf.device(self._mirrored.extended.worker_devices[0]):
            yield Devices(self._mirrored)
