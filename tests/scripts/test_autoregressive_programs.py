"""Autoregressive models through the programs: trained, sampled in every way, compared."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from glf.data.make import make_dataset

pytestmark = pytest.mark.slow

STUDIES = {
    "forecasting": "predictive_sampling/digits",
    "unshared": "predictive_sampling/digits_unshared",
    "labels": "gated_pixel_cnn/digits_labels",
    "codes": "discrete_autoencoder/digits",
    "flow": "toy/eight_gaussians_maf",
}
SHORT = ("train.pictures_every = 0", "train.validate_every = 0")


@pytest.fixture(scope="module")
def runs(programs, tmp_path_factory):
    """The folders of five short runs."""
    place = tmp_path_factory.mktemp("runs")
    files = {k: (f"configs/studies/{v}.gin", "configs/smoke.gin") for k, v in STUDIES.items()}
    done = programs(
        {
            name: (
                "train",
                f"--workdir={place}/{name}",
                "--nojit",
                *(f"--gin_file={file}" for file in files[name]),
                *(f"--gin_param={binding}" for binding in SHORT),
            )
            for name in STUDIES
        },
        quickly=True,
    )
    for finished in done.values():
        assert finished.returncode == 0, finished.stderr
    return place


@pytest.fixture(scope="module")
def used(programs, runs, tmp_path_factory):
    """The folder of outputs, and the finished processes."""
    out = tmp_path_factory.mktemp("outputs")
    image, labels, codes = (f"--workdir={runs}/{n}" for n in ("forecasting", "labels", "codes"))
    few = ("--num=5", "--seed=3")
    compared = ("--seeds=2", "--batch=3", "--sampler=cached_ancestral", "--sampler=windowed")
    done = programs(
        {
            "default": ("sample", image, *few, f"--out={out}/default.npz"),
            "ancestral": (
                *("sample", image, *few, "--sampler=ancestral"),
                f"--out={out}/ancestral.npz",
            ),
            "forecasting": (
                *("sample", image, *few, "--sampler=forecasting_windowed"),
                f"--out={out}/forecasting.npz",
            ),
            "inpainted": (
                *("sample", image, *few, "--inpaint=2,1,3,4", "--split=validation"),
                f"--out={out}/inpainted.npz",
            ),
            "picture": ("sample", image, *few, "--complete_rows=5", f"--out={out}/c.png"),
            "labels": ("sample", labels, *few, "--labels=3,1", f"--out={out}/labels.npz"),
            "other labels": ("sample", labels, *few, "--labels=3,2", f"--out={out}/other.npz"),
            "codes": ("sample", codes, *few, f"--out={out}/codes.npz"),
            "codes zeros": (
                *("sample", codes, *few, "--sampler=zeros"),
                f"--out={out}/codes_zeros.npz",
            ),
            "compare": (
                *("compare_samplers", image, f"--out={out}/compared", *compared),
                *("--sampler=fixed_point", "--pictures=4", "--min_side=16", "--ablations"),
                *("--window=2", "--window=8", "--horizon=1", "--horizon=50"),
                f"--unshared_workdir={runs}/unshared",
            ),
            "compare codes": (
                *("compare_samplers", codes, f"--out={out}/compared_codes", *compared),
                *("--pictures=4", "--ancestral_seeds=1", "--sampler=ancestral"),
            ),
            "compare flow": (
                *("compare_samplers", f"--workdir={runs}/flow", f"--out={out}/solvers", "--nojit"),
                *("--seeds=2", "--batch=3", "--solver=sequential", "--solver=fixed_point"),
            ),
            "wrong unshared": (
                *("compare_samplers", image, f"--out={out}/wrong"),
                f"--unshared_workdir={runs}/labels",
            ),
        },
        quickly=True,
    )
    return out, done


def images_of(path):
    with np.load(path) as archive:
        return archive["images"].astype(int)


def test_what_went_well(used):
    for name, finished in used[1].items():
        assert "Traceback" not in finished.stderr
        assert (finished.returncode == 0) == (name != "wrong unshared"), finished.stderr


def test_a_wrong_unshared_run(used):
    out, done = used
    said = done["wrong unshared"].stderr.rpartition("\nError: ")[2]
    assert "without the shared representation" in said
    assert not (out / "wrong").exists()


def test_every_sampler_gives_the_same_images(used):
    out, _ = used
    default = images_of(out / "default.npz")
    assert default.shape == (5, 8, 8, 1)
    assert default.max() <= 16
    for name in ("ancestral", "forecasting"):
        np.testing.assert_array_equal(images_of(out / f"{name}.npz"), default)
    codes = images_of(out / "codes.npz")
    np.testing.assert_array_equal(images_of(out / "codes_zeros.npz"), codes)


def test_files_without_loss(programs, runs, tmp_path):
    file, out = f"{tmp_path}/x.glfz", tmp_path / "x.npy"
    compress = ("compress", f"--model={runs}/forecasting", "--images=test", f"--out={file}")
    done = programs(
        {
            "compress": (*compress, "--float"),
            "integers": compress,
            "xla": (*compress, "--float", "--by=xla"),
            "labels": ("compress", f"--model={runs}/labels", *compress[2:], "--float"),
        },
        quickly=True,
    )
    assert done["compress"].returncode == 0, done["compress"].stderr
    assert "297 images, 19008 bytes to" in done["compress"].stdout
    for name, words in (
        ("integers", "add --float"),
        ("xla", "not by xla"),
        ("labels", "holds no labels"),
    ):
        assert done[name].returncode != 0
        assert words in done[name].stderr.rpartition("\nError: ")[2]
    decompress = ("decompress", f"--model={runs}/forecasting", f"--file={file}", f"--out={out}")
    done = programs({"decompress": decompress, "xla": (*decompress, "--by=xla")}, quickly=True)
    assert "leave --by=xla out" in done["xla"].stderr.rpartition("\nError: ")[2]
    back = done["decompress"]
    assert back.returncode == 0, back.stderr
    expected = make_dataset("digits").examples("test", slice(None))["x"]
    np.testing.assert_array_equal(np.load(out), expected)


def test_solvers_are_compared(used):
    out, done = used
    document = json.loads((out / "solvers/comparison.json").read_text())
    by_solver = document["solvers"]["3"]
    assert list(by_solver) == ["sequential", "fixed_point"]
    for found in by_solver.values():
        assert (found["differing"], found["uncertified"], found["error"]) == (0, 0, 0)
    assert by_solver["sequential"]["calls_percent"]["values"] == [100, 100]
    assert 0 < by_solver["fixed_point"]["calls_percent"]["mean"] <= 100
    said = done["compare flow"].stdout
    assert "autoregressive bijectors" in said
    assert "fixed_point" in said
    assert "fixed_point" in (out / "solvers/index.html").read_text()


COST = re.compile(
    r"(.+): ([\d.]+) calls a sample, ([\d.]+) % of d = (\d+) \(the slowest (\d+)\), ([\d.]+) "
    r"full-forward equivalents; (\d+) of (\d+) certified, (\d+) values in (\d+) of them mended by "
    r"(\d+) passes\. ([\d.]+) s, ([\d.]+) s a sample, after"
)


def test_what_samples_cost_is_said(used):
    _, done = used
    found = COST.search(done["ancestral"].stderr)
    assert found[1] == "ancestral"
    assert [float(n) for n in found.groups()[1:11]] == [64, 100, 64, 64, 64, 5, 5, 0, 0, 0]
    found = COST.search(done["forecasting"].stderr)
    assert found[1].endswith("forecasting_windowed, rows 2, horizon 2")
    assert float(found[2]) < 64
    found = COST.search(done["default"].stderr)
    assert "the configured sampler (Predictive), rows 2" in found[1]
    assert int(COST.search(done["codes"].stderr)[4]) == 4 * 4 * 2


def test_inpainting_keeps_what_is_given(used):
    out, _ = used
    digits = make_dataset("digits")
    images = digits.examples("validation", slice(0, 5))["x"]
    inpainted = images_of(out / "inpainted.npz")
    known = np.ones((8, 8), bool)
    known[2:5, 1:5] = False
    np.testing.assert_array_equal(inpainted[:, known], images[:, known])
    assert (inpainted[:, ~known] != images[:, ~known]).any()


def test_a_picture_of_completions(used):
    out, _ = used
    pixels = np.asarray(Image.open(out / "c.png"))
    image = make_dataset("digits").examples("test", [0])["x"][0, ..., 0].astype(int)
    # Two pairs in a row: what was given, in grey where nothing was, and beside it the image.
    assert pixels.shape == (3 * 9 + 1, 4 * 9 + 1)
    given, completed = pixels[1:9, 1:9], pixels[1:9, 10:18]
    assert (given[5:] == 128).all()
    np.testing.assert_array_equal(given[:5], np.rint(image[:5] * 255 / 16))
    np.testing.assert_array_equal(completed[:5], given[:5])
    assert (completed[5:] != np.rint(image[5:] * 255 / 16)).any()


def test_labels_are_taken_in_turn(used):
    out, _ = used
    images, other = images_of(out / "labels.npz"), images_of(out / "other.npz")
    np.testing.assert_array_equal(images[::2], other[::2])
    assert (images[1::2] != other[1::2]).any()


def test_a_comparison(used):
    out, done = used
    page, table = (
        (out / "compared" / name).read_text() for name in ("index.html", "comparison.md")
    )
    assert page.count(">windowed</th>") == table.count("| windowed |") == 1
    assert (out / "compared" / "comparison.csv").read_text().startswith("comparison,batch,sampler,")
    document = json.loads((out / "compared" / "comparison.json").read_text())
    assert document["positions"] == 64
    assert document["image_shape"] == [8, 8, 1]
    found = document["samplers"]["3"]
    assert list(found) == ["cached_ancestral", "windowed", "fixed_point"]
    for result in found.values():
        assert result["seeds"] == 2
        assert result["differing"] == result["uncertified"] == 0
        assert result["mended"] == result["mending_passes"] == 0
        assert set(result["speedup"]) == {"cached_ancestral", "fixed_point"}
    assert found["windowed"]["settings"] == {"rows": 2}
    assert found["fixed_point"]["settings"] == {}
    ablations = document["ablations"]
    assert list(ablations["window"]["3"]) == ["fixed_point", "window of 2 rows"]
    assert list(ablations["horizon"]["3"]) == ["fixed_point", "forecasting, T = 1"]
    assert list(ablations["unshared"]["3"]) == ["fixed_point", "forecasting"]
    assert ablations["unshared"]["3"]["forecasting"]["settings"] == {"horizon": 2}
    table = done["compare"].stdout
    assert "Samplers, batch 3" in table
    mean = found["windowed"]["calls_percent"]["mean"]
    assert re.search(rf"^windowed +2 +2 +{mean:.1f} \+- ", table, re.MULTILINE)


def test_the_picture_of_a_comparison(used):
    out, done = used
    caption = json.loads((out / "compared" / "comparison.json").read_text())["final_at"]
    assert caption["sampler"] == "fixed_point"
    assert f"to call {caption['last_call']} (near white)" in done["compare"].stdout
    pixels = np.asarray(Image.open(out / "compared" / "final_at.png"))
    assert pixels.shape == ((2 * 9 + 1) * 2 + 8, (4 * 9 + 1) * 2, 3)


def test_a_comparison_of_codes(used):
    out, _ = used
    document = json.loads((out / "compared_codes" / "comparison.json").read_text())
    assert document["image_shape"] == [4, 4, 2]
    assert document["levels"] == 8
    found = document["samplers"]["3"]
    assert found["ancestral"]["seeds"] == 1
    assert all(r["differing"] == 0 for r in found.values())
    assert document["final_at"]["sampler"] == "windowed"
