"""Masks of whole images, drawn tile by tile, held against what two people marked."""

import numpy as np
import tensorflow as tf
from PIL import Image

from glf.core import random
from glf.data.geometry import resize
from glf.evaluation.ranking import Ranking
from glf.evaluation.report import metric
from glf.evaluation.segmentation import agreement, entropy, iou_and_f1
from glf.evaluation.tiles import Tiles

BATCH_SIZE = 64


def draw_masks(
    model, image, num_samples, seed=0, *, factor=1.0, overlap=None, batch_size=BATCH_SIZE
):
    """Draws masks of one image of any size from a model of masks of patches.

    The image is brought to `factor` times its size by Lanczos, cut into overlapping tiles as large
    as the model's images, and each tile drawn S times. The mean is that of a tile's samples,
    blended where tiles overlap (`Tiles.blended`), and enlarged again by linear interpolation. A
    sample takes each pixel from one tile (`Tiles.mosaic`), and is enlarged by repetition. Tiles are
    drawn by themselves: what a sample says of a vessel need not go on in the next tile.

    Args:
      model: of masks of 2 levels conditioned on paired images.
      image: uint8 [height, width, channels].
      num_samples: S.
      seed: of the samples.
      factor: by which the image is scaled for the model.
      overlap: pixels that neighbouring tiles share at least, at the model's scale; None: a third
        of a tile's smaller side.
      batch_size: tiles at a time.

    Returns (samples, bool [S, height, width]; mean, float64 [height, width]).

    Raises:
      ValueError: for a factor that is not positive, and as of `Tiles`.
    """
    if not factor > 0:
        raise ValueError(f"factor must be positive, got {factor}.")
    shape = image.shape[:2]
    size = tuple(max(1, round(factor * side)) for side in shape)
    if size != shape:
        image = resize(image, *size, 256, Image.Resampling.LANCZOS)
    tile = model.spec.shape[:2]
    tiles = Tiles(size, tile, min(tile) // 3 if overlap is None else overlap)
    drawn = _drawn(model, tiles.cut(image), num_samples, seed, batch_size)
    mean = tiles.blended(drawn.mean(0))
    samples = np.stack([tiles.mosaic(sample) for sample in drawn])
    if size != shape:
        mean = _to_size(mean.astype(np.float32), shape, Image.Resampling.BILINEAR)
        nearest = Image.Resampling.NEAREST
        samples = np.stack([_to_size(sample, shape, nearest) for sample in samples])
    return samples == 1, mean.astype(np.float64)


def _drawn(model, tiles, num_samples, seed, batch_size):
    """uint8 [S, n, height, width]; all batches are of one size, so that one program serves."""
    batch_size, drawn = min(batch_size, len(tiles)), []
    for start in range(0, len(tiles), batch_size):
        rows = np.minimum(np.arange(start, start + batch_size), len(tiles) - 1)
        condition = tf.constant(tiles[rows].astype(np.int32))
        batch = [
            model.sample(batch_size, random.fold(seed, start, i), condition=condition)
            for i in range(num_samples)
        ]
        drawn.append(np.stack(batch)[:, : len(tiles) - start, ..., 0])
    return np.concatenate(drawn, 1)


def _to_size(pixels, shape, kernel):
    return np.asarray(Image.fromarray(pixels).resize(shape[::-1], kernel))


class WholeMasks:
    """Agreement of S drawn masks of each image with the people, over all pixels together.

    Only pixels in the field of view count, of images that have one. What is drawn is held against
    the first observer:

      IoU = TP / (TP + FP + FN),    F1 = 2 TP / (2 TP + FP + FN),

    of the mean's mask (at least one half is foreground) and of single samples; the area under the
    ROC curve of the mean as a score, which asks for no threshold. Beside them stands how well two
    people agree, the F1 of the second observer, and how well two samples of one image do. And the
    area under the ROC curve of a pixel's entropy, for the pixels where the two people disagree:
    one half says that the model's doubt has nothing to do with theirs.
    """

    def __init__(self):
        self._counts, self._images, self._num_samples = {}, 0, None
        self._pixels, self._foreground, self._disputed, self._bits = 0, 0, 0, 0.0
        self._found, self._doubt = Ranking(), Ranking()

    def add(self, pair, samples, mean):
        """Counts one image: a `WholePair`, bool [S, height, width], numbers [height, width]."""
        field = np.ones_like(pair.first) if pair.field is None else pair.field
        first, mean, samples = pair.first[field], mean[field], samples[:, field]
        self._num_samples, self._images = len(samples), self._images + 1
        self._pixels, self._foreground = self._pixels + first.size, self._foreground + first.sum()
        bits = entropy(np.clip(mean, 0, 1))  # blending rounds
        self._bits += bits.sum()
        self._found.add(mean, first)
        self._agree("mean", mean >= 0.5, first)
        self._agree("sample", samples, first)
        marked = samples.sum(0, dtype=np.int64)  # how many samples mark a pixel
        both, one = marked * (marked - 1) // 2, marked * (len(samples) - marked)
        self._count("samples", both.sum(), one.sum(), 0)
        if pair.second is not None:
            second = pair.second[field]
            self._agree("humans", second, first)
            self._agree("second", mean >= 0.5, second)
            self._disputed += (first != second).sum()
            self._doubt.add(bits, first != second)

    def metrics(self):
        """{name: `glf.evaluation.report.metric`} of all images."""
        num = self._num_samples
        about = {
            "mean": f"the mean of {num} samples",
            "sample": "one sample",
            "samples": "two samples of one image, each against the other",
            "humans": "the second observer's masks",
            "second": f"the mean of {num} samples against the second observer",
        }
        metrics = {}
        for name, counts in self._counts.items():
            iou, f1 = iou_and_f1(*counts)
            # No model is better for samples, or people, that agree.
            better = None if name in ("samples", "humans") else "higher"
            for metric_name, value, formula in (
                ("iou", iou, "TP / (TP + FP + FN)"),
                ("f1", f1, "2 TP / (2 TP + FP + FN)"),
            ):
                meaning = f"{formula} of {about[name]}"
                metrics[f"{metric_name}_{name}"] = metric(value, "", meaning, better)
        areas = {
            "auroc_mean": (self._found, f"area under the ROC curve of the mean of {num} samples"),
            "auroc_disagreement": (self._doubt, "the same of entropy, for where people disagree"),
        }
        for name, (ranking, meaning) in areas.items():
            if ranking.area is not None:
                metrics[name] = metric(ranking.area, "", meaning, "higher")
        if "humans" in self._counts:
            share = float(self._disputed / self._pixels)
            metrics["disagreement"] = metric(share, "", "share of pixels where people disagree")
        bits, foreground = self._bits / self._pixels, self._foreground / self._pixels
        metrics["uncertainty"] = metric(float(bits), "bits", "mean entropy of a pixel's mean")
        metrics["foreground"] = metric(float(foreground), "", "share that the first observer marks")
        metrics["pixels"] = metric(self._pixels, "", "how many pixels, each counted once")
        metrics["images"] = metric(self._images, "", "how many images")
        return metrics

    def _agree(self, name, masks, truth):
        self._count(name, *(where.sum() for where in agreement(masks, truth)))

    def _count(self, name, *counts):
        self._counts[name] = self._counts.get(name, 0) + np.array(counts, np.int64)
