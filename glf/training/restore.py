"""Giving a model the weights of a run."""

from glf.core.checks import is_integer
from glf.layers.kept_kernels import keep_kernels
from glf.training.checkpoints import Checkpoints, checkpoint_of, names_in, read_manifest, restore
from glf.training.moving_average import MovingAverage
from glf.training.run_folder import RunFolder


def restore_for_inference(model, moving_average, folder, which="latest"):
    """Gives `model` the weights of a run, for good: averaged ones where the run keeps an average.

    Kernels that layers make of weights are made now and kept, see `glf.layers.kept_kernels`.

    Args:
      model: a freshly made model of the run's configuration.
      moving_average: the run's `train.moving_average`.
      folder: the `RunFolder`.
      which: "latest", "best", or a step.

    Returns the step.

    Raises:
      ValueError: if `which` is none of these, the run has no such checkpoint, or it does not fit
        the model.
    """
    path = _checkpoint(folder, which)
    average = MovingAverage(model, moving_average) if moving_average is not None else None
    manifest = restore(checkpoint_of(model, average), path, partial=True)
    if average is not None:
        average.install()
    keep_kernels(model)
    return manifest["step"]


def start_from(model, run, which="latest"):
    """Gives a fresh `model` the weights of another run: averaged ones where that keeps an average.

    Args:
      model: a model with the weights of that run's.
      run: the folder of that run.
      which: "latest", "best", or a step.

    Returns {"run", "step", "files"}: where it is, and the step and the files of the checkpoint.

    Raises:
      ValueError: if it is no run, has no such checkpoint, or its weights are not the model's.
    """
    folder = RunFolder(run, "train.initial_run")
    if not folder.config.exists():
        raise ValueError(
            f"train.initial_run={run} is not the folder of a run (it has no config.gin). Bind it "
            "to the --workdir of a run of scripts.train, as seen from here."
        )
    path = _checkpoint(folder, which)
    averaged = any(name.startswith("average/") for name in names_in(path))
    average = MovingAverage(model, 0.0) if averaged else None
    try:
        restore(checkpoint_of(model, average), path, partial=True)
    except ValueError as error:
        raise ValueError(
            f"The weights of train.initial_run={run} are not those of this model: {error} Bind the "
            "model as that run's config.gin has it."
        ) from error
    if average is not None:
        average.install()
    manifest = read_manifest(path)
    return {
        "run": str(folder.path.absolute()),
        "step": manifest["step"],
        "files": manifest["files"],
    }


def _checkpoint(folder, which):
    """The folder of an intact checkpoint."""
    checkpoints = Checkpoints(folder.checkpoints)
    number = is_integer(which)
    digits = isinstance(which, str) and which.isdecimal()
    if which not in ("latest", "best") and not number and not digits:
        raise ValueError(
            f'A checkpoint is "latest", "best" or the number of a step, got {which!r}.'
        )
    if which == "latest":
        path = checkpoints.newest()
    elif which == "best":
        path = checkpoints.best()
    else:
        path = checkpoints.path(int(which))
        path = path if path.is_dir() else None
    if path is None:
        have = ", ".join(map(str, checkpoints.steps())) or "none"
        raise ValueError(
            f"The run in {folder.path} has no checkpoint {which!r} (there: {have}). Train it "
            "first: python -m scripts.train with this --workdir."
        )
    problem = checkpoints.problem(path)
    if problem:
        raise ValueError(f"The checkpoint in {path} is damaged: {problem}. Choose another.")
    return path
