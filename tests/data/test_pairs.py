"""Images with masks: folders, the generated vessels, and batches that keep pairs together."""

import os

import numpy as np
import pytest
from PIL import Image

from glf.data import DataSpec, make_dataset
from glf.data.geometry import Geometry
from glf.data.vessels import draw_vessels


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)


def write_pair(root, name, image=None, mask=None, number=0):
    generator = np.random.default_rng(number)
    image = generator.integers(0, 256, (6, 5, 3)) if image is None else image
    mask = 255 * generator.integers(0, 2, (6, 5)) if mask is None else mask
    save(root / "images" / f"{name}.png", image)
    save(root / "masks" / f"{name}.bmp", mask)
    return image, np.asarray(mask)


@pytest.fixture
def folder(tmp_path):
    """30 pairs of 6 x 5 pixels, some of them in a folder below."""
    pairs = {}
    for i in range(30):
        name = f"more/{i:02d}" if i % 3 == 0 else f"{i:02d}"
        pairs[name] = write_pair(tmp_path, name, number=i)
    return tmp_path, pairs


def test_a_folder(folder):
    path, pairs = folder
    dataset = make_dataset(f"pairs:{path}")
    assert dataset.spec == DataSpec((6, 5, 1), 2, None, None, (6, 5, 3), 256)
    counts = [dataset.num_examples(split) for split in ("train", "validation", "test")]
    assert counts == [24, 3, 3]
    found = {}
    for split in ("train", "validation", "test"):
        batch = dataset.examples(split, slice(None))
        assert set(batch) == {"x", "condition"}
        for mask, image in zip(batch["x"], batch["condition"], strict=True):
            found[image.tobytes()] = mask
    assert len(found) == 30
    for image, mask in pairs.values():
        np.testing.assert_array_equal(found[image.astype(np.uint8).tobytes()][..., 0], mask > 127)
    again = make_dataset(f"pairs:{path}").examples("test", slice(None))
    np.testing.assert_array_equal(again["x"], dataset.examples("test", slice(None))["x"])


def test_masks_are_cut_and_resized_with_their_images(tmp_path):
    for i in range(3):
        image = np.zeros((8, 12, 3))
        image[:, 4:8] = 200
        image[2:4, 4:6] = 0
        write_pair(tmp_path, str(i), image, image[..., 0])
    dataset = make_dataset(f"pairs:{tmp_path}", image_size=16, crop=8, channels=1)
    assert dataset.spec.shape == dataset.spec.condition_shape == (16, 16, 1)
    batch = dataset.examples("train", slice(None))
    assert set(np.unique(batch["x"])) == {0, 1}
    # Each pixel of the middle 8 x 8 is four.
    expected = (image[:, 2:10, 0] > 127).repeat(2, 0).repeat(2, 1)
    np.testing.assert_array_equal(batch["x"][0, ..., 0], expected)
    alone = Geometry((8, 8), (16, 16), 1).apply(image.astype(np.uint8))
    np.testing.assert_array_equal(batch["condition"][0], alone)


def test_splits_by_folders(tmp_path):
    for i in range(5):
        write_pair(tmp_path, f"train/{i}", number=i)
        write_pair(tmp_path, f"test/{i}", number=9 + i)
    dataset = make_dataset(f"pairs:{tmp_path}", validation_examples=2)
    counts = [dataset.num_examples(split) for split in ("train", "validation", "test")]
    assert counts == [3, 2, 5]


def test_names_that_are_no_utf_8(folder):
    path, _ = folder
    for kind in ("images/01.png", "masks/01.bmp"):
        file = os.fsencode(path / kind)
        os.rename(file, file.replace(b"01", b"\xff"))
    dataset = make_dataset(f"pairs:{path}")
    counts = [dataset.num_examples(split) for split in ("train", "validation", "test")]
    assert counts == [24, 3, 3]
    os.remove(os.fsencode(path) + b"/masks/\xff.bmp")
    with pytest.raises(ValueError, match=r"no partner in masks: \\xff\.png"):
        make_dataset(f"pairs:{path}")


