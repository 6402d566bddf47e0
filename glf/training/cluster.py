"""The workers of a training on several machines: who they are, and what becomes of them.

TF_CONFIG, which TensorFlow itself reads, says who they are; job schedulers that set it, such as
Kubeflow's, need nothing more. Slurm and plain Kubernetes do not: `from_slurm` and `from_kubernetes`
set it, each by TensorFlow's own resolver.
"""

import contextlib
import dataclasses
import json
import os
import re
import threading

import tensorflow as tf
from absl import logging

from glf.core import device
from glf.training.interrupts import Interrupted

KINDS = ("tf_config", "slurm", "kubernetes")
_EXAMPLE = (
    '{"cluster": {"worker": ["host0:8888", "host1:8888"]}, "task": {"type": "worker", "index": 0}}'
)
_ADDRESS = re.compile(r"[^\s/]+:\d{1,5}")
_TYPES = ("chief", "worker")
_STOP = "glf_stop"
# What TensorFlow's collective operations and its coordination service raise when a process is gone.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.DeadlineExceededError,
    tf.errors.CancelledError,
)


class WorkerLost(ConnectionError):
    """Another worker ended, or cannot be reached; the checkpoints are intact."""


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The workers of a run and which of them this process is.

    Attributes:
      addresses: of all, "host:port", the chief's first.
      number: this one's place among them.
    """

    addresses: tuple
    number: int

    @property
    def is_chief(self):
        """Whether this process writes the run's folder: the chief, or else worker 0."""
        return self.number == 0


