"""Samples by one sampler of an autoregressive model, and what they cost, in a sentence."""

import time

import numpy as np

from glf.models.abilities import HasCodes

AGAIN = 60.0  # seconds within which samples are drawn a second time, to tell what building costs


def samples_and_cost(model, sampler, num, seed, temperature=1.0, **options):
    """Draws images, or codes that are decoded to images, with a sampler.

    Args:
      model: a `DrawsBySampler`.
      sampler: a `glf.samplers.base.Sampler`.
      num: how many.
      seed: as for `sample`, like `temperature`.
      **options: of the model's own method.

    Returns (images, uint8 [num, height, width, channels], a sentence on calls, certificates and
    time).
    """
    of_codes = isinstance(model, HasCodes)

    def timed():
        began = time.perf_counter()
        samples = model.sample_with(sampler, num, seed, temperature, **options)
        samples.x.numpy()
        return samples, time.perf_counter() - began

    samples, seconds = timed()
    built = "with building the program"
    if seconds < AGAIN and model.is_alone:
        # Once more, now that the program is built.
        first = seconds
        samples, seconds = timed()
        built = f"after {first - seconds:.1f} s to build the program"
    # Drawn in pieces, of a size that no sampler knows beforehand.
    settings = sampler.settings(model.sampled)
    cost = f"{_with(settings)}: {_calls(samples)} {seconds:.3f} s, {seconds / num:.4f} s a sample"
    if model.spec.sample_rate is not None:
        audio = num * model.spec.shape[0] / model.spec.sample_rate
        cost += f", {seconds / audio:.2f} s a second of audio"
    images = model.decode(samples.x) if of_codes else samples.x
    return images.numpy().astype(np.uint8), f"{cost}, {built}."


def _with(settings):
    return "".join(f", {key} {value}" for key, value in settings.items())


def _calls(samples):
    calls, certified = samples.calls.numpy(), samples.certified.numpy()
    mended, passes = samples.mended.numpy(), samples.mending_passes.numpy()
    d = samples.final_at.shape[1]
    return (
        f"{calls.mean():.1f} calls a sample, {100 * calls.mean() / d:.2f} % of d = {d} "
        f"(the slowest {calls.max()}), {samples.forward_equivalents.numpy().mean():.2f} "
        f"full-forward equivalents; {certified.sum()} of {len(certified)} certified, "
        f"{mended.sum()} values in {(mended > 0).sum()} of them mended by {passes.sum()} passes."
    )
