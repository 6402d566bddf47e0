"""An experiment: a model, its data, how long it is trained and how often it is looked at."""

import dataclasses
from collections.abc import Callable, Sequence

from glf.data.make import make_dataset as default_dataset
from glf.evaluation.evaluate import check_request
from glf.training.optimizers import adam
from glf.training.stages import make_stages


def check_integer(name, value, least):
    """Refuses anything but Python's integers of at least `least`: configurations hold no others.

    Raises:
      ValueError: that calls the value by its `name`.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}.")


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Everything that decides what comes of training; configurations bind it as `train`.

    Attributes:
      make_model: called with the data's `DataSpec`; returns a `GenerativeModel`.
      make_dataset: called with `data_dir`; returns a `Dataset`.
      num_steps: the step at which the run is finished.
      batch_size: examples in a step, over all replicas.
      seed: drives the initial weights, the order of the data, and all noise.
      optimizers: {parameter group: factory of a Keras optimizer}, or one factory for all groups.
      updates_per_step: {group: n} for groups that take n optimizer steps on parts of each batch;
        their optimizers' schedules count these. None: one step each, jointly.
      stages: pairs (groups, length) of groups that are trained one after the other: lengths are
        numbers of steps or, floats, shares of `num_steps`. What is out of its stage takes no step,
        its optimizer counts none, and its batch normalisations are in inference mode. The best
        checkpoint is one of the last stage. None: all groups are trained all the time.
      batch_parts: in how many equal parts a step goes through its batch, one after the other, to
        need the memory of one of them and of one more gradient. The loss terms are means over the
        whole batch and the gradient is theirs, as in one part but for the order of sums. What an
        example does not decide alone goes by parts: batch statistics, moving averages of them and
        of codebooks are each part's, what starts from data does so from the first part or
        `init_examples`, and noise has a seed for each part, that of a replica with the same rows.
      rematerialise: whether the insides of blocks are computed again for the gradient instead of
        being kept, see `glf.core.rematerialise`: of the times that a `Chain` of bijectors goes
        through its list, of the residual blocks of PixelCNN++, of the blocks of a transformer or of
        Flow++'s networks.
        Losses and gradients are the same; a step takes less memory and more time.
      clip_norm: the largest global norm of each group's gradient; None: not clipped.
      moving_average: decay of the weights' moving average, which then is what validation,
        pictures, and every later program use; None: none is kept.
      batch_norm_across_replicas: whether the networks' batch normalisations take the statistics of
        the whole batch where replicas share it, as one replica would, at two sums a layer; False:
        each those of its own share. Those that are bijectors always take the whole batch's.
      init_examples: how many training examples set the weights that start from data, such as an
        `ActNorm`'s, in one pass in training mode before the first step; None: the first batch.
      initial_run: the folder of a run of the same model, whose weights this one starts from, its
        averaged ones if it keeps an average; None: fresh weights. Optimizers, their schedules and
        the order of the data begin anew, and the data may be others of the same shape. Once the
        first checkpoint is written that folder is needed no more.
      initial_checkpoint: which of its checkpoints: "latest", "best" or a step.
      log_every: steps between lines in logs/train.jsonl and summaries.
      checkpoint_every: steps between checkpoints.
      keep_checkpoints: how many of the newest to keep.
      validate_every: steps between passes over the validation split; 0: never.
      evaluate_every: steps between evaluations of the validation split, the first before the first
        step; 0: never.
      evaluators: names of `glf.evaluation.registry` of those that measure then; none: all that
        apply.
      evaluator_options: {name: value} of theirs, as of `glf.evaluation.evaluate.evaluate`; None:
        their defaults.
      best_metric: what marks the best checkpoint: the lowest value of a term of validation, or a
        metric of the evaluations, which says which direction is better.
      patience: stop after this many validations, or evaluations where `best_metric` is one of
        theirs, without a better one; None: never.
      pictures_every: steps between pictures of samples and reconstructions; 0: never.
      num_pictures: how many images a picture holds.
      max_steps_per_call: the largest number of steps in one call of the compiled loop.

    Raises:
      ValueError: if a number is out of range.
    """

    make_model: Callable
    make_dataset: Callable = default_dataset
    num_steps: int = 10_000
    batch_size: int = 256
    seed: int = 0
    optimizers: Callable | dict = adam
    updates_per_step: dict | None = None
    stages: list | None = None
    batch_parts: int = 1
    rematerialise: bool = False
    clip_norm: float | None = None
    moving_average: float | None = None
    batch_norm_across_replicas: bool = False
    init_examples: int | None = None
    initial_run: str | None = None
    initial_checkpoint: str | int = "latest"
    log_every: int = 100
    checkpoint_every: int = 1000
    keep_checkpoints: int = 3
    validate_every: int = 1000
    evaluate_every: int = 0
    evaluators: Sequence = ()
    evaluator_options: dict | None = None
    best_metric: str = "loss"
    patience: int | None = None
    pictures_every: int = 1000
    num_pictures: int = 64
    max_steps_per_call: int = 1000

    def __post_init__(self):
        least = dict.fromkeys(("validate_every", "evaluate_every", "pictures_every"), 0)
        for field in dataclasses.fields(self):
            if field.type is int and field.name != "seed":
                self._check_integer(field.name, least.get(field.name, 1))
        check_request(self.evaluators, self.evaluator_options or {})
        if (self.evaluators or self.evaluator_options) and not self.evaluate_every:
            raise ValueError(
                "train.evaluators and train.evaluator_options have no effect: nothing is evaluated "
                "while train.evaluate_every is 0."
            )
        if self.init_examples is not None:
            self._check_integer("init_examples", 1)
        if self.init_examples is not None and self.initial_run is not None:
            raise ValueError(
                "train.init_examples has no effect on the weights of train.initial_run; bind one "
                "of them."
            )
        if self.initial_run is None and self.initial_checkpoint != "latest":
            raise ValueError(
                "train.initial_checkpoint has no effect without train.initial_run, the folder of "
                "the run that it is of."
            )
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"train.patience must be at least 1 or None, got {self.patience}.")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise ValueError(f"train.clip_norm must be positive or None, got {self.clip_norm}.")
        if self.make_stages()[1:] and self.patience is not None:
            raise ValueError(
                "train.patience could end a run before all of train.stages have begun; bind "
                "train.patience = None."
            )

    def make_stages(self):
        """The `Stage`s of the run, in order."""
        return make_stages(self.stages, self.num_steps)

    def _check_integer(self, name, least):
        check_integer(f"train.{name}", getattr(self, name), least)

    def make_optimizers(self, groups):
        """{name: optimizer}: those that are named, or one of the same kind for each of `groups`."""
        factories = self.optimizers or adam
        if callable(factories):
            factories = dict.fromkeys(groups, factories)
        return {name: make() for name, make in factories.items()}

    @property
    def intervals(self):
        """Steps between events of each kind; 0 where there are none."""
        looked_at = (self.log_every, self.validate_every, self.evaluate_every)
        return (*looked_at, self.pictures_every, self.checkpoint_every)
