"""Checkpoints that are whole or absent, verified before they are trusted, kept by count.

Layout of the folder:

  step-00001000/        one checkpoint: TensorFlow's files and manifest.json
  best/                 a copy of the best by the validation metric (hard links, no extra space)

A checkpoint is written into a hidden folder, flushed, given a manifest with the size and SHA-256
of each file, and only then renamed to its place: a kill or a full disk at any moment leaves the
earlier ones untouched.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import uuid

import tensorflow as tf
from absl import logging

from glf.core import files

_NAME = re.compile(r"step-(\d{8,})$")
_MANIFEST = "manifest.json"
_PREFIX = "state"


class Checkpoints:
    """The checkpoints of one run.

    Args:
      folder: where they lie; made when the first is written.
      keep: how many of the newest to keep (the best is kept besides).
    """

    def __init__(self, folder, keep=3):
        if keep < 1:
            raise ValueError(f"The number of checkpoints to keep must be at least 1, got {keep}.")
        self.folder = files.expanded(folder)
        self.keep = keep

    def steps(self):
        """The steps of all checkpoints present, ascending, whether intact or not."""
        if not self.folder.is_dir():
            return []
        matches = (_NAME.match(entry.name) for entry in self.folder.iterdir())
        return sorted(int(match[1]) for match in matches if match)

    def path(self, step):
        """The folder of the checkpoint of `step`."""
        return self.folder / f"step-{step:08d}"

    def save(self, checkpoint, step, extra=None):
        """Writes `checkpoint`, a `tf.train.Checkpoint`, as that of `step`.

        `extra` is any JSON value to keep with it. Older ones beyond `keep` are removed once this
        one is in place.

        Raises:
          OSError: if it could not be written; nothing that was there is lost.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._sweep()
        temporary = self.folder / f".writing-{uuid.uuid4().hex}"
        try:
            temporary.mkdir()
            checkpoint.write(str(temporary / _PREFIX))
            listed = {
                entry.name: {"bytes": entry.stat().st_size, "sha256": _digest(entry)}
                for entry in sorted(temporary.iterdir())
            }
            manifest = {"step": step, "files": listed, "extra": extra}
            files.write_json(temporary / _MANIFEST, manifest)
            for name in listed:
                files.sync(temporary / name)
            files.sync(temporary)
            target = self.path(step)
            if target.exists():
                shutil.rmtree(target)
            temporary.rename(target)
            files.sync(self.folder)
        except (OSError, tf.errors.OpError) as error:
            shutil.rmtree(temporary, ignore_errors=True)
            last = max(
                (s for s in self.steps() if self.problem(self.path(s)) is None), default=None
            )
            kept = "No earlier checkpoint exists. "
            if last is not None:
                kept = f"The checkpoint of step {last} is intact. "
            what = f"the checkpoint of step {step} to {self.folder}"
            raise files.not_written(error, what, kept) from error
        for old in self.steps()[: -self.keep]:
            shutil.rmtree(self.path(old), ignore_errors=True)

    def mark_best(self, step):
        """Makes `best/` a copy of the checkpoint of `step`."""
        temporary = self.folder / f".writing-{uuid.uuid4().hex}"
        shutil.copytree(self.path(step), temporary, copy_function=_link)
        best, old = self.folder / "best", self.folder / f".old-{uuid.uuid4().hex}"
        if best.exists():
            best.rename(old)
        temporary.rename(best)
        shutil.rmtree(old, ignore_errors=True)

    def best(self):
        """The folder of the best checkpoint, or None."""
        best = self.folder / "best"
        if best.is_dir():
            return best
        # A kill between the two renames of `mark_best` leaves only the hidden copies.
        hidden = [p for p in self.folder.glob(".old-*") if self.problem(p) is None]
        return hidden[0] if hidden else None

    def problem(self, path):
        """None if the checkpoint in folder `path` is intact, else what is wrong with it."""
        try:
            manifest = read_manifest(path)
        except (OSError, ValueError, KeyError) as error:
            return f"its manifest cannot be read ({_first_line(error)})"
        for name, entry in manifest["files"].items():
            file = pathlib.Path(path) / name
            if not file.is_file():
                return f"{name} is missing"
            if file.stat().st_size != entry["bytes"]:
                return f"{name} has {file.stat().st_size} bytes instead of {entry['bytes']}"
            if _digest(file) != entry["sha256"]:
                return f"{name} has changed since it was written"
        return None

    def newest(self):
        """The folder of the newest intact checkpoint, or None; says which it had to pass over."""
        for step in reversed(self.steps()):
            problem = self.problem(self.path(step))
            if problem is None:
                return self.path(step)
            logging.warning(
                "The checkpoint of step %d is damaged: %s. Falling back to the one before.",
                step,
                problem,
            )
        return None

    def drop_after(self, step):
        """Removes every checkpoint later than `step`: those that `newest` passed over."""
        for later in self.steps():
            if later > step:
                shutil.rmtree(self.path(later), ignore_errors=True)

    def _sweep(self):
        """Removes what an earlier kill left half-written."""
        best = self.folder / "best"
        for entry in self.folder.glob(".writing-*"):
            shutil.rmtree(entry, ignore_errors=True)
        for entry in self.folder.glob(".old-*"):
            if best.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    entry.rename(best)


def checkpoint_of(model, average, step=None, optimizers=None, loss_scale=None):
    """The `tf.train.Checkpoint` of a run; without step and optimizers, what inference needs."""
    parts = {"model": Values(model.weights)}
    if average is not None:
        parts["average"] = Values(average.averages)
    if step is not None:
        parts["step"] = step
    for name, optimizer in (optimizers or {}).items():
        parts[f"optimizer_{name}"] = Values(optimizer.variables)
    if loss_scale is not None:
        parts["loss_scale"] = Values(loss_scale.values)
    return tf.train.Checkpoint(**parts)


class Values(tf.Module):
    """Variables in their order.

    TensorFlow's checkpoints follow attributes, and pass over Keras layers in plain lists without a
    word; a list of the variables themselves leaves nothing to find.
    """

    def __init__(self, variables):
        super().__init__()
        self.values = list(variables)


def restore(checkpoint, path, partial=False):
    """Restores `checkpoint` from folder `path`, every value of both sides matched.

    With `partial`, the checkpoint may hold more than is asked for. Returns the manifest.

    Raises:
      ValueError: if the checkpoint does not fit the objects: it is of another model.
    """
    try:
        with files.literal(path) as folder:
            status = checkpoint.read(str(folder / _PREFIX))
            if partial:
                status.assert_existing_objects_matched().expect_partial()
            else:
                status.assert_consumed()
    except (AssertionError, ValueError, tf.errors.OpError) as error:
        raise ValueError(
            f"The checkpoint in {path} does not fit this model: {_first_line(error)} It was "
            "written by another configuration or version of the code; use the one of its run "
            "folder, or start in a new workdir."
        ) from error
    return read_manifest(path)


def names_in(path):
    """The names of the values in the checkpoint in folder `path`."""
    with files.literal(path) as folder:
        return [name for name, _ in tf.train.list_variables(str(folder / _PREFIX))]


def read_manifest(path):
    """The manifest of the checkpoint in folder `path`: {"step", "files", "extra"}."""
    return json.loads((pathlib.Path(path) / _MANIFEST).read_text(encoding="utf-8"))


def _digest(path):
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _link(source, target):
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copy2(source, target)


def _first_line(error):
    text = getattr(error, "strerror", None) or getattr(error, "message", None) or str(error)
    return text.strip().splitlines()[0] if text.strip() else type(error).__name__
