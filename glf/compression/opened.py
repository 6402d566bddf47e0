"""Models and images as users name them: runs, exports, files, folders, splits."""

import hashlib
import typing

import numpy as np
from absl import logging

from glf.compression import places, stored
from glf.compression.container import FLOAT
from glf.compression.images import ArrayOfImages, FolderOfImages
from glf.compression.symbols import Window
from glf.core import files

SPLITS = ("train", "validation", "test")
# Training images that a model is calibrated by.
_CALIBRATED_BY = 512


class Coder(typing.NamedTuple):
    """What a file is coded by.

    Attributes:
      model: an `IntegerModel`, or an `AutoregressiveCoder`.
      fingerprint: its 16 bytes.
      notes: what the file has to say besides.
    """

    model: typing.Any
    fingerprint: bytes
    notes: dict


def check_model(path, is_run, floats):
    """Refuses a path that names no model, as far as names tell."""
    if not is_run and not places.candidates(path):
        raise ValueError(
            f"--model={path} is neither a run's folder, nor an export with {places.EXPORTED}, nor "
            "the file of an integer model."
        )
    if not is_run and floats:
        raise ValueError("--float needs the run itself: give its folder as --model.")


def check_images(name, is_run):
    """Refuses a name of images that is none."""
    path = files.expanded(name)
    if name in SPLITS and not is_run:
        raise ValueError(f"--images={name} is a split of a run's data: give a run as --model.")
    if name not in SPLITS and not path.exists():
        raise ValueError(
            f"--images={name}: there is no such folder or file, and splits are {', '.join(SPLITS)}."
        )
    if path.is_file() and path.suffix not in (".npy", ".npz") and name not in SPLITS:
        raise ValueError(f"--images={name}: expected a folder, an .npy or .npz file, or a split.")


def images(name, run, model):
    """The images that a name stands for; see `glf.compression.images`."""
    if name in SPLITS:
        return ArrayOfImages(_of_split(run[1], name), model)
    path = files.expanded(name)
    if path.is_dir():
        return FolderOfImages(path, model)
    try:
        with open(path, "rb") as file:
            array = np.load(file, allow_pickle=False)
            if isinstance(array, np.lib.npyio.NpzFile):
                array = array[array.files[0]]
    except (ValueError, EOFError, IndexError) as error:
        raise ValueError(f"--images={name} cannot be read: {error}") from error
    return ArrayOfImages(array, model)


def _of_split(dataset, split, most=None):
    found, count = [], 0
    for batch in dataset.eval_batches(split, 256):
        found.append(np.asarray(batch["x"]))
        count += len(found[-1])
        if most is not None and count >= most:
            break
    return np.concatenate(found)[:most]


def for_compressing(path, run, by, floats):
    """The `Coder` of a path that names a model; of a run, `run` is what `load_run` gave."""
    if run is None:
        candidates = places.candidates(path)
        if len(candidates) != 1:
            names = ", ".join(file.name for file in candidates)
            raise ValueError(f"--model={path} holds several integer models, {names}: name one.")
        model, fingerprint, _ = stored.load(candidates[0])
        return Coder(_computed(model, by), fingerprint, {})
    model, dataset, step, _ = run
    if floats:
        return _in_floats(model, lambda: _of_split(dataset, "train", _CALIBRATED_BY))
    file = places.of_run(path, step)
    if not file.exists():
        from glf.compression.converting import convert

        converted = convert(model, _of_split(dataset, "train", _CALIBRATED_BY))
        stored.save(converted, file, {"step": step})
        logging.info("The networks of step %d in integers are in %s.", step, file)
    made, fingerprint, _ = stored.load(file)
    return Coder(_computed(made, by), fingerprint, {})


def for_decompressing(reader, path, by, load):
    """What a file was written by: an `IntegerModel`, or an `AutoregressiveCoder`.

    `load` gives the model of the run at `path`, and is called for a file in floats alone.

    Raises:
      ValueError: if it is not there; if the file was written in floats, and not on this machine.
    """
    header = reader.header
    if header.kind != FLOAT:
        return _computed(places.find(path, header.fingerprint), by)
    from glf.compression.tiles import unpack_notes

    if by == "numpy":
        raise ValueError("The file was written with --float: it needs TensorFlow, not --by=numpy.")
    if by != "graph":
        raise ValueError(f"The file was written with --float, by a graph: leave --by={by} out.")
    notes = unpack_notes(reader.notes())
    _require_machine(notes.get("machine"))
    model = load()
    example = np.zeros((1, *model.spec.shape), np.uint8)
    coder = _in_floats(model, lambda: example, notes.get("windows"))
    if coder.fingerprint != header.fingerprint:
        raise ValueError(
            f"The file was written by the weights {header.fingerprint.hex()}, and those of {path} "
            f"are {coder.fingerprint.hex()}. Give the run and the checkpoint that compressed it."
        )
    return coder.model


def _require_machine(written):
    from glf.compression.float_network import machine

    here = machine()
    if written != here:
        written = written if isinstance(written, dict) else {}
        differ = [
            f"{name} was {written.get(name)!r} and is {value!r}"
            for name, value in here.items()
            if written.get(name) != value
        ]
        raise ValueError(
            "The file was written with --float, which decodes on the machine and with the version "
            f"that wrote it alone: {'; '.join(differ)}."
        )


def _computed(model, by):
    if by == "numpy":
        return model
    from glf.compression.graph_network import in_graphs

    return in_graphs(model, by == "xla")


def _in_floats(model, examples, windows=None):
    """The `Coder` of a model's networks in floats.

    `examples` gives images that an integer flow's windows are found by; `windows` are those that a
    file says.
    """
    import dataclasses

    from glf.compression.float_network import machine
    from glf.models.autoregressive import Autoregressive

    state = hashlib.blake2b(digest_size=16)
    for weight in model.weights:
        state.update(np.ascontiguousarray(weight.numpy()).tobytes())
    if isinstance(model, Autoregressive):
        from glf.compression.autoregressive import AutoregressiveCoder

        return Coder(AutoregressiveCoder(model), state.digest(), {"machine": machine()})
    from glf.compression.converting import in_floats

    made = in_floats(model, examples())
    if windows is not None:
        try:
            pairs = [Window(int(low), int(bits)) for low, bits in windows]
            if any(not 1 <= w.bits <= 24 or abs(w.low) > 1 << 24 for w in pairs):
                raise ValueError("a window is too wide")
            made.priors = [
                dataclasses.replace(prior, low=window.low, bits=window.bits)
                for prior, window in zip(made.priors, pairs, strict=True)
            ]
        except (TypeError, ValueError) as error:
            raise ValueError(f"The notes of the file are not those of this model: {error}.") from (
                error
            )
    notes = {
        "machine": machine(),
        "windows": [[prior.low, prior.bits] for prior in made.priors],
    }
    return Coder(made, state.digest(), notes)
