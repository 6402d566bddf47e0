"""One image file to one array of bytes."""

import numpy as np
from absl import logging
from PIL import Image, ImageOps

from glf.data.geometry import flatten_alpha

DEEP = "of more than 8 bits keep their upper 8"
_DEEP_COLOUR = "of more than 8 bits a channel keep their upper 8"
_DARK = "of more than 8 bits are black in their upper 8"
ALPHA = "with transparent pixels are laid over white"
_FRAMES = "have several frames or pages, of which the first is taken"
_OTHER_COLOURS = "are brought from {} to RGB without a colour profile"
_ORIENTATION, _TURNED = 0x0112, (5, 6, 7, 8)  # EXIF: the values that swap height and width
_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339  # tags of TIFF
_WHITE_IS_ZERO, _UNSIGNED = 0, (1, 4)


class Conversions:
    """What reading the files of a source could not keep, so that it can be said once, with counts.

    Files are read in parallel: adding is safe from several threads.
    """

    def __init__(self):
        self._noted = []

    def add(self, what, value=None):
        """Notes that a file was converted in the way `what`; `value` is as `warn` shows it."""
        self._noted.append((what, value))

    def values(self, what):
        """The values that were noted with `what`."""
        return [value for noted, value in self._noted if noted == what]

    def warn(self, name):
        """Says what was done to the files of the source `name`, if anything was.

        Raises:
          ValueError: if images of more than 8 bits were read, and all of them are black in the
            upper 8.
        """
        said = []
        for what in sorted({noted for noted, _ in self._noted} - {_DARK}):
            values = self.values(what)
            shares = [value for value in values if value is not None]
            reach = f" (reaching {max(shares):.1%} of their range)" if shares else ""
            said.append(f"{len(values)} {what}{reach}")
        deep = len(self.values(DEEP)) + len(self.values(_DEEP_COLOUR))
        if deep and len(self.values(_DARK)) == deep:
            raise ValueError(
                f"The {deep} images of {name!r} that have more than 8 bits are black in the upper "
                "8, which are kept: their values use the lowest bits alone. Save them with 8 bits, "
                "or stretched over their range."
            )
        if said:
            logging.warning("%s: images were converted: %s", name, "; ".join(said))


def image_size(path):
    """(height, width) as its EXIF orientation shows it, from the header alone.

    Raises:
      OSError: if the file is not an image.
    """
    with _readable(path), Image.open(path) as image:
        width, height = image.size
        turned = image.getexif().get(_ORIENTATION) in _TURNED
        return (width, height) if turned else (height, width)


def read_image(path, geometry, nearest=False, conversions=None):
    """The image at `path` through `geometry`: uint8 [h, w, channels]; `nearest` as there.

    See `read_pixels`, which `conversions` goes to.

    Raises:
      OSError: if the file cannot be read as an image.
      ValueError: if the image is smaller than the crop.
    """
    pixels = read_pixels(path, conversions)
    return geometry.apply(pixels, name=str(path), nearest=nearest)


def read_pixels(path, conversions=None):
    """The image at `path`, uint8 [h, w, 1 or 3].

    EXIF orientation is followed, alpha is laid over white, palettes are looked up, of more than 8
    bits the upper 8 are kept, and of several frames or pages the first is taken.

    Args:
      path: the file.
      conversions: a `Conversions` that is told what was not kept, or None.

    Raises:
      OSError: if the file cannot be read as an image, or holds floats, signed integers or integers
        of 32 bits.
    """
    conversions = Conversions() if conversions is None else conversions
    with _readable(path), Image.open(path) as opened:
        if getattr(opened, "is_animated", False):
            conversions.add(_FRAMES)
        tags = getattr(opened, "tag_v2", {})
        _check_numbers(opened, tags)
        if opened.mode.startswith("I"):
            bits = tags.get(_BITS, (16,))[0]
            white_is_zero = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
            clear = opened.info.get("transparency")
            values = np.asarray(ImageOps.exif_transpose(opened)).astype(np.int64)
            return _upper_bits(values, bits, white_is_zero, clear, conversions)
        deep = any(";16" in _raw_mode(tile) for tile in opened.tile)
        pixels = _to_bytes(ImageOps.exif_transpose(opened), conversions)
    if deep:
        conversions.add(_DEEP_COLOUR, pixels.max() / 255)
        if not pixels.any():
            conversions.add(_DARK)
    return pixels


def _check_numbers(image, tags):
    """Refuses what Pillow would clip or misread."""
    kinds = set(tags.get(_SAMPLE_FORMAT, ()))
    # Pillow scales a PGM of more than 8 bits to 16 and hands it out as 32.
    wide = image.mode == "I" and image.format != "PPM"
    if image.mode == "F" or wide or not kinds <= set(_UNSIGNED):
        what = "floats" if image.mode == "F" or 3 in kinds else "signed integers or ones of 32 bits"
        raise OSError(f"it holds {what}; save it as unsigned integers of 8 or 16 bits")


def _raw_mode(tile):
    """How a piece of a file is stored, as Pillow names it."""
    arguments = tile[3]
    return str(arguments[0] if isinstance(arguments, tuple) and arguments else arguments)


def _upper_bits(values, bits, white_is_zero, clear, conversions):
    """uint8 [h, w, 1] of integers below 2^bits [h, w]; the value `clear` is white."""
    values = (1 << bits) - 1 - values if white_is_zero else values
    pixels = (values >> (bits - 8)).astype(np.uint8)
    conversions.add(DEEP, values.max() / ((1 << bits) - 1))
    if not pixels.any():
        conversions.add(_DARK)
    if isinstance(clear, int) and (values == clear).any():
        conversions.add(ALPHA)
        pixels[values == clear] = 255
    return pixels[..., np.newaxis]


def _to_bytes(image, conversions):
    """uint8 [h, w, 1 or 3]."""
    if image.has_transparency_data:
        pixels = np.asarray(image.convert("RGBA"))
        if (pixels[..., 3] < 255).any():
            conversions.add(ALPHA)
        return flatten_alpha(pixels)
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))[..., np.newaxis]
    if image.mode in ("CMYK", "LAB"):
        conversions.add(_OTHER_COLOURS.format(image.mode))
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
