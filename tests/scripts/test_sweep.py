"""scripts.sweep: killed in the middle it goes on to the same bits; what fails stops no other."""

import json
import os
import pathlib
import signal
import subprocess
import sys

import pytest
import tensorflow as tf

from glf.sweeps import grid
from glf.sweeps.record import SweepFolder
from glf.sweeps.sweep import Evaluation, checked, failures, run_sweep
from glf.training.checkpoints import Checkpoints
from glf.training.run_folder import JsonLines

ROOT = pathlib.Path(__file__).resolve().parents[2]
STUDY = """
make_dataset.source = "digits"
make_dataset.crop = 4
train.make_model = @PixelFlow
PixelFlow.make_density = @Flow
Flow.make_bijector = @Chain
Chain.make_bijectors = [@Logit, @Flatten, @AdditiveCoupling, @DiagonalScaling]
Chain.repeats = 1
AdditiveCoupling.make_conditioner = @DenseConditioner
DenseConditioner.batch_norm = False
DenseConditioner.num_layers = 1
DenseConditioner.hidden = 2
train.num_steps = 1500
train.batch_size = 8
train.log_every = 10
train.checkpoint_every = 200
train.max_steps_per_call = 10
train.validate_every = 0
train.pictures_every = 0
"""
NAMES = ["adam.learning_rate=1e-3", "adam.learning_rate=1e-2", "adam.learning_rate=1e30"]


class Killed(Exception):
    """Stands for the end of a sweep that was killed."""


@pytest.fixture
def study(tmp_path):
    (tmp_path / "study.gin").write_text(STUDY)
    return tmp_path / "study.gin"


@pytest.fixture
def prepare(tmp_path, study):
    """A function that gives the checked runs of a sweep over learning rates."""

    def prepare(rates="[1e-3, 1e-2, 1e30]", bindings=()):
        axes = [grid.axis_of(f"adam.learning_rate={rates}")]
        planned = grid.combinations([], [], axes, [str(study)], bindings)
        return checked(planned, tmp_path / "sweep", "float32", Evaluation(), words)

    return prepare


def words(run, stage):
    """The words of `scripts.sweep.command`."""
    if stage == "evaluate":
        return ["evaluate", f"--workdir={run.folder.path}", "--skip_unfit"]
    files = [f"--gin_file={path}" for path in run.planned.files]
    bindings = [f"--gin_param={binding}" for binding in run.planned.bindings]
    return ["train", f"--workdir={run.folder.path}", *files, *bindings]


@pytest.fixture
def launch(forks):
    """Starts the programs of a sweep as forks; those that were started are its `started`."""

    def launch(command, output):
        program, *flags = command
        fork = forks.start(f"scripts.{program}", flags, output.name, output.name)
        launch.started.append((command, fork))
        return fork

    launch.started = []
    return launch


def state_of(folder):
    """Every value of the newest checkpoint, and the log of training."""
    path = Checkpoints(folder / "checkpoints").newest()
    reader = tf.train.load_checkpoint(str(path / "state"))
    names = [n for n in reader.get_variable_to_shape_map() if "OBJECT_GRAPH" not in n]
    state = {name: reader.get_tensor(name).tobytes() for name in names}
    state["extra"] = json.loads((path / "manifest.json").read_text())["extra"]
    return state | {"log": (folder / "logs" / "train.jsonl").read_bytes()}


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_to_the_same_bits(
    tmp_path, prepare, launch, forks, study, monkeypatch, program
):
    """Of two runs at work one is killed with the sweep, the other is left to run without it."""
    sweep = SweepFolder(tmp_path / "sweep")
    first, second = (sweep.run(name) for name in NAMES[:2])

    def kill(_):
        last = JsonLines(first / "logs" / "train.jsonl").last()
        if last and last["step"] >= 300 and (second / "logs").exists():
            launch.started[0][1].send(signal.SIGKILL)
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("glf.sweeps.jobs.time.sleep", kill)
        with pytest.raises(Killed):
            run_sweep(prepare(), sweep.path, 2, launch)
    assert json.loads((first / "training.json").read_text())["step"] < 1500
    assert len(launch.started) == 2

    outcome = run_sweep(prepare(), sweep.path, 2, launch)
    assert outcome.done == NAMES[:2] or outcome.done == NAMES[1::-1]
    assert list(outcome.failed) == NAMES[2:]
    assert "these were not finite" in outcome.failed[NAMES[2]]
    said = failures(outcome, sweep.path)
    assert said.startswith("1 runs failed, 2 are done:\n" + NAMES[2])
    assert str(sweep.log(NAMES[2])) in said
    # The one that was left running was not started again.
    trained = [command[1] for command, _ in launch.started if command[0] == "train"]
    assert trained.count(f"--workdir={first}") == 2
    assert trained.count(f"--workdir={second}") == 1
    measured = json.loads((second / "metrics.json").read_text())["test"]
    assert measured["asked"]["checkpoint"] == "latest"
    assert measured["step"] == 1500

    flags = [f"--gin_file={study}", "--gin_param=adam.learning_rate = 1e-3"]
    whole = program("train", f"--workdir={tmp_path / 'whole'}", *flags)
    assert whole.returncode == 0, whole.stderr
    assert state_of(first) == state_of(tmp_path / "whole")

    # The program finds all of it done, as its own flags would have asked for it.
    axis = "--sweep=adam.learning_rate=[1e-3, 1e-2]"
    flags = (f"--workdir={sweep.path}", f"--gin_file={study}", axis)
    again = program("sweep", *flags)
    assert again.returncode == 0, again.stderr
    assert "2 of 2 runs are done." in again.stderr
    assert "| adam.learning_rate = 0.001 |" in again.stdout
    assert (sweep.report / "index.html").exists()
    assert state_of(first) == state_of(tmp_path / "whole")
    assert set(sweep.read()["runs"]) == set(NAMES)
    assert sweep.read()["axes"] == {"adam.learning_rate": [1e-3, 1e-2, 1e30]}


