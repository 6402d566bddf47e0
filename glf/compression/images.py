"""Images to compress: arrays, and folders of files of any sizes."""

import numpy as np
from PIL import Image

from glf.core import files

_MODES = {1: "L", 3: "RGB"}


class ArrayOfImages:
    """Images [n, h, w, c] of integers.

    Args:
      images: the array.
      model: what they are to be coded by: its `shape` and `levels` count.

    Attributes:
      sizes: [(height, width)] of all images.
      notes: what a file says of them beside the header; None where each is one tile.

    Raises:
      ValueError: if they are no images of the model's channels and levels, or none.
    """

    def __init__(self, images, model):
        images = np.asarray(images)
        if images.ndim == 3:
            images = images[..., None]
        channels = model.shape[2]
        if images.ndim != 4 or images.dtype.kind not in "iu" or images.shape[3] != channels:
            raise ValueError(
                f"An array of integers of shape [images, height, width, {channels}] is wanted, "
                f"got {images.dtype} of shape {images.shape}."
            )
        if not images.size:
            raise ValueError(f"There are no images in an array of shape {images.shape}.")
        _check_levels(images, model.levels, "the array")
        self._images = images
        self.sizes = [images.shape[1:3]] * len(images)
        self.notes = None
        if images.shape[1:] != model.shape:
            self.notes = {"kind": "array", "size": list(images.shape[1:3])}

    def images(self):
        """All of them, one after the other, uint8 [h, w, c]."""
        return (image.astype(np.uint8) for image in self._images)


class FolderOfImages:
    """All image files below a folder, of the mode that the model's channels have.

    Arguments, attributes and errors as of `ArrayOfImages`. Pixels are kept, not files: those of a
    JPEG are as it decodes, and what is decompressed is written as PNG.
    """

    def __init__(self, folder, model):
        # Loads TensorFlow, which nothing else here needs.
        from glf.data.listing import IMAGES, find

        self._root, self._model = files.expanded(folder), model
        self._names = find(self._root, IMAGES, "images")
        self.sizes = []
        for name in self._names:
            with self._open(name) as image:
                self.sizes.append((image.height, image.width))
        listed = zip(self._names, self.sizes, strict=True)
        self.notes = {"kind": "folder", "files": [[name, *size] for name, size in listed]}

    def images(self):
        """All of them, one after the other, uint8 [h, w, c]."""
        for name in self._names:
            with self._open(name) as image:
                try:
                    pixels = np.asarray(image)
                except OSError as error:
                    raise ValueError(f"{_shown(name)} cannot be read: {error}.") from error
            pixels = pixels.reshape(*pixels.shape[:2], -1)
            _check_levels(pixels, self._model.levels, _shown(name))
            yield pixels

    def _open(self, name):
        mode = _MODES.get(self._model.shape[2])
        try:
            image = Image.open(self._root / name)
        except OSError as error:
            raise ValueError(f"{_shown(name)} cannot be read as an image: {error}.") from error
        frames = getattr(image, "n_frames", 1)
        if image.mode != mode or frames > 1:
            image.close()
            raise ValueError(
                f"{_shown(name)} is an image of mode {image.mode} with {frames} frame(s); the "
                f"model codes single images of mode {mode}, nothing converted. Convert it, or move "
                "it away."
            )
        return image


def _shown(name):
    return str(name).encode("utf-8", "backslashreplace").decode()


def _check_levels(pixels, levels, name):
    if pixels.min() < 0 or pixels.max() >= levels:
        raise ValueError(
            f"The model codes values from 0 to {levels - 1}; {name} has values from {pixels.min()} "
            f"to {pixels.max()}."
        )
