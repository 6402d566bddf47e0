"""SavedModels that work without this package, to the last bit."""

import json
import os

import numpy as np
import pytest
import tensorflow as tf
import without_package

from glf.export import export_model, read_description

SIZES = (1, 3, 300)
NAMES = ["sample", "encode", "decode", "reconstruct", "latent_log_prob"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory, glf):
    out = tmp_path_factory.mktemp("exports") / "new" / "digits"
    assert export_model(glf, out, step=17) == NAMES
    return out


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory, exported, digits):
    """(inputs, outputs) of a process that knows nothing of this package."""
    generator = np.random.default_rng(0)
    given = {
        size: {
            "images": digits.examples("train", slice(0, size))["x"],
            "latents": generator.normal(size=(size, 4)).astype(np.float32),
            "num": np.int32(size),
            "temperature": np.float32(0.8),
            "seed": np.int64(2**40 + 5),
        }
        for size in SIZES
    }
    folder = tmp_path_factory.mktemp("elsewhere")
    return given, without_package.run(folder, {"export": exported}, {"export": given})


@pytest.fixture(scope="module")
def expected(elsewhere, glf):
    """A function of (name, size): what the model gives as it is, and opened for inference.

    So its batch normalisations are parts of the layers after them, in an export, too.
    """

    def results():
        found = {}
        for size in SIZES:
            x, z = (tf.constant(elsewhere[0][size][each]) for each in ("images", "latents"))
            found |= {
                ("sample", size): glf.sample(size, 2**40 + 5, 0.8),
                ("encode", size): glf.encode(x),
                ("decode", size): glf.decode(z),
                ("reconstruct", size): glf.reconstruct(x),
                ("latent_log_prob", size): glf.latent_log_prob(z),
            }
        return {key: value.numpy() for key, value in found.items()}

    plain = results()
    with glf.settled():
        opened = results()
    return lambda *key: (plain[key], opened[key])


@pytest.mark.slow
@pytest.mark.parametrize("way", without_package.WAYS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NAMES)
def test_equal_bits_without_the_package(elsewhere, expected, name, size, way):
    plain, opened = expected(name, size)
    found = elsewhere[1]["export", size, name, way]
    without_package.assert_equal_bits(found, opened)
    if name == "latent_log_prob":
        np.testing.assert_allclose(found, plain, rtol=1e-6)
    else:
        without_package.assert_equal_bits(found, plain)


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


@pytest.mark.parametrize("name", ["a[1]", "a*", "a?", "a\\b", "[x]/export"])
def test_a_name_that_tensorflow_would_not_find_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"tf\.saved_model\.load takes .* Give a path without"):
        export_model(None, name)
    assert os.listdir(tmp_path) == []


def test_an_earlier_export_is_replaced_without_litter(tmp_path, glf):
    out = tmp_path / "export"
    export_model(glf, out, step=1)
    (out / "stale").write_text("of the earlier export")
    export_model(glf, out, step=2)
    assert read_description(out)["step"] == 2
    assert not (out / "stale").exists()
    assert os.listdir(tmp_path) == ["export"]


def test_an_empty_folder_is_used_and_files_are_taken_along(tmp_path, glf):
    (tmp_path / "export").mkdir()
    (tmp_path / "file").write_text("beside")
    export_model(glf, tmp_path / "export", beside={"more": tmp_path / "file"})
    assert read_description(tmp_path / "export")["step"] is None
    assert (tmp_path / "export" / "more").read_text() == "beside"


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
    from glf.models.drawn import drawn_integers

    class Black(GenerativeModel):
        def _loss_terms(self, x, seed, training, condition):
            return {"loss": tf.zeros(tf.shape(x)[:1])}

        def _draw(self, num, seed, temperature, condition):
            return drawn_integers(tf.zeros(tf.stack([num, *self.spec.shape]), tf.uint8))

        def parameter_groups(self):
            return {}

    assert export_model(Black(digits.spec), tmp_path / "black") == ["sample"]


def test_a_full_disk_is_said_without_the_operations_own_words(tmp_path, glf, monkeypatch):
    def full(module, path, **options):
        raise tf.errors.ResourceExhaustedError(None, None, f"{path}; No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", full)
    said = r"Could not write the export to .*/out: No space left on device\. Free some space"
    with pytest.raises(OSError, match=said):
        export_model(glf, tmp_path / "out")
    assert os.listdir(tmp_path) == []
