"""Precision and recall, density and coverage: which neighbourhoods two sets have in common."""

import dataclasses

import numpy as np

from glf.evaluation.features import MOST_REAL, FeatureEvaluator
from glf.evaluation.neighbours import check_sets, nearest, squared_distances
from glf.evaluation.report import metric

# k of precision and recall, and of density and coverage, as in their papers.
FEW, MANY = 3, 5


class PrecisionRecall(FeatureEvaluator):
    """Precision and recall with 3 neighbours, density and coverage with 5; see `supports`.

    Of as many real images of the judged split as there are samples, or all of it where it has
    fewer: they all depend on both numbers. No model reaches precision and recall of 1: two sets of
    real images do not, either.
    """

    of = "images"

    def compare(self, features):
        """ "precision_NAME", "recall_NAME", "density_NAME" and "coverage_NAME"."""
        samples = features.samples().features
        real = features.real(count=MOST_REAL).features[: len(samples)]
        found = supports(real, samples, (FEW, MANY))
        sets = f"{len(samples)} samples, {len(real)} images of the {features.subject.split} split"
        about = {
            "precision": (FEW, "share of samples within the balls of real images"),
            "recall": (FEW, "share of real images within the balls of samples"),
            "density": (MANY, "balls of real images around a sample, over k; 1 is expected"),
            "coverage": (MANY, "share of real images with a sample in their ball"),
        }
        return {
            features.called(name): metric(
                getattr(found[k], name), "", f"{what}, k = {k}; {sets}; {features.about}", "higher"
            )
            for name, (k, what) in about.items()
        }


@dataclasses.dataclass(frozen=True)
class Support:
    """Shares of two sets that lie in the neighbourhoods of each other.

    Attributes:
      precision: the share of generated examples within any real example's ball.
      recall: the share of real examples within any generated example's ball.
      density: in how many real balls a generated example lies, over k: 1 for equal distributions.
      coverage: the share of real examples with a generated one in their ball.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def supports(real, generated, neighbours):
    """{k: `Support`} for each number k of neighbours, from the same distances.

    The ball of an example is what is nearer to it than its k-th nearest neighbour in its own set,
    itself not counted, strictly:

      precision = 1/m Σ_j [any i: |x_i - y_j| < r_k(x_i)]     recall = 1/n Σ_i [any j: < r_k(y_j)]
      density = 1/(k m) Σ_j Σ_i [|x_i - y_j| < r_k(x_i)]      coverage = 1/n Σ_i [any j: < r_k(x_i)]

    of real x_i and generated y_j (Kynkaanniemi et al. 2019, arXiv 1904.06991, equations 1 and 2,
    there k = 3; Naeem et al. 2020, arXiv 2002.09797, equations 4 and 5, there k = 5). All pairs are
    compared, blocks at a time.

    Args:
      real: features [n, d].
      generated: features [m, d].
      neighbours: numbers k, below n and m.

    Raises:
      ValueError: if the features are no such sets, have fewer than k + 1 examples, or are not
        finite.
    """
    largest = max(neighbours)
    real, generated = check_sets(real, generated, largest + 1)
    radii = [nearest(values, values, largest, same=True)[0] for values in (real, generated)]
    held = {k: np.zeros(len(generated), np.int64) for k in neighbours}
    covered = {k: np.zeros(len(real), bool) for k in neighbours}
    recalled = {k: np.zeros(len(real), bool) for k in neighbours}
    for i, j, block in squared_distances(real, generated):
        rows, columns = slice(i, i + len(block)), slice(j, j + block.shape[1])
        for k in neighbours:
            inside = block < radii[0][rows, k - 1, None]
            held[k][columns] += inside.sum(0)
            covered[k][rows] |= inside.any(1)
            recalled[k][rows] |= (block < radii[1][columns, k - 1]).any(1)
    return {
        k: Support(
            precision=float((held[k] > 0).mean()),
            recall=float(recalled[k].mean()),
            density=float(held[k].mean() / k),
            coverage=float(covered[k].mean()),
        )
        for k in neighbours
    }
