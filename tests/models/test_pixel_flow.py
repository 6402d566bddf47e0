"""Flows of pixels: weights, bounds, samples, conditions."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors import ActNorm, Chain, ImageCoupling, InvertibleConv1x1, Logit
from glf.core import random
from glf.core.mode import Training
from glf.data.dataset import DataSpec
from glf.dequantizers import (
    ELBO,
    ImportanceWeighted,
    Renyi,
    UniformDequantizer,
    VariationalDequantizer,
)
from glf.models.abilities import HasBounds
from glf.models.pixel_flow import PixelFlow
from glf.networks.condition_encoders import Downsampled, LabelEmbedding, Paired
from glf.networks.gated_attention_conditioner import GatedAttentionConditioner
from glf.networks.glow_conditioner import GlowConditioner
from glf.networks.image_context import ImageContext
from glf.priors import Flow, MultiScale, StandardLogistic, StandardNormal

SPEC = DataSpec((4, 4, 1), 256, 3, condition_shape=(4, 4, 3), condition_levels=256)
GLOW = partial(GlowConditioner, filters=4)
STEP = partial(Chain, [ActNorm, InvertibleConv1x1, partial(ImageCoupling, make_conditioner=GLOW)])
DENSITY = partial(MultiScale, STEP, 2, make_preprocessing=partial(Logit, 0.05))
NOISE = partial(
    VariationalDequantizer,
    2,
    make_conditioner=GLOW,
    make_context=partial(ImageContext, filters=4, blocks=1),
    features=2,
)
ENCODERS = {
    "label": partial(LabelEmbedding, size=3),
    "image": partial(Downsampled, size=3, filters=4),
    "paired": partial(Paired, size=3, filters=4, layers=2),
}


def made(spec=SPEC, scale=0.2, **parts):
    """A model with random weights, so that nothing is an identity."""
    keras.utils.set_random_seed(2)
    parts = {"make_density": DENSITY, "make_dequantizer": NOISE, **parts}
    model = PixelFlow(spec, **parts)
    generator = np.random.default_rng(2)
    for weight in model.trainable_weights:
        weight.assign_add(scale * generator.normal(size=weight.shape))
    return model


@pytest.fixture(scope="module")
def model():
    return made()


@pytest.fixture(scope="module")
def x():
    """All black, all white, and random images."""
    images = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 1))
    images[0], images[1] = 0, 255
    return tf.constant(images.astype(np.uint8))


def draws(model, num_samples):
    """A compiled function (x, seed) to log-weights."""
    return tf.function(
        lambda x, seed: model.log_weights(x, seed, num_samples), jit_compile=True, autograph=False
    )


def test_terms(model, x):
    terms = model.loss_terms(x, (0, 1), training=False)
    assert list(terms) == ["loss", "nll"]
    np.testing.assert_array_equal(terms["loss"], terms["nll"])
    assert terms["loss"].shape == (6,)
    assert terms["loss"].dtype == tf.float32
    assert np.all(np.isfinite(terms["loss"]))
    assert isinstance(model, HasBounds)


@pytest.mark.parametrize("bound", [ELBO, partial(ImportanceWeighted, 3)])
def test_log_prob_is_the_loss_up_to_noise(x, bound):
    model = made(make_bound=bound)
    loss = tf.function(lambda x, seed: model.loss_terms(x, seed, False)["nll"], autograph=False)
    losses = np.stack([loss(x, tf.constant((0, seed))) for seed in range(60)])
    found = model.log_prob(x).numpy()
    assert np.all(abs(found + losses.mean(0)) < 4.5 * losses.std(0))
    # Its noise depends on nothing: not on the call, not on what else is in the batch.
    np.testing.assert_array_equal(model.log_prob(x), found)
    np.testing.assert_allclose(model.log_prob(x[:2]), found[:2], rtol=1e-4)


def test_log_prob_of_more_than_one_piece(model, x):
    many = tf.tile(x, [50, 1, 1, 1])
    found = model.log_prob(many).numpy()
    assert found.shape == (300,)
    np.testing.assert_allclose(found[:6], model.log_prob(x), rtol=1e-4)
    assert np.ptp(found.reshape(50, 6), axis=0).min() > 0


@pytest.mark.slow
def test_weights(model, x):
    """Many draws at once are as many draws one by one."""
    weights = draws(model, 200)(x, tf.constant((0, 0))).numpy()
    assert weights.shape == (200, 6)
    one = draws(model, 1)
    singles = np.stack([one(x, tf.constant((1, seed)))[0] for seed in range(200)])
    error = (weights.var(0) / 200 + singles.var(0) / 200) ** 0.5
    assert np.all(abs(weights.mean(0) - singles.mean(0)) < 4.5 * error)
    # Were the examples mixed up, this would be far off.
    assert np.ptp(weights.mean(0)) > 20 * error.max()
    ratios = weights.std(0) / singles.std(0)
    assert np.all((ratios > 0.7) & (ratios < 1.4))
    assert len(np.unique(weights)) > 1190
    # The loss is the bound of these weights.
    found = model.loss_terms(x, (0, 0), False)["nll"]
    expected = -model.bound(model.log_weights(x, (0, 0)))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("bound", "name"),
    [(ELBO, "ELBO"), (ImportanceWeighted, "IW-8"), (partial(Renyi, 0.5, 4), "Renyi-0.5-4")],
)
def test_the_likelihood_has_the_name_of_the_bound(bound, name):
    assert PixelFlow(SPEC, make_density=DENSITY, make_bound=bound).likelihood == name


@pytest.mark.parametrize("levels", [2, 256])
def test_a_uniform_density_costs_log_levels_a_value(levels):
    """The scaling to [0, 1] and the dequantization are paid for: closed form."""
    density = partial(Flow, Logit, StandardLogistic)
    model = PixelFlow(DataSpec((3, 5, 2), levels, None), make_density=density)
    images = np.random.default_rng(0).integers(0, levels, (5, 3, 5, 2)).astype(np.uint8)
    images[0], images[1] = 0, levels - 1
    weights = model.log_weights(tf.constant(images), (0, 0), 4)
    np.testing.assert_allclose(weights, np.full((4, 5), -30 * np.log(levels)), rtol=1e-4)
    np.testing.assert_allclose(model.log_prob(images), -30 * np.log(levels), rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [NOISE, UniformDequantizer])
def test_probabilities_of_all_images(noise):
    """Two values of three levels: P adds up to 1 and is the mean of weights, bounds are below."""
    spec, draw = DataSpec((1, 2, 1), 3, None), 2**12
    coupling = partial(ImageCoupling, mask="checkerboard", make_conditioner=GLOW)
    layers = [Logit, coupling, partial(coupling, flip=True)]
    density = partial(Flow, partial(Chain, layers), StandardNormal)
    model = made(spec, 0.1, make_density=density, make_dequantizer=noise)
    images = np.stack(np.meshgrid(range(3), range(3)), -1).reshape(-1, 1, 2, 1).astype(np.uint8)
    # P(x) by quadrature, in logits for the sake of the edges.
    axis = np.linspace(-14, 14, 70)
    v = 1 / (1 + np.exp(-axis))
    weight = v * (1 - v) * (axis[1] - axis[0])
    grid = np.stack(np.meshgrid(v, v), -1).reshape(1, -1, 1, 2, 1)
    y = ((images[:, None] + grid) / 3).reshape(-1, 1, 2, 1).astype(np.float32)
    density = np.exp(tf.function(model.density.log_prob, autograph=False)(y)).reshape(9, -1)
    expected = density @ np.outer(weight, weight).ravel() / 9
    assert expected.sum() == pytest.approx(1, abs=1e-3)
    log_weights = draws(model, draw)(tf.constant(images), (0, 3)).numpy()
    if noise is UniformDequantizer:
        # Learned noise falls off faster than the density, so that the mean has no finite error.
        weights = np.exp(log_weights)
        error = weights.std(0) / draw**0.5
        assert np.all(abs(weights.mean(0) - expected) < 5 * error + 1e-3 * expected)
    for bound in (ELBO(), ImportanceWeighted(8)):
        k = bound.num_samples
        values = bound(log_weights.reshape(k, -1)).numpy().reshape(-1, 9)
        mean, error = values.mean(0), values.std(0) / len(values) ** 0.5
        assert np.all(mean < np.log(expected) + 4.5 * error + 1e-3)
        assert 0.5 < np.exp(mean).sum() < 1 + 4.5 * error.max() + 1e-3


def test_samples(model):
    images = model.sample(7, seed=2)
    assert images.dtype == tf.uint8
    assert images.shape == (7, 4, 4, 1)
    np.testing.assert_array_equal(model.sample(3, seed=2), images[:3])
    np.testing.assert_array_equal(model.sample(7, seed=2), images)
    assert not np.array_equal(model.sample(7, seed=3), images)
    many = model.sample(300, seed=2).numpy()
    assert many.shape == (300, 4, 4, 1)
    np.testing.assert_array_equal(many[:7], images)
    assert len(np.unique(many.reshape(300, -1), axis=0)) == 300


def test_samples_are_levels_of_the_density():
    model = made(DataSpec((4, 4, 1), 5, None))
    images = model.sample(200, seed=2).numpy()
    np.testing.assert_array_equal(np.unique(images), range(5))
    y = model.density.sample(200, random.fold(2, 0)).numpy()
    assert np.mean(images == np.minimum(np.floor(5 * y), 4)) > 0.999


@pytest.mark.parametrize("temperature", [0.0, 0.5, 2.0, 50.0])
def test_temperatures(model, temperature):
    y = model.density.sample(20, (0, 1), temperature).numpy()
    assert np.all((y >= 0) & (y <= 1))
    images = model.sample(20, 1, temperature).numpy()
    assert (len(np.unique(images.reshape(20, -1), axis=0)) == 1) == (temperature == 0)


def test_requests_out_of_range(model):
    with pytest.raises(ValueError, match="number of samples must be at least 1, got 0"):
        model.sample(0, 1)
    with pytest.raises(ValueError, match="temperature must be finite and at least 0, got -1"):
        model.sample(1, 1, -1)


def test_dropout_in_training_alone(x):
    network = partial(GatedAttentionConditioner, filters=4, blocks=1, heads=2, dropout=0.3)
    coupling = partial(ImageCoupling, mask="checkerboard", make_conditioner=network)
    density = partial(Flow, partial(Chain, [partial(Logit, 0.05), coupling]))
    model = made(make_density=density, make_dequantizer=partial(NOISE, make_conditioner=network))

    def loss(seed, training):
        return model.loss_terms(x, seed, training)["loss"].numpy()

    np.testing.assert_array_equal(loss((0, 1), True), loss((0, 1), True))
    assert np.all(loss((0, 1), True) != loss((0, 2), True))
    assert np.all(loss((0, 1), True) != loss((0, 1), False))
    # In the dequantizer as well as in the density.
    y = (tf.cast(x, tf.float32) + 0.5) / 256
    assert np.all(model.density.log_prob(y) != model.density.log_prob(y, None, Training(5)))
    v, dropped = (
        model.dequantizer.sample_and_log_prob(x, (0, 1), None, mode)[0]
        for mode in (False, Training(5))
    )
    assert np.any(v != dropped)


@pytest.fixture(scope="module", params=ENCODERS)
def conditional(request):
    kind = request.param
    return made(make_condition_encoder=ENCODERS[kind])


def conditions(model, num, seed=0):
    shape = (num, *model.condition_encoder.condition_shape)
    top = model.condition_encoder.condition_levels
    return tf.constant(np.random.default_rng(seed).integers(0, top, shape), tf.int32)


def others(model, condition):
    """Another condition for each example."""
    return (condition + 1) % model.condition_encoder.condition_levels


@pytest.mark.slow
def test_a_condition_matters(conditional, x):
    condition = conditions(conditional, 6)
    changed = others(conditional, condition)
    found = conditional.log_prob(x, condition)
    assert np.all(np.isfinite(found))
    assert np.all(found != conditional.log_prob(x, changed))
    # Of its own example alone.
    mixed = tf.concat([changed[:2], condition[2:]], 0)
    np.testing.assert_allclose(conditional.log_prob(x, mixed)[2:], found[2:], rtol=1e-5)
    images = conditional.sample(6, 1, condition=condition)
    np.testing.assert_array_equal(
        conditional.sample(6, 1, condition=condition.numpy().astype(np.uint8)), images
    )
    assert np.any(conditional.sample(6, 1, condition=changed) != images)
    np.testing.assert_array_equal(conditional.sample(6, 1, condition=mixed)[2:], images[2:])


def test_draws_keep_their_conditions(conditional, x):
    """Of several draws each is given the condition of its example."""
    condition = conditions(conditional, 6)
    # All of one image, so that only the conditions tell examples apart.
    same = tf.tile(x[2:3], [6, 1, 1, 1])
    weights = tf.function(conditional.log_weights, autograph=False)
    found = weights(same, tf.constant((0, 0)), 300, condition).numpy()
    singles = [weights(same, tf.constant((1, s)), 1, condition).numpy()[0] for s in range(100)]
    error = (found.var(0) / 300 + np.var(singles, axis=0) / 100) ** 0.5
    assert np.all(abs(found.mean(0) - np.mean(singles, axis=0)) < 4.5 * error)


PARTS = {
    "dequantizer": lambda model: model.dequantizer,
    "couplings": lambda model: model.density.bijector,
    "part": lambda model: model.density.base.part,
    "last prior": lambda model: model.density.base.rest.base,
    "none": lambda model: model.condition_encoder,
}


def test_one_condition_reaches_every_part(conditional, x):
    """With the weights of all other parts at zero, where networks give the same for everything."""
    saved = [weight.numpy() for weight in conditional.trainable_weights]
    condition = conditions(conditional, 6)
    changed = others(conditional, condition)
    weights = tf.function(conditional.log_weights, autograph=False)
    try:
        for name, part in PARTS.items():
            own = part(conditional).trainable_weights
            own += conditional.condition_encoder.trainable_weights
            keep = {id(weight) for weight in own}
            for weight, value in zip(conditional.trainable_weights, saved, strict=True):
                zero = id(weight) not in keep and "kernel" in weight.path
                weight.assign(np.zeros_like(value) if zero else value)
            found = weights(x, (0, 0), 1, condition) != weights(x, (0, 0), 1, changed)
            assert np.all(found == (name != "none")), name
    finally:
        for weight, value in zip(conditional.trainable_weights, saved, strict=True):
            weight.assign(value)


def test_conditions_that_are_missing_or_wrong(conditional, x):
    top = conditional.condition_encoder.condition_levels - 1
    wrong = tf.zeros([6, 3, 3, 1], tf.int32)
    large = conditions(conditional, 6) + top + 1
    for condition in (None, wrong, tf.constant(1), large):
        message = f"integers from 0 to {top}, one for each of 6 samples"
        with pytest.raises(ValueError, match=message):
            conditional.log_prob(x, condition)
        with pytest.raises(ValueError, match=f"integers from 0 to {top}, one for each"):
            conditional.loss_terms(x, (0, 0), False, condition)
    with pytest.raises(ValueError, match="one for each of 6 samples"):
        conditional.log_prob(x, conditions(conditional, 5))
    with pytest.raises(ValueError, match="one for each of 5 samples"):
        conditional.sample(5, 1, condition=wrong[:5])
    with pytest.raises(ValueError, match="one for each of 5 samples"):
        conditional.sample(5, 1, condition=conditions(conditional, 4))
    if conditional.condition_kind == "label":
        np.testing.assert_array_equal(
            conditional.sample(5, 1), conditional.sample(5, 1, condition=[0, 1, 2, 0, 1])
        )
    else:
        with pytest.raises(ValueError, match="needs conditions: images of shape"):
            conditional.sample(5, 1)


def test_images_of_another_shape(model):
    for shape in ((6, 5, 5, 1), (4, 4, 1), (2, 4, 4, 3)):
        with pytest.raises(ValueError, match=r"images of shape \(4, 4, 1\), .* got a batch"):
            model.log_prob(np.zeros(shape, np.uint8))


def test_conditions_nobody_asked_for(model, x):
    assert model.condition_kind is None
    for call in (
        lambda: model.sample(2, 1, condition=[0, 1]),
        lambda: model.log_prob(x, tf.zeros([6], tf.int32)),
        lambda: model.loss_terms(x, (0, 0), False, tf.zeros([6], tf.int32)),
    ):
        with pytest.raises(ValueError, match="takes no condition"):
            call()


@pytest.mark.slow
def test_groups_and_gradients(conditional, x):
    (group,) = conditional.parameter_groups().values()
    assert list(conditional.parameter_groups()) == ["flow"]
    every = conditional.density.trainable_weights + conditional.dequantizer.trainable_weights
    every += conditional.condition_encoder.trainable_weights
    assert sorted(map(id, group)) == sorted(map(id, every))
    assert len({id(weight) for weight in group}) == len(group)

    @tf.function(autograph=False)
    def gradients(x, condition):
        with tf.GradientTape() as tape:
            terms = conditional.loss_terms(x, (0, 0), True, condition)
            loss = tf.reduce_mean(terms["loss"])
        return tape.gradient(loss, [weight.value for weight in group])

    found = gradients(x, conditions(conditional, 6))
    for weight, gradient in zip(group, found, strict=True):
        assert gradient is not None, weight.path
        assert np.all(np.isfinite(gradient)), weight.path
        assert np.any(gradient != 0), weight.path
