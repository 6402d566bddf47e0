"""Images to files and back: arrays, folders, tiles, and what is wrong with files."""

import dataclasses
import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from toy import Toy

from glf.compression import container, others, report, stored
from glf.compression.compress import compress
from glf.compression.container import DamagedFile
from glf.compression.decompress import Decompressor
from glf.compression.images import ArrayOfImages, FolderOfImages
from glf.compression.reading import Reader
from glf.compression.written import write_images

PRINT = bytes(range(16))
GREY, COLOUR = Toy((4, 4, 1), 256, 128).model, Toy((4, 4, 3), 256, 0, components=1).model


def drawn(*shape, levels=256):
    return np.random.default_rng(0).integers(0, levels, shape).astype(np.uint8)


def opened(path, model, recover=False, fingerprint=PRINT):
    data = io.BytesIO(path if isinstance(path, bytes) else path.read_bytes())
    return Decompressor(Reader(data, recover), model, fingerprint, recover)


def through(images, model, folder, **options):
    """Compresses and decompresses; (what `compress` returned, the images or the folder)."""
    written = compress(model, PRINT, images, folder / "x.glfz", **options)
    out = folder / ("back" if isinstance(images, FolderOfImages) else "back.npy")
    assert write_images(opened(folder / "x.glfz", model), out) == []
    return written, out


@pytest.mark.parametrize(("count", "per_block"), [(1, None), (7, 3), (6, 2)])
def test_an_array(tmp_path, count, per_block):
    x = drawn(count, 4, 4, 1)
    written, out = through(ArrayOfImages(x, GREY), GREY, tmp_path, per_block=per_block)
    np.testing.assert_array_equal(np.load(out), x)
    assert written["bytes"] == (tmp_path / "x.glfz").stat().st_size
    assert written["bits_per_dim"] == 8 * written["bytes"] / x.size
    assert 0 < written["network_seconds"] < written["seconds"]


@pytest.mark.parametrize("shape", [(3, 9, 2, 1), (2, 4, 5, 1), (5, 3, 3)])
def test_an_array_by_tiles(tmp_path, shape):
    x = drawn(*shape)
    _, out = through(ArrayOfImages(x, GREY), GREY, tmp_path, per_block=4)
    np.testing.assert_array_equal(np.load(out), x.reshape(*shape[:3], 1))


@pytest.fixture
def folder(tmp_path):
    """Images of several sizes in a folder: {name: pixels}."""
    sizes = {"a.png": (4, 4), "b/c.bmp": (9, 6), "b/d.png": (1, 11)}
    images = {name: drawn(*size, 3) for name, size in sizes.items()}
    for name, pixels in images.items():
        path = tmp_path / "images" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        Image.fromarray(pixels).save(path)
    return images


def test_a_folder(tmp_path, folder):
    given = FolderOfImages(tmp_path / "images", COLOUR)
    written, out = through(given, COLOUR, tmp_path, per_block=5)
    assert written["images"] == 3
    assert written["values"] == sum(pixels.size for pixels in folder.values())
    for name, pixels in folder.items():
        name = name if name.endswith(".png") else name + ".png"
        np.testing.assert_array_equal(np.asarray(Image.open(out / name)), pixels)
    with pytest.raises(ValueError, match="differ in size"):
        write_images(opened(tmp_path / "x.glfz", COLOUR), tmp_path / "y.npy")


def test_an_array_to_a_folder(tmp_path):
    x = drawn(11, 4, 4, 1)
    through(ArrayOfImages(x, GREY), GREY, tmp_path)
    write_images(opened(tmp_path / "x.glfz", GREY), tmp_path / "numbered")
    names = sorted(path.name for path in (tmp_path / "numbered").iterdir())
    assert names == [f"{i:02}.png" for i in range(11)]
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / "numbered/07.png")), x[7, ..., 0]
    )


def test_a_block_alone(tmp_path):
    x = drawn(7, 4, 4, 1)
    through(ArrayOfImages(x, GREY), GREY, tmp_path, per_block=3)
    np.testing.assert_array_equal(opened(tmp_path / "x.glfz", GREY).block(1), x[3:6])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (drawn(2, 4, 4, 3), "integers of shape"),
        (np.zeros((2, 4, 4, 1)), "integers of shape"),
        (drawn(4, 4), "integers of shape"),
        (np.zeros((0, 4, 4, 1), np.uint8), "no images"),
        (np.full((1, 4, 4, 1), 256), "values from 0 to 255; the array has values from 256"),
        (np.full((1, 4, 4, 1), -1), "from -1"),
    ],
)
def test_arrays_that_are_no_images_of_the_model(array, message):
    with pytest.raises(ValueError, match=message):
        ArrayOfImages(array, GREY)


def test_folders_that_hold_no_images_of_the_model(tmp_path, folder):
    with pytest.raises(ValueError, match=r"a.png is an image of mode RGB with 1 frame.*mode L"):
        FolderOfImages(tmp_path / "images", GREY)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no images in"):
        FolderOfImages(tmp_path / "empty", GREY)
    broken = tmp_path / "images" / "e.png"
    broken.write_bytes((tmp_path / "images" / "a.png").read_bytes()[:60])
    with pytest.raises(ValueError, match=r"e.png cannot be read"):
        compress(COLOUR, PRINT, FolderOfImages(tmp_path / "images", COLOUR), tmp_path / "x.glfz")
    assert not (tmp_path / "x.glfz").exists()
    broken.write_bytes(b"text")
    with pytest.raises(ValueError, match=r"e.png cannot be read as an image"):
        FolderOfImages(tmp_path / "images", COLOUR)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """(images, the bytes of their file of 4 blocks)."""
    path = tmp_path_factory.mktemp("small") / "x.glfz"
    x = drawn(7, 4, 4, 1)
    compress(GREY, PRINT, ArrayOfImages(x, GREY), path, per_block=2)
    return x, path.read_bytes()


