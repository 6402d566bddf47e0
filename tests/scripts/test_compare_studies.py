"""scripts.compare_studies: runs of several seeds, trained once and measured once."""

import json
import pathlib
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.slow

STUDY = """
make_dataset.source = "digits"
make_dataset.crop = 4
train.make_model = @PixelFlow
PixelFlow.make_density = @Flow
Flow.make_bijector = @Chain
Chain.make_bijectors = [@Logit, @Flatten, @AdditiveCoupling, @DiagonalScaling]
AdditiveCoupling.make_conditioner = @DenseConditioner
DenseConditioner.batch_norm = False
DenseConditioner.num_layers = 1
train.num_steps = 2
train.batch_size = 8
train.validate_every = 0
train.pictures_every = 0
"""
ROOT = pathlib.Path(__file__).resolve().parents[2]
FLAGS = ("--seeds=2", "--importance_samples=2", "--num=5")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared")
    for place in (folder / "tiny", folder / "other" / "tiny"):
        place.mkdir(parents=True)
        (place / "digits.gin").write_text(STUDY)
    return folder


@pytest.fixture(scope="module")
def command(folder):
    """A function that gives the command that compares one study of one binding."""
    study = f"{folder / 'tiny' / 'digits.gin'};Chain.repeats = 1"
    common = ("compare_studies", f"--out={folder / 'runs'}", f"--study={study}", *FLAGS)
    return lambda *flags: (*common, "--gin_param=DenseConditioner.hidden = 4", *flags)


@pytest.fixture(scope="module")
def first(program, command):
    done = program(*command())
    assert done.returncode == 0, done.stderr
    return done


def contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return {path: path.stat().st_mtime_ns for path in files}


def test_runs_of_two_seeds(folder, first):
    results = json.loads((folder / "runs" / "comparison.json").read_text())
    (method,) = results["methods"]
    assert method["label"] == "tiny_digits_Chain.repeats_1"
    runs = method["runs"]
    assert [(run["step"], run["seed"]) for run in runs] == [(2, 0), (2, 1)]
    bits = [run["metrics"]["bits_per_dim"] for run in runs]
    assert bits[0] != bits[1]
    for seed, run in enumerate(runs):
        config = folder / "runs" / "tiny_digits_Chain.repeats_1" / f"seed{seed}" / "config.gin"
        assert f"train.seed = {seed}" in config.read_text()
        assert {"bits_per_dim_iw2", "nll", "examples", "sampling_ms"} < set(run["metrics"])
        # A coupling's network of 8 to 4 to 8 units, and 16 scales.
        assert run["metrics"]["parameters"] == 9 * 4 + 5 * 8 + 16
        assert run["seconds"] > 0
    assert (folder / "runs" / "index.html").exists()
    head, _, row = first.stdout.strip().splitlines()[-3:]
    assert head.startswith(
        "| method | seeds | nll, nats ↓ | bits_per_dim, bits ↓ | nll_iw2, nats ↓"
    )
    assert row.startswith("| tiny_digits_Chain.repeats_1 | 2 | ")
    assert "| 92 |" in row


def test_what_follows(folder, first, programs, command):
    """The same again trains and measures nothing; the mistakes change nothing."""
    runs = folder / "runs"
    before = contents(runs / "tiny_digits_Chain.repeats_1")
    studies = [f"--study={path}" for path in sorted(folder.glob("**/tiny/digits.gin"))]
    done = programs(
        {
            "again": command(),
            "names": ("compare_studies", f"--out={folder / 'none'}", *studies),
        }
    )
    again, names = done["again"], done["names"]
    assert again.returncode == 0, again.stderr
    assert "Training" not in again.stderr
    assert again.stdout == first.stdout
    assert names.returncode == 1
    assert "Two studies have the same name: tiny_digits, tiny_digits." in names.stderr
    assert not (folder / "none").exists()
    other = programs({"other": command("--gin_param=train.batch_size = 9")})["other"]
    assert other.returncode == 1
    assert "holds another experiment" in other.stderr
    assert "ended with exit code 1" in other.stderr
    assert "Traceback" not in other.stderr
    assert contents(runs / "tiny_digits_Chain.repeats_1") == before


def test_a_signal_stops_training_in_order_and_its_time_counts(folder, tmp_path, user_environment):
    study = folder / "tiny" / "digits.gin"
    bindings = (
        "Chain.repeats = 1",
        "train.num_steps = 10000000",
        "train.log_every = 10",
        "train.max_steps_per_call = 10",
    )
    flags = (f"--out={tmp_path}", f"--study={study}", *(f"--gin_param={b}" for b in bindings))
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.compare_studies", *flags],
        cwd=ROOT,
        env=user_environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    run = tmp_path / "tiny_digits" / "seed0"
    log = run / "logs" / "train.jsonl"
    while process.poll() is None and not log.exists():
        time.sleep(0.05)
    process.terminate()
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 1
    assert "the checkpoint is written" in errors
    assert "ended with exit code 143, see above; start this again to go on" in errors
    assert json.loads((run / "training.json").read_text())["seconds"] > 0
    assert list((run / "checkpoints").glob("*/manifest.json"))
