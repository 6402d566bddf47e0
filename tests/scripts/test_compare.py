"""scripts.compare: words and flags, with runs of which all is known."""

import json

import pytest

from glf.core import files
from glf.evaluation.registry import EVALUATORS

METRIC = {"value": 20.0, "unit": "dB", "meaning": "of images", "better": "higher"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    place = tmp_path_factory.mktemp("compare") / "runs"
    for name, beta in (("one", 1.0), ("two", 2.0)):
        folder = place / name
        config = f"train.make_model = @GLF\nGLF.beta = {beta}\n"
        files.write_text(folder / "config.gin", config)
        files.write_json(folder / "run.json", {})
        data = {"image_shape": [8, 8, 1], "levels": 17, "num_classes": 10}
        files.write_json(folder / "data.json", data)
        files.write_json(folder / "status.json", {"step": 9, "finished": True})
        measured = {"reconstruction": ["psnr"]}
        known = {"measured": measured, "refused": dict.fromkeys(EVALUATORS.keys() - measured, "no")}
        metrics = {"psnr": {**METRIC, "value": 20.0 + beta}}
        files.write_json(
            folder / "metrics.json", {"test": {"step": 9, "metrics": metrics, **known}}
        )
    return place


@pytest.mark.slow
def test_words_and_flags(programs, runs):
    out = runs.parent / "report"
    cases = {
        # Flags may stand before, between and behind the words.
        "done": ("--num=0", runs / "one", f"--out={out}", runs / "two"),
        "nothing": (runs, runs.parent / "nothing", f"--out={out}/x"),
        "no use": (runs, "--importance_samples=4", f"--out={out}/x"),
        "no words": (f"--out={out}/x",),
        "out": (runs, f"--out={runs / 'one' / 'config.gin'}"),
    }
    said = {
        "nothing": "does not exist. Give folders of runs",
        "no use": "whose likelihood is known by bounds; here are only: GLF.",
        "no words": "Which runs? Give their folders",
        "out": "is a file; give the name of a folder",
    }
    done = programs({key: ("compare", *words) for key, words in cases.items()})
    assert done["done"].returncode == 0, done["done"].stderr
    table = (out / "comparison.md").read_text()
    assert "| **22** |" in table
    assert done["done"].stdout.strip() == table.strip()
    assert (
        json.loads((out / "comparison.json").read_text())["metrics"]["psnr"]["better"] == "higher"
    )
    for key, message in said.items():
        assert done[key].returncode == 1, key
        assert message in done[key].stderr + done[key].stdout
        assert "Traceback" not in done[key].stderr
    assert not (out / "x").exists()
