"""Killed at any moment and started again, the real program ends in the same bits."""

import json
import pathlib
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from glf.training.checkpoints import Checkpoints

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINDINGS = (
    "train.num_steps = 80",
    "train.checkpoint_every = 10",
    "train.validate_every = 20",
    "train.pictures_every = 40",
    "train.log_every = 5",
    "GLF.make_autoencoder = @InfoGAN",
)


def state_of(workdir):
    path = Checkpoints(workdir / "checkpoints").newest()
    reader = tf.train.load_checkpoint(str(path / "state"))
    names = [n for n in reader.get_variable_to_shape_map() if "OBJECT_GRAPH" not in n]
    state = {name: reader.get_tensor(name).tobytes() for name in names}
    manifest = json.loads((path / "manifest.json").read_text())
    return {**state, "step": manifest["step"], "extra": manifest["extra"]}


def everything(workdir, programs):
    """Weights, slots and averages, logs, pictures, metrics and samples of a finished run."""
    out, run = workdir.parent / "samples.npz", f"--workdir={workdir}"
    done = programs(
        {
            "metrics": ("evaluate", run),
            "samples": ("sample", run, "--num=300", "--seed=3", f"--out={out}"),
        },
        quickly=True,
    )
    for finished in done.values():
        assert finished.returncode == 0, finished.stderr
    found = state_of(workdir)
    for pattern in ("logs/*", "pictures/*", "metrics.json", "status.json"):
        for file in workdir.glob(pattern):
            found[str(file.relative_to(workdir))] = file.read_bytes()
    with np.load(out) as samples:
        found["samples"] = samples["images"].tobytes()
    found["best"] = json.loads((workdir / "checkpoints/best/manifest.json").read_text())["step"]
    return found


def start(workdir, flags, environment):
    return subprocess.Popen(
        [sys.executable, "-m", "scripts.train", f"--workdir={workdir}", *flags],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(workdir, process, step):
    """Waits until the log says that `step` is reached, or the process ends."""
    log = workdir / "logs" / "train.jsonl"
    while process.poll() is None:
        if log.exists() and f'"step": {step},' in log.read_text():
            return
        time.sleep(0.005)


def test_killed_three_times(tmp_path, programs, smoke_flags, quick_environment):
    flags = smoke_flags(*BINDINGS)
    seed = random.SystemRandom().randrange(10**6)
    print("seed of the moments:", seed)
    moments = random.Random(seed)
    steps = sorted(moments.sample(range(5, 75, 5), 3))
    killed, whole = tmp_path / "killed" / "run", tmp_path / "whole" / "run"
    for step in steps:
        process = start(killed, flags, quick_environment)
        with process:
            wait_for(killed, process, step)
            time.sleep(moments.uniform(0, 0.05))
            process.kill()
    for run, from_nothing in ((killed, True), (whole, False)):
        command = {"train": ("train", f"--workdir={run}", *flags)}
        finished = programs(command, from_nothing, quickly=True)["train"]
        assert finished.returncode == 0, finished.stderr
    ours, others = everything(killed, programs), everything(whole, programs)
    assert set(ours) == set(others)
    assert [name for name in ours if ours[name] != others[name]] == [], (seed, steps)
    assert not list((killed / "checkpoints").glob(".*"))


def test_a_signal_ends_the_program_with_its_code(tmp_path, smoke_flags, user_environment):
    workdir = tmp_path / "run"
    flags = smoke_flags(*BINDINGS[1:], "train.num_steps = 1000000")
    process = start(workdir, flags, user_environment)
    with process:
        wait_for(workdir, process, 5)
        process.send_signal(signal.SIGTERM)
        said = process.stderr.read()
    assert process.returncode == 143
    assert "Stopped by a signal at step" in said
    assert "Traceback" not in said
    checkpoints = Checkpoints(workdir / "checkpoints")
    reached = json.loads((workdir / "status.json").read_text())["step"]
    assert checkpoints.steps()[-1] == reached
    assert checkpoints.problem(checkpoints.newest()) is None
