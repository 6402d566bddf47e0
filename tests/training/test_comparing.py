"""Runs compared: what is lacking is measured once and kept, and the files say all of it."""

import json
import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

from glf import configurables
from glf.core import files
from glf.evaluation import comparison, evaluate
from glf.models.abilities import Reconstructs
from glf.models.base import GenerativeModel
from glf.models.drawn import drawn_integers
from glf.training import compared_runs
from glf.training.compared_runs import Asked
from glf.training.comparing import compare_runs
from glf.training.find_runs import find_runs

CONFIG = (
    "train.make_model = @GLF\nGLF.beta = {beta}\ntrain.seed = {seed}\ntrain.log_every = {log}\n"
)
LABELS = ["GLF.beta = 1.0", "GLF.beta = 2.0"]


class Plain(Reconstructs, GenerativeModel):
    """Reconstructs everything as one grey, of a value that it is told."""

    conditional_reconstruction = False

    def __init__(self, spec, value):
        super().__init__(spec)
        self.value = value

    def _loss_terms(self, x, seed, training, condition):
        return {"loss": tf.reduce_mean(self.to_unit(x), [1, 2, 3])}

    def _reconstruct(self, x, condition):
        return tf.zeros_like(self.to_unit(x)) + 0.25 * self.value

    def _draw(self, num, seed, temperature, condition):
        return drawn_integers(tf.zeros([num, *self.spec.shape], tf.uint8))

    def parameter_groups(self):
        return {}


def make_run(folder, beta=1.0, seed=0, log=10, finished=True):
    folder.mkdir(parents=True)
    (folder / "config.gin").write_text(CONFIG.format(beta=beta, seed=seed, log=log))
    (folder / "run.json").write_text('{"precision": "float32"}')
    files.write_json(folder / "data.json", {"record": {"splits": {"train": {"examples": 9}}}})
    files.write_json(folder / "status.json", {"step": 20, "finished": finished, "best": None})
    files.write_json(folder / "training.json", {"step": 20, "seconds": 3.0})
    (folder / "logs").mkdir()
    (folder / "logs" / "train.jsonl").write_text('{"step": 10, "loss": 3.0}\n{"step": 20, "lo')


