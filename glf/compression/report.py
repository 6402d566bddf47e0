"""What compressing cost, as lines of text and as a picture."""

import numpy as np

from glf.compression.others import compared
from glf.compression.tiles import image_of, tiles_of


def speed(values, seconds, network_seconds):
    """Rates as text: all together, networks and coder apart."""

    def rate(part):
        return values / max(part, 1e-9) / 1e6

    return (
        f"{rate(seconds):.3f} MB/s ({seconds:.1f} s; networks {rate(network_seconds):.3f} MB/s, "
        f"the rest {rate(seconds - network_seconds):.3f})"
    )


def summary(written):
    """What `compress` returned, as text."""
    return (
        f"{written['images']} images, {written['values']} bytes to {written['bytes']}: "
        f"{written['bits_per_dim']:.4f} bits/dim, "
        + speed(written["values"], written["seconds"], written["network_seconds"])
    )


def model_bits(model, images):
    """Bits that an `IntegerModel` gives images, with what tiles add at the edges."""
    return sum(model.bits(tiles_of(image, model.shape)).sum() for image in images)


def lines(model, images, written):
    """A table: the file beside the model's own cost, and beside PNG, WebP and JPEG XL.

    Args:
      model: the `IntegerModel`, or the `AutoregressiveCoder`.
      images: what was compressed, see `glf.compression.images`.
      written: what `compress` returned.
    """
    dims, pixels = written["values"], list(images.images())
    rows = [("this file", written["bytes"])]
    rows.append(("the model's cost", model_bits(model, pixels) / 8))
    same = len({image.shape for image in pixels}) == 1
    found = compared(np.stack(pixels) if same else pixels)
    rows += [(", ".join(name), size) for name, size in found.items()]
    width = max(len(name) for name, _ in rows)
    return [
        f"{name:<{width}}  {8 * size / dims:8.4f} bits/dim  {size:12.0f} bytes"
        for name, size in rows
    ]


def bits_picture(model, images, count=8):
    """uint8 [rows, columns, 3]: images, and under each what its pixels cost.

    From dark, nothing, to bright, the dearest 1 % of all pixels shown; bits of a pixel's channels
    are added.
    """
    from glf.evaluation.heat_map import heat_map
    from glf.evaluation.pictures import grid, to_bytes

    shown, maps = [], []
    for image in images.images():
        if len(shown) == count:
            break
        tiles = tiles_of(image, model.shape)
        maps.append(image_of(model.bits(tiles), image.shape[:2]).sum(-1))
        shown.append(np.broadcast_to(to_bytes(image, model.levels), (*image.shape[:2], 3)))
    top = np.quantile(np.concatenate([m.reshape(-1) for m in maps]), 0.99)
    height, width = (max(m.shape[i] for m in maps) for i in (0, 1))
    pairs = shown + [heat_map(m, 0.0, top) for m in maps]
    canvas = np.full((len(pairs), height, width, 3), 255, np.uint8)
    for place, part in zip(canvas, pairs, strict=True):
        place[: part.shape[0], : part.shape[1]] = part
    return grid(canvas, columns=len(shown), min_side=64)
