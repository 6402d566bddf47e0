"""Conditions: what data is conditioned on, and the context made of it."""

import numpy as np
import pytest
import tensorflow as tf

from glf.autoregressive.model import AutoregressiveModel
from glf.data.dataset import DataSpec
from glf.networks.condition_encoders import Downsampled, LabelEmbedding, Paired
from glf.networks.residual_dense_encoder import ResidualDense


def spec(*shape, **of_pairs):
    return DataSpec(shape, 8, None, **of_pairs)


def images(*shape, levels=8, seed=0):
    return np.random.default_rng(seed).integers(0, levels, shape)


def test_label_embedding_is_a_table():
    encoder = LabelEmbedding(DataSpec((4, 4, 1), 8, 3), size=5)
    context = encoder.encode(tf.constant([2, 0, 2]))
    assert context.shape == (3, 1, 1, 5)
    np.testing.assert_allclose(context[:, 0, 0], encoder.table.numpy()[[2, 0, 2]])
    labels = tf.constant([1, 2])
    assert encoder.condition_of({"label": labels}) is labels


def test_label_embedding_needs_classes():
    with pytest.raises(ValueError, match="needs a dataset with labels"):
        LabelEmbedding(spec(4, 4, 1))


@pytest.mark.parametrize("factor", [2, 3])
def test_downsampled_means_of_blocks(factor):
    encoder = Downsampled(spec(6, 12, 3), factor=factor)
    x = images(5, 6, 12, 3)
    blocks = x.reshape(5, 6 // factor, factor, 12 // factor, factor, 3)
    condition = encoder.condition_of({"x": x})
    assert condition.dtype == tf.int32
    np.testing.assert_array_equal(condition, np.round(blocks.mean((2, 4))))


def test_downsampled_context_is_local_and_sees_all_sides():
    encoder = Downsampled(spec(12, 12, 1), size=4, filters=16)
    condition = tf.constant(images(1, 6, 6, 1))
    place = tf.one_hot([[2]], 6, dtype=condition.dtype)
    other = condition + tf.reshape(place, [1, 6, 1, 1]) * tf.reshape(place, [1, 1, 6, 1]) * 3
    context = encoder.encode(condition)
    assert context.shape == (1, 12, 12, 4)
    changed = np.abs(context - encoder.encode(other)).max((0, 3)) > 0
    # Two convolutions of 3x3 reach two blocks to each side of block (2, 2).
    assert changed[:10, :10].any(0).all()
    assert changed[:10, :10].any(1).all()
    assert not changed[10:].any()
    assert not changed[:, 10:].any()


def test_downsampled_pixels_of_a_block_have_features_of_their_own():
    context = Downsampled(spec(4, 4, 1), size=4).encode(tf.constant(images(1, 2, 2, 1)))
    block = context.numpy()[0, :2, :2].reshape(4, 4)
    assert len(np.unique(block, axis=0)) == 4


def small_dense(factor, **options):
    options = {"size": 3, "filters": 4, "growth": 2, "blocks": 2, **options}
    return ResidualDense(spec(12, 12, 1), factor=factor, **options)


@pytest.mark.parametrize("factor", [2, 4, 3, 6])
def test_residual_dense_gives_features_at_each_pixel(factor):
    encoder = small_dense(factor)
    x = images(2, 12, 12, 1)
    condition = encoder.condition_of({"x": x})
    np.testing.assert_array_equal(
        condition, Downsampled(spec(12, 12, 1), factor=factor).condition_of({"x": x})
    )
    with tf.GradientTape() as tape:
        context = encoder.encode(condition)
        total = tf.reduce_sum(context**2)
    assert context.shape == (2, *encoder.context_shape[1:])
    gradients = tape.gradient(total, [weight.value for weight in encoder.trainable_weights])
    for weight, gradient in zip(encoder.trainable_weights, gradients, strict=True):
        assert np.any(gradient != 0), weight.path
    graph = tf.function(encoder.encode, autograph=False)(condition)
    np.testing.assert_allclose(graph, context, atol=1e-6)


def test_residual_dense_is_the_published_encoder():
    encoder = ResidualDense(spec(4, 4, 3), size=128)
    # Three dense blocks in each of 16, of five convolutions that see all before them.
    assert len(encoder.dense) == 16 * 3 * 5
    inputs = [layer.kernel.shape[2:] for layer in encoder.dense[:5]]
    assert inputs == [(64, 32), (96, 32), (128, 32), (160, 32), (192, 64)]


def test_residual_dense_is_what_its_equations_say():
    encoder = small_dense(2, blocks=1)
    for weight in encoder.weights:
        weight.assign_add(0.2 * np.random.default_rng(0).normal(size=weight.shape))
    condition = tf.constant(images(1, 6, 6, 1))
    state = first = encoder.first(tf.cast(condition, tf.float32) * (2 / 7) - 1)
    inner = state
    for group in range(3):
        parts = [inner]
        for i in range(5):
            new = encoder.dense[5 * group + i](tf.concat(parts, -1))
            parts.append(tf.maximum(new, 0.2 * new) if i < 4 else new)
        inner += 0.2 * parts[-1]
    state += 0.2 * inner
    h = first + encoder.trunk(state)
    h = encoder.larger[0](tf.image.resize(h, (12, 12), "nearest"))
    h = encoder.fine(tf.maximum(h, 0.2 * h))
    expected = encoder.last(tf.maximum(h, 0.2 * h))
    np.testing.assert_allclose(encoder.encode(condition), expected, rtol=1e-4, atol=1e-5)


def test_residual_dense_refuses():
    with pytest.raises(ValueError, match="divides the image's 12 rows"):
        small_dense(5)
    with pytest.raises(ValueError, match="blocks of at least 1, got 4, 2 and 0"):
        small_dense(2, blocks=0)


def test_downsampled_refuses():
    with pytest.raises(ValueError, match="divides the image's 5 rows"):
        Downsampled(spec(5, 4, 1))
    with pytest.raises(ValueError, match="at least 2"):
        Downsampled(spec(4, 4, 1), factor=1)
    with pytest.raises(ValueError, match="at least one layer"):
        Downsampled(spec(4, 4, 1), layers=0)
    with pytest.raises(ValueError, match=r"shape \(2, 2, 1\), got shape \(4, 4, 1\)"):
        Downsampled(spec(4, 4, 1)).encode(tf.zeros([3, 4, 4, 1], tf.int32))


def test_paired_context_is_local():
    encoder = Paired(spec(9, 8, 1, condition_shape=(9, 8, 3), condition_levels=256), layers=2)
    batch = {"x": images(1, 9, 8, 1), "condition": images(1, 9, 8, 3, levels=256)}
    condition = encoder.condition_of(batch)
    assert condition.shape == encoder.condition_spec.shape[:0].concatenate([1, 9, 8, 3])
    context = encoder.encode(condition)
    assert context.shape == (1, *encoder.context_shape[1:])
    other = condition.numpy()
    other[0, 4, 4] = 255 - other[0, 4, 4]
    changed = np.abs(context - encoder.encode(tf.constant(other))).max((0, 3)) > 0
    # Two convolutions of 3x3 reach two pixels to each side.
    assert changed[2:7, 2:7].any(0).all()
    changed[2:7, 2:7] = False
    assert not changed.any()


def test_paired_refuses():
    with pytest.raises(ValueError, match="needs a dataset of pairs"):
        Paired(spec(4, 4, 1))
    with pytest.raises(ValueError, match="as high and wide"):
        Paired(spec(4, 4, 1, condition_shape=(8, 8, 3), condition_levels=256))


@pytest.mark.parametrize("wide", [False, True])
def test_context_of_a_raster(wide):
    """Every value of a pixel has the pixel's context."""
    from glf.autoregressive.wavenet import WaveNet

    shape = (4, 2, 3)
    context = tf.random.stateless_normal([2, *(shape[:2] if wide else (1, 1)), 5], (1, 2))
    model = AutoregressiveModel(
        DataSpec(shape, 4, None), (None, *context.shape[1:]), make_network=WaveNet, raster=True
    )
    arranged = model.arranged(context)
    if not wide:
        np.testing.assert_array_equal(arranged, context)
        return
    assert arranged.shape == (2, 24, 1, 5)
    per_pixel = tf.reshape(arranged, [2, 4, 2, 3, 5])
    for channel in range(3):
        np.testing.assert_array_equal(per_pixel[:, :, :, channel], context)
