"""An autoregressive flow over tokens, the parameters of whose maps a causal transformer gives."""

import math

import numpy as np
import tensorflow as tf

from glf.bijectors.drafts import Drafted
from glf.bijectors.elementwise import TanhAffineMap, learn_shared, with_shared
from glf.bijectors.rounding import check_fraction_bits, rounded
from glf.core.part import made_by
from glf.layers.context import context_features, fit_context
from glf.networks.causal_transformer import CausalTransformer
from glf.solvers.base import Cached, System, limited
from glf.solvers.fixed_point import FixedPoint

ORDERS = ("sequential", "reversed")


class TransformerAutoregressive(Drafted):
    """u_t = f(y_t; θ_t(y_1, ..., y_t-1)) for tokens y_t,   log|det du/dy| = Σ_t Σ log f'.

    TarFlow's layer (Zhai et al. 2024, arXiv 2412.06329, section 3.1), a masked autoregressive flow
    over tokens. Tokens of an image are its patches of `patch` x `patch` pixels, row by row; of a
    map of latents, its positions, with patches of 1; of a vector, pieces of `patch` numbers. Every
    number of a token is moved by a map f of its own, which all numbers of the tokens before it
    choose, and no others of its own token. As in couplings f goes from the data to the base, the
    direction that is trained: with the default map u_t = (y_t + t) exp(s).

    The inverse, hence the density, is one pass of the network. The forward is solved, in T passes
    at most by the default; `CachedSequential` makes one token after the other in T steps, each with
    the keys and values that the network kept of the steps before it.

    Layers of a chain differ in what they see first: let the order of every second be "reversed".

    Conditions are those of other bijectors: [batch, c] of vectors, contexts (see
    `glf.layers.context`) of images. What a context says about places reaches the token at these
    places and those after it.

    Args:
      make_map: factory of the elementwise map f, called without arguments.
      patch: side of an image's patches, or length of a vector's pieces, in values; at least 1.
      order: "sequential", or "reversed": the last token first.
      make_network: factory of the `TokenNetwork` θ, called with `units=` and `dtype=`.
      make_solver: factory of the forward's `Solver`, called without arguments.
      make_draft: factory of a small network that guesses where the forward leads, of whole points,
        see `AutoregressiveBijector`: an `ImageConditioner` for images, else a `Conditioner`. None:
        none.
      fraction_bits: the network sees values rounded to multiples of 2^-fraction_bits, or None, see
        `AutoregressiveBijector`.

    Raises:
      ValueError: for arguments out of range; in `build`, for points that are no vectors or images,
        or whose sides are no multiples of `patch`.
    """

    slow_is_forward = True

    def __init__(
        self,
        make_map=TanhAffineMap,
        patch=1,
        order="sequential",
        make_network=CausalTransformer,
        make_solver=FixedPoint,
        make_draft=None,
        fraction_bits=None,
        *,
        dtype="float32",
    ):
        super().__init__(dtype=dtype)
        check_fraction_bits("TransformerAutoregressive", fraction_bits)
        if patch < 1 or order not in ORDERS:
            raise ValueError(
                f"TransformerAutoregressive needs patch >= 1 and an order of {ORDERS}, got "
                f"patch={patch} and order={order!r}."
            )
        self.elementwise = made_by(make_map, "TransformerAutoregressive.make_map")
        self.patch, self.order, self.fraction_bits = patch, order, fraction_bits
        self.make_network, self.make_draft = make_network, make_draft
        self.solver = made_by(make_solver, "TransformerAutoregressive.make_solver")

    def build(self, input_shape, condition_shape=None):
        """Makes the networks' weights."""
        super().build(input_shape, condition_shape)
        *sides, _ = event = (
            self.event_shape if len(self.event_shape) > 1 else (*self.event_shape, 1)
        )
        if len(sides) > 2 or any(side % self.patch for side in sides):
            raise ValueError(
                f"TransformerAutoregressive with patch={self.patch} takes vectors [batch, size] or "
                "images [batch, height, width, channels] whose size, or height and width, are "
                f"multiples of {self.patch}, got {tuple(input_shape)}."
            )
        self.length = math.prod(sides) // self.patch ** len(sides)
        self.values = math.prod(event) // self.length
        self.network = made_by(
            self.make_network,
            "TransformerAutoregressive.make_network",
            units=self.values * sum(self.elementwise.groups),
            dtype=self.dtype,
        )
        self.network.build((None, self.length, self.values), self._told(condition_shape))
        self.shared = learn_shared(self, self.elementwise)
        self._build_draft(input_shape, condition_shape)

    def _inverse(self, y, condition, training):
        """One pass."""
        tokens = self._tokens(y)
        raw = self._raw(tokens, self._condition_tokens(condition), training)
        tokens, log_derivative = self.elementwise.apply(tokens, raw)
        return self._point(tokens), tf.reduce_sum(log_derivative, axis=(1, 2))

    def _forward(self, u, condition, training):
        """At most T passes."""

        def step(image, tokens, condition=None):
            return self.elementwise.undo(tokens, self._raw(image, condition, training))

        told = self._condition_tokens(condition)
        inputs = (self._tokens(u),) if told is None else (self._tokens(u), told)
        places = np.repeat(np.arange(1, self.length + 1)[:, None], self.values, axis=1)
        draft = None
        if self.draft is not None:

            def draft(*_):
                return self._tokens(self._guess(u, condition))

        solution = self.solver(
            System(step, inputs, places, draft=draft, cached=_CachedTokens(self))
        )
        return self._point(solution.image), tf.reduce_sum(solution.log_derivative, axis=(1, 2))

    def _raw(self, tokens, condition, training):
        tokens = rounded(tokens, self.fraction_bits)
        return self.parameters(self.network(tokens, condition, training=training))

    def parameters(self, numbers):
        """What the network gives, [..., values * n], as the map takes it: [..., values, n]."""
        shape = (-1, *numbers.shape[1:-1], self.values, sum(self.elementwise.groups))
        return with_shared(tf.reshape(numbers, shape), self.shared)

    def _tokens(self, point):
        """A point as [batch, T, values], in the order of the layer."""
        patch = self.patch
        if point.shape.rank == 4:
            height, width, channels = point.shape[1:]
            shape = (-1, height // patch, patch, width // patch, patch, channels)
            point = tf.transpose(tf.reshape(point, shape), (0, 1, 3, 2, 4, 5))
        tokens = tf.reshape(point, (-1, self.length, math.prod(point.shape[1:]) // self.length))
        return tokens if self.order == "sequential" else tf.reverse(tokens, [1])

    def _point(self, tokens):
        """Tokens as the point they are of."""
        tokens = tokens if self.order == "sequential" else tf.reverse(tokens, [1])
        if len(self.event_shape) == 1:
            return tf.reshape(tokens, (-1, *self.event_shape))
        (height, width, channels), patch = self.event_shape, self.patch
        shape = (-1, height // patch, width // patch, patch, patch, channels)
        blocks = tf.transpose(tf.reshape(tokens, shape), (0, 1, 3, 2, 4, 5))
        return tf.reshape(blocks, (-1, *self.event_shape))

    def _condition_tokens(self, condition):
        """What is said to every token [batch, T, c], or to all of them [batch, 1, c]."""
        if condition is None or condition.shape.rank == 2:
            return condition if condition is None else condition[:, None]
        if tuple(condition.shape[1:3]) == (1, 1):
            return condition[:, 0]
        return self._tokens(fit_context(condition, *self.event_shape[:2]))

    def _told(self, condition_shape):
        """The shape of `_condition_tokens`, without its batch.

        Raises:
          ValueError: if it is not a condition for such points.
        """
        if condition_shape is None:
            return None
        if len(self.event_shape) == 1:
            if len(condition_shape) != 2 or condition_shape[1] is None:
                raise ValueError(
                    "TransformerAutoregressive takes conditions [batch, c] of vectors, got "
                    f"{tuple(condition_shape)}."
                )
            return (None, 1, condition_shape[1])
        features = context_features(condition_shape)
        if tuple(condition_shape[1:3]) == (1, 1):
            return (None, 1, features)
        return (None, self.length, features * self.patch**2)


class _CachedTokens(Cached):
    """One token after the other, with the network's keys and values; in the order of the layer."""

    def __init__(self, bijector):
        self.bijector = bijector

    def begin(self, tokens, condition=None):
        batch = tf.shape(tokens)[0]
        caches = self.bijector.network.caches(batch, tokens.dtype)
        return tokens, () if condition is None else (condition,), caches

    def advance(self, place, image, state):
        tokens, condition, caches = state
        position = place - 1
        before = limited(image[:, tf.maximum(position - 1, 0)])
        before = rounded(before, self.bijector.fraction_bits)
        numbers, caches = self.bijector.network.step(before, caches, position, *condition)
        raw = self.bijector.parameters(numbers)
        new, log_derivative = self.bijector.elementwise.undo(tokens[:, position], raw)
        now = (tf.range(image.shape[1]) == position)[:, None]
        image = tf.where(now, new[:, None], image)
        log_derivative = tf.where(now, log_derivative[:, None], tf.zeros_like(image))
        return image, log_derivative, (tokens, condition, caches)
