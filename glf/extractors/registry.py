"""Every extractor, by the kind that chooses it."""

from glf.core.caller import undisturbed
from glf.extractors.choice import parse
from glf.extractors.classifier import Classifier
from glf.extractors.inception import Inception
from glf.extractors.keras_network import KerasNetwork
from glf.extractors.pixels import Pixels
from glf.extractors.squeezenet import SqueezeNet

# {kind: function of (dataset, choice)}.
EXTRACTORS = {
    "classifier": lambda dataset, choice: Classifier(dataset),
    "squeezenet": lambda dataset, choice: SqueezeNet(dataset.spec, choice.path),
    "inception": lambda dataset, choice: Inception(dataset.spec, choice.path),
    "keras": lambda dataset, choice: KerasNetwork(dataset.spec, choice.network, choice.path),
    "pixels": lambda dataset, choice: Pixels(dataset.spec),
}


def make_extractor(text, dataset):
    """The `Extractor` that a text chooses, for images of a dataset.

    Args:
      text: see `glf.extractors.choice.parse`.
      dataset: a `Dataset`; a classifier is trained on its labels.

    Raises:
      ValueError: if the text chooses none, or the extractor does not fit the data.
    """
    choice = parse(text)
    with undisturbed(policy="float32"):
        return EXTRACTORS[choice.kind](dataset, choice)