@pytest.fixture
def place(tmp_path):
    make_run(tmp_path / "runs" / "a0")
    make_run(tmp_path / "runs" / "a1", seed=1, log=11)
    make_run(tmp_path / "runs" / "b0", beta=2.0)
    return tmp_path


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Only two evaluators, which compile nothing."""
    some = {name: evaluate.EVALUATORS[name] for name in ("reconstruction", "cost")}
    for module in (evaluate, compared_runs, comparison):
        monkeypatch.setattr(module, "EVALUATORS", some)


@pytest.fixture(scope="module")
def models(digits):
    """Models by the value that they are told, traced once for all tests."""
    return {value: Plain(digits.spec, value) for value in (1.0, 2.0)}


@pytest.fixture
def ask(place, digits, models):
    """A function that makes what is asked; what was opened stands in its `opened`."""

    def make(**changes):
        return Asked(**{**asked, **changes})

    def open_run(folder, checkpoint):
        make.opened.append(folder.name)
        value = float((folder / "config.gin").read_text().split("beta = ")[1].split("\n")[0])
        return models[value], digits, 20

    make.opened = []
    asked = {"open_run": open_run, "bindings": configurables.decisive, "out": place / "report"}
    asked |= {"num": 2, "split": "validation"}
    return make


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_files(place, ask):
    table = compare_runs([place / "runs"], ask())
    assert ask.opened == ["a0", "a1", "b0"]
    report = place / "report"
    read = json.loads((report / "comparison.json").read_text())
    assert [m["label"] for m in read["methods"]] == LABELS
    assert [[r["seed"] for r in m["runs"]] for m in read["methods"]] == [[0, 1], [0]]
    assert [m["runs"][0]["seconds"] for m in read["methods"]] == [3.0, 3.0]
    assert read["metrics"]["psnr"]["methods"][LABELS[0]]["n"] == 2
    (pair,) = read["metrics"]["psnr"]["differences"]
    assert (pair["of"], pair["less"], pair["beyond"]) == (*LABELS, None)
    assert pair["mean"] > 0
    assert (report / "comparison.md").read_text() == table
    text = (report / "index.html").read_text()
    assert text.count("data:image/png;base64,") == 4  # of the first seed of each
    assert all(str(place / "runs" / name) in text for name in ("a0", "a1", "b0"))
    assert len((report / "comparison.csv").read_text().splitlines()) == 1 + 3 * (3 + 1 + 1 + 1)
    kept = json.loads((place / "runs" / "a1" / "metrics.json").read_text())["validation"]
    assert (kept["step"], kept["measured"]["reconstruction"]) == (20, ["mse", "psnr", "ssim"])
    # Again: nothing is measured, and the bytes are the same.
    before = contents(place)
    (report / "index.html").unlink()
    compare_runs([place / "runs", place / "runs" / "a0"], ask())
    assert len(ask.opened) == 3
    assert contents(place) == before


def test_what_is_lacking_is_measured(place, ask):
    compare_runs([place / "runs"], ask(num=0))
    ask.opened.clear()
    # An option that is given now and was not before, of one evaluator.
    compare_runs([place / "runs"], ask(num=0, options={"timed_samples": 3}))
    assert ask.opened == ["a0", "a1", "b0"]
    kept = json.loads((place / "runs" / "a0" / "metrics.json").read_text())["validation"]
    assert kept["measured"]["cost"] == ["parameters", "sampling_ms"]
    assert kept["measured"]["reconstruction"] == ["mse", "psnr", "ssim"]
    # Without the option what is there is good enough.
    ask.opened.clear()
    compare_runs([place / "runs"], ask(num=0))
    assert ask.opened == []
    # A further step, another seed.
    files.write_json(place / "runs" / "b0" / "status.json", {"step": 20, "finished": False})
    compare_runs([place / "runs"], ask(num=0, seed=4))
    assert ask.opened == ["a0", "a1", "b0"]
    assert "not finished: training stands at step 20" in (place / "report/index.html").read_text()


def test_only_some_are_measured(place, ask):
    compare_runs([place / "runs"], ask(num=0, only=("cost",), options={"timed_samples": 3}))
    kept = json.loads((place / "runs" / "a0" / "metrics.json").read_text())["validation"]
    assert (list(kept["measured"]), kept["asked"]["only"]) == (["cost"], ["cost"])
    # The same again, and less: nothing is measured. All: what is lacking.
    ask.opened.clear()
    compare_runs([place / "runs"], ask(num=0, only=("cost",)))
    assert ask.opened == []
    compare_runs([place / "runs"], ask(num=0))
    assert ask.opened == ["a0", "a1", "b0"]
    kept = json.loads((place / "runs" / "a0" / "metrics.json").read_text())["validation"]
    assert set(kept["measured"]) == {"cost", "reconstruction"}
    assert "sampling_ms" in kept["metrics"]
    with pytest.raises(ValueError, match=r"There is no evaluator 'costs'; choose from"):
        ask(only=("costs",))


def test_a_stop_and_a_failure_keep_what_was_done(place, ask):
    asked = ask(num=0)
    stops = {"a1": KeyboardInterrupt("stopped"), "a0": None, "b0": None}

    def open_run(folder, checkpoint):
        if stops[folder.name]:
            raise stops[folder.name]
        return asked.open_run(folder, checkpoint)

    with pytest.raises(KeyboardInterrupt):
        compare_runs([place / "runs"], ask(num=0, open_run=open_run))
    assert ask.opened == ["a0"]
    stops["a1"] = ValueError("no such data")
    with pytest.raises(ValueError, match=r"1 run could not be .*:\n  \S+/a1: no such data"):
        compare_runs([place / "runs"], ask(num=0, open_run=open_run))
    assert ask.opened == ["a0", "b0"]
    assert not (place / "report").exists()
    compare_runs([place / "runs"], asked)
    assert ask.opened == ["a0", "b0", "a1"]


def test_all_that_cannot_be_read_in_one_error(place, ask):
    (place / "runs" / "a0" / "status.json").unlink()
    (place / "runs" / "b0" / "data.json").write_text("{")
    with pytest.raises(ValueError, match="2 runs cannot be read") as raised:
        compare_runs([place / "runs"], ask())
    _, first, second = str(raised.value).splitlines()
    assert (
        first == f"  {place}/runs/a0: it has no status.json: it was never trained to a checkpoint"
    )
    assert second.startswith(f"  {place}/runs/b0: ")
    assert not (place / "report").exists()


def test_checkpoints(place, ask):
    with pytest.raises(ValueError, match="it has no checkpoint of step 7"):
        compare_runs([place / "runs"], ask(checkpoint="7"))
    with pytest.raises(ValueError, match="it has no best checkpoint: it was never validated"):
        compare_runs([place / "runs"], ask(checkpoint="best"))


def test_a_run_that_cannot_be_written(place, ask, monkeypatch):
    def refuse(path):
        raise ValueError("read-only")

    monkeypatch.setattr(compared_runs.outputs, "require_writable", refuse)
    compare_runs([place / "runs" / "a0"], ask(num=0))
    assert not (place / "runs" / "a0" / "metrics.json").exists()
    assert len(os.listdir(place / "report" / "evaluated")) == 1
    compare_runs([place / "runs" / "a0"], ask(num=0))
    assert ask.opened == ["a0"]


def test_finding_runs(place, tmp_path):
    shutil.copytree(place / "runs" / "a0", place / "more" / "x10")
    shutil.copytree(place / "runs" / "a0", place / "more" / "x9")
    found = find_runs([place / "more", place / "runs" / "a0", place / "more" / "x9"])
    assert [path.name for path in found] == ["x9", "x10", "a0"]
    for wrong, said in ((place / "no", "does not exist"), (place / "runs/a0/logs", "is no run")):
        with pytest.raises(ValueError, match=said):
            find_runs([wrong])


def test_other_data_and_other_precision_are_other_methods(place, ask):
    about = place / "runs" / "a1" / "run.json"
    about.write_text('{"precision": "mixed_bfloat16"}')
    compare_runs([place / "runs" / "a0", place / "runs" / "a1"], ask(num=0))
    read = json.loads((place / "report" / "comparison.json").read_text())
    labels = [m["label"] for m in read["methods"]]
    assert labels == ["--precision = its default", "--precision = mixed_bfloat16"]
    assert np.isfinite(read["metrics"]["psnr"]["differences"][0]["mean"])
    assert read["rule"] == comparison.RULE
