"""Who the workers of several machines are, as the environment or a scheduler says."""

import json
import os
import time
from types import SimpleNamespace

import pytest
import tensorflow as tf

from glf.training import cluster
from glf.training.interrupts import Interrupted, StopRequest

PAIR = {"worker": ["a:1", "b:2"]}


def text(jobs, kind="worker", index=0):
    return json.dumps({"cluster": jobs, "task": {"type": kind, "index": index}})


def test_the_chief_comes_first():
    found = cluster.described(text({"worker": ["a:1", "b:2"], "chief": ["c:3"]}, index=1))
    assert found == cluster.Cluster(("c:3", "a:1", "b:2"), 2)
    assert not found.is_chief
    assert cluster.described(text({"worker": ["a:1"], "chief": ["c:3"]}, "chief")).is_chief
    assert cluster.described(text(PAIR)).is_chief


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("", "needs the environment variable TF_CONFIG.*--cluster=slurm"),
        ("{", "no JSON of that form"),
        ("[]", "no JSON of that form"),
        ('{"cluster": {"worker": ["a:1"]}}', "no JSON of that form .*task"),
        (text({"worker": 3}), "no JSON of that form"),
        (text({"ps": ["a:1"]}, "ps"), "one of chief, worker, not 'ps'"),
        (text({"worker": ["a"]}), "'a' is no address host:port"),
        (text({"worker": ["http://a:1"]}), "is no address host:port"),
        (text({"worker": ["a:1", "a:1"]}), "an address comes twice"),
        (text({"chief": ["a:1", "b:1"]}, "chief"), "more than one chief"),
        (text(PAIR, index=2), "its task, worker 2, is not in its cluster"),
        (text(PAIR, "chief"), "its task, chief 0, is not"),
    ],
)
def test_what_describes_no_workers(monkeypatch, config, said):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(ValueError, match=said):
        cluster.described()


def test_the_tasks_of_a_slurm_step(monkeypatch):
    for name, value in {
        "SLURM_PROCID": "2",
        "SLURM_STEP_NUM_TASKS": "4",
        "SLURM_STEP_NODELIST": "node[07-08]",
        "SLURM_STEP_TASKS_PER_NODE": "2(x2)",
        "TF_CONFIG": "",
    }.items():
        monkeypatch.setenv(name, value)
    cluster.announce("slurm", 9000)
    addresses = ("node07:9000", "node07:9001", "node08:9000", "node08:9001")
    assert cluster.described() == cluster.Cluster(addresses, 2)
    monkeypatch.delenv("SLURM_PROCID")
    with pytest.raises(ValueError, match="processes that `srun` starts"):
        cluster.announce("slurm")


class Pods:
    """Stands in for Kubernetes' client."""

    def __init__(self, **phases):
        self.phases = phases

    def list_pod_for_all_namespaces(self, label_selector):
        assert label_selector == "job-name=glf"
        items = [
            SimpleNamespace(
                metadata=SimpleNamespace(name=name),
                status=SimpleNamespace(phase=phase, host_ip=f"10.0.0.{i}"),
            )
            for i, (name, phase) in enumerate(self.phases.items())
        ]
        return SimpleNamespace(items=items)


def test_the_pods_of_kubernetes(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "")
    monkeypatch.setenv("HOSTNAME", "b")
    cluster.from_kubernetes("job-name=glf", 9000, Pods(b="Running", a="Running"))
    assert cluster.described() == cluster.Cluster(("10.0.0.1:9000", "10.0.0.0:9000"), 1)
    with pytest.raises(ValueError, match='could not list the workers: Pod "a" is not running'):
        cluster.from_kubernetes("job-name=glf", 9000, Pods(b="Running", a="Pending"))
    with pytest.raises(ValueError, match=r"The pod 'b' .* none of those .*: a, c"):
        cluster.from_kubernetes("job-name=glf", 9000, Pods(c="Running", a="Running"))
    with pytest.raises(ValueError, match="pip install kubernetes"):
        cluster.announce("kubernetes", label="job-name=glf")


def test_what_no_scheduler_is_asked():
    with pytest.raises(ValueError, match=r"one of tf_config, slurm, kubernetes, got 'k8s'"):
        cluster.announce("k8s")
    with pytest.raises(ValueError, match=r"is needed there.*Got None with 'kubernetes'"):
        cluster.announce("kubernetes")
    with pytest.raises(ValueError, match="Got 'a' with 'slurm'"):
        cluster.announce("slurm", label="a")


def test_the_failure_of_a_sum_is_another_workers_end():
    pair, request = cluster.described(text(PAIR, index=1)), StopRequest()
    gone = tf.errors.UnavailableError(None, None, "Collective ops is aborted")
    lost = pytest.raises(cluster.WorkerLost, match=r"Worker 1 of 2 ends .*the others: a:1\)")
    with lost, cluster.together(pair, request):
        raise gone
    request.signum = 15
    stopped = pytest.raises(Interrupted, match="after the chief")
    with stopped as caught, cluster.together(pair, request):
        raise gone
    assert caught.value.signum == 15
    for alone in (None, cluster.described(text({"worker": ["a:1"]}))):
        with pytest.raises(tf.errors.UnavailableError), cluster.together(alone, request):
            raise gone


def test_only_the_chief_stops(monkeypatch):
    """The others tell it: here by a context that stands in for TensorFlow's service."""
    told = {}

    class Service:
        def set_config_key_value(self, key, value):
            told[key] = value

        def get_config_key_value(self, key):
            while key not in told:
                time.sleep(0.01)
            return told[key]

    monkeypatch.setattr(cluster, "_context", Service)
    chief = cluster.Stops(cluster.described(text(PAIR)), StopRequest())
    request = StopRequest()
    other = cluster.Stops(cluster.described(text(PAIR, index=1)), request)
    assert chief.signum is None
    assert other.signum is None
    assert not told
    request.signum = 15
    assert other.signum is None
    until = time.monotonic() + 10
    while chief.signum is None and time.monotonic() < until:
        time.sleep(0.01)
    assert chief.signum == 15
    alone = cluster.Stops(None, request)
    assert alone.signum == 15


def test_the_environment_is_as_it_was():
    assert "TF_CONFIG" not in os.environ