def test_another_models_file(small):
    with pytest.raises(DamagedFile, match=r"by the model 000102.*other weights"):
        opened(small[1], GREY, fingerprint=bytes(16))
    other = Toy((4, 8, 1), 256, 128).model
    with pytest.raises(DamagedFile, match=r"images of shape .4, 4, 1."):
        opened(small[1], other)


def test_a_model_that_computes_otherwise(small, tmp_path):
    stored.save(GREY, tmp_path / "m.npz", {})
    other, _, _ = stored.load(tmp_path / "m.npz")
    network = other.networks[0]
    convs = list(network.convs)
    convs[-1] = dataclasses.replace(convs[-1], bias=convs[-1].bias + (1 << 20))
    other.networks[0] = dataclasses.replace(network, convs=tuple(convs))
    with pytest.raises(DamagedFile, match=r"block 0 (decodes to other images|cannot be decoded)"):
        opened(small[1], other).block(0)


def test_what_is_intact_is_recovered(small, tmp_path):
    x, data = small
    at = Reader(io.BytesIO(data))._places[1][0]
    damaged = bytearray(data)
    damaged[at + container.SECTION_SIZE] ^= 1
    with pytest.raises(DamagedFile, match="block 1 is damaged"):
        write_images(opened(bytes(damaged), GREY), tmp_path / "y.npy")
    assert not (tmp_path / "y.npy").exists()
    decompressor = opened(bytes(damaged), GREY, recover=True)
    assert write_images(decompressor, tmp_path / "y.npy") == [2, 3]
    assert decompressor.faults == ["block 1 is damaged: its checksum is not that of its bytes"]
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), np.delete(x, [2, 3], 0))
    with pytest.raises(ValueError, match="Nothing is intact"):
        write_images(opened(data[: at - 4], GREY, recover=True), tmp_path / "z.npy")


@pytest.mark.parametrize(
    "notes",
    [
        {"kind": "folder", "files": [["../x.png", 4, 4]] * 7},
        {"kind": "folder", "files": [["/x.png", 4, 4]] * 7},
        {"kind": "folder", "files": [["x.png", 4, 4]] * 6},
        {"kind": "folder", "files": [["x.png", -4, -28]]},
        {"kind": "folder", "files": []},
        {"kind": "folder"},
        {"kind": "array", "size": [4, 1 << 60]},
        {"kind": "array", "size": [0, 4]},
        {"kind": "array", "size": ["x"]},
    ],
)
def test_hostile_notes(small, notes):
    from glf.compression.tiles import Listed

    with pytest.raises(DamagedFile, match="the notes"):
        Listed(Reader(io.BytesIO(small[1])).header, notes)


def test_notes_that_unpack_to_terabytes():
    import zlib

    from glf.compression.tiles import unpack_notes

    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(17)) + packer.flush()
    assert len(bomb) < 1 << 17
    with pytest.raises(DamagedFile, match="cut off, or too long"):
        unpack_notes(bomb)
    for data in (b"", b"text", zlib.compress(b"[1]"), zlib.compress(b"{")):
        with pytest.raises(DamagedFile, match="the notes cannot be read"):
            unpack_notes(data)


def test_the_decoder_needs_no_tensorflow(small, tmp_path):
    x, data = small
    stored.save(GREY, tmp_path / "m.npz", {})
    (tmp_path / "x.glfz").write_bytes(data)
    code = """
import sys
from glf.compression import stored
from glf.compression.decompress import Decompressor
from glf.compression.reading import Reader
from glf.compression.written import write_images
model, fingerprint, _ = stored.load("m.npz")
with open("x.glfz", "rb") as file:
    write_images(Decompressor(Reader(file), model, bytes(range(16))), "x.npy")
assert not {"tensorflow", "keras", "tensorflow_probability"} & set(sys.modules)
"""
    root = str(container.__file__).rsplit("/glf/", 1)[0]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {root!r})\n{code}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), x)


def test_a_report(small, tmp_path):
    x, data = small
    images = ArrayOfImages(x, GREY)
    written = compress(GREY, PRINT, images, tmp_path / "x.glfz", per_block=2)
    first, cost, *rest = report.lines(GREY, images, written)
    shown = ["this", "file", f"{8 * len(data) / x.size:.4f}", "bits/dim", str(len(data)), "bytes"]
    assert first.split() == shown
    assert float(cost.split("cost")[1].split()[0]) == pytest.approx(GREY.bits(x).mean(), abs=6e-5)
    assert len(rest) == 2 * len(others.formats())
    picture = report.bits_picture(GREY, images, count=3)
    assert picture.shape == (16 * 11, 16 * 16, 3)


def test_sheets_hold_all_images():
    x = drawn(7, 4, 3, 1)
    (sheet,) = others.sheets(x)
    rows, columns = sheet.shape[0] // 4, sheet.shape[1] // 3
    found = [sheet[4 * i : 4 * i + 4, 3 * j : 3 * j + 3] for i, j in np.ndindex(rows, columns)]
    np.testing.assert_array_equal(found[:7], x)
