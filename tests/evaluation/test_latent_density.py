"""The density of latents under a fitted prior, and losses that are of whole batches."""

from functools import partial

import keras
import numpy as np
import pytest

from glf.core import random
from glf.evaluation.evaluate import evaluate
from glf.evaluation.loss_terms import MeanLossTerms
from glf.models.regularized_autoencoder import RegularizedAutoencoder
from glf.models.wae import WAE, mmd
from glf.networks.condition_encoders import OneHotLabels
from glf.networks.dense_autoencoder import DenseAutoencoder
from glf.priors import FittedGaussian

PARTS = {"latent_size": 2, "make_autoencoder": partial(DenseAutoencoder, hidden=())}


def test_of_a_prior_fitted_to_each_class(digits):
    keras.utils.set_random_seed(0)
    prior = {"make_prior": FittedGaussian, "make_condition_encoder": OneHotLabels}
    model = RegularizedAutoencoder(digits.spec, **PARTS, **prior)
    model.refit(digits)
    found = evaluate(model, digits, only=["latent_density"])
    batch = digits.examples("test", slice(None))
    nats = -np.mean(model.latent_log_prob(model.encode(batch["x"]), batch["label"]))
    np.testing.assert_allclose(found["latent_nll"]["value"], nats, rtol=1e-6)
    bits = nats / (2 * np.log(2))
    np.testing.assert_allclose(found["latent_nll_per_dim"]["value"], bits, rtol=1e-6)


def test_not_of_a_prior_that_does_not_follow(digits):
    model = WAE(digits.spec, **PARTS)
    with pytest.raises(ValueError, match="latent_density is for models with a flow"):
        evaluate(model, digits, only=["latent_density"])


@pytest.mark.slow
def test_the_last_batch_is_not_filled_up_where_it_is_judged_as_a_whole(digits):
    """150 examples: 100, and the 50 that are left by themselves."""
    model = WAE(digits.spec, **PARTS)
    found = MeanLossTerms(model, 100)(digits, "validation", 3)
    seed, z = random.fold(3, "evaluation", "validation"), []
    for batch in digits.eval_batches("validation", 100):
        z.append(model.encode(batch["x"]))
    noise = [
        random.normal(z.shape, random.fold(random.fold(seed, i), "prior")) for i, z in enumerate(z)
    ]
    expected = [mmd(a, b) for a, b in zip(z, noise, strict=True)]
    np.testing.assert_allclose(found["mmd"], (2 * expected[0] + expected[1]) / 3, rtol=1e-4)
