"""Samples of which no real image is near, and where the flow took them from."""

import dataclasses

import numpy as np
import tensorflow as tf
from absl import logging

from glf.evaluation import clouds, pictures
from glf.evaluation.features import FeatureEvaluator, order
from glf.evaluation.neighbours import check_sets, nearest, squared_distances
from glf.evaluation.outliers import auroc
from glf.evaluation.report import metric
from glf.models.abilities import HasLatentFlow

# k of precision; neighbours whose labels are asked; training images beyond so many are left out.
BALL, ASKED, MOST = 3, 10, 20_000
SHOWN = 64

_MEANS = {
    "log_prob": "log p(z) of its latents",
    "base_norm": "minus the length of its base noise",
    "latent_distance": "minus the distance of its latents to the nearest of a training image",
    "latent_purity": "the share of the commonest label among the {k} training latents nearest it",
    "base_purity": "the same share among the {k} nearest in base space",
}


class RejectedSamples(FeatureEvaluator):
    """Which samples have no real image near them, and where in latent and base space they lie.

    A sample is rejected if it lies in no ball of a real image, as of precision with 3 neighbours:
    by features, of as many real images of the judged split as there are samples. What the flow
    could know of each sample, of its latents z and its base noise u = f(z), is held against that:

      AUROC = P(s(accepted) > s(rejected)) + P(s(accepted) = s(rejected)) / 2

    for s = log p(z); -|u|; minus the distance of z to the nearest latents of a training image; and
    the share of the commonest label among the ten nearest training images, by z and by u: where it
    is low, samples lie between classes. 1/2 says that s knows nothing of it, and 1 that whatever
    is rejected is lower. Of labels only where data have them, and by u only where the flow is not
    given them. Up to 20,000 training images stand for all.

    A picture shows the plane in which labels differ most (linear discriminants; without labels the
    principal axes), latents above and base space below: training images in the colours of their
    labels, then accepted and rejected samples in black over them. Two more show the first of either
    kind.

    Args:
      rejected_samples: Also draw so many samples of a model with a flow on its latents and find
        out which of them no real image is near, and where they lie in latent and base space.

    Raises:
      ValueError: if the number is 1 to 3.
    """

    needs = HasLatentFlow
    of = "models with a flow on latents of images"
    switch = "rejected_samples"
    shows = True
    ranks = False

    def __init__(self, rejected_samples=0, **shared):
        super().__init__(**shared)
        self.rejected_samples = rejected_samples
        self.samples = dataclasses.replace(self.samples, num=rejected_samples)
        if 0 < rejected_samples <= BALL:
            raise ValueError(
                f"rejected_samples={rejected_samples} is too few: balls reach to the {BALL}rd "
                f"neighbour; draw at least {BALL + 1}."
            )

    def refusal(self, subject):
        """No flow on latents, guidance, which has no base noise of its own, or the data."""
        if not isinstance(subject.model, self.needs):
            return f"for {self.of}; a {type(subject.model).__name__} is none of them"
        if self.requested and self.samples.guidance:
            return "for samples of the flow itself; leave feature_guidance out"
        return super().refusal(subject)

    def compare(self, features):
        """ "rejected_NAME", the share, and "rejected_auroc_SCORE_NAME" of every score."""
        subject, samples = features.subject, features.samples().features
        rejected = rejected_by(features.real(count=len(samples)).features, samples)
        sets = f"{len(samples)} samples; {features.about}"
        share = "share of samples in no ball of a real image, k = 3"
        metrics = {
            features.called("rejected"): metric(
                float(rejected.mean()), "", f"{share}; {sets}", "lower"
            )
        }
        places = _Places.of(subject, self.samples)
        if subject.show is not None:
            self._show(features, places, rejected)
        if rejected.all() or not rejected.any():
            logging.info("All samples are alike, rejected or not: there is no AUROC.")
            return metrics
        for score, values in places.scores().items():
            name = features.called(f"rejected_auroc_{score}")
            about = f"AUROC by which rejected samples have less of: {_MEANS[score]}; {sets}"
            found = auroc(values[~rejected], values[rejected])
            metrics[name] = metric(found, "", about.format(k=ASKED))
        return metrics

    def _show(self, features, places, rejected):
        subject, name = features.subject, features.called("rejected")
        subject.show(f"{name}_places", places.picture(rejected))
        images = subject.once(self.samples)
        for kind, chosen in (("rejected", rejected), ("accepted", ~rejected)):
            if chosen.any():
                shown = pictures.grid(images[chosen][:SHOWN], subject.model.spec.levels)
                subject.show(features.called(kind), shown)


