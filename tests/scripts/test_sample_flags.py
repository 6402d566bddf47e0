"""What the flags of scripts.sample say is drawn, and the mistakes one can make in them."""

import functools
import types

import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver

from glf.autoregressive import AutoregressiveModel, PixelCNN
from glf.models.autoregressive import Autoregressive
from glf.networks.condition_encoders import Downsampled
from scripts import sample

flags.FLAGS.mark_as_parsed()


def model(kind=None):
    encoder = None if kind is None else types.SimpleNamespace(kind=kind)
    spec = types.SimpleNamespace(shape=(8, 6, 1), num_classes=10)
    return types.SimpleNamespace(condition_kind=kind, condition_encoder=encoder, spec=spec)


@flagsaver.flagsaver(complete_rows=5)
def test_the_first_rows_are_known():
    known = sample.known_pixels((8, 6, 3))
    assert known.shape == (8, 6, 1)
    assert known[:5].all()
    assert not known[5:].any()


@flagsaver.flagsaver(inpaint=["2", "1", "3", "4"])
def test_all_but_a_rectangle_is_known():
    expected = np.ones((8, 6, 1), bool)
    expected[2:5, 1:5] = False
    np.testing.assert_array_equal(sample.known_pixels((8, 6, 1)), expected)


def test_labels():
    assert sample.conditions(model(), None, 3) is None
    # The model itself takes them in turn.
    assert sample.conditions(model("label"), None, 12) is None
    with flagsaver.flagsaver(labels=["3", "1"]):
        found = sample.conditions(model("label"), None, 5)
    np.testing.assert_array_equal(found, [3, 1, 3, 1, 3])


@pytest.mark.parametrize("rows", [8, 9])
def test_too_many_rows(rows):
    with (
        flagsaver.flagsaver(complete_rows=rows),
        pytest.raises(ValueError, match=rf"less than the image's 8 rows, got {rows}"),
    ):
        sample.known_pixels((8, 6, 1))


@pytest.mark.parametrize("box", ["6,0,3,2", "0,5,1,2", "0,0,0,1", "-1,0,2,2", "1,1,2"])
def test_a_rectangle_outside(box):
    with (
        flagsaver.flagsaver(inpaint=box.split(",")),
        pytest.raises(ValueError, match=f"within the image of 8 x 6, got {box}"),
    ):
        sample.known_pixels((8, 6, 1))


@pytest.mark.parametrize(
    ("kind", "labels", "message"),
    [
        (None, ["1"], "--labels is for models that are conditional on labels"),
        ("image", ["1"], "--labels is for models that are conditional on labels"),
        ("label", ["10"], "--labels must lie in 0 to 9"),
        ("label", ["one"], "--labels is a list of integers, got one"),
    ],
)
def test_wrong_labels(kind, labels, message):
    with flagsaver.flagsaver(labels=labels), pytest.raises(ValueError, match=message):
        sample.conditions(model(kind), None, 2)


@flagsaver.flagsaver(complete_rows=2)
def test_completing_what_is_no_image():
    with pytest.raises(ValueError, match="are for autoregressive models of the data"):
        sample.check_model("DiscreteAutoencoder", {"DrawsBySampler", "HasCodes"})


@pytest.mark.slow
@flagsaver.flagsaver(num=3, seed=1, workdir="-", out="-", split="validation", sampler="fixed_point")
def test_conditions_that_are_images(digits):
    density = functools.partial(
        AutoregressiveModel,
        make_network=functools.partial(PixelCNN, filters=4, blocks=1, head=4),
    )
    encoder = functools.partial(Downsampled, factor=4, size=4, filters=4)
    model = Autoregressive(digits.spec, make_density=density, make_condition_encoder=encoder)
    images, shown = sample.images_and_examples(model, digits)
    examples = digits.examples("validation", slice(0, 3))["x"]
    np.testing.assert_array_equal(shown["x"], examples)
    expected = model.sample(3, 1, condition=model.condition_of({"x": examples}))
    np.testing.assert_array_equal(images, expected)
