import numpy as np
import pytest

from glf.data import DataSpec, make_dataset

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 4, 6, 3), np.uint8)


def _make(path, **options):
    return make_dataset(f"array:{path}", **options)


def _save(tmp_path, array):
    np.save(tmp_path / "x.npy", array)
    return tmp_path / "x.npy"


def _sorted(images):
    return sorted(image.tobytes() for image in images)


def _all(dataset, key="x"):
    splits = ("train", "validation", "test")
    return np.concatenate([dataset.examples(s, slice(None))[key] for s in splits])


@pytest.mark.parametrize("budget", [2**30, 0])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_npy(tmp_path, dtype, budget):
    path = _save(tmp_path, IMAGES.astype(dtype))
    dataset = _make(path, memory_budget=budget, cache_dir=tmp_path / "cache")
    assert dataset.spec == DataSpec((4, 6, 3), 256, None)
    assert [dataset.num_examples(s) for s in ("train", "validation", "test")] == [25, 2, 3]
    assert _sorted(_all(dataset)) == _sorted(IMAGES)
    assert (tmp_path / "cache").exists() == (budget == 0 and dtype == np.int64)


def test_geometry_and_grey(tmp_path):
    path = _save(tmp_path, IMAGES[..., 0])
    assert _make(path).spec.shape == (4, 6, 1)
    assert _make(path, image_size=3, channels=3).spec.shape == (3, 3, 3)
    np.testing.assert_array_equal(
        _sorted(_all(_make(path, crop=2))), _sorted(IMAGES[:, 1:3, 2:4, :1])
    )


@pytest.mark.parametrize("names", [("images", "labels"), ("x", "y"), ("image", "label")])
def test_npz_of_one_array(tmp_path, names):
    labels = IMAGES[:, 0, 0, 0] % 4
    np.savez(tmp_path / "a.npz", **{names[0]: IMAGES, names[1]: labels[:, None]})
    dataset = _make(tmp_path / "a.npz")
    assert dataset.spec.num_classes == 4
    np.testing.assert_array_equal(_all(dataset, "label"), _all(dataset)[:, 0, 0, 0] % 4)


def test_npz_of_splits(tmp_path):
    parts = {"train": slice(0, 20), "validation": slice(20, 24), "test": slice(24, 30)}
    arrays = {f"x_{k}": IMAGES[v] for k, v in parts.items()}
    arrays |= {f"y_{k}": np.arange(30)[v] for k, v in parts.items()}
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    dataset = _make(tmp_path / "a.npz")
    assert dataset.spec.num_classes == 30
    for split, rows in parts.items():
        got = dataset.examples(split, slice(None))
        np.testing.assert_array_equal(got["x"], IMAGES[rows])
        np.testing.assert_array_equal(got["label"], np.arange(30)[rows])


@pytest.mark.parametrize("key", ["{1}_{0}", "{0}_{1}"])
@pytest.mark.parametrize(
    ("images", "labels", "train", "validation", "test"),
    [
        ("X", "Y", "train", "val", "test"),
        ("x", "y", "Training", "valid", "TEST"),
        ("images", "labels", "train", "Validation", "testing"),
    ],
)
def test_npz_of_splits_by_other_usual_names(
    tmp_path, said, key, images, labels, train, validation, test
):
    parts = {train: slice(0, 20), validation: slice(20, 24), test: slice(24, 30)}
    arrays = {key.format(split, images): IMAGES[rows] for split, rows in parts.items()}
    arrays |= {key.format(split, labels): np.arange(30)[rows] for split, rows in parts.items()}
    np.savez(tmp_path / "a.npz", **arrays)
    dataset = _make(tmp_path / "a.npz")
    for split, rows in zip(("train", "validation", "test"), parts.values(), strict=True):
        got = dataset.examples(split, slice(None))
        np.testing.assert_array_equal(got["x"], IMAGES[rows])
        np.testing.assert_array_equal(got["label"], np.arange(30)[rows])
    assert not said


