"""What every autoregressive model has to pass. Each check takes a `Case` and raises AssertionError.

Weights are randomised, so that nothing is right by being zero.
"""

import functools
import tempfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from causal_reach import before

from glf.autoregressive.view import PixelView, RowsView, WholeView
from glf.core.random import make_seed

BATCH = 3
function = functools.partial(tf.function, autograph=False, reduce_retracing=True)


class Case:
    """A model with random weights, data and conditions for it."""

    def __init__(self, make, seed=0):
        self.make = make
        self.rng = np.random.default_rng(seed)
        self.model = make()
        randomise(self.model, self.rng)
        self.x = self.images(BATCH)
        self.context = self.contexts(BATCH)

    def images(self, num):
        shape = (num, *self.model.data_shape)
        return tf.constant(self.rng.integers(0, self.model.levels, shape), tf.int32)

    def contexts(self, num):
        if self.model.context_shape is None:
            return None
        return tf.constant(self.rng.normal(size=(num, *self.model.context_shape[1:])), tf.float32)

    @functools.cached_property
    def _whole(self):
        given = [t for t in (self.x, self.context) if t is not None]
        specs = [tf.TensorSpec([None, *t.shape[1:]], t.dtype) for t in given]
        compute = functools.partial(whole_pass, self.model)
        return tf.function(compute, input_signature=specs, autograph=False)

    def whole(self, x, context):
        """What a pass over whole images computes, traced once for batches of all sizes."""
        return self._whole(x) if context is None else self._whole(x, context)

    @functools.cached_property
    def loss_and_gradients(self):
        """Those of its data, in a graph."""
        return loss_and_gradients(self.model)(self.x, self.context)

    def parameters(self, x, context):
        """The parameters of all positions."""
        return self.whole(x, context)["parameters"]


def randomise(layer, rng):
    for weight in layer.trainable_weights:
        shape = tuple(weight.shape)
        if len(shape) > 1:
            weight.assign(1.2 * rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1])))
        else:
            # Above zero, so that few relus are dead.
            weight.assign_add(0.4 + 0.2 * rng.normal(size=shape))


def passed(model, view, context):
    """All that a pass computes, by name."""
    h = model.features(view, context)
    found = {"parameters": model.parameters(h)}
    if model.forecaster is not None:
        hidden = model.forecaster.hidden(view, h)
        found["forecasts"] = model.forecaster.everywhere(hidden)
    return found


def whole_pass(model, x, context=None):
    return passed(model, WholeView(model.to_images(x), model.embed), model.arranged(context))


def close(actual, expected, tolerance=1e-5):
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


def dependence(case, repeats=4):
    """Which positions the parameters of a position depend on, and its forecasts: bool [d, d] each.

    The gradient of a random combination of the parameters of position i with respect to the
    features of all pixels, for all i as a batch, of several images each.
    """
    model, rng = case.model, case.rng
    d, pixels = model.positions, model.positions // model.groups
    images = tf.repeat(case.images(repeats), d, axis=0)
    context = case.contexts(repeats)
    context = None if context is None else tf.repeat(context, d, axis=0)
    which = tf.one_hot(tf.tile(tf.range(d), [repeats]), d)

    @function
    def gradients(images, context, which):
        images = model.to_images(images)
        features = model.embed(images)
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(features)
            view = WholeView(images, lambda _: features)
            outputs = passed(model, view, model.arranged(context))
            sums = []
            for y in outputs.values():
                y = tf.reshape(y, [-1, d, np.prod(y.shape[2:])])
                sums.append(tf.einsum("bdp,bd,p->", y, which, rng.normal(size=y.shape[2])))
        return {name: tape.gradient(s, features) for name, s in zip(outputs, sums, strict=True)}

    found = {}
    for name, gradient in gradients(images, context, which).items():
        parts = np.abs(gradient.numpy()).reshape(repeats, d, pixels, model.image_shape[2], -1)
        parts = parts.reshape(repeats, d, d, -1).max(-1)
        assert np.isfinite(parts).all()
        found[name] = parts.max(0) > 0
    return found


