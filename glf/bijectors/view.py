"""What TensorFlow Probability sees of a bijector: a stateless view that owns nothing."""

import tensorflow as tf
from tensorflow_probability import bijectors as tfb


def flatten_leading(point, event_ndims):
    """Reshapes [...leading, ...event] to [n, ...event]; returns it and the leading shape."""
    shape = tf.shape(point)
    split = tf.rank(point) - event_ndims
    return tf.reshape(point, tf.concat([[-1], shape[split:]], 0)), shape[:split]


def match_leading(condition, leading):
    """Repeats a condition [batch, c] along leading axes [...sample, batch] to [n, c]."""
    if condition is None:
        return None
    size = tf.shape(condition)[1:]
    wide = tf.broadcast_to(condition, tf.concat([leading, size], 0))
    return tf.reshape(wide, tf.concat([[-1], size], 0))


class View(tfb.Bijector):
    """TFP's interface over a layer's fused methods.

    TFP asks for the point and for the log-determinant in separate calls, so this view may
    evaluate a network twice. The package itself never goes through it.
    """

    def __init__(self, layer, condition):
        if layer.event_shape is None:
            raise ValueError(
                f"{type(layer).__name__} has no weights yet; build it before asking for its view."
            )
        self._layer = layer
        self._given = None if condition is None else tf.cast(condition, layer.compute_dtype)
        super().__init__(
            forward_min_event_ndims=len(layer.event_shape),
            dtype=tf.as_dtype(layer.compute_dtype),
            name=f"{layer.name}_view",
        )

    def _apply(self, method, point):
        rows, leading = flatten_leading(point, len(self._layer.event_shape))
        rows = tf.ensure_shape(rows, (None, *self._layer.event_shape))
        image, log_det = method(rows, match_leading(self._given, leading))
        image = tf.reshape(image, tf.shape(point))
        image.set_shape(point.shape)
        log_det = tf.reshape(log_det, leading)
        log_det.set_shape(point.shape[: point.shape.rank - len(self._layer.event_shape)])
        return image, log_det

    def _forward(self, u):
        return self._apply(self._layer.forward_and_log_det, u)[0]

    def _inverse(self, y):
        return self._apply(self._layer.inverse_and_log_det, y)[0]

    def _forward_log_det_jacobian(self, u):
        return self._apply(self._layer.forward_and_log_det, u)[1]

    def _inverse_log_det_jacobian(self, y):
        return self._apply(self._layer.inverse_and_log_det, y)[1]
