"""Reading .glfz files: strictly, or what is intact of them."""

import os
import struct

from glf.compression.container import (
    DIGEST,
    END,
    HEADER_SIZE,
    MARK,
    NOTES,
    SECTION_SIZE,
    DamagedFile,
    Header,
    Section,
    digest,
    name_of,
    tail_size,
)

# Looking for sections, no more bytes are hashed than so many times those of the file.
_EFFORT = 8


class Reader:
    """A .glfz file. Every length is held against the file's size before anything is read.

    Args:
      file: a binary file, open for reading, that can be sought in.
      recover: whether a damaged header, index or block is passed over where the file has enough
        besides.

    Attributes:
      header: the `Header`.
      faults: what was passed over, in words.

    Raises:
      DamagedFile: if the file is damaged, with the part that is; with `recover`, if neither of the
        two headers is intact.
    """

    def __init__(self, file, recover=False):
        self._file, self.faults = file, []
        self._size = file.seek(0, os.SEEK_END)
        self.header = self._read_header(recover)
        try:
            self._places = self._index()
        except DamagedFile as fault:
            if not recover:
                raise
            self.faults.append(str(fault))
            self._places = self._found()

    def notes(self):
        """The payload of the section of notes; None where there is none."""
        if not self.header.notes:
            return None
        return self._section(NOTES, self.header.notes)[1]

    def block(self, number):
        """(payload, CRC-32 of the pixels) of a block, no other of which is read.

        Raises:
          DamagedFile: if the block is damaged.
        """
        if not 0 <= number < self.header.blocks:
            raise ValueError(f"there are blocks 0 to {self.header.blocks - 1}, got {number}")
        if number not in self._places:
            raise DamagedFile(f"{name_of(number)} is damaged or cut off")
        section, payload = self._section(number, self._places[number][1])
        return payload, section.pixels_crc

    def _read(self, start, length):
        if start < 0 or start + length > self._size:
            return b""
        self._file.seek(start)
        return self._file.read(length)

    def _read_header(self, recover):
        try:
            return Header.unpack(self._read(0, min(HEADER_SIZE, self._size)))
        except DamagedFile as fault:
            if not recover:
                raise
            self.faults.append(str(fault))
            start = self._size - HEADER_SIZE - DIGEST - len(END)
            try:
                return Header.unpack(self._read(start, HEADER_SIZE))
            except DamagedFile:
                raise fault from None

    def _index(self):
        """{number: (start, length)} of all sections, of the index."""
        header, blocks = self.header, self.header.blocks
        first = HEADER_SIZE + header.notes
        least = first + blocks * SECTION_SIZE + tail_size(blocks)
        if self._size < least:
            raise DamagedFile(
                f"the file is cut off: it has {self._size} bytes, and the header promises "
                f"{blocks} blocks, {least} bytes at least"
            )
        start = self._size - tail_size(blocks)
        tail = self._read(start, tail_size(blocks))
        index, again = tail[: 4 * blocks], tail[4 * blocks : -DIGEST - len(END)]
        if tail[-len(END) :] != END:
            raise DamagedFile("the index is damaged or cut off: the file does not end as it should")
        if digest(index, again) != tail[-DIGEST - len(END) : -len(END)]:
            raise DamagedFile("the index is damaged: its checksum is not that of its bytes")
        if again != header.pack():
            raise DamagedFile("the index is damaged: the header behind it is another one")
        places, at = {NOTES: (HEADER_SIZE, header.notes)}, first
        for number, length in enumerate(struct.unpack(f"<{blocks}I", index)):
            if length - SECTION_SIZE > header.largest_payload(number) or length < SECTION_SIZE:
                raise DamagedFile(f"the index gives block {number} {length} bytes")
            places[number] = (at, length)
            at += length
        if at != start:
            raise DamagedFile(f"the index covers {at} bytes where the file has {start}")
        return places

    def _section(self, number, length):
        """(`Section`, payload) of a section of so many bytes."""
        start, _ = self._places.get(number, (0, 0))
        data = self._read(start, length)
        name = name_of(number)
        if len(data) < SECTION_SIZE:
            raise DamagedFile(f"{name} is damaged or cut off")
        section, payload = Section(data[:SECTION_SIZE]), data[SECTION_SIZE:]
        images = 0 if number == NOTES else self.header.images_of(number)
        if (section.number, section.images, section.length) != (number, images, len(payload)):
            raise DamagedFile(f"{name} is damaged: it begins with other numbers than its own")
        if not section.holds(self.header.salt, payload):
            raise DamagedFile(f"{name} is damaged: its checksum is not that of its bytes")
        return section, payload

    def _found(self):
        """{number: (start, length)} of intact sections, found by their marks."""
        self._file.seek(0)
        data = self._file.read()
        salt = self.header.salt
        places, at, effort = {}, data.find(MARK), _EFFORT * len(data)
        while at >= 0 and effort > 0:
            section, payload = self._at(data, at)
            effort -= len(payload)
            if section is not None and section.holds(salt, payload):
                places.setdefault(section.number, (at, SECTION_SIZE + len(payload)))
                at = data.find(MARK, at + SECTION_SIZE + len(payload))
            else:
                at = data.find(MARK, at + 1)
        return places

    def _at(self, data, start):
        """What would be a section at `start`: (`Section` or None, payload)."""
        if start + SECTION_SIZE > len(data):
            return None, b""
        section = Section(data[start : start + SECTION_SIZE])
        end, header = start + SECTION_SIZE + section.length, self.header
        if section.number == NOTES:
            fits = section.length + SECTION_SIZE == header.notes
        else:
            fits = section.number < header.blocks
            fits = fits and section.images == header.images_of(section.number)
            fits = fits and section.length <= header.largest_payload(section.number)
        if not fits or end > len(data):
            return None, b""
        return section, memoryview(data)[start + SECTION_SIZE : end]
