"""Solvers against their definition, on every autoregressive bijector and on systems made here."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors.registry import IMAGES, REGISTRY
from glf.networks.dense_conditioner import DenseConditioner
from glf.networks.glow_conditioner import GlowConditioner
from glf.solvers import CachedSequential, FixedPoint, Sequential, System, fixed_point, solving

EXACT = {"plain": FixedPoint(draft=False), "blocks": FixedPoint(blocks=2), "drafted": FixedPoint()}


def autoregressive():
    """{name: (constructor, event)} of those of the registry that have a solver."""
    both = {name: (make, (5,)) for name, make in REGISTRY.items()}
    both |= {name: (make, (4, 4, 2)) for name, make in IMAGES.items()}
    return {
        n: (m, event) for n, (m, event) in both.items() if hasattr(m(dtype="float32"), "solver")
    }


def test_all_of_them_were_found():
    assert {"maf", "maf_spline", "iaf", "image_iaf", "transformer_patches"} <= set(autoregressive())


def randomised(bijector, seed, scale=0.5):
    rng = np.random.default_rng(seed)
    for weight in bijector.trainable_weights:
        weight.assign_add(scale * rng.normal(size=weight.shape))
    return bijector


def trained(bijector, event):
    """The bijector after some steps by the density of clustered points."""
    rng = np.random.default_rng(1)
    y = np.sign(rng.normal(size=(64, *event))) + 0.3 * rng.normal(size=(64, *event))
    y = tf.constant(np.cumsum(y, axis=-1), tf.float32)
    weights = bijector.trainable_weights

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            u, log_det = bijector.drafted(y)[0], bijector.inverse_and_log_det(y)[1]
            loss = tf.reduce_mean(0.5 * tf.reduce_sum(u**2, range(1, u.shape.rank)) - log_det)
        for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
            weight.assign_sub(0.02 * tf.clip_by_norm(gradient, 5.0))

    for _ in range(30):
        step()
    return bijector


@pytest.fixture(scope="module", params=sorted(autoregressive()))
def bijector(request):
    make, event = autoregressive()[request.param]
    made = make(dtype="float32")
    made.build((None, *event))
    return randomised(made, 0)


def every_solution(bijector, solvers, jit=None):
    """A function of a point: {name: (image, log-det, `Solution`)}, one graph for all batches."""
    direction = "forward" if getattr(bijector, "slow_is_forward", True) else "inverse"
    slow = getattr(bijector, f"{direction}_and_log_det")

    def solve(point):
        found = {}
        for name, solver in solvers.items():
            with solving(bijector, solver) as solutions:
                found[name] = (*slow(point), solutions[0])
        return found

    spec = tf.TensorSpec([None, *bijector.event_shape], bijector.compute_dtype)
    return tf.function(solve, input_signature=[spec], autograph=False, jit_compile=jit)


def check_the_same_bits(bijector, batches):
    solve = every_solution(bijector, {"definition": Sequential(), **EXACT})
    for batch in batches:
        point = np.random.default_rng(batch).normal(size=(batch, *bijector.event_shape))
        found = solve(tf.constant(1.5 * point, bijector.compute_dtype))
        image, log_det, definition = found.pop("definition")
        assert np.all(definition.certified)
        for name, (other, other_log_det, solution) in found.items():
            np.testing.assert_array_equal(other, image, err_msg=name)
            np.testing.assert_array_equal(other_log_det, log_det, err_msg=name)
            assert np.all(solution.certified & (solution.error == 0))
            assert np.max(solution.calls) <= solution.places


def test_the_same_bits_as_the_definition(bijector):
    check_the_same_bits(bijector, (1, 7, 32))


@pytest.mark.slow
def test_trained_and_in_large_batches_and_by_xla(bijector):
    trained(bijector, bijector.event_shape)
    check_the_same_bits(bijector, (512,))
    check_by_xla(bijector, 7)


def check_by_xla(bijector, batch):
    """Each is certified by its own program; the definition's is another, which may round apart."""
    solve = every_solution(bijector, {"definition": Sequential(), **EXACT}, jit=True)
    point = np.random.default_rng(batch).normal(size=(batch, *bijector.event_shape))
    found = solve(tf.constant(1.5 * point, bijector.compute_dtype))
    image, log_det, definition = found.pop("definition")
    scale = 1 + np.max(np.abs(image))
    assert np.all(definition.error < 1e-5 * scale)
    np.testing.assert_array_equal(definition.certified, definition.error == 0)
    for name, (other, other_log_det, solution) in found.items():
        np.testing.assert_allclose(other, image, atol=1e-5 * scale, err_msg=name)
        np.testing.assert_allclose(other_log_det, log_det, atol=1e-4, err_msg=name)
        assert np.all(solution.certified & (solution.error == 0))
        assert np.max(solution.calls) <= solution.places


