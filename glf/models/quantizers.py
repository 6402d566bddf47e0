"""Features of an encoder to integers and back: the bottleneck of a discrete autoencoder."""

import abc
import typing

import keras
import tensorflow as tf

from glf.core import random


class Quantized(typing.NamedTuple):
    """What a quantizer makes of an encoder's output.

    Attributes:
      codes: int32 [batch, h, w, channels], in {0, ..., categories - 1}.
      features: [batch, h, w, outputs], what the decoder gets, with a gradient to the encoder.
      commitment: a term of the loss, [batch]; None where there is none.
    """

    codes: tf.Tensor
    features: tf.Tensor
    commitment: tf.Tensor | None = None


class Quantizer(keras.layers.Layer, abc.ABC):
    """A map from features to `channels` integers at each place of an image, and back.

    Args:
      channels: integers at a place.
      categories: each is in {0, ..., categories - 1}.
      inputs: features that the encoder has to give at a place.
      outputs: features that the decoder gets at a place.

    Raises:
      ValueError: if a number is out of range.
    """

    given_by_code = ()

    def __init__(self, channels, categories, inputs, outputs):
        super().__init__(dtype="float32")
        if channels < 1 or categories < 2:
            raise ValueError(
                f"{type(self).__name__} needs at least 1 channel of at least 2 categories, got "
                f"channels={channels}, categories={categories}."
            )
        self.channels, self.categories = channels, categories
        self.inputs, self.outputs = inputs, outputs
        self.built = True

    @abc.abstractmethod
    def to_codes(self, h, seed, training):
        """h [batch, h, w, inputs] to `Quantized`; the codes are the same in training and after."""

    @abc.abstractmethod
    def from_codes(self, codes):
        """Codes, int32 [batch, h, w, channels], to what the decoder gets, without a gradient."""


class ArgmaxStraightThrough(Quantizer):
    """z = argmax of `categories` logits in each channel; the gradient is that of the softmax.

    The decoder gets the exact one-hot vectors. Wiggers and Hoogeboom 2020 (arXiv 2002.09928) use
    this bottleneck; the straight-through estimator is that of Bengio et al. 2013 (arXiv 1308.3432).
    """

    def __init__(self, *, channels=4, categories=128):
        size = channels * categories
        super().__init__(channels, categories, size, size)

    def to_codes(self, h, seed, training):
        """See `Quantizer`; `seed` is not used."""
        logits = _by_channel(h, self.channels)
        codes = tf.argmax(logits, -1, tf.int32)
        hot = _instead_of(tf.nn.softmax(logits), tf.one_hot(codes, self.categories))
        return Quantized(codes, tf.reshape(hot, tf.shape(h)))

    def from_codes(self, codes):
        """See `Quantizer`."""
        return _one_hot(codes, self.categories)


class GumbelSoftmax(Quantizer):
    """softmax((logits + g) / temperature) in each channel, g standard Gumbel noise, in training.

    Jang et al. 2016 (arXiv 1611.01144) and Maddison et al. 2016 (arXiv 1611.00712). With `hard`
    the decoder gets the one-hot vector of the largest entry, and the softmax its gradient. The
    codes are argmax of the logits without noise; outside of training the decoder gets their one-hot
    vectors.

    Args:
      channels: integers at a place.
      categories: each is in {0, ..., categories - 1}.
      temperature: of the softmax.
      hard: whether the decoder gets one-hot vectors in training, too.

    Raises:
      ValueError: if a number is out of range.
    """

    def __init__(self, *, channels=4, categories=128, temperature=1.0, hard=False):
        size = channels * categories
        super().__init__(channels, categories, size, size)
        if not temperature > 0:
            raise ValueError(f"GumbelSoftmax.temperature must be positive, got {temperature}.")
        self.temperature = temperature
        self.hard = hard

    def to_codes(self, h, seed, training):
        """See `Quantizer`; `seed` drives g."""
        logits = _by_channel(h, self.channels)
        codes = tf.argmax(logits, -1, tf.int32)
        if not training:
            return Quantized(codes, self.from_codes(codes))
        g = random.gumbel(tf.shape(logits), seed)
        soft = tf.nn.softmax((logits + g) / self.temperature)
        if self.hard:
            soft = _instead_of(soft, tf.one_hot(tf.argmax(soft, -1), self.categories))
        return Quantized(codes, tf.reshape(soft, tf.shape(h)))

    def from_codes(self, codes):
        """See `Quantizer`."""
        return _one_hot(codes, self.categories)


