"""Pieces of rows: cut, seeded and joined; their Python code runs once, in exports too."""

import collections

import numpy as np
import pytest
import tensorflow as tf

from glf.core import random
from glf.core.devices import Devices
from glf.core.shares import meeting
from glf.data.dataset import DataSpec
from glf.export import export_model
from glf.models.abilities import HasDensity, HasLatents, HasRoundTrip
from glf.models.base import GenerativeModel
from glf.models.drawn import drawn_images
from glf.models.pieces import Pieces
from glf.networks.condition_encoders import LabelEmbedding
from glf.training.strategies import make_strategy

LEVELS = 17
TRACES = collections.Counter()


class Counting(GenerativeModel, HasDensity, HasLatents, HasRoundTrip):
    """Noise and a weight beside each image's mean; counts how often it is traced."""

    latent_size = 1
    rows = 4

    def __init__(self, spec):
        super().__init__(spec)
        self.condition_encoder = LabelEmbedding(spec, size=1)
        self.shift = self.add_weight(name="shift", shape=(), initializer="ones")
        self.built = True

    def _loss_terms(self, x, seed, training, condition):
        TRACES["log_prob"] += 1
        noise = random.uniform(tf.shape(x)[:1], seed)
        nll = self._encode(x, None)[:, 0] + noise + tf.cast(condition, tf.float32)
        return {"loss": nll, "nll": nll}

    def _draw(self, num, seed, temperature, condition):
        TRACES["draw"] += 1
        u = random.uniform([num, *self.spec.shape], seed)
        y = temperature * u * self.shift + tf.cast(condition, tf.float32)[:, None, None, None]
        return drawn_images(y, LEVELS)

    def _encode(self, x, condition):
        TRACES["encode"] += 1
        return self.shift * tf.reduce_mean(self.to_unit(x), [1, 2])

    def _decode(self, z, condition):
        TRACES["decode"] += 1
        return tf.broadcast_to(z[:, None, None], [tf.shape(z)[0], *self.spec.shape])

    def _round_trip(self, x, seed, condition):
        noise = random.uniform(tf.shape(x), seed)
        return tf.cast(x, tf.float32) + noise, self._context(condition)

    def parameter_groups(self):
        return {"all": self.trainable_weights}


@pytest.fixture
def model():
    TRACES.clear()
    return Counting(DataSpec((2, 2, 1), LEVELS, 3))


@pytest.fixture(scope="module")
def x():
    return tf.constant(np.random.default_rng(0).integers(0, LEVELS, (11, 2, 2, 1)), tf.uint8)


def test_each_piece_has_its_rows_and_its_seed(model, x):
    labels = tf.range(11) % 3
    seeds = [random.fold(random.fold(0, "log_prob"), i) for i in range(3)]
    expected = []
    for i, seed in enumerate(seeds):
        rows = slice(4 * i, 4 * i + 4)
        terms = model._loss_terms(x[rows], seed, False, labels[rows])
        expected.append(-terms["nll"].numpy())
    np.testing.assert_allclose(model.log_prob(x, labels), np.concatenate(expected), rtol=1e-6)
    drawn = [
        model._draw(tf.constant(n), random.fold(5, i), 0.3, (4 * i + tf.range(n)) % 3).x
        for i, n in enumerate((4, 4, 3))
    ]
    np.testing.assert_array_equal(model.sample(11, 5, 0.3), np.concatenate(drawn))
    before, contexts = model.round_trip(x, labels)
    np.testing.assert_array_equal(tf.floor(before), tf.cast(x, tf.float32))
    np.testing.assert_allclose(contexts, model.condition_encoder.encode(labels))
    for num in (1, 4, 5):
        np.testing.assert_array_equal(model.sample(num, 5), model.sample(11, 5)[:num])
    model.shift.assign(0.0)  # a piece reads weights as they are
    np.testing.assert_array_equal(model.encode(x), np.zeros((11, 1)))


def test_a_loop_and_a_single_piece_give_the_same_bits(model, x):
    """Numbers that are known only when a graph runs, and a request in which they are known."""
    labels = tf.range(11) % 3
    drawn = tf.function(lambda num: model.draw(num, 5, 0.3), autograph=False)
    judged = tf.function(model.log_prob, reduce_retracing=True, autograph=False)
    rows = [tf.TensorSpec([None, *x.shape[1:]], x.dtype), tf.TensorSpec([None], tf.int32)]
    judged = judged.get_concrete_function(*rows)
    for num in (1, 3, 4):
        for found, expected in zip(model.draw(num, 5, 0.3), drawn(tf.constant(num)), strict=True):
            np.testing.assert_array_equal(found, expected)
        found = model.log_prob(x[:num], labels[:num])
        np.testing.assert_array_equal(found, judged(x[:num], labels[:num]))
    kinds = [alone for _, alone in model._pieces._programs]
    assert sorted(kinds) == [False, False, True, True]  # a check of two ways, not of one
    assert model.log_prob(x[:0], labels[:0]).shape == (0,)


