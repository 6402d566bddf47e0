"""TensorFlow Probability's view of a bijector: stateless, owning nothing."""

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


class TFPView(tfb.Bijector):
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
        self._condition = None if condition is None else tf.cast(condition, layer.compute_dtype)
        super().__init__(
            forward_min_event_ndims=len(layer.base_shape),
            inverse_min_event_ndims=len(layer.event_shape),
            dtype=tf.as_dtype(layer.compute_dtype),
            name=f"{layer.name}_view",
        )

    def _apply(self, point, forward):
        layer, ends = self._layer, (self._layer.base_shape, self._layer.event_shape)
        before, after = ends if forward else ends[::-1]
        method = layer.forward_and_log_det if forward else layer.inverse_and_log_det
        rows, leading = flatten_leading(point, len(before))
        rows = tf.ensure_shape(rows, (None, *before))
        image, log_det = method(rows, match_leading(self._condition, leading))
        static = point.shape[: point.shape.rank - len(before)]
        image = tf.reshape(image, tf.concat([leading, after], 0))
        image.set_shape(static.concatenate(after))
        log_det = tf.reshape(log_det, leading)
        log_det.set_shape(static)
        return image, log_det

    def _forward(self, u):
        return self._apply(u, forward=True)[0]

    def _inverse(self, y):
        return self._apply(y, forward=False)[0]

    def _forward_log_det_jacobian(self, u):
        return self._apply(u, forward=True)[1]

    def _inverse_log_det_jacobian(self, y):
        return self._apply(y, forward=False)[1]

    def _forward_event_shape(self, shape):
        return _replaced(shape, self._layer.base_shape, self._layer.event_shape)

    def _inverse_event_shape(self, shape):
        return _replaced(shape, self._layer.event_shape, self._layer.base_shape)

    def _forward_event_shape_tensor(self, shape):
        kept = tf.shape(shape)[0] - len(self._layer.base_shape)
        return tf.concat([shape[:kept], self._layer.event_shape], 0)

    def _inverse_event_shape_tensor(self, shape):
        kept = tf.shape(shape)[0] - len(self._layer.event_shape)
        return tf.concat([shape[:kept], self._layer.base_shape], 0)


def _replaced(shape, before, after):
    """Static shape [...leading, *before] to [...leading, *after]."""
    if shape.rank is None:
        return shape
    return shape[: shape.rank - len(before)].concatenate(after)
