"""A prior that is fitted to latents: every checkpoint holds one of its own encoder."""

from functools import partial

import numpy as np
import pytest

from glf.models.regularized_autoencoder import RegularizedAutoencoder
from glf.networks.dense_autoencoder import DenseAutoencoder
from glf.priors import FittedMixture
from glf.training.restore import restore_for_inference
from glf.training.run_folder import RunFolder
from glf.training.watch import Watcher

MODEL = partial(
    RegularizedAutoencoder,
    latent_size=2,
    make_autoencoder=partial(DenseAutoencoder, hidden=()),
    make_prior=partial(FittedMixture, 2, examples=300),
    latent_weight=0.1,
)
OPTIONS = {"make_model": MODEL, "execution": {"jit": False}, "validate_every": 8}


@pytest.fixture(scope="module")
def checked():
    """Whether a model's prior is what fitting it again gives."""

    def check(model, digits):
        kept = [weight.numpy() for weight in model.fitted_weights]
        assert np.any(kept[1] != 0)
        model.refit(digits)
        for weight, value in zip(model.fitted_weights, kept, strict=True):
            np.testing.assert_array_equal(weight.numpy(), value)

    return check


@pytest.mark.slow
def test_every_checkpoint_holds_its_own_and_resumes(
    short_run, tmp_path, digits, compare, checked, stopped_run
):
    """Of the averaged weights; a kill between makes no difference."""
    short_run(tmp_path / "whole", **OPTIONS)
    folder, locs = RunFolder(tmp_path / "whole"), []
    for which in (4, 8, "latest"):
        model = MODEL(digits.spec)
        restore_for_inference(model, 0.9, folder, which)
        checked(model, digits)
        locs.append(model.prior.loc.numpy())
    assert np.any(locs[0] != locs[1])
    assert np.any(locs[1] != locs[2])
    stopped_run(**OPTIONS)
    short_run(**OPTIONS)
    assert compare(tmp_path / "run") == compare(tmp_path / "whole")


def test_pictures_and_validation_see_a_fitted_prior(short_run, digits, checked, monkeypatch):
    seen = []
    for name in ("validate", "draw"):
        method = getattr(Watcher, name)

        def watched(self, state, method=method):
            seen.append(state.step)
            checked(self.run.model, digits)
            return method(self, state)

        monkeypatch.setattr(Watcher, name, watched)
    short_run(
        **{**OPTIONS, "moving_average": None, "validate_every": 2, "pictures_every": 3},
        num_steps=3,
        checkpoint_every=100,
    )
    assert seen == [2, 3, 3]
