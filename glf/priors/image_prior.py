"""The contract of priors of images, which may look at a context."""

from glf.core.shapes import checked_condition
from glf.layers.context import context_features, fit_context
from glf.priors.base import Prior


class ImagePrior(Prior):
    """A prior of images [batch, height, width, channels], all known, perhaps given a context.

    The context, see `glf.layers.context`, is given as `condition`: [batch, height or 1, width or 1,
    features], or more positions than the image has, a multiple.
    """

    def build(self, input_shape, condition_shape=None):
        """Records the shapes; subclasses add weights.

        Raises:
          ValueError: if they are not those of images and contexts.
        """
        super().build(input_shape, condition_shape)
        if len(self.event_shape) != 3:
            raise ValueError(
                f"{type(self).__name__} judges images [batch, height, width, channels], got points "
                f"of shape {tuple(input_shape)}."
            )
        features = context_features(condition_shape)
        self.condition_shape = None if condition_shape is None else tuple(condition_shape)
        height, width, _ = self.event_shape
        self.context_shape = None if not features else (None, height, width, features)

    def context(self, condition):
        """The condition as a map of the image's height and width; None for none.

        Raises:
          ValueError: if there is a condition where none was announced, or none where one was, or
            it has another shape.
        """
        condition = checked_condition(self, condition)
        return None if condition is None else fit_context(condition, *self.event_shape[:2])
