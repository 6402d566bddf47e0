"""Mutated files: one clear error, or what was written; never anything else."""

import functools
import io
import random
import time

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from toy import Toy

from glf.compression import container
from glf.compression.compress import compress
from glf.compression.container import DamagedFile
from glf.compression.decompress import Decompressor
from glf.compression.images import ArrayOfImages
from glf.compression.reading import Reader

PRINT = bytes(range(16))
MODEL = Toy((2, 2, 1), 5, 2, components=1).model
# The same bytes decode to the same images: what is looked for lies before that.
MODEL.decode = functools.cache(MODEL.decode)
IMAGES = np.random.default_rng(0).integers(0, 5, (9, 2, 3, 1)).astype(np.uint8)
PARTS = ("header", "index", "notes", "block", "file")
SETTINGS = {"deadline": None, "database": None, "derandomize": True}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "x.glfz"
    compress(MODEL, PRINT, ArrayOfImages(IMAGES, MODEL), path, per_block=5)
    return path.read_bytes()


def resigned(data):
    """The header with a digest that belongs to what it says now: a hostile writer's."""
    size = container.HEADER_SIZE - container.DIGEST
    return data[:size] + container.digest(data[:size]) + data[container.HEADER_SIZE :]


KINDS = ("flip", "cut", "tail", "double", "put", "zeros")
STEP = st.tuples(
    st.sampled_from(KINDS),
    st.floats(0, 1, exclude_max=True),
    st.integers(1, 40),
    st.binary(min_size=1, max_size=8),
)


def mutated(data, steps, sign):
    """Bytes with bits flipped, pieces cut out, doubled, cleared, put in, the tail cut off."""
    for kind, where, length, new in steps:
        at = int(where * len(data))
        end = at + length
        piece = data[at:end]
        if kind == "flip":
            middle = bytes(a ^ b for a, b in zip(piece, new, strict=False)) + piece[len(new) :]
        else:
            middle = {"cut": b"", "tail": b"", "double": 2 * piece, "put": piece + new}
            middle = middle.get(kind, bytes(len(piece)))
        data = data[:at] + middle + (b"" if kind == "tail" else data[end:])
    return resigned(data) if sign else data


def images_of(data, recover):
    decompressor = Decompressor(Reader(io.BytesIO(data), recover), MODEL, PRINT, recover)
    if decompressor.listed.count > 100:
        # A hostile header may promise many images; they come one after the other, and so on.
        return {}
    return {i: image for i, image in decompressor.images() if image is not None}


def judge(changed):
    start, said = time.process_time(), []
    for recover in (False, True):
        try:
            found = images_of(changed, recover)
        except DamagedFile as error:
            said.append(str(error))
            continue
        for i, image in found.items():
            np.testing.assert_array_equal(image, IMAGES[i])
    assert all(any(part in message for part in PARTS) for message in said), said
    assert time.process_time() - start < 5.0


@hypothesis.given(st.lists(STEP, min_size=1, max_size=4), st.booleans())
@hypothesis.settings(max_examples=100, **SETTINGS)
def test_mutated_files(data, steps, sign):
    judge(mutated(data, steps, sign))


@pytest.mark.slow
@hypothesis.given(st.integers(0, 2**32))
@hypothesis.settings(max_examples=400, **SETTINGS)
def test_ten_thousand_mutated_files(data, seed):
    """25 of each example: hypothesis takes longer to think of one than reading it does."""
    rng = random.Random(seed)
    for _ in range(25):
        steps = [
            (rng.choice(KINDS), rng.random(), rng.randint(1, 40), rng.randbytes(rng.randint(1, 8)))
            for _ in range(rng.randint(1, 4))
        ]
        judge(mutated(data, steps, rng.random() < 0.5))
