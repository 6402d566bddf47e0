"""An autoregressive model: every conditional p(x_i | x_<i) in one call."""

import keras
import tensorflow as tf

from glf.autoregressive.embedding import Scaled
from glf.autoregressive.pixel_cnn import PixelCNN
from glf.autoregressive.view import WholeView
from glf.core.part import Part
from glf.families.categorical import Categorical
from glf.layers.causal_conv import CausalConv2D


class AutoregressiveModel(Part, keras.layers.Layer):
    """P(x | condition) = prod_i p(x_i | x_<i, condition) over the positions of an image.

    Positions come in raster order, row by row from the top left; where the family decides one
    channel at a time the channels of a pixel follow each other in the order of the data (R, G, B).
    Samplers see images flat, as integers [n, d, v]: d positions of v values each.

    Args:
      spec: the `DataSpec` of the data, or of codes.
      context_shape: shape of the contexts that it is conditioned on, (None, 1 or height, 1 or
        width, features), see `ConditionEncoder.context_shape`; None: there are none.
      make_network: makes the `CausalNetwork`.
      make_family: makes the `Family` of the conditionals, one of integers; called with `channels`
        and `levels`.
      make_embedding: makes the `Embedding` of the integers.
      make_forecaster: makes the `Forecaster`, trained beside the model without a gradient into it;
        None: none.
      raster: whether the network sees an image as the sequence of its values in raster order, as an
        image of height * width * channels rows, one column and one channel.

    Attributes:
      data_shape: (height, width, channels) of the data.
      image_shape: the same, or with `raster` (height * width * channels, 1, 1): what views are of.
      positions: d.
      row_positions: positions of one row.
    """

    given_by_code = ("spec", "context_shape", "dtype")

    def __init__(
        self,
        spec,
        context_shape=None,
        *,
        make_network=PixelCNN,
        make_family=Categorical,
        make_embedding=Scaled,
        make_forecaster=None,
        raster=False,
        dtype=None,
    ):
        super().__init__(dtype=dtype)
        levels = spec.levels
        if levels < 2:
            raise ValueError(f"An autoregressive model needs at least 2 levels, got {levels}.")
        self.data_shape = height, width, channels = tuple(spec.shape)
        if raster:
            height, width, channels = height * width * channels, 1, 1
        self.image_shape = height, width, channels
        self.levels = levels
        self.family = make_family(channels=channels, levels=levels)
        self.embedding = make_embedding(levels=levels)
        if not self.family.of_levels:
            kind = "all integers" if self.family.unbounded else "real numbers"
            raise ValueError(
                "AutoregressiveModel.make_family makes a family of integers, such as Categorical; "
                f"got {type(self.family).__name__}, which is one of {kind}."
            )
        self.groups = self.family.places_per_pixel
        self.context_shape = context_shape
        data_features = channels * self.embedding.size
        self.network = make_network(
            image_shape=self.image_shape,
            data_features=data_features,
            groups=self.groups,
            context_size=None if context_shape is None else context_shape[-1],
        )
        self.head = CausalConv2D(
            self.network.features,
            self.groups * self.family.parameter_size,
            rows=1,
            columns=1,
            groups=self.groups,
            initializer=keras.initializers.VarianceScaling(0.1),
            dtype="float32",
        )
        self.forecaster = None
        if make_forecaster is not None:
            self.forecaster = make_forecaster(
                data_features=data_features,
                model_features=self.network.features,
                groups=self.groups,
                parameter_size=self.family.parameter_size,
            )
        self.row_positions = width * self.groups
        self.positions = height * self.row_positions
        self.built = True

    def embed(self, x):
        """Integers [..., channels] to the network's input features."""
        return self.embedding(x, self.compute_dtype)

    def arranged(self, context):
        """A context of data as views take it: with `raster` every value has that of its pixel.

        Raises:
          ValueError: if a context is given to a model that takes none, or the reverse.
        """
        if (context is None) != (self.context_shape is None):
            raise ValueError(
                "This autoregressive model takes no condition, but one was given."
                if self.context_shape is None
                else "This autoregressive model needs a condition, and none was given."
            )
        if context is None or self.image_shape == self.data_shape or context.shape[1:3] == (1, 1):
            return context
        context = tf.repeat(context, self.data_shape[2], axis=2)
        return tf.reshape(context, [-1, self.image_shape[0], 1, context.shape[3]])

    def features(self, view, context=None):
        """The network's features of a whole image or of rows of it: the shared representation."""
        return self.network.pixels(view, self.network.rows(view, context), context)

    def parameters(self, h):
        """Features [n, rows, columns, f] to parameters [n, positions, P] in float32."""
        n, pixels = tf.shape(h)[0], h.shape[1] * h.shape[2]
        size = self.family.parameter_size
        return tf.reshape(self.head.convolve(h), [n, pixels * self.groups, size])

    def to_positions(self, x):
        """Images [n, height, width, channels] to int32 [n, d, v]."""
        shape = [tf.shape(x)[0], self.positions, self.family.values]
        return tf.reshape(tf.cast(x, tf.int32), shape)

    def to_images(self, x):
        """int32 [n, d, v], or data, to what views are of: int32 [n, *image_shape]."""
        return tf.reshape(tf.cast(x, tf.int32), [tf.shape(x)[0], *self.image_shape])

    def to_data(self, x):
        """int32 [n, d, v] to data, int32 [n, height, width, channels]."""
        return tf.reshape(x, [tf.shape(x)[0], *self.data_shape])

    def noise(self, num, seed):
        """Noise [num, d, Q] for `num` images; the first rows do not depend on `num`."""
        return self.family.noise([num, self.positions], seed)

    def loss_terms(self, x, context=None, seed=None):
        """Per image, in nats: {"nll", and "forecast" if there is a forecaster}.

        "forecast" is the forecaster's cross-entropy: minus the sum over i and t of log P_F^(t), at
        the model's own distribution of x_{i+t} where that is a softmax and at x_{i+t} itself
        elsewhere. It differs from the sum of KL(P || P_F^(t)) by what does not
        depend on the forecaster, and neither the model nor its features get a gradient from it.

        Args:
          x: integers [n, height, width, channels].
          context: what a condition encoder made of the conditions, or None.
          seed: seed of dropout; None outside of training.
        """
        view = WholeView(self.to_images(x), self.embed, seed)
        h = self.features(view, self.arranged(context))
        parameters = self.parameters(h)
        flat = self.to_positions(x)
        terms = {"nll": -tf.reduce_sum(self.family.log_prob(parameters, flat), -1)}
        if self.forecaster is not None:
            view = WholeView(self.to_images(x), self.embed)
            hidden = self.forecaster.hidden(view, tf.stop_gradient(h))
            terms["forecast"] = self._forecast_loss(hidden, tf.stop_gradient(parameters), flat)
        return terms

    def log_prob(self, x, context=None):
        """log P(x | context) in nats, exact, [n]."""
        return tf.reduce_sum(self.conditional_log_probs(x, context), -1)

    def conditional_log_probs(self, x, context=None):
        """log p(x_i | x_<i, context) in nats for each position, [n, d]."""
        view = WholeView(self.to_images(x), self.embed)
        parameters = self.parameters(self.features(view, self.arranged(context)))
        return self.family.log_prob(parameters, self.to_positions(x))

    def _forecast_loss(self, hidden, parameters, flat):
        forecasts = self.forecaster.everywhere(hidden)
        total = 0.0
        for t in range(1, min(self.forecaster.horizon, self.positions - 1) + 1):
            forecast, target = forecasts[:, :-t, t - 1], parameters[:, t:]
            loss = self.family.cross_entropy(forecast, target, flat[:, t:])
            total += tf.reduce_sum(loss, -1)
        return total