class VectorQuantizer(Quantizer):
    """z = argmin_k |h - e_k|^2, and the decoder gets e_z.

    VQ-VAE (van den Oord et al. 2017, arXiv 1711.00937), one channel of codes. The decoder's
    gradient passes to h unchanged. The loss has the term

      commitment * sum over places of |h - stopgradient(e_z)|^2

    and the codebook e no gradient: in training, with n_k the number of places of the batch with
    code k and s_k the sum of their h (appendix A.1 of the paper),

      N_k <- decay N_k + (1 - decay) n_k,    m_k <- decay m_k + (1 - decay) s_k,
      e_k = m_k / N'_k,    N'_k = (N_k + 1e-5) / (N + categories 1e-5) N,    N = sum_k N_k.

    Args:
      categories: the number of vectors in the codebook.
      size: their size.
      decay: of the moving averages.
      commitment: the weight of the commitment.
      reseed_below: a code whose N_k has fallen below this becomes one of the batch's h, chosen at
        random, with N_k = 1; None: codes that are not used any more stay so.
      freeze_after: the codebook stays as it is after so many training steps; None: never.

    Raises:
      ValueError: if a number is out of range.
    """

    def __init__(
        self,
        *,
        categories=512,
        size=64,
        decay=0.99,
        commitment=0.25,
        reseed_below=None,
        freeze_after=None,
    ):
        super().__init__(1, categories, size, size)
        if size < 1 or not 0 <= decay < 1 or not commitment >= 0:
            raise ValueError(
                "VectorQuantizer needs size of at least 1, decay in [0, 1) and commitment of at "
                f"least 0, got size={size}, decay={decay}, commitment={commitment}."
            )
        if reseed_below is not None and not 0 < reseed_below < 1:
            raise ValueError(
                "VectorQuantizer.reseed_below must lie between 0 and 1, the count of a fresh code, "
                f"or be None, got {reseed_below}."
            )
        self.decay, self.commitment = decay, commitment
        self.reseed_below, self.freeze_after = reseed_below, freeze_after
        self.codebook = self._state("codebook", (categories, size), "random_normal")
        self.sums = self._state("sums", (categories, size), "zeros")
        self.sums.assign(self.codebook)
        self.counts = self._state("counts", (categories,), "ones")
        if freeze_after is not None:
            self.steps = self._state("steps", (), "zeros", "int32")

    def _state(self, name, shape, initializer, dtype="float32"):
        # Every replica computes the same update from the sums over all of them.
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=initializer,
            dtype=dtype,
            trainable=False,
            aggregation="only_first_replica",
        )

    def to_codes(self, h, seed, training):
        """See `Quantizer`; `seed` chooses who replaces unused codes. In training, e moves after."""
        rows = tf.reshape(h, [-1, self.inputs])
        book = tf.convert_to_tensor(self.codebook.value)
        # |h|^2 is the same for all k.
        distance = tf.reduce_sum(book**2, 1) - 2 * tf.matmul(rows, book, transpose_b=True)
        codes = tf.argmin(distance, -1, tf.int32)
        nearest = tf.reshape(tf.gather(book, codes), tf.shape(h))
        error = tf.reduce_sum(tf.math.squared_difference(h, nearest), [1, 2, 3])
        if training:
            self._update(tf.stop_gradient(rows), codes, seed)
        codes = tf.reshape(codes, tf.concat([tf.shape(h)[:-1], [1]], 0))
        return Quantized(codes, _instead_of(h, nearest), self.commitment * error)

    def from_codes(self, codes):
        """See `Quantizer`."""
        return tf.gather(self.codebook.value, codes[..., 0])

    def _update(self, rows, codes, seed):
        hot = tf.one_hot(codes, self.categories)
        counts, sums = _over_replicas(
            [tf.reduce_sum(hot, 0), tf.matmul(hot, rows, transpose_a=True)]
        )
        counts = self.decay * self.counts.value + (1 - self.decay) * counts
        sums = self.decay * self.sums.value + (1 - self.decay) * sums
        if self.reseed_below is not None:
            dead = counts < self.reseed_below
            chosen = random.uniform(
                [self.categories], random.fold(seed, "reseed"), 0, tf.shape(rows)[0], tf.int32
            )
            counts = tf.where(dead, 1.0, counts)
            sums = tf.where(dead[:, None], tf.gather(rows, chosen), sums)
        total = tf.reduce_sum(counts)
        smooth = (counts + 1e-5) / (total + self.categories * 1e-5) * total
        new = [counts, sums, sums / smooth[:, None]]
        state = [self.counts, self.sums, self.codebook]
        if self.freeze_after is not None:
            moving = self.steps.value < self.freeze_after
            new = [tf.where(moving, a, b.value) for a, b in zip(new, state, strict=True)]
            self.steps.assign_add(1)
        for variable, value in zip(state, new, strict=True):
            variable.assign(value)


def _by_channel(h, channels):
    """[batch, h, w, channels * categories] to [batch, h, w, channels, categories]."""
    return tf.reshape(h, tf.concat([tf.shape(h)[:-1], [channels, h.shape[-1] // channels]], 0))


def _one_hot(codes, categories):
    hot = tf.one_hot(codes, categories)
    return tf.reshape(hot, tf.concat([tf.shape(codes)[:-1], [codes.shape[-1] * categories]], 0))


def _instead_of(soft, hard):
    """`hard`, to the last bit, with the gradient of `soft`.

    soft + stop_gradient(hard - soft) would round, and an image decoded from its codes would not be
    its reconstruction.
    """

    @tf.custom_gradient
    def pass_through(soft):
        return tf.stop_gradient(hard), lambda upstream: upstream

    return pass_through(soft)


def _over_replicas(values):
    """Sums over all replicas; `values` themselves where there is one."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return values
    return context.all_reduce("sum", values)
