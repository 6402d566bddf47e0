"""Image files of all kinds: what is kept, what is said, what is refused."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from glf.data.files import Conversions, read_pixels

GREY = np.array([[0, 257, 65535]], np.uint16)


def write_tiff(path, values, bits, sample_format=1, photometric=1):
    """A TIFF of one row as Pillow itself does not write it."""
    data = values if isinstance(values, bytes) else values.tobytes()
    width = 2 if isinstance(values, bytes) else len(values)
    fields = [(256, width), (257, 1), (258, bits), (259, 1), (262, photometric), (273, 134)]
    fields += [(277, 1), (278, 1), (279, len(data)), (339, sample_format)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields)
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, 10) + entries + struct.pack("<I", 0) + data)


def _read(path):
    conversions = Conversions()
    return read_pixels(path, conversions), conversions


def _said(conversions, said):
    conversions.warn("x")
    return said[-1] if said else None


@pytest.mark.parametrize("kind", ["png", "tiff", "pgm"])
def test_of_16_bits_the_upper_8_are_kept_and_said(tmp_path, said, kind):
    Image.fromarray(GREY).save(tmp_path / f"a.{kind}")
    pixels, conversions = _read(tmp_path / f"a.{kind}")
    np.testing.assert_array_equal(pixels[..., 0], [[0, 1, 255]])
    assert _said(conversions, said) == (
        "x: images were converted: 1 of more than 8 bits keep their upper 8 (reaching 100.0% of "
        "their range)"
    )


def test_12_bits_and_white_at_zero(tmp_path):
    write_tiff(tmp_path / "a.tif", b"\x0f\xff\x00", 12)  # 255 and 3840
    np.testing.assert_array_equal(_read(tmp_path / "a.tif")[0][..., 0], [[15, 240]])
    write_tiff(tmp_path / "b.tif", GREY[0], 16, photometric=0)
    np.testing.assert_array_equal(_read(tmp_path / "b.tif")[0][..., 0], [[255, 254, 0]])


def test_images_that_only_use_the_lowest_bits_are_refused_together(tmp_path, said):
    conversions = Conversions()
    Image.fromarray(np.full((2, 2), 255, np.uint16)).save(tmp_path / "a.png")
    Image.fromarray(GREY).save(tmp_path / "b.png")
    read_pixels(tmp_path / "a.png", conversions)
    with pytest.raises(ValueError, match=r"The 1 images of 'x' .* are black in the upper 8"):
        conversions.warn("x")
    read_pixels(tmp_path / "b.png", conversions)
    assert "2 of more than 8 bits" in _said(conversions, said)


@pytest.mark.parametrize(
    ("values", "bits", "sample_format", "message"),
    [
        (np.array([0, 0.5, 1], np.float32), 32, 3, "it holds floats"),
        (np.array([-3, 5, 300], np.int16), 16, 2, "signed integers or ones of 32 bits"),
        (np.array([-3, 5, 100], np.int8), 8, 2, "signed integers or ones of 32 bits"),
        (np.array([3, 5, 70000], np.uint32), 32, 1, "signed integers or ones of 32 bits"),
    ],
)
def test_numbers_that_would_be_clipped_are_refused(tmp_path, values, bits, sample_format, message):
    write_tiff(tmp_path / "a.tif", values, bits, sample_format)
    with pytest.raises(OSError, match=message):
        read_pixels(tmp_path / "a.tif")


def test_colours_of_16_bits(tmp_path, said):
    write_png_16(tmp_path / "a.png", [[1000, 300, 65535]])
    pixels, conversions = _read(tmp_path / "a.png")
    np.testing.assert_array_equal(pixels, [[[3, 1, 255]]])
    assert "1 of more than 8 bits a channel keep their upper 8" in _said(conversions, said)
    write_png_16(tmp_path / "b.png", [[100, 200, 255]])
    with pytest.raises(ValueError, match="are black in the upper 8"):
        _read(tmp_path / "b.png")[1].warn("x")


def write_png_16(path, pixels):
    """A PNG of one row of RGB with 16 bits a channel, which Pillow does not write."""

    def chunk(kind, data):
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    raw = b"\0" + np.array(pixels, ">u2").tobytes()
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", len(pixels), 1, 16, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )


def test_alpha_frames_and_other_colours_are_counted(tmp_path, said):
    clear = np.array([[[10, 20, 30, 255], [10, 20, 30, 0]]], np.uint8)
    frames = [Image.new("L", (2, 1), value) for value in (10, 200)]
    images = {
        "opaque.png": Image.new("RGBA", (1, 1), (1, 2, 3, 255)),
        "clear.png": Image.fromarray(clear),
        "clear.tif": Image.fromarray(clear),
        "print.tif": Image.new("CMYK", (1, 1)),
        "lab.tif": Image.new("LAB", (1, 1)),
    }
    for name, image in images.items():
        image.save(tmp_path / name)
    for name in ("pages.tif", "frames.gif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    Image.fromarray(GREY).save(tmp_path / "hole.png", transparency=257)
    conversions = Conversions()
    read = {p.name: read_pixels(p, conversions) for p in sorted(tmp_path.iterdir())}
    np.testing.assert_array_equal(read["clear.tif"], [[[10, 20, 30], [255, 255, 255]]])
    np.testing.assert_array_equal(read["hole.png"][..., 0], [[0, 255, 255]])
    assert read["pages.tif"].max() == 10
    assert _said(conversions, said) == (
        "x: images were converted: 1 are brought from CMYK to RGB without a colour profile; 1 are "
        "brought from LAB to RGB without a colour profile; 2 have several frames or pages, of "
        "which the first is taken; 1 of more than 8 bits keep their upper 8 (reaching 100.0% of "
        "their range); 3 with transparent pixels are laid over white"
    )


def test_nothing_is_said_of_what_is_kept(tmp_path, said):
    Image.new("RGB", (2, 2)).save(tmp_path / "a.tif")
    Image.new("L", (2, 2)).save(tmp_path / "b.pgm")
    conversions = Conversions()
    for path in tmp_path.iterdir():
        read_pixels(path, conversions)
    assert _said(conversions, said) is None
