"""Group convolutions and what goes with them: each turns with its input, and mistakes are seen."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from lattice_actions import check_turns, images, moved, orthogonal

from glf.layers import group_conv, group_norm, plane_groups
from glf.layers.gates import gated
from glf.layers.group_conv import GroupConv2D, GroupConvTranspose2D
from glf.layers.group_norm import GroupBatchNorm, GroupPooling, LatticePooling
from glf.layers.group_residual import GroupResidualBlock
from glf.layers.lattice import halved, hexagon, padding
from glf.layers.plane_groups import GROUP_NAMES, kernel_table, plane_group

SIDES = [("p4", 7), ("p4m", 8), ("p6", 7), ("p6m", 9)]
each = pytest.mark.parametrize(("name", "side"), SIDES)


def randomised(layer, seed=0):
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        noise = rng.normal(scale=0.5, size=weight.shape)
        positive = weight.name in ("gamma", "moving_variance")
        weight.assign(np.abs(1 + noise) if positive else noise)
    return layer


def network(name, side):
    """{name: (layer, function of it, elements of what it takes and of what it gives)} in a row."""
    order, half = plane_group(name).order, halved(side)
    size = 4 if side % 2 == 0 else 3
    back = {"stride": 2, "output_size": (side, side)}
    layers = [
        ("lift", GroupConv2D(2, name, image=True), 1, order),
        ("conv", GroupConv2D(4, name), order, order),
        ("gate", lambda h: gated(h, order), order, order),
        ("norm", GroupBatchNorm(name), order, order),
        ("block", GroupResidualBlock(3, name), order, order),
        ("strided", GroupConv2D(2, name, size, stride=2), order, order),
        ("transposed", GroupConvTranspose2D(2, name, size, **back), order, order),
        ("down", GroupResidualBlock(2, name, down=True), order, order),
        ("whole", GroupConv2D(3, name, half, pad=False), order, order),
        ("spread", GroupConvTranspose2D(2, name, half, pad=False), order, order),
        ("image", GroupConvTranspose2D(2, name, size, image=True, **back), order, 1),
    ]
    pools = [
        ("max", GroupPooling(name), order, 1),
        ("mean", GroupPooling(name, "mean", over_places=True), order, 1),
        ("halved_max", LatticePooling(name, "max"), order, order),
        ("halved_mean", LatticePooling(name, "mean"), order, order),
    ]
    return layers, pools


def built(name, side):
    keras.utils.set_random_seed(0)
    layers, pools = network(name, side)
    h = tf.constant(images(plane_group(name), 2, side, side, 2))
    for number, (_, layer, *_) in enumerate(layers):
        h = layer(h)
        if isinstance(layer, keras.layers.Layer):
            randomised(layer, number)
    return layers, pools


def through(layers, x, training=False):
    for _, layer, *_ in layers:
        normalises = isinstance(layer, GroupBatchNorm | GroupResidualBlock)
        x = layer(x, training=training) if normalises else layer(x)
    return x


@pytest.mark.parametrize("name", GROUP_NAMES)
def test_groups_are_groups_of_rotations_and_reflections(name):
    group = plane_group(name)
    order = {"z2": 1, "p4": 4, "p4m": 8, "z2_hexagonal": 1, "p6": 6, "p6m": 12}[name]
    matrices = orthogonal(group)
    assert group.order == order == len({m.tobytes() for m in group.matrices})
    np.testing.assert_allclose(
        matrices @ matrices.transpose(0, 2, 1), [np.eye(2)] * order, atol=1e-9
    )
    assert np.sum(np.linalg.det(matrices) < 0) == (order // 2 if name.endswith("m") else 0)
    for i in range(order):
        assert group.products[i, group.inverses[i]] == 0
        for j in range(order):
            product = group.matrices[group.products[i, j]]
            np.testing.assert_array_equal(product, group.matrices[i] @ group.matrices[j])


def test_the_elements_of_p4_are_quarters_of_a_turn():
    image = images(plane_group("p4"), 1, 4, 4, 1)
    for t in range(4):
        np.testing.assert_array_equal(
            moved(plane_group("p4"), t, image), np.rot90(image, t, (1, 2))
        )


def test_hexagons():
    number = [1, 7, 19, 37]
    assert [int(hexagon(2 * n + 1, 2 * n + 1).sum()) for n in range(4)] == number
    np.testing.assert_array_equal(hexagon(3, 3), [[0, 1, 1], [1, 1, 1], [1, 1, 0]])


@pytest.mark.parametrize("name", ["p4m", "p6"])
def test_the_convolution_is_its_definition(name):
    """The sum over places and elements, at every place and for every element."""
    group, side = plane_group(name), 5
    conv = randomised(built_layer(GroupConv2D(1, name), (None, side, side, 2 * group.order)))
    x = images(group, 1, side, side, 2 * group.order)
    given = conv(x).numpy().reshape(side, side, group.order)
    weights = iter(conv.weight.numpy())
    inside = hexagon(3, 3) if group.lattice == "hexagonal" else np.ones((3, 3), bool)
    cells = [(r - 1, c - 1) for r in range(3) for c in range(3) if inside[r, c]]
    psi = {(*cell, h): next(weights)[:, 0] for cell in cells for h in range(group.order)}
    f = x.reshape(side, side, group.order, 2)
    for g in range(group.order):
        back = group.matrices[group.inverses[g]]
        total = conv.bias.numpy()[0]
        for offset in cells:
            y, z = np.array([2, 1]) + offset
            for h in range(group.order):
                source = (*(back @ offset), group.products[group.inverses[g], h])
                total += f[y, z, h] @ psi[tuple(int(n) for n in source)]
        np.testing.assert_allclose(given[2, 1, g], total, rtol=1e-4, atol=1e-5)


def built_layer(layer, shape):
    layer.build(shape)
    return layer


@each
def test_every_layer_turns_with_its_input(name, side):
    group = plane_group(name)
    layers, pools = built(name, side)
    x = tf.constant(images(group, 1, side, side, 2))
    for label, layer, fibre, given in layers:
        check_turns(group, layer, x.numpy(), fibre, given)
        if label == "block":
            for _, pool, pooled_from, pooled in pools:
                h = layer(x).numpy()
                check_turns(group, pool, h, pooled_from, pooled)
                assert tuple(pool.compute_output_shape(h.shape)) == pool(h).shape
        if hasattr(layer, "compute_output_shape"):
            assert tuple(layer.compute_output_shape(x.shape)) == layer(x).shape
        x = layer(x)


def test_training_keeps_it_and_gradients_turn():
    """In training mode, before and after steps on images in one position only."""
    name, side = "p6", 7
    group = plane_group(name)
    layers, _ = built(name, side)
    parts = [layer for _, layer, *_ in layers if isinstance(layer, keras.layers.Layer)]
    weights = [w for layer in parts for w in layer.trainable_weights]
    x = tf.constant(images(group, 2, side, side, 2))

    def gradients(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_mean(tf.square(through(layers, x, True)))
        return tape.gradient(loss, [x, *weights])

    for step in range(2):
        check_turns(group, lambda x: through(layers, x), x.numpy())
        of_image, *found = gradients(x)
        assert all(np.any(g != 0) for g in found)
        for t in (1,):
            of_turned, *others = gradients(tf.constant(moved(group, t, x.numpy())))
            scale = np.abs(of_image).max()
            expected = moved(group, t, of_image.numpy())
            np.testing.assert_allclose(of_turned, expected, atol=1e-3 * scale)
            for one, other in zip(found, others, strict=True):
                np.testing.assert_allclose(one, other, atol=1e-3 * max(1e-3, np.abs(one).max()))
        norm = float(tf.linalg.global_norm(found))
        for weight, gradient in zip(weights, found, strict=True):
            weight.assign_sub(0.3 / norm * gradient)
        assert step or not np.array_equal(of_image, gradients(x)[0])


def test_images_that_are_not_square_turn_by_half():
    group = plane_group("p4")
    conv = GroupConv2D(2, "p4", image=True)
    down, back = GroupResidualBlock(2, "p4", down=True), {"stride": 2, "output_size": (7, 5)}
    layers = [("", conv), ("", down), ("", GroupConvTranspose2D(1, "p4", image=True, **back))]
    check_turns(group, lambda x: through(layers, x), images(group, 1, 7, 5, 2), elements=[0, 2])


def wrong_table(name, size, fibre):
    """ψ(g⁻¹ o, h): kernels turn in the plane, but the elements of the input do not."""
    table, places = kernel_table(name, size, fibre)
    group, wrong = plane_group(name), table.copy()
    if fibre > 1:
        for g in range(group.order):
            wrong[:, :, g] = table[:, group.products[g], g]
    return wrong, places


def skewed_hexagon(height, width):
    return hexagon(height, width)[:, ::-1]


def as_tensorflow_pads(side, size, stride):
    """As many places as TensorFlow has, whose padding of an even side is on one end only."""
    return (side, size // 2) if stride == 1 else (-(-side // 2), 0)


MISTAKES = {
    "permutation": (group_conv, "kernel_table", wrong_table, ("p4", "p4m", "p6", "p6m")),
    "mask": (group_conv, "hexagon", skewed_hexagon, ("p6", "p6m")),
    "no_mask": (group_conv, "cells_only", lambda h, group: h, ("p6",)),
    "stride": (group_conv, "padding", as_tensorflow_pads, ("p4", "p4m")),
    "pooling": (group_norm, "padding", lambda side, size, stride: (side // 2, 1), ("p4",)),
}


@pytest.mark.parametrize(
    ("mistake", "name"), [(m, n) for m, (*_, names) in MISTAKES.items() for n in names]
)
def test_planted_mistakes_are_noticed(mistake, name, monkeypatch):
    """Two convolutions, one with stride 2, and a pooling: right, and each with one mistake."""
    group, side = plane_group(name), 9 if "6" in name else 8
    where, what, wrong, _ = MISTAKES[mistake]

    def make():
        keras.utils.set_random_seed(1)
        layers = [GroupConv2D(2, name, image=True), GroupConv2D(2, name)]
        if mistake == "pooling":
            layers.append(LatticePooling(name, "max"))
        else:
            size = 3 if mistake == "stride" or side % 2 else 4
            layers.append(GroupConv2D(2, name, size, stride=2))
        for layer in layers[:2]:
            layer.build((None, side, side, 2 if layer.image else 2 * group.order))
            layer.bias.assign([0.5, -0.5])
        return functools.partial(through, [("", layer) for layer in layers])

    x = images(group, 1, side, side, 2)
    if mistake != "stride":
        check_turns(group, make(), x, 1, group.order)
    monkeypatch.setattr(where, what, wrong)
    with pytest.raises(AssertionError):
        check_turns(group, make(), x, 1, group.order)


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda: GroupConv2D(1, "p5"), (5, 5, 1), "one of z2, p4"),
        (lambda: GroupConv2D(0, "p4"), (5, 5, 4), "filters >= 1"),
        (lambda: GroupConv2D(1, "p4"), (5, 5, 6), "4 equal groups of channels, got 6"),
        (lambda: GroupConv2D(1, "p4", 2), (5, 5, 4), "an odd size"),
        (lambda: GroupConv2D(1, "p4", stride=2), (8, 8, 4), "8 places wants a window of an even"),
        (lambda: GroupConv2D(1, "p4", 4, stride=2), (7, 7, 4), "7 places wants a window of an odd"),
        (lambda: GroupConv2D(1, "p4", stride=3), (7, 7, 4), "stride is 1 or 2"),
        (lambda: GroupConv2D(1, "p4", 4, pad=False), (3, 5, 4), "does not fit into 3 x 5"),
        (lambda: GroupConv2D(1, "p4", pad=False, stride=2), (5, 5, 4), "has stride 1"),
        (lambda: GroupConv2D(1, "p6"), (5, 7, 6), "equal sides"),
        (lambda: GroupConv2D(1, "p6"), (6, 6, 6), "sides are odd"),
        (lambda: GroupConv2D(1, "p6", 4), (5, 5, 6), "sides are odd"),
        (lambda: GroupResidualBlock(1, "p4", down=True), (8, 7, 4), "two even sides or two odd"),
        (
            lambda: GroupConvTranspose2D(1, "p4", stride=2, output_size=(9, 9)),
            (3, 3, 4),
            r"belongs to \(5, 5\) places, got \(3, 3\)",
        ),
        (lambda: GroupConvTranspose2D(1, "p4", output_size=(5, 5)), (5, 5, 4), "stride 2 only"),
        (lambda: GroupPooling("p4", "min"), (5, 5, 4), "one of"),
    ],
)
def test_what_breaks_it_is_refused(make, shape, message):
    with pytest.raises(ValueError, match=message):
        make().build((None, *shape))


def test_sizes():
    assert [halved(side) for side in (28, 14, 7, 5, 3, 1)] == [14, 7, 3, 3, 1, 1]
    assert padding(28, 4, 2) == (14, 1)
    assert padding(7, 3, 2) == (3, 0)
    assert padding(9, 3, 2) == (5, 1)


@pytest.mark.parametrize("name", ["p4m", "p6"])
def test_the_kernels_gradient_is_that_of_a_gather(name):
    table, places = plane_groups.kernel_table(name, 3, plane_group(name).order)
    weight = tf.constant(np.random.default_rng(0).normal(size=(len(places), 2, 3)), tf.float64)
    padded = tf.concat([weight, tf.zeros((1, 2, 3), tf.float64)], 0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([weight, padded])
        kernel = group_conv.group_kernel(weight, table, places, 3)
        whole = tf.reshape(tf.gather(padded, table), (9, *table.shape[1:], 2, 3))
        whole = tf.reshape(tf.transpose(whole, (0, 1, 3, 2, 4)), kernel.shape)
        # Not the same upstream gradient everywhere.
        losses = [tf.reduce_sum(tf.cumsum(k**2, axis=3)) for k in (kernel, whole)]
    np.testing.assert_array_equal(kernel, whole)
    expected = tf.convert_to_tensor(tape.gradient(losses[1], padded))[:-1]
    np.testing.assert_allclose(tape.gradient(losses[0], weight), expected)
