"""Agreement of drawn masks with true ones, and where the model says that it does not know."""

import numpy as np

from glf.evaluation import pictures
from glf.evaluation.conditional_samples import ConditionalSamples, condition_of
from glf.evaluation.heat_map import heat_map
from glf.evaluation.ranking import Ranking
from glf.evaluation.report import metric

_COUNTS = ("true_positives", "false_positives", "false_negatives")


class Segmentation(ConditionalSamples):
    """Binary masks drawn by a model that is conditioned on the images they belong to.

    The mean of S sampled masks estimates the probability of each pixel; at least one half counts
    as foreground. Agreement is counted over all pixels of the split together,

      IoU = TP / (TP + FP + FN),    F1 = 2 TP / (2 TP + FP + FN),

    for that mask and for single samples; so is the area under the ROC curve of the mean as a score,
    which asks for no threshold. The uncertainty of a pixel is the entropy of its mean, in
    bits: 0 where all samples agree, 1 where they are divided evenly.

    The picture's columns are image, true mask, two samples, the mean, and the uncertainty in
    colours from dark blue, 0 bits, to white, 1 bit.
    """

    of = "models of binary masks conditioned on paired images"

    def measure(self, subject):
        """IoU, F1 and the area under the ROC curve, and the uncertainty of pixels."""
        self._ranking = Ranking()
        return super().measure(subject)

    def refusal(self, subject):
        """Other models have other values, or another condition."""
        levels, condition = subject.model.spec.levels, condition_of(subject.model)
        if levels == 2 and condition == "paired":
            return None
        model = type(subject.model).__name__
        return f"for {self.of}; this {model} models {levels} levels, its condition is {condition}"

    def _compare(self, means, spec, image, condition, drawn):
        truth = image == 1
        mean = drawn.mean(0)
        mask, uncertainty = mean >= 0.5, entropy(mean)
        self._ranking.add(mean, truth)
        for name, masks in (("mean", mask[None]), ("sample", drawn == 1)):
            for count, values in zip(_COUNTS, agreement(masks, truth), strict=True):
                means.add(f"{count}_{name}", values)
        means.add("foreground", truth)
        means.add("uncertainty", uncertainty)
        for name, where in (("wrong", mask != truth), ("right", mask == truth)):
            means.add(f"uncertainty_{name}", uncertainty[where])
        return condition, image, drawn[0], drawn[-1], mean, uncertainty

    def _metrics(self, means, spec):
        metrics, num = {}, self.conditional_samples
        for name, what in (("mean", f"the mean of {num} samples"), ("sample", "one sample")):
            iou, f1 = iou_and_f1(*(means.total(f"{count}_{name}") for count in _COUNTS))
            metrics[f"iou_{name}"] = metric(iou, "", f"TP / (TP + FP + FN) of {what}", "higher")
            metrics[f"f1_{name}"] = metric(f1, "", f"2 TP / (2 TP + FP + FN) of {what}", "higher")
        if (area := self._ranking.area) is not None:  # there may be one class alone
            about = f"area under the ROC curve of the mean of {num} samples"
            metrics["auroc_mean"] = metric(area, "", about, "higher")
        about = {
            "foreground": ("", "share of true foreground; the IoU of a mask of nothing else"),
            "uncertainty": ("bits", "mean entropy of a pixel's mean"),
            "uncertainty_wrong": ("bits", "the same where the mean's mask is wrong"),
            "uncertainty_right": ("bits", "the same where it is right"),
        }
        for name, (unit, meaning) in about.items():
            if name in means:  # nothing may be wrong, or right
                metrics[name] = metric(means[name], unit, meaning)
        return metrics

    def _picture(self, spec, columns):
        image, *masks, mean, uncertainty = columns
        return pictures.rows_of(
            (image, spec.condition_levels),
            *((mask, 2) for mask in masks),
            (np.rint(255 * mean).astype(np.uint8), 256),
            (heat_map(uncertainty.max(-1), 0.0, 1.0), 256),
            min_side=64,
        )


def agreement(masks, truth):
    """Where boolean masks are (true positives, false positives, false negatives)."""
    return masks & truth, masks & ~truth, ~masks & truth


def iou_and_f1(true_positives, false_positives, false_negatives):
    """(IoU, F1) of counts; both are 1 where there is nothing to find and none is marked."""
    wrong = false_positives + false_negatives
    if true_positives + wrong == 0:
        return 1.0, 1.0
    iou = true_positives / (true_positives + wrong)
    return float(iou), float(2 * true_positives / (2 * true_positives + wrong))


def entropy(mean):
    """The entropy in bits of Bernoulli variables with the given means, 0 at 0 and 1."""
    p = np.stack([mean, 1 - mean])
    return -(p * np.log2(np.where(p > 0, p, 1.0))).sum(0)
