"""Networks of autoregressive flows that see rounded values: the same laws, and fewer passes."""

from functools import partial

import bijector_battery as battery
import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors import IAF, MAF, ImageIAF, TransformerAutoregressive
from glf.bijectors.rounding import rounded
from glf.networks import MADE, CausalTransformer, MaskedImageNetwork
from glf.solvers import CachedSequential, FixedPoint, Sequential, solving

MADE_OF_8 = partial(MADE, hidden=(8, 8))
TINY = partial(CausalTransformer, width=4, heads=2, layers=1, expansion=2)
MASKED = partial(MaskedImageNetwork, filters=4, layers=1, first_kernel=3)
BITS = 2
KINDS = {
    "maf": (partial(MAF, make_network=MADE_OF_8), (5,)),
    "iaf": (partial(IAF, make_network=MADE_OF_8), (5,)),
    "image_iaf": (partial(ImageIAF, make_network=MASKED), (2, 4, 2)),
    "transformer": (partial(TransformerAutoregressive, make_network=TINY), (6,)),
}


@pytest.fixture(scope="module", params=sorted(KINDS))
def case(request):
    make, event = KINDS[request.param]
    return battery.Case(partial(make, fraction_bits=BITS), event)


@pytest.mark.parametrize(
    "check",
    ["shapes", "round_trip", "log_dets_are_opposite", "jacobian", "examples_are_independent"],
)
def test_is_a_bijector(case, check):
    battery.CHECKS[check](case)


def test_the_density_integrates_to_one():
    make, _ = KINDS["maf"]
    battery.check_integrates_to_one(battery.Case(partial(make, fraction_bits=0), 2))


def test_networks_see_multiples_alone(case):
    bijector, step = case.bijector, 2.0**-BITS
    fast = bijector.inverse if bijector.slow_is_forward else bijector.forward
    point = step * np.random.default_rng(2).integers(-8, 8, (1, *case.event))
    image = fast(tf.constant(point)).numpy()
    # The same multiples from anywhere within half a step: what their network says is the same, and
    # with an affine map what differs is, per value, the same affine function.
    shifts = step * np.array([0.0, -0.45, 0.45]).reshape(3, *[1] * len(case.event))
    images = fast(tf.constant(point + shifts)).numpy()
    np.testing.assert_allclose(images[0], image[0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(images[1] + images[2], 2 * image[0], rtol=1e-12, atol=1e-12)
    farther = fast(tf.constant(point + 0.55 * step)).numpy()
    assert np.abs(farther - images[0] - (images[2] - images[0]) * 0.55 / 0.45).max() > 1e-6


def test_solvers_agree(case):
    solvers = {"definition": Sequential(), "exact": FixedPoint(), "blocks": FixedPoint(blocks=2)}
    if getattr(case.bijector, "keeps_activations", True):
        solvers["cached"] = CachedSequential()
    slow = getattr(case.bijector, "forward" if case.bijector.slow_is_forward else "inverse")

    @tf.function(autograph=False)
    def solve(point):
        found = {}
        for name, solver in solvers.items():
            with solving(case.bijector, solver) as solutions:
                found[name] = slow(point), solutions[0]
        return found

    found = solve(case.u)
    right, _ = found.pop("definition")
    if "cached" in found:
        np.testing.assert_allclose(found.pop("cached")[0], right, rtol=1e-9, atol=1e-9)
    for name, (image, solution) in found.items():
        np.testing.assert_array_equal(image, right, err_msg=name)
        assert np.all(solution.certified)
        assert np.max(solution.calls) <= solution.places


def test_a_solver_need_not_wait_for_the_last_bits():
    def calls(fraction_bits):
        make = partial(MAF, make_network=partial(MADE, hidden=(64,)), fraction_bits=fraction_bits)
        maf = make(dtype="float32")
        maf.build((None, 48))
        battery.randomise(maf, np.random.default_rng(0))
        with solving(maf) as solutions:
            maf.forward(tf.random.stateless_normal([32, 48], [0, 0], alg="philox"))
        assert np.all(solutions[0].certified)
        return np.mean(solutions[0].calls)

    assert calls(1) < 0.75 * calls(None)


def test_gradients_of_the_density_are_those_of_the_weights(case):
    bijector, point = case.bijector, case.y
    fast = "inverse" if bijector.slow_is_forward else "forward"

    def loss():
        image, log_det = getattr(bijector, f"{fast}_and_log_det")(point)
        return tf.reduce_sum(image**2) - tf.reduce_sum(log_det)

    weights = bijector.trainable_weights
    with tf.GradientTape() as tape:
        value = loss()
    gradients = tape.gradient(value, [weight.value for weight in weights])
    rng = np.random.default_rng(3)
    directions = [rng.normal(size=gradient.shape) for gradient in gradients]

    def moved(by):
        for weight, direction in zip(weights, directions, strict=True):
            weight.assign_add(by * direction)
        return float(loss())

    change = (moved(1e-6) - moved(-2e-6)) / 2e-6
    moved(1e-6)
    expected = sum(np.sum(g * d) for g, d in zip(gradients, directions, strict=True))
    np.testing.assert_allclose(change, expected, rtol=1e-5)


def test_rounded():
    values = tf.constant([0.0, -0.0, 0.124, 0.126, -0.376, 7.99, 3e7 + 2, -1e12, 2.5e-20])
    with tf.GradientTape() as tape:
        tape.watch(values)
        nearest = rounded(values, 2)
    assert nearest.numpy().tolist() == [0, 0, 0, 0.25, -0.5, 8, 3e7 + 2, np.float32(-1e12), 0]
    np.testing.assert_array_equal(tape.gradient(nearest, values), np.ones(9))
    many = np.random.default_rng(0).normal(size=10_000).astype("float32") * 3
    for jit in (False, True):
        compiled = tf.function(lambda x: rounded(x, 5), jit_compile=jit, autograph=False)
        np.testing.assert_array_equal(compiled(many), np.round(many * 32) / 32)
    assert rounded(values, None) is values


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("bits", [-1, 21, 2.5, True])
def test_refused(kind, bits):
    with pytest.raises(ValueError, match="fraction_bits is None, or an integer from 0 to 20"):
        KINDS[kind][0](fraction_bits=bits)
