"""Runs that differ in nothing but their seed as one method, and what methods are called."""

import dataclasses
import itertools
import os
import re

LONGEST_LABEL = 60
MOST_BINDINGS = 2
_SEED_OF_A_NAME = re.compile(r"[-_,./ ]*\b(?:train\.)?seed[-_= ]*\d+", re.IGNORECASE)


@dataclasses.dataclass
class ComparedRun:
    """A run as a comparison sees it.

    Attributes:
      folder: its folder, as it is shown.
      seed: `train.seed`.
      bindings: {parameter: value as text} of all that decides the result but the seed.
      step: that of the weights that were measured.
      finished: whether training reached its end.
      seconds: of training; None: not recorded.
      metrics: {name: `glf.evaluation.report.metric`}.
      measured, refused: which evaluators did and did not, see `glf.evaluation.evaluate.Outcome`.
      asked: {name: value} of what was asked of them.
      logs: {log: its records, {"step", term: value}}.
      pictures: {name: PNG as bytes}.
      notes: what else is to be said of it.
    """

    folder: str
    seed: int
    bindings: dict
    step: int
    finished: bool
    seconds: float | None = None
    metrics: dict = dataclasses.field(default_factory=dict)
    measured: dict = dataclasses.field(default_factory=dict)
    refused: dict = dataclasses.field(default_factory=dict)
    asked: dict = dataclasses.field(default_factory=dict)
    logs: dict = dataclasses.field(default_factory=dict)
    pictures: dict = dataclasses.field(default_factory=dict)
    notes: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Method:
    """Runs of one experiment with different seeds.

    Attributes:
      label: what it is called.
      runs: its `ComparedRun`s, by seed.
      differing: {parameter: value} of what is not the same in all methods.
    """

    label: str
    runs: list
    differing: dict

    def values(self, name):
        """{seed: value} of a metric, of the runs that have it."""
        return {r.seed: r.metrics[name]["value"] for r in self.runs if name in r.metrics}


def group(runs):
    """The `Method`s that runs belong to, in the order in which they come.

    A method is called by what differs between methods where that is at most two bindings, or else
    by its runs' folders, without what in them names a seed.

    Raises:
      ValueError: if two runs are of one experiment with the same seed.
    """
    groups = {}
    for run in runs:
        groups.setdefault(tuple(sorted(run.bindings.items())), []).append(run)
    every = {key for run in runs for key in run.bindings}
    first = runs[0].bindings
    differing = sorted(
        key for key in every if any(r.bindings.get(key) != first.get(key) for r in runs)
    )
    methods = []
    for members in groups.values():
        members = sorted(members, key=lambda run: run.seed)
        for one, other in itertools.pairwise(members):
            if one.seed == other.seed:
                raise ValueError(
                    f"{one.folder} and {other.folder} are the same experiment with the same seed, "
                    f"{one.seed}. Leave one of them out."
                )
        own = {key: members[0].bindings[key] for key in differing if key in members[0].bindings}
        methods.append(Method("", members, own))
    for method, label in zip(methods, _labels(methods, differing), strict=True):
        method.label = label
    return methods


def _labels(methods, differing):
    if 0 < len(differing) <= MOST_BINDINGS:
        labels = [
            ", ".join(f"{key} = {method.differing.get(key, 'its default')}" for key in differing)
            for method in methods
        ]
        if max(map(len, labels)) <= LONGEST_LABEL:
            return labels
    return _names_of_folders([[run.folder for run in method.runs] for method in methods])


def _names_of_folders(groups):
    """A name for each group of folders: what they share, less what all groups share."""
    folders = [folder for group in groups for folder in group]
    top = os.path.commonpath(folders) if len(set(folders)) > 1 else os.path.dirname(folders[0])
    relative = [[os.path.relpath(folder, top or ".") for folder in group] for group in groups]
    bare = [[_SEED_OF_A_NAME.sub("", path) for path in group] for group in relative]
    names = []
    for number, own in enumerate(bare):
        name = own[0] if len(set(own)) == 1 else os.path.commonpath(own)
        others = [path for i, group in enumerate(bare) if i != number for path in group]
        if name.strip("./") == "" and len(groups) == 1:
            name = os.path.basename(os.path.abspath(top or "."))
        elif name.strip("./") == "" or any(path.startswith(f"{name}/") for path in others):
            name = relative[number][0]  # they share no more than others do
        names.append(name.strip("/"))
    if len(set(names)) == len(names):
        return names
    return [
        name if names.count(name) == 1 else f"{name} ({group[0]})"
        for name, group in zip(names, groups, strict=True)
    ]
