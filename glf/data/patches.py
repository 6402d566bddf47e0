"""Patches of whole images: those of a grid to measure on, windows at random places to train on."""

import numpy as np


class Patches:
    """Images of one size that belong together, in patches.

    The grid's patches do not overlap and lie about the middle: of a side of s pixels and patches of
    p, floor(s / p) fit, and what is left over, less than p pixels, stays outside on both ends. They
    are numbered image by image. A window is a patch at any place that lies in the image.

    Args:
      images: arrays [n, height, width, channels] that belong together, each with its channels.
      size: (height, width) of a patch.
      fields: bool [n, height, width], what counts of each image: patches of the grid that have
        nothing of it are left out, and windows have their middle pixel in it. None: everything.

    Raises:
      ValueError: if a patch is larger than the images, or nothing counts of one of them.
    """

    def __init__(self, images, size, fields=None):
        sides = images[0].shape[1:3]
        if any(patch > side for patch, side in zip(size, sides, strict=True)):
            raise ValueError(
                f"Patches of {size[0]}x{size[1]} are larger than the images, {sides[0]}x{sides[1]}."
            )
        self._images, self._size, self._fields = images, size, fields
        self._counts = tuple(s // p for s, p in zip(sides, size, strict=True))
        rest = (s % p for s, p in zip(sides, size, strict=True))
        self._first = tuple(r // 2 for r in rest)
        self._free = tuple(s - p + 1 for s, p in zip(sides, size, strict=True))
        self._places = None if fields is None else [self._in_field(f) for f in fields]
        if self._places is not None and not all(map(len, self._places)):
            raise ValueError(
                f"Of image {[len(p) > 0 for p in self._places].index(False)} no patch has its "
                "middle in the field of view."
            )

    def __len__(self):
        """The patches of the grid over all images, those outside of the field as well."""
        return len(self._images[0]) * self._counts[0] * self._counts[1]

    def grid(self):
        """One array for each of the images, which is indexed by the numbers of patches."""
        return [_OfGrid(self, i) for i in range(len(self._images))]

    def rows_of(self, images):
        """The numbers of the patches of some images that have anything of the field, in order."""
        each = self._counts[0] * self._counts[1]
        rows = (np.asarray(images)[:, None] * each + np.arange(each)).ravel()
        if self._fields is None:
            return rows
        return np.array([row for row in rows if self._cut(self._fields, *self._place(row)).any()])

    def images_of(self, rows):
        """The images that patches of the grid are of, each once."""
        return np.unique(np.asarray(rows) // (self._counts[0] * self._counts[1]))

    def windows(self, images, words):
        """A window of each of some images, uniform over all that there are.

        Args:
          images: integers [k].
          words: uint32 [k], each decides a place.

        Returns a list of arrays [k, *size, channels].
        """
        places = [self._window(i, int(word)) for i, word in zip(images, words, strict=True)]
        return [np.stack([self._cut(of, *place) for place in places]) for of in self._images]

    def _window(self, image, word):
        places = None if self._places is None else self._places[image]
        count = self._free[0] * self._free[1] if places is None else len(places)
        chosen = word * count >> 32
        place = chosen if places is None else int(places[chosen])
        return image, *divmod(place, self._free[1])

    def _in_field(self, field):
        """The places, row * free columns + column, of windows with their middle in the field."""
        (top, left), (rows, columns) = (p // 2 for p in self._size), self._free
        return np.flatnonzero(field[top : top + rows, left : left + columns]).astype(np.int32)

    def _place(self, row):
        """(image, top, left) of a patch of the grid."""
        image, patch = divmod(int(row), self._counts[0] * self._counts[1])
        at = divmod(patch, self._counts[1])
        return image, *(f + i * p for f, i, p in zip(self._first, at, self._size, strict=True))

    def _cut(self, images, image, top, left):
        return images[image, top : top + self._size[0], left : left + self._size[1]]


class _OfGrid:
    """The grid's patches of one of several arrays, cut when they are asked for."""

    def __init__(self, patches, which):
        self._patches, self._images = patches, patches._images[which]

    def __getitem__(self, rows):
        """uint8 [k, *size, channels] of the patches with these numbers."""
        cut, place = self._patches._cut, self._patches._place
        shape = (0, *self._patches._size, self._images.shape[3])
        found = [cut(self._images, *place(row)) for row in rows]
        return np.stack(found) if found else np.zeros(shape, self._images.dtype)
