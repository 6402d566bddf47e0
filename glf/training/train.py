"""The training loop of every model."""

import contextlib
import time

from absl import logging

from glf.data.make import make_dataset as default_dataset
from glf.training import optimizers as optimizers_lib
from glf.training.interrupts import Interrupted, stop_on_signals
from glf.training.progress import Progress, duration
from glf.training.run import Execution, Run
from glf.training.run_folder import RunFolder
from glf.training.strategies import is_chief
from glf.training.watch import Watcher


def train(
    workdir,
    *,
    make_model,
    make_dataset=default_dataset,
    num_steps=10_000,
    batch_size=256,
    seed=0,
    optimizers=optimizers_lib.adam,
    updates_per_step=None,
    clip_norm=None,
    moving_average=None,
    init_examples=None,
    log_every=100,
    checkpoint_every=1000,
    keep_checkpoints=3,
    validate_every=1000,
    best_metric="loss",
    patience=None,
    pictures_every=1000,
    num_pictures=64,
    max_steps_per_call=1000,
    execution=None,
):
    """Trains a model in `workdir`, from wherever an earlier run of the same command left off.

    A run that is killed at any moment and started again gives the same weights, logs and metrics
    to the last bit, on the same machine with a single replica under XLA: the data of a step, its
    noise and its arithmetic depend on nothing but the configuration and the checkpoint.

    Args:
      workdir: the run's folder, new or of the same experiment.
      make_model: called with the data's `DataSpec`; returns a `GenerativeModel`.
      make_dataset: called with `data_dir`; returns a `Dataset`.
      num_steps: the step at which the run is finished.
      batch_size: examples in a step, over all replicas.
      seed: drives the initial weights, the order of the data, and all noise.
      optimizers: {parameter group: factory of a Keras optimizer}, or one factory for all groups.
      updates_per_step: {group: n} for groups that take n optimizer steps on parts of each batch;
        their optimizers' schedules count these. None: one step each, jointly.
      clip_norm: the largest global norm of each group's gradient; None: not clipped.
      moving_average: decay of the weights' moving average, which then is what validation,
        pictures, and every later program use; None: none is kept.
      init_examples: how many training examples set the weights that start from data, such as an
        `ActNorm`'s, in one pass in training mode before the first step; None: the first batch.
      log_every: steps between lines in logs/train.jsonl and summaries.
      checkpoint_every: steps between checkpoints.
      keep_checkpoints: how many of the newest to keep.
      validate_every: steps between passes over the validation split; 0: never.
      best_metric: the validation term whose lowest value marks the best checkpoint.
      patience: stop after this many validations without a better one; None: never.
      pictures_every: steps between pictures of samples and reconstructions; 0: never.
      num_pictures: how many images a picture holds.
      max_steps_per_call: the largest number of steps in one call of the compiled loop.
      execution: an `Execution`.

    Returns {"step", "finished", "stopped_early", "best"}.

    Raises:
      ValueError: if an argument is out of range or the workdir holds another experiment.
      NonFiniteLoss: if a loss term or gradient is not finite; the checkpoints are intact.
      Interrupted: on SIGTERM or SIGINT, after a checkpoint.
    """
    execution = execution or Execution()
    _check_integers(
        1,
        num_steps=num_steps,
        batch_size=batch_size,
        log_every=log_every,
        checkpoint_every=checkpoint_every,
        max_steps_per_call=max_steps_per_call,
        num_pictures=num_pictures,
    )
    if init_examples is not None:
        _check_integers(1, init_examples=init_examples)
    _check_integers(0, validate_every=validate_every, pictures_every=pictures_every)
    folder = RunFolder(workdir)
    chief = is_chief(execution.strategy)
    with folder.locked() if chief else contextlib.nullcontext(), stop_on_signals() as stop:
        if chief:
            about = {"precision": execution.precision, **execution.about}
            folder.check(execution.config, about, execution.essence)
        run = Run(
            folder=folder,
            make_model=make_model,
            make_dataset=make_dataset,
            num_steps=num_steps,
            batch_size=batch_size,
            seed=seed,
            make_optimizers=optimizers,
            updates_per_step=updates_per_step,
            clip_norm=clip_norm,
            moving_average=moving_average,
            init_examples=init_examples,
            keep_checkpoints=keep_checkpoints,
            max_steps_per_call=max_steps_per_call,
            execution=execution,
        )
        if validate_every and not run.dataset.num_examples("validation"):
            raise ValueError(
                f"{run.dataset.name} has no validation examples. Bind train.validate_every = 0, or "
                "let make_dataset.validation_examples be cut from the training examples."
            )
        every = {
            "log": log_every,
            "checkpoint": checkpoint_every,
            "validate": validate_every,
            "pictures": pictures_every,
        }
        watcher = Watcher(
            run, best_metric=best_metric, patience=patience, num_pictures=num_pictures
        )
        return _loop(run, watcher, every, stop)


def _loop(run, watcher, every, stop):
    state = run.resume()
    if state.finished(run.num_steps):
        logging.info("The run in %s is finished at step %d.", run.folder.path, state.step)
        run.write_status(state)
        return run.report(state)
    if not state.step:
        run.initialize()
    progress = Progress(run.num_steps, state.step)
    iterator = iter(run.batches(state.step))
    limit, first = 1, True
    while not state.finished(run.num_steps):
        count = min(limit, run.max_steps_per_call, _to_next_event(state.step, every, run.num_steps))
        if first:
            logging.info("Compiling the training step; it can take minutes for large models.")
        began = time.monotonic()
        results = run.stepper.run(iterator, count)
        seconds = time.monotonic() - began
        run.check_finite(results, state.step)
        state.record(results)
        if first:
            watcher.check_metric(results)
            run.write_operative_config()
            whole = duration(time.monotonic() - run.began)
            logging.info("First step after %s, %s to compile it.", whole, duration(seconds))
        elif seconds < 0.5:
            limit *= 2
        first = False
        progress.update(state.step, float(results["loss"][-1]), state.step == run.num_steps)
        if _is_due(state.step, every["log"], run.num_steps):
            watcher.log(state)
        if _is_due(state.step, every["validate"], run.num_steps):
            watcher.validate(state)
            progress.pause()
        if _is_due(state.step, every["pictures"], run.num_steps):
            watcher.draw(state)
            progress.pause()
        finished = state.finished(run.num_steps)
        if finished or state.best_is_new or _is_due(state.step, every["checkpoint"], 0):
            run.save(state)
            progress.pause()
        if stop.signum is not None and not finished:
            run.save(state)
            raise Interrupted(
                stop.signum,
                f"Stopped by a signal at step {state.step}; the checkpoint is written. Start the "
                "same command again to go on.",
            )
    watcher.close()
    return run.report(state)


def _to_next_event(step, every, num_steps):
    nexts = [num_steps] + [(step // n + 1) * n for n in every.values() if n]
    return min(nexts) - step


def _is_due(step, interval, num_steps):
    return bool(interval) and (step % interval == 0 or step == num_steps)


def _check_integers(least, **values):
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"train.{name} must be an integer of at least {least}, got {value!r}.")
