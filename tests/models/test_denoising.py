"""Pixel flows of noisy images: the step, samples before and after it, and what is measured."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors import Center, Chain, Logit
from glf.data.dataset import DataSpec
from glf.dequantizers import GaussianNoise, UniformDequantizer
from glf.evaluation.base import Subject
from glf.evaluation.denoising import Denoising
from glf.models.pixel_flow import PixelFlow
from glf.priors import Flow, StandardLogistic, StandardNormal

SPEC = DataSpec((2, 3, 1), 16, None)
# N(1/2, 1/16): y = (u + 2) / 4.
NORMAL = partial(Flow, partial(Center, 4.0), StandardNormal)


def made(deviation=0.25, **arguments):
    noise = partial(GaussianNoise, deviation)
    return PixelFlow(SPEC, **{"make_density": NORMAL, "make_dequantizer": noise, **arguments})


class Images:
    """All that the evaluator asks of a dataset: images N(1/2, 1/16 - σ²) but for levels."""

    def eval_batches(self, split, size):
        clean = np.random.default_rng(0).normal(0.5, (1 / 16 - 0.2**2) ** 0.5, (900, *SPEC.shape))
        x = np.clip(np.floor(clean * SPEC.levels), 0, SPEC.levels - 1)
        for start in range(0, 900, size):
            yield {"x": tf.constant(x[start : start + size], tf.uint8)}


def test_the_step_is_along_the_score():
    """Of a normal density: y + σ² (1/2 - y) / variance."""
    y = np.random.default_rng(0).normal(size=(4, *SPEC.shape)).astype(np.float32)
    for deviation in (0.1, 0.25):
        expected = y + deviation**2 * (0.5 - y) * 16
        np.testing.assert_allclose(made(deviation).denoised(y), expected, atol=1e-5)


def test_samples_before_and_after():
    noisy, denoised = made().draw_both(40, 3)
    # The deviation of all that the density holds is noise: the mean is left, the middle of levels.
    np.testing.assert_array_equal(denoised.x, np.full((40, *SPEC.shape), SPEC.levels // 2))
    np.testing.assert_array_equal(denoised.outside, np.zeros(40))
    assert 0.02 < np.mean(noisy.outside) < 0.08
    assert np.std(noisy.x) > 3
    np.testing.assert_array_equal(made().sample(40, 3), noisy.x)
    np.testing.assert_array_equal(made(denoise=True).sample(40, 3), denoised.x)


def test_the_bound_says_what_it_is_of():
    assert made().likelihood == "ELBO, levels read from noise one by one"
    loss = made().loss_terms(tf.zeros((3, *SPEC.shape), tf.uint8), (0, 1), False)
    assert np.all(np.isfinite(loss["nll"]))


def test_what_is_left_of_the_noise():
    """Of normal images by the formula, 1 - σ² / variance, which the rounding to levels disturbs."""
    shown = {}
    subject = Subject(made(0.2), Images(), show=shown.__setitem__)
    assert Denoising().refusal(subject) is None
    found = Denoising().measure(subject)["noise_left"]
    assert found["value"] == pytest.approx(1 - 0.2**2 * 16, abs=0.03)
    assert found["better"] == "lower"
    assert shown["denoising"].ndim == 2
    plain = Subject(made(make_dequantizer=UniformDequantizer), Images())
    assert "stays within a level" in Denoising().refusal(plain)


def test_what_is_refused():
    with pytest.raises(ValueError, match="does not denoise: its noise stays within a level"):
        made(make_dequantizer=UniformDequantizer, denoise=True)
    plain = made(make_dequantizer=UniformDequantizer)
    with pytest.raises(ValueError, match="does not denoise"):
        plain.denoised(np.zeros((1, *SPEC.shape)))
    with pytest.raises(ValueError, match="does not denoise"):
        plain.draw_both(1, 0)
    with pytest.raises(ValueError, match=r"shape \[batch, 2, 3, 1\] are denoised"):
        made().denoised(np.zeros((1, 3, 2, 1)))
    logits = partial(Flow, partial(Chain, [partial(Logit, 0.05)]), StandardLogistic)
    with pytest.raises(ValueError, match="Logit has no place for it; take Center"):
        made(make_density=logits)
