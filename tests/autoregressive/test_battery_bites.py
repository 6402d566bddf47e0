"""The battery finds planted errors: each wrong model fails exactly where it should."""

import functools

import causal_battery as battery
import pytest
import tensorflow as tf

from glf.autoregressive.diagonal_bilstm import DiagonalBiLSTM
from glf.autoregressive.gated_pixel_cnn import GatedPixelCNN
from glf.autoregressive.pixel_cnn import PixelCNN
from glf.autoregressive.pixel_cnn_pp import PixelCNNPlusPlus
from glf.autoregressive.registry import REGISTRY
from glf.autoregressive.row_lstm import RowLSTM
from glf.autoregressive.wavenet import WaveNet
from glf.layers.causal_conv import CausalConv2D


def replanted(name, network, image_shape=None):
    """The registry's model of that name with another network class."""
    make = REGISTRY[name]
    own_shape, levels = make.args
    make_network = functools.partial(network, **make.keywords["make_network"].keywords)
    parts = {**make.keywords, "make_network": make_network}
    return functools.partial(make.func, image_shape or own_shape, levels, **parts)


def remasked(layer, mask, groups, swap=None):
    """The layer of another mask, its groups in another order if `swap` is given."""
    rows, columns, inputs, filters = layer.kernel.shape
    other = CausalConv2D(inputs, filters, rows=rows, columns=columns, mask=mask, groups=groups).mask
    layer.mask = other if swap is None else other[..., swap, :]


class OwnPixelSeen(PixelCNN):
    """Mask B where the first layer needs A."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        remasked(self.first, "B", self.groups)


class GroupsOutOfOrder(PixelCNN):
    """The data's channels enter one group too late."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        inputs = self.first.kernel.shape[2]
        swap = [(i + inputs // self.groups) % inputs for i in range(inputs)]
        remasked(self.first, "A", self.groups, swap)


class OwnRowSeen(GatedPixelCNN):
    """The vertical stack begins with the own row."""

    def rows(self, view, context=None):
        class Shifted:
            def __getattr__(self, name):
                return getattr(view, name)

            def data(self, above, left, right):
                data = view.data(above, left, right)
                return tf.concat([data[:, 1:], data[:, -1:]], 1)

        return super().rows(Shifted(), context)


class BlindSpot(GatedPixelCNN):
    """The horizontal stack sees only the first layer of the vertical one."""

    def rows(self, view, context=None):
        first, *others = super().rows(view, context)
        return (first, *[tf.zeros_like(link) for link in others])


class RowsTooEarly(PixelCNNPlusPlus):
    """The stream of rows is one row ahead."""

    def rows(self, view, context=None):
        links = super().rows(view, context)
        return tuple(tf.roll(link, -1, axis=1) for link in links)


class ForgottenState(RowLSTM):
    """A window begins with an empty state."""

    def recur(self, view, i, h, of_context):
        class Forgetful:
            def __getattr__(self, name):
                return getattr(view, name)

            def halo(self, like, above, scale=1):
                return tf.zeros_like(view.halo(like, above, scale))

        return super().recur(Forgetful(), i, h, of_context)


class StaleRow(DiagonalBiLSTM):
    """What is kept of a row depends on the row's last pixel."""

    def recur(self, view, i, h, of_context):
        of_input, _, _, kernel = self.recurrent[i]
        gates = of_input.through(view, h) + self.reversed_data.of_data(view) + of_context
        back = self._direction(view, gates[:, :, ::-1], kernel)[:, :, ::-1]
        return view.delayed(back, 1)


class WrongDelay(WaveNet):
    """Single pixels are delayed by nothing."""

    def pixels(self, view, from_rows, context=None):
        class Hasty:
            def __getattr__(self, name):
                return getattr(view, name)

            def delayed(self, h, rows, scale=1):
                delayed = view.delayed(h, rows, scale)
                return h if h.shape[1] == 1 else delayed

        return super().pixels(Hasty(), from_rows, context)


class UntrackedLayers(PixelCNN):
    """The layers of one block are only in a list."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for i in range(3):
            delattr(self, f"block_0_{i}")


class DeadWeights(PixelCNN):
    """Nothing flows back into the first convolution."""

    def pixels(self, view, from_rows, context=None):
        class Stopped:
            def __getattr__(self, name):
                return getattr(view, name)

            def around(self, h, *args, **kwargs):
                return view.around(tf.stop_gradient(h), *args, **kwargs)

        return super().pixels(Stopped(), from_rows, context)


class BatchDependent(PixelCNN):
    """The features depend on the other images."""

    def pixels(self, view, from_rows, context=None):
        h = super().pixels(view, from_rows, context)
        return h + tf.reduce_mean(h, 0, keepdims=True)


class Unconditional(GatedPixelCNN):
    """The context is dropped."""

    def rows(self, view, context=None):
        return super().rows(view)

    def pixels(self, view, from_rows, context=None):
        return super().pixels(view, from_rows)


FUTURE, PAST, UNEQUAL = "future is seen", "should be seen is not", "Not equal to tolerance"
PLANTED = {
    "own pixel seen": (battery.check_masks, "pixel_cnn", OwnPixelSeen, FUTURE),
    "own channel seen": (battery.check_masks, "pixel_cnn_colour", OwnPixelSeen, FUTURE),
    "groups out of order": (battery.check_masks, "pixel_cnn_colour", GroupsOutOfOrder, FUTURE),
    "own row seen": (battery.check_masks, "gated", OwnRowSeen, FUTURE),
    "blind spot": (battery.check_masks, "gated", BlindSpot, PAST),
    "rows too early": (battery.check_masks, "plus_plus", RowsTooEarly, FUTURE),
    "probabilities": (battery.check_sums_to_one, "pixel_cnn", OwnPixelSeen, UNEQUAL),
    "forgotten state": (battery.check_rows_view, "row_lstm", ForgottenState, UNEQUAL),
    "stale row": (battery.check_rows_view, "diagonal_bilstm", StaleRow, UNEQUAL),
    "wrong delay": (battery.check_pixel_view, "wavenet", WrongDelay, UNEQUAL),
    "untracked layers": (battery.check_checkpoint, "pixel_cnn", UntrackedLayers, "not restored"),
    "dead weights": (battery.check_gradients, "pixel_cnn", DeadWeights, "kernel"),
    "batch-dependent": (battery.check_batch_of_one, "pixel_cnn", BatchDependent, UNEQUAL),
    "unconditional": (battery.check_context, "gated_colour_labels", Unconditional, None),
}


@pytest.mark.slow
@pytest.mark.parametrize("planted", PLANTED)
def test_planted_error_is_found(planted):
    check, name, network, words = PLANTED[planted]
    shape = (2, 2, 1) if check is battery.check_sums_to_one else None
    case = battery.Case(replanted(name, network, shape))
    with pytest.raises(AssertionError, match=words):
        check(case)


def test_the_harness_itself_plants_nothing():
    battery.check_masks(battery.Case(replanted("gated", GatedPixelCNN)))
    battery.check_sums_to_one(battery.Case(replanted("pixel_cnn", PixelCNN, (2, 2, 1))))
