"""The runs of a comparison: found, read from what their folders hold, and measured where needed."""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib

from absl import logging

from glf.core import outputs
from glf.evaluation import model_pictures, pictures
from glf.evaluation.base import Subject
from glf.evaluation.evaluate import check_only, outcome
from glf.evaluation.methods import ComparedRun
from glf.evaluation.registry import EVALUATORS
from glf.evaluation.report import read_metrics, update_metrics
from glf.models.abilities import Reconstructs
from glf.training.find_runs import find_runs
from glf.training.run_folder import JsonLines, RunFolder

PICTURES = "pictures"
EVALUATED = "evaluated"


@dataclasses.dataclass(frozen=True)
class Asked:
    """What is compared of runs.

    Attributes:
      open_run: a function of (folder, checkpoint) that gives (model, dataset, step).
      bindings: a function of (text of a configuration, whether the data's path counts) that gives
        {parameter: value} of all that decides the result.
      out: the folder of the comparison; results of runs that cannot be written lie in it, too.
      split: "train", "validation" or "test".
      checkpoint: "latest", "best" or a step.
      seed: of the noise of losses and samples, the same for all.
      batch_size: examples at a time, or None.
      options: {name: value} of evaluators.
      num: images in a picture; 0: no pictures.
      only: names of evaluators; none: all of them.

    Raises:
      ValueError: if there is no such evaluator or option, or an evaluator needs an option.
    """

    open_run: object
    bindings: object
    out: pathlib.Path
    split: str = "test"
    checkpoint: str = "latest"
    seed: int = 0
    batch_size: int | None = None
    options: dict = dataclasses.field(default_factory=dict)
    num: int = 64
    only: tuple = ()

    def __post_init__(self):
        check_only(self.only, self.options)


