"""Classifiers of images trained on a dataset's labels: how well a network sees, in errors."""

import dataclasses
import functools
import json
import time
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from glf.core import files
from glf.core.caller import undisturbed
from glf.core.progress import Progress
from glf.data.make import make_dataset as default_dataset
from glf.training.checkpoints import Checkpoints, checkpoint_of, restore
from glf.training.experiment import check_integer
from glf.training.interrupts import Interrupted, stop_on_signals

_REPORT, _CONFIG = "classification.json", "config.gin"
JIT = True  # whether a step is an XLA program


@dataclasses.dataclass(frozen=True)
class Classification:
    """What decides how a classifier comes out; configurations bind it as `classify`.

    Stochastic gradient descent with momentum minimises the cross-entropy and `weight_decay` / 2
    times the sum of the kernels' squares; the rate is a tenth of itself after each share of the
    steps in `drops`. The defaults are HexaConv's (Hoogeboom, Peters, Cohen, Welling 2018, arXiv
    1803.02108, section 5.1): a rate of 0.05, cut after 50, 100 and 150 of 300 epochs.

    Attributes:
      make_network: called with `image_shape` and `classes`; returns an `ImageClassifier`.
      make_dataset: called with `data_dir`; returns a `Dataset` with labels.
      num_steps: how many steps are taken.
      batch_size: examples in a step.
      learning_rate: the first rate.
      drops: shares of the steps after which the rate is cut.
      momentum: of the descent.
      weight_decay: how much kernels are drawn to 0.
      seed: drives the first weights and the order of the data.
      checkpoint_every: steps between checkpoints.

    Raises:
      ValueError: if a number is out of range.
    """

    make_network: Callable
    make_dataset: Callable = default_dataset
    num_steps: int = 10_000
    batch_size: int = 125
    learning_rate: float = 0.05
    drops: Sequence = (1 / 6, 1 / 3, 1 / 2)
    momentum: float = 0.9
    weight_decay: float = 1e-4
    seed: int = 0
    checkpoint_every: int = 500

    def __post_init__(self):
        for name in ("num_steps", "batch_size", "checkpoint_every"):
            check_integer(f"classify.{name}", getattr(self, name), 1)
        if not all(0 < drop < 1 for drop in self.drops) or list(self.drops) != sorted(self.drops):
            raise ValueError(
                f"classify.drops are ascending shares of the steps, between 0 and 1, got "
                f"{self.drops}."
            )

    def make_optimizer(self):
        """The optimizer and its schedule."""
        rates = [self.learning_rate * 0.1**i for i in range(len(self.drops) + 1)]
        steps = [round(drop * self.num_steps) for drop in self.drops]
        schedule = keras.optimizers.schedules.PiecewiseConstantDecay(steps, rates)
        return keras.optimizers.SGD(schedule, momentum=self.momentum)


def classify(workdir, wanted, config="", data_dir=None, data_path=None):
    """Trains a classifier in `workdir` and measures it on the test split.

    Started again, it goes on from its last checkpoint, or gives what it measured.

    Args:
      workdir: a folder, new or of the same experiment.
      wanted: the `Classification`.
      config: its text, which the folder keeps.
      data_dir: where prepared datasets lie.
      data_path: where the data of a source with a path are.

    Returns {"error": the share of test images whose label is not found, "nats": the mean
    cross-entropy, "examples", "weights", "steps", "seconds_per_step"}.

    Raises:
      ValueError: if the data have no labels, or the folder holds another experiment.
      Interrupted: on SIGTERM or SIGINT, after a checkpoint.
    """
    folder = files.expanded(workdir)
    _check_folder(folder, config)
    if (folder / _REPORT).is_file():
        return json.loads((folder / _REPORT).read_text(encoding="utf-8"))
    moved = {} if data_path is None else {"data_path": data_path}
    dataset = wanted.make_dataset(data_dir=data_dir, **moved)
    if dataset.spec.num_classes is None:
        raise ValueError(f"A classifier is trained on labels, and {dataset.name} has none.")
    folder.mkdir(parents=True, exist_ok=True)
    files.write_text(folder / _CONFIG, config)
    with undisturbed(seed=wanted.seed, policy="float32"):
        network = wanted.make_network(
            image_shape=dataset.spec.shape, classes=dataset.spec.num_classes
        )
        seconds = _train(network, dataset, wanted, Checkpoints(folder / "checkpoints", 2))
    report = {
        **_measured(network, dataset),
        "weights": int(sum(np.prod(w.shape) for w in network.trainable_weights)),
        "steps": wanted.num_steps,
        "seconds_per_step": seconds,
    }
    files.write_json(folder / _REPORT, report)
    return report