def test_a_mistake_is_one_error_and_nothing_is_created(tmp_path, prepare):
    before = sorted(os.listdir(tmp_path))
    for rates, bindings, said in (
        ("[1e-3]", ["adam.learning_rat = 1"], "Did you mean learning_rate"),
        ('[1e-3, "fast"]', [], "rate=fast: .*adam.learning_rate takes a number"),
        ("[1e-3]", ["GLF.beta = 1"], "has no effect: nothing that is used refers to @GLF"),
        ("[1e-3]", ["train.num_steps = 0"], "train.num_steps must be an integer of at least 1"),
        ("[1e-3]", ["train.evaluators = ['fids']"], "There is no evaluator 'fids'"),
        ("[1e-3, 0.001]", [], "=1e-3 and adam.learning_rate=0.001 are the same experiment"),
    ):
        with pytest.raises(ValueError, match=f"(?s)Nothing was started.*{said}"):
            prepare(rates, bindings)
    assert sorted(os.listdir(tmp_path)) == before


def test_another_sweep_in_the_same_folder_adds_or_is_refused(tmp_path, prepare):
    run = prepare("[1e-3]")[0]
    SweepFolder(tmp_path / "sweep").add([run.planned])
    (run.folder.path / "logs").mkdir(parents=True)
    run.folder.config.write_text(run.config)
    run.folder.about.write_text('{"precision": "float32"}')
    assert [r.name for r in prepare("[1e-2, 1e-3]", ["train.num_steps = 9"])] == [
        "adam.learning_rate=1e-2",
        "adam.learning_rate=1e-3",
    ]
    with pytest.raises(ValueError, match=r"another experiment(.|\n)*\+DenseConditioner.hidden = 3"):
        prepare("[1e-3]", ["DenseConditioner.hidden = 3"])


def test_folders_that_are_not_a_sweeps(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.gin").write_text("")
    with pytest.raises(ValueError, match="is the folder of a run; a sweep needs one of its own"):
        SweepFolder(run)
    (run / "config.gin").rename(run / "thesis.tex")
    with pytest.raises(ValueError, match=r"is not empty and not a sweep's .*thesis\.tex"):
        SweepFolder(run)
    with pytest.raises(ValueError, match="is a file"):
        SweepFolder(run / "thesis.tex")
    (run / "thesis.tex").rename(run / "sweep.json")
    with pytest.raises(ValueError, match="is not a sweep's record"):
        SweepFolder(run).read()


def test_one_sweep_at_a_time(tmp_path):
    folder = SweepFolder(tmp_path / "sweep")
    with (
        folder.locked(),
        pytest.raises(ValueError, match="Another sweep is running"),
        folder.locked(),
    ):
        pass


# Runs without TensorFlow, and prints the commands of a run's stages, a word a line.
COMMANDS = """
import sys, types
from absl import flags
from glf.sweeps.grid import Planned
from scripts import sweep
flags.FLAGS(sys.argv)
(planned,) = sweep.planned()
run = types.SimpleNamespace(planned=planned, folder=types.SimpleNamespace(path="runs/a"))
print(*sweep.command(run, "train")[2:], *sweep.command(run, "evaluate")[2:], sep="\\n")
binding = "train.make_model = @"
glf, flow = (types.SimpleNamespace(config=binding + model) for model in ("GLF", "PixelFlow"))
sweep.check_options([glf, flow])
try:
    sweep.check_options([glf])
except ValueError as error:
    print(error)
"""


def test_the_program_hands_on_what_it_was_given():
    flags = ["--method=a=a.gin,b.gin;X.y = 1", "--gin_file=c.gin", "--gin_param=Z.t = 2"]
    both = ["--data_dir=here", "--data_path=there"]
    training = ["--precision=mixed_bfloat16", "--nojit"]
    measuring = ["--split=validation", "--checkpoint=best"]
    measuring += ["--seed=3", "--importance_samples=2", "--importance_samples=8"]
    given = [*flags, "--sweep=train.seed=[4]", "--jobs=2", *both, *training, *measuring]
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, "--workdir=runs", *given],
        **{"cwd": ROOT, "capture_output": True, "text": True, "check": True},
    )
    assert done.stdout.splitlines() == [
        *("scripts.train", "--workdir=runs/a", *both),
        *("--gin_file=a.gin", "--gin_file=b.gin", "--gin_file=c.gin"),
        *("--gin_param=X.y = 1", "--gin_param=Z.t = 2", "--gin_param=train.seed = 4", *training),
        *("scripts.evaluate", "--workdir=runs/a", *both, "--skip_unfit", *measuring),
        "Nothing was started. --importance_samples is for models whose likelihood is known by "
        "bounds; here are only: GLF.",
    ]
