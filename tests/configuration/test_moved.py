"""Studies of earlier versions that others replace are still found by their paths."""

import pathlib

import pytest
from absl import logging

from glf import configurables
from glf.configuration import moved

CONFIGS = pathlib.Path(__file__).resolve().parents[2] / "configs"


@pytest.mark.parametrize("study", moved.STUDIES)
def test_an_earlier_study_is_what_the_warning_says(study, monkeypatch):
    said = []
    monkeypatch.setattr(logging, "warning", lambda text, *args: said.append(text % args))
    assert not (CONFIGS / f"studies/{study}.gin").exists()
    configurables.parse([f"configs/studies/{study}.gin"])
    earlier = configurables.config_text()
    (line,) = said
    flags = line.partition(" is now ")[2].split(" --")
    files = [flag.partition("gin_file=")[2] for flag in flags if "gin_file=" in flag]
    bindings = [
        flag.partition("gin_param=")[2].strip("'") for flag in flags if "gin_param=" in flag
    ]
    configurables.parse(files, bindings)
    assert configurables.config_text() == earlier
    said.clear()
    assert len(files) + len(bindings) == len(flags) >= 2
    assert configurables.experiment().make_model is not None


def test_a_study_of_a_user_may_include_one(tmp_path):
    (tmp_path / "mine.gin").write_text(
        'include "configs/studies/glow/fashion_mnist.gin"\ntrain.num_steps = 7\n'
    )
    configurables.parse([str(tmp_path / "mine.gin")])
    text = configurables.config_text()
    assert 'make_dataset.source = "tfds:fashion_mnist"' in text.replace("'", '"')
    assert configurables.experiment().num_steps == 7
