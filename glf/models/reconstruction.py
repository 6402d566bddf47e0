"""Reconstruction losses: how far a decoder's output is from its image, per example.

A loss is called with the decoder's pre-activations h and images y in [0, 1], both
[batch, height, width, channels], and returns float32 [batch]. The image that h stands for is
`mean_image(h)` = sigmoid(2h) = (tanh h + 1) / 2, and 2h are its logits. The losses of pixels are
the distances of families, -log p without what does not depend on h; a perceptual loss is none.
"""

import abc
import math

import keras
import tensorflow as tf

from glf.families.base import HasDistance
from glf.families.bernoulli import Bernoulli
from glf.families.fixed_gaussian import FixedGaussian
from glf.families.fixed_laplace import FixedLaplace

REDUCTIONS = ("sum", "mean")


def mean_image(h):
    """The image in [0, 1] that pre-activations h stand for: sigmoid(2h) = (tanh h + 1) / 2."""
    return tf.sigmoid(2.0 * tf.cast(h, tf.float32))


class PixelLoss(abc.ABC):
    """The distance of a family of one parameter, summed over pixels and channels.

    Args:
      reduction: "sum" over pixels and channels, as in the paper's objective, or "mean".

    Raises:
      ValueError: if `reduction` is neither.
    """

    given_by_code = ()

    def __init__(self, *, reduction="sum"):
        self.reduction = _check_reduction(type(self).__name__, reduction)

    def __call__(self, h, y):
        """h and y [batch, height, width, channels] to [batch]."""
        h, y = tf.cast(h, tf.float32)[..., None], tf.cast(y, tf.float32)[..., None]
        return _reduce(self.family.distance(self.parameters(h), y), self.reduction)

    @property
    @abc.abstractmethod
    def family(self) -> HasDistance:
        """The family of a value of the image; an attribute of subclasses."""

    def parameters(self, h):
        """The family's parameter, by default the mean: sigmoid(2h)."""
        return mean_image(h)


class SquaredError(PixelLoss):
    """sum over pixels and channels of (sigmoid(2h) - y)^2; with "mean", the mean of them.

    Gaussian pixels of variance 1/2.
    """

    family = FixedGaussian(1, variance=0.5)


class AbsoluteError(PixelLoss):
    """sum over pixels and channels of |sigmoid(2h) - y|; with "mean", the mean of them.

    Pixels of Laplace distributions of scale 1.
    """

    family = FixedLaplace(1)


class CrossEntropy(PixelLoss):
    """Cross-entropy with logits 2h, in nats, summed over pixels and channels (or their mean).

      -y log sigmoid(2h) - (1 - y) log(1 - sigmoid(2h))

    For y in {0, 1} it is the negative log-likelihood of Bernoulli pixels; for y between, a
    cross-entropy only, whose least value is the entropy of y and not 0.
    """

    family = Bernoulli(1)

    def parameters(self, h):
        """The logits, 2h."""
        return 2.0 * h


class LearnedVariance(keras.layers.Layer):
    """-log N(y; sigmoid(2h), g^2), summed over all D values, with one learned deviation g.

      sum (y - sigmoid(2h))^2 / (2 g^2) + D log g + (D / 2) log(2 pi)

    Dai and Wipf 2019, "Diagnosing and Enhancing VAE Models" (arXiv 1903.05789), equation 3 with
    gamma = g^2: at its best g^2 is the mean squared error, and as that falls the reconstruction
    weighs more. A density of y in [0, 1], not a probability of integers: it may be above 1, the
    loss below 0.

    Args:
      start: g before training, above 0.

    Raises:
      ValueError: if it is not positive.
    """

    given_by_code = ()

    def __init__(self, *, start=1.0):
        super().__init__(dtype="float32")
        if not 0 < start < math.inf:
            raise ValueError(f"LearnedVariance.start must be a positive number, got {start!r}.")
        initial = keras.initializers.Constant(math.log(start))
        self.log_deviation = self.add_weight(name="log_deviation", shape=(), initializer=initial)
        self.built = True

    @property
    def deviation(self):
        """g, a tensor []."""
        return tf.exp(self.log_deviation.value)

    def call(self, h, y):
        """h and y [batch, height, width, channels] to [batch]."""
        y = tf.cast(y, tf.float32)
        squares = tf.reduce_sum(tf.math.squared_difference(mean_image(h), y), [1, 2, 3])
        log_normaliser = self.log_deviation.value + 0.5 * math.log(2 * math.pi)
        return squares / (2 * self.deviation**2) + y.shape[1:].num_elements() * log_normaliser


class Perceptual(keras.layers.Layer):
    """L1 on pixels plus L1 on each feature map of a frozen network (Xiao et al. 2019, section 4).

      p sum |y' - y| + w sum_k sum |F_k(y') - F_k(y)|,   y' = sigmoid(2h),

    each sum over all positions and channels; with `reduction="mean"` each is a mean over them.
    The network's weights are tracked by this layer and never trained.

    Args:
      make_features: called without arguments, makes a frozen network that maps images in [0, 1]
        to a list of feature maps [batch, ...], such as `VGG16Features`.
      reduction: "sum" or "mean".
      pixel_weight: p. With 2 the pixels are compared on the scale from -1 to 1.
      feature_weight: w. A network of ReLUs on inputs in 0-255 has features larger by about 57.6,
        which is 255 times the deviation of ImageNet's pixels, 0.226, than on inputs of deviation 1;
        1 / 57.6 makes up for that.

    Raises:
      ValueError: if `reduction` is neither, or a weight is not a number of at least 0.
    """

    given_by_code = ()

    def __init__(self, *, make_features, reduction="sum", pixel_weight=1.0, feature_weight=1.0):
        super().__init__(dtype="float32")
        for argument, value in (("pixel_weight", pixel_weight), ("feature_weight", feature_weight)):
            if not 0 <= value < float("inf"):
                raise ValueError(f"Perceptual.{argument} must be at least 0, got {value!r}.")
        self.pixel_weight, self.feature_weight = pixel_weight, feature_weight
        self.reduction = _check_reduction("Perceptual", reduction)
        self.features = make_features()
        self.features.trainable = False
        self.built = True

    def call(self, h, y):
        """h and y [batch, height, width, channels] to [batch]."""
        y = tf.cast(y, tf.float32)
        ours = mean_image(h)
        loss = self.pixel_weight * _reduce(tf.abs(ours - y), self.reduction)
        # The image's own features carry no gradient: nothing that is trained comes before them.
        wanted = [tf.stop_gradient(feature) for feature in self.features(y)]
        for feature, target in zip(self.features(ours), wanted, strict=True):
            loss += self.feature_weight * _reduce(tf.abs(feature - target), self.reduction)
        return loss


def _check_reduction(owner, reduction):
    if reduction not in REDUCTIONS:
        raise ValueError(f"{owner}.reduction must be one of {REDUCTIONS}, got {reduction!r}.")
    return reduction


def _reduce(values, reduction):
    values = tf.reshape(values, (tf.shape(values)[0], -1))
    return tf.reduce_sum(values, -1) if reduction == "sum" else tf.reduce_mean(values, -1)
