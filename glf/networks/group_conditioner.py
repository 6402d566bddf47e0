"""Networks of group convolutions for couplings: their numbers turn with the image."""

import tensorflow as tf

from glf.layers.context import context_features, with_context_in_groups
from glf.layers.group_conv import GroupConv2D, channels_of
from glf.layers.plane_groups import filters_for, plane_group
from glf.layers.same_conv import limited_scale
from glf.networks.base import ImageConditioner


class GroupConditioner(ImageConditioner):
    """Group convolutions of size 3, 1 and 3, with relu between them: Glow's network of a group.

    Inputs and outputs are features of the group, see `glf.layers.plane_groups`: of an image that is
    turned it gives what it gives of the image, turned. The last convolution starts at zero and has
    a learned scale exp(3 s) for each output of an element. A condition is concatenated to the input
    of every element: one that says the same everywhere, such as a label, changes nothing of that;
    one about places has to turn with the image.

    An image flow is invariant, log p(L_t y) = log p(y) for the quarter turns t of p4 about the
    image's centre, if all that it is made of is equivariant: `Squeeze` of order "p4_image" first,
    then "p4" (no checkerboard: on even sides a quarter turn exchanges its colours), `ActNorm` with
    groups=4, `InvertibleConv1x1` of parametrization "p4", `ImageCoupling` with mask="p4" and this
    network, `MultiScale` with groups=4, whose parts are judged by a `ConditionalGaussian` of this
    network and the last by a `StandardNormal`, which sees no places; preprocessing and noise are
    the same for every pixel. Samples and bounds of dequantized data are so in distribution: the
    noise of an image is not the noise of the turned one.

    Args:
      units: number of outputs at each position, a multiple of the group's order.
      group: one of `plane_groups.GROUP_NAMES` of the square lattice.
      filters: width of the hidden layers of an ordinary network of as many weights, such as
        `GlowConditioner`; each element has this divided by the square root of the group's order.

    Shapes: call maps [batch, height, width, |G| n] (and a context, see `glf.layers.context`) to
    [batch, height, width, units].

    Raises:
      ValueError: for arguments out of range; in `build`, for channels that are no features of the
        group.
    """

    def __init__(self, units, *, group="p4", filters=512, dtype="float32"):
        super().__init__(units, dtype=dtype)
        self.group = plane_group(group)
        self.filters = filters_for(self.group, filters)
        if units < 1 or filters < 1 or units % self.group.order:
            raise ValueError(
                f"GroupConditioner needs filters >= 1 and units that are a multiple of the "
                f"{self.group.order} elements of {group}, got {filters} and {units}."
            )

    def build(self, input_shape, condition_shape=None):
        """Makes the weights for images [None, h, w, n] and contexts."""
        *places, features = input_shape[1:]
        channels_of(self.group, features)
        order, name = self.group.order, self.group.name
        features += order * context_features(condition_shape)
        self.first = GroupConv2D(self.filters, name, 3, dtype=self.dtype)
        self.second = GroupConv2D(self.filters, name, 1, dtype=self.dtype)
        each = self.units // order
        self.last = GroupConv2D(each, name, 3, initializer="zeros", dtype=self.dtype)
        self.first.build((None, *places, features))
        self.second.build((None, *places, order * self.filters))
        self.last.build((None, *places, order * self.filters))
        self.log_scale = self.add_weight(name="log_scale", shape=(each,), initializer="zeros")

    def call(self, inputs, condition=None, training=False):
        """Returns the parameters, [batch, h, w, units]."""
        h = with_context_in_groups(inputs, condition, self.group.order)
        h = tf.nn.relu(self.second(tf.nn.relu(self.first(h))))
        scale = limited_scale(tf.convert_to_tensor(self.log_scale.value))
        return self.last(h) * tf.tile(scale, [self.group.order])
