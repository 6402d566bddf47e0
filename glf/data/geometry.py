"""Crop, resize and recolour one image of integers."""

import dataclasses

import numpy as np
from PIL import Image

from glf.core.checks import is_integer


@dataclasses.dataclass(frozen=True)
class Geometry:
    """What is done to every image: centre crop, centre crop to the target's shape, resize.

    Args:
      crop: (height, width) of a centre crop, or None.
      size: (height, width) of the result, or None to keep the size. The image is first cropped
        about its centre to the proportions of `size`, never distorted, then resized by Lanczos
        with antialiasing (Pillow), the filter widened by the factor of reduction.
      channels: 1, 3 or None to keep them. Three become one by the luminance of ITU-R 601,
        one becomes three by repetition.
    """

    crop: tuple[int, int] | None = None
    size: tuple[int, int] | None = None
    channels: int | None = None

    def output_shape(self, shape, name):
        """The shape (h, w, c) an image of `shape` comes out with.

        Raises:
          ValueError: if the crop is larger than the image, or channels cannot be converted.
        """
        height, width, channels = shape
        if self.crop and (self.crop[0] > height or self.crop[1] > width):
            raise ValueError(
                f"{name!r}: crop {self.crop[0]}x{self.crop[1]} is larger than the image, "
                f"{height}x{width}; give a smaller crop."
            )
        if self.channels not in (None, channels) and (channels, self.channels) not in (
            (1, 3),
            (3, 1),
        ):
            raise ValueError(
                f"{name!r}: images of {channels} channels cannot become {self.channels}; "
                "leave channels out."
            )
        height, width = self.size or self.crop or (height, width)
        return int(height), int(width), int(self.channels or channels)

    def apply(self, image, levels=256, name="image", nearest=False):
        """One image, uint8 [h, w, c], through crop, resize and channels; values stay < levels.

        With `nearest` every pixel is one of the image's own, as masks want it, in place of Lanczos.
        """
        height, width, channels = self.output_shape(image.shape, name)
        if self.channels == 1 and channels != image.shape[2]:
            image = _luminance(image)
        if self.crop:
            image = _centre(image, *self.crop)
        if self.size and image.shape[:2] != self.size:
            scale = min(image.shape[0] / height, image.shape[1] / width)
            image = _centre(image, max(1, round(height * scale)), max(1, round(width * scale)))
            kernel = Image.Resampling.NEAREST if nearest else Image.Resampling.LANCZOS
            image = resize(image, height, width, levels, kernel)
        if image.shape[2] != channels:
            image = np.repeat(image, channels, axis=2)
        return image

    def apply_all(self, images, levels=256, name="image"):
        """`apply` to each of uint8 [n, h, w, c]; the same array when nothing is to be done."""
        if self.output_shape(images.shape[1:], name) == images.shape[1:]:
            return images
        return np.stack([self.apply(image, levels, name) for image in images])


def make_geometry(image_size=None, crop=None, channels=None):
    """The `Geometry` of a user's options.

    Args:
      image_size: an integer or (height, width) to resize to; the image is first cropped about its
        centre to these proportions.
      crop: an integer or (height, width) of a centre crop that comes first.
      channels: 1, 3, or None to keep them (3 for a folder and for what masks are paired with).

    Raises:
      ValueError: if one of them is anything else.
    """
    if channels not in (None, 1, 3):
        raise ValueError(f"channels is 1 (grey), 3 (colour) or None, got {channels!r}.")
    return Geometry(pair_of_sides("crop", crop), pair_of_sides("image_size", image_size), channels)


def pair_of_sides(name, value):
    """(height, width) of an integer or a pair that a user gives as `name`; None stays None.

    Raises:
      ValueError: if it is anything else.
    """
    if value is None:
        return None
    pair = (value, value) if is_integer(value) else value
    sides = isinstance(pair, tuple | list) and len(pair) == 2
    if not sides or not all(is_integer(side, 1) for side in pair):
        raise ValueError(
            f"{name} is a positive integer or a pair (height, width) of them, got {value!r}."
        )
    return int(pair[0]), int(pair[1])


def flatten_alpha(image):
    """Lays an image whose last of 2 or 4 channels is alpha over white; others pass unchanged."""
    if image.shape[2] not in (2, 4):
        return image
    alpha = image[..., -1:].astype(np.uint32)
    over_white = image[..., :-1] * alpha + 255 * (255 - alpha)
    return ((over_white + 127) // 255).astype(np.uint8)


def _centre(image, height, width):
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def _luminance(image):
    weights = np.array([19595, 38470, 7471], np.uint32)  # ITU-R 601 in 1/65536, as Pillow's
    return ((image.astype(np.uint32) @ weights + 32768) >> 16).astype(np.uint8)[..., np.newaxis]


def resize(image, height, width, levels, kernel):
    """uint8 [h, w, c] to [height, width, c] by a kernel of Pillow; values stay < levels."""
    planes = [image] if image.shape[2] == 3 else [image[..., c] for c in range(image.shape[2])]
    resized = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(plane)).resize((width, height), kernel)
        ).reshape(height, width, -1)
        for plane in planes
    ]
    # Lanczos overshoots; Pillow clips to a byte, so fewer levels are clipped here.
    return np.minimum(np.concatenate(resized, axis=2), levels - 1).astype(np.uint8)
