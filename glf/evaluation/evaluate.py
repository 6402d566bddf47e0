"""The one evaluator: what a model can do decides what is measured."""

import numpy as np

from glf.evaluation.loss_terms import MeanLossTerms
from glf.evaluation.reconstruction import reconstruction_metrics
from glf.models.base import HasLatentFlow, Reconstructs

_MEANINGS = {
    "loss": "what training minimised, in inference mode",
    "reconstruction": "the reconstruction term of the loss",
    "latent_nll": "-log p(z) of the latents; not a likelihood of images",
}


def evaluate(model, dataset, split="test", batch_size=256, seed=0):
    """Measures `model` on every example of a split once.

    Loss terms are those of training, in inference mode. Reconstruction error is measured on the
    [0, 1] scale before rounding to levels.

    Returns {name: {"value", "unit", "meaning"}}.

    Raises:
      ValueError: if the split is empty.
    """
    terms = MeanLossTerms(model, batch_size)(dataset, split, seed)
    metrics = {}
    for name, value in terms.items():
        meaning = _MEANINGS.get(name, "a term of the loss")
        metrics[name] = _metric(value, "nats", meaning)
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
    count = dataset.num_examples(split)
    metrics["examples"] = _metric(count, "", "how many examples, each counted once")
    return metrics


def _metric(value, unit, meaning):
    return {"value": value, "unit": unit, "meaning": meaning}
