"""Integer models: bijections and distributions of integers, coded and stored."""

import io

import numpy as np
import pytest
from toy import Toy

from glf.compression import stored

SHAPES = {
    "odd, mixtures": Toy(),
    "odd, colours": Toy((3, 5, 3), 256, 0, components=1),
    "one row": Toy((1, 6, 1), 2, 1),
}


@pytest.fixture(params=SHAPES, scope="module")
def toy(request):
    return SHAPES[request.param]


def test_images_come_back(toy):
    x, model = toy.images, toy.model
    data = model.encode(x)
    np.testing.assert_array_equal(model.decode(data, len(x)), x)
    alone = model.encode(x[:1])
    np.testing.assert_array_equal(model.decode(alone, 1), x[:1])


def test_rows_do_not_depend_on_each_other(toy):
    order = np.random.default_rng(0).permutation(len(toy.images))
    x = toy.images[order]
    np.testing.assert_array_equal(toy.model.bits(x), toy.model.bits(toy.images)[order])
    np.testing.assert_array_equal(toy.model.decode(toy.model.encode(x), len(x)), x)


def test_the_size_is_the_cost(toy):
    x = np.repeat(toy.images, 20, 0)
    bits = toy.model.bits(x)
    assert bits.shape == x.shape
    size = 8 * len(toy.model.encode(x))
    # The halves of an escape that are zeros and go in first cost nothing.
    assert size == pytest.approx(bits.sum(), rel=0.005) or size < bits.sum()


def test_bits_belong_to_their_pixels():
    """A model without couplings: the bits of a value change with that value alone."""
    toy = Toy((4, 4, 1), parted=False)
    model = toy.model
    model.stages = [s for s in model.stages if s["do"] in ("squeeze", "permute")]
    x = toy.images[:1]
    other = x.copy()
    other[0, 2, 1, 0] += 1 if other[0, 2, 1, 0] < 16 else -1
    changed = model.bits(x) != model.bits(other)
    assert np.argwhere(changed).tolist() == [[0, 2, 1, 0]]


def test_a_bijection_and_probabilities_on_a_whole_grid():
    toy = Toy((1, 2, 1), 256, 128, parted=False, seed=3)
    model = toy.model
    prior = model.priors[-1]
    prior.constants[:] = np.clip(prior.constants, -40, 40)  # narrow enough for the grid
    side = np.arange(80, 176, dtype=np.uint8)
    x = np.stack(np.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 1, 2, 1)
    ((_, z, _),) = model.through(x)
    assert len(np.unique(z.reshape(len(z), -1), axis=0)) == len(x)
    np.testing.assert_array_equal(model.decode(model.encode(x), len(x)), x)
    assert (2.0 ** -model.bits(x).sum((1, 2, 3))).sum() == pytest.approx(1.0, abs=2e-3)


def test_what_decodes_to_no_image():
    toy = Toy((1, 2, 1), 200, 0, parted=False)
    data = toy.model.encode(np.full((1, 1, 2, 1), 199, np.uint8))
    toy.model.levels = 199
    with pytest.raises(ValueError, match="no image"):
        toy.model.decode(data, 1)


def test_stored_and_loaded(tmp_path):
    toy, path = Toy((3, 4, 2)), tmp_path / "model.npz"
    written = stored.save(toy.model, path, {"step": 3})
    model, fingerprint, about = stored.load(path)
    assert (fingerprint, about) == (written, {"step": 3})
    assert model.encode(toy.images) == toy.model.encode(toy.images)
    assert stored.fingerprint(*stored.packed(model)) == written


def test_a_fingerprint_is_of_every_number():
    document, arrays = stored.packed(Toy().model)
    first = stored.fingerprint(document, arrays)
    for name in ("networks/0/1/weights", "priors/0/scales", "tables/cumulative"):
        other = dict(arrays)
        other[name] = arrays[name].copy()
        other[name].flat[-1] ^= 1
        assert stored.fingerprint(document, other) != first
    assert stored.fingerprint(document | {"offset": 1}, arrays) != first


def test_files_that_hold_no_model(tmp_path):
    path = tmp_path / "model.npz"
    stored.save(Toy().model, path, {})
    whole = path.read_bytes()
    np.savez(other := io.BytesIO(), x=np.zeros(3))
    pickled = io.BytesIO()
    np.savez(pickled, x=np.array([{}], object))
    for data in (b"", b"text", whole[:-100], other.getvalue(), pickled.getvalue()):
        path.write_bytes(data)
        with pytest.raises(ValueError, match="no integer model that this package can read"):
            stored.load(path)
    with pytest.raises(OSError, match="absent"):
        stored.load(tmp_path / "absent.npz")
