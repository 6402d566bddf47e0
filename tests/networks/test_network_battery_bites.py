"""The battery notices planted mistakes."""

import typing

import network_battery as battery
import pytest
import tensorflow as tf
from network_cases import autoencoder, image_conditioner

from glf.networks.conv_context import ConvContext
from glf.networks.dense_autoencoder import DenseAutoencoder
from glf.networks.glow_conditioner import GlowConditioner


class DropsItsCondition(ConvContext):
    """Its condition never reaches a weight."""

    def call(self, inputs, condition=None, training=False):
        return super().call(inputs, tf.zeros_like(condition), training)


class Rounds(ConvContext):
    """Its results have the type of Keras' policy, whatever is asked."""

    def call(self, inputs, condition=None, training=False):
        return tf.cast(super().call(inputs, condition, training), tf.bfloat16)


class MixesExamples(ConvContext):
    """What it gives of an example depends on the others."""

    def call(self, inputs, condition=None, training=False):
        outputs = super().call(inputs, condition, training)
        return outputs - tf.reduce_mean(outputs, 0, keepdims=True)


class StartsAnywhere(GlowConditioner):
    """Its last kernel is not 0."""

    def build(self, input_shape, condition_shape=None):
        super().build(input_shape, condition_shape)
        self.last.kernel.assign_add(tf.ones_like(self.last.kernel))


class HasOneTooMany(ConvContext):
    """A weight of it is never used."""

    def build(self, input_shape, condition_shape=None):
        super().build(input_shape, condition_shape)
        self.unused = self.add_weight(name="unused", shape=(2,))


class Counts(ConvContext):
    """The graph keeps what was known when it was traced."""

    calls = 0

    def call(self, inputs, condition=None, training=False):
        self.calls += 1
        return super().call(inputs, condition, training) * self.calls


class Hoards(ConvContext):
    """Every one has the same weights."""

    kept: typing.ClassVar = {}

    def build(self, input_shape, condition_shape=None):
        super().build(input_shape, condition_shape)
        for name in ("first", "last"):
            setattr(self, name, self.kept.setdefault(name, getattr(self, name)))


class NormalisesAlways(DenseAutoencoder):
    """Batch statistics also outside of training."""

    def encode(self, y, training=False):
        return super().encode(y, True)


def conv(mistake):
    def make(**options):
        return mistake(filters=3, size=3, **options)

    return image_conditioner(make, condition=True)


@pytest.mark.parametrize(
    ("check", "make"),
    [
        (battery.check_gradients, lambda: conv(DropsItsCondition)),
        (battery.check_gradients, lambda: conv(HasOneTooMany)),
        (battery.check_shapes_and_precision, lambda: conv(Rounds)),
        (battery.check_examples_alone, lambda: conv(MixesExamples)),
        (battery.check_compiled, lambda: conv(Counts)),
        (battery.check_training, lambda: autoencoder(normalising, None)),
        (
            lambda case: battery.check_start(case, True),
            lambda: image_conditioner(starting, condition=False),
        ),
    ],
)
def test_a_mistake_is_noticed(check, make):
    with pytest.raises(AssertionError):
        check(make())


def test_shared_weights_are_noticed(tmp_path):
    with pytest.raises((AssertionError, ValueError)):
        battery.check_copies(conv(Hoards), tmp_path / "weights")


def normalising(**options):
    return NormalisesAlways(latent_size=5, hidden=(4,), **options)


def starting(**options):
    return StartsAnywhere(filters=3, **options)
