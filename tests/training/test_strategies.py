"""Several replicas: the losses of one, and equal weights on each."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf import configurables
from glf.training import train
from glf.training.execution import Execution
from glf.training.run_folder import JsonLines
from glf.training.strategies import is_chief, make_strategy

MIRRORED = {"strategy": "mirrored", "devices": ["CPU:0", "CPU:1"]}


def records(workdir, name="train"):
    return JsonLines(workdir / "logs" / f"{name}.jsonl").read()


def assert_close(ours, others):
    assert [set(r) for r in ours] == [set(r) for r in others]
    for one, other in zip(ours, others, strict=True):
        for name, value in one.items():
            rel = 5e-4 if name.startswith("gradient_norm/") else 2e-5
            assert other[name] == pytest.approx(value, rel=rel), name


@pytest.mark.slow
def test_two_replicas_learn_what_one_does_in_two_parts(short_run, tmp_path, tiny, monkeypatch):
    """From the same noise."""
    made, said = [], []
    monkeypatch.setattr(train.logging, "info", lambda text, *given: said.append(text % given))

    def make_model(spec):
        made.append(tiny(spec, noise=1.0))
        return made[-1]

    options = {"make_model": make_model, "clip_norm": 5.0}
    short_run(tmp_path / "one", **options, batch_parts=2)
    short_run(tmp_path / "two", execution=MIRRORED, **options)
    assert_close(records(tmp_path / "one"), records(tmp_path / "two"))
    assert_close(records(tmp_path / "one", "validation"), records(tmp_path / "two", "validation"))
    one, two = made
    size = 4 * sum(w.numpy().size for w in one.trainable_weights) / 1e6
    assert said.count(f"2 replicas sum {size:.3g} MB of gradients a step.") == 1
    assert len(two.trainable_weights) == 4
    for weight in two.trainable_weights:
        first, second = (v.numpy() for v in weight.value.values)
        np.testing.assert_array_equal(first, second)
    for weight, other in zip(one.trainable_weights, two.trainable_weights, strict=True):
        np.testing.assert_allclose(weight.numpy(), other.numpy(), rtol=1e-4, atol=1e-5)
    # An early checkpoint of two replicas is as good for one.
    assert short_run(tmp_path / "two", **options, num_steps=14)["step"] == 14


@pytest.mark.slow
def test_batch_statistics_of_the_whole_batch(short_run, make_small_glf, tmp_path):
    """As of one replica, or each replica's own, as is chosen."""
    found = {}
    for name, shared in (("one", True), ("two", True), ("each", False)):
        short_run(
            tmp_path / name,
            make_model=make_small_glf,
            execution={} if name == "one" else MIRRORED,
            batch_norm_across_replicas=shared,
            # Adam's first steps have the size of the rate, also where a gradient is but rounding.
            optimizers=partial(keras.optimizers.SGD, 1e-4),
            **{"num_steps": 1, "log_every": 1, "validate_every": 1, "pictures_every": 0},
        )
        found[name] = records(tmp_path / name)
    assert_close(found["one"], found["two"])
    # The moving averages, too, which validation goes by.
    assert_close(*(records(tmp_path / name, "validation") for name in ("one", "two")))
    one, each = (found[name][0]["loss"] for name in ("one", "each"))
    assert each != pytest.approx(one, rel=1e-3)


def test_batch_statistics_of_no_layer(short_run, tmp_path):
    with pytest.raises(ValueError, match="no network of this model has batch normalisation"):
        short_run(batch_norm_across_replicas=True)
    assert os.listdir(tmp_path) == []


def test_a_process_can_train_models_of_different_shapes():
    """One strategy after the other: TensorFlow would take the second's sums for the first's."""
    for size in (3, 5):
        strategy = make_strategy("mirrored", ["CPU:0", "CPU:1"])

        def add(size=size):
            context = tf.distribute.get_replica_context()
            return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.ones([size]))

        found = tf.function(strategy.run, autograph=False)(add)
        for replica in strategy.experimental_local_results(found):
            np.testing.assert_array_equal(replica, np.full(size, 2.0))


@pytest.mark.slow
def test_replicas_draw_different_noise(short_run, tmp_path, tiny):
    for execution in ({}, MIRRORED):
        workdir = tmp_path / execution.get("strategy", "single")
        short_run(workdir, execution=execution, num_steps=1, log_every=1)
    one, two = (records(tmp_path / name)[0]["error"] for name in ("single", "mirrored"))
    assert one == pytest.approx(two, rel=0.1)
    assert one != pytest.approx(two, rel=1e-5)


def test_a_batch_that_cannot_be_shared(short_run, tmp_path):
    with pytest.raises(ValueError, match="batch_size=7 cannot be shared equally by 2 replicas"):
        short_run(execution=MIRRORED, batch_size=7)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["single", "mirrored"])
def test_make_strategy(name):
    devices = ["CPU:0", "CPU:1"] if name == "mirrored" else None
    strategy = make_strategy(name, devices)
    assert isinstance(strategy, tf.distribute.Strategy)
    assert strategy.num_replicas_in_sync == (2 if devices else 1)


@pytest.mark.parametrize("form", ["CPU:1", "cpu:1", "/cpu:1", "/device:CPU:1"])
def test_forms_of_a_devices_name(form):
    devices = make_strategy("mirrored", [form]).extended.worker_devices
    assert [device[-5:] for device in devices] == ["CPU:1"]


