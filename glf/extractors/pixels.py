"""Pixels themselves as features."""

import numpy as np

from glf.extractors.base import Extracted, Extractor


class Pixels(Extractor):
    """x / (levels - 1), flat: features [n, height * width * channels] in [0, 1]."""

    name = "pixels"
    fingerprint = "pixels 1"

    def __init__(self, spec):
        super().__init__(spec)
        self.about = f"the {int(np.prod(spec.shape))} pixel values in [0, 1]"

    def _extract(self, images):
        return Extracted(self._unit(images).numpy().reshape(len(images), -1))
