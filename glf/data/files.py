"""One image file to one array of bytes."""

import numpy as np
from PIL import Image, ImageOps

from glf.data.geometry import flatten_alpha

EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
_ORIENTATION, _TURNED = 0x0112, (5, 6, 7, 8)  # EXIF: the values that swap height and width


def image_size(path):
    """(height, width) as its EXIF orientation shows it, from the header alone.

    Raises:
      OSError: if the file is not an image.
    """
    with _readable(path), Image.open(path) as image:
        width, height = image.size
        turned = image.getexif().get(_ORIENTATION) in _TURNED
        return (width, height) if turned else (height, width)


def read_image(path, geometry, nearest=False):
    """The image at `path` through `geometry`: uint8 [h, w, channels]; `nearest` as there.

    EXIF orientation is followed, alpha is laid over white, palettes are looked up, 16-bit grey
    keeps its upper 8 bits, and of several frames the first is taken.

    Raises:
      OSError: if the file cannot be read as an image.
      ValueError: if the image is smaller than the crop.
    """
    with _readable(path), Image.open(path) as opened:
        pixels = _to_bytes(ImageOps.exif_transpose(opened))
    return geometry.apply(pixels, name=str(path), nearest=nearest)


def _to_bytes(image):
    """uint8 [h, w, 1 or 3]."""
    if image.mode.startswith("I"):  # Pillow would clip 16 bits to 8, not scale them
        pixels = np.clip(np.asarray(image).astype(np.int64), 0, 65535) >> 8
        return pixels.astype(np.uint8)[..., np.newaxis]
    if image.has_transparency_data:
        return flatten_alpha(np.asarray(image.convert("RGBA")))
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))[..., np.newaxis]
    return np.asarray(image.convert("RGB"))


class _readable:
    """Turns whatever Pillow raises on a broken file into an OSError.

    Depending on where a file is broken, its decoders raise SyntaxError, ValueError, EOFError,
    struct.error, zlib.error or others.
    """

    def __init__(self, path):
        self._path = path

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, Exception) and not isinstance(error, OSError | MemoryError):
            raise OSError(f"{kind.__name__}: {error}") from error
