"""A prior of images that is autoregressive over channels, not over positions."""

import tensorflow as tf

from glf.core import random
from glf.core.part import made_by
from glf.families.gaussian import Gaussian
from glf.layers.conv_lstm import ConvLSTM
from glf.layers.looped_conv import ContextConv, conv_as_product, same_conv
from glf.layers.track import track
from glf.priors.image_prior import ImagePrior


class ChannelAutoregressive(ImagePrior):
    """p(z | context) = Π_c p(z_c | z_<c, context), z_c the map [height, width] of channel c.

    The prior of mAR-SCF (Bhattacharyya, Mahajan, Fritz, Schiele, Roth 2020, "Normalizing Flows with
    Multi-Scale Autoregressive Priors"), where the context is what the flow goes on with. A stack of
    convolutional LSTMs runs over the channels: the input of step c is z_{c-1}, zeros at first, with
    the context concatenated to it, and a convolution makes of its output the parameters of z_c.
    Given these the positions of a channel are independent.

    In the authors' program a network makes the context into four features (`make_context_network`,
    a `ConvContext`), a convolution embeds them and z_{c-1} for the first LSTM (`embed`), the
    last convolution is 3x3 (`last_size`), and the LSTMs' kernels differ from scale to scale: 5x5
    with places two apart at first, then 5x5, then 3x3 (`size`, `dilation`). By default the context
    enters the first LSTM as it is, and the last convolution is a matrix.

    The density takes the convolutions with the inputs for all channels at once, layer by layer, and
    then one loop over the channels for each layer. Sampling is one loop of as many steps as there
    are channels, whatever the height and width.

    The parameters start at zero: as a standard normal, or near a standard logistic. Log-scales are
    bounded, so that samples stay finite. Temperature scales the noise.

    Args:
      hidden: number of features of every LSTM, at least 1.
      layers: number of LSTMs, at least 1.
      make_family: makes the `Family` of p(z_c | ...) at a position, one of real numbers; called
        with `channels=1` and `dtype=`.
      size: side of the square kernels of the LSTMs and of the embedding, odd.
      dilation: how far apart the places are that the LSTMs' kernels see, at least 1.
      make_context_network: factory of a network of the context, called with `units=` and `dtype=`;
        None: the context as it is.
      context_features: how many features that network makes, at least 1.
      embed: whether a convolution embeds input and context in `hidden` features first.
      last_size: side of the last convolution's kernel, odd.

    Raises:
      ValueError: for arguments out of range; in `build`, for events that are no images.
    """

    def __init__(
        self,
        hidden=32,
        layers=3,
        size=3,
        dilation=1,
        *,
        make_family=Gaussian,
        make_context_network=None,
        context_features=4,
        embed=False,
        last_size=1,
        dtype="float32",
    ):
        super().__init__(dtype=dtype)
        if layers < 1:
            raise ValueError(f"ChannelAutoregressive needs layers >= 1, got layers={layers}.")
        if context_features < 1 or last_size < 1 or last_size % 2 == 0:
            raise ValueError(
                "ChannelAutoregressive needs context_features >= 1 and an odd last_size, got "
                f"context_features={context_features}, last_size={last_size}."
            )
        self.family = made_by(
            make_family, "ChannelAutoregressive.make_family", channels=1, dtype=dtype
        )
        if self.family.integers:
            raise ValueError(
                "ChannelAutoregressive.make_family makes a family of real numbers, such as "
                f"Gaussian; got {type(self.family).__name__}, which is one of integers."
            )
        self.hidden, self.last_size = hidden, last_size
        self.make_context_network = make_context_network
        self.context_features = context_features
        self.network = None
        cells = [ConvLSTM(hidden, size, dilation, dtype=dtype) for _ in range(layers)]
        self.cells = track(self, "cell", cells)
        self.embedding = ContextConv(hidden, size, dtype=dtype) if embed else None

    def build(self, input_shape, condition_shape=None):
        """Makes the LSTMs, what is before them, and the last convolution."""
        super().build(input_shape, condition_shape)
        height, width, _ = self.event_shape
        context_shape = self.context_shape
        if self.make_context_network is not None and context_shape is not None:
            self.network = made_by(
                self.make_context_network,
                "ChannelAutoregressive.make_context_network",
                units=self.context_features,
                dtype=self.dtype,
            )
            self.network.build(context_shape)
            context_shape = (None, height, width, self.context_features)
        shape = (None, height, width, 1)
        if self.embedding is not None:
            self.embedding.build(shape, context_shape)
            shape, context_shape = (None, height, width, self.hidden), None
        for cell in self.cells:
            cell.build(shape, context_shape)
            shape, context_shape = (None, height, width, self.hidden), None
        side = () if self.last_size == 1 else (self.last_size, self.last_size)
        size = self.family.parameter_size
        self.kernel = self.add_weight(
            name="kernel", shape=(*side, self.hidden, size), initializer="zeros"
        )
        self.bias = self.add_weight(name="bias", shape=(size,), initializer="zeros")

    def parameters(self, z, condition=None, training=False):
        """The raw parameters of all channels: [channels, batch, height, width, P].

        Those of channel c depend on the context and on the channels of z before c.
        """
        height, width, channels = self.event_shape
        x = tf.transpose(tf.cast(z, self.compute_dtype), (3, 0, 1, 2))
        x = tf.concat([tf.zeros_like(x[:1]), x[:-1]], axis=0)
        x = tf.reshape(x, (-1, height, width, 1))
        from_context = self._from_context(condition, training)
        if self.embedding is not None:
            x = self.embedding.of_input(x)
            if from_context is not None:
                x = tf.reshape(x, (channels, -1, height, width, self.hidden)) + from_context
                x = tf.reshape(x, (-1, height, width, self.hidden))
        for i, cell in enumerate(self.cells):
            gates = tf.reshape(cell.gates(x), (channels, -1, height, width, 4 * self.hidden))
            if i == 0 and self.embedding is None and from_context is not None:
                gates += from_context
            x = tf.reshape(cell.scan(gates), (-1, height, width, self.hidden))
        return tf.reshape(self._read(x), (channels, -1, height, width, self.family.parameter_size))

    def step(self, previous, states, from_context):
        """One step: the raw parameters [num, height, width, P] of a channel, and the next states.

        Args:
          previous: the channel before it, [num, height, width]; zeros for the first.
          states: the states of all LSTMs.
          from_context: what `_from_context` gives.
        """
        x, new = previous[..., None], []
        if self.embedding is not None:
            x = self.embedding.of_input(x, looped=True)
            x = x if from_context is None else x + from_context
        for i, (cell, state) in enumerate(zip(self.cells, states, strict=True)):
            gates = cell.gates(x, looped=True)
            if i == 0 and self.embedding is None and from_context is not None:
                gates += from_context
            new.append(cell.step(gates, state))
            x = new[-1][0]
        return self._read(x, looped=True), new

    def _from_context(self, condition, training=False):
        # A convolution of concatenated maps is a sum of convolutions; the context's is the same in
        # every step.
        context = self.context(condition)
        if context is None:
            return None
        if self.network is not None:
            context = self.network(context, training=training)
        if self.embedding is not None:
            return self.embedding.of_context(context)
        return self.cells[0].context_gates(context)

    def _read(self, h, looped=False):
        if self.last_size > 1:
            convolve = conv_as_product if looped else same_conv
            return tf.nn.bias_add(convolve(h, self.kernel.value), self.bias.value)
        *_, height, width, hidden = h.shape
        raw = tf.reshape(h, (-1, hidden)) @ self.kernel.value + self.bias.value
        return tf.reshape(raw, (-1, height, width, self.family.parameter_size))

    def log_prob(self, z, condition=None, training=False):
        """Returns log p(z | context), shape [batch], in nats."""
        z = tf.cast(z, self.compute_dtype)
        raw = self.parameters(z, condition, training)
        each = self.family.log_prob(raw, tf.transpose(z, (3, 0, 1, 2))[..., None])
        return tf.reduce_sum(each, axis=(0, 2, 3))

    def _sample(self, num, seed, temperature, condition):
        """Draws channel after channel: [num, height, width, channels].

        At temperature 0 every channel is the mean given those before it, of a mixture that of the
        likeliest component.
        """
        height, width, channels = self.event_shape
        shape = tf.stack([num, height, width, channels])
        noise = self.family.noise(shape, random.fold(seed, "noise"))
        noise = tf.ensure_shape(noise, (None, *self.event_shape, self.family.noise_size))
        noise = tf.transpose(noise, (3, 0, 1, 2, 4))
        from_context = self._from_context(condition)

        def draw(c, previous, states, drawn):
            raw, states = self.step(previous, states, from_context)
            new = self.family.decide(raw, noise[c], temperature)[..., 0]
            new = tf.ensure_shape(new, previous.shape)
            return c + 1, new, states, drawn.write(c, new)

        start = (
            tf.constant(0),
            tf.zeros_like(noise[0, ..., 0]),
            [cell.initial_state(num, height, width) for cell in self.cells],
            tf.TensorArray(noise.dtype, channels, element_shape=(None, height, width)),
        )
        *_, drawn = tf.while_loop(
            lambda c, *_: c < channels, draw, start, maximum_iterations=channels
        )
        z = tf.transpose(drawn.stack(), (1, 2, 3, 0))
        return tf.ensure_shape(z, (None, *self.event_shape))
