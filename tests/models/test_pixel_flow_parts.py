"""Flows of pixels of other parts: in double precision, and of data they are not for."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf.bijectors import ImageCoupling, Logit
from glf.data.dataset import DataSpec
from glf.dequantizers import UniformDequantizer
from glf.models.pixel_flow import PixelFlow
from glf.networks.glow_conditioner import GlowConditioner
from glf.priors import ConditionalGaussian, MultiScale

DOUBLE = {"dtype": "float64"}
NETWORK = partial(GlowConditioner, filters=4, **DOUBLE)
DENSITY = partial(
    MultiScale,
    partial(ImageCoupling, make_conditioner=NETWORK, **DOUBLE),
    2,
    make_preprocessing=partial(Logit, 0.05, **DOUBLE),
    make_part=partial(ConditionalGaussian, **DOUBLE),
    make_last=partial(ConditionalGaussian, **DOUBLE),
    **DOUBLE,
)


def test_densities_in_float64_with_noise_in_either_precision():
    x = np.random.default_rng(0).integers(0, 17, (3, 4, 4, 1)).astype(np.uint8)
    found = []
    for noise in (UniformDequantizer, partial(UniformDequantizer, **DOUBLE)):
        keras.utils.set_random_seed(1)
        model = PixelFlow(
            DataSpec((4, 4, 1), 17, None), make_density=DENSITY, make_dequantizer=noise
        )
        found.append(model.log_prob(x))
        assert found[-1].dtype == tf.float32
        assert np.isfinite(found[-1]).all()
        assert model.sample(2, 0).dtype == tf.uint8
    # The same density of other noise, and log P of a start near uniform.
    np.testing.assert_allclose(found[0], found[1], rtol=0.2)


def test_data_of_another_kind():
    with pytest.raises(ValueError, match="PixelFlow models integers, got points of real numbers"):
        PixelFlow(DataSpec((2,), None, None), make_density=DENSITY)
