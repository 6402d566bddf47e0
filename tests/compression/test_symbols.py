"""Tables of logistics, and the coder of integers under them."""

import numpy as np
import pytest
import scipy.stats

from glf.compression import tables
from glf.compression.symbols import Decoder, Encoder, Window, costs, probabilities
from glf.compression.tables import FRACTION, PRECISION, Distributions, Parameters, scale_of

TABLES = tables.make_tables()


def drawn(rng, n, components, spread=20):
    """Parameters, and values drawn from them, some far away."""
    means = rng.integers(-spread << FRACTION, spread << FRACTION, (n, components))
    scales = rng.integers(0, 9 * tables.STEPS, (n, components))
    logits = rng.integers(-160, 161, (n, components)) if components > 1 else None
    u = rng.random(n)
    x = means[:, 0] / 2**FRACTION + scale_of(scales[:, 0]) * np.log(u / (1 - u))
    values = np.rint(x).astype(np.int64)
    values[::97] = rng.integers(-(2**31), 2**31, len(values[::97]))
    return Parameters(means, scales, logits), values


def exact(parameters, values):
    """P(value) of mixtures of discretized logistics, by SciPy."""
    means, scales, logits = parameters
    means, scales = means / 2**FRACTION, scale_of(scales)
    logits = np.zeros(means.shape) if logits is None else logits / tables.LOGIT_STEPS
    weights = np.exp(logits - scipy.special.logsumexp(logits, 1, keepdims=True))
    high, low = (
        scipy.stats.logistic.cdf((values[:, None] + half - means) / scales) for half in (0.5, -0.5)
    )
    return (weights * (high - low)).sum(1)


def through(parameters, values, window):
    encoder = Encoder(TABLES)
    encoder.put(values, parameters, window)
    data = encoder.bytes()
    decoder = Decoder(TABLES, data)
    found = decoder.get(parameters, window)
    decoder.require_end()
    return data, found


@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("bits", [1, 4, 7, 10])
def test_what_goes_in_comes_out(components, bits):
    parameters, values = drawn(np.random.default_rng(bits), 20000, components)
    window = Window(-(2 ** (bits - 1)), bits)
    assert not window.holds(values).all()
    data, found = through(parameters, values, window)
    np.testing.assert_array_equal(found, values)
    cost = costs(TABLES, values, parameters, window).sum()
    # Zeros that go in first cost nothing: the coder begins with an empty state.
    assert abs(8 * len(data) - cost) < 0.005 * cost


@pytest.mark.parametrize("components", [1, 3])
def test_the_cost_is_that_of_the_logistics(components):
    parameters, values = drawn(np.random.default_rng(0), 20000, components)
    values = np.where(np.abs(values) < 500, values, 0)
    cost = costs(TABLES, values, parameters, Window(-512, 10))
    p = exact(parameters, values)
    likely = p > 1e-4
    assert np.sum(cost[likely]) == pytest.approx(-np.log2(p[likely]).sum(), rel=0.005)
    # What the tables do not resolve is never much dearer than it should be.
    assert (cost[~likely] < 40 - 0.1 * np.log2(p[~likely] + 1e-300)).all()


def test_probabilities_sum_to_one():
    parameters, _ = drawn(np.random.default_rng(1), 12, 2)
    window = Window(-32, 6)
    total = np.zeros(12)
    for value in range(-32, 32):
        total += 2.0 ** -costs(TABLES, np.full(12, value), parameters, window)
    outside = costs(TABLES, np.full(12, 1000), parameters, window)
    # An escape is followed by 32 bits, and by digits that say nothing.
    at_low = 2.0 ** -costs(TABLES, np.full(12, -32), parameters, window)
    assert (total < 1).all()
    distributions = Distributions(TABLES, parameters)
    inside = (distributions.below(np.full(12, 32)) - distributions.below(np.full(12, -32))) / (
        distributions.total
    )
    np.testing.assert_allclose(total, inside, atol=1e-5)
    assert (outside > 32).all()
    assert (at_low < 1).all()


def by_hand(data, masses):
    """rANS with 24 bits, words of 32 and a state of 64, in Python's integers alone."""
    words = np.frombuffer(data, "<u4").tolist()
    state, symbols = 0, []
    while words and state < 1 << 32:
        state = state << 32 | words.pop()
    for row in masses:
        total, m, before, begins = sum(row), len(row), 0, []
        for i, mass in enumerate(row):
            begins.append(int(before * (((1 << PRECISION) - m) / total)) + i)
            before += mass
        begins.append(1 << PRECISION)
        quantile = state & ((1 << PRECISION) - 1)
        symbol = max(i for i in range(m) if begins[i] <= quantile)
        symbols.append(symbol)
        state = (state >> PRECISION) * (begins[symbol + 1] - begins[symbol])
        state += quantile - begins[symbol]
        if state < 1 << 32 and words:
            state = state << 32 | words.pop()
    return symbols, state, words


def test_the_coder_is_the_one_that_the_format_says():
    import constriction

    rng = np.random.default_rng(2)
    masses = np.floor(rng.random((2000, 5)) ** 9 * 2.0**34) + 1
    masses[rng.random(masses.shape) < 0.3] = 1
    symbols = rng.integers(0, 5, 2000).astype(np.int32)
    coder = constriction.stream.stack.AnsCoder()
    coder.encode_reverse(symbols, constriction.stream.model.Categorical(perfect=False), masses)
    data = coder.get_compressed().astype("<u4").tobytes()
    found, state, left = by_hand(data, masses.tolist())
    assert (found, state, left) == (symbols.tolist(), 0, [])
    shares = probabilities(masses)
    assert (shares.sum(1) == 1 << PRECISION).all()
    assert (shares > 0).all()


def test_tables_are_distribution_functions():
    assert (np.diff(TABLES.cumulative, axis=1) >= 0).all()
    middle = TABLES.cumulative.shape[1] // 2
    assert (TABLES.cumulative[:, middle] == 1 << (PRECISION - 1)).all()
    k, far = 5 * tables.STEPS, 100
    distance = far * 2.0 ** (TABLES.shifts[k] - FRACTION)
    expected = scipy.stats.logistic.cdf(distance / scale_of(k))
    assert TABLES.cumulative[k, middle + far] / 2**PRECISION == pytest.approx(expected, abs=1e-7)
    assert TABLES.weights[tables.LOGIT_STEPS] == round(2**16 / np.e)


def test_bytes_of_no_encoder():
    parameters, values = drawn(np.random.default_rng(3), 50, 1)
    window = Window(-32, 6)
    data, _ = through(parameters, values, window)
    for wrong, message in ((data[:-1], "whole words"), (data + bytes(4), "word of zeros")):
        with pytest.raises(ValueError, match=message):
            Decoder(TABLES, wrong)
    decoder = Decoder(TABLES, data)
    decoder.get(parameters.rows(0, 10), window)
    with pytest.raises(ValueError, match="more coded integers"):
        decoder.require_end()


@pytest.mark.parametrize(("low", "high"), [(0, 0), (-3, 4), (0, 255), (-300, 511), (5, 6)])
def test_a_window_is_the_smallest(low, high):
    window = Window.around(low, high)
    assert window.holds(np.arange(low, high + 1)).all()
    assert 2**window.bits < 2 * max(2, high - low + 1)
    assert np.prod(window.bases) == 2**window.bits
    assert max(window.bases) <= 4
