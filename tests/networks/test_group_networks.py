"""Networks of group convolutions turn with the image, fresh and after training."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from lattice_actions import check_turns, moved

from glf.layers.plane_groups import GROUP_NAMES, plane_group
from glf.networks.group_autoencoder import GroupAutoencoder
from glf.networks.group_resnet import GroupResNet, stage_widths, weights_of


def randomised(network):
    rng = np.random.default_rng(0)
    for weight in network.weights:
        noise = rng.normal(scale=0.3, size=weight.shape)
        positive = weight.name in ("gamma", "moving_variance")
        weight.assign(np.abs(1 + noise) if positive else weight.numpy() + noise)
    return network


def turned_code(group, t, z, invariant):
    """The code of an image that was turned: the latents of t⁻¹ g where those of g were."""
    turning = z[:, invariant:].reshape(len(z), 1, 1, -1)
    turning = moved(group, t, turning, group.order).reshape(len(z), -1)
    return np.concatenate([z[:, :invariant], turning], axis=1)


@pytest.mark.parametrize(("name", "side", "invariant"), [("p4", 8, 3), ("p4m", 7, 0)])
def test_codes_turn_with_the_image_and_images_with_the_code(name, side, invariant):
    group = plane_group(name)
    size = invariant + 2 * group.order
    keras.utils.set_random_seed(0)
    network = GroupAutoencoder(
        (side, side, 2), size, group=name, invariant=invariant, filters=4, hidden=16
    )
    y = np.random.default_rng(1).uniform(size=(2, side, side, 2)).astype(np.float32)
    check_pair(network, group, y, invariant)
    weights = [w.value for w in network.trainable_weights]
    for _ in range(2):
        with tf.GradientTape() as tape:
            h = network.decode(network.encode(y, True), True)
            loss = tf.reduce_mean(tf.square(tf.sigmoid(2 * h) - y))
        found = tape.gradient(loss, weights)
        for weight, gradient in zip(network.trainable_weights, found, strict=True):
            weight.assign_sub(gradient)
    check_pair(network, group, y, invariant)


def test_codes_of_images_that_are_not_square_turn_by_half():
    network = randomised(GroupAutoencoder((8, 12, 1), 4, filters=2, hidden=4, num_downsamples=1))
    y = np.random.default_rng(1).uniform(size=(2, 8, 12, 1)).astype(np.float32)
    check_pair(network, plane_group("p4"), y, 0, elements=[0, 2])


def check_pair(network, group, y, invariant, elements=None):
    z = network.encode(y).numpy()
    elements = range(group.order) if elements is None else elements
    turned = np.concatenate([moved(group, t, y) for t in elements])
    codes = np.split(network.encode(turned).numpy(), len(elements))
    expected = [turned_code(group, t, z, invariant) for t in elements]
    np.testing.assert_allclose(codes, expected, atol=2e-5 * np.abs(z).max())
    h = network.decode(z).numpy()
    drawn = np.split(network.decode(np.concatenate(expected)).numpy(), len(elements))
    for t, image in zip(elements, drawn, strict=True):
        np.testing.assert_allclose(image, moved(group, t, h), atol=2e-5 * np.abs(h).max())
    # The latents that turn are not all the same: otherwise every image would be its own rotation.
    assert np.abs(h - moved(group, elements[-1], h)).max() > 0.01 * np.abs(h).max()


def test_on_the_hexagonal_lattice_all_but_the_resampling_turns():
    group = plane_group("p6")
    network = randomised(
        GroupAutoencoder((8, 8, 1), 13, group="p6", invariant=1, filters=2, hidden=12)
    )
    inner = network.encoder.layers[1:]
    y = network.encoder.layers[0](np.random.default_rng(1).uniform(size=(1, 8, 8, 1)))

    def codes(y):
        for layer in inner:
            y = layer(y)
        return y.numpy()[:, None, None]

    check_turns(group, lambda y: codes(y)[..., 1:], y.numpy(), 1, group.order)
    check_turns(group, lambda y: codes(y)[:, 0, 0, :1], y.numpy())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latent_size": 6}, "invariant=0, which leaves 6"),
        ({"latent_size": 4, "invariant": 4}, "their own rotations"),
        ({"image_shape": (8, 7, 1), "latent_size": 4}, "two even sides or two odd ones"),
        ({"image_shape": (12, 8, 1), "latent_size": 4}, "got 3 x 2"),
        ({"latent_size": 4, "encoded": 6}, "a multiple of them"),
        ({"latent_size": 4, "group": "p3"}, "A group is one of"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        GroupAutoencoder(**{"image_shape": (8, 8, 1), **options})


@pytest.mark.parametrize("name", ["p4m", "p6"])
def test_logits_are_those_of_the_turned_image(name):
    group, side = plane_group(name), 8
    network = randomised(GroupResNet((side, side, 1), 3, group=name, filters=6, blocks=1, stages=2))
    inner, y = network.network.layers, np.random.default_rng(1).uniform(size=(1, side, side, 1))
    y = y.astype(np.float32)
    if group.lattice == "hexagonal":
        # Behind the resampling, which is exact for no turn of the square image but by a half.
        y, inner = inner[1](inner[0](y)).numpy(), inner[2:]

    def logits(y):
        for layer in inner:
            y = layer(y)
        return y

    check_turns(group, logits, y)


def test_classifiers_of_all_groups_have_as_many_weights():
    image, plan = ((16, 14, 3), 5), (2, 2, "disc")
    network = GroupResNet(*image, group="p6", filters=6, blocks=2, stages=2)
    p6 = plane_group("p6")
    counted = weights_of(p6, stage_widths(p6, *image, 6, *plan), *image, 2, "disc")
    assert counted == sum(int(np.prod(w.shape)) for w in network.trainable_weights)

    def weights(name, filters):
        group = plane_group(name)
        widths = stage_widths(group, (32, 32, 3), 10, filters, 3, 3, "image")
        return weights_of(group, widths, (32, 32, 3), 10, 3, "image")

    for filters, deviation in ((8, 0.06), (64, 0.012)):
        ordinary = weights("z2", filters)
        for name in GROUP_NAMES:
            assert abs(weights(name, filters) / ordinary - 1) < deviation, (name, filters)
    # As Cohen and Welling have it.
    assert stage_widths(plane_group("p4m"), (32, 32, 3), 10, 32, 7, 3, "disc") == (11, 23, 45)
