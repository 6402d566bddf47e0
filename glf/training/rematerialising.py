"""Which blocks of a model are computed again for the gradient."""

import keras

from glf.bijectors.batch_norm import BatchNorm
from glf.core.rematerialise import Rematerialises


def rematerialise(model):
    """Tells the innermost layers of a model that can to rematerialise.

    Raises:
      ValueError: if there are none, or one of their blocks has batch normalisation, whose moving
        averages would move twice a step.
    """
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, Rematerialises)]
    layers = [layer for layer in layers if not _inside(layer, Rematerialises)]
    if not layers:
        raise ValueError(
            f"train.rematerialise has no effect: no part of this {type(model).__name__} is made of "
            "blocks that can be computed again (a Chain, a CausalTransformer, a PixelCNNPlusPlus). "
            "Leave it out."
        )
    for layer in layers:
        if _inside(layer, (BatchNorm, keras.layers.BatchNormalization)):
            raise ValueError(
                f"train.rematerialise: a {type(layer).__name__} of this {type(model).__name__} has "
                "batch normalisation, whose moving averages a second computation would move again. "
                "Leave it out, or train without batch normalisation."
            )
        layer.rematerialise = True


def _inside(layer, kinds):
    inner = (each for each in layer._flatten_layers() if each is not layer)
    return any(isinstance(each, kinds) for each in inner)
