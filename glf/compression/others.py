"""The same images by PNG, WebP and JPEG XL, for comparison."""

import importlib
import io
import math

import numpy as np
from PIL import Image

from glf.core.progress import Progress

# Pillow's format, and what makes it lossless and slow.
FORMATS = {
    "PNG": ("PNG", {"optimize": True}),
    "WebP": ("WEBP", {"lossless": True, "quality": 100, "method": 6, "exact": True}),
    # The least is now the one, now the other.
    "JPEG XL, effort 7": ("JXL", {"lossless": True, "effort": 7}),
    "JPEG XL, effort 9": ("JXL", {"lossless": True, "effort": 9}),
}
_LARGEST_SIDE = 16000  # WebP's limit is 16383


def formats():
    """Those that can be written here: JPEG XL needs the package pillow-jxl-plugin."""
    try:
        importlib.import_module("pillow_jxl")
    except ImportError:
        return {name: form for name, form in FORMATS.items() if form[0] != "JXL"}
    return dict(FORMATS)


def compared(images):
    """{(format, "per image" or "one tiled image"): bytes} of images uint8 [h, w, c].

    An array of images of one size is tiled as well, a list of others is not. With few levels the
    values are stored as they are: nothing is stretched.
    """
    found = {}
    for name, form in formats().items():
        progress, total = Progress(f"{name}, files", len(images)), 0
        for i, image in enumerate(images):
            total += _size(image, *form)
            progress.at(i + 1)
        found[name, "per image"] = total
        if isinstance(images, np.ndarray):
            found[name, "one tiled image"] = sum(_size(sheet, *form) for sheet in sheets(images))
    return found


def sheets(images):
    """The images side by side, in as few images as formats allow; black where none is."""
    n, height, width, channels = images.shape
    columns = min(math.ceil(math.sqrt(n * height / width)), _LARGEST_SIDE // width)
    rows = min(math.ceil(n / columns), max(1, _LARGEST_SIDE // height))
    for start in range(0, n, rows * columns):
        some = images[start : start + rows * columns]
        own = math.ceil(len(some) / columns)
        sheet = np.zeros((own * columns, height, width, channels), np.uint8)
        sheet[: len(some)] = some
        sheet = sheet.reshape(own, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
        yield sheet.reshape(own * height, columns * width, channels)


def _size(image, kind, options):
    pixels = image[..., 0] if image.shape[2] == 1 else image
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, format=kind, **options)
    return len(file.getvalue())
