"""What every bijector has to pass. Each check is a function of a `Case` that raises AssertionError.

All is done in float64 on randomised weights, the zero-initialised ones included: at zero many a
wrong log-determinant is right by chance.
"""

import tempfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

BATCH = 6


class Case:
    """A built bijector with randomised weights, a batch of points for both ends, a condition.

    Args:
      make: called with `dtype=`.
      event: the shape of an event on the data's side, or the size of a vector.
      context: the shape of a condition, or the size of a vector; None: no condition.
      batch: number of points.
      seed: of weights and points.
      unit: whether the data lies in (0, 1).
    """

    def __init__(self, make, event, context=None, batch=BATCH, seed=0, unit=False):
        self.make, self.batch = make, batch
        self.event = (event,) if isinstance(event, int) else tuple(event)
        self.context = (context,) if isinstance(context, int) else context
        self.rng = np.random.default_rng([seed, *self.event])
        keras.utils.set_random_seed(seed)
        self.bijector = self.fresh()
        randomise(self.bijector, self.rng)
        self._graphs = {}
        # Wide enough to reach the tails of the splines, whose bound is 3.
        self.u = self.normal((batch, *self.bijector.base_shape), 2.0)
        self.y = self.normal((batch, *self.event), 2.0)
        self.condition = self.context and self.normal((batch, *self.context))
        if unit:
            # What no data leads to is no base point either.
            self.y, others = (tf.constant(self.rng.uniform(0.01, 0.99, self.y.shape)) for _ in "yu")
            self.u = self.inverse(others)[0]

    def normal(self, shape, scale=1.0):
        return tf.constant(scale * self.rng.normal(size=shape))

    def fresh(self):
        """Another one, built, with its own initial weights."""
        bijector = self.make(dtype="float64")
        bijector.build((None, *self.event), self.context and (None, *self.context))
        return bijector

    def specs(self, *points):
        """What graphs with a free batch size take."""
        given = points if self.condition is None else (*points, self.condition)
        return [tf.TensorSpec((None, *point.shape[1:]), point.dtype) for point in given]

    def _graph(self, bijector, direction, point):
        # Traced once for all batch sizes: the battery calls each many times.
        key = (id(bijector), direction)
        if key not in self._graphs:
            method = getattr(bijector, f"{direction}_and_log_det")
            traced = tf.function(method, input_signature=self.specs(point), autograph=False)
            self._graphs[key] = bijector, traced
        return self._graphs[key][1]

    def _apply(self, direction, point, bijector):
        graph = self._graph(bijector or self.bijector, direction, point)
        return graph(point) if self.condition is None else graph(point, self.condition)

    def forward(self, u, bijector=None):
        return self._apply("forward", u, bijector)

    def inverse(self, y, bijector=None):
        return self._apply("inverse", y, bijector)

    def both(self, bijector=None):
        """Everything at once, as one tuple: y, its log-det, u, its log-det."""
        return (*self.forward(self.u, bijector), *self.inverse(self.y, bijector))


def randomise(layer, rng):
    """Moves every floating weight; those that are not trained (variances) only upwards."""
    for weight in layer.weights:
        if "float" in weight.dtype:
            change = 0.3 * rng.normal(size=weight.shape)
            weight.assign_add(change if weight.trainable else np.abs(change))


