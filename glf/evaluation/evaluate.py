"""The one evaluator: what a model can do decides what is measured."""

import numpy as np
import tensorflow as tf

from glf.evaluation.bounds import ImportanceBounds
from glf.evaluation.codes import code_metrics
from glf.evaluation.conditioning import conditioning_metrics
from glf.evaluation.likelihood import bits_per_dim
from glf.evaluation.loss_terms import MeanLossTerms
from glf.evaluation.reconstruction import reconstruction_metrics
from glf.evaluation.report import metric
from glf.evaluation.round_trip import round_trip_metrics
from glf.models.abilities import HasRoundTrip
from glf.models.base import HasBounds, HasCodes, HasDensity, HasLatentFlow, Reconstructs
from glf.models.vector_flow import HasPointDensity

_MEANINGS = {
    "loss": "what training minimised, in inference mode",
    "reconstruction": "the reconstruction term of the loss",
    "latent_nll": "-log p(z) of the latents; not a likelihood of images",
    "commitment": "how far the encoder is from its codebook, weighted",
    "prior_nll": "-log p(z) of the codes; not a likelihood of images",
    "forecast": "cross-entropy of the forecasting module, over all positions and its horizon",
}


def evaluate(model, dataset, split="test", batch_size=256, seed=0, importance_samples=()):
    """Measures `model` on every example of a split once.

    Loss terms are those of training, in inference mode. A likelihood of the data is given in nats
    and in bits per dimension, and named exact or as the bound it is. A density of points is given
    in nats alone and, where the generating density is known, held against it on the very same
    points. Reconstruction error is measured on the [0, 1] scale before rounding to levels. Of
    discrete codes the share that is used and the perplexity are counted over the whole split. Of a
    flow the first 256 examples are taken to the base and back, and of its learned matrices the one
    that is inverted with the largest error is named.

    Args:
      model: a `GenerativeModel`.
      dataset: a `Dataset`.
      split: "train", "validation" or "test".
      batch_size: examples at a time.
      seed: of the noise that a loss needs.
      importance_samples: for likelihoods known by bounds, values of K for which the bound by K
        importance weights is estimated too; 1 is the ELBO.

    Returns {name: {"value", "unit", "meaning"}}.

    Raises:
      ValueError: if the split is empty, or there are importance samples for a model without them.
    """
    if importance_samples and not isinstance(model, HasBounds):
        raise ValueError(
            f"Importance samples are for likelihoods that are known by bounds; that of a "
            f"{type(model).__name__} is not."
        )
    terms = MeanLossTerms(model, batch_size)(dataset, split, seed)
    metrics = {}
    for name, value in terms.items():
        meaning = _MEANINGS.get(name, "a term of the loss")
        if name == "nll" and isinstance(model, HasDensity):
            meaning = f"-log P(x) of the integers x, {model.likelihood}"
        if name == "nll" and isinstance(model, HasPointDensity):
            meaning = "-log p(x), a density of points, exact"
        metrics[name] = metric(value, "nats", meaning)
    if isinstance(model, HasPointDensity) and dataset.density is not None:
        metrics |= _above_the_floor(model, dataset, split, terms["nll"])
    if isinstance(model, HasDensity):
        bits = bits_per_dim(terms["nll"], model.spec.image_shape)
        values = "x".join(map(str, model.spec.image_shape))
        meaning = f"nll / (log 2 * {values}), {model.likelihood}"
        metrics["bits_per_dim"] = metric(bits, "bits", meaning)
    if importance_samples:
        metrics |= _importance_weighted(model, dataset, split, batch_size, seed, importance_samples)
    if isinstance(model, HasLatentFlow):
        bits = terms["latent_nll"] / (np.log(2) * model.latent_size)
        metrics["latent_nll_per_dim"] = metric(bits, "bits", "latent_nll / latent size")
    if isinstance(model, Reconstructs):
        measured = reconstruction_metrics(
            (model.to_unit(batch["image"]), model.reconstruct_unit(batch["image"]))
            for batch in dataset.eval_batches(split, batch_size)
        )
        metrics["mse"] = metric(measured["mse"], "", "mean squared error a value, images in [0, 1]")
        metrics["psnr"] = metric(measured["psnr"], "dB", "mean over images of 10 log10(1 / mse)")
    if isinstance(model, HasCodes):
        codes = (model.encode(b["image"]) for b in dataset.eval_batches(split, batch_size))
        measured = code_metrics(codes, model.categories)
        metrics["code_usage"] = metric(
            measured["usage"], "", f"share of the {model.categories} categories that occurs"
        )
        metrics["code_perplexity"] = metric(
            measured["perplexity"], "", "exp of the entropy of a channel's codes, mean of channels"
        )
    if isinstance(model, HasRoundTrip):
        metrics |= round_trip_metrics(model, dataset, split)
    metrics |= conditioning_metrics(model)
    count = dataset.num_examples(split)
    metrics["examples"] = metric(count, "", "how many examples, each counted once")
    return metrics


def _importance_weighted(model, dataset, split, batch_size, seed, numbers):
    """Bounds by K importance weights, in nats and in bits per dimension."""
    metrics = {}
    for name, value in ImportanceBounds(model, numbers, batch_size)(dataset, split, seed).items():
        k = int(name.removeprefix("nll_iw"))
        kind = "the ELBO" if k == 1 else f"the importance-weighted bound with K = {k}"
        metrics[name] = metric(value, "nats", f"-log P(x) of the integers x, {kind}")
        bits = bits_per_dim(value, model.spec.image_shape)
        metrics[f"bits_per_dim_iw{k}"] = metric(bits, "bits", f"the same a dimension, {kind}")
    return metrics


def _above_the_floor(model, dataset, split, nll):
    """How far a density is from the one that the points of a split were drawn from."""
    points = dataset.examples(split, slice(None))["image"]
    truth = dataset.density.log_prob(points)
    difference = truth - np.asarray(model.log_prob(tf.constant(points)), np.float64)
    floor = float(-truth.mean())
    error = float(difference.std() / np.sqrt(len(points)))
    about = "-log p(x) of the same points under the density they were drawn from"
    return {
        "floor": metric(floor, "nats", about),
        "gap": metric(nll - floor, "nats", "nll - floor: an estimate of KL(data || model)"),
        "gap_error": metric(error, "nats", "standard error of the gap"),
    }
