"""The training loop of every model."""

import contextlib
import time

from absl import logging

from glf.core import compiled
from glf.training.cluster import Stops, described, together
from glf.training.execution import Execution, Provenance
from glf.training.experiment import Experiment
from glf.training.interrupts import Interrupted, stop_on_signals
from glf.training.progress import Progress, duration, waiting, watch
from glf.training.run import Run
from glf.training.run_folder import RunFolder
from glf.training.stages import stage_of
from glf.training.strategies import is_chief
from glf.training.watch import Watcher


def train(workdir, *, execution=None, **experiment):
    """Trains a model in `workdir`, from wherever an earlier run of the same call left off.

    Args:
      workdir: the run's folder, new or of the same experiment.
      execution: an `Execution`.
      **experiment: of the `Experiment`: `make_model`, `num_steps`, ...

    Returns and raises as `run_experiment`.
    """
    return run_experiment(workdir, Experiment(**experiment), execution or Execution())


def run_experiment(workdir, experiment, execution, provenance=None):
    """Trains what an `Experiment` says in `workdir`.

    A run that is killed at any moment and started again gives the same weights, logs and metrics
    to the last bit, on the same machine with a single replica under XLA: the data of a step, its
    noise and its arithmetic depend on nothing but the configuration and the checkpoint.

    Args:
      workdir: the run's folder, new or of the same experiment.
      experiment: the `Experiment`.
      execution: the `Execution`.
      provenance: the `Provenance` that the folder keeps.

    Returns {"step", "finished", "stopped_early", "best"}.

    Raises:
      ValueError: if the data or the model do not fit the experiment, or the workdir holds another.
      NonFiniteLoss: if a loss term or gradient is not finite; the checkpoints are intact.
      Interrupted: on SIGTERM or SIGINT, after a checkpoint.
      WorkerLost: if another worker of the same run is gone.
    """
    provenance = provenance or Provenance()
    folder = RunFolder(workdir)
    cluster = described() if execution.strategy == "multi_worker" else None
    chief = is_chief(execution.strategy)
    with folder.locked() if chief else contextlib.nullcontext(), stop_on_signals() as stop:
        if chief:
            folder.check(provenance, execution.precision, execution.jit)
        with together(cluster, stop):
            run = Run(folder, experiment, execution, provenance)
            stop.listen()
            return _loop(run, Stops(cluster, stop))


def _loop(run, stop):
    num_steps, state = run.experiment.num_steps, run.resume()
    if state.finished(num_steps):
        logging.info("The run in %s is finished at step %d.", run.folder.path, state.step)
        run.write_status(state)
        return run.report(state)
    watcher, progress = Watcher(run), Progress(num_steps, state.step)
    if not state.step:
        run.initialize()
        watcher.evaluate_first()
    for results in _calls(run, state, watcher):
        progress.update(state.step, float(results["loss"][-1]), state.step == num_steps)
        if _watch(run.experiment, watcher, state):
            progress.pause()
        if _save(run, state, stop):
            progress.pause()
    watcher.close()
    return run.report(state)


def _calls(run, state, watcher):
    """Takes the steps that are left, few at first, then as many a call as fill half a second.

    Yields the results of each call, which `state` knows of.
    """
    experiment, iterator, limit = run.experiment, iter(run.batches(state.step)), 1
    with waiting("Tracing the training step.") as tracing:
        run.stepper.trace(iterator)
    first, stages, stage = True, experiment.make_stages(), None
    while not state.finished(experiment.num_steps):
        count = min(limit, experiment.max_steps_per_call, _to_next_event(state.step, experiment))
        if (now := stages[stage_of(stages, state.step)]) != stage:
            stage = now
            if stage.groups:
                groups = ", ".join(now.groups)
                logging.info("Until step %d only these are trained: %s.", now.stop, groups)
        about = "Compiling the training step; it can take minutes for large models."
        with waiting(about) if first else watch() as taken:
            results = run.stepper.run(iterator, count)
        run.check_finite(results, state.step)
        state.record(results)
        if first:
            watcher.check_metric(results, state)
            run.write_operative_config()
            parts = (time.monotonic() - run.began, tracing.seconds, taken.seconds)
            said = "First step after %s, %s to trace and %s to compile it."
            logging.info(said, *map(duration, parts))
            if run.stepper.replicas > 1:
                logging.info(
                    "%d replicas sum %.3g MB of gradients a step.",
                    *(run.stepper.replicas, run.stepper.reduced_bytes(stages.index(now)) / 1e6),
                )
            compiled.keep()
            first = False
        elif taken.seconds < 0.5:
            limit *= 2
        yield results


def _watch(experiment, watcher, state):
    """Logs, measures and draws where it is time; whether anything took long enough to tell."""
    step, last = state.step, experiment.num_steps
    if _is_due(step, experiment.log_every, last):
        watcher.log(state)
    validated = _is_due(step, experiment.validate_every, last)
    evaluated = _is_due(step, experiment.evaluate_every, last)
    drawn = _is_due(step, experiment.pictures_every, last)
    if validated or evaluated or drawn:
        watcher.run.refit(step)
    if validated:
        watcher.validate(state)
    if evaluated:
        watcher.evaluate(state)
    if drawn:
        watcher.draw(state)
    return validated or evaluated or drawn


def _save(run, state, stop):
    """Writes a checkpoint where it is time; whether it did.

    Raises:
      Interrupted: after it, if a signal came.
    """
    finished = state.finished(run.experiment.num_steps)
    due = finished or state.best_is_new or _is_due(state.step, run.experiment.checkpoint_every, 0)
    if due:
        run.save(state)
    if stop.signum is not None and not finished:
        run.save(state)
        raise Interrupted(
            stop.signum,
            f"Stopped by a signal at step {state.step}; the checkpoint is written. Start the "
            "same command again to go on.",
        )
    return due


def _to_next_event(step, experiment):
    stages = [stage.stop for stage in experiment.make_stages()]
    nexts = [(step // n + 1) * n for n in experiment.intervals if n]
    return min(stop for stop in [*stages, *nexts] if stop > step) - step


def _is_due(step, interval, num_steps):
    return bool(interval) and (step % interval == 0 or step == num_steps)