def test_a_piece_is_traced_once(model, x, tmp_path):
    labels = tf.range(11) % 3
    for rows in (11, 3, 1):
        model.sample(rows, rows)
        model.encode(x[:rows])
        model.decode(tf.zeros([rows, 1]))
    assert dict(TRACES) == {"draw": 1, "encode": 1, "decode": 1}
    model.log_prob(x, labels)
    model.log_prob(x[:2], labels[:2])
    model.draw(7, (1, 2), 0.5, labels[:7])

    @tf.function
    def elsewhere(x):
        return model.encode(x), model.sample(2, 1)

    elsewhere(x)
    once = {"draw": 1, "encode": 2, "decode": 1, "log_prob": 1}  # log_prob encodes
    assert dict(TRACES) == once
    # An export uses what is there; of all that it saves only `reconstruct` is new.
    export_model(model, tmp_path / "export")
    assert dict(TRACES) == {**once, "encode": 3, "decode": 2}


def test_an_export_of_a_fresh_model_traces_each_piece_once(model, x, tmp_path):
    names = export_model(model, tmp_path / "export")
    assert names == ["sample", "log_prob", "encode", "decode", "reconstruct"]
    # Each function its own; log_prob encodes, reconstruct encodes and decodes.
    assert dict(TRACES) == {"draw": 1, "encode": 3, "decode": 2, "log_prob": 1}
    model.shift.assign(0.25)
    export_model(model, tmp_path / "export")
    loaded = tf.saved_model.load(str(tmp_path / "export"))
    np.testing.assert_array_equal(loaded.encode(x)["latents"], model.encode(x))
    labels = tf.range(11) % 3
    judged = loaded.log_prob(x, labels)["log_prob"]
    np.testing.assert_array_equal(judged, model.log_prob(x, labels))


class Scaled:
    """What a sampler is to a request: an object with options."""

    def __init__(self, by, inside=None):
        self.by, self.inside = by, inside

    def times(self, x):
        x = tf.cast(x, tf.float32) * self.by
        return x if self.inside is None else self.inside.times(x)


def test_requests_that_differ_in_an_option_share_nothing(x, tmp_path):
    def scaled(scale, x):
        return scale.times(x)

    pieces = Pieces()
    with meeting(tmp_path / "shares", 0, 1) as pieces.shares:
        made = []
        for scale in (Scaled(2), Scaled(3), Scaled(3, Scaled(5)), Scaled(3, Scaled(7)), Scaled(2)):
            found = pieces(scaled, (scale,), 4, False, {"x": x})
            np.testing.assert_array_equal(found, scale.times(x))
            made.append(pieces.shares.made)
    assert made == [3, 6, 9, 12, 12]  # an equal one meets what was made for it


def test_pieces_that_two_processes_share_are_those_of_one(tmp_path):
    spec = DataSpec((2, 2, 1), LEVELS, 3)
    alone = Counting(spec).draw(11, 5)
    for number, made in ((1, 3), (0, 0)):  # the second one finds what the first one made
        model = Counting(spec)
        with meeting(tmp_path, number, 2) as shares:
            model.share(shares)
            tf.nest.map_structure(np.testing.assert_array_equal, model.draw(11, 5), alone)
            assert shares.made == made
            assert not model.is_alone
            model.draw(4, 5)  # one piece
            assert shares.made == made
            if number:
                x = model.sample(11, 6)
                assert shares.made == 6  # another request
                model.log_prob(x, tf.range(11) % 3)
                assert shares.made == 9


def test_pieces_that_two_devices_share_are_those_of_one(x):
    TRACES.clear()
    spec, labels = DataSpec((2, 2, 1), LEVELS, 3), tf.range(11) % 3
    alone, strategy = Counting(spec), make_strategy("mirrored", ["CPU:0", "CPU:1"])
    with strategy.scope():
        model = Counting(spec)
    for each in (alone, model):
        each.by_xla = ("_log_prob",)
        each.shift.assign(0.3)
    made, devices = [], Devices(strategy)
    model.share(devices)
    for _ in range(2):
        tf.nest.map_structure(np.testing.assert_array_equal, model.draw(11, 5), alone.draw(11, 5))
        np.testing.assert_array_equal(model.log_prob(x, labels), alone.log_prob(x, labels))
    # Both devices drew, each by what was traced for it.
    assert TRACES["draw"] == TRACES["log_prob"] == 3

    def item(index, x):
        made.append((index, devices.place, tf.identity(x).device[-5:]))
        return index, model.sample(11, 5)

    found = list(devices.over("items", lambda: (tf.constant(i) for i in range(7)), item))
    assert [index for index, _ in found] == list(range(7))
    for _, samples in found:
        np.testing.assert_array_equal(samples, alone.sample(11, 5))
    assert {(place, device) for _, place, device in made} == {(0, "CPU:0"), (1, "CPU:1")}


def test_an_error_of_a_device_is_the_callers():
    devices = Devices(make_strategy("mirrored", ["CPU:0", "CPU:1"]))

    def make(index, _):
        if index == 3:
            raise ValueError("item 3")
        return index

    with pytest.raises(ValueError, match="item 3"):
        list(devices.over("items", lambda: range(100), make))
