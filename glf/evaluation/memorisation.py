"""Nearest training images of samples, beside those of images that were not trained on."""

import numpy as np

from glf.evaluation import pictures
from glf.evaluation.base import Evaluator
from glf.evaluation.features import Samples, features_of, order
from glf.evaluation.neighbours import nearest
from glf.evaluation.report import metric
from glf.extractors import choice
from glf.extractors.base import has_images

# New images are rarely nearer to a training image than this quantile of their distances.
RARE = 0.01
PIXELS = "pixels"
ROWS, COLUMNS = 8, 6


class Memorisation(Evaluator):
    """How near samples come to training images: copies are nearer than new images ever are.

    The distance of each sample to the nearest of all training images, and the same of images of
    the judged split (of the test split, where training images are judged), which were not trained
    on: of as many, or all. The share of samples that are nearer than 1 % of these is about 0.01
    where samples are like new images. It is more where they are copies, and also where they are
    plainer than data: the picture tells. All pairs are compared, in float64; of pixels exactly.

    The picture has eight samples, each with the five training images that are nearest to it: those
    whose nearest one is so much nearer than the mean of the five, which a copy's is and a plain
    image's is not, the likeliest copy first (after Carlini et al. 2023, arXiv 2301.13188).

    Args:
      neighbour_samples: Also draw so many samples, at least 100, and find the training images that
        are nearest to them.
      neighbour_features: What is near by: pixels, or what feature_extractor names. Repeatable.

    Raises:
      ValueError: if the number is below 100, or there are no such features.
    """

    of = "images"
    switch = "neighbour_samples"
    shared = True
    shows = True

    def __init__(self, neighbour_samples=0, neighbour_features=("pixels",)):
        self.neighbour_samples = neighbour_samples
        self.neighbour_features = tuple(neighbour_features)
        if neighbour_samples and neighbour_samples < 1 / RARE:
            raise ValueError(
                f"neighbour_samples={neighbour_samples} is too few to tell {RARE:.0%} of them; "
                f"draw at least {round(1 / RARE)}."
            )
        for text in self.neighbour_features:
            choice.parse(text)

    def refusal(self, subject):
        """Why it cannot be measured: the data are no images, lack labels, or all are trained on."""
        dataset = subject.dataset
        if not has_images(dataset.spec):
            return f"for images; those of {dataset.name} are none"
        if not dataset.num_examples(_unseen(subject)):
            return f"for data with images that are not trained on; {dataset.name} has none"
        if dataset.spec.num_classes is None and choice.needs_labels(self.neighbour_features):
            return f"by a classifier of the data's labels, and {dataset.name} has none"
        return None

    def measure(self, subject):
        """ "nearest_NAME", "nearest_real_NAME", "copies_NAME" and more, for each feature."""
        metrics = {}
        for text in self.neighbour_features:
            metrics |= self._by(subject, text)
        return metrics

    def _by(self, subject, text):
        num = self.neighbour_samples
        name, about, scale, (samples, unseen, trained), rows = _sets(subject, text, num)
        if subject.shares.number:
            return {}  # the first process compares what all have made
        squared, indices = nearest(samples, trained, min(COLUMNS - 1, len(trained)))
        found = np.sqrt(squared[:, 0]) / scale
        real = np.sqrt(nearest(unseen, trained)[0][:, 0]) / scale
        rare = float(np.quantile(real, RARE))
        if subject.show is not None:
            first = _likeliest_copies(squared)[:ROWS]
            subject.show(
                f"memorisation_{name}", _picture(subject, num, first, rows[indices[first]])
            )
        split, sets = _unseen(subject), f"the nearest of {len(trained)} training images"
        of_samples, of_real = f"{len(found)} samples", f"{len(real)} images of the {split} split"
        return {
            f"nearest_{name}": metric(
                float(found.mean()), "", f"mean distance of {of_samples} to {sets}; {about}"
            ),
            f"nearest_real_{name}": metric(float(real.mean()), "", f"the same of {of_real}"),
            f"nearest_1_percent_{name}": metric(
                float(np.quantile(found, RARE)), "", f"{RARE:.0%} quantile of that of samples"
            ),
            f"nearest_real_1_percent_{name}": metric(rare, "", f"the same of {of_real}"),
            f"copies_{name}": metric(
                float((found < rare).mean()),
                "",
                f"share of samples nearer than {RARE:.0%} of {of_real} are; about {RARE} where "
                "samples are like new images",
                "lower",
            ),
        }


def _unseen(subject):
    return "test" if subject.split == "train" else subject.split


def _sets(subject, text, num):
    """(name, meaning, unit, (samples, new images, training images) as vectors, rows of these)."""
    dataset, split = subject.dataset, _unseen(subject)
    if text == PIXELS:
        chosen = np.sort(order(dataset, split)[:num])
        images = (
            subject.once(Samples(num)),
            dataset.examples(split, chosen)["x"],
            dataset.examples("train", slice(None))["x"],
        )
        flat = tuple(np.asarray(x, np.uint8).reshape(len(x), -1) for x in images)
        about = f"Euclidean, of {flat[0].shape[1]} pixel values in [0, 1]"
        return PIXELS, about, dataset.spec.levels - 1, flat, np.arange(len(flat[2]))
    features = features_of(subject, text, Samples(num))
    vectors = (
        features.samples().features,
        features.real(split, num).features,
        features.real("train").features,
    )
    about = f"Euclidean; {features.about}"
    return features.extractor.name, about, 1.0, vectors, order(dataset, "train")


def _likeliest_copies(squared):
    """Rows of squared distances [n, k], those first whose least is least beside their mean."""
    distances = np.sqrt(squared)
    means = distances.mean(axis=1)
    return np.argsort(distances[:, 0] / np.where(means > 0, means, 1.0), kind="stable")


def _picture(subject, num, chosen, indices):
    """A row for each chosen sample: itself and the training images nearest to it."""
    spec, columns = subject.dataset.spec, [subject.once(Samples(num))[chosen]]
    columns += [subject.dataset.examples("train", rows)["x"] for rows in indices.T]
    return pictures.rows_of(*((column, spec.levels) for column in columns), min_side=56)