def test_the_threshold_is_half(tmp_path, said):
    mask = np.array([[0, 127, 128, 255]])
    for i in range(3):
        write_pair(tmp_path, str(i), np.zeros((1, 4, 3)), mask)
    found = make_dataset(f"pairs:{tmp_path}").examples("train", [0])["x"]
    np.testing.assert_array_equal(found[0, 0, :, 0], [0, 0, 1, 1])
    (line,) = said
    assert "3 of 3 masks have other values than 0 and 255" in line
    assert "0.bmp: 127, 128); from 128 on they are foreground" in line


def break_partner(path):
    (path / "masks" / "01.bmp").unlink()


def break_image(path):
    (path / "images" / "01.png").unlink()


def break_size(path):
    save(path / "masks" / "01.bmp", np.zeros((6, 6)))


def break_uniqueness(path):
    save(path / "images" / "01.bmp", np.zeros((6, 5)))


def break_file(path):
    (path / "images" / "01.png").write_bytes(b"not an image")


def break_masks(path):
    save(path / "masks" / "01.bmp", np.ones((6, 5)))


def break_deep_mask(path):
    (path / "masks" / "01.bmp").unlink()
    Image.fromarray(np.full((6, 5), 255, np.uint16)).save(path / "masks" / "01.png")


def clear_mask(path):
    (path / "masks" / "01.bmp").unlink()
    save(path / "masks" / "01.png", np.full((6, 5, 4), 100))


def empty_all_masks(path):
    for file in (path / "masks").rglob("*.bmp"):
        save(file, np.zeros((6, 5)))


def mix_splits(path):
    for part in ("test", "train_1"):
        write_pair(path, f"{part}/x")


def break_sizes(path):
    write_pair(path, "01", np.zeros((7, 5, 3)), np.zeros((7, 5)))


def empty_masks(path):
    for file in (path / "masks").rglob("*.bmp"):
        file.unlink()


def splits_outside(path):
    (path / "train").mkdir()
    for kind in ("images", "masks"):
        (path / kind).rename(path / "train" / kind)


def no_masks(path):
    (path / "masks").rename(path / "labels")


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (break_partner, r"1 files in images have no partner in masks: 01\.png"),
        (break_image, r"1 files in masks have no partner in images: 01\.bmp"),
        (break_size, r"images/01\.png has 6x5 pixels, but its mask masks/01\.bmp has 6x6"),
        (break_uniqueness, r"images has both 01\.bmp and 01\.png"),
        (break_file, r"1 files of .* cannot be read: images/01\.png"),
        (break_masks, r"01\.bmp' has values of at most 1 in 255, and would be empty"),
        (break_deep_mask, r"01\.png' has values of at most 0 in 255"),
        (clear_mask, r"01\.png' has transparent pixels"),
        (empty_all_masks, "are background, 0 throughout"),
        (mix_splits, "'test', 'train_1' look like splits"),
        (break_sizes, r"differ in size \(6x5, 7x5\); give image_size"),
        (empty_masks, r"There are no images in .*masks"),
        (no_masks, r"There is no folder .*masks"),
        (splits_outside, r"has folders images inside of train; it is to have .* images/train"),
    ],
)
def test_refused(folder, harm, message):
    path, _ = folder
    harm(path)
    with pytest.raises(ValueError, match=message):
        make_dataset(f"pairs:{path}")


def test_no_folder(tmp_path):
    with pytest.raises(ValueError, match="There is no folder"):
        make_dataset(f"pairs:{tmp_path / 'nowhere'}")


@pytest.fixture(scope="module")
def vessels():
    return make_dataset("vessels", image_size=(16, 20), num_examples=40, validation_examples=8)


def test_vessels(vessels):
    assert vessels.spec == DataSpec((16, 20, 1), 2, None, None, (16, 20, 3), 256)
    counts = [vessels.num_examples(split) for split in ("train", "validation", "test")]
    assert counts == [40, 8, 200]
    batch = vessels.examples("test", slice(None))
    assert batch["x"].shape == (200, 16, 20, 1)
    assert batch["condition"].shape == (200, 16, 20, 3)
    assert batch["condition"].dtype == np.uint8
    assert set(np.unique(batch["x"])) == {0, 1}
    assert 0.08 < batch["x"].mean() < 0.35
    # Vessels are darker than what is around them, in green most of all.
    mask, green = batch["x"][..., 0] == 1, batch["condition"][..., 1].astype(float)
    seen = [g[~m].mean() - g[m].mean() for m, g in zip(mask, green, strict=True) if m.any()]
    assert np.mean(np.array(seen) > 0) > 0.95
    everything = np.concatenate(
        [vessels.examples(s, slice(0, 8))["condition"] for s in ("train", "validation", "test")]
    )
    assert len(np.unique(everything.reshape(24, -1), axis=0)) == 24


