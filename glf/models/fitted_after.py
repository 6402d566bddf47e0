"""The ability to have a prior that is fitted to latents instead of trained."""

import typing

import numpy as np

from glf.core import random
from glf.models.signatures import Ability
from glf.priors.fitted import FittedPrior

BATCH = 1024


class FittedAfter(Ability):
    """Models that encode, with a prior, or a part of it, that may be a `FittedPrior`.

    The training loop calls `refit` before it looks at the model and before each checkpoint, so that
    every checkpoint holds a prior that fits its own encoder. What it gives depends on nothing but
    the weights and the data.
    """

    @property
    def fitted_weights(self):
        """The weights that `refit` sets; none where the prior is trained."""
        return [] if self.fitted_prior is None else list(self.fitted_prior.weights)

    @property
    def fitted_prior(self):
        """The `FittedPrior`, or None: by default the model's `prior` itself."""
        return self.prior if isinstance(self.prior, FittedPrior) else None

    def _fitted_to(self, x, seed, condition):
        """What it is fitted to, of a batch of training examples: by default their latents."""
        del seed, condition
        return self.encode(x)

    @typing.final
    def refit(self, dataset):
        """Fits it to latents of training examples, or what is made of them, as in inference.

        Of `prior.examples` of them, the same at every call, chosen at random under a key no seed
        changes; of all where there are fewer.

        Returns {"examples", "nats"}, how many they were and the mean of -log p(z); None where the
        prior is none that is fitted.

        Raises:
          ValueError: if the latents are not finite, or too few.
        """
        prior = self.fitted_prior
        if prior is None:
            return None
        known = dataset.num_examples("train")
        chosen = random.numpy_generator("refit").permutation(known)[: prior.examples]
        points, labels = [], []
        for start in range(0, len(chosen), BATCH):
            batch = dataset.examples("train", np.sort(chosen)[start : start + BATCH])
            condition, seed = self.condition_of(batch), random.fold(0, "refit", start)
            points.append(self._fitted_to(batch["x"], seed, condition).numpy())
            labels.append(condition)
        labels = None if self.condition_encoder is None else np.concatenate(labels)
        return {"examples": len(chosen), "nats": prior.fit(np.concatenate(points), labels)}