def close(actual, expected, tolerance=1e-9, about=""):
    for a, e in zip(tf.nest.flatten(actual), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(a, e, rtol=tolerance, atol=tolerance, err_msg=about)


def check_shapes(case):
    for point, (image, log_det) in (
        (case.u, case.forward(case.u)),
        (case.y, case.inverse(case.y)),
    ):
        assert log_det.shape == point.shape[:1]
        assert image.dtype == log_det.dtype == tf.float64
    assert case.forward(case.u)[0].shape == case.y.shape
    assert case.inverse(case.y)[0].shape == case.u.shape


def check_round_trip(case):
    y, _ = case.forward(case.u)
    close(case.inverse(y)[0], case.u, 1e-7, "inverse(forward(u)) != u")
    u, _ = case.inverse(case.y)
    close(case.forward(u)[0], case.y, 1e-7, "forward(inverse(y)) != y")


def check_log_dets_are_opposite(case):
    y, forward_log_det = case.forward(case.u)
    _, inverse_log_det = case.inverse(y)
    close(inverse_log_det, -forward_log_det, 1e-7, "inverse log-det is not minus the forward's")


def check_jacobian(case):
    """log-det against the determinant of the autodiff Jacobian, in both directions."""
    for method, point in ((case.forward, case.u), (case.inverse, case.y)):
        jacobian, log_det = _jacobian(case, method, point)
        log_determinants = np.linalg.slogdet(jacobian)[1]
        close(log_det, log_determinants, 1e-7, f"{method.__name__} log-det")


def _jacobian(case, method, point):
    """[batch, d, d] of the flattened map, and its log-det.

    No example depends on another, so d copies of the batch, each differentiated for another
    element of the image, give all rows in one pass.
    """
    batch, size = point.shape[0], point.shape[1:].num_elements()
    copies = tf.repeat(point, size, axis=0)
    condition = case.condition
    try:
        case.condition = None if condition is None else tf.repeat(condition, size, axis=0)
        with tf.GradientTape() as tape:
            tape.watch(copies)
            image, log_det = method(copies)
            flat = tf.reshape(image, (-1, size))
        rows = tf.tile(tf.eye(size, dtype=tf.float64), [batch, 1])
        jacobian = tape.gradient(flat, copies, output_gradients=rows)
    finally:
        case.condition = condition
    return tf.reshape(jacobian, (batch, size, size)), log_det[::size]


def check_examples_are_independent(case):
    """An example's image does not depend on its batch: not by value, not by size."""
    whole = case.both()
    condition, u, y = case.condition, case.u, case.y
    try:
        case.u, case.y = u[:1], y[:1]
        case.condition = None if condition is None else condition[:1]
        alone = case.both()
    finally:
        case.u, case.y, case.condition = u, y, condition
    close(alone, [part[:1] for part in whole], about="batch of 1")


def check_gradients(case):
    """Autodiff against central differences, for every weight, the points and the condition.

    The loss weighs images and log-determinants by fixed random numbers, so a gradient that is
    dropped on either way shows. Every trainable weight must matter.
    """
    outcomes = [tf.constant(case.rng.normal(size=part.shape)) for part in case.both()]
    inputs = [case.u, case.y] + ([] if case.condition is None else [case.condition])
    weights = case.bijector.trainable_weights

    def loss(u, y, condition=None):
        parts = (
            *case.bijector.forward_and_log_det(u, condition),
            *case.bijector.inverse_and_log_det(y, condition),
        )
        return sum(tf.reduce_sum(o * part) for o, part in zip(outcomes, parts, strict=True))

    def gradients_of_loss(*inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            value = loss(*inputs)
        return tape.gradient(value, [*(weight.value for weight in weights), *inputs])

    # A graph, because the differences take two evaluations for every weight.
    value = tf.function(loss, autograph=False)
    gradients = tf.function(gradients_of_loss, autograph=False)(*inputs)
    for i, gradient in enumerate(gradients):
        weight = weights[i] if i < len(weights) else None
        name = f"input {i - len(weights)}" if weight is None else weight.path
        if weight is None and gradient is None:
            gradient = tf.zeros_like(inputs[i - len(weights)])
        assert gradient is not None, f"no gradient for {name}"
        assert np.all(np.isfinite(gradient)), f"gradient of {name} is not finite"
        assert weight is None or np.any(gradient != 0), f"gradient of {name} is zero"
        direction = tf.constant(case.rng.normal(size=gradient.shape))
        step = 1e-6
        ends = []
        for signed in (step, -step):
            moved = list(inputs)
            if weight is None:
                moved[i - len(weights)] += signed * direction
                ends.append(value(*moved))
            else:
                before = tf.identity(weight.value)
                weight.assign_add(signed * direction)
                ends.append(value(*moved))
                weight.assign(before)
        difference = float(ends[0] - ends[1]) / (2 * step)
        expected = float(tf.reduce_sum(gradient * direction))
        assert abs(difference - expected) < 1e-4 * (1 + abs(expected)), (
            f"gradient of {name}: autodiff {expected}, differences {difference}"
        )


def check_condition_matters(case):
    """A conditional network's map moves with its condition; called on those that have one."""
    before = case.both()
    condition, case.condition = case.condition, case.condition + 1.0
    try:
        after = case.both()
    finally:
        case.condition = condition
    assert any(np.any(b != a) for b, a in zip(before, after, strict=True))


def check_modes(case):
    """Eager, graph with a free batch size, and XLA agree; no mode makes weights."""
    count = len(case.bijector.weights)
    args = (case.u, case.y) + (() if case.condition is None else (case.condition,))

    def both(u, y, condition=None):
        return (
            *case.bijector.forward_and_log_det(u, condition),
            *case.bijector.inverse_and_log_det(y, condition),
        )

    eager = both(*args)
    close(case.both(), eager, 1e-8, "graph != eager")
    close(tf.function(both, jit_compile=True)(*args), eager, 1e-8, "XLA != eager")
    assert len(case.bijector.weights) == count


def check_checkpoint(case):
    """Saved and restored into another one with other weights, permutations included."""
    expected = case.both()
    other = case.fresh()
    with tempfile.TemporaryDirectory() as folder:
        path = tf.train.Checkpoint(bijector=case.bijector).write(f"{folder}/weights")
        tf.train.Checkpoint(bijector=other).read(path).assert_consumed()
    close(case.both(other), expected, 1e-12, "restored != saved")


def check_saved_model(case):
    """Exported with both directions, loaded without the package's help."""
    module = tf.Module()
    module.bijector = case.bijector
    args = (case.u, case.y) + (() if case.condition is None else (case.condition,))

    @tf.function(input_signature=case.specs(case.u, case.y), autograph=False)
    def both(u, y, condition=None):
        return (
            *case.bijector.forward_and_log_det(u, condition),
            *case.bijector.inverse_and_log_det(y, condition),
        )

    module.both = both
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder)
        loaded = tf.saved_model.load(folder)
    close(loaded.both(*args), case.both(), 1e-8, "exported != in memory")


def check_tfp_view(case):
    """TFP's interface gives the fused methods' numbers, for extra sample axes too."""
    view = case.bijector.as_tfp(case.condition)
    y, forward_log_det, u, inverse_log_det = case.both()
    close(view.forward(tf.identity(case.u)), y)
    close(view.inverse(tf.identity(case.y)), u)
    ndims = len(case.event)
    base_ndims = len(case.bijector.base_shape)
    close(view.forward_log_det_jacobian(tf.identity(case.u), base_ndims), forward_log_det)
    close(view.inverse_log_det_jacobian(tf.identity(case.y), ndims), inverse_log_det)
    twice = tf.stack([case.y, case.y])
    close(view.inverse(twice), tf.stack([u, u]))
    base = tfd.Sample(tfd.Normal(tf.constant(0.0, tf.float64), 1.0), case.u.shape[1:])
    flow = tfd.TransformedDistribution(base, case.bijector.as_tfp(case.condition))
    close(flow.log_prob(tf.identity(case.y)), base.log_prob(u) + inverse_log_det)


def check_integrates_to_one(case):
    """The density of a standard normal seen through it, summed over a fine grid of the plane."""
    edge, num = 24.0, 600
    axis = tf.linspace(tf.constant(-edge, tf.float64), edge, num)
    y = tf.reshape(tf.stack(tf.meshgrid(axis, axis), axis=-1), (-1, 2))
    u, log_det = case.bijector.inverse_and_log_det(y)
    log_prob = -0.5 * tf.reduce_sum(u**2, axis=1) - np.log(2 * np.pi) + log_det
    total = float(tf.reduce_sum(tf.exp(log_prob))) * (2 * edge / (num - 1)) ** 2
    assert abs(total - 1) < 0.02, f"integrates to {total}"


CHECKS = {
    "shapes": check_shapes,
    "round_trip": check_round_trip,
    "log_dets_are_opposite": check_log_dets_are_opposite,
    "jacobian": check_jacobian,
    "examples_are_independent": check_examples_are_independent,
    "gradients": check_gradients,
    "modes": check_modes,
    "checkpoint": check_checkpoint,
    "saved_model": check_saved_model,
    "tfp_view": check_tfp_view,
}

# What takes long to trace is done of one case an entry; it and gradients in the full run alone.
LONG = ("modes", "saved_model", "tfp_view")


def checks(long):
    """A test's parameter `check`: every check, with the long ones or without them."""
    chosen = [
        pytest.param(check, id=name, marks=pytest.mark.slow if name in (*LONG, "gradients") else ())
        for name, check in CHECKS.items()
        if long or name not in LONG
    ]
    return pytest.mark.parametrize("check", chosen)