def rejected_by(real, generated):
    """Which generated examples lie in no ball of a real one, bool [m]: see `supports`.

    Args:
      real: features [n, d], n > 3.
      generated: features [m, d].

    Raises:
      ValueError: if the features are no such sets, are too few, or are not finite.
    """
    real, generated = check_sets(real, generated, BALL + 1)
    radii = nearest(real, real, BALL, same=True)[0][:, -1]
    held = np.zeros(len(generated), bool)
    for i, j, block in squared_distances(real, generated):
        inside = (block < radii[i : i + len(block), None]).any(0)
        held[j : j + block.shape[1]] |= inside
    return ~held


@dataclasses.dataclass(frozen=True)
class _Places:
    """Latents and base noise of samples and of training images, vectors, with their labels.

    Attributes:
      log_prob: log p(z) of the samples, [n].
      z, u: of the samples, [n, d].
      real_z, real_u: of training images, [m, d].
      labels: of the training images, int [m], or None.
      conditional: whether the flow is given a condition.
    """

    log_prob: np.ndarray
    z: np.ndarray
    u: np.ndarray
    real_z: np.ndarray
    real_u: np.ndarray
    labels: np.ndarray | None
    conditional: bool

    @classmethod
    def of(cls, subject, samples):
        """Those of `Samples` and of the first training images in the `order` of features."""
        model, dataset = subject.model, subject.dataset
        examples = dataset.examples("train", order(dataset, "train")[:MOST])
        conditions = None
        if model.condition_encoder is not None:
            conditions = model.condition_of(examples)
        z, given = tf.constant(samples.latents(subject)), samples.conditions(subject)
        real = model.judged_latents(examples["x"], subject.seed)
        places = z, model.to_base(z, given), real, model.to_base(real, conditions)
        flat = (x.numpy().reshape(len(x), -1).astype(np.float64) for x in places)
        labels = None
        if dataset.spec.num_classes is not None:
            labels = np.asarray(examples["label"])
        log_prob = model.latent_log_prob(z, given).numpy().astype(np.float64)
        return cls(log_prob, *flat, labels, given is not None)

    def scores(self):
        """{name: float64 [n]}, higher where a sample looks more like an image."""
        squared, neighbours = nearest(self.z, self.real_z, ASKED)
        found = {
            "log_prob": self.log_prob,
            "base_norm": -np.linalg.norm(self.u, axis=1),
            "latent_distance": -np.sqrt(squared[:, 0]),
        }
        if self.labels is not None:
            found["latent_purity"] = purity(self.labels[neighbours])
            if not self.conditional:
                neighbours = nearest(self.u, self.real_u, ASKED)[1]
                found["base_purity"] = purity(self.labels[neighbours])
        return found

    def picture(self, rejected):
        """Panels, uint8 [height, width, 3]: latents above, base space below."""
        return np.concatenate(
            [
                clouds.row(real, self.labels, (samples[~rejected], samples[rejected]))
                for real, samples in ((self.real_z, self.z), (self.real_u, self.u))
            ]
        )


def purity(labels):
    """The share of the commonest of labels, int [n, k] of at least 0: float64 [n]."""
    counts = (labels[:, :, None] == np.arange(labels.max() + 1)).sum(1)
    return counts.max(1) / labels.shape[1]