@pytest.mark.slow
def test_cached(bijector):
    solvers = {"definition": Sequential(), "cached": CachedSequential()}
    point = np.random.default_rng(0).normal(size=(4, *bijector.event_shape))
    found = every_solution(bijector, solvers)(tf.constant(point, bijector.compute_dtype))
    image, log_det, solution = found["cached"]
    scale = 1 + np.max(np.abs(image))
    np.testing.assert_allclose(image, found["definition"][0], atol=1e-5 * scale, rtol=1e-5)
    np.testing.assert_allclose(log_det, found["definition"][1], atol=1e-5, rtol=1e-5)
    assert np.all(solution.error < 1e-5 * scale)
    np.testing.assert_array_equal(solution.certified, solution.error == 0)


def system(weight, point, places=None, draft=None):
    """image = tanh(image W) + point; W is strictly upper triangular where it is sound."""
    weight = tf.convert_to_tensor(weight, tf.float32)

    def step(image, point):
        # Sums of single products, so that no example depends on the batch's size.
        seen = tf.reduce_sum(image[:, :, None] * weight, axis=1)
        return tf.tanh(seen) + point, seen

    d = point.shape[1]
    places = np.arange(1, d + 1) if places is None else places
    return System(step, (tf.constant(point, tf.float32),), places, draft=draft)


D = 12
RNG = np.random.default_rng(3)
WEIGHT = np.triu(RNG.normal(size=(D, D)), 1)
POINT = RNG.normal(size=(5, D))


def residual(of, solution):
    """The largest |g(image) - image| of each example, computed by itself."""
    new = of.step(solution.image, *of.inputs)[0]
    return np.max(np.abs(new - solution.image), axis=1)


def test_a_chain_takes_as_many_passes_as_there_are_places():
    chain = system(np.diag(np.full(D - 1, 5.0), 1), np.abs(POINT))
    right = Sequential()(chain)
    for solver in EXACT.values():
        solution = solver(chain)
        np.testing.assert_array_equal(solution.image, right.image)
        assert np.all(solution.certified)
        assert np.all(solution.calls <= D)
    assert np.all(right.calls == D)


def test_every_example_stops_by_itself():
    easy_and_hard = system(WEIGHT, np.concatenate([np.zeros([1, D]), 2 * POINT]))
    together = FixedPoint()(easy_and_hard)
    assert together.calls[0] == 1 < np.min(together.calls[1:])
    for i in range(1, 4):
        alone = FixedPoint()(system(WEIGHT, 2 * POINT[i - 1 : i]))
        assert alone.calls[0] == together.calls[i]
        np.testing.assert_array_equal(alone.image[0], together.image[i])


def test_values_of_one_place_are_found_together():
    weight = np.kron(np.triu(np.ones((4, 4)), 1), RNG.normal(size=(3, 3)))
    tokens = system(weight, POINT, places=np.repeat(np.arange(1, 5), 3))
    right, solution = Sequential()(tokens), FixedPoint()(tokens)
    np.testing.assert_array_equal(solution.image, right.image)
    assert np.all(right.certified)
    assert np.max(solution.calls) <= right.calls[0] == 4


def test_tolerance_states_its_error():
    of = system(WEIGHT, POINT)
    solution, exact = FixedPoint(tolerance=1e-3)(of), FixedPoint()(of)
    assert 0 < np.max(solution.error) <= 1e-3
    np.testing.assert_allclose(residual(of, solution), solution.error, atol=1e-6)
    np.testing.assert_array_equal(solution.certified, solution.error == 0)
    assert np.sum(solution.calls) < np.sum(exact.calls)


def stops_early(new, image):
    return tf.reduce_any(~(tf.abs(new - image) < 1e-3))


