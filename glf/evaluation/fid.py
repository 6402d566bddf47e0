"""Frechet distance of features of samples to those of real images: FID."""

from absl import logging

from glf.evaluation.features import MOST_REAL, FeatureEvaluator
from glf.evaluation.frechet import Moments, frechet_distance
from glf.evaluation.report import metric

# The matrices of longer features take hours.
LONGEST = 4096


class FID(FeatureEvaluator):
    """The Frechet distance of the Gaussians fitted to features of samples and of real images.

    Heusel et al. 2017, arXiv 1706.08500. The judged split is the reference, all of it up to 50,000
    images. It depends on the number of samples and the split: both are said. The floor is the
    distance of as many real images of another split, training images unless these are judged.
    """

    of = "images"

    def compare(self, features):
        """ "fid_NAME" and "fid_floor_NAME"."""
        subject = features.subject
        real = features.real(count=MOST_REAL).features
        if is_too_long(features, real):
            return {}
        other = "test" if subject.split == "train" else "train"
        moments = Moments.of(real)
        samples = features.samples().features
        against = f"{len(real)} images of the {subject.split} split; {features.about}"
        metrics = {
            features.called("fid"): metric(
                distance(moments, samples),
                "",
                f"Frechet distance of {len(samples)} samples to {against}",
                better="lower",
            )
        }
        if subject.dataset.num_examples(other):
            floor = features.real(other, len(samples)).features
            metrics[features.called("fid_floor")] = metric(
                distance(moments, floor), "", f"of {len(floor)} {other} images to the same"
            )
        return metrics


def is_too_long(features, vectors):
    """Whether vectors have too many values for their covariance; a warning says so."""
    if vectors.shape[1] <= LONGEST:
        return False
    logging.warning(
        "No Frechet distance of %s: of %d features, and more than %d take hours.",
        *(features.extractor.name, vectors.shape[1], LONGEST),
    )
    return True


def distance(reference, vectors):
    """The Frechet distance of vectors [n, d] from the `Moments` of others."""
    moments = Moments.of(vectors)
    return frechet_distance(reference.mean, reference.covariance, moments.mean, moments.covariance)
