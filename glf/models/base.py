"""A generative model: the public methods, the same for all, around the mathematics of a piece."""

import abc
import contextlib
import typing
from types import MappingProxyType

import keras
import tensorflow as tf

from glf.core import random
from glf.core.part import Part, instead
from glf.core.shares import ALONE
from glf.layers.kept_kernels import forget_kernels, keep_kernels
from glf.models.conditions import TakesCondition
from glf.models.drawn import drawn_images
from glf.models.pieces import Pieces
from glf.models.requests import check_conditions, check_data, check_request, conditions_for
from glf.models.signatures import Ability, Signature, Value


class GenerativeModel(Part, keras.Model, TakesCondition, Ability):
    """A model of images x [batch, height, width, channels] with values in {0, ..., levels - 1}.

    The public methods, here and in `glf.models.abilities`, are the same for every model: they check
    what they are asked and given, make the seed, cut into pieces of `rows` rows and compile. A
    subclass writes the mathematics of one piece, in methods with the same names and an underscore,
    which nobody else calls: plain functions of tensors, traced once. They get a condition that is
    int32, or None where there is no encoder, and a seed of the piece's own.

    What cannot be checked while a graph is made is an assertion in it, that an export keeps, see
    `glf.core.checks`; of the methods that training compiles by XLA, `loss_terms` and its like,
    which get the batch as it is, only shapes and types are.

    Args:
      spec: the `DataSpec` of the data: `shape`, `levels`, `num_classes`.

    Attributes:
      models_points: whether the data are points of real numbers in place of images.
      conditional_reconstruction: whether encoding, decoding and reconstructing depend on the
        condition, and need it. Of other models it only says what is drawn and judged.
      judges_batches: whether a term of the loss is a number for the whole batch, also in inference.
      rows: rows of a piece.
      meanings: what the terms of the loss are, by their names, for whoever reads them.
      by_xla: names of the mathematics of which a piece is an XLA program.

    Raises:
      ValueError: if the data are of the other kind.
    """

    given_by_code = ("spec",)
    models_points = False
    conditional_reconstruction = False
    judges_batches = False
    rows = 256
    meanings = MappingProxyType({})
    by_xla = ()

    compile = instead("compile")
    fit = instead("fit")
    evaluate = instead("evaluate")
    predict = instead("predict")
    save = instead("save")
    export = instead("export")

    def __init__(self, spec):
        super().__init__()
        if spec.levels is None and not self.models_points:
            raise ValueError(
                f"{type(self).__name__} models integers, got points of real numbers of shape "
                f"{tuple(spec.shape)}; take a dataset of images, or a VectorFlow for points."
            )
        self.spec = spec
        self._pieces = Pieces()

    @typing.final
    def loss_terms(self, x, seed, training, condition=None):
        """Per-example terms in nats: {"loss": [batch], ...}, the same in training and test.

        "loss" is what training minimises the mean of; the other entries are its parts, reported
        under their names. `seed` [2] drives whatever noise the loss needs.

        Raises:
          ValueError: if data or conditions are not what the model was built for.
        """
        x, condition = self._checked(x, condition, in_graph=False)
        return self._loss_terms(x, seed, training, condition)

    @abc.abstractmethod
    def _loss_terms(self, x, seed, training, condition):
        """The loss terms."""

    @typing.final
    def sample(self, num, seed, temperature=1.0, condition=None):
        """Draws `num` images as uint8 [num, height, width, channels] in the data's levels.

        Of points, float32 [num, d].

        Args:
          num: how many, at least 1.
          seed: an integer or a pair of integers; the first n of a larger request with the same seed
            come from the same noise.
          temperature: multiplies the noise; at 0 there is none.
          condition: one for each image, of a model that takes them. None: a model conditioned on
            labels takes 0, 1, 2, ... in turn.

        Raises:
          ValueError: if a number is out of range, if the conditions are not what the model needs,
            or if values of samples are not finite.
        """
        return self.draw(num, seed, temperature, condition).finite().x

    @typing.final
    def draw(self, num, seed, temperature=1.0, condition=None):
        """The same samples as `Drawn`: with the share of their values that was no data's.

        Arguments and errors as of `sample`; but values that are not finite are counted, not
        refused.
        """
        return self._requested(self._draw, (), num, seed, temperature, condition)

    @abc.abstractmethod
    def _draw(self, num, seed, temperature, condition):
        """`Drawn` of one piece: a number int32 [], a seed [2], a temperature float32 []."""

    @contextlib.contextmanager
    def settled(self):
        """Inside the block weights do not change: layers make kernels of them once, when it begins.

        See `glf.layers.kept_kernels`. What is compiled inside uses these, and holds there only.
        """
        parts, pieces = keep_kernels(self), self._pieces
        if parts:
            self._pieces = Pieces()
            self._pieces.shares = pieces.shares
        try:
            yield
        finally:
            forget_kernels(parts)
            self._pieces = pieces

    @abc.abstractmethod
    def parameter_groups(self):
        """Every trainable weight, once: {group name: weights}. Each group has its optimizer."""

    def call(self, x, seed=(0, 0), training=False, condition=None):
        """Keras' way in: the loss terms of `x`."""
        return self.loss_terms(x, tf.convert_to_tensor(seed), training, condition)

    def to_unit(self, x):
        """Integers {0, ..., levels - 1} to floats in [0, 1]: x / (levels - 1)."""
        return tf.cast(x, tf.float32) / (self.spec.levels - 1)

    def to_levels(self, y):
        """Floats in [0, 1] to the nearest of the data's levels, as uint8.

        Raises:
          ValueError: if a value is not finite.
        """
        return drawn_images(y, self.spec.levels).finite().x

    def share(self, shares):
        """Has requests of more than one piece done together with other processes.

        Args:
          shares: a `glf.core.shares.Shares`, whose folder is for this model as it is.
        """
        self._pieces.shares = shares

    @property
    def is_alone(self):
        """Whether no other process makes a part of what is asked for."""
        return self._pieces.shares is ALONE

    def export_signatures(self):
        """ "sample", and those of the model's abilities."""
        name = "images" if self.spec.levels else "points"

        def sample(num, temperature, seed, conditions=None):
            return {name: self.sample(num, random.make_seed(seed), temperature, conditions)}

        does = f"Draws {name}; the same seed gives the same {name}."
        signature = Signature(sample, does, self._request_value(), {name: self._drawn_value()})
        return [signature, *super().export_signatures()]

    def _request_value(self):
        """What a request for samples says, as exports describe it."""
        return {
            "num": Value(tf.TensorSpec([], tf.int32), ", at least 1"),
            "temperature": Value(
                tf.TensorSpec([], tf.float32),
                ", at least 0, scales the base noise; 1 samples the model",
            ),
            "seed": Value(tf.TensorSpec([], tf.int64)),
            **self._condition_value(),
        }

    def _drawn_value(self):
        """A batch of samples, as exports describe it."""
        data = self._data_value()
        return data._replace(about=f"{data.about}; batch is num")

    def _data_value(self):
        """A batch of data, as exports describe it."""
        about = f", values 0 to {self.spec.levels - 1}" if self.spec.levels else ""
        return Value(tf.TensorSpec([None, *self.spec.shape], self.spec.dtype), about)

    def _condition_value(self):
        """{"conditions": a batch of them, as exports describe it}; {} where there are none."""
        if self.condition_encoder is None:
            return {}
        kind = "classes" if self.condition_kind == "label" else "images"
        top = self.condition_encoder.condition_levels - 1
        about = f", {kind}, values 0 to {top}; one for each image"
        return {"conditions": Value(self.condition_spec, about)}

    def _requested(self, function, fixed, num, seed, temperature, condition, **rows):
        """What `function` of the model makes of a request, checked."""
        num, temperature = check_request(num, temperature)
        condition = conditions_for(self.condition_encoder, num, condition)
        return self._in_pieces(
            function,
            *fixed,
            num=num,
            seed=random.make_seed(seed),
            temperature=temperature,
            condition=condition,
            **rows,
        )

    def _in_pieces(self, function, *fixed, **arguments):
        """What `function`, a method, gives piece by piece; see `Pieces`."""
        jit = function.__name__ in self.by_xla
        return self._pieces(function, fixed, self.rows, jit, arguments)

    def _checked(self, x, condition=None, in_graph=True):
        """Data and their conditions as the mathematics takes them; see `glf.models.requests`."""
        x = check_data(self.spec, x, in_graph)
        return x, self._checked_condition(x, condition, in_graph)

    def _checked_condition(self, rows, condition, in_graph=True):
        """The conditions of `rows`, one for each."""
        num = tf.shape(rows)[0] if rows.shape[0] is None else rows.shape[0]
        return check_conditions(self.condition_encoder, condition, num, in_graph)