def _check_folder(folder, config):
    held = folder / _CONFIG
    if held.is_file() and held.read_text(encoding="utf-8") != config:
        raise ValueError(
            f"{folder} holds a classifier of another configuration, see {held}; give a new folder."
        )


def _train(network, dataset, wanted, checkpoints):
    """Takes the steps that are left; the median of seconds of those after the first."""
    optimizer = wanted.make_optimizer()
    optimizer.build(network.trainable_variables)
    done = tf.Variable(0, dtype=tf.int64)
    state = checkpoint_of(network, None, done, {"sgd": optimizer})
    if (newest := checkpoints.newest()) is not None:
        restore(state, newest)
    step = _step(network, optimizer, dataset.spec.levels, wanted.weight_decay)
    start = int(done)
    batches = dataset.train_batches(wanted.batch_size, wanted.seed, start, wanted.num_steps - start)
    progress, seconds = Progress("Classifier, steps", wanted.num_steps), []
    with stop_on_signals() as stop:
        for batch in batches:
            began = time.monotonic()
            loss = float(step(batch["x"], batch["label"]))
            seconds.append(time.monotonic() - began)
            if not np.isfinite(loss):
                raise ArithmeticError(f"The loss is {loss} at step {int(done)}; lower the rate.")
            number = int(done.assign_add(1))
            progress.at(number)
            ended = number == wanted.num_steps
            if ended or number % wanted.checkpoint_every == 0 or stop.signum is not None:
                checkpoints.save(state, number)
            if stop.signum is not None and not ended:
                raise Interrupted(
                    stop.signum,
                    f"Stopped by a signal at step {number}; the checkpoint is written. Start the "
                    "same command again to go on.",
                )
    return float(np.median(seconds[1:] or seconds or [np.nan]))


def _step(network, optimizer, levels, weight_decay):
    """A compiled function of a batch that takes a step and gives the loss."""
    weights = network.trainable_variables
    kernels = [w for w in weights if len(w.shape) > 1]

    @functools.partial(tf.function, jit_compile=JIT, autograph=False)
    def step(x, label):
        with tf.GradientTape() as tape:
            logits = network(tf.cast(x, tf.float32) / (levels - 1), training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(label, logits)
            decay = tf.add_n([tf.reduce_sum(tf.square(w.value)) for w in kernels])
            loss = tf.reduce_mean(losses) + 0.5 * weight_decay * decay
        optimizer.apply(tape.gradient(loss, [w.value for w in weights]), weights)
        return loss

    return step


def _measured(network, dataset):
    """Errors and cross-entropy on the test split, each example once."""

    @tf.function(autograph=False)
    def logits(x):
        return network(tf.cast(x, tf.float32) / (dataset.spec.levels - 1))

    wrong, nats = [], []
    for batch in dataset.eval_batches("test", 256):
        found = logits(batch["x"])
        wrong.extend(np.argmax(found, axis=1) != batch["label"].numpy())
        nats.extend(
            tf.nn.sparse_softmax_cross_entropy_with_logits(batch["label"], found).numpy().tolist()
        )
    logging.info("%d of %d test images are misjudged.", sum(wrong), len(wrong))
    return {
        "error": float(np.mean(wrong)),
        "nats": float(np.mean(nats, dtype=np.float64)),
        "examples": len(wrong),
    }


def summary(reports):
    """{name: what several reports say together} of {name: reports of `classify`}, one a seed."""
    return {
        name: {
            "errors": [report["error"] for report in of_seeds],
            "error": float(np.mean([report["error"] for report in of_seeds])),
            "spread": float(np.std([r["error"] for r in of_seeds], ddof=len(of_seeds) > 1)),
            "nats": float(np.mean([report["nats"] for report in of_seeds])),
            "weights": of_seeds[0]["weights"],
            "seconds_per_step": float(np.median([r["seconds_per_step"] for r in of_seeds])),
        }
        for name, of_seeds in reports.items()
    }


def table(found):
    """A `summary` as lines of text: a row a name, errors in percent with their deviation."""
    lines = [f"{'':14}{'errors, %':>16}{'nats':>8}{'weights':>10}{'s a step':>10}"]
    for name, row in found.items():
        errors = f"{100 * row['error']:.2f} +- {100 * row['spread']:.2f}"
        lines.append(
            f"{name:14}{errors:>16}{row['nats']:8.3f}{row['weights']:10,}"
            f"{row['seconds_per_step']:10.3f}"
        )
    return "\n".join(lines)
