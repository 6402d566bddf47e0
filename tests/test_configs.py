"""Every configuration: studies build and train, and no fragment lies about unused."""

import pathlib
import re
import wave
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from config_cover import cover, expanded, parts, shortened
from PIL import Image

from glf import configurables
from glf.data import registry
from glf.data.dataset import DataSpec
from glf.networks import features
from glf.training.execution import Execution
from glf.training.run_folder import JsonLines

ROOT = pathlib.Path(__file__).resolve().parents[1]
CONFIGS = ROOT / "configs"
STUDIES = sorted((CONFIGS / "studies").rglob("*.gin"))
# Sources that need nothing to stand in for them.
GENERATED = [kind for kind in registry.SOURCES if registry.behind_colon(kind) is None]
# What stands in for each other source: random images, of 8 x 8 pixels for autoregressive studies.
SHAPES = {
    "tfds:mnist": (28, 28, 1),
    "tfds:fashion_mnist": (28, 28, 1),
    "tfds:cifar10": (32, 32, 3),
    "tfds:celeb_a": (64, 64, 3),
    "tfds:svhn_cropped": (32, 32, 3),
    "tfds:downsampled_imagenet/32x32": (32, 32, 3),
    "tfds:downsampled_imagenet/64x64": (64, 64, 3),
    "folder:images": (64, 64, 3),
    "array:binarized_mnist.npz": (28, 28, 1),
    "array:blood_cells_32.npz": (32, 32, 3),
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
    """A function that gives a file of 40 random images of a shape and levels, with labels."""
    folder = tmp_path_factory.mktemp("arrays")

    def path(shape, levels):
        file = folder / f"{'x'.join(map(str, shape))}_{levels}.npz"
        if not file.exists():
            images = np.random.default_rng(0).integers(0, levels, (40, *shape), np.uint8)
            np.savez(file, images=images, labels=np.arange(40) % 10)
        return file

    return path


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """A folder of 20 short WAV files."""
    folder = tmp_path_factory.mktemp("recordings")
    generator = np.random.default_rng(0)
    for i in range(20):
        with wave.open(str(folder / f"{i:02d}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(generator.integers(-20000, 20000, 100).astype("<i2").tobytes())
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """A folder of 20 random images and masks of 48 x 48 pixels."""
    folder = tmp_path_factory.mktemp("pairs")
    generator = np.random.default_rng(0)
    for kind, shape in (("images", (48, 48, 3)), ("masks", (48, 48))):
        (folder / kind).mkdir()
        for i in range(20):
            pixels = Image.fromarray(generator.integers(0, 256, shape, np.uint8))
            pixels.save(folder / kind / f"{i:02d}.png")
    return folder


def stand_in_shape(study):
    """The shape of the data in a source's place, or the source that is taken as it is."""
    source = source_of(study)
    if source not in SHAPES:
        return source
    whole = "glf" in (study.parent.name, study.parent.parent.name)
    # Columns are divided after a third squeeze.
    side = 16 if identifier(study) == "studies/flow_pp/imagenet64.gin" else 8
    return SHAPES[source] if whole else (side, side, SHAPES[source][2])


def of_different_parts(studies):
    """The first study of every kind: those that differ in numbers alone build the same graphs."""
    kinds = {}
    for study in studies:
        kinds.setdefault((frozenset(parts(study).items()), stand_in_shape(study)), study)
    return list(kinds.values())


# Those that are trained name every part, option and pair of parts that any study has. A part that
# comes again in a list is trained once: these studies are built as they are as well.
TRAINED = cover(of_different_parts(STUDIES))
BUILT = [s for s in of_different_parts(STUDIES) if s not in TRAINED or any(shortened(s))]


def stand_in(study, source, arrays, recordings, pairs):
    """Bindings that put random data in the place of a source."""
    if source in GENERATED:
        return []
    if source.startswith("pairs:"):
        return [f'make_dataset.source = "pairs:{pairs}"']
    if source.startswith("wav:"):
        return [f'make_dataset.source = "wav:{recordings}"', "make_dataset.num_samples = 32"]
    shape = stand_in_shape(study)
    levels = 2 if source.startswith("array:binarized") else 256
    file = arrays(shape, levels)
    return [f'make_dataset.source = "array:{file}"', f"make_dataset.levels = {levels}"]


@pytest.fixture(autouse=True)
def _nothing_configured():
    yield
    configurables.parse()


def test_the_studies_were_found():
    assert "studies/glf/mnist.gin" in map(identifier, STUDIES)


@pytest.mark.parametrize("study", STUDIES, ids=identifier)
def test_a_study_parses(study):
    """And binds nothing without effect: that is refused, but for parts in another's place."""
    configurables.parse([str(study)])
    assert configurables.experiment().make_model is not None
    assert configurables.experiment().num_steps >= 100
    assert source_of(study) is not None


@pytest.fixture(scope="module")
def vgg16():
    """VGG-16 with random weights: the real ones are not fetched for a test."""
    return keras.applications.VGG16(include_top=False, weights=None)


@pytest.fixture
def _random_features(monkeypatch, vgg16):
    monkeypatch.setattr(features, "_pretrained_vgg16", lambda weights: vgg16)
    monkeypatch.setattr(features, "_load_squeezenet", lambda network, path: None)


@pytest.fixture
def parse_small(arrays, recordings, pairs, tmp_path):
    """A function that configures a study in small, with data that need no download.

    `once` leaves of each part of a list only the first.
    """

    def parse(study, *bindings, once=False):
        files = [str(study), str(CONFIGS / "smoke.gin")]
        if once:
            lists = tmp_path / "lists.gin"
            lists.write_text("\n".join(["FOR_ANY_STUDY = True", *shortened(study)]))
            files.append(str(lists))
        bindings = [*bindings, "train.batch_size = 8"]
        bindings += stand_in(study, source_of(study), arrays, recordings, pairs)
        if any(line.startswith("train.init_examples") for line in expanded(study)):
            bindings.append("train.init_examples = None")  # more than there are, and one trace more
        if any(line.startswith("make_dataset.max_translation = 0") for line in expanded(study)):
            bindings.append("make_dataset.max_translation = 1")  # a tenth of 8 pixels is none
        if "squeezenet" in study.stem:
            bindings.append('SqueezeNetFeatures.weights = "random"')
        configurables.parse(files, bindings)

    return parse


@pytest.mark.slow
@pytest.mark.usefixtures("_random_features")
@pytest.mark.parametrize("study", TRAINED, ids=identifier)
def test_a_study_trains(study, parse_small, tmp_path):
    # Without validation and pictures there are fewer programs to compile.
    parse_small(
        study,
        *("train.num_steps = 2", "train.log_every = 1"),
        *("train.validate_every = 0", "train.pictures_every = 0"),
        once=True,
    )
    report = configurables.train(tmp_path / "run", Execution(jit=False))
    assert report["finished"]
    records = JsonLines(tmp_path / "run" / "logs" / "train.jsonl").read()
    assert [record["step"] for record in records] == [1, 2]
    assert all(np.isfinite(value) for record in records for value in record.values())
    assert "train.num_steps = 2" in (tmp_path / "run" / "operative_config.gin").read_text()
    model, dataset, step, _ = configurables.load_run(tmp_path / "run")
    assert step == 2
    condition = model.condition_of(dataset.examples("train", slice(0, 3)))
    assert model.sample(3, 0, condition=condition).shape == (3, *model.spec.shape)


@pytest.mark.slow
@pytest.mark.usefixtures("_random_features")
@pytest.mark.parametrize("study", BUILT, ids=identifier)
def test_a_study_has_a_loss(study, parse_small):
    parse_small(study)
    dataset = configurables.make_dataset()
    model = configurables.make_model(dataset.spec)
    batch = dataset.examples("train", slice(0, 4))
    x = tf.constant(batch["x"])
    terms = model.loss_terms(x, tf.constant([0, 1]), True, model.condition_of(batch))
    assert all(term.shape == (4,) for term in terms.values())
    assert all(np.isfinite(term).all() for term in terms.values())


def number_of_weights(study, spec, monkeypatch):
    """How many numbers a study's model learns, counted as it asks for them: none is made."""
    counted = []

    def add_weight(layer, shape=(), trainable=True, **_):
        counted.append(int(np.prod(shape)) * trainable)
        return SimpleNamespace(shape=tuple(shape))

    monkeypatch.setattr(keras.layers.Layer, "add_weight", add_weight)
    configurables.parse([str(CONFIGS / study)])
    configurables.make_model(spec)
    return sum(counted)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("study", "side", "number", "published"),
    [
        # What the authors' program prints. Why ours is another number stands on top of the configs.
        ("flow_pp/cifar10", 32, 31_526_560, 31_443_440),
        ("flow_pp/imagenet32", 32, 168_939_340, 168_955_724),
        ("flow_pp/imagenet64", 64, 72_867_792, 73_489_960),
    ],
)
def test_full_size_models_are_as_large_as_the_published_ones(
    study, side, number, published, monkeypatch
):
    spec = DataSpec((side, side, 3), 256, None)
    assert number_of_weights(f"studies/{study}.gin", spec, monkeypatch) == number
    assert abs(number - published) < 0.01 * published


CLASSIFICATION = sorted((CONFIGS / "classification").glob("*.gin"))
FRAGMENTS = sorted(set(CONFIGS.rglob("*.gin")) - {*STUDIES, *CLASSIFICATION, CONFIGS / "smoke.gin"})


@pytest.mark.parametrize("study", CLASSIFICATION, ids=identifier)
def test_a_classification_parses(study):
    """For every group, and binds nothing without effect."""
    configurables.parse([str(study)], ['GroupResNet.group = "p6m"', "classify.seed = 2"])
    assert "GroupResNet.group = 'p6m'" in configurables.config_text()
    with pytest.raises(ValueError, match="has no effect"):
        configurables.parse([str(study)], ["GLF.beta = 2.0"])


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=identifier)
def test_a_fragment_is_part_of_a_study(fragment):
    assert any(fragment in included(study) for study in STUDIES)
