"""The .glfz file: a header, sections with checksums of their own, an index, the header again.

  header | notes, if any | block 0 | block 1 | ... | lengths of the blocks | header | digest | end

All numbers are little-endian. The header (`Header`) says what the images are, how they lie in
blocks, and by which model. A section, notes or a block, is

  "GLFB" | number | images | length | CRC-32 of the pixels | digest

and the payload; the digest is of the header's own, of what stands before it and of the payload, so
that a section belongs to one header. A block can be read by itself: the index says where it lies,
and where the index or the header is damaged sections are found by their marks and believed by their
digests.
"""

import dataclasses
import hashlib
import struct
import zlib

import numpy as np

VERSION = 1
MAGIC = b"\x89GLFZ\r\n\x1a"
INTEGER, FLOAT = 1, 2  # how a block's distributions are computed
MARK, END = b"GLFB", b"GLFE"
NOTES = 0xFFFFFFFF  # the number of the section of notes
# Values of a block at most, unless a single image has more.
LARGEST_BLOCK = 1 << 20
LARGEST_IMAGE = 1 << 26
LARGEST_NOTES = 1 << 24
# Of a value: an escape of 24 bits and 32 bits more, in whole words; and the coder's state.
LARGEST_PAYLOAD = 8, 64
_HEADER = struct.Struct("<8sHBBHHHHIIII16s")
_SECTION = struct.Struct("<4sIIII")
DIGEST = 8
HEADER_SIZE = _HEADER.size + DIGEST
SECTION_SIZE = _SECTION.size + DIGEST


class DamagedFile(ValueError):
    """A file that is not what its writer wrote, or not for this reader."""


def digest(*parts):
    """The first bytes of BLAKE2b of what the parts hold together."""
    state = hashlib.blake2b(digest_size=DIGEST)
    for part in parts:
        state.update(part)
    return state.digest()


