"""Frechet distance between two Gaussians, and the moments of features that make them."""

import dataclasses

import numpy as np

# Eigenvalues of a covariance below 0 by more than this share of the largest are no rounding.
ROUNDING = 1e-8


@dataclasses.dataclass(frozen=True)
class Moments:
    """Mean and covariance of vectors, in float64, that can be added up batch by batch.

    Attributes:
      count: n, how many vectors.
      mean: [d].
      scatter: the sum of (v - mean)(v - mean)^T, [d, d].
    """

    count: int
    mean: np.ndarray
    scatter: np.ndarray

    @classmethod
    def of(cls, vectors, rows=4096):
        """The moments of vectors [n, d], `rows` at a time.

        Raises:
          ValueError: if there are none, or they are no vectors of finite numbers.
        """
        vectors = np.asarray(vectors)
        if vectors.ndim != 2 or not len(vectors):
            raise ValueError(f"Moments are of vectors [n, d], at least one, got {vectors.shape}.")
        total = None
        for start in range(0, len(vectors), rows):
            some = np.asarray(vectors[start : start + rows], np.float64)
            if not np.all(np.isfinite(some)):
                raise ValueError("Moments are of finite numbers, got others.")
            mean = some.mean(axis=0)
            part = cls(len(some), mean, (some - mean).T @ (some - mean))
            total = part if total is None else total + part
        return total

    def __add__(self, other):
        """The moments of both sets together (Chan et al. 1979)."""
        count = self.count + other.count
        shift = other.mean - self.mean
        mean = self.mean + shift * (other.count / count)
        between = np.outer(shift, shift) * (self.count * other.count / count)
        return Moments(count, mean, self.scatter + other.scatter + between)

    @property
    def covariance(self):
        """The unbiased covariance, scatter / (n - 1), [d, d].

        Raises:
          ValueError: for a single vector.
        """
        if self.count < 2:
            raise ValueError("A covariance is of at least two vectors, got one.")
        return self.scatter / (self.count - 1)


def frechet_distance(mean1, cov1, mean2, cov2):
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) between two Gaussians.

    Heusel et al. 2017, arXiv 1706.08500, equation 6; the squared 2-Wasserstein distance. With
    factors C = F F^T, of the eigenvalues w and eigenvectors of C, F = V w^(1/2), the trace of the
    root is the sum of the singular values of F1^T F2. So a covariance may be singular, as one of
    fewer vectors than dimensions is, and nothing is added to it.

    Args:
      mean1, mean2: [d].
      cov1, cov2: [d, d], symmetric, without negative eigenvalues: those that are negative by less
        than 1e-8 of the largest, which is rounding, count as 0.

    Returns:
      A float; not negative but for rounding, which is left as it is.

    Raises:
      ValueError: if the shapes differ, a number is not finite, or a matrix is no covariance.
    """
    mean1, mean2 = np.asarray(mean1, np.float64), np.asarray(mean2, np.float64)
    cov1, cov2 = np.asarray(cov1, np.float64), np.asarray(cov2, np.float64)
    size = mean1.size
    if not mean1.shape == mean2.shape == (size,) or not cov1.shape == cov2.shape == (size, size):
        shapes = (mean1.shape, cov1.shape, mean2.shape, cov2.shape)
        raise ValueError(f"Two means [d] and two covariances [d, d] are expected, got {shapes}.")
    factors = [_factor(cov) for cov in (cov1, cov2)]
    root = np.linalg.svd(factors[0].T @ factors[1], compute_uv=False).sum()
    difference = mean1 - mean2
    return float(difference @ difference + np.trace(cov1) + np.trace(cov2) - 2.0 * root)


def _factor(cov):
    """F [d, rank] with F F^T = cov."""
    if not np.all(np.isfinite(cov)):
        raise ValueError("A covariance is of finite numbers, got others.")
    scale = np.abs(cov).max()
    if np.abs(cov - cov.T).max() > ROUNDING * scale:
        raise ValueError("A covariance is symmetric, and this matrix is not.")
    values, vectors = np.linalg.eigh((cov + cov.T) / 2.0)
    if values[0] < -ROUNDING * max(values[-1], 0.0):
        raise ValueError(
            f"A covariance has no negative eigenvalues, got {values[0]:.3g} beside the largest, "
            f"{values[-1]:.3g}: more than rounding."
        )
    # Those at the level of rounding are no directions, and their roots would not be small.
    positive = values > len(values) * np.finfo(np.float64).eps * values[-1]
    return vectors[:, positive] * np.sqrt(values[positive])
