"""The .glfz file: its parts, and what is wrong with damaged ones."""

import io
import struct

import pytest

from glf.compression import container
from glf.compression.container import HEADER_SIZE, DamagedFile, Header, Writer, digest
from glf.compression.reading import Reader

HEADER = Header(container.INTEGER, 24, 8, 8, 1, 17, 10, 4, 3, 0, b"fingerprint_here")
PAYLOADS = [bytes([65 + i]) * (4 * i + 4) for i in range(4)]


def written(notes=b"notes", header=HEADER, payloads=PAYLOADS):
    file = io.BytesIO()
    writer = Writer(file, header, notes)
    for i, payload in enumerate(payloads):
        writer.add(payload, i)
    writer.close()
    return file.getvalue()


DATA = written()


def read(data):
    reader = Reader(io.BytesIO(data))
    return reader.notes(), [reader.block(i) for i in range(reader.header.blocks)]


def recovered(data):
    """The numbers of the blocks that are got from a damaged file; none may be wrong."""
    reader = Reader(io.BytesIO(data), recover=True)
    assert reader.header.fingerprint == HEADER.fingerprint
    found = []
    for i in range(4):
        try:
            assert reader.block(i) == (PAYLOADS[i], i)
        except DamagedFile:
            continue
        found.append(i)
    return found


def test_what_was_written_is_read():
    assert read(DATA) == (b"notes", [(payload, i) for i, payload in enumerate(PAYLOADS)])
    assert read(written(notes=None))[0] is None


def test_a_block_is_read_without_the_others():
    class Watched(io.BytesIO):
        def read(self, size=-1):
            places.append((self.tell(), size))
            return super().read(size)

    places, at = [], DATA.index(PAYLOADS[2])
    reader = Reader(Watched(DATA))
    places.clear()
    assert reader.block(2) == (PAYLOADS[2], 2)
    assert places == [(at - container.SECTION_SIZE, container.SECTION_SIZE + len(PAYLOADS[2]))]


@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit_anywhere(bit):
    for place in range(len(DATA)):
        damaged = bytearray(DATA)
        damaged[place] ^= 1 << bit
        with pytest.raises(DamagedFile, match=r"header|index|notes|block \d|file"):
            read(bytes(damaged))
        assert len(recovered(bytes(damaged))) >= 3


def test_a_damaged_block_is_named():
    for i, payload in enumerate(PAYLOADS):
        damaged = DATA.replace(payload, b"x" * len(payload))
        with pytest.raises(DamagedFile, match=f"block {i} is damaged: its checksum"):
            read(damaged)
        assert recovered(damaged) == [j for j in range(4) if j != i]


def test_a_cut_tail():
    for length in range(len(DATA)):
        with pytest.raises(DamagedFile):
            read(DATA[:length])
    at = DATA.index(PAYLOADS[2]) + len(PAYLOADS[2])
    assert recovered(DATA[:at]) == [0, 1, 2]
    assert recovered(DATA[HEADER_SIZE + 5 :]) == [0, 1, 2, 3]  # by the header behind the index
    with pytest.raises(DamagedFile, match="header is not that of"):
        Reader(io.BytesIO(DATA[:7]), recover=True)


def test_bytes_behind_the_end_and_between():
    for wrong in (DATA + b"x", DATA[:HEADER_SIZE] + b"x" + DATA[HEADER_SIZE:]):
        with pytest.raises(DamagedFile, match="index"):
            read(wrong)


def test_blocks_that_changed_places():
    file = io.BytesIO()
    writer = Writer(file, HEADER)
    writer.add(PAYLOADS[0], 0)
    section = container.pack_section(HEADER.salt, 2, 3, 1, PAYLOADS[1])
    writer._lengths.append(len(section))
    file.write(section)
    for i in (2, 3):
        writer.add(PAYLOADS[i], i)
    writer.close()
    with pytest.raises(DamagedFile, match="block 1 is damaged: it begins with other numbers"):
        read(file.getvalue())


def test_blocks_belong_to_their_header():
    other = written(header=Header(**{**vars(HEADER), "levels": 9}))
    spliced = other[:HEADER_SIZE] + DATA[HEADER_SIZE:]
    assert Reader(io.BytesIO(spliced), recover=True).header.levels == 9
    reader = Reader(io.BytesIO(spliced), recover=True)
    for i in range(4):
        with pytest.raises(DamagedFile, match=f"block {i} is damaged"):
            reader.block(i)


def forged(**changes):
    """A header that says other things, with the digest that belongs to them."""
    fields = {f: getattr(HEADER, f) for f in HEADER.__dataclass_fields__} | changes
    version = fields.pop("version", container.VERSION)
    packed = container._HEADER.pack(container.MAGIC, version, *fields.values())
    return packed + digest(packed) + DATA[HEADER_SIZE:]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, "format version 2, and this package reads 1"),
        ({"kind": 7}, "mode 7"),
        ({"images": 2**32 - 1}, "4 blocks for 4294967295 images"),
        ({"images": 2**32 - 1, "per_block": 2**30}, "1073741824 images of shape"),
        ({"height": 65535, "width": 65535, "per_block": 1}, "images of shape"),
        ({"images": 2**31, "blocks": 2**31, "per_block": 1}, "cut off: it has .* promises"),
        ({"images": 0, "blocks": 0}, "0 images"),
        ({"levels": 1}, "1 levels"),
        ({"notes": 2**32 - 1}, "4294967295 bytes of notes"),
        ({"notes": 2**20}, "cut off"),
    ],
)
def test_a_hostile_header(changes, message):
    with pytest.raises(DamagedFile, match=message):
        read(forged(**changes))


def test_a_hostile_index():
    tail = container.tail_size(4)
    again = DATA[-container.HEADER_SIZE - 12 : -12]
    for lengths in ([2**32 - 1] * 4, [1] * 4, [100, 100, 100, 100]):
        index = struct.pack("<4I", *lengths)
        forged_tail = index + again + digest(index, again) + container.END
        with pytest.raises(DamagedFile, match="the index"):
            read(DATA[:-tail] + forged_tail)


def test_marks_everywhere_are_no_hang():
    nothing = container.pack_section(bytes(8), 1, 3, 0, b"")[:-8]
    fake = struct.pack("<4sIIII", b"GLFB", 1, 3, 500, 0) + bytes(8)
    data = DATA[:HEADER_SIZE] + (nothing + fake) * 3000 + DATA[HEADER_SIZE:]
    reader = Reader(io.BytesIO(data), recover=True)
    assert reader.faults


def test_a_writer_refuses_what_no_reader_reads():
    with pytest.raises(DamagedFile, match="images of shape"):
        Writer(io.BytesIO(), Header(1, 24, 8, 8, 1, 17, 10, 1, 2**20, 0, bytes(16)))
    writer = Writer(io.BytesIO(), HEADER)
    with pytest.raises(RuntimeError, match="0 of 4"):
        writer.close()
