"""Whole images with what people marked in them, each of its own size."""

import dataclasses

import numpy as np

from glf.data.files import image_size, read_image
from glf.data.geometry import Geometry
from glf.data.listing import shown
from glf.data.masks import read_mask, warn_of_greys
from glf.data.pair_files import FIELDS, OBSERVER, SECOND_OBSERVER, find_more, find_pairs
from glf.data.source import Table
from glf.data.split_names import split_folders, splits_of_files


@dataclasses.dataclass(frozen=True, eq=False)
class WholePair:
    """An image and what was marked in it.

    Attributes:
      name: the path of its file, without extension.
      image: uint8 [height, width, 1 or 3].
      first: bool [height, width], the mask of the first observer.
      second: bool [height, width], that of a second observer; None where there is none.
      field: bool [height, width], the field of view; None where it is not given.
    """

    name: str
    image: np.ndarray
    first: np.ndarray
    second: np.ndarray | None
    field: np.ndarray | None


class WholePairs:
    """The pairs of a folder as "pairs:PATH" reads it, whole, one after the other.

    Beside images/ and masks/ it may hold field_of_view/ and observer2/, masks of a second observer,
    with files of the same names.

    Args:
      path: the folder.
      split: "test", the split of that source; "all": all images.
      channels: of the images, 1 or 3.
      examples: how many, from the first on; None: all.

    Attributes:
      names: of the images.

    Raises:
      ValueError: as of that source, for folders with unequal names or without a test split; if one
        of the further folders has files for some of the images and not for others.
    """

    def __init__(self, path, split="all", channels=3, examples=None):
        self._source = f"pairs:{path}"
        self._root, names, files = find_pairs(self._source, path)
        self._channels = channels
        rows = np.arange(len(names))
        if split != "all":
            within = [file.partition("/")[2] for file in files["images"]]
            parts = split_folders(self._root / "images", within)
            table = Table("pairs", len(names), tuple)
            rows = splits_of_files(self._source, table, names, parts, what="pairs")[split].rows
        rows = rows[:examples]
        self.names = [names[row] for row in rows]
        self._files = {kind: [of[row] for row in rows] for kind, of in files.items()}
        for kind in (FIELDS, SECOND_OBSERVER):
            self._files[kind] = find_more(self._source, self._root, kind, self.names)

    def __len__(self):
        return len(self.names)

    def __iter__(self):
        """A `WholePair` for each name.

        Raises:
          ValueError: if a file cannot be read, or a mask has not the size of its image.
        """
        greys = {}
        for i, name in enumerate(self.names):
            image = self._read(read_image, i, "images", Geometry(channels=self._channels))
            masks = [self._mask(i, kind, greys) for kind in (OBSERVER, SECOND_OBSERVER, FIELDS)]
            yield WholePair(name, image, *masks)
        warn_of_greys(self._source, greys, len(self))

    def _mask(self, i, kind, greys):
        if self._files[kind] is None:
            return None
        mask = self._read(read_mask, i, kind, Geometry(), greys)[..., 0] == 1
        size = image_size(self._root / self._files["images"][i])
        if mask.shape != size:
            raise ValueError(
                f"{self._source!r}: {shown(self._files[kind][i])} has "
                f"{mask.shape[0]}x{mask.shape[1]} pixels, but its image {size[0]}x{size[1]}; bring "
                "them to one size."
            )
        return mask

    def _read(self, read, i, kind, *arguments):
        file = self._files[kind][i]
        try:
            return read(self._root / file, *arguments)
        except OSError as error:
            raise ValueError(f"{self._source!r}: {shown(file)} cannot be read: {error}.") from None