@pytest.mark.parametrize(
    ("name", "devices", "said"),
    [
        ("mirrored", ["GPU:0"], r"no device GPU:0; this machine has CPU:0, CPU:1\."),
        ("mirrored", ["CPU:0", "CPU:7"], r"no device CPU:7; this"),
        ("mirrored", ["gpu0", "GPU"], r"no device gpu0 and no device GPU; this"),
        ("mirrored", ["CPU:0", "/cpu:0"], "named more than once: CPU:0, /cpu:0"),
        ("mirrored", "CPU:0", r"devices is a list of names.*got 'CPU:0'"),
        ("mirrored", None, "takes all GPUs, and there is none: this machine has CPU:0, CPU:1"),
        ("mirrored", [], "takes all GPUs, and there is none"),
        ("single", ["CPU:0"], "for the mirrored strategy, not for 'single'"),
        ("multi_worker", ["GPU:0"], "for the mirrored strategy, not for 'multi_worker'"),
        ("parallel", None, "Unknown strategy 'parallel'; expected one of single"),
    ],
)
def test_devices_that_are_not_there(name, devices, said):
    with pytest.raises(ValueError, match=said):
        make_strategy(name, devices)


def test_a_device_that_is_not_there_leaves_no_trace(short_run, tmp_path):
    with pytest.raises(ValueError, match="no device GPU:0"):
        short_run(execution={"strategy": "mirrored", "devices": ["GPU:0"]})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("task", "chief"),
    [
        ({"type": "worker", "index": 0}, True),
        ({"type": "worker", "index": 1}, False),
        ({"type": "chief", "index": 0}, True),
    ],
)
def test_the_chief(monkeypatch, task, chief):
    assert is_chief("single")
    assert is_chief("mirrored")
    cluster = {"worker": ["a:1", "b:1"]}
    if task["type"] == "chief":
        cluster["chief"] = ["c:1"]
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    assert is_chief("multi_worker") == chief


def test_worker_0_is_not_the_chief_beside_a_chief(monkeypatch):
    cluster = {"worker": ["a:1"], "chief": ["c:1"]}
    task = {"type": "worker", "index": 0}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    assert not is_chief("multi_worker")


def test_workers_do_not_wait_for_ever(monkeypatch):
    monkeypatch.setenv(
        "TF_CONFIG", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}'
    )
    made = []
    monkeypatch.setattr(
        tf.distribute, "MultiWorkerMirroredStrategy", lambda **options: made.append(options)
    )
    make_strategy("multi_worker", worker_timeout=20.0)
    assert made[0]["communication_options"].timeout_seconds == 20.0


def test_workers_that_cannot_be_joined(monkeypatch):
    monkeypatch.setenv(
        "TF_CONFIG",
        '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}',
    )

    def refuse(**options):
        raise tf.errors.UnknownError(None, None, "Could not start gRPC server")

    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", refuse)
    with pytest.raises(ValueError, match=r"Worker 1 of 2 could not join the others at b:2: Could"):
        make_strategy("multi_worker")


def free_ports(count):
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


@pytest.mark.slow
def test_two_processes_learn_what_one_does(tmp_path):
    """Though one of them is killed, with which the other ends, and both are started again."""
    files = [
        f"configs/{name}.gin"
        for name in ("studies/glf/digits", "models/flows/both_halves_affine", "smoke")
    ]
    bindings = [
        # Batch statistics would be those of half a batch.
        "DenseConditioner.batch_norm = False",
        "DenseAutoencoder.hidden = ()",
        "train.moving_average = 0.9",
        # Two halves are cut into other parts than the whole.
        "train.updates_per_step = None",
        "Chain.repeats = 1",
        "train.num_steps = 6",
        "train.log_every = 2",
        "train.validate_every = 3",
        # Time enough for a kill between two steps.
        "train.checkpoint_every = 1",
    ]

    def start(index, cluster):
        task = {"type": "worker", "index": index}
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "scripts.train", f"--workdir={tmp_path / 'two'}"),
                "--strategy=multi_worker",
                *(f"--gin_file={file}" for file in files),
                *(f"--gin_param={binding}" for binding in bindings),
            ],
            env={**os.environ, "TF_CONFIG": json.dumps({"cluster": cluster, "task": task})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @contextlib.contextmanager
    def pair():
        cluster = {"worker": [f"localhost:{port}" for port in free_ports(2)]}
        workers = [start(index, cluster) for index in range(2)]
        try:
            yield workers
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
                worker.stdout.close()

    with pair() as workers:
        while not (tmp_path / "two" / "checkpoints" / "step-00000002").exists():
            assert [worker.poll() for worker in workers] == [None, None], workers[0].stdout.read()
            time.sleep(0.02)
        workers[1].kill()
        said = workers[0].communicate(timeout=400)[0]
    assert workers[0].returncode == 1, said
    assert "Error: Worker 0 of 2 ends because another one ended" in said
    assert "Traceback" not in said
    with pair() as workers:
        said = [worker.communicate(timeout=400)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], "\n".join(said)
    assert "Resumed from step" in said[0]
    configurables.parse(files, bindings)
    configurables.train(tmp_path / "one", Execution())
    configurables.parse()
    assert_close(records(tmp_path / "one"), records(tmp_path / "two"))
    assert_close(records(tmp_path / "one", "validation"), records(tmp_path / "two", "validation"))