@dataclasses.dataclass(frozen=True)
class Header:
    """What a .glfz file holds.

    Attributes:
      kind: INTEGER or FLOAT.
      precision: bits of the tables' distribution functions.
      height, width, channels, levels: of an image as the model sees it, perhaps a tile.
      images: how many.
      blocks: how many sections they lie in.
      per_block: images of each block but the last.
      notes: bytes of the section of notes, its mark and digest included; 0 where there is none.
      fingerprint: of the model, 16 bytes.
    """

    kind: int
    precision: int
    height: int
    width: int
    channels: int
    levels: int
    images: int
    blocks: int
    per_block: int
    notes: int
    fingerprint: bytes

    @property
    def shape(self):
        """(height, width, channels)."""
        return (self.height, self.width, self.channels)

    @property
    def values(self):
        """Values of an image."""
        return self.height * self.width * self.channels

    def images_of(self, block):
        """How many images a block has."""
        return min(self.per_block, self.images - block * self.per_block)

    def largest_payload(self, block):
        """The most bytes that the payload of a block can have."""
        of_value, more = LARGEST_PAYLOAD
        return of_value * self.values * self.images_of(block) + more

    def pack(self):
        """Its bytes, with their digest."""
        packed = _HEADER.pack(MAGIC, VERSION, *dataclasses.astuple(self))
        return packed + digest(packed)

    @property
    def salt(self):
        """Its digest, which goes into those of its sections."""
        return self.pack()[-DIGEST:]

    @classmethod
    def unpack(cls, data):
        """The header that `pack` wrote.

        Raises:
          DamagedFile: if it is none, of another version, damaged, or says what cannot be.
        """
        if data[: len(MAGIC)] != MAGIC:
            raise DamagedFile("the header is not that of a .glfz file")
        if len(data) < HEADER_SIZE:
            raise DamagedFile(f"the header is cut off after {len(data)} bytes")
        packed, written = data[: _HEADER.size], data[_HEADER.size : HEADER_SIZE]
        _, version, *fields = _HEADER.unpack(packed)
        if version != VERSION:
            raise DamagedFile(
                f"the header says format version {version}, and this package reads {VERSION}: it "
                "was written by another version of the package, or is damaged"
            )
        if digest(packed) != written:
            raise DamagedFile("the header is damaged: its checksum is not that of its bytes")
        header = cls(*fields)
        header._check()
        return header

    def _check(self):
        wrong = None
        if self.kind not in (INTEGER, FLOAT):
            wrong = f"mode {self.kind}, and {INTEGER} and {FLOAT} are known"
        elif not 2 <= self.levels <= 256 or not 1 <= self.values <= LARGEST_IMAGE:
            wrong = f"images of shape {self.shape} and {self.levels} levels"
        elif not self.images or not self.per_block:
            wrong = f"{self.images} images, {self.per_block} to a block"
        elif self.per_block > most_images(self.values):
            wrong = f"{self.per_block} images of shape {self.shape} to a block"
        elif self.blocks != -(-self.images // self.per_block):
            wrong = f"{self.blocks} blocks for {self.images} images, {self.per_block} to a block"
        elif self.notes and not SECTION_SIZE < self.notes <= LARGEST_NOTES:
            wrong = f"{self.notes} bytes of notes"
        if wrong:
            raise DamagedFile(f"the header says {wrong}, which no writer wrote")


def most_images(values):
    """How many images of so many values a block may have."""
    return max(1, LARGEST_BLOCK // values)


def name_of(number):
    """What a section is called in messages."""
    return "the notes" if number == NOTES else f"block {number}"


def pack_section(salt, number, images, pixels_crc, payload):
    """The bytes of a section below a header with this `salt`."""
    head = _SECTION.pack(MARK, number, images, len(payload), pixels_crc)
    return head + digest(salt, head, payload) + payload


class Section:
    """A section's first bytes, not yet checked against its payload.

    Attributes:
      number, images, length, pixels_crc: as in the file.
    """

    def __init__(self, head):
        self._head = head[: _SECTION.size]
        self._digest = head[_SECTION.size : SECTION_SIZE]
        mark, *fields = _SECTION.unpack(self._head)
        self.marked = mark == MARK
        self.number, self.images, self.length, self.pixels_crc = fields

    def holds(self, salt, payload):
        """Whether head and payload are what was written below the header with this `salt`."""
        return self.marked and digest(salt, self._head, payload) == self._digest


def pixels_crc(images):
    """The CRC-32 of images of bytes."""
    return zlib.crc32(np.ascontiguousarray(images, np.uint8))


class Writer:
    """Writes the parts of a file one after the other.

    Args:
      file: a binary file, open for writing.
      header: the `Header`; its `notes` are filled in.
      notes: bytes, or None.
    """

    def __init__(self, file, header, notes=None):
        length = 0 if notes is None else SECTION_SIZE + len(notes)
        self._header = dataclasses.replace(header, notes=length)
        self._header._check()
        self._file, self._lengths = file, []
        file.write(self._header.pack())
        if notes is not None:
            file.write(pack_section(self._header.salt, NOTES, 0, 0, notes))

    def add(self, payload, crc):
        """Writes the next block."""
        number = len(self._lengths)
        images = self._header.images_of(number)
        section = pack_section(self._header.salt, number, images, crc, payload)
        self._lengths.append(len(section))
        self._file.write(section)

    def close(self):
        """Writes the index and the header again."""
        if len(self._lengths) != self._header.blocks:
            raise RuntimeError(f"{len(self._lengths)} of {self._header.blocks} blocks were written")
        index = struct.pack(f"<{len(self._lengths)}I", *self._lengths)
        packed = self._header.pack()
        self._file.write(index + packed + digest(index, packed) + END)


def tail_size(blocks):
    """Bytes of what stands behind the last block."""
    return 4 * blocks + HEADER_SIZE + DIGEST + len(END)
