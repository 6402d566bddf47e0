"""Pairs in patches: windows to train on, a grid to measure on, and the field of view."""

import numpy as np
import pytest
from PIL import Image

from glf.data import DataSpec, make_dataset
from glf.data.patches import Patches

HEIGHT, WIDTH, IMAGES = 11, 14, 12


def places():
    """Images whose pixels say where they are: (number, row, column)."""
    number, row, column = np.mgrid[:IMAGES, :HEIGHT, :WIDTH]
    return np.stack([number, row, column], -1).astype(np.uint8)


def mask_at(place):
    """The masks of such pixels."""
    place = place.astype(int)
    return (place[..., 0] + 3 * place[..., 1] + 5 * place[..., 2]) % 7 < 3


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("pairs")
    for i, image in enumerate(places()):
        name = f"{'train' if i < 9 else 'test'}/{i:02d}.png"
        save(root / "images" / name, image)
        save(root / "masks" / name, mask_at(image))
    return root


@pytest.fixture(scope="module")
def dataset(folder):
    return make_dataset(f"pairs:{folder}", patch_size=(4, 5), validation_examples=2)


def batches(dataset, **options):
    return [
        {name: part.numpy() for name, part in batch.items()}
        for batch in dataset.train_batches(**({"batch_size": 6, "seed": 3} | options))
    ]


def test_windows_keep_pairs_together_and_are_taken_anywhere(dataset):
    assert dataset.spec == DataSpec((4, 5, 1), 2, None, None, (4, 5, 3), 256)
    seen, of_image = np.zeros((IMAGES, HEIGHT, WIDTH), int), []
    for batch in batches(dataset, num_steps=140):
        np.testing.assert_array_equal(batch["x"][..., 0], mask_at(batch["condition"]))
        for window in batch["condition"]:
            assert len(np.unique(window[..., 0])) == 1
            np.testing.assert_array_equal(np.diff(window[:, 0, 1].astype(int)), 1)
            np.testing.assert_array_equal(np.diff(window[0, :, 2].astype(int)), 1)
            seen[tuple(window.reshape(-1, 3).T)] += 1
            of_image.append(window[0, 0, 0])
    counts = np.bincount(of_image, minlength=IMAGES)
    assert set(counts) == {0, 120}  # an epoch has each image once
    assert (counts > 0).sum() == 7
    assert (seen.sum(0) > 0).all()


def test_windows_depend_on_seed_and_step_alone(dataset):
    straight = batches(dataset, num_steps=9)
    resumed = batches(dataset, start_step=7, num_steps=2)
    halves = [batches(dataset, num_steps=9, shard=(i, 2)) for i in range(2)]
    other = batches(dataset, num_steps=9, seed=4)
    for name in ("x", "condition"):
        whole = np.stack([batch[name] for batch in straight])
        np.testing.assert_array_equal(whole[7:], [batch[name] for batch in resumed])
        joined = [np.concatenate([a[name], b[name]]) for a, b in zip(*halves, strict=True)]
        np.testing.assert_array_equal(whole, joined)
    assert any((a["x"] != b["x"]).any() for a, b in zip(straight, other, strict=True))


def test_the_grid_has_no_pixel_twice_and_no_image_in_two_splits(dataset):
    seen, owners = np.zeros((IMAGES, HEIGHT, WIDTH), int), {}
    for split in ("train", "validation", "test"):
        stored = dataset.examples(split, slice(None))
        np.testing.assert_array_equal(stored["x"][..., 0], mask_at(stored["condition"]))
        for patch in stored["condition"]:
            seen[tuple(patch.reshape(-1, 3).T)] += 1
        owners[split] = set(stored["condition"][..., 0].ravel().tolist())
        passed = [b["condition"].numpy() for b in dataset.eval_batches(split, 4)]
        np.testing.assert_array_equal(np.concatenate(passed), stored["condition"])
    assert [len(owners[s]) for s in owners] == [7, 2, 3]
    assert set().union(*owners.values()) == set(range(IMAGES))
    # 2 x 2 patches of 4 x 5: a row above, two below, two columns on either side.
    expected = np.zeros((HEIGHT, WIDTH), int)
    expected[1:9, 2:12] = 1
    np.testing.assert_array_equal(seen, np.broadcast_to(expected, seen.shape))


def test_flipped_windows_are_pairs(folder):
    flipped = make_dataset(f"pairs:{folder}", patch_size=5, horizontal_flip=True)
    windows = [batch["condition"] for batch in batches(flipped, num_steps=10)]
    steps = {int(w[0, 1, 2]) - int(w[0, 0, 2]) for w in np.concatenate(windows)}
    assert steps == {-1, 1}
    for batch in batches(flipped, num_steps=10):
        np.testing.assert_array_equal(batch["x"][..., 0], mask_at(batch["condition"]))


def test_the_field_of_view():
    images = places()
    field = np.zeros((IMAGES, HEIGHT, WIDTH), bool)
    field[:, 6:, :3] = True
    patches = Patches([images, images[..., :1]], (4, 5), field)
    assert len(patches) == IMAGES * 4
    rows = patches.rows_of([1, 2])
    np.testing.assert_array_equal(rows, [4 + 2, 8 + 2])  # those on the lower left
    np.testing.assert_array_equal(patches.images_of(rows), [1, 2])
    words = np.linspace(0, 2**32 - 1, 40).astype(np.uint32)
    windows, others = patches.windows([3] * 40, words)
    np.testing.assert_array_equal(others[..., 0], windows[..., 0])
    middles = {tuple(w[2, 2, 1:].tolist()) for w in windows}
    assert middles == {(row, 2) for row in range(6, 10)}


def test_a_field_of_view_beside_the_masks(folder, tmp_path):
    root = tmp_path / "pairs"
    for kind in ("images", "masks"):
        (root / kind).parent.mkdir(exist_ok=True)
        (root / kind).symlink_to(folder / kind)
    field = np.zeros((HEIGHT, WIDTH), np.uint8)
    field[:5] = 255
    for i in range(IMAGES):
        save(root / "field_of_view" / f"{'train' if i < 9 else 'test'}/{i:02d}.png", field)
    dataset = make_dataset(f"pairs:{root}", patch_size=4)
    assert dataset.num_examples("test") == 3 * 3  # the upper of two rows
    rows = [batch["condition"][:, 2, 2, 1].max() for batch in batches(dataset, num_steps=20)]
    assert max(rows) == 4
    save(root / "field_of_view" / "test/11.png", 0 * field)
    with pytest.raises(ValueError, match=r"Of image 2 no patch has its middle in the field"):
        make_dataset(f"pairs:{root}", patch_size=4)
    (root / "field_of_view" / "test/11.png").unlink()
    with pytest.raises(ValueError, match="field_of_view has no file for 1 of 12 images: test/11"):
        make_dataset(f"pairs:{root}", patch_size=4)
    assert make_dataset(f"pairs:{root}").num_examples("test") == 3  # whole images need none


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (
            12,
            r"Patches of 12x12 are larger than the images, 11x14. Give another make_dataset.patch",
        ),
        (0, r"patch_size is a positive integer or a pair \(height, width\) of them, got 0"),
    ],
)
def test_refusals(folder, size, message):
    with pytest.raises(ValueError, match=message):
        make_dataset(f"pairs:{folder}", patch_size=size)