class RunToCompare:
    """A run's folder, and what is known of it.

    Raises:
      ValueError: if it cannot be read, or has no such checkpoint.
    """

    def __init__(self, path, asked):
        self.folder, self.asked = RunFolder(path), asked
        text = self.folder.config.read_text(encoding="utf-8")
        bindings = dict(asked.bindings(text, not self.folder.has_record()))
        seed = bindings.pop("train.seed", "0")
        about = self.folder.read_about()
        if about.get("precision", "float32") != "float32":
            bindings["--precision"] = about["precision"]
        data = json.loads(self.folder.data.read_text(encoding="utf-8"))
        splits = data.get("record", {}).get("splits", {})
        # What the examples are, where the same words stand for others.
        bindings["data"] = hashlib.sha256(json.dumps(splits).encode()).hexdigest()[:8]
        status = json.loads(self.folder.status.read_text(encoding="utf-8"))
        logs = {
            name: JsonLines(self.folder.logs / f"{name}.jsonl").read()
            for name in ("train", "validation", "evaluation")
        }
        self.run = ComparedRun(
            folder=str(path),
            seed=int(seed),
            bindings=bindings,
            step=self._step(status),
            finished=bool(status.get("finished")),
            seconds=self.folder.read_seconds(),
            logs={name: own for name, own in logs.items() if own},
        )
        if not self.run.finished:
            self.run.notes.append(f"not finished: training stands at step {status['step']}")
        whole = f"{self.folder.path.resolve()}\n{text}"
        self._name = f"{self.folder.path.name}-{hashlib.sha256(whole.encode()).hexdigest()[:10]}"

    def _step(self, status):
        which = self.asked.checkpoint
        if which == "latest":
            return status["step"]
        if which == "best":
            if not status.get("best"):
                raise ValueError("it has no best checkpoint: it was never validated")
            return status["best"]["step"]
        if not (self.folder.checkpoints / f"step-{int(which):08d}").is_dir():
            raise ValueError(f"it has no checkpoint of step {which}")
        return int(which)

    def lacking(self):
        """The evaluators that have not said anything of this step yet; None: not one has.

        What they said holds where it was asked for with the same seed and with the options that are
        given now.
        """
        kept = self._kept()
        if kept is None:
            return None
        known, asked = {**kept["measured"], **kept["refused"]}, kept.get("asked", {})
        lacking = []
        for name in self.asked.only or EVALUATORS:
            evaluator = EVALUATORS[name]
            takes = evaluator.takes()
            given = {o: v for o, v in self.asked.options.items() if o in takes}
            same = all(_plain(asked.get(o, takes[o])) == _plain(v) for o, v in given.items())
            due = name not in known and evaluator(**given).requested
            if due or (name in known and not same):
                lacking.append(name)
        return lacking

    def _kept(self):
        """What is kept of this split and step with this seed; None: nothing that can be used."""
        for path in self._places():
            kept = read_metrics(path).get(self.asked.split, {})
            seed = kept.get("asked", {}).get("seed", 0)
            same = (kept.get("step"), seed) == (self.run.step, self.asked.seed)
            if same and "measured" in kept:
                return kept
        return None

    def _places(self):
        """Where results may be: the run's own file, and one of the comparison."""
        return self.folder.metrics, self.asked.out / EVALUATED / f"{self._name}.json"

    def picture(self, name):
        """The file of one of its pictures."""
        about = (self.run.step, self.asked.split, self.asked.seed, self.asked.num)
        about = "-".join(map(str, about))
        return self.asked.out / PICTURES / f"{name}-{self._name}-{about}.png"

    def measure(self, drawn):
        """Measures what is lacking and draws, where asked, what is not there; keeps all of it.

        Raises:
          ValueError: if the run or its data cannot be opened.
        """
        lacking, missing = self.lacking(), drawn and not self.picture("samples").exists()
        if lacking == [] and not missing:
            return
        asked = self.asked
        model, dataset, step = asked.open_run(self.folder.path, asked.checkpoint)
        self.run.step = step
        if lacking is None or lacking:
            subject = Subject(model, dataset, asked.split, asked.batch_size, asked.seed)
            found = outcome(subject, lacking or asked.only, asked.options, strict=False)
            told = {"measured": found.measured, "refused": found.refused}
            said = {"only": list(asked.only), "batch_size": asked.batch_size, "seed": asked.seed}
            said |= {"checkpoint": asked.checkpoint, **asked.options}
            new = lacking is None and not asked.only
            update_metrics(
                self._writable(), asked.split, step, found.metrics, new, asked=said, told=told
            )
        if drawn:
            self._draw(model, dataset)

    def _writable(self):
        """Where new results go: into the run, unless it is read-only or they are there already."""
        own, other = self._places()
        with contextlib.suppress(ValueError):
            outputs.require_writable(own)
            return own
        return other

    def _draw(self, model, dataset):
        asked = self.asked
        if isinstance(model, Reconstructs):
            number = max(asked.num // 2, 1)
            pixels = model_pictures.reconstructions(model, dataset, asked.split, number)
            pictures.write_png(self.picture("reconstructions"), pixels)
        pixels = model_pictures.samples(model, dataset, asked.num, asked.seed)
        pictures.write_png(self.picture("samples"), pixels)

    def result(self):
        """The `ComparedRun` with all that is kept of it."""
        kept = self._kept()
        self.run.metrics = kept["metrics"]
        self.run.measured, self.run.refused = kept["measured"], kept["refused"]
        self.run.asked = {"seed": self.asked.seed}
        for name in kept["measured"]:
            takes = EVALUATORS[name].takes() if name in EVALUATORS else {}
            own = {o: kept.get("asked", {}).get(o, default) for o, default in takes.items()}
            self.run.asked |= {o: _plain(value) for o, value in own.items()}
        for name in ("samples", "reconstructions"):
            if self.picture(name).exists():
                self.run.pictures[name] = self.picture(name).read_bytes()
        return self.run


def _plain(value):
    return list(value) if isinstance(value, tuple | list) else value


def read_all(paths, asked):
    """[`RunToCompare`] of all folders.

    Raises:
      ValueError: if some cannot be read: all of them, each with the reason.
    """
    found, problems = [], []
    for path in find_runs(paths):
        try:
            found.append(RunToCompare(path, asked))
        except FileNotFoundError as error:
            name = os.path.basename(error.filename or "a file")
            problems.append(f"{path}: it has no {name}: it was never trained to a checkpoint")
        except (ValueError, KeyError, OSError) as error:
            problems.append(f"{path}: {error}")
    _refuse(problems, "cannot be read")
    return found


def measure_all(runs, drawn):
    """Measures runs one after the other, and goes on where one cannot be.

    Args:
      runs: [`RunToCompare`].
      drawn: those of them whose samples are shown.

    Raises:
      ValueError: in the end, if some could not be: all of them, each with the reason.
    """
    problems = []
    for number, run in enumerate(runs, 1):
        lacking = run.lacking()
        if lacking is None or lacking:
            what = "all" if lacking is None else ", ".join(lacking)
            logging.info("Run %d of %d, %s: %s.", number, len(runs), run.run.folder, what)
        try:
            run.measure(run in drawn)
        except (ValueError, OSError, ArithmeticError) as error:
            problems.append(f"{run.run.folder}: {error}")
    _refuse(problems, "could not be measured; what the others gave is kept")


def _refuse(problems, what):
    if problems:
        number = f"{len(problems)} run{'s' * (len(problems) > 1)}"
        raise ValueError(f"{number} {what}:\n  " + "\n  ".join(problems))


def seeds_to_show(methods):
    """{label: seed} whose samples are shown: one that all share if there is one, else the first."""
    seeds = [{run.seed for run in method.runs} for method in methods]
    shared = set.intersection(*seeds)
    return {m.label: min(shared or own) for m, own in zip(methods, seeds, strict=True)}
