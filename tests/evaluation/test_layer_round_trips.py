"""Badly conditioned layers are named by training and evaluation."""

from functools import partial

import numpy as np
from absl import logging

from glf.bijectors import Chain, EmergingConv, InvertibleConv1x1
from glf.data.make import make_dataset
from glf.evaluation import conditioning
from glf.evaluation.base import Subject
from glf.evaluation.evaluate import evaluate
from glf.models.pixel_flow import PixelFlow
from glf.priors import MultiScale, StandardNormal


def model_of(dataset):
    return PixelFlow(
        dataset.spec,
        make_density=partial(
            MultiScale,
            partial(Chain, [InvertibleConv1x1, EmergingConv]),
            2,
            make_part=StandardNormal,
            make_last=StandardNormal,
        ),
    )


def test_the_worst_layer_is_named(monkeypatch):
    said = []
    monkeypatch.setattr(logging, "warning", lambda text, *args: said.append(text % args))
    dataset = make_dataset("digits", crop=4)
    model = model_of(dataset)
    names = [name for name, _ in conditioning.layer_round_trips(model)]
    assert sorted(names) == [
        "EmergingConv 1 of 2 on 2x2x4",
        "EmergingConv 2 of 2 on 1x1x8",
        "InvertibleConv1x1 1 of 2 on 2x2x4",
        "InvertibleConv1x1 2 of 2 on 1x1x8",
    ]
    metrics = conditioning.Conditioning().measure(Subject(model, dataset))
    assert 0 < metrics[conditioning.NAME]["value"] < 1e-5
    assert not said
    emerging = model.density.bijector.bijectors[-1].bijectors[-1]
    shape = emerging.first.off_diagonal.shape
    emerging.first.off_diagonal.assign(9.0 * np.random.default_rng(0).normal(size=shape))
    metrics = evaluate(model, dataset, "validation")
    assert metrics[conditioning.NAME]["value"] > 1e-3
    assert "EmergingConv 1 of 2 on 2x2x4" in metrics[conditioning.NAME]["meaning"]
    assert len(said) == 1
    assert said[0].startswith("EmergingConv 1 of 2 on 2x2x4 is badly conditioned")


def test_models_without_learned_matrices_have_no_such_metric():
    dataset = make_dataset("digits", crop=4)
    model = PixelFlow(dataset.spec, make_density=StandardNormal)
    assert conditioning.worst_round_trip(model) is None
    assert conditioning.Conditioning().measure(Subject(model, dataset)) == {}
