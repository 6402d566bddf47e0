"""Evaluators in their turn during training, and the best checkpoint by what they measure."""

import os

import pytest

from glf.evaluation.evaluate import evaluate
from glf.training.checkpoints import read_manifest
from glf.training.experiment import Experiment
from glf.training.restore import restore_for_inference
from glf.training.run_folder import JsonLines, RunFolder
from glf.training.watch import Watcher

EVALUATED = {
    "validate_every": 0,
    "pictures_every": 0,
    "evaluate_every": 4,
    "evaluators": ["reconstruction"],
    "best_metric": "psnr",
}


class Killed(Exception):
    """Stands for a process that ends without a chance to save anything."""


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, digits, tiny):
    """The folder of a run that is evaluated every four of twelve steps, and its report."""
    from glf.training.train import train

    workdir = tmp_path_factory.mktemp("evaluated") / "run"
    report = train(
        workdir,
        make_model=tiny,
        make_dataset=lambda data_dir=None: digits,
        num_steps=12,
        batch_size=8,
        log_every=3,
        checkpoint_every=4,
        moving_average=0.9,
        **EVALUATED,
    )
    return workdir, report


def records(workdir):
    return JsonLines(workdir / "logs" / "evaluation.jsonl").read()


def test_the_log_is_what_evaluate_gives_of_validation(evaluated, digits, tiny):
    """Of the averaged weights, and of the untrained model at step 0."""
    workdir, _ = evaluated
    found = records(workdir)
    assert [record["step"] for record in found] == [0, 4, 8, 12]
    assert all({"step", "mse", "psnr"} <= set(record) for record in found)
    model = tiny(digits.spec)
    for step in (8, 12):
        restore_for_inference(model, 0.9, RunFolder(workdir), step)
        plain = evaluate(model, digits, "validation", only=["reconstruction"])
        assert plain["psnr"]["value"] == found[step // 4]["psnr"]


def test_the_best_is_the_highest_where_higher_is_better(evaluated):
    workdir, report = evaluated
    highest = max(records(workdir)[1:], key=lambda record: record["psnr"])
    # Higher is not what a lowest value would have chosen.
    assert highest["psnr"] > min(record["psnr"] for record in records(workdir))
    assert report["best"] == {
        "step": highest["step"],
        "metric": "psnr",
        "value": highest["psnr"],
    }
    assert read_manifest(workdir / "checkpoints" / "best")["step"] == highest["step"]


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_bits(
    evaluated, short_run, tmp_path, monkeypatch, compare
):
    """Killed after the evaluation of step 8, before its checkpoint."""
    measure = Watcher.evaluate

    def killed(watcher, state):
        measure(watcher, state)
        if state.step == 8:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Watcher, "evaluate", killed)
        with pytest.raises(Killed):
            short_run(**EVALUATED)
    assert short_run(**EVALUATED)["finished"]
    assert compare(tmp_path / "run") == compare(evaluated[0])


def test_patience_counts_evaluations(short_run, tmp_path, monkeypatch):
    values = iter([0.0, 3.0, 5.0, 5.0, float("nan"), 6.0])

    def measured(watcher):
        return {"psnr": {"value": next(values), "better": "higher"}}

    monkeypatch.setattr(Watcher, "_evaluation", measured)
    changes = {"evaluate_every": 2, "patience": 2, "execution": {"jit": False}}
    report = short_run(**EVALUATED | changes)
    assert report["stopped_early"]
    assert report["step"] == 8
    assert report["best"] == {"step": 4, "metric": "psnr", "value": 5.0}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"best_metric": "fid"}, "choose one of error, loss, size, mse, psnr, .*or a metric of"),
        ({"evaluators": ["codes"]}, "codes is for models with discrete codes; a Tiny is none"),
        ({"evaluators": ["fids"]}, "There is no evaluator 'fids'; choose from loss_terms"),
        ({"evaluator_options": {"examples": 3}}, "examples has no use here"),
        ({"evaluator_options": {"sample": 3}}, "There is no option 'sample'; choose from"),
        ({"evaluate_every": -1}, "train.evaluate_every must be an integer of at least 0"),
        ({"evaluate_every": 0}, "have no effect: nothing is evaluated while train.evaluate_every"),
    ],
)
def test_mistakes_leave_no_trace(short_run, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        short_run(**EVALUATED | changes, execution={"jit": False})
    assert os.listdir(tmp_path) == []


def test_evaluations_need_validation_examples(short_run):
    from glf.data.make import make_dataset

    def none_left(data_dir=None):
        return make_dataset("digits", validation_examples=0)

    with pytest.raises(ValueError, match=r"no validation examples\. Bind train\.evaluate_every"):
        short_run(make_dataset=none_left, **EVALUATED)


def test_nothing_is_evaluated_unless_asked(tiny):
    assert Experiment(make_model=tiny).evaluate_every == 0
