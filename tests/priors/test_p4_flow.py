"""A flow of p4 has the same density for an image and its quarter turns; any part may break it."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors import ActNorm, Chain, ImageCoupling, InvertibleConv1x1, Squeeze, Unsqueeze
from glf.data.dataset import DataSpec
from glf.data.make import make_dataset
from glf.dequantizers.uniform import UniformDequantizer
from glf.models.pixel_flow import PixelFlow
from glf.networks.glow_conditioner import GlowConditioner
from glf.networks.group_conditioner import GroupConditioner
from glf.priors.conditional_gaussian import ConditionalGaussian
from glf.priors.multi_scale import MultiScale
from glf.priors.standard import StandardNormal

_network = partial(GroupConditioner, filters=6)


OF_P4 = {
    "first": partial(Squeeze, 4, "p4_image"),
    "later": partial(Squeeze, 2, "p4"),
    "norm": partial(ActNorm, groups=4),
    "mix": partial(InvertibleConv1x1, "p4"),
    "mask": "p4",
    "network": _network,
    "part": partial(ConditionalGaussian, _network),
    "last": StandardNormal,
    "groups": 4,
}


def unbuilt(**others):
    """Two scales on 8 x 8 images: 2 x 2 positions of 4 channels an element, then one of 8."""
    first, later, norm, mix, mask, network, part, last, groups = (OF_P4 | others).values()
    step = partial(Chain, [norm, mix, partial(ImageCoupling, mask=mask, make_conditioner=network)])
    return MultiScale(
        partial(Chain, [first, step]),
        2,
        make_last_scale=partial(Chain, [later, step]),
        make_preprocessing=None,
        make_part=part,
        make_last=last,
        squeeze=False,
        groups=groups,
    )


def randomised(made):
    rng = np.random.default_rng(1)
    for weight in made.trainable_weights:
        weight.assign_add(0.2 * rng.normal(size=weight.shape))
    return made


def flow(context=None, **others):
    made = unbuilt(**others)
    keras.utils.set_random_seed(0)
    made.build((None, 8, 8, 1), context)
    return randomised(made)


@pytest.fixture(scope="module")
def turned():
    """Four digits in four positions: [16, 8, 8, 1], each position's four after the other."""
    y = make_dataset("digits").examples("test", slice(0, 4))["x"] / np.float32(16)
    return np.concatenate([np.rot90(y, t, (1, 2)) for t in range(4)]).astype(np.float32)


def deviation(flow, turned, condition=None):
    """The largest change of log p by a turn, as a share of its size."""
    log_probs = np.reshape(flow.log_prob(turned, condition), (4, -1))
    assert np.ptp(log_probs[0]) > 1
    return np.max(np.abs(log_probs - log_probs[0])) / np.abs(log_probs).max()


def test_turned_images_are_as_likely_fresh_and_trained(turned):
    density = flow()
    assert deviation(density, turned) < 2e-6
    weights = [w.value for w in density.trainable_weights]
    for _ in range(2):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(density.log_prob(turned[:4], training=True))
        gradients = tape.gradient(loss, weights)
        assert all(np.any(g != 0) for g in gradients)
        for weight, gradient in zip(density.trainable_weights, gradients, strict=True):
            weight.assign_sub(1e-3 * tf.clip_by_norm(gradient, 1.0))
    assert deviation(density, turned) < 2e-6
    drawn = density.sample(3, 0)
    assert drawn.shape == (3, 8, 8, 1)
    np.testing.assert_allclose(density.round_trip(turned), turned, atol=1e-4)


def test_determinants_and_inverses_of_its_bijectors():
    """Against the Jacobian, in float64."""
    network = partial(GroupConditioner, filters=4)
    layers = [partial(Squeeze, 2, "p4_image"), partial(ActNorm, groups=4)]
    layers += [partial(InvertibleConv1x1, "p4"), partial(InvertibleConv1x1, "p4", "p4")]
    layers += [partial(ImageCoupling, mask="p4", flip=True, make_conditioner=network)]
    layers += [partial(Squeeze, 2, "p4"), partial(Unsqueeze, 2, "p4")]
    bijector = Chain([partial(layer, dtype="float64") for layer in layers])
    bijector.build((None, 4, 4, 2))
    rng = np.random.default_rng(1)
    for weight in bijector.trainable_weights:
        weight.assign_add(0.3 * rng.normal(size=weight.shape))
    y = tf.constant(rng.normal(size=(2, 4, 4, 2)))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(y)
        u, log_det = bijector.inverse_and_log_det(y)
        flat = tf.reshape(u, (2, -1))
    jacobian = tape.batch_jacobian(flat, y, experimental_use_pfor=False)
    expected = np.linalg.slogdet(np.reshape(jacobian, (2, 32, 32)))[1]
    np.testing.assert_allclose(log_det, expected, atol=1e-9)
    back, opposite = bijector.forward_and_log_det(tf.identity(u))
    np.testing.assert_allclose(back, y, atol=1e-9)
    np.testing.assert_allclose(opposite, -log_det, atol=1e-9)


