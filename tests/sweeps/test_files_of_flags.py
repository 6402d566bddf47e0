"""The sweeps of configs/sweeps run as they stand: they parse, and every binding takes effect."""

import json
import pathlib
import subprocess
import sys

import pytest

from glf import configurables

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "configs" / "sweeps").glob("*.flags"))
# Reads each file of flags in a process of its own, without TensorFlow.
READ = """
import dataclasses, json, os, sys
from absl import flags
from scripts import sweep
for path in sys.argv[1:]:
    sys.stdout.flush()
    if os.fork():
        os.wait()
        continue
    flags.FLAGS([sys.argv[0], "--flagfile=" + path, "--workdir=runs"])
    runs = [dataclasses.asdict(run) for run in sweep.planned()]
    print(json.dumps({"gin_param": sweep.GIN_PARAM.value, "runs": runs}))
    sys.stdout.flush()
    os._exit(0)
"""


@pytest.fixture(scope="module")
def read():
    """{name: what the program makes of it} of all files."""
    done = subprocess.run(
        [sys.executable, "-c", READ, *map(str, FILES)],
        **{"cwd": ROOT, "capture_output": True, "text": True},
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    return {path.stem: json.loads(line) for path, line in zip(FILES, lines, strict=True)}


def first_of_each(runs):
    """The runs with the first seed, and of these those with the first method or dataset."""
    seed = runs[0]["point"].get("train.seed")
    runs = [run for run in runs if run["point"].get("train.seed") == seed]
    first = runs[0]["point"]
    return [
        run
        for run in runs
        if any(run["point"].get(a) == first.get(a) for a in ("method", "dataset"))
    ]


def configuration_of(files, bindings):
    """None where some bindings have no effect without the others."""
    try:
        return configurables.described(files, bindings)[0]
    except ValueError:
        return None


@pytest.mark.parametrize("name", [path.stem for path in FILES])
def test_a_sweep_is_of_different_experiments(read, name):
    """And what all its runs bind changes each of them."""
    sweep, seen = read[name], {}
    for run in first_of_each(sweep["runs"]):
        config, experiment = configurables.described(run["files"], run["bindings"])
        assert experiment.num_steps >= 100
        assert seen.setdefault(config, run["name"]) == run["name"]
    for binding in sweep["gin_param"]:
        without = [b for b in run["bindings"] if b != binding]
        assert len(without) == len(run["bindings"]) - 1
        assert configuration_of(run["files"], without) != config


@pytest.mark.parametrize("name", [path.stem for path in FILES])
def test_a_file_says_how_it_is_started(name):
    text = (ROOT / "configs" / "sweeps" / f"{name}.flags").read_text(encoding="utf-8")
    head = text.split("\n\n")[0].replace("# ", "").replace("\\\n", "")
    assert f"--flagfile=configs/sweeps/{name}.flags" in head
    assert "python -m scripts.sweep --workdir=runs/" in head
    assert all(len(line) <= 100 for line in text.splitlines())
