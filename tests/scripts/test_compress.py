"""Files of images by programs, with an integer model by itself: TensorFlow is not loaded."""

import numpy as np
import pytest
from toy import Toy

from glf.compression import stored


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with m.npz, other.npz, two integer models, and x.npy, images."""
    path = tmp_path_factory.mktemp("compress")
    stored.save(Toy((4, 4, 1), 256, 128).model, path / "m.npz", {})
    stored.save(Toy((4, 4, 1), 256, 128, seed=1).model, path / "other.npz", {})
    np.save(path / "x.npy", np.random.default_rng(0).integers(0, 256, (9, 4, 4, 1), np.uint8))
    return path


def flags(folder, **more):
    made = {"model": folder / "m.npz", "by": "numpy", **more}
    return [f"--{name}={value}" for name, value in made.items() if value is not None]


@pytest.fixture(scope="module")
def done(folder, programs, trained):
    """What programs said, run one after the other where they need each other's files."""
    x, file = folder / "x.npy", folder / "x.glfz"
    said = programs({"compress": ("compress", *flags(folder, images=x, out=file, block=2))})
    data = bytearray(file.read_bytes())
    data[-200] ^= 1
    (folder / "damaged.glfz").write_bytes(data)
    damaged = {"file": folder / "damaged.glfz", "out": folder / "z.npy"}
    wrong = {"images": folder, "out": folder / "w.glfz"}
    commands = {
        "decompress": ("decompress", *flags(folder, file=file, out=folder / "y.npy")),
        "damaged": ("decompress", *flags(folder, **damaged)),
        "recovered": ("decompress", *flags(folder, **damaged), "--recover"),
        "other": (
            "decompress",
            *flags(folder, model=folder / "other.npz", file=file, out=folder / "o.npy"),
        ),
        "no file": ("decompress", *flags(folder, file=x, out=folder / "n.npy")),
        "empty folder": ("compress", *flags(folder, **wrong)),
        "no images": ("compress", *flags(folder, images="nothing", out=folder / "w.glfz")),
        "split": ("compress", *flags(folder, images="test", out=folder / "w.glfz")),
        "floats": ("compress", *flags(folder, images=x, out=folder / "w.glfz"), "--float"),
        "no model": ("compress", *flags(folder, model="x", images=x, out=folder / "w.glfz")),
        "another model": (
            "compress",
            *flags(folder, model=trained, images="test", out=folder / "w.glfz"),
        ),
        "kind": ("compress", *flags(folder, images=x, out=folder / "w.npz")),
    }
    return said | programs(commands)


@pytest.mark.slow
def test_images_come_back(folder, done):
    assert done["compress"].returncode == 0, done["compress"].stderr
    assert "9 images, 144 bytes to" in done["compress"].stdout
    assert "bits/dim" in done["compress"].stdout
    assert done["decompress"].returncode == 0, done["decompress"].stderr
    assert (folder / "y.npy").read_bytes() == (folder / "x.npy").read_bytes()


@pytest.mark.slow
def test_what_is_intact_is_recovered(folder, done):
    assert done["recovered"].returncode == 0, done["recovered"].stderr
    assert "2 of 9 images are lost" in done["recovered"].stderr
    x, z = np.load(folder / "x.npy"), np.load(folder / "z.npy")
    assert len(z) == 7
    assert all(any((image == one).all() for one in x) for image in z)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("damaged", "block 3 is damaged: its checksum"),
        ("other", "was written by the integer model"),
        ("no file", "not that of a .glfz file"),
        ("empty folder", "There are no images in"),
        ("no images", "no such folder or file"),
        ("split", "give a run as --model"),
        ("floats", "--float needs the run itself"),
        ("no model", "neither a run's folder"),
        ("another model", "coded by an IntegerFlow or an Autoregressive; "),
        ("kind", "expected a .glfz file"),
    ],
)
def test_one_clear_error(folder, done, key, message):
    said = done[key].stderr
    assert done[key].returncode == 1
    assert message in said
    assert "Traceback" not in said
    assert not (folder / "w.glfz").exists()
