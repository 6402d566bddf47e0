"""Forecasting modules: the next positions from what is final (Wiggers and Hoogeboom 2020)."""

import keras
import tensorflow as tf

from glf.layers.causal_conv import CausalConv2D


class Forecaster(keras.layers.Layer):
    """Distributions P_F of the next T positions given everything up to a position.

    For position i, with h the model's shared representation,

      f_i = relu(conv_A(h)_i + conv_B(x)_i + b),      P_F^(t)(x_{i+t} | x_<=i) from V_t f_i,

    t = 1, ..., T, both convolutions causal: h_i depends on x_<i, and x_i itself, which is final
    when the module is asked, enters through the second one. Predictive sampling (Wiggers and
    Hoogeboom 2020, arXiv 2002.09928) decides the forecasts with the sample's own noise.

    Args:
      horizon: T, in positions.
      filters: hidden features for each group of channels.
      rows: how many rows, the own and those above, are looked at.
      columns: how many columns about the own are looked at, odd.
      shared: whether h is seen; without, only x is (the paper's ablation).
    """

    given_by_code = ("data_features", "model_features", "groups", "parameter_size", "dtype")

    def __init__(
        self,
        data_features,
        model_features,
        groups,
        parameter_size,
        *,
        horizon=1,
        filters=32,
        rows=2,
        columns=5,
        shared=True,
        dtype=None,
    ):
        super().__init__(dtype=dtype)
        if horizon < 1 or filters < 1:
            raise ValueError(
                "Forecaster.horizon and Forecaster.filters must be at least 1, got "
                f"horizon={horizon}, filters={filters}."
            )
        self.horizon, self.filters, self.groups = horizon, filters, groups
        self.parameter_size = parameter_size
        self.shared = shared
        sizes = {"rows": rows, "columns": columns, "mask": "B", "groups": groups}
        width = filters * groups
        self.of_x = CausalConv2D(data_features, width, **sizes, dtype=self.dtype_policy)
        if shared:
            self.of_h = CausalConv2D(model_features, width, **sizes, dtype=self.dtype_policy)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(groups, filters, horizon * parameter_size),
            initializer="glorot_uniform",
        )
        self.bias = self.add_weight(
            name="bias", shape=(groups, horizon * parameter_size), initializer="zeros"
        )
        self.built = True

    def hidden(self, view, h):
        """f at the view's positions, [n, rows * columns * groups, filters]."""
        f = self.of_x.of_data(view)
        if self.shared:
            f += self.of_h.through(view, h)
        n, rows, columns = tf.shape(f)[0], f.shape[1], f.shape[2]
        return tf.reshape(tf.nn.relu(f), [n, rows * columns * self.groups, self.filters])

    def everywhere(self, hidden):
        """Parameters of all forecasts, [n, positions, horizon, P], from `hidden`."""
        n, positions = tf.shape(hidden)[0], hidden.shape[1]
        f = tf.reshape(hidden, [-1, positions // self.groups, self.groups, self.filters])
        f = tf.cast(f, tf.float32)
        y = tf.einsum("npgf,gfo->npgo", f, self.kernel.value) + self.bias.value
        return tf.reshape(y, [n, positions, self.horizon, self.parameter_size])

    def at(self, hidden, group):
        """The same at one position each: hidden [n, filters], group int32 [n]; [n, horizon, P]."""
        f = tf.cast(hidden, tf.float32)
        if self.groups == 1:
            y = tf.matmul(f, self.kernel.value[0]) + self.bias.value[0]
        else:
            hot = tf.one_hot(group, self.groups)
            f = hot[:, :, None] * f[:, None]
            y = tf.einsum("ngf,gfo->no", f, self.kernel.value) + tf.matmul(hot, self.bias.value)
        return tf.reshape(y, [-1, self.horizon, self.parameter_size])
