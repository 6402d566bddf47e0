import os

import numpy as np
import pytest
from absl import logging
from PIL import Image

from glf.data import DataSpec, make_dataset
from glf.data.files import image_size, read_image
from glf.data.geometry import Geometry


def _save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path, **options)


def _fill(folder, count, shape=(6, 5, 3)):
    for i in range(count):
        _save(folder / f"{i:03}.png", np.full(shape, i))


def _all(dataset, key="x"):
    splits = ("train", "validation", "test")
    return np.concatenate([dataset.examples(s, slice(None))[key] for s in splits])


def _counts(dataset):
    return [dataset.num_examples(s) for s in ("train", "validation", "test")]


def _make(path, **options):
    return make_dataset(f"folder:{path}", **options)


def test_every_image_once_and_a_growing_folder_keeps_its_splits(tmp_path):
    _fill(tmp_path / "a" / "b", 15)
    _fill(tmp_path, 15, (6, 5))
    (tmp_path / ".hidden").mkdir()
    _save(tmp_path / ".hidden" / "no.png", np.zeros((1, 1, 3)))
    (tmp_path / "notes.txt").write_text("not an image")
    dataset = _make(tmp_path)
    assert dataset.spec == DataSpec((6, 5, 3), 256, None)
    assert _counts(dataset) == [24, 3, 3]
    assert "label" not in dataset.examples("test", [0])
    (batch,) = dataset.eval_batches("test", 3)
    assert set(batch) == {"x"}
    np.testing.assert_array_equal(np.sort(_all(dataset)[:, 0, 0, 0]), np.repeat(range(15), 2))
    before = set(dataset.examples("train", slice(None))["x"][:, 0, 0, 0])
    _save(tmp_path / "new.png", np.full((6, 5, 3), 200))
    after = set(_make(tmp_path).examples("train", slice(None))["x"][:, 0, 0, 0])
    assert len(before - after) <= 1
    assert _counts(_make(tmp_path, validation_examples=7)) == [21, 7, 3]


def test_sizes_and_kinds_are_brought_to_one(tmp_path):
    _save(tmp_path / "wide.png", np.full((8, 20, 3), 50))
    _save(tmp_path / "tall.JPG", np.full((30, 9, 3), 50))
    _save(tmp_path / "grey.bmp", np.full((4, 4), 50))
    _save(tmp_path / "one.webp", np.full((9, 9, 3), 50), lossless=True)
    frames = [Image.fromarray(np.full((5, 5), v, np.uint8)) for v in (50, 200)]
    frames[0].save(tmp_path / "moves.gif", save_all=True, append_images=frames[1:])
    dataset = _make(tmp_path, image_size=4)
    assert dataset.spec.shape == (4, 4, 3)
    assert np.abs(_all(dataset).astype(int) - 50).max() <= 2
    assert _make(tmp_path, image_size=(2, 4), channels=1).spec.shape == (2, 4, 1)
    with pytest.raises(ValueError, match=r"differ in size .*x.*give image_size"):
        _make(tmp_path)
    with pytest.raises(ValueError, match="crop 7x7 is larger than the image, 4x4"):
        _make(tmp_path, crop=7)
    assert _make(tmp_path, crop=4).spec.shape == (4, 4, 3)


def test_exif_orientation(tmp_path):
    pixels = np.zeros((4, 6, 3))
    pixels[:, 3:] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by a quarter, clockwise
    _save(tmp_path / "a.png", pixels, exif=exif)
    assert image_size(tmp_path / "a.png") == (6, 4)
    got = read_image(tmp_path / "a.png", Geometry(channels=3))
    np.testing.assert_array_equal(got, np.rot90(pixels, -1).astype(np.uint8))


def test_modes(tmp_path):
    grey = np.array([[0, 257, 65535]], np.uint16)
    Image.fromarray(grey).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(
        read_image(tmp_path / "deep.png", Geometry())[..., 0], [[0, 1, 255]]
    )
    rgba = np.array([[[10, 20, 30, 255], [10, 20, 30, 0]]], np.uint8)
    Image.fromarray(rgba).save(tmp_path / "alpha.png")
    flat = [[[10, 20, 30], [255, 255, 255]]]
    np.testing.assert_array_equal(read_image(tmp_path / "alpha.png", Geometry()), flat)
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 90, 90, 90])
    palette.putpixel((1, 0), 1)
    palette.save(tmp_path / "palette.png")
    looked_up = [[[10, 20, 30], [90, 90, 90]]]
    np.testing.assert_array_equal(read_image(tmp_path / "palette.png", Geometry()), looked_up)
    palette.save(tmp_path / "clear.png", transparency=1)
    np.testing.assert_array_equal(read_image(tmp_path / "clear.png", Geometry()), flat)
    Image.new("1", (1, 1), 1).save(tmp_path / "bit.png")
    np.testing.assert_array_equal(read_image(tmp_path / "bit.png", Geometry()), [[[255]]])
    Image.new("CMYK", (1, 1)).save(tmp_path / "print.jpg")
    np.testing.assert_array_equal(
        read_image(tmp_path / "print.jpg", Geometry(channels=3)), np.full((1, 1, 3), 255)
    )


