"""Roles of networks: what code gives to one, and how it is called."""

import abc

import keras

from glf.core.part import Part


class Conditioner(Part, keras.layers.Layer, abc.ABC):
    """Numbers for a bijector or a density, made of a point and a condition.

    Args:
      units: how many, for each example or at each position, at least 1.
      dtype: of weights and outputs.

    Attributes:
      starts_at_zero: whether the numbers are 0 before training, so that what is made of them
        starts as the identity.

    Shapes: call maps [batch, n] (and a condition [batch, c]) to [batch, units].
    """

    given_by_code = ("units", "dtype")
    starts_at_zero = True

    def __init__(self, units, *, dtype="float32"):
        super().__init__(dtype=dtype)
        self.units = units

    @abc.abstractmethod
    def build(self, input_shape, condition_shape=None):
        """Makes the weights for inputs and conditions of these shapes, batch first."""

    @abc.abstractmethod
    def call(self, inputs, condition=None, training=False):
        """The numbers; `training` is False, True or a `Training`."""


class ImageConditioner(Conditioner):
    """Numbers at each position of an image.

    Shapes: call maps [batch, height, width, n] (and a context, see `glf.layers.context`) to
    [batch, height, width, units].
    """


class MaskedNetwork(Part, keras.layers.Layer, abc.ABC):
    """Numbers for each value of a point, made of the values before it and a condition.

    Args:
      parameters: how many for each value, at least 1.
      dtype: of weights and outputs.

    Attributes:
      starts_at_zero: as of a `Conditioner`.
      places: after `build`, the place of every value in the order: integers of the event's shape,
        from 1 on. Values of one place do not see each other.

    Shapes: call maps x, and a condition, to [*x.shape, parameters].
    """

    given_by_code = ("parameters", "dtype")
    starts_at_zero = True
    places = None

    def __init__(self, parameters, *, dtype="float32"):
        super().__init__(dtype=dtype)
        self.parameters = parameters

    @abc.abstractmethod
    def build(self, input_shape, condition_shape=None):
        """Makes the weights for inputs and conditions of these shapes, batch first."""

    @abc.abstractmethod
    def call(self, inputs, condition=None, training=False):
        """The numbers, [*inputs.shape, parameters]."""


class TokenNetwork(Part, keras.layers.Layer, abc.ABC):
    """Numbers for each token of a sequence, made of the tokens before it and a condition.

    Args:
      units: how many for each token, at least 1.
      dtype: of weights and outputs.

    Attributes:
      starts_at_zero: as of a `Conditioner`.

    Shapes: call maps tokens [batch, T, n], and a condition [batch, 1 or T, c], to [batch, T,
    units]. `step` gives the same one token after the other.
    """

    given_by_code = ("units", "dtype")
    starts_at_zero = True

    def __init__(self, units, *, dtype="float32"):
        super().__init__(dtype=dtype)
        self.units = units

    @abc.abstractmethod
    def build(self, input_shape, condition_shape=None):
        """Makes the weights for tokens [None, T, n] and conditions [None, 1 or T, c]."""

    @abc.abstractmethod
    def call(self, inputs, condition=None, training=False):
        """The numbers, [batch, T, units]."""

    @abc.abstractmethod
    def caches(self, batch, dtype):
        """What `step` is given first, of `batch` sequences: nested tensors."""

    @abc.abstractmethod
    def step(self, before, caches, position, condition=None):
        """The numbers of the token at `position`, [batch, units], and the caches after it."""


class OnePlaceAtATime(abc.ABC):
    """Masked networks that give the numbers of one place from activations that they keep.

    No activation is computed twice. Every place has one value.
    """

    @abc.abstractmethod
    def begin(self, num, condition=None):
        """The state, nested tensors, of `num` points none of whose values is known."""

    @abc.abstractmethod
    def at_place(self, place, inputs, state):
        """The numbers of the value at `place`, int32 [], given those before it in `inputs`.

        Returns (numbers [num, parameters], state for the next place).
        """


class ContextNetwork(Part, keras.layers.Layer, abc.ABC):
    """Makes a context of another one, see `glf.layers.context`.

    Attributes:
      context_shape: the shape of what it makes, [None, height, width, features], after `build`.
    """

    given_by_code = ("dtype",)
    context_shape = None

    @abc.abstractmethod
    def call(self, condition):
        """A context to another one."""


class ImageClassifier(Part, keras.layers.Layer, abc.ABC):
    """Logits of classes for images.

    Args:
      image_shape: (height, width, channels).
      classes: how many logits.

    Shapes: call maps y [batch, height, width, channels] in [0, 1] to [batch, classes].
    """

    given_by_code = ("image_shape", "classes", "dtype")

    def __init__(self, image_shape, classes, *, dtype=None):
        super().__init__(dtype=dtype)
        self.image_shape, self.classes = tuple(image_shape), classes

    @abc.abstractmethod
    def call(self, y, training=False):
        """The logits."""
