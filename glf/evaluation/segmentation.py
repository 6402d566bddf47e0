"""How well drawn masks agree with true ones, and where the model says that it does not know."""

import numpy as np

from glf.evaluation import pictures
from glf.evaluation.conditional_samples import Means, batches_of_samples, check_positive
from glf.evaluation.heat_map import heat_map
from glf.evaluation.report import metric


def segmentation(
    model,
    dataset,
    split="test",
    num_samples=16,
    seed=0,
    examples=None,
    batch_size=64,
    num_pictures=8,
):
    """Measures binary masks drawn by a model that is conditioned on the images they belong to.

    The mean of S sampled masks estimates the probability of each pixel; at least one half counts
    as foreground. Agreement is counted over all pixels of the split together,

      IoU = TP / (TP + FP + FN),    F1 = 2 TP / (2 TP + FP + FN),

    for that mask and for single samples. The uncertainty of a pixel is the entropy of its mean, in
    bits: 0 where all samples agree, 1 where they are divided evenly.

    Args:
      model: a model of masks of 2 levels, conditioned on images.
      dataset: a `Dataset`.
      split: "train", "validation" or "test".
      num_samples: S, samples for each example.
      seed: of the samples.
      examples: how many of the split; None: all.
      batch_size: examples at a time.
      num_pictures: rows of the picture.

    Returns ({name: {"value", "unit", "meaning"}}, uint8 pixels of rows: image, true mask, two
    samples, the mean, the uncertainty in colours from dark blue, 0 bits, to white, 1 bit).

    Raises:
      ValueError: if the model's masks have not 2 levels or are not conditioned on images, or a
        number is not positive.
    """
    spec = model.spec
    kind = getattr(model, "condition_kind", None)
    if spec.levels != 2 or kind != "paired":
        raise ValueError(
            "Segmentation is measured of models of binary masks conditioned on paired images; this "
            f"{type(model).__name__} models {spec.levels} levels, and its condition is "
            f"{kind or 'nothing'}."
        )
    check_positive(num_pictures=num_pictures)
    counts, means, shown = {"mean": np.zeros(3), "sample": np.zeros(3)}, Means(), []
    for batch, image, drawn in batches_of_samples(
        model, dataset, split, num_samples, seed, examples, batch_size
    ):
        truth = batch["image"] == 1
        mean = drawn.mean(0)
        found, uncertainty = mean >= 0.5, entropy(mean)
        counts["mean"] += agreement(found, truth)
        counts["sample"] += sum(agreement(sample == 1, truth) for sample in drawn)
        means.add("foreground", truth)
        means.add("uncertainty", uncertainty)
        for name, where in (("wrong", found != truth), ("right", found == truth)):
            means.add(f"uncertainty_{name}", uncertainty[where])
        missing = num_pictures - sum(len(rows[0]) for rows in shown)
        if missing > 0:
            columns = (image, truth, drawn[0], drawn[-1], mean, uncertainty)
            shown.append([column[:missing] for column in columns])
    metrics = {}
    for name, what in (("mean", f"the mean of {num_samples} samples"), ("sample", "one sample")):
        iou, f1 = iou_and_f1(*counts[name])
        metrics[f"iou_{name}"] = metric(iou, "", f"TP / (TP + FP + FN) of {what}")
        metrics[f"f1_{name}"] = metric(f1, "", f"2 TP / (2 TP + FP + FN) of {what}")
    about = {
        "foreground": ("", "share of true foreground; the IoU of a mask of nothing else"),
        "uncertainty": ("bits", "mean entropy of a pixel's mean"),
        "uncertainty_wrong": ("bits", "the same where the mean's mask is wrong"),
        "uncertainty_right": ("bits", "the same where it is right"),
    }
    for name, (unit, meaning) in about.items():
        if name in means:  # nothing may be wrong, or right
            metrics[name] = metric(means[name], unit, meaning)
    return metrics, _picture([np.concatenate(c) for c in zip(*shown, strict=True)], spec)


def agreement(found, truth):
    """(true positives, false positives, false negatives) of boolean masks, float64 [3]."""
    return np.array(
        [(found & truth).sum(), (found & ~truth).sum(), (~found & truth).sum()], np.float64
    )


def iou_and_f1(true_positives, false_positives, false_negatives):
    """(IoU, F1) of counts; both are 1 where there is nothing to find and nothing found."""
    wrong = false_positives + false_negatives
    if true_positives + wrong == 0:
        return 1.0, 1.0
    iou = true_positives / (true_positives + wrong)
    return float(iou), float(2 * true_positives / (2 * true_positives + wrong))


def entropy(mean):
    """The entropy in bits of Bernoulli variables with the given means, 0 at 0 and 1."""
    p = np.stack([mean, 1 - mean])
    return -(p * np.log2(np.where(p > 0, p, 1.0))).sum(0)


def _picture(columns, spec):
    image, truth, first, last, mean, uncertainty = columns
    grey = np.rint(255 * mean).astype(np.uint8)
    colours = heat_map(uncertainty.max(-1), 0.0, 1.0)
    return pictures.rows_of(
        (image, spec.condition_levels),
        *((masks, 2) for masks in (truth, first, last)),
        (grey, 256),
        (colours, 256),
        min_side=64,
    )