def test_what_else_an_npz_holds_is_named_and_not_read(tmp_path, said):
    arrays = {"x_train": IMAGES, "x_test": IMAGES[:3], "x_train_old": IMAGES, "y_extra": IMAGES}
    np.savez(tmp_path / "a.npz", about=np.array([{"of": "objects"}], object), **arrays)
    assert _make(tmp_path / "a.npz").num_examples("test") == 3
    (line,) = said
    assert "not used are the keys ['about', 'x_train_old', 'y_extra']" in line
    np.savez(tmp_path / "b.npz", x=IMAGES, y=np.array([None] * 30, object))
    with pytest.raises(ValueError, match="as a NumPy file of numbers: y: Object arrays"):
        _make(tmp_path / "b.npz")


@pytest.mark.parametrize(
    ("largest", "given", "expected"),
    [(1, None, 2), (0, None, 2), (16, None, 17), (200, None, 256), (3, 8, 8), (127, None, 128)],
)
def test_levels(tmp_path, largest, given, expected):
    path = _save(tmp_path, np.minimum(IMAGES, largest))
    assert _make(path, levels=given).spec.levels == expected
    assert _make(path, levels=given, binarize="threshold").spec.levels == 2


def test_truth_values(tmp_path):
    dataset = _make(_save(tmp_path, IMAGES > 100))
    assert dataset.spec.levels == 2
    assert _sorted(_all(dataset)) == _sorted((IMAGES > 100).astype(np.uint8))


@pytest.mark.parametrize(
    ("array", "options", "message"),
    [
        (IMAGES / 255, {}, r"dtype float64, expected integers.*np.round\(255 \* x\)"),
        (IMAGES.astype(int) * 2, {}, "values from 0 to 5.*; expected 0..255"),
        (IMAGES.astype(int) - 1, {}, "values from -1"),
        (IMAGES[0, 0], {}, r"shape \(6, 3\); expected \[n, h, w\]"),
        (IMAGES[:0], {}, r"shape \(0, 4, 6, 3\)"),
        (IMAGES.transpose(0, 3, 1, 2), {}, "6 channels; channels come last"),
        (IMAGES, {"levels": 16}, "which 16 levels do not hold"),
        (IMAGES, {"levels": 1}, "levels is an integer from 2 to 256"),
        (IMAGES[:1], {}, "cannot cut"),
        (np.array([[["a"]]]), {}, "expected integers"),
        (np.array([None]), {}, "cannot be read as a NumPy file of numbers"),
    ],
)
def test_npy_refused(tmp_path, array, options, message):
    with pytest.raises(ValueError, match=message):
        _make(_save(tmp_path, array), **options)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": IMAGES}, r"none of the keys.*\['pictures'\]"),
        ({"x": IMAGES, "y": np.zeros(29, int)}, r"shape \(29,\); expected integers"),
        ({"x": IMAGES, "y": np.zeros(30)}, "labels of x are float64"),
        ({"x": IMAGES, "y": np.full(30, -1)}, "integers of at least 0"),
        ({"x": IMAGES, "y": np.full(30, 2**31 - 1)}, r"reach 2147483647; .*below 2147483647"),
        ({"x": IMAGES, "y": np.full(30, 2**63, np.uint64)}, "reach 9223372036854775808"),
        ({"x": IMAGES, "x_test": IMAGES}, r"has \['x_test'\], but no images to train on"),
        ({"x_train": IMAGES, "X_train": IMAGES}, "both 'x_train' and 'X_train' for the images"),
        ({"x_train": IMAGES, "x_val": IMAGES, "x_valid": IMAGES}, "both 'x_val' and 'x_valid'"),
        ({"x_train": IMAGES, "x_test": IMAGES[:, :2]}, "differ in shape"),
        ({"x_train": IMAGES, "x_test": IMAGES, "y_test": np.zeros(30, int)}, "some do not"),
    ],
)
def test_npz_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        _make(tmp_path / "a.npz")


def test_files_refused(tmp_path):
    with pytest.raises(ValueError, match=r"wants an .npy or .npz file; .* does not exist"):
        _make(tmp_path / "a.npy")
    with pytest.raises(ValueError, match="is not a file"):
        _make(tmp_path)
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(ValueError, match="ends neither in"):
        _make(tmp_path / "a.png")
    for name in ("a.npy", "a.npz"):
        (tmp_path / name).write_bytes(b"broken")
        with pytest.raises(ValueError, match="cannot be read as a NumPy file"):
            _make(tmp_path / name)