def test_labels_keep_it(turned):
    density = flow(context=(None, 1, 1, 2))
    labels = np.tile(np.random.default_rng(0).normal(size=(4, 1, 1, 2)), (4, 1, 1, 1))
    assert deviation(density, turned, tf.constant(labels, tf.float32)) < 2e-6


class Turned(UniformDequantizer):
    """Uniform noise that is drawn for an image and turned by so many quarters."""

    turns = 0

    def sample_and_log_prob(self, x, seed, condition=None, training=False):
        v, log_q = super().sample_and_log_prob(x, seed, condition, training)
        return tf.image.rot90(v, self.turns), log_q


@pytest.mark.slow
def test_bounds_are_the_same_when_the_noise_turns_and_on_average(turned):
    keras.utils.set_random_seed(0)
    spec, draws = DataSpec((8, 8, 1), 17, None), 64
    model = randomised(PixelFlow(spec, make_density=unbuilt, make_dequantizer=Turned))
    x = np.reshape(turned * 16, (4, 4, 8, 8, 1)).astype(np.uint8)

    def bounds(t, turns):
        """ELBOs by each draw of the noise, of the four digits turned by t: [draws, 4]."""
        model.dequantizer.turns = turns
        return model._log_weights(tf.constant(x[t]), (0, 0), draws, None, False).numpy()

    upright = bounds(0, 0)
    for t in (1, 2, 3):
        np.testing.assert_allclose(bounds(t, t), upright, rtol=2e-6)
        difference = bounds(t, 0) - upright
        assert np.abs(difference).max() > 1e-3 * np.abs(upright).max()
        error = np.std(difference, axis=0) / np.sqrt(draws)
        assert np.all(np.abs(np.mean(difference, axis=0)) < 4 * error)


BREAKS = {
    "a squeeze by rows": {"first": partial(Squeeze, 4)},
    "a later squeeze by rows": {"later": partial(Squeeze, 2)},
    "a later squeeze as of an image": {"later": partial(Squeeze, 2, "p4_image")},
    "scales of single channels": {"norm": ActNorm},
    "any mixture": {"mix": partial(InvertibleConv1x1, "full")},
    "half of the channels": {"mask": "channel"},
    "an ordinary network": {"network": partial(GlowConditioner, filters=4)},
    "an ordinary prior of what goes out": {"part": ConditionalGaussian},
    "a constant for every channel": {"last": ConditionalGaussian},
    "half of all channels goes out": {"groups": 1},
}


@pytest.mark.parametrize("parts", BREAKS.values(), ids=BREAKS)
def test_any_part_that_is_not_of_p4_is_noticed(parts, turned):
    assert deviation(flow(**parts), turned) > 1e-4


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda: Squeeze(3, "p4_image"), (6, 6, 1), "an even factor"),
        (lambda: Squeeze(2, "p4"), (4, 4, 3), "a multiple of 4"),
        (lambda: ActNorm(groups=4), (4, 4, 6), "equal groups of the channels, got 6"),
        (lambda: ActNorm(True, groups=4), (4, 4, 8), "1 with per_pixel"),
        (lambda: InvertibleConv1x1("p4"), (4, 4, 6), "a multiple of 4 rows, got 6"),
        (lambda: ImageCoupling(mask="p4"), (4, 4, 4), "at least 2 channels, got 4"),
        (lambda: GroupConditioner(6), (4, 4, 4), "a multiple of the 4 elements"),
    ],
)
def test_refusals(make, shape, message):
    with pytest.raises(ValueError, match=message):
        make().build((None, *shape))
