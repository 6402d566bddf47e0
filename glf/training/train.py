"""The training loop of every model."""

import contextlib
import dataclasses
import math
import time

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from glf.core import files
from glf.data.make import make_dataset as default_dataset
from glf.training import optimizers as optimizers_lib
from glf.training.checkpoints import Checkpoints, read_manifest, restore
from glf.training.interrupts import Interrupted, stop_on_signals
from glf.training.moving_average import MovingAverage
from glf.training.progress import Progress, duration
from glf.training.run_folder import JsonLines, RunFolder
from glf.training.step import Stepper
from glf.training.strategies import is_chief, make_strategy
from glf.training.watch import Watcher


@dataclasses.dataclass
class Execution:
    """How a run is executed, as flags say; nothing here belongs to the experiment.

    Attributes:
      strategy: the name of a `tf.distribute` strategy, see `strategies.make_strategy`.
      devices: the devices of the mirrored strategy; None: all GPUs.
      precision: "float32" or "mixed_bfloat16".
      jit: whether a single replica's step is compiled with XLA.
      data_dir: where prepared datasets lie.
      config: the configuration as text, for the run folder.
      operative_config: returns the configuration that was really used, as text.
      about: further facts for `run.json`.
    """

    strategy: str = "single"
    devices: list | None = None
    precision: str = "float32"
    jit: bool = True
    data_dir: str | None = None
    config: str = ""
    operative_config: object = None
    about: dict = dataclasses.field(default_factory=dict)


class NonFiniteLoss(ArithmeticError):
    """A loss term or a gradient stopped being a number."""


