"""Latents of a split, and mixtures of Gaussians fitted to those of the train split."""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from glf.core import random
from glf.evaluation.features import Samples

# Latents are encoded and decoded so many at a time.
BATCH = 1024


@dataclasses.dataclass(frozen=True)
class Latents:
    """The latents of every example of a split, float64 [num, d], for `Subject.once`.

    As the model's density is to judge them: see `judged_latents`.
    """

    split: str

    def __call__(self, subject):
        """They, in the encoder's inference mode."""
        batches = subject.dataset.eval_batches(self.split, BATCH)
        seed = random.fold(subject.seed, "latents", self.split)
        pieces = [
            subject.model.judged_latents(batch["x"], random.fold(seed, index)).numpy()
            for index, batch in enumerate(batches)
        ]
        z = np.concatenate(pieces).astype(np.float64)
        return z.reshape(len(z), -1)


@dataclasses.dataclass(frozen=True)
class Mixture:
    """A mixture of `number` Gaussians fitted to training latents, for `Subject.once`."""

    number: int

    def __call__(self, subject):
        """The `Fitted`.

        Raises:
          ValueError: if there are fewer latents than components.
        """
        train = subject.once(Latents("train"))
        if len(train) < self.number:
            raise ValueError(
                f"components={self.number} asks for more Gaussians than there are training "
                f"latents, {len(train)}."
            )
        mixture = _fit(self.number, train, subject.seed)
        return Fitted((mixture,), np.zeros(1), train)


@dataclasses.dataclass(frozen=True)
class MixtureByLabel:
    """A mixture of `number` Gaussians in all, as many for each label, for `Subject.once`.

    Where `number` is no multiple of the number of labels, the greatest that is less.
    """

    number: int

    def __call__(self, subject):
        """The `Fitted`: p(z) = sum_c p(c) p(z | c), p(c) the share of label c in training.

        Raises:
          ValueError: if there are fewer latents of a label than components for it.
        """
        train, labels = subject.once(Latents("train")), labels_of(subject, "train")
        each, mixtures = self.number // subject.model.spec.num_classes, []
        for label in range(subject.model.spec.num_classes):
            own = train[labels == label]
            if len(own) < max(each, 2):
                raise ValueError(
                    f"components={self.number} asks for {each} Gaussians for each label, and "
                    f"label {label} has {len(own)} training latents."
                )
            mixtures.append(_fit(each, own, subject.seed))
        return Fitted(tuple(mixtures), log_shares(subject), train)


def labels_of(subject, split):
    """The labels of a split, in the order of `Latents`."""
    batches = subject.dataset.eval_batches(split, BATCH)
    return np.concatenate([np.asarray(batch["label"]) for batch in batches])


def log_shares(subject):
    """log p(c) of every label c in training, -inf of one that does not occur."""
    labels = labels_of(subject, "train")
    counts = np.bincount(labels, minlength=subject.model.spec.num_classes)
    with np.errstate(divide="ignore"):
        return np.log(counts / len(labels))


def _fit(number, z, seed):
    from sklearn.mixture import GaussianMixture  # slow to import, needed only here

    return GaussianMixture(number, random_state=seed, max_iter=200, reg_covar=1e-6).fit(z)


@dataclasses.dataclass(frozen=True)
class Fitted:
    """One mixture that was fitted or, with labels, one for each.

    Attributes:
      mixtures: scikit-learn's.
      log_shares: the logarithm of each one's weight, float64 [len(mixtures)].
      train: the latents that they were fitted to.
    """

    mixtures: tuple[typing.Any, ...]
    log_shares: np.ndarray
    train: np.ndarray

    @property
    def parameters(self):
        """Weights, means and covariances: K (1 + d + d (d + 1) / 2) - 1 numbers of each."""
        shapes = [mixture.means_.shape for mixture in self.mixtures]
        return sum(k * (1 + d + d * (d + 1) // 2) - 1 for k, d in shapes)

    @property
    def train_nll(self):
        """`nll` of what they were fitted to."""
        return self.nll(self.train)

    def nll(self, z):
        """Minus the mean log-density of latents [n, d], in nats."""
        parts = [
            share + mixture.score_samples(z)
            for share, mixture in zip(self.log_shares, self.mixtures, strict=True)
        ]
        return -float(np.logaddexp.reduce(parts, axis=0).mean())

    def images(self, subject, num):
        """`num` samples decoded, uint8 in the data's levels.

        With labels, sample i is of the label that sample i of the model has, see `Samples`.
        """
        if len(self.mixtures) == 1:
            drawn, component = self.mixtures[0].sample(num)
            # scikit-learn sorts its samples by component; a picture should not.
            order = random.numpy_generator(subject.seed, "mixture").permutation(len(component))
            z = drawn[order]
        else:
            labels = Samples(num).labels(subject)
            z = np.zeros((num, self.train.shape[1]))
            for label in np.unique(labels):
                drawn, _ = self.mixtures[label].sample((labels == label).sum())
                generator = random.numpy_generator(subject.seed, "mixture", int(label))
                z[labels == label] = generator.permutation(drawn)
        model, z = subject.model, z.astype(np.float32)
        pieces = [
            model.decode(latents_of(model, z[i : i + BATCH])).numpy() for i in range(0, num, BATCH)
        ]
        return np.concatenate(pieces)


def latents_of(model, z):
    """Vectors as the model's latents."""
    return tf.reshape(tf.constant(z, tf.float32), (-1, *model.latent_spec.shape[1:]))
