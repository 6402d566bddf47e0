"""A run as its text files describe it: enough to refuse much before TensorFlow is loaded.

A program's own checks of its model stand as they are: these come some ten seconds earlier, from
what a run's folder holds as text, and pass over what that does not say.
"""

import json
import re

# The classes of glf.models with an ability, under the name of its abstract class there.
ABILITIES = {
    "Denoises": ("PixelFlow",),
    "DrawsByFlow": ("GLF", "PixelFlow", "VectorFlow"),
    "DrawsBySampler": ("Autoregressive", "DiscreteAutoencoder"),
    "HasBounds": ("PixelFlow", "LikelihoodVAE"),
    "HasCodes": ("DiscreteAutoencoder",),
    "HasGuidance": ("GLF",),
    "HasLatentFlow": ("GLF",),
    "HasPointDensity": ("VectorFlow",),
    "Reconstructs": (
        *("GLF", "DiscreteAutoencoder", "RegularizedAutoencoder", "WAE"),
        *("VAE", "LikelihoodVAE", "TwoStageVAE"),
    ),
}
MODELS = (*sorted({name for names in ABILITIES.values() for name in names}),)
MODELS += ("IntegerFlow", "LogisticSegmenter")
# Bijectors of glf.bijectors with a slow direction.
SLOW_BIJECTORS = ("MAF", "IAF", "ImageIAF", "TransformerAutoregressive")
# Condition encoders of glf.networks by what they take.
LABEL_ENCODERS = ("LabelEmbedding", "OneHotLabels")


def lacks(model, ability):
    """Whether the class of that name is known here, and known not to have an ability of these."""
    return model in MODELS and model not in ABILITIES.get(ability, MODELS)


class Run:
    """A run's folder, as its text files describe it.

    Attributes:
      model: the name of the model's class; None where it is not known here.
      image_shape, levels, num_classes: as in the run's `DataSpec`; None where not known.
      known_data: whether they are.

    Raises:
      ValueError: if the folder holds no run.
    """

    def __init__(self, workdir):
        from glf.training.run_folder import RunFolder

        self.folder = RunFolder(workdir)
        self.folder.require_run()
        model = self.folder.read_model()
        self.model = model if model in MODELS else None
        self._config = self.folder.config.read_text(encoding="utf-8")
        self.known_data = self.folder.data.exists()
        data = self.folder.data.read_text(encoding="utf-8") if self.known_data else "{}"
        data = json.loads(data)
        self.image_shape = data.get("image_shape")
        self.levels = data.get("levels")
        self.num_classes = data.get("num_classes")

    @property
    def abilities(self):
        """Those of the model, of the ones above."""
        return {ability for ability, names in ABILITIES.items() if self.model in names}

    def lacks(self, ability):
        """Whether the model is known, and known not to have an ability of those above."""
        return self.model is not None and lacks(self.model, ability)

    def without_labels(self):
        """Whether the model is certainly not conditioned on labels: no binding is an encoder."""
        return not self._names_any(LABEL_ENCODERS)

    def without_slow_direction(self):
        """Whether nothing of the model's drawing is solved: no binding is such a bijector."""
        return self.lacks("DrawsByFlow") or not self._names_any(SLOW_BIJECTORS)

    def _names_any(self, parts):
        return any(re.search(rf"@[\w./]*\b{name}\b", self._config) for name in parts)