def test_a_vessel_image_depends_on_its_number_alone(vessels):
    images, masks = draw_vessels("train", [7, 3, 39], (16, 20), 3, rows=2)
    batch = vessels.examples("train", [7, 3, 39])
    np.testing.assert_array_equal(images, batch["condition"])
    np.testing.assert_array_equal(masks, batch["x"])
    longer = make_dataset("vessels", image_size=(16, 20), num_examples=50)
    np.testing.assert_array_equal(longer.examples("train", [7, 3, 39])["condition"], images)


def test_grey_vessels_have_the_same_masks(vessels):
    grey = make_dataset("vessels", image_size=(16, 20), channels=1, num_examples=4)
    assert grey.spec.condition_shape == (16, 20, 1)
    np.testing.assert_array_equal(
        grey.examples("train", slice(None))["x"],
        vessels.examples("train", slice(0, 4))["x"],
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_translation": 40}, "up to 40 and 40 pixels"),
        ({"crop": 8}, "are not cropped"),
        ({"image_size": 7}, "image_size from 8 to 1024"),
        ({"image_size": (8, 1025)}, "image_size from 8 to 1024"),
        ({"source": "vessels:here"}, "source is"),
        ({"source": "pairs:"}, "source is"),
        ({"source": "pairs"}, "source is"),
    ],
)
def test_vessels_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_dataset(**{"source": "vessels", **options})


def batches_of(dataset, steps=12, **options):
    return [
        {k: v.numpy() for k, v in b.items()}
        for b in dataset.train_batches(8, 5, num_steps=steps, **options)
    ]


def test_batches_keep_pairs_together_and_mirror_both():
    options = {"image_size": (16, 20), "num_examples": 40}
    plain = make_dataset("vessels", **options)
    flipped = make_dataset("vessels", horizontal_flip=True, **options)
    stored = plain.examples("train", slice(None))
    masks = {image.tobytes(): mask for mask, image in zip(*stored.values(), strict=True)}
    turned = 0
    for a, b in zip(batches_of(plain), batches_of(flipped), strict=True):
        assert set(a) == {"x", "condition"}
        for image, mask in zip(a["condition"], a["x"], strict=True):
            np.testing.assert_array_equal(masks[image.tobytes()], mask)
        for i in range(8):
            mirrored = not np.array_equal(a["condition"][i], b["condition"][i])
            step = -1 if mirrored else 1
            turned += mirrored
            np.testing.assert_array_equal(b["condition"][i], a["condition"][i][:, ::step])
            np.testing.assert_array_equal(b["x"][i], a["x"][i][:, ::step])
    assert 30 <= turned <= 66  # of 96
    rest = batches_of(flipped, steps=4, start_step=8)
    for a, b in zip(rest, batches_of(flipped)[8:], strict=True):
        np.testing.assert_array_equal(a["condition"], b["condition"])
        np.testing.assert_array_equal(a["x"], b["x"])
    (first, *_), spec = flipped.eval_batches("validation", 9), flipped.train_batches(8, 5)
    np.testing.assert_array_equal(
        first["condition"], plain.examples("validation", slice(0, 9))["condition"]
    )
    assert spec.element_spec["condition"].shape == (8, 16, 20, 3)


def test_masks_move_with_their_images():
    options = {"image_size": (16, 20), "num_examples": 40}
    plain = batches_of(make_dataset("vessels", **options), steps=3)
    moved = batches_of(make_dataset("vessels", max_translation=0.2, **options), steps=3)
    shifts = set()
    for a, b in zip(plain, moved, strict=True):
        for i in range(8):
            found = [
                (y, x)
                for y in range(-3, 4)
                for x in range(-4, 5)
                if all(
                    np.array_equal(b[key][i], np.roll(pad(a[key][i]), (y, x), (0, 1))[4:-4, 4:-4])
                    for key in ("x", "condition")
                )
            ]
            assert len(found) == 1
            shifts.update(found)
    assert len(shifts) > 12


def pad(image):
    return np.pad(image, ((4, 4), (4, 4), (0, 0)), "edge")
