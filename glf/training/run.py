"""The objects of a run, what it remembers, and where both are kept."""

import contextlib
import dataclasses
import json
import time

import numpy as np
import tensorflow as tf
from absl import logging

from glf.core import files
from glf.core.caller import undisturbed
from glf.models.fitted_after import FittedAfter
from glf.training.checkpoints import Checkpoints, checkpoint_of, restore
from glf.training.choosing import is_faster_by_xla
from glf.training.progress import duration, waiting
from glf.training.rematerialising import rematerialise
from glf.training.restore import start_from
from glf.training.run_folder import JsonLines
from glf.training.step import Stepper
from glf.training.strategies import is_chief, make_strategy, share_batch_statistics


class NonFiniteLoss(ArithmeticError):
    """A loss term or a gradient stopped being a number."""


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


class Run:
    """The objects of a run and where they are kept."""

    def __init__(self, folder, experiment, execution, provenance):
        self.began = time.monotonic()
        self._refitted = None  # the step of the last time
        self._spent = 0.0  # seconds by earlier processes
        self.folder = folder
        self.experiment = experiment
        self.provenance = provenance
        self.is_chief = is_chief(execution.strategy)
        self.checkpoints = Checkpoints(folder.checkpoints, experiment.keep_checkpoints)
        # Several workers can only be connected before TensorFlow has done anything else.
        self.strategy = make_strategy(
            execution.strategy, execution.devices, execution.worker_timeout
        )
        moved = {} if execution.data_path is None else {"data_path": execution.data_path}
        logging.info("Reading the data.")
        self.dataset = experiment.make_dataset(data_dir=execution.data_dir, **moved)
        self._check_examples()
        if self.is_chief:
            folder.check_data(self.dataset, training=True)
        execution = self._with_choice(execution)
        if self.is_chief:
            folder.write(provenance, execution.precision, execution.jit)
            folder.write_spec(self.dataset)
        logging.info("Building the model.")
        with (
            self.strategy.scope(),
            undisturbed(seed=experiment.seed, policy=execution.precision),
        ):
            self.model = experiment.make_model(self.dataset.spec)
            if experiment.rematerialise:
                rematerialise(self.model)
            if experiment.batch_norm_across_replicas:
                share_batch_statistics(self.model)
            self.stepper = Stepper(self.model, experiment, execution, self.strategy)
        self.checkpoint = checkpoint_of(
            self.model,
            self.stepper.average,
            step=self.stepper.step,
            optimizers=self.stepper.optimizers,
            loss_scale=self.stepper.loss_scale,
        )

    def _with_choice(self, execution):
        """The same, with XLA or not as the run began; chosen now, if that is left to it.

        Of several replicas neither counts: None.
        """
        if self.strategy.num_replicas_in_sync > 1:
            return dataclasses.replace(execution, jit=None)
        if execution.jit is None:
            jit = self.folder.trained_by_xla()
            if jit is None:
                both = {jit: dataclasses.replace(execution, jit=jit) for jit in (True, False)}
                batch = next(iter(self.batches(0, 1)))
                with waiting("Trying the training step by XLA and as a graph."):
                    jit = is_faster_by_xla(self.experiment, both, self.dataset.spec, batch)
            execution = dataclasses.replace(execution, jit=jit)
        return execution

    def _check_examples(self):
        """Checks that there are as many as the experiment needs, and that replicas can share them.

        Raises:
          ValueError: if not.
        """
        wanted, name = self.experiment, self.dataset.name
        known = self.dataset.num_examples("train")
        for field in ("validate_every", "evaluate_every"):
            if getattr(wanted, field) and not self.dataset.num_examples("validation"):
                raise ValueError(
                    f"{name} has no validation examples. Bind train.{field} = 0, or let "
                    "make_dataset.validation_examples be cut from the training examples."
                )
        if (wanted.init_examples or 0) > known and self.dataset.density is None:
            raise ValueError(
                f"train.init_examples={wanted.init_examples} asks for more than the {known} "
                f"training examples of {name}."
            )
        replicas = self.strategy.num_replicas_in_sync
        for field in ("batch_size", "init_examples"):
            if (number := getattr(wanted, field) or 0) % replicas:
                raise ValueError(
                    f"train.{field}={number} cannot be shared equally by {replicas} replicas; "
                    "make it a multiple."
                )

    def initialize(self):
        """Sets the weights that a run begins with.

        Those of `initial_run`, or what starts from data, by one pass over the first `init_examples`
        of the training stream without a gradient. The averages of the weights start from there.
        """
        if self.experiment.initial_run is not None:
            return self._start_from_a_run()
        number = self.experiment.init_examples
        if number is None:
            return
        loss = self.stepper.initialize(next(iter(self.batches(0, 1, number))))
        logging.info("Initialised by %d examples: loss %.6g.", number, loss)
        if self.stepper.average is not None:
            self.stepper.average.start()

    def _start_from_a_run(self):
        """Takes the weights of `initial_run`, and writes down which they were.

        Raises:
          ValueError: if it cannot, or a process before, which was stopped ahead of its first
            checkpoint, took others.
        """
        run, which = self.experiment.initial_run, self.experiment.initial_checkpoint
        taken, noted = start_from(self.model, run, which), self.folder.initial
        if noted.exists() and json.loads(noted.read_text(encoding="utf-8")) != taken:
            raise ValueError(
                f"The {which!r} checkpoint of train.initial_run={run} is not the one that this run "
                f"began with ({noted}), and no checkpoint of its own is there. Put it back, or "
                "start in a new workdir."
            )
        if self.is_chief:
            files.write_json(noted, taken)
        if self.stepper.average is not None:
            self.stepper.average.start()
        logging.info("The weights are those of step %d of %s.", taken["step"], taken["run"])

    def refit(self, step):
        """Fits what is fitted to the model as it is at `step`, its averaged weights if it has any.

        Once for each step. Logs what came of it.
        """
        if not isinstance(self.model, FittedAfter) or self._refitted == step:
            return
        began = time.monotonic()
        average = self.stepper.average
        with contextlib.nullcontext() if average is None else average.installed():
            found = self.model.refit(self.dataset)
        self._refitted = step
        if found is not None:
            logging.info(
                "Fitted the prior at step %d to the latents of %d examples: %.6g nats, in %s.",
                *(step, found["examples"], found["nats"], duration(time.monotonic() - began)),
            )

    def batches(self, start_step, stop_step=None, batch_size=None):
        """The batches from `start_step` on, each replica's share as one element.

        Up to the run's end and of its size, unless told.
        """
        batch_size = batch_size or self.experiment.batch_size
        num_steps = (stop_step or self.experiment.num_steps) - start_step

        def per_worker(context):
            replicas = context.num_replicas_in_sync
            local = replicas // context.num_input_pipelines
            shards = [
                self.dataset.train_batches(
                    batch_size,
                    self.experiment.seed,
                    start_step=start_step,
                    num_steps=num_steps,
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
            self._spent = self.folder.read_seconds() or 0.0
            logging.info("Resumed from step %d of %s.", state.step, self.folder.path)
        if self.is_chief:
            self.checkpoints.drop_after(state.step)
            if state.best is not None and state.best["step"] == state.step:
                # A kill may have come after the checkpoint was written and before it was marked.
                self.checkpoints.mark_best(state.step)
            for log in self.logs.values():
                log.cut_back(-1 if newest is None else state.step)
        return state

    @property
    def logs(self):
        """The JSON-lines logs by name."""
        names = ("train", "validation", "evaluation")
        return {name: JsonLines(self.folder.logs / f"{name}.jsonl") for name in names}

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
        self.refit(state.step)
        if self.is_chief:
            if state.step not in self.checkpoints.steps() or state.best_is_new:
                is_best, state.best_is_new = state.best_is_new, False
                self.checkpoints.save(self.checkpoint, state.step, dataclasses.asdict(state))
                if is_best:
                    self.checkpoints.mark_best(state.step)
            self.write_status(state)
            seconds = self._spent + time.monotonic() - self.began
            files.write_json(self.folder.training, {"step": state.step, "seconds": seconds})

    def write_status(self, state):
        """Writes the step reached and whether the run is finished."""
        if self.is_chief:
            files.write_json(self.folder.status, self.report(state))

    def write_operative_config(self):
        """Writes what the configuration really set."""
        if self.provenance.operative_config and self.is_chief:
            files.write_text(self.folder.operative_config, self.provenance.operative_config())

    def report(self, state):
        """What `status.json` holds."""
        return {
            "step": state.step,
            "finished": state.finished(self.experiment.num_steps),
            "stopped_early": state.stopped_early,
            "best": state.best,
        }
