"""A run as it shows itself: logs, TensorBoard summaries, validation and pictures."""

import contextlib

import tensorflow as tf
from absl import logging

from glf.core import random
from glf.evaluation import conditioning, model_pictures, pictures
from glf.evaluation.base import Subject
from glf.evaluation.evaluate import outcome
from glf.evaluation.loss_terms import MeanLossTerms
from glf.evaluation.report import is_better
from glf.training.loss_scale import STATES
from glf.training.stages import stage_of

# A share of values outside of the data's range up to which nothing is said.
NEGLIGIBLE = 0.01


class Watcher:
    """Writes what the loop tells it to, and keeps the best validation in the state.

    Args:
      run: the `Run`.
    """

    def __init__(self, run):
        self.run = run
        self.experiment = run.experiment
        self._mean_terms = MeanLossTerms(run.model, min(run.experiment.batch_size, 256))
        self._writer = self._first = None
        self._terms = ()

    def evaluate_first(self):
        """Evaluates the untrained model: what cannot be measured is refused before training.

        Raises:
          ValueError: if an evaluator or an option is not for this model and these data.
        """
        if self.experiment.evaluate_every:
            self.run.refit(0)
            self._first = self._evaluation()

    def check_metric(self, names, state):
        """Checks at the first step, not when it is due, that there is the metric of the best.

        Only then the first evaluation is written: a mistake leaves no trace.

        Args:
          names: those of the results of a training step.
          state: the `State` after it.

        Raises:
          ValueError: if `best_metric` is neither a term of the loss nor measured by an evaluator
            that says which direction is better.
        """
        best = self.experiment.best_metric
        others = ("gradient_norm/", *STATES)
        self._terms = sorted(name for name in names if not name.startswith(others))
        first = self._first or {}
        known = [*self._terms, *(name for name, m in first.items() if "better" in m)]
        # A run that goes on has passed this before.
        went_on = self._first is None and self.experiment.evaluate_every
        if best not in known and not went_on:
            raise ValueError(
                f"train.best_metric={best!r} is not a validation metric of this model; "
                f"choose one of {', '.join(dict.fromkeys(known))}, or a metric of train.evaluators."
            )
        if first:
            self._write("evaluation", 0, _values(first))

    def log(self, state):
        """One line of means since the last, in logs/train.jsonl and TensorBoard."""
        means = state.take_means()
        rates = {
            f"learning_rate/{name}": float(tf.convert_to_tensor(optimizer.learning_rate))
            for name, optimizer in self.run.stepper.optimizers.items()
        }
        self._write("train", state.step, {**means, **rates})
        if means.get("skipped_steps"):
            scale = self.run.stepper.loss_scale
            logging.info(
                "Up to step %d, %d steps were skipped, whose gradients were not finite in float16; "
                "the loss scale is %g.",
                *(state.step, int(scale.skipped.numpy()), float(scale.scale.numpy())),
            )

    def validate(self, state):
        """Means over the validation split; a new best, or one more of the worse."""
        with self._averaged():
            metrics = self._mean_terms(self.run.dataset, "validation", self.experiment.seed)
            worst = conditioning.worst_round_trip(self.run.model)
        if worst is not None:
            metrics[conditioning.NAME] = worst[0]
        self._write("validation", state.step, metrics)
        if self.experiment.best_metric in self._terms:
            self._compare(state, metrics[self.experiment.best_metric], "lower")
        terms = "  ".join(f"{name} {value:.6g}" for name, value in metrics.items())
        logging.info("Validation at step %d: %s", state.step, terms)
        if worst is not None and (warning := conditioning.warning(*worst)):
            logging.warning("%s", warning)

    def evaluate(self, state):
        """What evaluators measure of the validation split, in logs/evaluation.jsonl.

        Raises:
          ValueError: if what marks the best is not among it.
        """
        metrics, best = self._evaluation(), self.experiment.best_metric
        self._write("evaluation", state.step, _values(metrics))
        if best not in self._terms:
            if "better" not in metrics.get(best, {}):
                raise ValueError(
                    f"train.best_metric={best!r} was not measured at step {state.step}; measured "
                    f"were {', '.join(metrics)}."
                )
            self._compare(state, metrics[best]["value"], metrics[best]["better"])
        shown = "  ".join(f"{name} {m['value']:.6g}" for name, m in metrics.items())
        logging.info("Evaluation at step %d: %s", state.step, shown)

    def _evaluation(self):
        """{name: metric} of the validation split, with the weights that validation judges."""
        wanted = self.experiment
        subject = Subject(self.run.model, self.run.dataset, "validation", seed=wanted.seed)
        with self._averaged():
            return outcome(subject, wanted.evaluators, wanted.evaluator_options).metrics

    def _compare(self, state, value, better):
        """Notes in the state a new best, or one more of the worse; stops if these are too many."""
        name, patience = self.experiment.best_metric, self.experiment.patience
        before = {"lower": float("inf"), "higher": float("-inf")}[better]
        stages = self.experiment.make_stages()
        # A stage ends with a step; what an earlier one gave is not compared with it.
        now, best = stage_of(stages, state.step - 1), state.best
        if best is not None and stage_of(stages, best["step"] - 1) >= now:
            before = best["value"]
        if is_better(value, before, better):
            state.best = {"step": state.step, "metric": name, "value": value}
            state.best_is_new, state.worse = True, 0
            return
        state.worse += 1
        if patience is not None and state.worse >= patience:
            state.stopped_early = True
            direction = "fallen below" if better == "lower" else "risen above"
            logging.info(
                "Stopped early at step %d: %s has not %s %.6g in %d times of measuring it.",
                *(state.step, name, direction, before, state.worse),
            )

    def draw(self, state):
        """Pictures of what the model can: of samples, of reconstructions.

        What is not finite in them is counted and said, and the run goes on.
        """
        seed = random.fold(self.experiment.seed, "pictures")
        with self._averaged():
            made = list(
                model_pictures.of_progress(
                    self.run.model, self.run.dataset, self.experiment.num_pictures, seed
                )
            )
        if not self.run.is_chief:
            return
        for name, pixels, report in made:
            outside, not_finite = report.shares()
            if outside > NEGLIGIBLE or not_finite:
                logging.warning("%s at step %d: %s.", name, state.step, report.describe())
            pictures.write_png(self.run.folder.pictures / f"{name}-{state.step:08d}.png", pixels)
            image = pixels[None, ..., None] if pixels.ndim == 2 else pixels[None]
            with self._summaries():
                tf.summary.image(name, image, step=state.step)
                tf.summary.scalar(f"{name}/outside", outside, step=state.step)
                tf.summary.scalar(f"{name}/not_finite", not_finite, step=state.step)

    def close(self):
        """Flushes what is open."""
        if self._writer is not None:
            self._writer.close()

    def _averaged(self):
        average = self.run.stepper.average
        return average.installed() if average is not None else contextlib.nullcontext()

    def _write(self, log, step, values):
        if not self.run.is_chief:
            return
        self.run.logs[log].append({"step": step, **values})
        with self._summaries():
            for name, value in values.items():
                tf.summary.scalar(f"{log}/{name}", value, step=step)
        self._writer.flush()

    def _summaries(self):
        if self._writer is None:
            self._writer = tf.summary.create_file_writer(str(self.run.folder.summaries))
        return self._writer.as_default()


def _values(metrics):
    return {name: metric["value"] for name, metric in metrics.items()}
