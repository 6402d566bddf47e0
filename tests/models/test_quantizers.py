"""Quantizers against their equations: codes, what the decoder gets, gradients, codebooks."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.models.quantizers import ArgmaxStraightThrough, GumbelSoftmax, VectorQuantizer

MAKE = {
    "argmax": lambda: ArgmaxStraightThrough(channels=2, categories=5),
    "gumbel": lambda: GumbelSoftmax(channels=2, categories=5),
    "gumbel_hard": lambda: GumbelSoftmax(channels=2, categories=5, hard=True),
    "vectors": lambda: VectorQuantizer(categories=6, size=4),
}
SEED = (0, 7)


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(1)


def features(size, rows=3):
    return tf.constant(np.random.default_rng(2).normal(size=(rows, 2, 3, size)), tf.float32)


def softmax(logits):
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.parametrize("name", MAKE)
def test_contract(name):
    quantizer = MAKE[name]()
    h = features(quantizer.inputs)
    for training in (False, True):
        codes, found, commitment = quantizer.to_codes(h, SEED, training)
        assert codes.shape == (3, 2, 3, quantizer.channels)
        assert codes.dtype == tf.int32
        assert found.shape == (3, 2, 3, quantizer.outputs)
        assert commitment is None or commitment.shape == (3,)
        assert 0 <= codes.numpy().min() <= codes.numpy().max() < quantizer.categories
        if not training:
            # To the last bit: an image decoded from its codes is its reconstruction.
            np.testing.assert_array_equal(quantizer.from_codes(codes), found)
            first = codes
    np.testing.assert_array_equal(codes, first)
    assert not quantizer.trainable_weights


@pytest.mark.parametrize("name", MAKE)
def test_xla_agrees(name):
    plain, compiled = (MAKE[name]() for _ in range(2))
    for a, b in zip(plain.weights, compiled.weights, strict=True):
        b.assign(a)
    h = features(plain.inputs)

    def run(quantizer):
        return [t for t in quantizer.to_codes(h, SEED, True) if t is not None]

    for a, b in zip(run(plain), tf.function(run, jit_compile=True)(compiled), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    for a, b in zip(plain.weights, compiled.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def gradient_of(quantizer, h, upstream):
    with tf.GradientTape() as tape:
        tape.watch(h)
        loss = tf.reduce_sum(quantizer.to_codes(h, SEED, True).features * upstream)
    return tape.gradient(loss, h).numpy()


def test_argmax_with_the_gradient_of_the_softmax():
    quantizer = MAKE["argmax"]()
    h, upstream = features(10), features(10) ** 2
    logits = h.numpy().reshape(3, 2, 3, 2, 5)
    codes, found, commitment = quantizer.to_codes(h, SEED, True)
    np.testing.assert_array_equal(codes, logits.argmax(-1))
    np.testing.assert_array_equal(found, np.eye(5)[logits.argmax(-1)].reshape(h.shape))
    assert commitment is None
    p, u = softmax(logits), upstream.numpy().reshape(logits.shape)
    expected = p * (u - (p * u).sum(-1, keepdims=True))
    np.testing.assert_allclose(
        gradient_of(quantizer, h, upstream), expected.reshape(h.shape), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("hard", [False, True])
def test_gumbel_noise_in_training_only(hard):
    h = features(10, rows=400)
    quantizer = GumbelSoftmax(channels=2, categories=5, temperature=0.5, hard=hard)
    codes, found, _ = quantizer.to_codes(h, SEED, True)
    logits = h.numpy().reshape(400, 2, 3, 2, 5)
    np.testing.assert_array_equal(codes, logits.argmax(-1))
    found = found.numpy().reshape(logits.shape)
    np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-5)
    assert set(np.unique(found)) == {0, 1} if hard else found.max() < 1 + 1e-6
    # The largest entry is a sample of softmax(logits), whatever the temperature.
    drawn, p = found.argmax(-1), softmax(logits)
    for k in range(5):
        expected, count = p[..., k].mean(), drawn.size
        deviation = np.sqrt(expected * (1 - expected) / count)
        assert abs((drawn == k).mean() - expected) < 4.5 * deviation
    other = quantizer.to_codes(h, (0, 8), True).features.numpy().reshape(logits.shape)
    assert (other.argmax(-1) != drawn).mean() > 0.2
    outside = quantizer.to_codes(h, None, False).features
    np.testing.assert_array_equal(outside, np.eye(5)[logits.argmax(-1)].reshape(h.shape))


def test_the_gumbel_gradient_is_that_of_the_soft_sample():
    h, upstream = features(10), features(10) ** 2
    for temperature in (0.5, 2.0):
        soft, hard = (
            GumbelSoftmax(channels=2, categories=5, temperature=temperature, hard=hard)
            for hard in (False, True)
        )
        p = soft.to_codes(h, SEED, True).features.numpy().reshape(3, 2, 3, 2, 5)
        u = upstream.numpy().reshape(p.shape)
        expected = (p * (u - (p * u).sum(-1, keepdims=True)) / temperature).reshape(h.shape)
        for quantizer in (soft, hard):
            found = gradient_of(quantizer, h, upstream)
            np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)


def test_nearest_vectors():
    quantizer = VectorQuantizer(categories=6, size=4, commitment=0.3)
    h, book = features(4), quantizer.codebook.numpy()
    codes, found, commitment = quantizer.to_codes(h, SEED, False)
    distances = ((h.numpy()[..., None, :] - book) ** 2).sum(-1)
    np.testing.assert_array_equal(codes[..., 0], distances.argmin(-1))
    np.testing.assert_array_equal(found, book[distances.argmin(-1)])
    np.testing.assert_allclose(commitment, 0.3 * distances.min(-1).sum((1, 2)), rtol=1e-5)
    np.testing.assert_array_equal(quantizer.codebook.numpy(), book)  # not in training
    with tf.GradientTape() as tape:
        tape.watch(h)
        loss = tf.reduce_sum(quantizer.to_codes(h, SEED, False).commitment)
    np.testing.assert_allclose(tape.gradient(loss, h), 0.6 * (h - found), rtol=1e-5, atol=1e-6)
    upstream = features(4) ** 2
    np.testing.assert_array_equal(gradient_of(quantizer, h, upstream), upstream)


def moving_averages(book, batches, decay):
    """Appendix A.1 of van den Oord et al. 2017, in float64: the codebook after the batches."""
    sums, counts = book.astype(float), np.ones(len(book))
    book = sums.copy()
    for h in batches:
        rows = h.numpy().reshape(-1, h.shape[-1]).astype(float)
        codes = ((rows[:, None] - book) ** 2).sum(-1).argmin(1)
        hot = np.eye(len(book))[codes]
        counts = decay * counts + (1 - decay) * hot.sum(0)
        sums = decay * sums + (1 - decay) * hot.T @ rows
        total = counts.sum()
        book = sums / ((counts + 1e-5) / (total + len(book) * 1e-5) * total)[:, None]
    return book


@pytest.mark.parametrize("freeze_after", [None, 2])
def test_moving_average_codebook(freeze_after):
    quantizer = VectorQuantizer(categories=6, size=4, decay=0.8, freeze_after=freeze_after)
    start = quantizer.codebook.numpy()
    batches = [features(4) * scale for scale in (1.0, 0.5, 2.0, 1.5)]
    for h in batches:
        quantizer.to_codes(h, SEED, True)
    expected = moving_averages(start, batches[:freeze_after], 0.8)
    np.testing.assert_allclose(quantizer.codebook.numpy(), expected, rtol=1e-4, atol=1e-5)
    assert not np.allclose(expected, start, atol=0.01)
    if freeze_after:
        before = quantizer.codebook.numpy()
        quantizer.to_codes(batches[0], SEED, True)
        np.testing.assert_array_equal(quantizer.codebook.numpy(), before)


def test_dead_codes_are_reseeded_with_what_the_encoder_gives():
    h = features(4)
    rows = {row.tobytes() for row in h.numpy().reshape(-1, 4)}

    def after(reseed_below):
        keras.utils.set_random_seed(1)
        quantizer = VectorQuantizer(categories=6, size=4, decay=0.5, reseed_below=reseed_below)
        far = quantizer.codebook.numpy()
        far[4:] = 100.0
        for weight in (quantizer.codebook, quantizer.sums):
            weight.assign(far)
        for step in range(3):
            quantizer.to_codes(h, (0, step), True)
        return quantizer

    assert np.abs(after(None).codebook.numpy()[4:]).min() > 50
    # Their counts are 1/2, 1/4, 1/8: at the third step they are below 0.2.
    mended = after(0.2)
    assert {row.tobytes() for row in mended.sums.numpy()[4:]} <= rows
    np.testing.assert_array_equal(mended.counts.numpy()[4:], 1)
    np.testing.assert_array_equal(mended.sums.numpy()[:4], after(None).sums.numpy()[:4])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ArgmaxStraightThrough(channels=0), "at least 1 channel"),
        (lambda: GumbelSoftmax(categories=1), "at least 2 categories"),
        (lambda: GumbelSoftmax(temperature=0.0), "temperature must be positive, got 0.0"),
        (lambda: VectorQuantizer(size=0), "size of at least 1"),
        (lambda: VectorQuantizer(decay=1.0), "decay=1.0"),
        (lambda: VectorQuantizer(commitment=-1.0), "commitment=-1.0"),
        (lambda: VectorQuantizer(reseed_below=1.5), "reseed_below must lie between 0 and 1"),
    ],
)
def test_arguments_out_of_range(make, said):
    with pytest.raises(ValueError, match=said):
        make()
