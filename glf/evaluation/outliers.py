"""Outliers: how well a model's scores tell its data from other data (AUROC)."""

import dataclasses
import pathlib
import re

import numpy as np
import tensorflow as tf

from glf.data.make import make_dataset
from glf.data.registry import SOURCES, options_of
from glf.evaluation.base import BATCH_SIZE, Evaluator
from glf.evaluation.loss_terms import require_examples
from glf.evaluation.reconstruction import mean_squared_error
from glf.evaluation.report import metric
from glf.models.abilities import HasLatentDensity, HasLogProb, Reconstructs

_MEANS = {
    "latent": "the log-density of latents, of means where a model adds noise to them",
    "reconstruction": "minus the squared error of the reconstruction",
    "both": "the sum of both, each less its mean over the deviation of it in the model's own data",
    "likelihood": "the log-likelihood",
}


class Outliers(Evaluator):
    """The area under the ROC curve of scores that should be higher for the data than for others.

      AUROC = P(score(x) > score(o)) + P(score(x) = score(o)) / 2

    for x of the judged split and o of the same split of other data: 1 where every outlier lies
    below all data, 1/2 where scores say nothing. Scores are what the model has: the log-density of
    latents, minus the error of the reconstruction, both of them standardised by the model's own
    data and added, and the likelihood. Likelihoods may well rank plain outliers above the data,
    with an AUROC below 1/2 (Nalisnick et al. 2019, arXiv 1810.09136).

    Args:
      ood_source: Also tell the data from these, a source of data such as tfds:fashion_mnist or
        array:PATH, of the same shape and levels. They are made of as few levels as the data are.

    Raises:
      ValueError: of a subject, if there is no such source or its data are of another kind.
    """

    of = "models with a density, of data or of latents, or with reconstructions"
    switch = "ood_source"

    def __init__(self, ood_source=""):
        self.ood_source = ood_source

    def refusal(self, subject):
        """Models without scores cannot; those with a condition would need one of outliers."""
        model = subject.model
        if not isinstance(model, (HasLatentDensity, Reconstructs, HasLogProb)):
            return f"for {self.of}; a {type(model).__name__} is none of them"
        if model.condition_encoder is not None:
            return "for models without a condition: outliers have none that belongs to the data"
        if self.ood_source:  # whose errors come before anything is measured
            subject.once(_Others(self.ood_source))
        return None

    def measure(self, subject):
        """ "auroc_latent_SOURCE", "auroc_reconstruction_SOURCE", ...: what the model has."""
        split, dataset = subject.split, subject.dataset
        others = subject.once(_Others(self.ood_source))
        size = subject.batch_size or BATCH_SIZE
        own, their = (scores(subject.model, d.eval_batches(split, size)) for d in (dataset, others))
        if {"latent", "reconstruction"} <= set(own):
            own["both"], their["both"] = _both(own, own), _both(their, own)
        num, others_num = (d.num_examples(split) for d in (dataset, others))
        sets = f"{num} examples of the {split} split and {others_num} of {self.ood_source}"
        name = _word(self.ood_source)
        return {
            f"auroc_{score}_{name}": metric(
                auroc(own[score], their[score]), "", f"AUROC of {about}: {sets}", "higher"
            )
            for score, about in _MEANS.items()
            if score in own
        }


@dataclasses.dataclass(frozen=True)
class _Others:
    source: str

    def __call__(self, subject):
        others = outliers_for(subject.dataset, self.source)
        require_examples(others, subject.split)
        return others


def outliers_for(dataset, source):
    """The `Dataset` of a source, found where `dataset` is and made of levels as its images are.

    Raises:
      ValueError: if there is no such source, or its data have another shape or other levels.
    """
    options, kind = dataset.value_options, source.partition(":")[0]
    if kind not in SOURCES or "levels" not in options_of(kind):
        del options["levels"]
    others = make_dataset(source, data_dir=dataset.place.get("data_dir"), **options)
    kinds = [(d.spec.shape, d.spec.levels) for d in (dataset, others)]
    if kinds[0] != kinds[1]:
        expected, found = (f"shape {shape} and {levels} levels" for shape, levels in kinds)
        raise ValueError(
            f"ood_source={source!r} has {found}, and the data of the model, {dataset.name}, have "
            f"{expected}; choose data of the same shape and levels, or store such an array and "
            "give it as array:PATH."
        )
    return others


def scores(model, batches):
    """{"latent", "reconstruction", "likelihood": float64 [n]} of what the model has, higher better.

    Raises:
      ValueError: if a score is not a finite number.
    """
    of = {}
    if isinstance(model, HasLatentDensity):
        of["latent"] = lambda x: model.latent_log_prob(model.encode(x))
    if isinstance(model, Reconstructs):
        of["reconstruction"] = lambda x: (
            -mean_squared_error(model.to_unit(x), model.reconstruct_unit(x))
        )
    if isinstance(model, HasLogProb):
        of["likelihood"] = model.log_prob
    found = {name: [] for name in of}
    for batch in batches:
        for name, score in of.items():
            found[name].append(np.asarray(score(tf.constant(batch["x"])), np.float64))
    found = {name: np.concatenate(parts) for name, parts in found.items()}
    for name, values in found.items():
        if broken := int((~np.isfinite(values)).sum()):
            about = _MEANS[name]
            raise ValueError(f"{broken} of {len(values)} values of {about} are not finite.")
    return found


def auroc(own, their):
    """P(own > their) + P(own = their) / 2 of two sets of scores, [n] and [m]."""
    labels = np.repeat([1, 0], [len(own), len(their)])
    from sklearn.metrics import roc_auc_score  # slow to import, needed only here

    return float(roc_auc_score(labels, np.concatenate([own, their])))


def _both(values, reference):
    """The sum of two scores, standardised by those of the reference."""
    total = 0.0
    for name in ("latent", "reconstruction"):
        deviation = reference[name].std()
        total = total + (values[name] - reference[name].mean()) / (deviation or 1.0)
    return total


def _word(source):
    """What stands for a source in the names of metrics."""
    rest = source.partition(":")[2] or source
    return re.sub(r"\W+", "_", pathlib.PurePath(rest).stem).strip("_").lower()
