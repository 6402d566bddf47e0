"""Every kind of source, by being in the registry: its options, its splits, its batches."""

import inspect
import re
import wave

import numpy as np
import pytest
from PIL import Image

from glf.data import make_dataset
from glf.data.registry import SOURCES, behind_colon, options_of
from glf.data.source import SPLITS

GENERATOR = np.random.default_rng(0)


def images(root):
    root.mkdir(parents=True)
    for i in range(20):
        pixels = GENERATOR.integers(0, 256, (6, 5, 3), np.uint8)
        Image.fromarray(pixels).save(root / f"{i:02d}.png")


def pairs(root):
    images(root / "images")
    (root / "masks").mkdir()
    for i in range(20):
        mask = 255 * GENERATOR.integers(0, 2, (6, 5), np.uint8)
        Image.fromarray(mask).save(root / "masks" / f"{i:02d}.png")


def sounds(root):
    root.mkdir()
    for i in range(20):
        with wave.open(str(root / f"{i:02d}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(GENERATOR.integers(-20000, 20000, 20).astype("<i2").tobytes())


def array(path):
    np.save(path, GENERATOR.integers(0, 9, (20, 4, 4), np.uint8))


# What stands behind the colon is written by the first; the options make it small. Datasets of tfds
# have their own tests, which prepare some.
IN_SMALL = {
    "digits": (None, {}),
    "vessels": (None, {"image_size": 8, "num_examples": 9, "validation_examples": 3}),
    "two_moons": (None, {"num_examples": 9, "validation_examples": 3}),
    "checkerboard": (None, {"num_examples": 9, "validation_examples": 3}),
    "eight_gaussians": (None, {"num_examples": 9, "validation_examples": 3}),
    "folder": (images, {}),
    "array": (array, {}),
    "wav": (sounds, {"num_samples": 8}),
    "pairs": (pairs, {}),
}


def test_every_kind_is_here():
    assert set(SOURCES) - {"tfds"} == set(IN_SMALL)


@pytest.fixture(scope="module", params=IN_SMALL)
def made(request, tmp_path_factory):
    write, options = IN_SMALL[request.param]
    source = request.param
    if write is not None:
        path = tmp_path_factory.mktemp("sources") / "it.npy"
        write(path)
        source = f"{source}:{path}"
    return source, options, make_dataset(source, **options)


def arrays(batches):
    return [{key: part.numpy() for key, part in batch.items()} for batch in batches]


def assert_equal(first, second):
    for a, b in zip(first, second, strict=True):
        assert a.keys() == b.keys()
        for key in a:
            np.testing.assert_array_equal(a[key], b[key])


def test_the_spec_is_what_comes(made):
    source, _, dataset = made
    spec = dataset.spec
    assert dataset.name == source
    assert dataset.density is not None or spec.levels is not None
    expected = {"x": spec.shape}
    expected |= {} if spec.num_classes is None else {"label": ()}
    expected |= {} if spec.condition_shape is None else {"condition": spec.condition_shape}
    for split in SPLITS:
        examples = dataset.examples(split, slice(None))
        count = dataset.num_examples(split)
        assert count > 0
        assert {k: v.shape for k, v in examples.items()} == {
            name: (count, *shape) for name, shape in expected.items()
        }
        assert examples["x"].dtype == spec.dtype.as_numpy_dtype
        for key, bound in (
            ("x", spec.levels),
            ("label", spec.num_classes),
            ("condition", spec.condition_levels),
        ):
            if key in examples and bound is not None:
                assert 0 <= examples[key].min() <= examples[key].max() < bound


def test_evaluation_gives_each_example_once(made):
    _, _, dataset = made
    count = dataset.num_examples("train")
    first, second = arrays(dataset.eval_batches("train", count - 1))
    assert [len(first["x"]), len(second["x"])] == [count - 1, 1]
    whole = {key: np.concatenate([first[key], second[key]]) for key in first}
    assert_equal([whole], [dataset.examples("train", slice(None))])


def test_training_batches_depend_on_seed_and_step_alone(made):
    source, options, dataset = made
    whole = arrays(dataset.train_batches(4, 3, num_steps=4))
    again = make_dataset(source, **options)
    assert_equal(arrays(again.train_batches(4, 3, start_step=2, num_steps=2)), whole[2:])
    other = arrays(dataset.train_batches(4, 4, num_steps=4))
    assert not all(np.array_equal(a["x"], b["x"]) for a, b in zip(whole, other, strict=True))


def test_splits_and_content_are_the_same_again(made):
    source, options, dataset = made
    assert make_dataset(source, **options).record() == dataset.record()


ALL = sorted({option for kind in SOURCES for option in options_of(kind)})
VALUES = {"labels": "subfolders"}  # None and "auto" are for any source
FOR_ANY = {"data_dir", "download", "memory_budget", "cache_dir"}


@pytest.mark.parametrize("kind", SOURCES)
def test_other_options_are_refused(kind):
    source = kind if behind_colon(kind) is None else f"{kind}:there is none"
    for option in set(ALL) - set(options_of(kind)) - FOR_ANY:
        takers = [other for other in SOURCES if option in options_of(other)]
        value = VALUES.get(option, 3)
        message = re.escape(
            f"make_dataset.{option} = {value!r} is for sources of kind {', '.join(takers)}, got "
            f"{source!r}; leave it out."
        )
        with pytest.raises(ValueError, match=f"^{message}$"):
            make_dataset(source, **{option: value})
    with pytest.raises(ValueError, match="has no option 'image_sise'; it has source"):
        make_dataset(source, image_sise=3)


def test_options_that_sources_share_have_one_default():
    signature = inspect.signature(make_dataset).parameters
    for kind in SOURCES:
        for option, parameter in options_of(kind).items():
            assert signature[option].default == parameter.default
