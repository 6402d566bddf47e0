"""The images of a .glfz file, block by block, by the `IntegerModel` that it was written by."""

import numpy as np

from glf.compression.clock import Clock
from glf.compression.container import DamagedFile, name_of, pixels_crc
from glf.compression.reading import Reader
from glf.compression.tables import PRECISION
from glf.compression.tiles import Listed, image_of, tile_count, unpack_notes
from glf.core.progress import Progress


class Decompressor:
    """The images of a .glfz file.

    Args:
      reader: the file's `Reader`.
      model: the `IntegerModel` or `AutoregressiveCoder` that it was written by.
      fingerprint: of the model.
      recover: whether damaged blocks are passed over.

    Attributes:
      listed: what images there are, a `Listed`.
      faults: what was passed over, in words.
      network_seconds: that networks took.

    Raises:
      DamagedFile: if the file was written by another model, or its notes are damaged.
    """

    def __init__(self, reader, model, fingerprint, recover=False):
        header = reader.header
        if header.fingerprint != fingerprint:
            raise DamagedFile(
                f"the file was written by the model {header.fingerprint.hex()}, and this is "
                f"{fingerprint.hex()}: other weights, or another conversion of them"
            )
        shape, precision = (*header.shape, header.levels), header.precision
        if shape != (*model.shape, model.levels) or precision != PRECISION:
            raise DamagedFile(
                f"the header says images of shape {header.shape} with {header.levels} levels and "
                f"tables of {precision} bits, the model has {tuple(model.shape)}, {model.levels} "
                f"and {PRECISION}"
            )
        self._reader, self._model, self._recover = reader, model, recover
        self._clock = Clock(model)
        self.faults = list(reader.faults)
        self.listed = Listed(header, unpack_notes(reader.notes()))

    @property
    def network_seconds(self):
        """That networks took so far."""
        return self._clock.seconds

    def block(self, number):
        """The tiles uint8 [n, height, width, channels] of one block; no other is read.

        Raises:
          DamagedFile: if it is damaged, with its number.
        """
        payload, crc = self._reader.block(number)
        try:
            tiles = self._clock.model.decode(payload, self._reader.header.images_of(number))
        except (ValueError, OverflowError, MemoryError) as error:
            raise DamagedFile(f"{name_of(number)} cannot be decoded: {error}") from error
        if pixels_crc(tiles) != crc:
            raise DamagedFile(
                f"{name_of(number)} decodes to other images than were compressed: the model does "
                "not compute here what it did there"
            )
        return tiles

    def images(self):
        """(index, image) of all images; of those that are damaged, when recovering, (index, None).

        Raises:
          DamagedFile: if a block is damaged and nothing is to be recovered.
        """
        tiles = self._tiles()
        for index in range(self.listed.count):
            size = self.listed.size(index)
            own = [next(tiles) for _ in range(tile_count([size], self._model.shape))]
            whole = all(tile is not None for tile in own)
            yield index, image_of(np.stack(own), size) if whole else None

    def _tiles(self):
        header = self._reader.header
        progress = Progress("Decompressed blocks", header.blocks)
        for number in range(header.blocks):
            try:
                block = self.block(number)
            except DamagedFile as fault:
                if not self._recover:
                    raise
                self.faults.append(str(fault))
                block = [None] * header.images_of(number)
            yield from block
            progress.at(number + 1)


def open_file(file, model, fingerprint, recover=False):
    """The `Decompressor` of a binary file that is open for reading."""
    return Decompressor(Reader(file, recover), model, fingerprint, recover)
