"""Features of samples, of real images and of reconstructions, shared by all who compare them."""

import abc
import dataclasses

import numpy as np
import tensorflow as tf
from absl import logging

from glf.core import cache, random
from glf.core.progress import Progress
from glf.evaluation.base import Evaluator
from glf.extractors import choice
from glf.extractors.base import Extracted, Extractor, has_images
from glf.extractors.registry import make_extractor

# Samples are drawn so many at a time, and images read.
CHUNK = 1024
# Real images of a split beyond so many are left out.
MOST_REAL = 50_000


class FeatureEvaluator(Evaluator):
    """An evaluator that compares features of images, one extractor after the other.

    A subclass says in `compare` what it measures of `Features`. Options of its own stand in its
    constructor, which hands on the others: `def __init__(self, subsets=100, **shared)`.

    Args:
      feature_samples: Also draw so many samples and compare their features with those of real
        images. 10,000 is what papers take.
      feature_extractor: What the features are of: classifier, of the data's own labels, trained
        once and kept; squeezenet:PATH; inception or inception:PATH, the graph of 2015 that FID is
        defined by; keras:NAME or keras:NAME:PATH, a network of keras.applications; pixels.
        Repeatable.
    """

    switch = "feature_samples"

    def __init__(self, feature_samples=0, feature_extractor=("classifier",)):
        self.feature_samples = feature_samples
        self.feature_extractor = tuple(feature_extractor)
        for text in self.feature_extractor:
            choice.parse(text)

    def refusal(self, subject):
        """Why features cannot be compared: the data are no images, or lack labels.

        Where they are asked for, extractors are made now, before anything is measured: what is
        wrong with their weights is an error of theirs.
        """
        dataset = subject.dataset
        if not has_images(dataset.spec):
            return f"for images; those of {dataset.name} are none"
        if dataset.spec.num_classes is None and choice.needs_labels(self.feature_extractor):
            return (
                f"by a classifier of the data's labels, and {dataset.name} has none; choose "
                "feature_extractor squeezenet:PATH, inception, keras:NAME or pixels"
            )
        refused = super().refusal(subject)
        if refused is None and self.requested:
            for text in self.feature_extractor:
                subject.once(_Chosen(text))
        return refused

    def measure(self, subject):
        """What `compare` measures, by every extractor."""
        metrics = {}
        for text in self.feature_extractor:
            metrics |= self.compare(features_of(subject, text, self.feature_samples))
        return metrics

    @abc.abstractmethod
    def compare(self, features):
        """{name: metric} of `Features`; `features.called("fid")` makes a name."""


def features_of(subject, text, num):
    """`Features` of a subject by the extractor that a text chooses, made once for all."""
    return Features(subject, subject.once(_Chosen(text)), num)


def samples_of(subject, num):
    """`num` samples of a subject's model, an integer array, drawn once for all.

    Drawn from the subject's seed, 1024 at a time. Sample i of a conditional model has the condition
    of example i of the split, which begins again where it ends.
    """
    return subject.once(_Samples(num))


def order(dataset, split):
    """The examples of a split in the order in which features are taken of them, int [n].

    A permutation that depends on their number alone: the first ones are a fair choice of all.
    """
    num = dataset.num_examples(split)
    return random.numpy_generator(num, "order of features").permutation(num)


@dataclasses.dataclass(frozen=True)
class Features:
    """Features by one extractor, each computed when it is asked for and kept for the others.

    Attributes:
      subject: a `Subject`.
      extractor: an `Extractor`.
      num: how many samples are drawn.
    """

    subject: object
    extractor: Extractor
    num: int

    def called(self, measure):
        """The name of a metric of these features: "fid" is "fid_squeezenet", for example."""
        return f"{measure}_{self.extractor.name}"

    @property
    def about(self):
        """What the features are, for the meaning of a metric."""
        return f"features: {self.extractor.about}"

    def samples(self):
        """`Extracted` of `num` samples, those of `samples_of`."""
        return self.subject.once(_OfSamples(self.extractor, self.num))

    def real(self, split=None, count=None):
        """`Extracted` of the first `count` examples of a split in the `order` of features.

        Args:
          split: None: the split that is judged.
          count: None, or more than there are: all of them.
        """
        return self.subject.once(self._some(_OfReal, split, count))

    def reconstructions(self, split=None, count=None):
        """`Extracted` of the reconstructions of the examples of `real`, one beside the other."""
        return self.subject.once(self._some(_OfReconstructions, split, count))

    def _some(self, kind, split, count):
        split = split or self.subject.split
        num = self.subject.dataset.num_examples(split)
        return kind(self.extractor, split, num if count is None else min(count, num))


@dataclasses.dataclass(frozen=True)
class _Chosen:
    text: str

    def __call__(self, subject):
        return make_extractor(self.text, subject.dataset)


@dataclasses.dataclass(frozen=True)
class _Samples:
    num: int

    def __call__(self, subject):
        model, dataset, split = subject.model, subject.dataset, subject.split
        progress, drawn = Progress("Samples", self.num), []
        for start in range(0, self.num, CHUNK):
            numbers = np.arange(start, min(start + CHUNK, self.num))
            condition = None
            if model.condition_encoder is not None:
                examples = dataset.examples(split, numbers % dataset.num_examples(split))
                condition = model.condition_of(examples)
            seed = random.fold(subject.seed, "feature samples", start)
            drawn.append(model.sample(len(numbers), seed, condition=condition).numpy())
            progress.at(start)
        return np.concatenate(drawn)


@dataclasses.dataclass(frozen=True)
class _OfSamples:
    extractor: Extractor
    num: int

    def __call__(self, subject):
        return self.extractor(samples_of(subject, self.num))


@dataclasses.dataclass(frozen=True)
class _OfReal:
    extractor: Extractor
    split: str
    count: int

    def __call__(self, subject):
        """Kept in the cache, too, under the images themselves and the extractor."""
        contents = [cache.digest(x) for x in self._images(subject)]
        key = cache.digest(contents, subject.dataset.spec.levels, self.extractor.fingerprint)

        def made():
            logging.info(
                "Features of %d %s images by %s, kept for the next time.",
                *(self.count, self.split, self.extractor.name),
            )
            extracted = self.extractor.over(self._images(subject), self.count)._asdict()
            return {name: array for name, array in extracted.items() if array is not None}

        return Extracted(**cache.arrays(f"features-{self.extractor.name}", key, made))

    def _images(self, subject):
        return (batch["x"] for batch in _examples(subject, self.split, self.count))


@dataclasses.dataclass(frozen=True)
class _OfReconstructions:
    extractor: Extractor
    split: str
    count: int

    def __call__(self, subject):
        model = subject.model

        def reconstructed():
            for batch in _examples(subject, self.split, self.count):
                condition = model.reconstruction_condition_of(batch)
                yield model.reconstruct(tf.constant(batch["x"]), condition).numpy()

        return self.extractor.over(reconstructed(), self.count)


def _examples(subject, split, count):
    """The first examples of a split in the order of features, a chunk at a time."""
    rows = order(subject.dataset, split)[:count]
    for start in range(0, count, CHUNK):
        yield subject.dataset.examples(split, rows[start : start + CHUNK])
