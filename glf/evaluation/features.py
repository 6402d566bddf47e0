"""Features of samples, of real images and of reconstructions, shared by all who compare them."""

import abc
import dataclasses
import functools

import numpy as np
import tensorflow as tf
from absl import logging

from glf.core import cache, random
from glf.core.checks import checked_guidance, checked_temperature
from glf.core.progress import Progress
from glf.core.shares import ALONE
from glf.evaluation.base import Evaluator
from glf.extractors import choice
from glf.extractors.base import Extracted, Extractor, has_images
from glf.extractors.registry import make_extractor
from glf.models.guidance import HasGuidance

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
      feature_temperature: Draw these samples at a temperature; their metrics are called so.
      feature_guidance: Draw them with a weight of guidance towards their labels, 0 for none, of a
        model that learned what there is without a label; their metrics are called so.
    """

    switch = "feature_samples"
    shared = True

    def __init__(
        self,
        feature_samples=0,
        feature_extractor=("classifier",),
        feature_temperature=1.0,
        feature_guidance=0.0,
    ):
        self.feature_samples = feature_samples
        self.feature_extractor = tuple(feature_extractor)
        self.samples = Samples(feature_samples, feature_temperature, feature_guidance)
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
        if refused is None and self.samples.guidance and not _guidable(subject.model):
            return (
                "for guided samples of models that learned what there is without a label; of this "
                "one leave feature_guidance out"
            )
        if refused is None and self.requested:
            for text in self.feature_extractor:
                subject.once(_Chosen(text))
        return refused

    def measure(self, subject):
        """What `compare` measures, by every extractor."""
        metrics = {}
        for text in self.feature_extractor:
            metrics |= self.compare(features_of(subject, text, self.samples))
        return metrics

    @abc.abstractmethod
    def compare(self, features):
        """{name: metric} of `Features`; `features.called("fid")` makes a name."""


@dataclasses.dataclass(frozen=True)
class Samples:
    """Samples of a subject's model, an integer array, for `Subject.once`.

    Drawn from the subject's seed, 1024 at a time. Sample i of a conditional model has the condition
    of example i of the split, which begins again where it ends.

    Attributes:
      num: how many.
      temperature: as of the model's `sample`.
      guidance: the weight of guidance, at least 0; 0 for none.

    Raises:
      ValueError: if temperature or weight are negative or not finite.
    """

    num: int
    temperature: float = 1.0
    guidance: float = 0.0

    def __post_init__(self):
        checked_temperature(self.temperature)
        checked_guidance(self.guidance)

    @property
    def called(self):
        """What the names of their metrics end in: nothing for the model's own distribution."""
        temperature = f"_temperature_{self.temperature:g}" if self.temperature != 1 else ""
        return temperature + (f"_guidance_{self.guidance:g}" if self.guidance else "")

    @property
    def said(self):
        """The same in words."""
        temperature = f" at temperature {self.temperature:g}" if self.temperature != 1 else ""
        return temperature + (f" with guidance {self.guidance:g}" if self.guidance else "")

    def __call__(self, subject):
        """They."""
        return self._each(subject, "samples", self._of)

    def latents(self, subject):
        """What a model with a flow on its latents decodes to these samples, float32 [num, ...]."""
        return self._each(subject, "latents", self._latents_of)

    def conditions(self, subject, start=0, stop=None):
        """The conditions of the samples, or of some of them; None of a model without."""
        if subject.model.condition_encoder is None:
            return None
        numbers = np.arange(start, self.num if stop is None else stop)
        return subject.model.condition_of(self._examples(subject, numbers))

    def _each(self, subject, name, of):
        """What `of` makes of each chunk's (model, number, seed, condition), one after the other."""
        model, progress = subject.model, Progress(name.capitalize(), self.num)

        def make(_, start):
            stop = min(start + CHUNK, self.num)
            condition = self.conditions(subject, start, stop)
            seed = random.fold(subject.seed, "feature samples", start)
            progress.at(start)
            return {"x": of(model, stop - start, seed, condition).numpy()}

        starts = functools.partial(range, 0, self.num, CHUNK)
        drawn = subject.shares.over(f"{name}-{self.num}{self.called}", starts, make)
        return np.concatenate([each["x"] for each in drawn])

    def labels(self, subject):
        """The labels of the samples of a model that is given labels, int [num]."""
        return np.asarray(self._examples(subject, np.arange(self.num))["label"])

    def _examples(self, subject, numbers):
        """What gives samples with these numbers their conditions."""
        num = subject.dataset.num_examples(subject.split)
        return subject.dataset.examples(subject.split, numbers % num)

    def _of(self, model, num, seed, condition):
        if self.guidance:
            return model.sample_guided(num, seed, self.guidance, self.temperature, condition)
        return model.sample(num, seed, self.temperature, condition)

    def _latents_of(self, model, num, seed, condition):
        return model.sample_latents(num, seed, self.temperature, condition)


