"""The one evaluator: what a model can do decides what is measured."""

import numpy as np

from glf.evaluation.codes import code_metrics
from glf.evaluation.likelihood import bits_per_dim
from glf.evaluation.loss_terms import MeanLossTerms
from glf.evaluation.reconstruction import reconstruction_metrics
from glf.models.base import HasCodes, HasDensity, HasLatentFlow, Reconstructs

_MEANINGS = {
    "loss": "what training minimised, in inference mode",
    "reconstruction": "the reconstruction term of the loss",
    "latent_nll": "-log p(z) of the latents; not a likelihood of images",
    "commitment": "how far the encoder is from its codebook, weighted",
    "prior_nll": "-log p(z) of the codes; not a likelihood of images",
    "forecast": "cross-entropy of the forecasting module, over all positions and its horizon",
}


def evaluate(model, dataset, split="test", batch_size=256, seed=0):
    """Measures `model` on every example of a split once.

    Loss terms are those of training, in inference mode. A likelihood of the data is given in nats
    and in bits per dimension, and named exact or as the bound it is. Reconstruction error is
    measured on the [0, 1] scale before rounding to levels. Of discrete codes the share that is used
    and the perplexity are counted over the whole split.

    Returns {name: {"value", "unit", "meaning"}}.

    Raises:
      ValueError: if the split is empty.
    """
    terms = MeanLossTerms(model, batch_size)(dataset, split, seed)
    metrics = {}
    for name, value in terms.items():
        meaning = _MEANINGS.get(name, "a term of the loss")
        if name == "nll" and isinstance(model, HasDensity):
            meaning = f"-log P(x) of the integers x, {model.likelihood}"
        metrics[name] = _metric(value, "nats", meaning)
    if isinstance(model, HasDensity):
        bits = bits_per_dim(terms["nll"], model.spec.image_shape)
        values = "x".join(map(str, model.spec.image_shape))
        meaning = f"nll / (log 2 * {values}), {model.likelihood}"
        metrics["bits_per_dim"] = _metric(bits, "bits", meaning)
    if isinstance(model, HasLatentFlow):
        bits = terms["latent_nll"] / (np.log(2) * model.latent_size)
        metrics["latent_nll_per_dim"] = _metric(bits, "bits", "latent_nll / latent size")
    if isinstance(model, Reconstructs):
        measured = reconstruction_metrics(
            (model.to_unit(batch["image"]), model.reconstruct_unit(batch["image"]))
            for batch in dataset.eval_batches(split, batch_size)
        )
        metrics["mse"] = _metric(
            measured["mse"], "", "mean squared error a value, images in [0, 1]"
        )
        metrics["psnr"] = _metric(measured["psnr"], "dB", "mean over images of 10 log10(1 / mse)")
    if isinstance(model, HasCodes):
        codes = (model.encode(b["image"]) for b in dataset.eval_batches(split, batch_size))
        measured = code_metrics(codes, model.categories)
        metrics["code_usage"] = _metric(
            measured["usage"], "", f"share of the {model.categories} categories that occurs"
        )
        metrics["code_perplexity"] = _metric(
            measured["perplexity"], "", "exp of the entropy of a channel's codes, mean of channels"
        )
    count = dataset.num_examples(split)
    metrics["examples"] = _metric(count, "", "how many examples, each counted once")
    return metrics


def _metric(value, unit, meaning):
    return {"value": value, "unit": unit, "meaning": meaning}
