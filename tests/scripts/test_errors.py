"""A user's mistake is one clear message, exit code 1, and nothing created or lost."""

import os
import shutil

import pytest

pytestmark = pytest.mark.slow

DIGITS = "--gin_file=configs/studies/glf/digits.gin"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("errors")
    (place / "file").write_text("mine")
    (place / "strangers").mkdir()
    (place / "strangers" / "thesis.tex").write_text("mine")
    (place / "untrained").mkdir()
    (place / "untrained" / "config.gin").write_text("train.make_model = @GLF\n")
    (place / "untrained" / "run.json").write_text("{}")
    return place


CASES = {
    "unknown parameter": (
        ["train", "--workdir={place}/new", DIGITS, "--gin_param=GLF.latent_sise = 3"],
        "latent_sise",
        "Did you mean latent_size",
    ),
    "no such dataset": (
        [
            *("train", "--workdir={place}/new", "--data_dir={place}/data"),
            "--gin_file=configs/studies/glf/mnist.gin",
            "--gin_param=make_dataset.download = False",
        ],
        "'mnist' is not prepared in {place}/data",
        "tfds build mnist",
    ),
    "workdir is a file": (["train", "--workdir={place}/file", DIGITS], "is a file", ""),
    "workdir of strangers": (
        ["train", "--workdir={place}/strangers", DIGITS],
        "not a run folder",
        "thesis.tex",
    ),
    "not a run": (
        ["sample", "--workdir={place}/strangers", "--out={place}/x.png"],
        "is not the folder of a run",
        "--workdir",
    ),
    "untrained": (
        ["export", "--workdir={place}/untrained", "--out={place}/x"],
        "untrained",
        "scripts.train",
    ),
    "suffix": (
        ["sample", "--workdir={trained}", "--out={place}/x.jpg"],
        "expected a .png file, an .npz file, or a folder",
        "",
    ),
    "sampler of another model": (
        ["sample", "--workdir={trained}", "--out={place}/x.png", "--sampler=windowed"],
        "--sampler is for autoregressive models",
        "this run's is a GLF",
    ),
    "comparing samplers of another model": (
        ["compare_samplers", "--workdir={trained}", "--out={place}/x"],
        "This GLF has no autoregressive density",
        "configs/studies/pixel_cnn",
    ),
    "export over something": (
        ["export", "--workdir={trained}", "--out={place}/strangers"],
        "is not an earlier export",
        "",
    ),
    "another experiment": (
        ["train", "--workdir={trained}", DIGITS, "--gin_param=train.seed = 5"],
        "holds another experiment",
        "\n+train.seed = 5\n",
    ),
}


def contents(*folders):
    return {
        os.path.join(base, name): os.path.getsize(os.path.join(base, name))
        for folder in folders
        for base, _, names in os.walk(folder)
        for name in names
        if name != ".lock"
    }


@pytest.fixture(scope="module")
def outcome(programs, place, trained):
    def filled(text):
        return text.replace("{place}", str(place)).replace("{trained}", str(trained))

    before = contents(place, trained)
    done = programs({k: [filled(a) for a in case[0]] for k, case in CASES.items()})
    after = contents(place, trained)
    shutil.rmtree(place / "data", ignore_errors=True)
    return done, filled, before, after


@pytest.mark.parametrize("key", CASES)
def test_the_message(outcome, key):
    done, filled, _, _ = outcome
    _, said, helps = CASES[key]
    assert done[key].returncode == 1, done[key].stderr
    assert "Traceback" not in done[key].stderr
    _, found, message = done[key].stderr.rpartition("\nError: ")
    assert found, done[key].stderr
    assert filled(said) in message
    assert filled(helps) in message
    assert "In call to configurable" not in message


def test_nothing_was_created_or_lost(outcome, place):
    _, _, before, after = outcome
    assert after == before
    assert not (place / "new").exists()
