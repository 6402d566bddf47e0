"""Where integer models lie: beside a run's checkpoints, in an export, or by themselves."""

import pathlib

from glf.compression import stored
from glf.core import files

_FOLDER = "integer_models"
EXPORTED = "integer_model.npz"


def of_run(workdir, step):
    """The file of the integer model of a run at a step."""
    return files.expanded(workdir) / _FOLDER / f"step-{step}.npz"


def beside(workdir, step):
    """What an export of a run at a step takes along: {name: path}, empty where there is nothing."""
    file = of_run(workdir, step)
    return {EXPORTED: file} if file.exists() else {}


def candidates(path):
    """The files of integer models that a path names: of a run, an export, or itself."""
    path = files.expanded(path)
    if path.is_dir():
        return [*sorted((path / _FOLDER).glob("*.npz")), *path.glob(EXPORTED)]
    return [path] if path.exists() else []


def find(path, fingerprint):
    """The `IntegerModel` with a fingerprint, of those that `path` names.

    Raises:
      ValueError: if there is none, with the fingerprints of those that there are.
    """
    found = []
    for file in candidates(path):
        model, own, _ = stored.load(file)
        if own == fingerprint:
            return model
        found.append(f"{pathlib.Path(file).name} is {own.hex()}")
    there = f"there: {', '.join(found)}" if found else "there is no integer model at all"
    raise ValueError(
        f"The file was written by the integer model {fingerprint.hex()}, which is not in {path} "
        f"({there}). Give the run, the export, or the integer model that compressed it."
    )