@pytest.mark.parametrize("solver", [FixedPoint(), FixedPoint(blocks=2), FixedPoint(tolerance=1e-3)])
def test_a_certificate_holds_when_it_is_judged_by_itself(monkeypatch, solver):
    def uncertain():
        of = system(WEIGHT, POINT)
        solution = solver(of)
        return int(np.sum(np.asarray(solution.certified) & (residual(of, solution) > 0)))

    assert uncertain() == 0
    # Planted: a certificate that compares by a tolerance, of a search that stops by one.
    monkeypatch.setattr(fixed_point, "any_changed", stops_early)
    strict = fixed_point.compared

    def loose(new, image):
        return tf.reduce_all(tf.abs(new - image) < 1e-2, axis=1), strict(new, image)[1]

    monkeypatch.setattr(fixed_point, "compared", loose)
    assert uncertain() > 0


def test_a_search_that_stops_too_early_gets_no_certificate(monkeypatch):
    monkeypatch.setattr(fixed_point, "any_changed", stops_early)
    of = system(WEIGHT, POINT)
    solution = FixedPoint()(of)
    np.testing.assert_array_equal(solution.certified, residual(of, solution) == 0)
    assert not np.all(solution.certified)


def test_values_that_hardly_differ_go_on_being_searched():
    def step(image, point):
        return point * (1 + 2e-7 * tf.cumsum(image, axis=1, exclusive=True)), 0 * image

    # The second pass changes last bits, by 1e-40, which is less than the least normal number.
    of = System(step, (tf.constant([[1.0, 1e-33, 1e-33, 1e-33]]),), np.arange(1, 5))
    solve = tf.function(lambda: [s(of)[::4] for s in (Sequential(), FixedPoint())], autograph=False)
    right, found = solve()
    np.testing.assert_array_equal(found[0], right[0])
    assert np.all(found[1])


@pytest.mark.parametrize("solver", [FixedPoint(), FixedPoint(blocks=2), FixedPoint(tolerance=1e-3)])
@pytest.mark.parametrize("graph", [False, True])
def test_what_is_no_number_is_that_of_the_definition_and_not_certified(solver, graph):
    def step(image, point):
        before = tf.cumsum(image, axis=1, exclusive=True)
        return point + tf.sqrt(before + 1.0), tf.zeros_like(image)

    def solve(of):
        wrap = tf.function(autograph=False) if graph else lambda function: function
        return wrap(lambda: of(System(step, (point,), np.arange(1, 6))))()

    # The first example's third value is the root of -1.
    point = tf.constant([[0.0, -4.0, 0.0, 0.0, 0.0], [0.5] * 5])
    right, found = solve(Sequential()), solve(solver)
    np.testing.assert_array_equal(np.isnan(right.image[0]), [False, False, True, True, True])
    np.testing.assert_allclose(found.image, right.image, atol=2e-3 * (solver.tolerance > 0))
    assert not found.certified[0]
    assert found.error[0] == np.inf
    assert solver.tolerance or (found.certified[1] and found.error[1] == 0)


def test_a_mask_that_leaks_one_position_is_found():
    leaking = WEIGHT.copy()
    leaking[7, 6] = 3.0
    right = Sequential()(system(leaking, POINT))
    assert not np.any(right.certified)
    assert np.all(right.error > 0)
    solution = FixedPoint()(system(leaking, POINT))
    assert np.any(np.asarray(solution.image) != np.asarray(right.image))


def test_infinities_are_those_of_the_definition_and_not_certified():
    def step(image, point):
        return point * tf.exp(tf.cumsum(image, axis=1, exclusive=True)), tf.zeros_like(image)

    point = tf.constant(np.full([2, 6], 6.0) * [[1], [0.05]], tf.float32)
    of = System(step, (point,), np.arange(1, 7))
    right, solution = Sequential()(of), FixedPoint()(of)
    np.testing.assert_array_equal(np.all(np.isfinite(right.image), axis=1), [False, True])
    np.testing.assert_array_equal(solution.image, right.image)
    assert np.all(solution.calls <= 6)
    assert solution.certified[1]