def test_split_folders_and_classes(tmp_path):
    for split, count in (("train", 20), ("val", 3), ("test", 4)):
        for label in ("cat", "dog"):
            _fill(tmp_path / split / label / "deeper", count)
    dataset = _make(tmp_path, labels="subfolders")
    assert dataset.spec.num_classes == 2
    assert _counts(dataset) == [40, 6, 8]
    np.testing.assert_array_equal(dataset.examples("test", slice(None))["label"], [0] * 4 + [1] * 4)
    _save(tmp_path / "stray.png", np.zeros((6, 5, 3)))
    with pytest.raises(ValueError, match=r"'stray.png' is in none of them"):
        _make(tmp_path)


def test_splits_by_other_usual_names(tmp_path):
    for split, count in (("Training", 20), ("VALID", 3), ("Test", 4)):
        _fill(tmp_path / split, count)
    assert _counts(_make(tmp_path)) == [20, 3, 4]
    (tmp_path / "Training").rename(tmp_path / "Training_old")
    with pytest.raises(ValueError, match="would be trained on"):
        _make(tmp_path)


def test_classes_are_taken_where_all_images_lie_in_one(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(logging, "info", lambda message, *args: told.append(message % args))
    for split, count in (("train", 12), ("test", 2)):
        for label in ("cat", "dog"):
            _fill(tmp_path / split / label, count)
    dataset = _make(tmp_path)
    assert dataset.spec.num_classes == 2
    np.testing.assert_array_equal(dataset.examples("test", slice(None))["label"], [0, 0, 1, 1])
    assert told == [
        f"folder:{tmp_path}: the folders of the images are taken as 2 classes: cat, dog; "
        "make_dataset.labels = None takes none"
    ]
    assert _make(tmp_path, labels=None).spec.num_classes is None
    # Training images alone: classes lie below that folder, too.
    assert _make(tmp_path / "train").spec.num_classes == 2
    (tmp_path / "test").rename(tmp_path / "train" / "deer")
    assert _make(tmp_path).spec.num_classes == 3
    assert _make(tmp_path, labels="subfolders").spec.num_classes == 3
    assert len(told) == 3


def test_folders_are_no_classes_where_an_image_is_in_none_or_training_lacks_one(tmp_path, said):
    _fill(tmp_path / "one", 12)
    assert _make(tmp_path).spec.num_classes is None
    _fill(tmp_path / "two", 2)
    _save(tmp_path / "stray.png", np.zeros((6, 5, 3)))
    assert _make(tmp_path).spec.num_classes is None
    assert not said
    root = tmp_path / "three"
    for part in ("train/cat", "train/dog", "test/unknown"):
        _fill(root / part, 12)
    assert _make(root).spec.num_classes is None
    assert "no training images are in folders unknown; so folders are not taken as" in said[-1]
    assert _make(root, labels="subfolders").spec.num_classes == 3
    assert said[-1].endswith("no training images are in folders unknown")


def test_tiff_is_read_and_what_is_not_is_counted(tmp_path, said):
    for i in range(20):
        _save(tmp_path / f"{i:02}.TIF", np.full((6, 5, 3), i))
    _fill(tmp_path, 4)
    assert sum(_counts(_make(tmp_path))) == 24
    assert not said
    for name in ("a.heic", "b.HEIC", "c.svg", "notes.txt", ".hidden.jxl"):
        (tmp_path / name).write_bytes(b"")
    assert sum(_counts(_make(tmp_path))) == 24
    assert said == [
        f"{tmp_path}: took 24 images and passed over files that are not read: 2 .heic, 1 .svg; "
        "convert them, or move them away"
    ]
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "a.heic").write_bytes(b"")
    with pytest.raises(ValueError, match=r"no images in .* there are 1 \.heic, which are not read"):
        _make(empty)


@pytest.mark.parametrize("budget", [2**30, 0])
def test_conversions_are_said_once_with_counts(tmp_path, said, budget):
    root = tmp_path / "images"
    _fill(root, 12)
    for i in range(3):
        _save(root / f"clear{i}.png", np.full((6, 5, 4), 100))
    _make(root, memory_budget=budget, cache_dir=tmp_path / "cache")
    assert said == [
        f"folder:{root}: images were converted: 3 with transparent pixels are laid over white"
    ]


