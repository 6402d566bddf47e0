"""Datasets in, batches of integers out: tfds, image folders, arrays, embedded digits."""

from glf.data.dataset import Dataset, DataSpec
from glf.data.make import make_dataset

__all__ = ["DataSpec", "Dataset", "make_dataset"]
