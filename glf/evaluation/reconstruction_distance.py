"""Frechet distance of features of reconstructions to those of the images themselves."""

from glf.evaluation.features import MOST_REAL, FeatureEvaluator
from glf.evaluation.fid import distance, is_too_long
from glf.evaluation.frechet import Moments
from glf.evaluation.report import metric
from glf.models.abilities import Reconstructs


class ReconstructionDistance(FeatureEvaluator):
    """The FID of reconstructions: what a perfect sampler of the same latents would reach.

    Reconstructions of the judged split's images, rounded to levels, to the same images, all of
    them up to 50,000. The two sets are paired, so that it falls to 0 where they are equal.
    """

    needs = Reconstructs
    of = "models that reconstruct images"

    def compare(self, features):
        """ "fid_reconstruction_NAME"."""
        real = features.real(count=MOST_REAL).features
        if is_too_long(features, real):
            return {}
        found = distance(Moments.of(real), features.reconstructions(count=MOST_REAL).features)
        split = features.subject.split
        about = (
            f"Frechet distance of reconstructions to the {len(real)} images of the {split} split"
        )
        return {
            features.called("fid_reconstruction"): metric(
                found, "", f"{about}; {features.about}", "lower"
            )
        }
