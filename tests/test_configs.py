"""Every configuration: studies build and train, and no fragment lies about unused."""

import pathlib
import re

import keras
import numpy as np
import pytest

from glf import configurables
from glf.networks import features
from glf.training.run import Execution
from glf.training.run_folder import JsonLines

ROOT = pathlib.Path(__file__).resolve().parents[1]
CONFIGS = ROOT / "configs"
STUDIES = sorted((CONFIGS / "studies").rglob("*.gin"))
SHAPES = {
    "tfds:mnist": (28, 28, 1),
    "tfds:fashion_mnist": (28, 28, 1),
    "tfds:cifar10": (32, 32, 3),
    "tfds:celeb_a": (64, 64, 3),
    "folder:images": (64, 64, 3),
}


def identifier(path):
    return str(path.relative_to(CONFIGS))


def source_of(study):
    """The source that a study binds, itself or through what it includes: the last one counts."""
    source = None
    for line in study.read_text(encoding="utf-8").splitlines():
        if match := re.match(r'include\s+"(.+)"', line):
            source = source_of(ROOT / match[1]) or source
        elif match := re.match(r'make_dataset\.source\s*=\s*"(.+)"', line):
            source = match[1]
    return source


def included(path):
    """The configurations that `path` includes, directly or not."""
    for name in re.findall(r'^include\s+"(.+)"', path.read_text(encoding="utf-8"), re.MULTILINE):
        yield ROOT / name
        yield from included(ROOT / name)


@pytest.fixture(scope="module")
def arrays(tmp_path_factory):
    """A function that gives a file of 40 random images of a shape."""
    folder = tmp_path_factory.mktemp("arrays")

    def path(shape):
        file = folder / f"{'x'.join(map(str, shape))}.npy"
        if not file.exists():
            images = np.random.default_rng(0).integers(0, 256, (40, *shape), np.uint8)
            np.save(file, images)
        return file

    return path


@pytest.fixture(autouse=True)
def _nothing_configured():
    yield
    configurables.parse()


def test_the_studies_were_found():
    assert "studies/glf/mnist.gin" in map(identifier, STUDIES)


@pytest.mark.parametrize("study", STUDIES, ids=identifier)
def test_a_study_parses(study):
    configurables.parse([str(study)])
    assert configurables.bound("make_model") is not None
    assert configurables.bound("num_steps") >= 100
    assert source_of(study) is not None


@pytest.fixture(scope="module")
def vgg16():
    """VGG-16 with random weights: the real ones are not fetched for a test."""
    return keras.applications.VGG16(include_top=False, weights=None)


@pytest.fixture
def _random_features(monkeypatch, vgg16):
    monkeypatch.setattr(features, "_pretrained_vgg16", lambda weights: vgg16)
    monkeypatch.setattr(features, "_load_squeezenet", lambda network, path: None)


@pytest.mark.slow
@pytest.mark.usefixtures("_random_features")
@pytest.mark.parametrize("study", STUDIES, ids=identifier)
def test_a_study_trains(study, arrays, tmp_path):
    source = source_of(study)
    bindings = [
        *("train.num_steps = 2", "train.batch_size = 8", "train.log_every = 1"),
        # Fewer programs to compile, and shorter ones.
        *("train.validate_every = 0", "train.pictures_every = 0", "Repeated.num = 1"),
    ]
    if source != "digits":
        bindings += [
            f'make_dataset.source = "array:{arrays(SHAPES[source])}"',
            "make_dataset.levels = 256",
        ]
    if "squeezenet" in study.stem:
        bindings.append('SqueezeNetFeatures.weights = "random"')
    configurables.parse([str(study), str(CONFIGS / "smoke.gin")], bindings)
    report = configurables.train(tmp_path / "run", Execution(jit=False))
    assert report["finished"]
    records = JsonLines(tmp_path / "run" / "logs" / "train.jsonl").read()
    assert [record["step"] for record in records] == [1, 2]
    assert all(np.isfinite(value) for record in records for value in record.values())
    assert "train.num_steps = 2" in (tmp_path / "run" / "operative_config.gin").read_text()
    model, _, step, _ = configurables.load_run(tmp_path / "run", with_data=False)
    assert step == 2
    assert model.sample(3, 0).shape == (3, *model.spec.image_shape)


FRAGMENTS = sorted(set(CONFIGS.rglob("*.gin")) - set(STUDIES) - {CONFIGS / "smoke.gin"})


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=identifier)
def test_a_fragment_is_part_of_a_study(fragment):
    assert any(fragment in included(study) for study in STUDIES)
