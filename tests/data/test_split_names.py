import pathlib

import pytest

from glf.data.split_names import resembles, split_by_hash, split_folders, split_of

ROOT = pathlib.Path("root")


@pytest.mark.parametrize(
    ("split", "names"),
    [
        ("train", "train Train TRAINING training_set TrainSet train_images train-32x32 train2017"),
        ("validation", "val valid Validation VALID valid_32x32 val2017 val_images dev validate"),
        ("test", "test Test TESTING testset TestSet test_data Test-Images imgs_test test2017"),
        (None, "train_old test_1 test2 trainval latest contest trainer testament cat 2017 images"),
    ],
)
def test_names_of_splits(split, names):
    for name in names.split():
        assert split_of(name) == split, name


@pytest.mark.parametrize(
    ("kinds", "names"),
    [
        ({"train"}, "train train_old my_train_2 OldTrain"),
        ({"held out"}, "test test_1 test2 eval holdout trainval old-validation"),
        ({"train", "held out"}, "train_and_test"),
        (set(), "cat latest contest trainer testament attest protest validity"),
    ],
)
def test_names_that_resemble_splits(kinds, names):
    for name in names.split():
        assert resembles(name) == kinds, name


@pytest.mark.parametrize(
    ("files", "splits"),
    [
        ("Train/a Test/b", ["train", "test"]),
        ("training/x/a testing/b Validation/c", ["train", "test", "validation"]),
        ("train/a val/b valid/c", ["train", "validation", "validation"]),
        ("a b/c", None),
        ("train/a train/b", None),
        ("train/cat/a train/dog/b", None),
    ],
)
def test_folders_of_splits(said, files, splits):
    assert split_folders(ROOT, files.split()) == splits
    assert not said


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ("train/a test/b c", "'c' is in none of them"),
        ("train/a test/b train_old/c", "'train_old/c' is in none of them"),
        ("Test/a b", "'Test' look like splits"),
        ("val/a images/b", "'val' look like splits"),
        ("test/a test/b", "To train on what is in 'test', give that folder as the source"),
        ("train_old/a test_old/b", "'test_old', 'train_old' look like splits"),
        ("train/a eval/b", "'eval', 'train' look like splits"),
        ("data/train/a data/test/b", "'test', 'train' look like .* Give its folder 'data' as"),
        ("cat/train/a cat/test/b dog/c", "'test', 'train' look like splits"),
        ("train2014/a train2017/b val2014/c", "'train2014', 'train2017'; what one of them trains"),
    ],
)
def test_what_could_be_trained_on_but_is_to_be_tested_on_is_refused(files, message):
    with pytest.raises(ValueError, match=message):
        split_folders(ROOT, files.split())


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ("train/a dog/b", "'train' look like splits and are taken as ordinary folders"),
        ("train/a train_old/b", "'train', 'train_old' look like splits"),
        ("test_tube/a dog/b", "'test_tube' look like splits"),
        ("train/a/test/x test/y", "'test' below them are taken as ordinary folders"),
    ],
)
def test_what_resembles_a_split_and_is_none_is_said(said, files, message):
    split_folders(ROOT, files.split())
    assert len(said) == 1
    assert message in said[0]


def test_the_order_by_hashes_is_of_the_bytes_of_names():
    names = ["a/b.png", "ü.png", "c.jpg"] + [f"{i}.png" for i in range(17)]
    chosen = {s: [names[i] for i in rows] for s, rows in split_by_hash("x", names, None).items()}
    assert chosen["test"] + chosen["validation"] == ["6.png", "0.png", "8.png", "14.png"]
    split_by_hash("x", [*names, "\udcff.png"], None)
