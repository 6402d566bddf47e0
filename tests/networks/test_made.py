import numpy as np
import pytest
import tensorflow as tf

from glf.networks.made import MADE, degrees


def dependence(network, size, condition_size=None):
    """Which outputs [d] depend on which inputs [d], and on the condition, by autodiff."""
    rng = np.random.default_rng(0)
    network.build((None, size), condition_size and (None, condition_size))
    for weight in network.weights:
        weight.assign(rng.normal(size=weight.shape))
    x = tf.constant(rng.normal(size=(32, size)), tf.float32)
    condition = condition_size and tf.constant(rng.normal(size=(32, condition_size)), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        if condition is not None:
            tape.watch(condition)
        outputs = tf.unstack(network(x, condition), axis=1)
    on_x, on_condition = [], []
    for output in outputs:
        on_x.append(np.any(tape.gradient(output, x, unconnected_gradients="zero") != 0, axis=0))
        if condition is not None:
            on_condition.append(np.any(tape.gradient(output, condition) != 0))
    return np.array(on_x), on_condition


@pytest.mark.parametrize("order", ["sequential", "reversed", "random"])
@pytest.mark.parametrize("hidden", [(32,), (32, 32, 32)])
def test_output_sees_exactly_the_inputs_before_it(order, hidden):
    network = MADE(2, hidden=hidden, order=order, seed=4)
    seen, _ = dependence(network, 6)
    places = degrees(6, order, 4)
    np.testing.assert_array_equal(seen, places[None, :] < places[:, None])


def test_every_output_sees_the_condition():
    seen, on_condition = dependence(MADE(2, hidden=(32, 32)), 5, condition_size=3)
    np.testing.assert_array_equal(seen, np.tril(np.ones((5, 5)), -1))
    assert all(on_condition)


def test_one_dimension():
    assert not dependence(MADE(2), 1)[0].any()
    assert dependence(MADE(2), 1, condition_size=2)[1] == [True]


def test_orders():
    np.testing.assert_array_equal(degrees(4), [1, 2, 3, 4])
    np.testing.assert_array_equal(degrees(4, "reversed"), [4, 3, 2, 1])
    drawn = degrees(50, "random", 1)
    np.testing.assert_array_equal(np.sort(drawn), np.arange(1, 51))
    np.testing.assert_array_equal(drawn, degrees(50, "random", 1))
    assert np.any(drawn != degrees(50, "random", 2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"parameters": 0}, "parameters >= 1"),
        ({"parameters": 1, "hidden": ()}, "at least one hidden layer"),
        ({"parameters": 1, "hidden": (0,)}, "at least one unit"),
        ({"parameters": 1, "order": "spiral"}, "got 'spiral'"),
        ({"parameters": 1, "order": "random"}, "give seed="),
    ],
)
def test_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        MADE(**arguments)
