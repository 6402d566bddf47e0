"""The flow's honest rival: Gaussian mixtures fitted afterwards to the same latents."""

import numpy as np
import tensorflow as tf
from sklearn.mixture import GaussianMixture

from glf.core import random
from glf.models.abilities import HasLatentFlow

BATCH = 1024


def encode_split(model, dataset, split):
    """The latents of every example of a split, float64 [num, latent_size]."""
    pieces = [model.encode(b["x"]).numpy() for b in dataset.eval_batches(split, BATCH)]
    return np.concatenate(pieces).astype(np.float64)


def compare(model, dataset, components=(10, 100), split="test", seed=0, num_samples=0):
    """Negative log-likelihood of latents under the model's flow and under Gaussian mixtures.

    The mixtures have full covariances and are fitted by EM (scikit-learn, one k-means start) to
    the latents of the train split. The latents are those of the encoder in inference mode, the
    same for all.

    Args:
      model: a `HasLatentFlow`.
      dataset: the data it was trained on.
      components: the sizes of the mixtures.
      split: the split to judge on.
      seed: of k-means and of the samples.
      num_samples: how many images to draw from each density; 0: none.

    Returns {density: {"nll", "train_nll", "parameters"[, "samples"]}}: nats per example, means
    over the split and over train.

    Raises:
      ValueError: if the model has no flow on latents.
    """
    if not isinstance(model, HasLatentFlow):
        raise ValueError(f"{type(model).__name__} has no flow on latents to compare.")
    train, test = encode_split(model, dataset, "train"), encode_split(model, dataset, split)

    def flow_nll(z):
        parts = [
            model.latent_log_prob(tf.constant(z[i : i + BATCH], tf.float32)).numpy()
            for i in range(0, len(z), BATCH)
        ]
        return -float(np.concatenate(parts).astype(np.float64).mean())

    weights = model.parameter_groups()["flow"]
    results = {
        "flow": {
            "nll": flow_nll(test),
            "train_nll": flow_nll(train),
            "parameters": int(sum(np.prod(w.shape) for w in weights)),
        }
    }
    if num_samples:
        samples = model.sample(num_samples, random.fold(random.make_seed(seed), "flow"))
        results["flow"]["samples"] = samples.numpy()
    size = train.shape[1]
    for number in components:
        mixture = GaussianMixture(number, random_state=seed, max_iter=200, reg_covar=1e-6)
        mixture.fit(train)
        result = {
            "nll": -float(mixture.score(test)),
            "train_nll": -float(mixture.score(train)),
            "parameters": number * (1 + size + size * (size + 1) // 2) - 1,
        }
        if num_samples:
            drawn, component = mixture.sample(num_samples)
            # scikit-learn sorts its samples by component; a picture should not.
            order = random.numpy_generator(seed, "mixture").permutation(len(component))
            result["samples"] = model.decode(tf.constant(drawn[order], tf.float32)).numpy()
        results[f"mixture of {number}"] = result
    return results
