import keras
import numpy as np
import pytest
import scipy.signal
import tensorflow as tf

from glf.layers.conv_lstm import ConvLSTM

HEIGHT, WIDTH, HIDDEN = 3, 4, 2


def built(size=3, context=None, dtype="float64", dilation=1):
    keras.utils.set_random_seed(0)
    layer = ConvLSTM(HIDDEN, size, dilation, dtype=dtype)
    layer.build((None, HEIGHT, WIDTH, 2), context and (None, HEIGHT, WIDTH, context))
    return layer


def convolve(x, kernel, dilation=1):
    """[n, h, w, a] and [s, s, a, b]: correlation, zeros around."""
    side = (len(kernel) - 1) * dilation + 1
    dilated = np.zeros((side, side, *kernel.shape[2:]))
    dilated[::dilation, ::dilation] = kernel
    kernel = dilated
    pairs = [
        [correlate(x[n, :, :, a], kernel[:, :, a, b]) for a in range(len(k))]
        for n in range(len(x))
        for b in range(kernel.shape[3])
        for k in [kernel[0, 0]]
    ]
    maps = np.sum(pairs, axis=1).reshape(len(x), kernel.shape[3], *x.shape[1:3])
    return np.moveaxis(maps, 1, 3)


def correlate(x, kernel):
    half = len(kernel) // 2
    return scipy.signal.correlate2d(np.pad(x, half), kernel, "valid")


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


@pytest.mark.parametrize(("size", "dilation"), [(1, 1), (3, 1), (5, 1), (3, 2), (5, 2), (3, 3)])
def test_equations(size, dilation):
    layer, rng = built(size, context=1, dilation=dilation), np.random.default_rng(0)
    x = rng.normal(size=(3, 2, HEIGHT, WIDTH, 2))
    context = rng.normal(size=(2, HEIGHT, WIDTH, 1))
    h = cell = np.zeros((2, HEIGHT, WIDTH, HIDDEN))
    expected = []
    # The context concatenated to every input.
    kernel = np.concatenate([layer.kernel, layer.context_kernel], 2)
    for step in x:
        gates = convolve(np.concatenate([step, context], 3), kernel, dilation)
        gates += convolve(h, layer.recurrent_kernel.numpy(), dilation) + layer.bias.numpy()
        i, f, o, g = np.split(gates, 4, -1)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(cell)
        expected.append(h)
    gates = tf.reshape(layer.gates(x.reshape(-1, *x.shape[2:])), (3, 2, HEIGHT, WIDTH, -1))
    gates += layer.context_gates(context)
    np.testing.assert_allclose(layer.scan(gates), expected, atol=1e-12)
    looped = layer.gates(x[0], looped=True)
    np.testing.assert_allclose(looped, layer.gates(x[0]), atol=1e-12)


def test_modes_and_gradients():
    layer, rng = built(dtype="float32"), np.random.default_rng(0)
    gates = tf.constant(rng.normal(size=(7, 3, HEIGHT, WIDTH, 4 * HIDDEN)), tf.float32)

    def run(gates):
        with tf.GradientTape() as tape:
            tape.watch(gates)
            h = layer.scan(gates)
            loss = tf.reduce_sum(h**2)
        return h, *tape.gradient(loss, [gates, layer.recurrent_kernel.value])

    free = tf.TensorSpec((7, None, *gates.shape[2:]), tf.float32)
    eager = run(gates)
    graph = tf.function(run, input_signature=[free], autograph=False)(gates)
    xla = tf.function(run, jit_compile=True, autograph=False)(gates)
    for mode in (graph, xla):
        for a, b in zip(mode, eager, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_remembers_from_the_start():
    np.testing.assert_array_equal(built().bias, [0, 0, 1, 1, 0, 0, 0, 0])


def test_user_errors():
    for arguments in ((0, 3), (2, 2), (2, 0), (2, 3, 0)):
        with pytest.raises(ValueError, match="odd size"):
            ConvLSTM(*arguments)