def train(
    workdir,
    *,
    make_model,
    make_dataset=default_dataset,
    num_steps=10_000,
    batch_size=256,
    seed=0,
    optimizers=None,
    clip_norm=None,
    moving_average=None,
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
      optimizers: {parameter group: factory of a Keras optimizer}; None: Adam for each.
      clip_norm: the largest global norm of each group's gradient; None: not clipped.
      moving_average: decay of the weights' moving average, which then is what validation,
        pictures, and every later program use; None: none is kept.
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
    _check_positive(
        num_steps=num_steps,
        batch_size=batch_size,
        log_every=log_every,
        checkpoint_every=checkpoint_every,
        max_steps_per_call=max_steps_per_call,
        num_pictures=num_pictures,
    )
    folder = RunFolder(workdir)
    chief = is_chief(execution.strategy)
    with folder.locked() if chief else contextlib.nullcontext(), stop_on_signals() as stop:
        if chief:
            about = {"precision": execution.precision, **execution.about}
            folder.claim(execution.config, about)
        run = _Run(
            folder=folder,
            make_model=make_model,
            make_dataset=make_dataset,
            num_steps=num_steps,
            batch_size=batch_size,
            seed=seed,
            make_optimizers=optimizers,
            clip_norm=clip_norm,
            moving_average=moving_average,
            keep_checkpoints=keep_checkpoints,
            max_steps_per_call=max_steps_per_call,
            execution=execution,
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
        return run.report(state)
    progress = Progress(run.num_steps, state.step)
    iterator = iter(run.batches(state.step))
    limit, first = 1, True
    while not state.finished(run.num_steps):
        count = min(limit, run.max_steps_per_call, _to_next_event(state.step, every, run.num_steps))
        began = time.monotonic()
        results = run.stepper.run(iterator, count)
        seconds = time.monotonic() - began
        run.check_finite(results, state.step)
        state.record(results)
        if first:
            run.write_operative_config()
            logging.info("First step after %s.", duration(time.monotonic() - run.began))
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


@dataclasses.dataclass
class State:
    """What the loop remembers besides weights; it travels in the checkpoint's manifest."""

    step: int = 0
    sums: dict = dataclasses.field(default_factory=dict)
    counted: int = 0
    best: dict | None = None
    best_is_new: bool = False
    worse: int = 0
    stopped_early: bool = False

    def finished(self, num_steps):
        """Whether nothing is left to train."""
        return self.step >= num_steps or self.stopped_early

    def record(self, results):
        """Adds the per-step results of a call to the running sums since the last log line."""
        for name, values in results.items():
            # One addition a step, in order: the sums do not depend on how steps fell into calls.
            total = self.sums.get(name, 0.0)
            for value in values.tolist():
                total += value
            self.sums[name] = total
        count = len(results["loss"])
        self.counted += count
        self.step += count

    def take_means(self):
        """The means since the last call of this, which starts a new sum."""
        means = {name: total / self.counted for name, total in self.sums.items()}
        self.sums, self.counted = {}, 0
        return means


class _Run:
    """The objects of a run and where they are kept."""

    def __init__(
        self,
        *,
        folder,
        make_model,
        make_dataset,
        num_steps,
        batch_size,
        seed,
        make_optimizers,
        clip_norm,
        moving_average,
        keep_checkpoints,
        max_steps_per_call,
        execution,
    ):
        self.began = time.monotonic()
        self.folder = folder
        self.num_steps = num_steps
        self.batch_size = batch_size
        self.seed = seed
        self.max_steps_per_call = max_steps_per_call
        self.execution = execution
        self.is_chief = is_chief(execution.strategy)
        self.checkpoints = Checkpoints(folder.checkpoints, keep_checkpoints)
        self.dataset = make_dataset(data_dir=execution.data_dir)
        if self.is_chief:
            folder.write_spec(self.dataset)
        self.strategy = make_strategy(execution.strategy, execution.devices)
        replicas = self.strategy.num_replicas_in_sync
        if batch_size % replicas:
            raise ValueError(
                f"train.batch_size={batch_size} cannot be shared equally by {replicas} replicas; "
                "make it a multiple."
            )
        keras.config.set_dtype_policy(execution.precision)
        keras.utils.set_random_seed(int(seed) % 2**32)
        with self.strategy.scope():
            self.model = make_model(self.dataset.spec)
            groups = self.model.parameter_groups()
            factories = make_optimizers or dict.fromkeys(groups, optimizers_lib.adam)
            self.optimizers = {name: make() for name, make in factories.items()}
            self.average = (
                MovingAverage(self.model, moving_average) if moving_average is not None else None
            )
        self.stepper = Stepper(
            self.model,
            self.optimizers,
            batch_size=batch_size,
            seed=seed,
            average=self.average,
            clip_norm=clip_norm,
            strategy=self.strategy,
            jit=execution.jit,
        )
        self.checkpoint = checkpoint_of(
            self.model, self.average, step=self.stepper.step, optimizers=self.optimizers
        )

    def batches(self, start_step):
        """The batches from `start_step` on, each replica's share as one element."""

        def per_worker(context):
            replicas = context.num_replicas_in_sync
            local = replicas // context.num_input_pipelines
            shards = [
                self.dataset.train_batches(
                    self.batch_size,
                    self.seed,
                    start_step=start_step,
                    num_steps=self.num_steps - start_step,
                    shard=(context.input_pipeline_id * local + i, replicas),
                )
                for i in range(local)
            ]
            if local == 1:
                return shards[0]
            choice = tf.data.Dataset.range(local).repeat()
            return tf.data.Dataset.choose_from_datasets(shards, choice)

        if self.strategy.num_replicas_in_sync == 1:
            return per_worker(tf.distribute.InputContext())
        return self.strategy.distribute_datasets_from_function(per_worker)

    def resume(self):
        """Restores the newest intact checkpoint, if there is one; returns the `State`."""
        state = State()
        newest = self.checkpoints.newest()
        if newest is None and self.checkpoints.steps():
            raise ValueError(
                f"None of the checkpoints in {self.checkpoints.folder} is intact. Restore one "
                "from a copy, or start in a new workdir."
            )
        if newest is not None:
            manifest = restore(self.checkpoint, newest)
            state = State(**manifest["extra"])
            logging.info("Resumed from step %d of %s.", state.step, self.folder.path)
        if self.is_chief:
            self.checkpoints.drop_after(state.step)
            for log in self.logs.values():
                log.cut_back(state.step)
        return state

    @property
    def logs(self):
        """The JSON-lines logs by name."""
        return {k: JsonLines(self.folder.logs / f"{k}.jsonl") for k in ("train", "validation")}

    def check_finite(self, results, before):
        """Raises NonFiniteLoss if a result of the steps after `before` is not a number."""
        bad = {
            name: int(np.argmin(np.isfinite(values)))
            for name, values in results.items()
            if not np.isfinite(values).all()
        }
        if not bad:
            return
        first = min(bad.values())
        names = sorted(name for name, index in bad.items() if index == first)
        last = max(self.checkpoints.steps(), default=None)
        kept = (
            f"The last good checkpoint is that of step {last}, in {self.checkpoints.folder}."
            if last is not None
            else "No checkpoint had been written yet."
        )
        raise NonFiniteLoss(
            f"At step {before + first + 1} these were not finite: {', '.join(names)}. Nothing "
            f"was saved after it. {kept} Starting the same command again would repeat this: lower "
            "the learning rate, or bind train.clip_norm, in a new workdir."
        )

    def save(self, state):
        """Writes the checkpoint of `state`, and marks it as the best if it is."""
        if self.is_chief:
            if state.step not in self.checkpoints.steps() or state.best_is_new:
                is_best, state.best_is_new = state.best_is_new, False
                self.checkpoints.save(self.checkpoint, state.step, dataclasses.asdict(state))
                if is_best:
                    self.checkpoints.mark_best(state.step)
            files.write_json(self.folder.status, self.report(state))

    def write_operative_config(self):
        """Writes what the configuration really set."""
        if self.execution.operative_config and self.is_chief:
            files.write_text(self.folder.operative_config, self.execution.operative_config())

    def report(self, state):
        """What `status.json` holds."""
        return {
            "step": state.step,
            "finished": state.finished(self.num_steps),
            "stopped_early": state.stopped_early,
            "best": state.best,
        }


def checkpoint_of(model, average, step=None, optimizers=None):
    """The `tf.train.Checkpoint` of a run; without step and optimizers, what inference needs."""
    parts = {"model": model}
    if average is not None:
        parts["average"] = average
    if step is not None:
        parts["step"] = step
    for name, optimizer in (optimizers or {}).items():
        parts[f"optimizer_{name}"] = optimizer
    return tf.train.Checkpoint(**parts)


def restore_for_inference(model, moving_average, folder, which="latest"):
    """Gives `model` the weights of a run: averaged ones where the run keeps an average.

    Args:
      model: a freshly made model of the run's configuration.
      moving_average: the run's `train.moving_average`.
      folder: the `RunFolder`.
      which: "latest", "best", or a step.

    Returns the step.

    Raises:
      ValueError: if the run has no such checkpoint.
    """
    checkpoints = Checkpoints(folder.checkpoints)
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
    average = MovingAverage(model, moving_average) if moving_average is not None else None
    reader = checkpoint_of(model, average).read(str(path / "state"))
    reader.assert_existing_objects_matched()
    reader.expect_partial()
    if average is not None:
        average.install()
    return read_manifest(path)["step"]


def _check_positive(**values):
    for name, value in values.items():
        if not (isinstance(value, int) and value >= 1) or not math.isfinite(value):
            raise ValueError(f"train.{name} must be an integer of at least 1, got {value!r}.")
