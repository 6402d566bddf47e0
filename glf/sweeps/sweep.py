"""A sweep: every combination is checked, trained where it is not, and evaluated where it is not."""

import dataclasses
import json

from absl import logging

from glf import configurables
from glf.evaluation.evaluate import check_only
from glf.evaluation.report import read_metrics
from glf.sweeps.jobs import Queue, Task
from glf.sweeps.record import SweepFolder
from glf.training.checkpoints import Checkpoints, read_manifest
from glf.training.compared_runs import Asked
from glf.training.comparing import compare_runs
from glf.training.execution import Provenance
from glf.training.interrupts import Interrupted, stop_on_signals
from glf.training.run_folder import JsonLines, RunFolder


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What is measured of each finished run.

    Attributes:
      split: of the data.
      checkpoint: "latest" or "best".
      seed: of the noise of losses and samples.
      batch_size: examples at a time; None: as of `glf.evaluation.base.Subject`.
      options: {name: value} of evaluators.
      only: names of evaluators; none: all of them.

    Raises:
      ValueError: if there is no such evaluator or option, or an evaluator needs an option.
    """

    split: str = "test"
    checkpoint: str = "latest"
    seed: int = 0
    batch_size: int | None = None
    options: dict = dataclasses.field(default_factory=dict)
    only: tuple = ()

    def __post_init__(self):
        check_only(self.only, self.options)

    def asked(self):
        """What metrics.json keeps beside the metrics, see `report.update_metrics`."""
        own = {name: getattr(self, name) for name in ("batch_size", "seed", "checkpoint")}
        return {"only": list(self.only), **own, **self.options}

    def is_told_by(self, asked):
        """Whether results that were asked for so hold all that this one asks for."""
        if not asked or asked | {"only": []} != self.asked() | {"only": []}:
            return False
        return not asked["only"] or (self.only and set(self.only) <= set(asked["only"]))


class Run(Task):
    """A run of a sweep: its two stages are "train" and "evaluate".

    Args:
      planned: a `glf.sweeps.grid.Planned`.
      sweep: the `SweepFolder`.
      config: its configuration, normalised.
      num_steps: how long it is trained.
      evaluation: an `Evaluation`; None: only trained.
      command: called with (`Run`, stage); gives the command, a list of words.
    """

    def __init__(self, planned, sweep, config, num_steps, evaluation, command):
        self.planned, self.name, self.log = planned, planned.name, sweep.log(planned.name)
        self.config, self.num_steps, self.evaluation = config, num_steps, evaluation
        self.folder = RunFolder(sweep.run(planned.name))
        self._command = command

    def command(self, stage):
        """The words of a stage's command."""
        return self._command(self, stage)

    def busy(self):
        """Whether a process trains in its folder."""
        return self.folder.is_locked()

    def stage(self):
        """What is to be done next: "train", "evaluate", or None."""
        if not self._is_trained():
            return "train"
        return None if self.evaluation is None or self._is_evaluated() else "evaluate"

    def share(self):
        """The share of its steps that are in the log."""
        last = JsonLines(self.folder.logs / "train.jsonl").last()
        return min(1.0, last["step"] / self.num_steps) if last else 0.0

    def _is_trained(self):
        status = self._status()
        return bool(status.get("finished")) and self.folder.config.read_text("utf-8") == self.config

    def _status(self):
        path = self.folder.status
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def _is_evaluated(self):
        held = read_metrics(self.folder.metrics).get(self.evaluation.split, {})
        step = self._status()["step"]
        best = Checkpoints(self.folder.checkpoints).best()
        if self.evaluation.checkpoint == "best" and best is not None:
            step = read_manifest(best)["step"]
        return held.get("step") == step and self.evaluation.is_told_by(held.get("asked"))


def checked(planned, workdir, precision, evaluation, command):
    """The `Run`s of a sweep; nothing is written.

    Args:
      planned: `glf.sweeps.grid.Planned`s.
      workdir: the sweep's folder.
      precision: of training's arithmetic.
      evaluation: an `Evaluation`, or None.
      command: as of `Run`.

    Raises:
      ValueError: if a configuration cannot be used, two are the same, or a folder holds another
        experiment.
    """
    sweep, runs, seen = SweepFolder(workdir), [], {}
    for one in planned:
        try:
            config, experiment = configurables.described(one.files, one.bindings)
        except ValueError as error:
            raise ValueError(f"Nothing was started. The run {one.name}: {error}") from error
        other = seen.setdefault(config, one.name)
        if other != one.name:
            raise ValueError(
                f"Nothing was started. {other} and {one.name} are the same experiment: what they "
                "differ in has no effect, or is another way to write the same."
            )
        run = Run(one, sweep, config, experiment.num_steps, evaluation, command)
        if run.folder.path.exists():
            provenance = Provenance(config, essence=configurables.essence)
            run.folder.check(provenance, precision)
        runs.append(run)
    return runs


def run_sweep(runs, workdir, jobs=1, launch=None, place=(0, 1)):
    """Trains and evaluates what is not yet, `jobs` at a time.

    Runs that are finished are left as they are, those that were stopped go on, and one that fails
    stops no other. A process that an earlier sweep left behind is waited for.

    Args:
      runs: what `checked` gave.
      workdir: the sweep's folder.
      jobs: how many processes at a time.
      launch: as of `glf.sweeps.jobs.Queue`.
      place: likewise, where several processes work at the sweep.

    Returns the `glf.sweeps.jobs.Outcome`.

    Raises:
      ValueError: if another sweep runs in the folder.
      Interrupted: on SIGTERM or SIGINT, when the processes have written their checkpoints.
    """
    sweep = SweepFolder(workdir)
    with sweep.locked(several=place[1] > 1), stop_on_signals() as stop:
        sweep.add([run.planned for run in runs])
        outcome = Queue(runs, jobs, launch, place=place).run(stop)
        if stop.signum is not None:
            raise Interrupted(
                stop.signum,
                f"Stopped by a signal; {len(outcome.done)} of {len(runs)} runs are done, and the "
                "others' checkpoints are written. Start the same command again to go on.",
            )
    logging.info("%d of %d runs are done.", len(outcome.done), len(runs))
    return outcome


def compare(runs, workdir, data_dir=None, data_path=None):
    """Compares runs that are done in the sweep's folder report/; returns the table.

    Args:
      runs: `Run`s with an evaluation.
      workdir: the sweep's folder.
      data_dir, data_path: as of `glf.configurables.load_run`.

    Raises:
      ValueError: as of `glf.training.comparing.compare_runs`.
    """

    def open_run(folder, checkpoint):
        return configurables.load_run(folder, data_dir, checkpoint, data_path=data_path)[:3]

    report, wanted = SweepFolder(workdir).report, runs[0].evaluation
    asked = Asked(
        *(open_run, configurables.decisive, report),
        **{field.name: getattr(wanted, field.name) for field in dataclasses.fields(wanted)},
    )
    table = compare_runs([run.folder.path for run in runs], asked)
    logging.info("Compared in %s.", report / "index.html")
    return table


def failures(outcome, workdir):
    """What to say of the runs that failed: each with its error and its log."""
    sweep = SweepFolder(workdir)
    said = [
        f"{name}: {why}\n  all that it said: {sweep.log(name)}"
        for name, why in outcome.failed.items()
    ]
    done = f", {len(outcome.done)} are done" if outcome.done else ""
    return f"{len(said)} runs failed{done}:\n" + "\n".join(said)
