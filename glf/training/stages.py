"""Stages of training: parameter groups that are trained one after the other."""

import contextlib
import itertools
import typing


class Stage(typing.NamedTuple):
    """A part of the run in which some groups are trained, and all others stay as they are.

    Attributes:
      groups: names of the groups; None: all of the model.
      stop: the step at which it ends.
    """

    groups: tuple | None
    stop: int

    def has(self, group):
        """Whether the group is trained."""
        return self.groups is None or group in self.groups


def make_stages(stages, num_steps):
    """The `Stage`s, in order, of a run of `num_steps`.

    Args:
      stages: pairs (groups, length): a group's name, or a list of names, and either numbers of
        steps, which have to be `num_steps` together, or shares of it, floats, which have to be 1
        together; None: one stage of all groups.
      num_steps: of the run.

    Raises:
      ValueError: if they are not that, or a share is less than a step.
    """
    if stages is None:
        return [Stage(None, num_steps)]
    said = "train.stages must be pairs (groups, steps), such as"
    said += ' [("autoencoder", 800), ("flow", 400)] or [("autoencoder", 0.7), ("flow", 0.3)]'
    if not isinstance(stages, (list, tuple)) or not stages:
        raise ValueError(f"{said}; got {stages!r}.")
    made, total = [], 0
    for stage in stages:
        if not isinstance(stage, (list, tuple)) or len(stage) != 2:
            raise ValueError(f"{said}; got {stage!r} among them.")
        groups, length = stage
        groups = [groups] if isinstance(groups, str) else groups
        names = isinstance(groups, (list, tuple)) and groups
        if not names or not all(isinstance(name, str) for name in groups):
            raise ValueError(f"{said}; got {groups!r} in the place of groups.")
        if isinstance(length, bool) or not isinstance(length, (int, float)) or not length > 0:
            raise ValueError(f"{said}; got {length!r} in the place of steps.")
        total += length
        made.append((tuple(groups), total, type(length)))
    kinds = {kind for _, _, kind in made}
    if kinds == {float}:
        total, made = round(total, 9), [(g, round(t * num_steps), k) for g, t, k in made]
    if len(kinds) > 1 or total != (1 if kinds == {float} else num_steps):
        raise ValueError(
            f"The lengths of train.stages must be whole numbers that are train.num_steps, "
            f"{num_steps}, together, or floats that are 1.0 together; got "
            f"{[length for _, length in stages]}."
        )
    stops = [0, *(stop for _, stop, _ in made)]
    if any(stop <= start for start, stop in itertools.pairwise(stops)):
        raise ValueError(
            f"A stage of train.stages has no step of the {num_steps} of train.num_steps: "
            f"{[length for _, length in stages]}."
        )
    return [Stage(groups, stop) for groups, stop, _ in made]


def stage_of(stages, step):
    """The index of the stage that the step after `step` others belongs to; at the end, the last."""
    return next((i for i, stage in enumerate(stages) if step < stage.stop), len(stages) - 1)


def check_stages(stages, groups, model):
    """Checks that stages are of the groups of a model, and leave none out.

    Raises:
      ValueError: if not.
    """
    if stages[0].groups is None:
        return
    named = {name for stage in stages for name in stage.groups}
    if named != set(groups):
        raise ValueError(
            f"train.stages names the parameter groups {sorted(named)}, but {model} has "
            f"{sorted(groups)}; each of them needs a stage."
        )


@contextlib.contextmanager
def frozen(model, weights):
    """Within the block the layers that have none but the given weights are not trainable.

    Their batch normalisations then use their moving averages and keep them, as in inference.
    """
    ids = {id(weight) for weight in weights}
    layers, variables = [], []
    if ids:
        for layer in model._flatten_layers():
            own = layer.trainable_variables
            layers.append((layer, layer.trainable, bool(own) and all(id(w) in ids for w in own)))
            variables += [(variable, variable.trainable) for variable in layer._trainable_variables]
    try:
        for layer, _, is_frozen in layers:
            if is_frozen:
                layer.trainable = False
        yield
    finally:
        for layer, before, _ in layers:
            layer.trainable = before
        for variable, before in variables:
            variable.trainable = before
