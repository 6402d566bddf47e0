"""Recognition of samples: a classifier of real images judges whether they look like these."""

import dataclasses

import numpy as np

from glf.core import random
from glf.evaluation.base import Evaluator
from glf.evaluation.report import metric

EXAMPLES = 10_000
FEATURES = 500
# Real images are recognised when the classifier is surer of them than of these of the test split.
LEAST_SURE = 0.05


class Recognition(Evaluator):
    """How many samples of a model a `Judge` recognises.

    A conditional model gets the conditions of the first examples of the split.

    Args:
      judged_samples: Also draw so many samples and let a classifier of the data's images judge
        them.
    """

    of = "data with labels"
    switch = "judged_samples"
    shared = True

    def __init__(self, judged_samples=0):
        self.judged_samples = judged_samples

    def refusal(self, subject):
        """Why samples cannot be judged: the data have no labels."""
        if subject.dataset.spec.num_classes:
            return None
        return f"for {self.of}; {subject.dataset.name} has none"

    def measure(self, subject):
        """ "recognised", "class_balance" and "classifier_accuracy".

        Raises:
          ValueError: as `Judge` and the model's `sample` do.
        """
        model, dataset, split = subject.model, subject.dataset, subject.split
        num = self.judged_samples
        condition = model.condition_of(dataset.examples(split, slice(0, num)))
        if condition is not None:
            num = min(num, dataset.num_examples(split))
        drawn = model.sample(num, subject.seed, condition=condition).numpy()
        if subject.shares.number:
            return {}  # the first process judges what all have drawn
        judge = Judge(dataset, split)
        judged = judge(drawn)
        real = f"{100 * (1 - LEAST_SURE):g} % of real images of the {split} split are"
        return {
            "recognised": metric(
                float(judged.recognised.mean()),
                "",
                f"share of {num} samples that a classifier of real images is sure of; {real}",
                "higher",
            ),
            "class_balance": metric(
                judged.class_balance,
                "",
                "exp of the entropy of the samples' classes, / classes",
                "higher",
            ),
            "classifier_accuracy": metric(
                judge.accuracy, "", f"of that classifier, on the real images of the {split} split"
            ),
        }


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What a `Judge` says of n images.

    Attributes:
      labels: the likeliest class of each, int [n].
      confidence: the probability of that class, [n].
      recognised: whether that is at least the judge's threshold, bool [n].
      class_balance: exp of the entropy of `labels`, over the number of classes: 1 where all
        classes are equally frequent, 1 / classes where one is all there is.
    """

    labels: np.ndarray
    confidence: np.ndarray
    recognised: np.ndarray
    class_balance: float


class Judge:
    """A classifier of a dataset's images, and how sure it is of real ones.

    Logistic regression on the kernels exp(-2 |a - b|^2 / m) of an image with up to 500 training
    images (the Nystroem approximation, Williams and Seeger 2000), m the mean squared distance of
    two training images. Far from all training images every kernel is near 0 and the classifier
    unsure, which a network or a support vector machine need not be.

    An image counts as recognised when the probability of its likeliest class is at least the 5 %
    quantile of that probability over the test split: 95 % of the real images that the classifier
    has not seen are. Samples that look like them reach 95 %, too; more means that they are plainer
    than real ones.

    Args:
      dataset: a `Dataset` with labels; up to 10,000 examples of its train split are learned from.
      split: the real images that set the threshold, up to 10,000 of them.
      seed: of the choice of images.

    Attributes:
      threshold: the least confidence of a recognised image.
      accuracy: the share of real images of `split` whose class is found.

    Raises:
      ValueError: if the dataset has no labels, its train split holds a single class, or `split` is
        empty.
    """

    def __init__(self, dataset, split="test", seed=0):
        spec = dataset.spec
        if not spec.num_classes:
            raise ValueError(
                f"{dataset.name} has no labels; samples are judged by a classifier of labelled "
                "images."
            )
        if not dataset.num_examples(split):
            raise ValueError(f"The {split} split of {dataset.name} is empty; choose another.")
        self._levels, self._classes = spec.levels, spec.num_classes
        generator = random.numpy_generator(seed, "judge")
        images, labels = self._examples(dataset, "train", generator)
        if len(np.unique(labels)) < 2:
            raise ValueError(f"All training images of {dataset.name} have one label, {labels[0]}.")
        # Of two independent images: E|a - b|^2 = 2 * total variance.
        distance = max(2.0 * images.var(axis=0).sum(), np.finfo(np.float64).tiny)
        from sklearn.kernel_approximation import Nystroem  # slow to import, needed only here
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        kernels = Nystroem(
            gamma=2.0 / distance,
            n_components=min(FEATURES, len(images)),
            random_state=int(generator.integers(2**31)),
        )
        self._classifier = make_pipeline(kernels, LogisticRegression(C=10.0, max_iter=2000))
        self._classifier.fit(images, labels)
        images, labels = self._examples(dataset, split, generator)
        predicted, confidence = self._predict(images)
        self.accuracy = float(np.mean(predicted == labels))
        self.threshold = float(np.quantile(confidence, LEAST_SURE))

    def _examples(self, dataset, split, generator):
        some = generator.permutation(dataset.num_examples(split))[:EXAMPLES]
        batch = dataset.examples(split, np.sort(some))
        return self._flat(batch["x"]), np.asarray(batch["label"])

    def _flat(self, images):
        images = np.asarray(images, np.float64)
        return images.reshape(len(images), -1) / (self._levels - 1)

    def _predict(self, flat):
        probabilities = self._classifier.predict_proba(flat)
        best = probabilities.argmax(axis=1)
        return self._classifier.classes_[best], probabilities.max(axis=1)

    def __call__(self, images):
        """The `Judgement` of images, integers in the data's levels [n, height, width, channels]."""
        labels, confidence = self._predict(self._flat(images))
        shares = np.bincount(labels, minlength=self._classes) / len(labels)
        seen = shares[shares > 0]
        balance = float(np.exp(-np.sum(seen * np.log(seen))) / self._classes)
        return Judgement(labels, confidence, confidence >= self.threshold, balance)
