"""The loop: what it writes, what it refuses, when it stops."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl import logging

from glf.evaluation.loss_terms import MeanLossTerms
from glf.training import optimizers
from glf.training.checkpoints import Checkpoints, read_manifest
from glf.training.execution import Execution, Provenance
from glf.training.experiment import Experiment
from glf.training.restore import restore_for_inference
from glf.training.run import NonFiniteLoss
from glf.training.run_folder import JsonLines, RunFolder
from glf.training.train import run_experiment, train

QUIET = {"validate_every": 0, "pictures_every": 0, "moving_average": None}


def log(workdir, name="train"):
    return JsonLines(workdir / "logs" / f"{name}.jsonl").read()


@pytest.fixture(scope="module")
def finished(tmp_path_factory, digits, tiny):
    """A run with everything on, and its folder."""
    workdir = tmp_path_factory.mktemp("finished") / "run"
    experiment = Experiment(
        make_model=tiny,
        make_dataset=lambda data_dir=None: digits,
        num_steps=40,
        batch_size=16,
        optimizers=dict.fromkeys(("encoder", "decoder"), lambda: optimizers.adam(0.02)),
        log_every=10,
        checkpoint_every=15,
        validate_every=10,
        pictures_every=20,
        num_pictures=4,
        moving_average=0.5,
        keep_checkpoints=2,
    )
    provenance = Provenance("train.num_steps = 40\n", lambda: "used\n", about={"flags": {}})
    report = run_experiment(workdir, experiment, Execution(), provenance)
    return workdir, report


def test_the_loss_falls(finished):
    records = log(finished[0])
    assert [r["step"] for r in records] == [10, 20, 30, 40]
    assert records[-1]["loss"] < 0.8 * records[0]["loss"]
    assert set(records[0]) == {
        *("step", "loss", "error", "size"),
        *("gradient_norm/encoder", "gradient_norm/decoder"),
        *("learning_rate/encoder", "learning_rate/decoder"),
    }


def test_the_run_folder_holds_what_it_promises(finished):
    workdir, report = finished
    assert (workdir / "config.gin").read_text() == "train.num_steps = 40\n"
    assert (workdir / "operative_config.gin").read_text() == "used\n"
    about = {"precision": "float32", "jit": True, "flags": {}}
    assert json.loads((workdir / "run.json").read_text()) == about
    assert json.loads((workdir / "status.json").read_text()) == report
    assert report["step"] == 40
    assert report["finished"]
    assert not report["stopped_early"]
    assert RunFolder(workdir).read_spec().levels == 17
    assert 0 < RunFolder(workdir).read_seconds() < 600
    assert sorted(os.listdir(workdir / "pictures")) == [
        f"{what}-000000{step}.png" for what in ("reconstructions", "samples") for step in (20, 40)
    ]
    checkpoints = Checkpoints(workdir / "checkpoints")
    assert checkpoints.steps() == [30, 40]


def test_the_best_checkpoint_is_the_lowest_validation(finished):
    workdir, report = finished
    records = log(workdir, "validation")
    assert [r["step"] for r in records] == [10, 20, 30, 40]
    lowest = min(records, key=lambda r: r["loss"])
    assert report["best"] == {"step": lowest["step"], "metric": "loss", "value": lowest["loss"]}
    assert read_manifest(workdir / "checkpoints" / "best")["step"] == lowest["step"]


def test_validation_judges_the_moving_average(finished, digits, tiny):
    workdir, _ = finished
    model = tiny(digits.spec)
    assert restore_for_inference(model, 0.5, RunFolder(workdir)) == 40
    averaged = MeanLossTerms(model, 16)(digits, "validation", 0)
    last = log(workdir, "validation")[-1]
    assert averaged == {name: last[name] for name in averaged}
    # The weights as trained are others.
    trained = tiny(digits.spec)
    restore_for_inference(trained, None, RunFolder(workdir))
    assert MeanLossTerms(trained, 16)(digits, "validation", 0) != averaged


def test_restoring_best_a_step_or_what_is_not_there(finished, digits, tiny):
    folder = RunFolder(finished[0])
    model = tiny(digits.spec)
    assert restore_for_inference(model, 0.5, folder, "30") == 30
    best = restore_for_inference(model, 0.5, folder, "best")
    assert best == finished[1]["best"]["step"]
    with pytest.raises(ValueError, match=r"no checkpoint '35' \(there: 30, 40\)"):
        restore_for_inference(model, 0.5, folder, "35")


def test_a_run_of_another_model_is_refused(finished, digits, tiny):
    with pytest.raises(ValueError, match="does not fit this model"):
        restore_for_inference(tiny(digits.spec, size=5), 0.5, RunFolder(finished[0]))


def test_tensorboard_has_the_scalars_and_the_pictures(finished):
    from tensorboard.backend.event_processing import event_accumulator

    workdir, _ = finished
    events = event_accumulator.EventAccumulator(
        str(workdir / "summaries"), {"tensors": 0, "images": 0}
    ).Reload()
    tags = set(events.Tags()["tensors"])
    assert {"train/loss", "train/gradient_norm/encoder", "validation/error"} <= tags
    assert {"samples", "reconstructions"} <= tags
    for name, tag in (("train", "train/loss"), ("validation", "validation/loss")):
        shown = {e.step: tf.make_ndarray(e.tensor_proto).item() for e in events.Tensors(tag)}
        assert shown == {r["step"]: np.float32(r["loss"]) for r in log(workdir, name)}
    assert [e.step for e in events.Tensors("samples")] == [20, 40]


def test_a_finished_run_says_so_and_does_nothing(short_run, tmp_path, compare, monkeypatch):
    said = []
    monkeypatch.setattr(logging, "info", lambda text, *args: said.append(text % args))
    first = short_run(**QUIET)
    before = compare(tmp_path / "run")
    said.clear()
    assert short_run(**QUIET) == first
    assert any("is finished at step 12" in line for line in said)
    assert compare(tmp_path / "run") == before


@pytest.mark.slow
def test_a_run_can_be_made_longer(short_run, tmp_path, compare):
    config = "train.num_steps = {}\ntrain.batch_size = 8\n"
    short_run(**QUIET, num_steps=6, config=config.format(6))
    short_run(**QUIET, num_steps=12, config=config.format(12))
    short_run(tmp_path / "at once", **QUIET, config=config.format(12))
    longer, at_once = compare(tmp_path / "run"), compare(tmp_path / "at once")
    assert longer["newest"] == at_once["newest"]
    assert longer["logs/train.jsonl"] == at_once["logs/train.jsonl"]
    assert "num_steps = 12" in (tmp_path / "run" / "config.gin").read_text()


def test_another_experiment_is_refused_with_the_difference(short_run, tmp_path, compare):
    short_run(**QUIET, num_steps=2, config="GLF.beta = 1.0\ntrain.seed = 0\n")
    before = compare(tmp_path / "run")
    with pytest.raises(ValueError, match="another experiment") as raised:
        short_run(**QUIET, num_steps=2, config="GLF.beta = 2.0\ntrain.seed = 0\n")
    assert "-GLF.beta = 1.0\n+GLF.beta = 2.0" in str(raised.value)
    assert "seed" not in str(raised.value)
    assert compare(tmp_path / "run") == before


def test_another_precision_is_refused(short_run, monkeypatch):
    short_run(**QUIET, num_steps=2)
    with pytest.raises(ValueError, match="trained with --precision=float32"):
        short_run(**QUIET, num_steps=2, execution={"precision": "mixed_bfloat16"})


def test_a_workdir_that_is_a_file(short_run, tmp_path):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(ValueError, match="is a file"):
        short_run()
    assert (tmp_path / "run").read_text() == "mine"


def test_a_workdir_of_strangers_is_left_alone(short_run, tmp_path):
    (tmp_path / "run").mkdir()
    for name in ("thesis.tex", "data.json"):
        (tmp_path / "run" / name).write_text("mine")
    with pytest.raises(ValueError, match=r"not a run folder .*data.json, thesis.tex"):
        short_run()
    assert sorted(os.listdir(tmp_path / "run")) == ["data.json", "thesis.tex"]


def test_a_second_process_is_locked_out(short_run, tmp_path):
    program = (
        "import fcntl, sys, time\n"
        f"handle = open({str(tmp_path / 'run' / '.lock')!r}, 'w')\n"
        "fcntl.flock(handle, fcntl.LOCK_EX)\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    (tmp_path / "run").mkdir()
    other = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with other:
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(ValueError, match="Another process is training"):
            short_run()
        other.stdin.close()
    assert os.listdir(tmp_path / "run") == [".lock"]
    assert short_run(**QUIET, num_steps=1)["finished"]


@pytest.mark.parametrize("made_before", [False, True])
def test_a_run_that_never_began_leaves_no_trace(short_run, tmp_path, made_before):
    if made_before:
        (tmp_path / "run").mkdir()

    def broken(spec):
        raise ValueError("wrong size")

    with pytest.raises(ValueError, match="wrong size"):
        short_run(make_model=broken)
    assert os.listdir(tmp_path) == (["run"] if made_before else [])
    if made_before:
        assert os.listdir(tmp_path / "run") == []


def test_not_finite_names_step_and_term_and_keeps_the_checkpoints(short_run, tmp_path, tiny):
    def make_model(spec):
        return tiny(spec, not_finite_at=11)

    with pytest.raises(NonFiniteLoss) as raised:
        short_run(**QUIET, make_model=make_model, num_steps=20)
    message = str(raised.value)
    assert "At step 11 these were not finite:" in message
    # The decoder's gradient does not depend on the size of the codes.
    assert "gradient_norm/encoder, loss, size." in message
    assert "that of step 8" in message
    checkpoints = Checkpoints(tmp_path / "run" / "checkpoints")
    assert checkpoints.steps() == [4, 8]
    assert checkpoints.problem(checkpoints.path(8)) is None


def test_not_finite_before_any_checkpoint(short_run, tiny):
    with pytest.raises(NonFiniteLoss, match=r"At step 1 .*No checkpoint had been written"):
        short_run(**QUIET, make_model=lambda spec: tiny(spec, not_finite_at=1))


@pytest.mark.slow
def test_stops_early(short_run, tmp_path):
    # Without learning nothing gets better after the first validation.
    still = dict.fromkeys(("encoder", "decoder"), lambda: optimizers.adam(0.0))
    options = {
        **QUIET,
        **{"optimizers": still, "num_steps": 50, "checkpoint_every": 100},
        **{"validate_every": 2, "patience": 3},
    }
    report = short_run(**options)
    assert report["stopped_early"]
    assert report["finished"]
    assert report["step"] == 8
    assert report["best"]["step"] == 2
    assert Checkpoints(tmp_path / "run" / "checkpoints").steps() == [2, 8]
    assert short_run(**options) == report


def test_unknown_best_metric(short_run, tmp_path):
    with pytest.raises(ValueError, match=r"best_metric='bits' .*choose one of error, loss, size"):
        short_run(best_metric="bits")
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_clipping(short_run, tmp_path, digits, tiny):
    plain = dict.fromkeys(("encoder", "decoder"), lambda: keras.optimizers.SGD(1.0))
    options = {**QUIET, "optimizers": plain, "log_every": 1}
    short_run(tmp_path / "start", **{**options, "num_steps": 1, "clip_norm": 1e-12})
    short_run(tmp_path / "clipped", **{**options, "num_steps": 1, "clip_norm": 0.25})
    models = [tiny(digits.spec), tiny(digits.spec)]
    for model, run in zip(models, ("start", "clipped"), strict=True):
        restore_for_inference(model, None, RunFolder(tmp_path / run))
    start, clipped = (model.parameter_groups() for model in models)
    for group in ("encoder", "decoder"):
        moved = sum(
            ((a.numpy() - b.numpy()) ** 2).sum()
            for a, b in zip(start[group], clipped[group], strict=True)
        )
        np.testing.assert_allclose(moved**0.5, 0.25, rtol=1e-4)
    # What is logged is the norm before clipping.
    records = [log(tmp_path / run)[0] for run in ("start", "clipped")]
    assert records[0]["gradient_norm/encoder"] == records[1]["gradient_norm/encoder"] > 0.25


def test_optimizers_of_other_groups(short_run):
    with pytest.raises(ValueError, match=r"groups \['decoder', 'encoder'\].* names \['flow'\]"):
        short_run(optimizers={"flow": optimizers.adam})


def test_a_weight_without_gradient(short_run, tiny):
    class Cut(tiny):
        def _loss_terms(self, x, seed, training, condition):
            terms = super()._loss_terms(x, seed, training, condition)
            return {**terms, "loss": tf.reduce_sum(self.encoder.kernel) + 0 * terms["size"]}

    with pytest.raises(ValueError, match=r"No gradient reaches 3 weights: .*decoder|dense"):
        short_run(make_model=Cut)


@pytest.mark.parametrize("change", ["twice", "left out"])
def test_parameter_groups_must_be_every_weight_once(short_run, tiny, change):
    class Wrong(tiny):
        def parameter_groups(self):
            groups = super().parameter_groups()
            extra = groups["encoder"][:1] if change == "twice" else []
            kept = groups["decoder"] if change == "twice" else groups["decoder"][1:]
            return {"encoder": groups["encoder"], "decoder": kept + extra}

    with pytest.raises(ValueError, match="must return each of them once"):
        short_run(make_model=Wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"num_steps": 0}, "train.num_steps must be an integer of at least 1, got 0"),
        ({"batch_size": 2.5}, "train.batch_size must be an integer"),
        ({"log_every": 0}, "train.log_every"),
        ({"patience": 0}, "train.patience must be at least 1 or None, got 0"),
        ({"clip_norm": 0.0}, "train.clip_norm must be positive"),
        ({"keep_checkpoints": 0}, "at least 1, got 0"),
        ({"moving_average": 1.0}, "decay must lie in"),
        ({"validate_every": -1}, "train.validate_every must be an integer of at least 0"),
        ({"pictures_every": 0.5}, "train.pictures_every must be an integer of at least 0"),
        ({"execution": {"strategy": "tpu"}}, "Unknown strategy 'tpu'"),
        ({"execution": {"devices": ["CPU:0"]}}, "Devices can be chosen for the mirrored"),
    ],
)
def test_arguments_out_of_range(short_run, tmp_path, wrong, said):
    with pytest.raises(ValueError, match=said):
        short_run(**wrong)
    assert os.listdir(tmp_path) == []


def test_a_notebooks_way_in(tmp_path, tiny, digits):
    """Settings by name, checked before anything is made."""
    data = {"make_model": tiny, "make_dataset": lambda data_dir=None: digits}
    with pytest.raises(ValueError, match=r"train\.num_steps must be .* at least 1, got 'two'"):
        train(tmp_path / "run", **data, num_steps="two")
    with pytest.raises(TypeError, match="step_count"):
        train(tmp_path / "run", **data, step_count=2)
    assert os.listdir(tmp_path) == []
    assert train(tmp_path / "run", **data, **QUIET, num_steps=1, batch_size=8)["finished"]


def test_validation_needs_examples(short_run, tmp_path):
    from glf.data.make import make_dataset

    def none_left(data_dir=None):
        return make_dataset("digits", validation_examples=0)

    with pytest.raises(ValueError, match="no validation examples"):
        short_run(make_dataset=none_left)
    assert os.listdir(tmp_path) == []
    options = {**QUIET, "pictures_every": 1, "num_steps": 1}
    short_run(make_dataset=none_left, **options)
    assert os.listdir(tmp_path / "run" / "pictures") == ["samples-00000001.png"]


def test_damaged_checkpoints(short_run, tmp_path, compare):
    short_run(**QUIET)
    before = compare(tmp_path / "run")
    checkpoints = Checkpoints(tmp_path / "run" / "checkpoints")
    (checkpoints.path(12) / "state.index").unlink()
    short_run(**QUIET)
    assert compare(tmp_path / "run") == before
    for step in checkpoints.steps():
        (checkpoints.path(step) / "state.index").unlink()
    with pytest.raises(ValueError, match=r"None of the checkpoints .* is intact"):
        short_run(**QUIET)
    assert checkpoints.steps() == before["steps"]


def test_a_full_disk_ends_the_run_with_one_clear_message(short_run, tmp_path, monkeypatch):
    def full(self, prefix):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.train.Checkpoint, "write", full)
    with pytest.raises(OSError, match=r"step 4 .*No space left on device.*No earlier checkpoint"):
        short_run(**QUIET)


def test_a_torn_log_line_is_cut(tmp_path):
    lines = JsonLines(tmp_path / "log.jsonl")
    for step in (1, 2, 3):
        lines.append({"step": step})
    with open(lines.path, "a") as handle:
        handle.write('{"step": 4, "lo')
    assert [r["step"] for r in lines.read()] == [1, 2, 3]
    lines.cut_back(2)
    assert lines.path.read_text() == '{"step": 1}\n{"step": 2}\n'
