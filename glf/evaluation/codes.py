"""How much of its codebook a discrete autoencoder uses."""

import numpy as np


def code_metrics(batches, categories):
    """Counts codes over all of `batches`, integers [batch, h, w, channels], each once.

    With p_c the frequencies of the categories in channel c over all examples and places,

      usage = mean over c of |{k: p_ck > 0}| / categories,
      perplexity = mean over c of exp(-sum_k p_ck log p_ck).

    Returns {"usage", "perplexity"}.

    Raises:
      ValueError: if there is no example.
    """
    counts = None
    for batch in batches:
        batch = np.asarray(batch)
        channels = batch.reshape(-1, batch.shape[-1]).T
        found = np.stack([np.bincount(c, minlength=categories) for c in channels])
        counts = found if counts is None else counts + found
    if counts is None or not counts.sum():
        raise ValueError("Codes can be counted of at least one example, got none.")
    p = counts / counts.sum(1, keepdims=True)
    entropy = -np.sum(p * np.log(np.where(p > 0, p, 1.0)), 1)
    return {"usage": float((counts > 0).mean()), "perplexity": float(np.exp(entropy).mean())}