def _guidable(model):
    return isinstance(model, HasGuidance) and model.guidable


def features_of(subject, text, samples):
    """`Features` of a subject by the extractor that a text chooses, made once for all."""
    return Features(subject, subject.once(_Chosen(text)), samples)


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
      drawn: the `Samples`.
    """

    subject: object
    extractor: Extractor
    drawn: Samples

    def called(self, measure):
        """The name of a metric of these features: "fid" is "fid_squeezenet", for example.

        What `Samples` are called follows, if they are not of the model's own distribution.
        """
        return f"{measure}_{self.extractor.name}{self.drawn.called}"

    @property
    def about(self):
        """What the features are, and how samples were drawn, for the meaning of a metric."""
        drawn = f"; samples{self.drawn.said}" if self.drawn.said else ""
        return f"features: {self.extractor.about}{drawn}"

    def samples(self):
        """`Extracted` of the `Samples`."""
        return self.subject.once(_OfSamples(self.extractor, self.drawn))

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
class _OfSamples:
    extractor: Extractor
    drawn: Samples

    def __call__(self, subject):
        drawn = subject.once(self.drawn)
        name = f"samples-{len(drawn)}{self.drawn.called}"
        given = (lambda start, stop: drawn[start:stop]), len(drawn), CHUNK
        return self.extractor.over(*given, subject.shares, name)


@dataclasses.dataclass(frozen=True)
class _OfReal:
    extractor: Extractor
    split: str
    count: int

    def __call__(self, subject):
        """Kept in the cache, too, under the images themselves and the extractor."""
        images, starts = _images(subject, self.split, self.count), range(0, self.count, CHUNK)
        contents = [cache.digest(images(i, min(i + CHUNK, self.count))) for i in starts]
        key = cache.digest(contents, subject.dataset.spec.levels, self.extractor.fingerprint)

        def made():
            logging.info(
                "Features of %d %s images by %s, kept for the next time.",
                *(self.count, self.split, self.extractor.name),
            )
            name = f"{self.split}-{self.count}"
            extracted = self.extractor.over(images, self.count, CHUNK, subject.shares, name)
            return {n: array for n, array in extracted._asdict().items() if array is not None}

        kind, together = f"features-{self.extractor.name}", subject.shares is not ALONE
        return Extracted(**cache.arrays(kind, key, made, together))


@dataclasses.dataclass(frozen=True)
class _OfReconstructions:
    extractor: Extractor
    split: str
    count: int

    def __call__(self, subject):
        model, examples = subject.model, _examples(subject, self.split, self.count)

        def reconstructed(start, stop):
            batch = examples(start, stop)
            condition = model.reconstruction_condition_of(batch)
            return model.reconstruct(tf.constant(batch["x"]), condition).numpy()

        name = f"reconstructions-{self.split}-{self.count}"
        return self.extractor.over(reconstructed, self.count, CHUNK, subject.shares, name)


def _images(subject, split, count):
    """As of `_examples`, to their images."""
    examples = _examples(subject, split, count)
    return lambda start, stop: examples(start, stop)["x"]


def _examples(subject, split, count):
    """A function of (start, stop), to these of the first examples in the order of features."""
    rows = order(subject.dataset, split)[:count]
    return lambda start, stop: subject.dataset.examples(split, rows[start:stop])
