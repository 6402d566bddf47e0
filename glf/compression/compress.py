"""Images to a .glfz file, block by block, by an `IntegerModel`."""

import time

import numpy as np

from glf.compression import container
from glf.compression.clock import Clock
from glf.compression.container import Header, Writer, pixels_crc
from glf.compression.tables import PRECISION
from glf.compression.tiles import pack_notes, tile_count, tiles_of
from glf.core import files
from glf.core.progress import Progress

# Values of a block unless it is told otherwise.
_USUAL_BLOCK = 1 << 18


def compress(model, fingerprint, images, path, *, per_block=None, kind=container.INTEGER, more=()):
    """Writes a file, whole or not at all.

    Args:
      model: an `IntegerModel`, or an `AutoregressiveCoder`.
      fingerprint: its 16 bytes.
      images: an `ArrayOfImages` or a `FolderOfImages`.
      path: the file to write.
      per_block: images (tiles) of a block; None: as many as have 2^18 values.
      kind: of the header.
      more: notes besides those of the images.

    Returns:
      {"images", "values", "bytes", "bits_per_dim", "seconds", "network_seconds"}: `values` are the
      images' own, without what tiles add at the edges.

    Raises:
      ValueError: if an image is not one of the model's.
      OSError: if the file cannot be written.
    """
    values = int(np.prod(model.shape))
    per_block = per_block or max(1, _USUAL_BLOCK // values)
    per_block = min(per_block, container.most_images(values))
    count = tile_count(images.sizes, model.shape)
    blocks = -(-count // per_block)
    header = Header(
        *(kind, PRECISION, *model.shape, model.levels),
        *(count, blocks, per_block, 0, fingerprint),
    )
    clock, start = Clock(model), time.perf_counter()
    with files.atomic_path(path) as temporary, open(temporary, "wb") as file:
        writer = Writer(file, header, pack_notes({**(images.notes or {}), **dict(more)}))
        progress = Progress("Compressed blocks", blocks)
        for number, block in enumerate(_blocks(images, model.shape, per_block)):
            writer.add(clock.model.encode(block), pixels_crc(block))
            progress.at(number + 1)
        writer.close()
        size = file.tell()
    dims = sum(h * w for h, w in images.sizes) * model.shape[2]
    return {
        "images": len(images.sizes),
        "values": dims,
        "bytes": size,
        "bits_per_dim": 8 * size / dims,
        "seconds": time.perf_counter() - start,
        "network_seconds": clock.seconds,
    }


def _blocks(images, shape, per_block):
    """Blocks of tiles, all but the last of `per_block`."""
    waiting, count = [], 0
    for image in images.images():
        tiles = tiles_of(image, shape)
        while len(tiles):
            taken, tiles = tiles[: per_block - count], tiles[per_block - count :]
            waiting.append(taken)
            count += len(taken)
            if count == per_block:
                yield np.ascontiguousarray(np.concatenate(waiting))
                waiting, count = [], 0
    if waiting:
        yield np.ascontiguousarray(np.concatenate(waiting))
