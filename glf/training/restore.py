"""Giving a model the weights of a run."""

from glf.core.checks import is_integer
from glf.training.checkpoints import Checkpoints, checkpoint_of, restore
from glf.training.moving_average import MovingAverage


def restore_for_inference(model, moving_average, folder, which="latest"):
    """Gives `model` the weights of a run: averaged ones where the run keeps an average.

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
    return manifest["step"]


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
