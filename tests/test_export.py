"""SavedModels that work without this package, to the last bit."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from glf.export import export_model, read_description

SIZES = (1, 3, 300)
NAMES = ["sample", "encode", "decode", "reconstruct", "latent_log_prob"]

# Runs elsewhere, where importing the package fails: inputs from one file, outputs to another.
USER = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("glf", "keras", "tensorflow_probability"):
            raise ImportError(name)

import numpy as np
import tensorflow as tf

for name in [n for n in sys.modules if n.split(".")[0] == "keras"]:
    del sys.modules[name]
sys.meta_path.insert(0, Blocker())
try:
    import glf
except ImportError:
    pass
else:
    raise SystemExit("glf can be imported")

export, given, out = sys.argv[1:]
given = np.load(given)
loaded = tf.saved_model.load(export)
found = {}
for size in given["sizes"]:
    x, z = tf.constant(given[f"x{size}"]), tf.constant(given[f"z{size}"])
    sampling = {
        "num": tf.constant(size, tf.int32),
        "temperature": tf.constant(0.8),
        "seed": tf.constant(2**40 + 5, tf.int64),
    }
    arguments = {
        "sample": sampling,
        "encode": {"images": x},
        "decode": {"latents": z},
        "reconstruct": {"images": x},
        "latent_log_prob": {"latents": z},
    }
    for name, given_to in arguments.items():
        ways = {"function": getattr(loaded, name), "signature": loaded.signatures[name]}
        for way, function in ways.items():
            (value,) = function(**given_to).values()
            found[f"{name} {size} {way}"] = value.numpy()
np.savez(out, **found)
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory, glf):
    out = tmp_path_factory.mktemp("exports") / "new" / "digits"
    assert export_model(glf, out, step=17) == NAMES
    return out


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory, exported, glf, digits):
    """(inputs, outputs) of a process that knows nothing of this package."""
    folder = tmp_path_factory.mktemp("elsewhere")
    shutil.copytree(exported, folder / "export")
    (folder / "user.py").write_text(USER)
    given = {"sizes": np.array(SIZES)}
    generator = np.random.default_rng(0)
    for size in SIZES:
        given[f"x{size}"] = digits.examples("train", slice(0, size))["image"]
        given[f"z{size}"] = generator.normal(size=(size, 4)).astype(np.float32)
    np.savez(folder / "given.npz", **given)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [sys.executable, "-I", "user.py", "export", "given.npz", "found.npz"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    with np.load(folder / "found.npz") as found:
        return given, dict(found)


@pytest.mark.parametrize("way", ["function", "signature"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NAMES)
def test_equal_bits_without_the_package(elsewhere, glf, name, size, way):
    given, found = elsewhere
    x, z = tf.constant(given[f"x{size}"]), tf.constant(given[f"z{size}"])
    expected = {
        "sample": lambda: glf.sample(size, 2**40 + 5, 0.8),
        "encode": lambda: glf.encode(x),
        "decode": lambda: glf.decode(z),
        "reconstruct": lambda: glf.reconstruct(x),
        "latent_log_prob": lambda: glf.latent_log_prob(z),
    }[name]().numpy()
    value = found[f"{name} {size} {way}"]
    assert value.dtype == expected.dtype
    assert value.shape == expected.shape
    assert value.tobytes() == expected.tobytes()


def test_the_description(exported):
    description = read_description(exported)
    assert description["model"] == "GLF"
    assert description["step"] == 17
    assert description["image_shape"] == [8, 8, 1]
    assert description["levels"] == 17
    assert description["tensorflow"] == tf.__version__
    assert list(description["signatures"]) == NAMES
    loaded = tf.saved_model.load(str(exported))
    assert set(loaded.signatures) == set(NAMES)
    for name, described in description["signatures"].items():
        signature = loaded.signatures[name]
        assert set(signature.structured_input_signature[1]) == set(described["takes"])
        assert set(signature.structured_outputs) == set(described["gives"])
        for key, spec in signature.structured_outputs.items():
            assert described["gives"][key].startswith(spec.dtype.name)


def test_an_earlier_export_is_replaced_without_litter(tmp_path, glf):
    out = tmp_path / "export"
    export_model(glf, out, step=1)
    (out / "stale").write_text("of the earlier export")
    export_model(glf, out, step=2)
    assert read_description(out)["step"] == 2
    assert not (out / "stale").exists()
    assert os.listdir(tmp_path) == ["export"]


def test_an_empty_folder_is_used(tmp_path, glf):
    (tmp_path / "export").mkdir()
    export_model(glf, tmp_path / "export")
    assert read_description(tmp_path / "export")["step"] is None


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_is_not_an_export_is_left_alone(tmp_path, glf, what):
    out = tmp_path / "mine"
    if what == "file":
        out.write_text("mine")
    else:
        out.mkdir()
        (out / "thesis.tex").write_text("mine")
    with pytest.raises(ValueError, match="is not an earlier export"):
        export_model(glf, out)
    assert (out if what == "file" else out / "thesis.tex").read_text() == "mine"
    assert os.listdir(tmp_path) == ["mine"]


@pytest.mark.parametrize("before", [None, "empty", "export"])
def test_whole_or_absent(tmp_path, glf, monkeypatch, before):
    out = tmp_path / "export"
    if before == "export":
        export_model(glf, out, step=1)
    elif before == "empty":
        out.mkdir()

    def full(module, folder, signatures):
        os.makedirs(folder)
        raise OSError("No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", full)
    with pytest.raises(OSError, match="No space left"):
        export_model(glf, out, step=2)
    assert os.listdir(tmp_path) == ([] if before is None else ["export"])
    if before == "export":
        assert json.loads((out / "signatures.json").read_text())["step"] == 1
        assert tf.saved_model.load(str(out)).signatures


def test_another_model_has_what_it_can(tmp_path, digits):
    from glf.models.base import GenerativeModel

    class Black(GenerativeModel):
        def loss_terms(self, x, seed, training):
            return {"loss": tf.zeros(tf.shape(x)[:1])}

        def sample(self, num, seed, temperature=1.0):
            return tf.zeros(tf.stack([num, *self.spec.image_shape]), tf.uint8)

        def parameter_groups(self):
            return {}

    assert export_model(Black(digits.spec), tmp_path / "black") == ["sample"]
