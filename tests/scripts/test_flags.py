"""What is wrong with the flags is said before anything else happens."""

import re

import pytest
from absl import flags

from glf.samplers import SAMPLERS
from glf.solvers import SOLVERS
from scripts import common, jit

OWN_FLAGS = {
    "train": [
        "workdir",
        "gin_file",
        "gin_param",
        "data_dir",
        "strategy",
        "precision",
        "jit",
        "keep_compiled",
    ],
    "sweep": [
        *("workdir", "gin_file", "method", "dataset", "sweep", "gin_param", "jobs", "jit"),
        *("precision", "data_dir", "data_path", "compare", "split", "checkpoint"),
        "importance_samples",
        "strategy",
    ],
    "evaluate": [
        *("workdir", "split", "batch_size", "seed", "only", "data_dir", "checkpoint", "pictures"),
        *("importance_samples", "judged_samples", "conditional_samples", "examples"),
        *("picture_rows", "feature_samples", "feature_extractor"),
        *("neighbour_samples", "neighbour_features", "ood_source", "strategy", "worker_timeout"),
    ],
    "sample": [
        *("workdir", "num", "seed", "temperature", "out", "min_side", "checkpoint", "sampler"),
        "solver",
        *("labels", "guidance", "complete_rows", "inpaint", "split", "data_dir"),
        *("strategy", "device", "cluster", "worker_timeout"),
    ],
    "interpolate": ["workdir", "out", "rows", "steps", "seed", "data_dir", "checkpoint"],
    "export": ["workdir", "out", "checkpoint"],
    "compare": [
        *("out", "split", "checkpoint", "num", "seed", "batch_size", "data_dir", "data_path"),
        *("importance_samples", "feature_samples", "timed_samples"),
    ],
    "compare_groups": [
        "workdir",
        "gin_file",
        "gin_param",
        "group",
        "seeds",
        "data_dir",
        "data_path",
    ],
    "compare_latent_densities": ["workdir", "out", "components", "split"],
    "evaluate_conditional": [
        *("workdir", "task", "out", "num_samples", "split", "examples", "seed", "pictures"),
        *("batch_size", "data_dir", "checkpoint"),
    ],
    "segment": [
        *("workdir", "data_path", "out", "split", "num_samples", "factor", "overlap", "examples"),
        *("pictures", "seed", "batch_size", "checkpoint"),
    ],
    "compress": [
        *("model", "images", "out", "block", "float", "by", "report", "picture", "data_dir"),
        *("data_path", "checkpoint"),
    ],
    "decompress": ["file", "model", "out", "by", "recover", "checkpoint"],
    "compare_samplers": [
        *("workdir", "out", "seeds", "batch", "sampler", "ancestral_seeds", "repeats"),
        "solver",
        *("ablations", "horizon", "window", "unshared_workdir", "temperature", "pictures"),
        *("min_side", "split", "data_dir", "checkpoint"),
    ],
}

WRONG = {
    "unknown": ("train", ["--workdir=x", "--learning_rate=3"], "Unknown command line flag"),
    "missing workdir": ("evaluate", [], "--workdir"),
    "missing out": ("sample", ["--workdir=x"], "--out"),
    "no samples": ("sample", ["--workdir=x", "--out=y.png", "--num=0"], "--num=0"),
    "cold": ("sample", ["--workdir=x", "--out=y.png", "--temperature=-1"], "--temperature=-1"),
    "infinite": ("sample", ["--workdir=x", "--out=y.png", "--temperature=inf"], "must be a finite"),
    "NaN": ("compare_samplers", ["--workdir=x", "--out=y", "--temperature=nan"], "a finite number"),
    "not a number": ("sample", ["--workdir=x", "--out=y.png", "--num=many"], "--num=many"),
    "no list": ("sweep", ["--workdir=x", "--gin_file=y", "--sweep=GLF.beta=1"], "no list of"),
    "no files": ("sweep", ["--workdir=x", "--method=a=;b.c = 1"], "names no file"),
    "split": ("evaluate", ["--workdir=x", "--split=all"], "--split=all"),
    "checkpoint": ("export", ["--workdir=x", "--out=y", "--checkpoint=last"], "latest, best"),
    "one step": ("interpolate", ["--workdir=x", "--out=y.png", "--steps=1"], "--steps=1"),
    "sampler": ("sample", ["--workdir=x", "--out=y.png", "--sampler=fast"], "--sampler=fast"),
    "strategy": ("train", ["--workdir=x", "--strategy=tpu"], "--strategy=tpu"),
    "stray word": ("train", ["--workdir=x", "config.gin"], "Unexpected arguments: config.gin"),
}


def test_the_samplers_names_are_the_registrys():
    assert list(SAMPLERS) == list(common.SAMPLERS)
    assert list(SOLVERS) == list(common.SOLVERS)


@pytest.fixture(scope="module")
def helped(programs):
    return programs({name: (name, "--help") for name in OWN_FLAGS}, from_nothing=True)


@pytest.mark.parametrize("name", OWN_FLAGS)
def test_help_shows_the_own_flags(helped, name):
    done = helped[name]
    assert done.returncode == 0
    said = done.stdout + done.stderr
    assert f"python -m scripts.{name}" in said
    for flag in OWN_FLAGS[name]:
        assert re.search(rf"--(\[no\])?{flag}:", said), flag


@pytest.fixture(scope="module")
def refused(programs):
    return programs({key: (name, *flags) for key, (name, flags, _) in WRONG.items()})


@pytest.mark.parametrize("key", WRONG)
def test_wrong_flags(refused, key):
    done = refused[key]
    said = done.stdout + done.stderr
    assert done.returncode != 0
    # absl shows the values of numbers beside their names: "--num=0", "flag --num=0: ...".
    assert WRONG[key][2] in said.replace("--num=0.0", "--num=0").replace("-1.0", "-1")
    assert "Traceback" not in said


def test_programs_are_kept_for_an_experiment_wherever_it_lies(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.gin").write_text("GLF.beta = 1\n")
    kept = [common.of_run("sample", tmp_path / name, True) for name in ("a", "b")]
    assert kept == 2 * [["sample", "GLF.beta = 1\n"]]
    assert common.of_run("sample", tmp_path / "a", False) is None
    assert common.of_run("sample", tmp_path / "c", True) is None


@pytest.mark.parametrize(
    ("words", "value", "again"),
    [
        ([], "on", "--jit"),
        (["--jit"], "on", "--jit"),
        (["--jit=true"], "on", "--jit"),
        (["--nojit"], "off", "--nojit"),
        (["--jit=off"], "off", "--nojit"),
        (["--jit=auto"], "auto", "--jit=auto"),
    ],
)
def test_jit(words, value, again):
    values = flags.FlagValues()
    flags.DEFINE_flag(jit.jit_flag("about"), values)
    values(["program", *words])
    assert values.jit == value
    assert values["jit"].serialize() == again
    with pytest.raises(flags.IllegalFlagValueError, match="on, off or auto"):
        values(["program", "--jit=perhaps"])
