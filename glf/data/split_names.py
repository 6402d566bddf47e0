"""Splits of folders and arrays: by what names say, else by a hash of the names of files."""

import hashlib
import os
import re

import numpy as np
from absl import logging

from glf.data.listing import shown
from glf.data.source import SPLITS, Split, complete_splits

_NAMES = {
    "train": ("train", "training", "trainset", "trn"),
    "validation": ("validation", "validate", "validating", "valid", "val", "valset", "dev"),
    "test": ("test", "testing", "testset", "tst"),
}
_SPLITS = {name: split for split, names in _NAMES.items() for name in names}
# Words beside them that change nothing: "Training Set", "train_images", "val_32x32", "test2017".
_FILLERS = ("set", "split", "data", "dataset", "images", "image", "imgs", "img", "folder")
_SIZE_OR_YEAR = re.compile(r"(?<!\d)(\d+x\d+|(19|20)\d\d)(?!\d)")
_HELD_OUT = ("eval", "evaluation", "holdout", "heldout", "trainval", "traintest", "trainvaltest")


def split_of(name):
    """The split that `name` names, in any case and with a usual word beside it, or None.

    "Train", "training_set" and "train_32x32" are train; "val", "valid" and "Validation" are
    validation; "test" and "TESTING" are test; "train_old", "test_1" and "tester" are none.
    """
    words = [word for word in _words(_SIZE_OR_YEAR.sub("_", name)) if word not in _FILLERS]
    return _SPLITS.get(words[0]) if len(words) == 1 else None


def resembles(name):
    """What splits `name` makes one think of: a subset of {"train", "held out"}."""
    words = _words(name)
    kinds = {_SPLITS[word] for word in words if word in _SPLITS}
    held_out = kinds - {"train"} or any(word in _HELD_OUT for word in words)
    return ({"train"} & kinds) | ({"held out"} if held_out else set())


def _words(name):
    """Runs of letters, and of digits, in lower case; "TestSet" are two."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return [word.lower() for word in re.findall(r"[^\W\d_]+|\d+", apart)]


def split_folders(root, files):
    """The split of each file by its first folder, or None where folders do not say it.

    They do where there are folders of training examples and of others, see `split_of`.

    Args:
      root: the folder, for messages.
      files: relative paths, with "/".

    Raises:
      ValueError: if there are such folders and a file is in none of them, or two of them differ in
        a number alone; if examples to validate or test on could be trained on: where folders of
        that name lie elsewhere, or without one for training, or under a name that is near to one.
        What only resembles a split without being one is named in a warning.
    """
    folders = [file.split("/")[:-1] for file in files]
    parts = [split_of(path[0]) if path else None for path in folders]
    present = set(parts) - {None}
    if "train" in present and len(present) > 1:
        if None in parts:
            raise ValueError(
                f"{str(root)!r} has folders for splits, but {shown(files[parts.index(None)])!r} is "
                "in none of them; move it into train, validation or test."
            )
        _refuse_numbered(root, {path[0] for path in folders})
        strange = {name for path in folders for name in path[1:] if split_of(name)}
        if strange:
            logging.warning(
                "%s: splits are the first folders; %s below them are taken as ordinary folders",
                shown(root),
                _listed(strange),
            )
        return parts
    names = {name for path in folders for name in path}
    alike = {name: resembles(name) for name in names if resembles(name)}
    held_out = {name for name, kinds in alike.items() if "held out" in kinds}
    exact = {name for name in held_out if split_of(name)}
    if exact or (held_out and any("train" in kinds for kinds in alike.values())):
        raise ValueError(
            f"In {str(root)!r} the folders {_listed(alike)} look like splits, but there are no "
            "folders named train and test (or validation) at its top that hold all files, so that "
            f"what is to be tested on would be trained on. {_advice(folders, alike)}"
        )
    if alike and (None in parts or present != {"train"}):
        logging.warning(
            "%s: the folders %s look like splits and are taken as ordinary folders; splits are "
            "folders named train, validation and test that hold all files",
            shown(root),
            _listed(alike),
        )
    return None


def _refuse_numbered(root, names):
    for split in _NAMES:
        same = sorted(name for name in names if split_of(name) == split)
        if len(same) > 1 and any(re.search(r"\d", name) for name in same):
            raise ValueError(
                f"{str(root)!r} has several folders for the {split} split, {_listed(same)}; what "
                "one of them trains on another may test on. Give a folder with one of each."
            )


def _advice(folders, alike):
    tops = {path[0] if path else None for path in folders}
    if len(tops) == 1 and None not in tops and not tops & set(alike):
        return f"Give its folder {shown(tops.pop())!r} as the source, or rename them."
    if len(tops) == 1 and None not in tops:
        return f"To train on what is in {shown(tops.pop())!r}, give that folder as the source."
    return "Move or rename them."


def _listed(names):
    return ", ".join(repr(shown(name)) for name in sorted(names))


def splits_of_files(name, table, files, parts, validation_examples=None, what="images"):
    """{"train", "validation", "test"} to `Split`, of a table whose rows are files.

    Args:
      name: of the source, for messages.
      table: the `Table`.
      files: the file of each row, as the hash takes it.
      parts: the split of each row, from `split_folders`, completed by `complete_splits`; None where
        folders do not say it: then `split_by_hash` does.
      validation_examples: how many to validate on; None for the usual share.
      what: names the files in messages.
    """
    if parts is None:
        rows = split_by_hash(name, files, validation_examples, what)
        return {split: Split.whole(table).take(chosen) for split, chosen in rows.items()}
    splits = {s: Split(table, np.flatnonzero(np.array(parts) == s)) for s in SPLITS}
    return complete_splits(name, splits, validation_examples)


def split_by_hash(name, files, validation_examples, what="images"):
    """{split: positions in `files`}, by the order of the SHA-256 of their names.

    The first tenth, at most 5000, is the test split; the next `validation_examples`, None for as
    many, the validation split.

    Raises:
      ValueError: if none are left to train on.
    """
    digests = [hashlib.sha256(os.fsencode(file)).digest() for file in files]
    order = np.array(sorted(range(len(files)), key=digests.__getitem__), np.int64)
    count = min(5000, max(1, len(files) // 10))
    validation = count if validation_examples is None else validation_examples
    if count + validation >= len(files):
        raise ValueError(
            f"{name!r} has {len(files)} readable {what}, too few for {count} to test on, "
            f"{validation} to validate on and some to train on; add {what}"
            + ("." if validation_examples is None else ", or lower validation_examples.")
        )
    return {
        "train": order[count + validation :],
        "validation": order[count : count + validation],
        "test": order[:count],
    }
