"""The ability to have a prior that is fitted to latents instead of trained."""

import typing

import numpy as np

from glf.core import random
from glf.models.signatures import Ability
from glf.priors.fitted import FittedPrior

BATCH = 1024


class FittedAfter(Ability):
    """Models that encode, with a `prior` that may be a `FittedPrior`.

    The training loop calls `refit` before it looks at the model and before each checkpoint, so that
    every checkpoint holds a prior that fits its own encoder. What it gives depends on nothing but
    the weights and the data.
    """

    @property
    def fitted_weights(self):
        """The weights that `refit` sets; none where the prior is trained."""
        return list(self.prior.weights) if isinstance(self.prior, FittedPrior) else []

    @typing.final
    def refit(self, dataset):
        """Fits the prior to latents of training examples, as the encoder gives them in inference.

        Of `prior.examples` of them, the same at every call, chosen at random under a key no seed
        changes; of all where there are fewer.

        Returns {"examples", "nats"}, how many they were and the mean of -log p(z); None where the
        prior is none that is fitted.

        Raises:
          ValueError: if the latents are not finite, or too few.
        """
        if not isinstance(self.prior, FittedPrior):
            return None
        known = dataset.num_examples("train")
        chosen = random.numpy_generator("refit").permutation(known)[: self.prior.examples]
        latents, labels = [], []
        for start in range(0, len(chosen), BATCH):
            batch = dataset.examples("train", np.sort(chosen)[start : start + BATCH])
            latents.append(self.encode(batch["x"]).numpy())
            labels.append(self.condition_of(batch))
        labels = None if self.condition_encoder is None else np.concatenate(labels)
        return {"examples": len(chosen), "nats": self.prior.fit(np.concatenate(latents), labels)}