def check_masks(case, expected=None):
    """The parameters of i depend on j < i only, on all of those that they should."""
    d = case.model.positions
    found = dependence(case)
    earlier = before(case.model.image_shape, case.model.groups)
    assert not found["parameters"][~earlier].any(), "the future is seen"
    expected = earlier if expected is None else expected
    assert (found["parameters"] == expected).all(), "something that should be seen is not"
    if "forecasts" in found:
        own = np.eye(d, dtype=bool)
        assert not found["forecasts"][~(earlier | own)].any(), "forecasts see the future"
        assert found["forecasts"][own].all()


def check_rows_view(case, rows=None):
    """Windows of rows that move by differing shifts, x changing below what is final."""
    model = case.model
    height, align = model.image_shape[0], model.network.alignment
    rows = rows or min(2 * align, height)
    context = model.arranged(case.context)

    @function
    def window(x, starts, caches, shift):
        view = RowsView(model.to_images(x), model.embed, starts, rows, caches, shift)
        return passed(model, view, context), view.kept

    starts = np.zeros(BATCH, np.int32)
    shift, caches = np.zeros(BATCH, np.int32), None
    moves = (np.array([0, align, rows]), np.array([align, rows, 0]), np.array([rows, 0, align]))
    positions, flat = np.arange(model.positions), model.to_positions(case.x)
    for move in (*moves, *moves, moves[0]):
        upcoming = np.minimum(starts + move, (height - rows) // align * align)
        # What lies above the next window is final, what lies below is still guessed, and the last
        # position above it may be decided by this very pass.
        final = positions < upcoming[:, None] * model.row_positions - 1
        guess = model.to_positions(case.images(BATCH))
        x = model.to_data(tf.where(final[:, :, None], flat, guess))
        found, caches = window(x, tf.constant(starts), caches, tf.constant(shift))
        expected = case.whole(x, case.context)
        for name, values in found.items():
            places = starts[:, None] * model.row_positions + np.arange(rows * model.row_positions)
            close(values, tf.gather(expected[name], places, axis=1, batch_dims=1))
        upcoming = upcoming.astype(np.int32)
        starts, shift = upcoming, upcoming - starts
    assert caches


def check_pixel_view(case):
    """Pixel after pixel, each computed twice, with what comes after it changing.

    The second time all of the pixel is known but what is decided last.
    """
    model = case.model
    height, width = model.image_shape[:2]
    context = model.arranged(case.context)

    @function
    def of_row(x, row, caches):
        shift = tf.ones([BATCH], tf.int32)
        view = RowsView(model.to_images(x), model.embed, tf.fill([BATCH], row), 1, caches, shift)
        return model.network.rows(view, context), view.kept

    @function
    def of_pixel(x, row, column, from_rows, caches, new_row):
        view = PixelView(model.to_images(x), model.embed, row, column, caches, new_row)
        mine = [
            tf.ensure_shape(f[:, :, column : column + 1], [None, 1, 1, f.shape[-1]])
            for f in from_rows
        ]
        h = model.network.pixels(view, tuple(mine), context)
        return model.parameters(h), view.kept

    row_caches = caches = None
    positions, flat = np.arange(model.positions)[:, None], model.to_positions(case.x)
    for row in range(height):
        for column in range(width):
            for again in (False, True):
                at = (row * width + column) * model.groups
                known = positions < at + again * (model.groups - 1)
                x = tf.where(known, flat, model.to_positions(case.images(BATCH)))
                x = model.to_data(x)
                if column == 0 and not again:
                    from_rows, row_caches = of_row(x, tf.constant(row), row_caches)
                new_row = tf.constant(column == 0 and row > 0 and not again)
                place = tf.constant(row), tf.constant(column)
                found, caches = of_pixel(x, *place, from_rows, caches, new_row)
                # Later channels of a pixel see the earlier ones, which change from call to call.
                expected = case.parameters(x, case.context)
                close(found, expected[:, at : at + model.groups])


def check_gradients(case):
    """Every weight has a finite gradient that is not zero, the same under XLA."""
    model = case.model
    for weight, gradient in zip(model.trainable_weights, case.loss_and_gradients[1], strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(gradient).all(), weight.path
        assert np.any(gradient != 0), weight.path


def check_xla(case):
    """Loss and gradients are those of the graph."""
    graph = case.loss_and_gradients
    compiled = loss_and_gradients(case.model, jit_compile=True)(case.x, case.context)
    for a, b in zip(tf.nest.flatten(graph), tf.nest.flatten(compiled), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4 * np.abs(a).max())


def loss_and_gradients(model, **options):
    def compute(x, context):
        with tf.GradientTape() as tape:
            loss = tf.add_n(list(model.loss_terms(x, context).values()))
        return loss, tape.gradient(loss, model.trainable_weights)

    return function(compute, **options)


def check_batch_of_one(case):
    one = None if case.context is None else case.context[1:2]
    whole = case.parameters(case.x, case.context)
    close(case.parameters(case.x[1:2], one)[0], whole[1])


def check_conditionals(case):
    """`log_prob` is the sum of `conditional_log_probs`."""
    model = case.model
    total = function(model.log_prob)(case.x, case.context)
    parts = model.conditional_log_probs(case.x, case.context)
    assert parts.shape == (BATCH, model.positions)
    close(total, tf.reduce_sum(parts, 1), 1e-4)


def check_checkpoint(case):
    """A fresh model gives the same parameters after it was restored, and other ones before."""
    expected = case.parameters(case.x, case.context)
    other = Case(case.make, seed=1)

    def difference():
        found = whole_pass(other.model, case.x, case.context)["parameters"]
        return np.abs(found - expected).max()

    assert difference() > 1e-2
    with tempfile.TemporaryDirectory() as folder:
        path = tf.train.Checkpoint(model=case.model).write(f"{folder}/model")
        tf.train.Checkpoint(model=other.model).read(path).assert_consumed()
    assert difference() < 1e-5 * np.abs(expected).max(), "weights were not restored"


def check_bfloat16(case):
    """Under mixed precision the loss is float32 and near that of float32."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = case.make()
    for weight, value in zip(model.weights, case.model.weights, strict=True):
        assert weight.dtype == "float32"
        weight.assign(value)
    seen = []
    layer = model.network

    def compute(x, context):
        view = WholeView(model.to_images(x), model.embed)
        seen.append(model.features(view, model.arranged(context)).dtype)
        return model.loss_terms(x, context)["nll"]

    loss = function(compute)(case.x, case.context)
    assert seen[0] == tf.bfloat16 == tf.as_dtype(layer.compute_dtype)
    assert loss.dtype == tf.float32
    expected = case.model.loss_terms(case.x, case.context)["nll"]
    np.testing.assert_allclose(loss, expected, rtol=0.1)


def check_context(case):
    """The parameters of every position depend on the context, and wrong ones are refused."""
    model = case.model
    if model.context_shape is None:
        with pytest.raises(ValueError, match="takes no condition"):
            model.log_prob(case.x, tf.zeros([BATCH, 1, 1, 4]))
        return
    with pytest.raises(ValueError, match="needs a condition"):
        model.log_prob(case.x)
    a = case.parameters(case.x, case.context)
    b = case.parameters(case.x, case.contexts(BATCH))
    assert (np.abs(a - b).max((0, 2)) > 1e-6).all()


def check_sums_to_one(case):
    """Probabilities of all images of a tiny space, in one context."""
    model = case.model
    d = int(np.prod(model.data_shape))
    images = np.stack(np.meshgrid(*[np.arange(model.levels)] * d, indexing="ij"), -1)
    images = tf.constant(images.reshape(-1, *model.data_shape), tf.int32)
    context = case.context
    if context is not None:
        context = tf.repeat(context[:1], len(images), axis=0)
    log_probs = function(model.log_prob)(images, context)
    assert log_probs.shape == (model.levels**d,)
    close(np.exp(log_probs.numpy().astype(np.float64)).sum(), 1.0)


def check_dropout(case):
    """Drops only with a seed, the same for the same seed."""
    nll = function(lambda x, c, seed: case.model.loss_terms(x, c, seed)["nll"])
    seeds = [make_seed(1), make_seed(1), make_seed(2)]
    a, b, c = [nll(case.x, case.context, seed).numpy() for seed in seeds]
    without = nll(case.x, case.context, None).numpy()
    np.testing.assert_array_equal(a, b)
    assert (a != c).all()
    assert (a != without).all()


CHECKS = {
    "rows_view": check_rows_view,
    "gradients": check_gradients,
    "batch_of_one": check_batch_of_one,
    "conditionals": check_conditionals,
    "checkpoint": check_checkpoint,
    "bfloat16": check_bfloat16,
    "context": check_context,
}
