"""What can be refused is refused before TensorFlow is loaded."""

import inspect
import json
import os
import pathlib
import subprocess
import sys

import pytest

from glf import bijectors, configurables
from glf.models.base import GenerativeModel
from glf.networks import condition_encoders
from scripts import early
from scripts.__main__ import PROGRAMS

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Runs a program in a process that cannot import TensorFlow.
WITHOUT = """
import runpy, sys
sys.modules["tensorflow"] = None
sys.argv[0] = "program"
runpy.run_module("scripts." + sys.argv.pop(1), run_name="__main__")
"""


def test_the_abilities_are_those_of_the_classes():
    parts = configurables.CONFIGURABLES.items()
    models = {n: c for n, c in parts if isinstance(c, type) and issubclass(c, GenerativeModel)}
    assert set(models) == set(early.MODELS)
    for ability, names in early.ABILITIES.items():
        having = {n for n, c in models.items() if ability in {base.__name__ for base in c.__mro__}}
        assert having == set(names) != set(), ability


def test_the_encoders_of_labels():
    names = {
        name
        for name, part in vars(condition_encoders).items()
        if isinstance(part, type) and getattr(part, "kind", None) == "label"
    }
    assert names == set(early.LABEL_ENCODERS)


def test_the_slow_bijectors():
    parts = {name: getattr(bijectors, name) for name in bijectors.__all__}
    slow = {n for n, p in parts.items() if "make_solver" in inspect.signature(p).parameters}
    assert slow <= set(early.SLOW_BIJECTORS)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders with the text files of runs."""
    place = tmp_path_factory.mktemp("early")
    for name, model, shape, levels in (
        ("glf", "GLF", [8, 8, 1], 17),
        ("pixels", "Autoregressive", [8, 8, 1], 17),
        ("codes", "DiscreteAutoencoder", [8, 8, 1], 17),
        ("points", "scope/VectorFlow", [2], None),
        ("labels", "Autoregressive", [8, 8, 1], 17),
        ("plain", "GLF", [8, 8, 1], 17),
    ):
        folder = place / name
        folder.mkdir()
        more = "AutoregressiveModel.make_condition = @LabelEmbedding\n" * (name == "labels")
        config = f"LabelEmbedding.size = 4\ntrain.make_model = @{model}\n{more}"
        (folder / "config.gin").write_text(config)
        (folder / "run.json").write_text("{}")
        classes = None if name == "plain" else 10
        data = {"image_shape": shape, "levels": levels, "num_classes": classes}
        (folder / "data.json").write_text(json.dumps(data))
    (place / "file").write_text("x")
    return place


CASES = {
    "jpg": ("sample", "glf", ["--out=x.jpg"], "expected a .png file"),
    "sampler": ("sample", "glf", ["--out=x.png", "--sampler=windowed"], "this run's is a GLF"),
    "solver": ("sample", "pixels", ["--out=x.png", "--solver=blocks"], "draw from a flow"),
    "nothing solved": (
        "sample",
        "glf",
        ["--out=x.png", "--solver=blocks"],
        "has no autoregressive",
    ),
    "labels": ("sample", "glf", ["--out=x.png", "--labels=1"], "models that are conditional"),
    "label 10": ("sample", "labels", ["--out=x.png", "--labels=3,10"], "0 to 9, got 3,10"),
    "rows": ("sample", "pixels", ["--out=x.png", "--complete_rows=8"], "less than the image's 8"),
    "box": ("sample", "pixels", ["--out=x.png", "--inpaint=0,0,9,1"], "image of 8 x 8"),
    "codes": ("sample", "codes", ["--out=x.png", "--complete_rows=3"], "models of the data"),
    "points": ("sample", "points", ["--out=x"], "points are written to"),
    "several": ("sample", "pixels", ["--out=x", *["--temperature=1"] * 2], "Several temperatures"),
    "extractor": ("evaluate", "glf", ["--feature_extractor=vgg"], "no feature_extractor 'vgg'"),
    "no weights": ("evaluate", "glf", ["--feature_extractor=inception:x.pb"], "no file 'x.pb'"),
    "no labels": ("evaluate", "plain", ["--feature_samples=9"], "choose another by --feature_extr"),
    "no run": ("interpolate", "none", ["--out=x.png"], "does not exist"),
    "interpolate": ("interpolate", "pixels", ["--out=x.png"], "has no flow on latents"),
    "mixtures": ("compare_latent_densities", "codes", ["--out=x"], "no flow on latents"),
    "bounds": ("evaluate", "glf", ["--importance_samples=5"], "by bounds; a GLF is none"),
    "pictures": ("evaluate", "glf", ["--pictures=x"], "--components or --conditional"),
    "reconstruct": ("evaluate", "pixels", ["--reconstructions=x.png"], "does not reconstruct"),
    "samplers": ("compare_samplers", "glf", ["--out=x"], "has no autoregressive density"),
    "export": ("export", "glf", ["--out=a[1]"], "for a pattern"),
    "over": ("export", "glf", ["--out=."], "not an earlier export"),
    "device": ("train", "new", ["--device=GPU:0"], "--device is for --strategy=mirrored"),
    "another device": ("sample", "glf", ["--out=x", "--device=GPU:0"], "--device is for --strat"),
    "workdir": ("train", "file", [], "is a file; give the name of a folder"),
}


@pytest.mark.parametrize("key", CASES)
def test_refused_without_tensorflow(runs, key):
    program, run, flags, said = CASES[key]
    before = sorted(os.listdir(runs))
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, program, f"--workdir={run}", *flags],
        cwd=runs,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    _, found, message = done.stderr.rpartition("\nError: ")
    assert found, done.stderr
    assert said in message
    assert sorted(os.listdir(runs)) == before


@pytest.mark.parametrize("key", ["a run", "a sound request"])
def test_what_is_not_refused_goes_on_to_tensorflow(runs, key):
    run, flags = {
        "a run": ("glf", ["--out=x.png"]),
        "a sound request": ("labels", ["--out=x.png", "--labels=9", "--sampler=windowed"]),
    }[key]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, "sample", f"--workdir={run}", *flags],
        cwd=runs,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "import of tensorflow halted" in done.stderr


@pytest.mark.parametrize("name", [*(n for n in PROGRAMS if n != "sample_export"), "__main__"])
def test_a_program_started_as_a_file_says_how_to_start_it(name):
    started = ROOT / "scripts" / (f"{name}.py" if name != "__main__" else "")
    done = subprocess.run([sys.executable, started], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    module = "scripts PROGRAM" if name == "__main__" else f"scripts.{name}"
    said = f"Error: start it as a module: python -m {module}\n"
    assert done.stderr == said