def described(config=None):
    """The `Cluster` that TF_CONFIG describes.

    Args:
      config: its text; None: that of the environment.

    Raises:
      ValueError: if there is none, or it describes no workers, or not which one this is.
    """
    config = os.environ.get("TF_CONFIG") if config is None else config
    if not config:
        raise ValueError(
            "--strategy=multi_worker needs the environment variable TF_CONFIG, which says who the "
            f"workers are and which of them this is, for example TF_CONFIG='{_EXAMPLE}'. Slurm and "
            "Kubernetes know: --cluster=slurm, --cluster=kubernetes."
        )
    try:
        held = json.loads(config)
        jobs, task = held["cluster"], held["task"]
        kind, index = task["type"], int(task["index"])
        cluster = {name: list(addresses) for name, addresses in jobs.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _misfit(config, f"it is no JSON of that form ({error!r})") from error
    for name, addresses in cluster.items():
        if name not in _TYPES:
            raise _misfit(config, f"a job is one of {', '.join(_TYPES)}, not {name!r}")
        for address in addresses:
            if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
                raise _misfit(config, f"{address!r} is no address host:port")
    every = tuple(address for name in _TYPES for address in cluster.get(name, ()))
    if len(set(every)) < len(every):
        raise _misfit(config, "an address comes twice")
    if len(cluster.get("chief", ())) > 1:
        raise _misfit(config, "there is more than one chief")
    if not 0 <= index < len(cluster.get(kind, ())):
        raise _misfit(config, f"its task, {kind} {index}, is not in its cluster")
    return Cluster(every, every.index(cluster[kind][index]))


def _misfit(config, why):
    return ValueError(
        f"The environment variable TF_CONFIG does not describe workers: {why}. Expected, for "
        f"example, {_EXAMPLE}; got {config}"
    )


def announce(kind, port=8888, label=None):
    """Sets TF_CONFIG where a job scheduler is to be asked.

    Args:
      kind: "tf_config", which leaves it as it is, "slurm" or "kubernetes".
      port: where the workers of Slurm and Kubernetes listen: of Slurm's the first of a machine
        there, the second at the next one, ...
      label: of Kubernetes, the selector of the pods of this run, such as "job-name=glf".

    Raises:
      ValueError: for another kind, a label without use or one that is missing, or if the scheduler
        does not know of this process.
    """
    if kind not in KINDS:
        raise ValueError(f"A cluster is one of {', '.join(KINDS)}, got {kind!r}.")
    if (label is not None) != (kind == "kubernetes"):
        raise ValueError(
            "The pods' label is for --cluster=kubernetes, and is needed there: the selector of "
            f"this run's pods, --cluster_label=job-name=NAME. Got {label!r} with {kind!r}."
        )
    if kind == "slurm":
        from_slurm(port)
    elif kind == "kubernetes":
        from_kubernetes(label, port)


def from_slurm(port=8888):
    """Sets TF_CONFIG for the tasks of the present Slurm step, the workers in their order.

    Where a machine has several tasks and GPUs, each takes its share of them.

    Raises:
      ValueError: if this is no process of `srun`.
    """
    options = {"port_base": port}
    if not device.has_gpu():
        options.update(gpus_per_node=1, gpus_per_task=1, auto_set_gpu=False)
        tasks = re.findall(r"(\d+)(?:\(x\d+\))?", os.environ.get("SLURM_STEP_TASKS_PER_NODE", ""))
        options["gpus_per_node"] = max(map(int, tasks), default=1)
    try:
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(**options)
        cluster = resolver.cluster_spec().as_dict()
        task, index = resolver.get_task_info()
    except (RuntimeError, KeyError, ValueError) as error:
        raise ValueError(
            "--cluster=slurm is for processes that `srun` starts, one for each worker; their "
            f"environment is not that of such: {error}."
        ) from error
    _set(cluster, task, index)


def from_kubernetes(label, port=8888, client=None):
    """Sets TF_CONFIG for the running pods with a label, the workers in the order of their names.

    The pods use their machines' network (`hostNetwork: true`), one on each, and may list pods.

    Args:
      label: the selector, such as "job-name=glf".
      port: where each worker listens.
      client: a `kubernetes.client.CoreV1Api`; None: that of the cluster that this process is in.

    Raises:
      ValueError: if Kubernetes' client is not installed or finds no cluster, if a pod is not
        running yet, or this process is in none of them.
    """
    try:
        client = client or _kubernetes()
        resolver = tf.distribute.cluster_resolver.KubernetesClusterResolver(
            {"worker": [label]}, tf_server_port=port, override_client=client
        )
        cluster = resolver.cluster_spec().as_dict()
        pods = client.list_pod_for_all_namespaces(label_selector=label).items
    except Exception as error:  # the client has exceptions of its own
        raise ValueError(f"--cluster=kubernetes could not list the workers: {error}") from error
    names, own = sorted(pod.metadata.name for pod in pods), os.environ.get("HOSTNAME")
    if own not in names:
        raise ValueError(
            f"The pod {own!r} (environment variable HOSTNAME) is none of those with the label "
            f"{label}: {', '.join(names) or 'there is none'}."
        )
    _set(cluster, "worker", names.index(own))


def _kubernetes():
    try:
        from kubernetes import client, config
    except ImportError as error:
        raise ValueError(
            "its Python client is not installed (pip install kubernetes). Jobs of Kubeflow need "
            "neither: they set TF_CONFIG."
        ) from error
    config.load_incluster_config()
    return client.CoreV1Api()


def _set(cluster, task, index):
    config = {"cluster": cluster, "task": {"type": task, "index": index}}
    os.environ["TF_CONFIG"] = json.dumps(config)
    logging.info("TF_CONFIG=%s", os.environ["TF_CONFIG"])


class Stops:
    """Signals that reach one worker and concern all.

    A worker that would stop by itself leaves the others waiting for its share of a sum. So only the
    chief stops, at a whole step of its own, and writes the checkpoint; the others tell it of their
    signals and go on until it is gone.

    Args:
      cluster: the `Cluster`; None: there is one worker.
      request: the `StopRequest` of this process.
    """

    def __init__(self, cluster, request):
        self._request, self._told = request, False
        self._alone = cluster is None or len(cluster.addresses) == 1
        self._is_chief = cluster is None or cluster.is_chief
        if not self._alone and self._is_chief:
            threading.Thread(target=self._listen, daemon=True).start()

    @property
    def signum(self):
        """The signal that this process is to stop for now, or None."""
        signum = self._request.signum
        if signum is None or self._is_chief:
            return signum
        if not self._told:
            self._told = True
            with contextlib.suppress(tf.errors.OpError):
                _context().set_config_key_value(_STOP, str(int(signum)))
        return None

    def _listen(self):
        with contextlib.suppress(tf.errors.OpError):
            self._request.signum = self._request.signum or int(
                _context().get_config_key_value(_STOP)
            )


def _context():
    from tensorflow.python.eager import context

    return context.context()


@contextlib.contextmanager
def together(cluster, request):
    """Turns the failure of TensorFlow's collective operations into what happened.

    Args:
      cluster: the `Cluster`; None: there is one worker, and nothing is turned.
      request: the `StopRequest` of this process.

    Raises:
      Interrupted: if this process was told to stop: the chief has, and has written the checkpoint.
      WorkerLost: else.
    """
    if cluster is None or len(cluster.addresses) == 1:
        yield
        return
    try:
        yield
    except _LOST as error:
        if request.signum is not None and not cluster.is_chief:
            raise Interrupted(
                request.signum,
                "Stopped by a signal, after the chief. Start the same commands again to go on.",
            ) from error
        where = ", ".join(a for i, a in enumerate(cluster.addresses) if i != cluster.number)
        raise WorkerLost(
            f"Worker {cluster.number} of {len(cluster.addresses)} ends because another one ended "
            f"or cannot be reached (the others: {where}). The checkpoints are intact. Start the "
            "same commands on all machines to go on from the last one."
        ) from error