def test_gradients_are_those_of_the_definition():
    variable = tf.Variable(WEIGHT, dtype=tf.float64)
    mask = tf.constant(np.triu(np.ones((D, D)), 1))

    def step(image, point):
        seen = tf.matmul(image, variable * mask)
        return tf.tanh(seen) + point**2, seen * point

    @tf.function(autograph=False)
    def gradients(solver):
        point = tf.constant(POINT)
        with tf.GradientTape() as tape:
            tape.watch(point)
            solution = solver(System(step, (point,), np.arange(1, D + 1)))
            loss = tf.reduce_sum(tf.sin(solution.image) + solution.log_derivative**2)
        return tape.gradient(loss, [point, variable])

    right = gradients(Sequential())
    for solver in (FixedPoint(), FixedPoint(jit=True)):
        for one, other in zip(right, gradients(solver), strict=True):
            np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-9)


def test_a_draft_changes_what_a_solution_costs_and_nothing_else():
    plain = FixedPoint()(system(WEIGHT, POINT))
    drafts = {
        "right": lambda point: plain.image,
        "near": lambda point: plain.image + 1e-3,
        "no numbers": lambda point: point * np.nan,
        "infinite": lambda point: point * np.inf,
    }
    calls = {}
    for name, draft in drafts.items():
        solution = FixedPoint()(system(WEIGHT, POINT, draft=draft))
        np.testing.assert_array_equal(solution.image, plain.image, err_msg=name)
        assert np.all(solution.certified)
        calls[name] = int(np.sum(solution.calls))
    assert calls["right"] == len(POINT)
    assert calls["right"] < calls["near"] < np.sum(plain.calls)
    ignoring = FixedPoint(draft=False)(system(WEIGHT, POINT, draft=drafts["right"]))
    np.testing.assert_array_equal(ignoring.calls, plain.calls)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"tolerance": -1.0}, "tolerance is a finite number"),
        ({"tolerance": np.inf}, "tolerance is a finite number"),
        ({"blocks": 0}, "blocks is an integer of at least 1"),
    ],
)
def test_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        FixedPoint(**arguments)


def test_what_cannot_be_solved_is_refused():
    with pytest.raises(ValueError, match="only 12 places"):
        FixedPoint(blocks=13)(system(WEIGHT, POINT))
    with pytest.raises(ValueError, match="keeps its activations"):
        CachedSequential()(system(WEIGHT, POINT))


@pytest.mark.parametrize(
    ("name", "event", "make"),
    [
        ("maf", (6,), functools.partial(DenseConditioner, hidden=16, batch_norm=False)),
        ("transformer_patches", (4, 4, 1), functools.partial(GlowConditioner, filters=16)),
    ],
)
def test_drafts_of_bijectors_learn_beside_them(name, event, make):
    flow = {**REGISTRY, **IMAGES}[name](dtype="float32", make_draft=make)
    flow.build((None, *event))
    randomised(flow, 0, 0.4)
    u = tf.random.stateless_normal([256, *event], [0, 0], alg="philox")
    y = flow.forward(u)
    assert not np.any(flow._guess(u) == y)  # the draft's own, and no solution
    of_draft, of_flow = flow.draft.trainable_weights, flow.network.trainable_weights

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            _, loss = flow.drafted(y)
        gradients = tape.gradient(loss, [*of_draft, *of_flow])
        for weight, gradient in zip(of_draft, gradients, strict=False):
            weight.assign_sub(0.1 * gradient / len(y))
        return tf.reduce_mean(loss), gradients[len(of_draft) :]

    first, of_others = step()
    assert all(gradient is None for gradient in of_others)
    for _ in range(100):
        last, _ = step()
    assert last < 0.7 * first
    wrong = np.reshape((y - flow._guess(flow.inverse(y))) ** 2, (len(y), -1))
    np.testing.assert_allclose(last, np.mean(0.5 * wrong.sum(1)), rtol=0.1)
    # The solution is the same from the draft on, whatever it says.
    np.testing.assert_array_equal(flow.forward(u), y)


@pytest.mark.parametrize("solver", [Sequential(), FixedPoint(), CachedSequential()])
def test_a_value_that_overflows_makes_no_nan_of_those_behind_it(solver):
    flow = IMAGES["transformer_patches"](dtype="float32", make_solver=lambda: solver)
    flow.build((None, 4, 4, 1))
    randomised(flow, 0, 0.4)
    u = np.zeros((1, 4, 4, 1), np.float32)
    u[0, 3, 3] = 3e38  # of the first token, the order being reversed
    y = flow.forward(u).numpy()
    assert np.abs(y).max() > 1e30
    assert not np.isnan(y).any()
