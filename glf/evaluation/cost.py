"""What a model costs: its weights, and the time of sampling."""

import math
import time

import numpy as np

from glf.evaluation.base import Evaluator
from glf.evaluation.report import metric


class Cost(Evaluator):
    """The number of trainable weights and, where asked for, the milliseconds of a sample.

    Args:
      timed_samples: Also take the time of drawing so many samples at once.
    """

    def __init__(self, timed_samples=0):
        self.timed_samples = timed_samples

    def measure(self, subject):
        """ "parameters", and "sampling_ms" where asked for.

        The first drawing, which builds the program, is not timed. A conditional model gets the
        conditions of the split's examples, from the first on and round again.
        """
        weights = sum(math.prod(weight.shape) for weight in subject.model.trainable_weights)
        metrics = {"parameters": metric(weights, "", "trainable weights")}
        if num := self.timed_samples:
            dataset, split = subject.dataset, subject.split
            condition = None
            if subject.model.condition_encoder is not None:
                numbers = np.arange(num) % dataset.num_examples(split)
                condition = subject.model.condition_of(dataset.examples(split, numbers))
            subject.model.sample(num, subject.seed, condition=condition)
            began = time.perf_counter()
            subject.model.sample(num, subject.seed, condition=condition).numpy()
            spent = 1e3 * (time.perf_counter() - began) / num
            metrics["sampling_ms"] = metric(
                spent,
                "ms",
                f"time of a sample where {num} are drawn at once, on this machine",
                "lower",
            )
        return metrics
