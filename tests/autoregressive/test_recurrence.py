"""The PixelRNNs' loops against plain ones."""

import numpy as np
import pytest
import tensorflow as tf
from causal_battery import randomise

from glf.autoregressive import recurrence
from glf.autoregressive.diagonal_bilstm import DiagonalBiLSTM
from glf.autoregressive.row_lstm import RowLSTM
from glf.autoregressive.view import WholeView

N, HEIGHT, WIDTH, FILTERS = 2, 6, 4, 8
HIDDEN = FILTERS // 2
RNG = np.random.default_rng(0)
DATA = RNG.normal(size=(N, HEIGHT, WIDTH, 3)).astype(np.float32)
H = RNG.normal(size=(N, HEIGHT, WIDTH, FILTERS)).astype(np.float32)


def made(network, **settings):
    layer = network(
        (HEIGHT, WIDTH, 1), 3, filters=FILTERS, layers=1, first_kernel=3, head=4, **settings
    )
    randomise(layer, RNG)
    return layer


def cell(gates, c):
    o, f, i, g = np.split(gates, 4, -1)
    o, f, i = (1 / (1 + np.exp(-part)) for part in (o, f, i))
    c = f * c + i * np.tanh(g)
    return o * np.tanh(c), c


def recurred(network):
    x = tf.zeros([N, HEIGHT, WIDTH, 1], tf.int32)
    return network.recur(WholeView(x, lambda _: tf.constant(DATA)), 0, tf.constant(H), 0.0)


def test_scan_is_the_same_written_out_and_as_a_loop(monkeypatch):
    def step(state, inputs):
        a, b = state
        return a * inputs["x"] + b, b - inputs["y"]

    inputs = {k: tf.constant(RNG.normal(size=(3, 2)), tf.float32) for k in "xy"}
    state = (tf.ones([2]), tf.zeros([2]))
    written_out = recurrence.scan(step, inputs, state)
    monkeypatch.setattr(recurrence, "UNROLLED", 2)
    for a, b in zip(written_out, recurrence.scan(step, inputs, state), strict=True):
        assert a.shape == (3, 2)
        np.testing.assert_allclose(a, b)


def test_lstm_keeps_groups_apart():
    gates, last = RNG.normal(size=(5, 24)), RNG.normal(size=(5, 6))
    found = recurrence.lstm(tf.constant(gates), tf.constant(last), groups=3)
    for g in range(3):
        expected = cell(gates[:, 8 * g : 8 * g + 8], last[:, 2 * g : 2 * g + 2])
        for part, value in zip(found, expected, strict=True):
            np.testing.assert_allclose(part[:, 2 * g : 2 * g + 2], value)


@pytest.mark.parametrize("kernel", [1, 3])
def test_row_lstm(kernel):
    network = made(RowLSTM, kernel=kernel)
    of_input, of_state = network.recurrent[0]
    side = kernel // 2
    gates = of_input.convolve(np.pad(H, [(0, 0), (0, 0), (side, side), (0, 0)])).numpy()
    weights = of_state.numpy().reshape(kernel, HIDDEN, 4 * HIDDEN)
    h, c = np.zeros((2, N, HEIGHT + 1, WIDTH + 2 * side, HIDDEN))
    for row in range(HEIGHT):
        for column in range(WIDTH):
            above = h[:, row, column : column + kernel]
            total = gates[:, row, column] + np.einsum("nkp,kpq->nq", above, weights)
            here = (slice(None), row + 1, column + side)
            h[here], c[here] = cell(total, c[:, row, column + side])
    expected = h[:, 1:, side : side + WIDTH]
    np.testing.assert_allclose(recurred(network), expected, rtol=1e-4, atol=1e-5)


def diagonal(gates, weights):
    """Pixel after pixel, from the states to the left and above."""
    h, c = np.zeros((2, N, HEIGHT + 1, WIDTH + 1, HIDDEN))
    for row in range(HEIGHT):
        for column in range(WIDTH):
            near = np.concatenate([h[:, row + 1, column], h[:, row, column + 1]], -1)
            here = (slice(None), row + 1, column + 1)
            h[here], c[here] = cell(gates[:, row, column] + near @ weights, c[:, row + 1, column])
    return h[:, 1:, 1:]


def test_diagonal_bilstm():
    network = made(DiagonalBiLSTM)
    of_input, weights, of_input_back, weights_back = network.recurrent[0]
    forth = diagonal(of_input.convolve(H).numpy(), weights.numpy())
    h, data = (np.pad(a, [(0, 0), (1, 0), (0, 0), (0, 0)])[:, :HEIGHT] for a in (H, DATA))
    gates = of_input_back.convolve(h) + network.reversed_data.convolve(data)
    back = diagonal(gates.numpy()[:, :, ::-1], weights_back.numpy())[:, :, ::-1]
    np.testing.assert_allclose(recurred(network), forth + back, rtol=1e-4, atol=1e-5)