@pytest.mark.parametrize("budget", [2**30, 0])
def test_names_that_are_no_utf_8(tmp_path, said, budget):
    root = tmp_path / "images"
    for label in (b"cat", b"\xff\xfe"):
        folder = os.fsencode(root) + b"/" + label
        os.makedirs(folder)
        for i in range(6):
            Image.fromarray(np.full((6, 5, 3), i, np.uint8)).save(root / "now.png")
            os.rename(root / "now.png", folder + b"/\xe9%d.png" % i)
        with open(folder + b"/broken\xe9.png", "wb") as file:
            file.write(b"no")
    for _ in range(2):
        dataset = _make(root, memory_budget=budget, cache_dir=tmp_path / "cache")
        assert _counts(dataset) == [10, 1, 1]
        assert dataset.spec.num_classes == 2
        assert r"cat/broken\xe9.png (" in said[-1]
        said[-1].encode()
    with pytest.raises(ValueError, match=r"path in source='folder:.* is not UTF-8"):
        make_dataset("folder:" + os.fsdecode(os.fsencode(root) + b"/\xff\xfe"))


def test_of_two_links_to_a_folder_one_is_taken_and_it_is_said(tmp_path, said):
    _fill(tmp_path / ".kept", 6)
    for name in ("b", "a"):
        (tmp_path / name).symlink_to(tmp_path / ".kept")
    assert sum(_counts(_make(tmp_path))) == 6
    assert said == [f"{tmp_path}: passed over links to folders that are taken already: b"]


def test_a_folder_that_cannot_be_listed(tmp_path, monkeypatch):
    _fill(tmp_path / "open", 6)
    (tmp_path / "shut").mkdir()
    scan = os.scandir

    def scandir(path):
        if os.fspath(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(ValueError, match=r"shut' cannot be listed: Permission denied"):
        _make(tmp_path)


def test_classes_without_split_folders(tmp_path):
    _fill(tmp_path / "dog", 6)
    _fill(tmp_path / "train", 6, (6, 5))  # a class of vehicles, not a split
    dataset = _make(tmp_path, labels="subfolders")
    np.testing.assert_array_equal(np.bincount(_all(dataset, "label")), [6, 6])
    _save(tmp_path / "stray.png", np.zeros((6, 5, 3)))
    with pytest.raises(ValueError, match=r"'stray.png' is in none; move it"):
        _make(tmp_path, labels="subfolders")


@pytest.mark.parametrize("budget", [2**30, 0])
@pytest.mark.parametrize("image_size", [None, 4])
def test_few_broken_images_are_named_and_left_out(tmp_path, said, budget, image_size):
    root = tmp_path / "images"
    _fill(root, 12)
    whole = (root / "003.png").read_bytes()
    (root / "003.png").write_bytes(whole[:45])  # a header, then little
    (root / "007.png").write_bytes(b"not an image")
    (root / "011.png").unlink()
    (root / "011.png").symlink_to("nowhere")
    options = {"memory_budget": budget, "cache_dir": tmp_path, "image_size": image_size}
    for _ in range(2):  # the second time, perhaps, from the cache
        values = np.sort(_all(_make(root, **options))[:, 0, 0, 0])
        np.testing.assert_array_equal(values, [0, 1, 2, 4, 5, 6, 8, 9, 10])
        assert "left out 3 unreadable images: 003.png" in said[-1]
        assert "007.png" in said[-1]
    assert len(said) == 2


@pytest.mark.parametrize("image_size", [None, 4])
def test_mostly_broken_folders_are_refused(tmp_path, image_size):
    for i in range(8):
        (tmp_path / f"{i}.png").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"8 of the 8 images .*0.png \(.*and 3 more"):
        _make(tmp_path, image_size=image_size)


def test_a_changed_folder_is_decoded_again(tmp_path):
    root = tmp_path / "images"
    _fill(root, 5)
    options = {"memory_budget": 0, "cache_dir": tmp_path / "cache"}
    assert _all(_make(root, **options)).max() == 4
    _save(root / "000.png", np.full((6, 5, 3), 99))
    assert _all(_make(root, **options)).max() == 99


def test_links_in_circles(tmp_path):
    _fill(tmp_path / "a", 5)
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert sum(_counts(_make(tmp_path))) == 5


def test_refused(tmp_path):
    with pytest.raises(ValueError, match="There is no folder"):
        _make(tmp_path / "missing")
    with pytest.raises(ValueError, match=r"There are no images in .*\.png"):
        _make(tmp_path)
    (tmp_path / "file.png").write_bytes(b"")
    with pytest.raises(ValueError, match="is a file"):
        _make(tmp_path / "file.png")
    with pytest.raises(ValueError, match='labels is None, "subfolders" or "auto"'):
        _make(tmp_path, labels="names")
    _fill(tmp_path / "two", 2)
    with pytest.raises(ValueError, match="has 2 readable images, too few"):
        _make(tmp_path / "two")
