"""What the linear and elementwise bijectors of images claim besides being bijectors."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from bijector_battery import randomise

from glf.bijectors.act_norm import ActNorm
from glf.bijectors.chain import Chain
from glf.bijectors.emerging import EmergingConv
from glf.bijectors.invertible_conv import InvertibleConv1x1
from glf.bijectors.logit import Center, Logit
from glf.bijectors.periodic import PeriodicConv
from glf.bijectors.squeeze import Squeeze, Unsqueeze


def built(bijector, *event, spread=0.0):
    bijector.build((None, *event))
    generator = np.random.default_rng(1)
    for weight in bijector.trainable_weights:
        weight.assign_add(spread * generator.normal(size=weight.shape))
    return bijector


def images(*shape, dtype="float64"):
    return tf.constant(np.random.default_rng(2).normal(size=shape), dtype)


def dense(function, *event):
    """The matrix M of a linear map of images, for flattened ones: f(y) = M y."""
    size = int(np.prod(event))
    columns = function(tf.reshape(tf.eye(size, dtype=tf.float64), (size, *event)))
    return np.reshape(columns, (size, size)).T


@pytest.mark.parametrize("parametrization", ["plu", "qr"])
def test_conv_1x1_is_one_matrix_for_all_pixels_and_starts_orthogonal(parametrization):
    bijector = built(InvertibleConv1x1(parametrization, dtype="float64"), 3, 2, 5)
    w = bijector.weight.matrix().numpy()
    np.testing.assert_allclose(w @ w.T, np.eye(5), atol=1e-9)
    assert np.abs(w - np.diag(np.diag(w))).max() > 0.1
    randomise(bijector, np.random.default_rng(0))
    w = bijector.weight.matrix().numpy()
    y = images(4, 3, 2, 5)
    u, log_det = bijector.inverse_and_log_det(y)
    np.testing.assert_allclose(u, np.einsum("oi,bhwi->bhwo", w, y), atol=1e-12)
    np.testing.assert_allclose(log_det, np.full(4, 6 * np.linalg.slogdet(w)[1]), atol=1e-9)
    np.testing.assert_allclose(bijector.weight.inverse() @ w, np.eye(5), atol=1e-9)


@pytest.mark.parametrize("mask", ["channel", "packed_columns"])
def test_conv_1x1_with_a_mask_keeps_its_parts_apart(mask):
    bijector = built(InvertibleConv1x1("full", mask, dtype="float64"), 2, 3, 5)
    randomise(bijector, np.random.default_rng(0))
    y = images(4, 2, 3, 5)
    second = np.indices((2, 3, 5))[2] >= 2
    if mask == "packed_columns":
        second = np.indices((2, 3, 5))[1] % 2 == 1
    for part in (second, ~second):
        changed = (
            bijector.inverse_and_log_det(y + tf.constant(part, y.dtype))[0]
            != (bijector.inverse_and_log_det(y)[0])
        )
        np.testing.assert_array_equal(np.any(changed, axis=0), part)
    matrix = dense(lambda y: bijector.inverse_and_log_det(y)[0], 2, 3, 5)
    log_det = bijector.inverse_and_log_det(y)[1]
    np.testing.assert_allclose(log_det, np.full(4, np.linalg.slogdet(matrix)[1]), atol=1e-9)
    assert len(bijector.trainable_weights) == 2


def masked_kernel(conv):
    """The k x k kernel of raster order, written out from its definition."""
    k, c = conv.kernel_size, conv.channels
    kernel = np.zeros((k, k, c, c))
    weights = conv.off_diagonal.numpy()
    for a, b, m, o in np.ndindex(k // 2 + 1, k // 2 + 1, c, c):
        if (a, b) != (k // 2, k // 2) or m < o:
            kernel[a, b, m, o] = weights[a, b, m, o]
    scales = np.exp(3.0 * np.tanh(conv.log_scale.numpy() / 3.0))
    kernel[k // 2, k // 2, np.arange(c), np.arange(c)] = scales
    return kernel


@pytest.mark.parametrize("kernel_size", [3, 5])
def test_emerging_is_as_wide_and_high_as_its_kernel(kernel_size):
    """k x k places, no more and no fewer (the paper's figure 1)."""
    size = kernel_size + 4
    bijector = built(EmergingConv(kernel_size, dtype="float64"), size, size, 2, spread=0.3)
    matrix = dense(lambda y: bijector.inverse_and_log_det(y)[0], size, size, 2)
    middle = size // 2
    places = matrix.reshape(size, size, 2, size, size, 2)[middle, middle]
    expected = np.zeros((size, size))
    reach = slice(middle - kernel_size // 2, middle + kernel_size // 2 + 1)
    expected[reach, reach] = 1
    np.testing.assert_array_equal(np.any(places != 0, axis=(0, 3)), expected)


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_emerging_is_two_masked_convolutions_of_opposite_orders(kernel_size):
    bijector = built(EmergingConv(kernel_size, dtype="float64"), 3, 4, 2, spread=0.3)
    y = images(3, 3, 4, 2)
    first, second = masked_kernel(bijector.first), masked_kernel(bijector.second)
    expected = tf.nn.conv2d(y, first, 1, "SAME")
    expected = tf.nn.conv2d(expected, second[::-1, ::-1, ::-1, ::-1], 1, "SAME")
    np.testing.assert_allclose(bijector.inverse_and_log_det(y)[0], expected, atol=1e-12)


def test_emerging_is_triangular_twice_and_its_determinant_is_the_diagonals():
    bijector = built(EmergingConv(dtype="float64"), 3, 4, 2, spread=0.3)
    a, b = (dense(conv.convolve, 3, 4, 2) for conv in (bijector.first, bijector.second))
    np.testing.assert_array_equal(a, np.tril(a))
    np.testing.assert_array_equal(b, np.triu(b))
    assert min(a.diagonal().min(), b.diagonal().min()) > 0
    whole = dense(lambda y: bijector.inverse_and_log_det(y)[0], 3, 4, 2)
    np.testing.assert_allclose(whole, b @ a, atol=1e-12)
    _, log_det = bijector.inverse_and_log_det(images(1, 3, 4, 2))
    np.testing.assert_allclose(log_det, [np.linalg.slogdet(whole)[1]], atol=1e-9)
    back = dense(lambda u: bijector.forward_and_log_det(u)[0], 3, 4, 2)
    np.testing.assert_allclose(back, np.linalg.inv(whole), atol=1e-9)


def solve_operations(height, width):
    """How many operations the graph of one solve has, with the bodies of its loops."""
    bijector = built(EmergingConv(), height, width, 2)
    graph = tf.function(bijector.forward_and_log_det, autograph=False).get_concrete_function(
        tf.TensorSpec((None, height, width, 2))
    )
    definition = graph.graph.as_graph_def()
    inner = sum(len(function.node_def) for function in definition.library.function)
    return len(definition.node) + inner


def test_emerging_solves_in_a_loop_whatever_the_size():
    assert solve_operations(3, 4) == solve_operations(8, 6)


@pytest.mark.parametrize("make", [EmergingConv, PeriodicConv])
def test_convolution_round_trip_is_exact_up_to_rounding_in_float32(make):
    bijector = built(make(), 8, 8, 6, spread=0.03)
    y = images(4, 8, 8, 6, dtype="float32")

    @tf.function(jit_compile=True, autograph=False)
    def there_and_back(y):
        u, _ = bijector.inverse_and_log_det(y)
        return u, bijector.forward_and_log_det(u)[0]

    u, back = there_and_back(y)
    assert np.abs(u - y).max() > 0.1
    np.testing.assert_allclose(back, y, atol=1e-5)


def test_emerging_starts_near_the_identity():
    bijector = built(EmergingConv(dtype="float64"), 4, 3, 5)
    matrix = dense(lambda y: bijector.inverse_and_log_det(y)[0], 4, 3, 5)
    assert 0 < np.linalg.norm(matrix - np.eye(60), 2) < 0.3


def test_emerging_diagonal_is_bounded():
    bijector = built(EmergingConv(), 2, 3, 2)
    for weight, value in zip((bijector.first, bijector.second), (1e6, -1e6), strict=True):
        weight.log_scale.assign([value, value])
    u = images(2, 2, 3, 2, dtype="float32")
    for method in (bijector.forward_and_log_det, bijector.inverse_and_log_det):
        image, log_det = method(u)
        assert np.all(np.isfinite(image))
        np.testing.assert_allclose(log_det, 0, atol=1e-4)
    assert np.isclose(bijector.first.log_abs_det(), 6.0)


def circulant(kernel, height, width):
    """The matrix of a circular convolution, from its definition."""
    k, _, channels, _ = kernel.shape
    matrix = np.zeros((height, width, channels, height, width, channels))
    for i, j, a, b in np.ndindex(height, width, k, k):
        seen = (i + a - k // 2) % height, (j + b - k // 2) % width
        matrix[i, j, :, seen[0], seen[1]] += kernel[a, b].T
    size = height * width * channels
    return matrix.reshape(size, size)


@pytest.mark.parametrize(
    ("height", "width", "kernel_size"),
    [(3, 4, 3), (4, 3, 3), (5, 5, 3), (2, 2, 3), (1, 1, 3), (1, 4, 3), (4, 4, 2), (2, 3, 5)],
)
def test_periodic_is_a_circulant_matrix(height, width, kernel_size):
    event = (height, width, 2)
    bijector = built(PeriodicConv(kernel_size, dtype="float64"), *event, spread=0.3)
    expected = circulant(bijector.kernel.numpy(), height, width)
    matrix = dense(lambda y: bijector.inverse_and_log_det(y)[0], *event)
    np.testing.assert_allclose(matrix, expected, atol=1e-12)
    _, log_det = bijector.inverse_and_log_det(images(2, *event))
    np.testing.assert_allclose(log_det, np.full(2, np.linalg.slogdet(expected)[1]), atol=1e-9)
    back = dense(lambda u: bijector.forward_and_log_det(u)[0], *event)
    np.testing.assert_allclose(back, np.linalg.inv(expected), atol=1e-8)


def test_periodic_starts_near_a_rotation():
    bijector = built(PeriodicConv(dtype="float64"), 4, 5, 6)
    values = np.linalg.svd(circulant(bijector.kernel.numpy(), 4, 5), compute_uv=False)
    assert 0.6 < values.min() < values.max() < 1.4
    assert values.min() < 0.999
    centre = bijector.kernel.numpy()[1, 1]
    assert np.abs(centre - np.diag(np.diag(centre))).max() > 0.1


@pytest.mark.parametrize("kernel", ["zero", "singular at one frequency"])
def test_periodic_stays_finite_for_singular_kernels(kernel):
    bijector = built(PeriodicConv(), 4, 4, 2)
    value = np.zeros((3, 3, 2, 2))
    if kernel != "zero":
        # y minus its left neighbour: constant rows are lost.
        value[1, 1], value[1, 0] = np.eye(2), -np.eye(2)
    bijector.kernel.assign(value)
    with tf.GradientTape() as tape:
        results = [
            *bijector.inverse_and_log_det(images(2, 4, 4, 2, dtype="float32")),
            *bijector.forward_and_log_det(images(2, 4, 4, 2, dtype="float32")),
        ]
        loss = results[1][0]
    results.append(tape.gradient(loss, bijector.kernel.value))
    for result in results:
        assert np.all(np.isfinite(result))
    assert loss < -30


@pytest.mark.parametrize("make", [EmergingConv, PeriodicConv])
def test_gradients_through_the_solver_are_those_of_dense_algebra(make):
    """In both directions: of the kernel and of u, compiled, against the inverse matrix's own."""
    event = (3, 2, 2)
    bijector = built(make(dtype="float64"), *event, spread=0.2)
    u, weights = images(3, *event), images(3, *event)
    variables = [weight.value for weight in bijector.trainable_weights]

    def gradients(solve):
        with tf.GradientTape() as tape:
            tape.watch(u)
            loss = tf.reduce_sum(weights * solve(u))
        return tape.gradient(loss, [*variables, u], unconnected_gradients="zero")

    def by_algebra(u):
        basis = tf.reshape(tf.eye(12, dtype=tf.float64), (12, *event))
        rows = tf.reshape(bijector.inverse_and_log_det(basis)[0], (12, 12))
        return tf.reshape(tf.reshape(u, (3, 12)) @ tf.linalg.inv(rows), (3, *event))

    compiled = tf.function(
        lambda: gradients(lambda u: bijector.forward_and_log_det(u)[0]),
        jit_compile=True,
        autograph=False,
    )
    for actual, expected in zip(compiled(), gradients(by_algebra), strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-9)


@pytest.mark.parametrize("alpha", [1e-6, 0.05])
def test_logit_is_precise_in_float32_at_both_ends(alpha):
    ends = np.array([0.0, 1e-7, 1e-4, 0.5, 1 - 1e-4, 1 - 2**-24, 1.0], np.float32)
    y = ends.reshape(-1, 1, 1, 1)
    results = []
    for dtype in ("float32", "float64"):
        bijector = built(Logit(alpha, dtype=dtype), 1, 1, 1)
        results.append([part.numpy() for part in bijector.inverse_and_log_det(y)])
    for single, double in zip(*results, strict=True):
        np.testing.assert_allclose(single, double, rtol=2e-6, atol=1e-6)
    p = alpha + (1 - 2 * alpha) * ends.astype(np.float64)
    np.testing.assert_allclose(results[1][0].ravel(), np.log(p / (1 - p)), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(results[1][1], np.log((1 - 2 * alpha) / (p * (1 - p))), rtol=1e-9)


@pytest.mark.parametrize("alpha", [1e-6, 0.05])
def test_logit_gives_density_zero_where_nothing_comes_from(alpha):
    """Outside of the image of all u: never NaN, and the other examples are as without it."""
    bijector = built(Logit(alpha), 1, 2, 1)
    edge = alpha / (1 - 2 * alpha)
    far = [1 + 1.1 * edge + 1e-6, -1.1 * edge - 1e-6, 1e30, -np.inf]
    y = tf.constant(np.reshape([[v, 0.3] for v in [0.2, *far, np.nan]], (-1, 1, 2, 1)), "float32")
    with tf.GradientTape() as tape:
        tape.watch(y)
        u, log_det = bijector.inverse_and_log_det(y)
    np.testing.assert_array_equal(log_det[1:-1], np.full(4, -np.inf))
    top = np.log1p(-alpha) - np.log(alpha)
    np.testing.assert_allclose(u[1:-1, 0, 0, 0], [top, -top, top, -top], rtol=1e-5)
    assert np.all(np.isfinite(tape.gradient([u, log_det], y)[:-1]))
    alone = bijector.inverse_and_log_det(y[:1])
    np.testing.assert_array_equal(log_det[0], alone[1][0])
    assert np.isnan(log_det[-1])


@pytest.mark.parametrize("alpha", [1e-6, 0.05])
def test_logit_forward_stays_in_the_unit_interval(alpha):
    bijector = built(Logit(alpha), 2, 1, 3)
    u = np.reshape([-1e4, -100.0, -10.0, 10.0, 100.0, 1e4], (1, 2, 1, 3))
    y, log_det = bijector.forward_and_log_det(u)
    assert np.all((y >= 0) & (y <= 1))
    assert y[0, 0, 0, 0] == 0
    assert y[0, 1, 0, 2] == 1
    assert np.isclose(log_det, -20220.0, rtol=1e-4)
    again, log_det = bijector.inverse_and_log_det(y)
    assert np.all(np.isfinite(again))
    assert np.all(np.isfinite(log_det))


def test_center():
    bijector = built(Center(scale=4.0), 2, 1, 3)
    y = np.linspace(0, 1, 6).reshape(1, 2, 1, 3)
    u, log_det = bijector.inverse_and_log_det(y)
    np.testing.assert_allclose(u, 4.0 * y - 2.0, atol=1e-6)
    np.testing.assert_allclose(log_det, [6 * np.log(4.0)], rtol=1e-6)
    u, log_det = built(Center(), 2, 1, 3).inverse_and_log_det(y)
    np.testing.assert_allclose(u, y - 0.5, atol=1e-6)
    assert log_det == 0


def test_squeeze_orders_channels_as_space_to_depth():
    y = images(2, 4, 6, 3)
    u, log_det = built(Squeeze(dtype="float64"), 4, 6, 3).inverse_and_log_det(y)
    np.testing.assert_array_equal(u, tf.nn.space_to_depth(y, 2))
    np.testing.assert_array_equal(log_det, [0, 0])
    r, s, k = 1, 0, 2
    np.testing.assert_array_equal(u[:, 1, 2, (r * 2 + s) * 3 + k], y[:, 2 + r, 4 + s, k])


@pytest.mark.parametrize("order", ["rows", "channels", "checkerboard"])
def test_squeeze_orders_channels_as_it_says(order):
    y = images(2, 6, 4, 3).numpy()
    u, _ = built(Squeeze(2, order, dtype="float64"), 6, 4, 3).inverse_and_log_det(y)
    by_colour = {(0, 0): 0, (1, 1): 1, (0, 1): 2, (1, 0): 3}
    for r, s, k in np.ndindex(2, 2, 3):
        channel = {
            "rows": (2 * r + s) * 3 + k,
            "channels": (2 * k + r) * 2 + s,
            "checkerboard": by_colour[r, s] * 3 + k,
        }[order]
        np.testing.assert_array_equal(u[..., channel], y[:, r::2, s::2, k])
    back = built(Unsqueeze(2, order, dtype="float64"), 3, 2, 12)
    np.testing.assert_array_equal(back.inverse_and_log_det(u)[0], y)
    np.testing.assert_array_equal(back.forward_and_log_det(tf.constant(y))[0], u)


@pytest.mark.parametrize("factor", [1, 3])
def test_half_of_a_squeeze_by_checkerboard_is_one_colour(factor):
    y = images(1, 6, 6, 1)
    u, _ = built(Squeeze(factor, "checkerboard", dtype="float64"), 6, 6, 1).inverse_and_log_det(y)
    first = np.sort(np.ravel(u[..., : (factor**2 + 1) // 2]))
    places = np.indices((6, 6)) % factor
    even = (places.sum(0) % 2 == 0)[None, ..., None]
    np.testing.assert_array_equal(first, np.sort(y.numpy()[even]))


def test_squeeze_changes_shapes_in_chains_and_views():
    chain = Chain([partial(Squeeze, 3), ActNorm, InvertibleConv1x1])
    squeeze = chain.bijectors[0]
    assert squeeze.base_shape is None
    built(chain, 3, 6, 2)
    assert (squeeze.event_shape, squeeze.base_shape) == ((3, 6, 2), (1, 2, 18))
    assert chain.base_shape == (1, 2, 18)
    assert chain.bijectors[1].event_shape == (1, 2, 18)
    view = squeeze.as_tfp()
    assert view.inverse_event_shape((3, 6, 2)) == (1, 2, 18)
    assert view.forward_event_shape((1, 2, 18)) == (3, 6, 2)
    y = images(5, 2, 3, 6, 2, dtype="float32")
    u = view.inverse(y)
    assert u.shape == (5, 2, 1, 2, 18)
    np.testing.assert_array_equal(view.forward(tf.identity(u)), y)
    assert view.inverse_log_det_jacobian(y, event_ndims=3).shape == (5, 2)
    with pytest.raises(ValueError, match=r"\[batch, 1, 2, 18\]"):
        squeeze.forward_and_log_det(y[0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: InvertibleConv1x1("lu"), '"plu", "qr", "full" or "p4"'),
        (lambda: InvertibleConv1x1(mask="rows"), "mask is None or one of"),
        (lambda: InvertibleConv1x1().build((None, 4)), "works on images"),
        (lambda: EmergingConv(2), "odd kernel_size"),
        (lambda: PeriodicConv(0), "kernel_size >= 1"),
        (lambda: built(PeriodicConv(7), 2, 5, 1), r"2 min\(h, w\) \+ 1"),
        (lambda: Logit(0.5), "alpha < 0.5"),
        (lambda: Logit(0.0), "0 < alpha"),
        (lambda: Center(0.0), "scale > 0"),
        (lambda: Squeeze(0), "factor >= 1"),
        (lambda: Unsqueeze(2, "columns"), "Unsqueeze.order is one of"),
        (lambda: built(Unsqueeze(), 2, 2, 6), "multiple of 4 channels, got 6"),
        (lambda: built(Squeeze(), 4, 3, 1), "multiples of it, got 4 x 3"),
    ],
)
def test_user_errors_of_image_parts(make, message):
    with pytest.raises(ValueError, match=message):
        make()
