"""Programs on models of points and of pairs: trained, drawn from, judged."""

import json

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

STUDIES = {
    "vessels": ("conditional_flow/vessels_logistic", "make_dataset.image_size = 8"),
    "moons": ("toy/two_moons", "Chain.repeats = 1"),
}


def write_pairs(root):
    """Three images of 31 x 45 with masks by two people, small enough for a few tiles."""
    generator = np.random.default_rng(0)
    for kind, shape in (("images", (31, 45, 3)), ("masks", (31, 45)), ("observer2", (31, 45))):
        (root / kind).mkdir(parents=True)
        for i in range(3):
            pixels = generator.integers(0, 2, shape, np.uint8) * 255
            Image.fromarray(pixels).save(root / kind / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def used(programs, tmp_path_factory):
    """The folder of outputs, and the finished processes."""
    out = tmp_path_factory.mktemp("outputs")

    def training(name):
        study, *bindings = STUDIES[name]
        return (
            *("train", f"--workdir={out}/run_{name}"),
            *(f"--gin_file=configs/{f}.gin" for f in (f"studies/{study}", "smoke")),
            *(f"--gin_param={b}" for b in bindings),
        )

    done = programs({name: training(name) for name in STUDIES}, quickly=True)
    pairs = write_pairs(out / "pairs")
    vessels, moons = (f"--workdir={out}/run_{name}" for name in STUDIES)
    done |= programs(
        {
            "judged": (
                *("evaluate_conditional", vessels, "--task=segmentation", f"--out={out}/judged"),
                *("--num_samples=3", "--examples=20", "--pictures=4"),
            ),
            "evaluated": (
                *("evaluate", vessels, "--conditional_samples=3", "--examples=20"),
                *("--picture_rows=4", f"--pictures={out}/shown"),
            ),
            "whole": (
                *("segment", vessels, f"--data_path={pairs}", "--split=all", "--num_samples=2"),
                *(f"--out={out}/whole", "--pictures=1", "--factor=0.5"),
            ),
            "masks": ("sample", vessels, "--num=5", f"--out={out}/masks.png", "--min_side=16"),
            "density": ("sample", moons, "--num=500", f"--out={out}/density.png"),
        },
        quickly=True,
    )
    for finished in done.values():
        assert finished.returncode == 0, finished.stderr
    return out, done


def test_the_judgement(used):
    out, done = used
    document = json.loads((out / "judged" / "segmentation.json").read_text())
    assert document["step"] == 20
    assert document["examples"] == 20
    assert document["num_samples"] == 3
    assert 0 <= document["metrics"]["iou_sample"]["value"] <= 1
    assert "iou_mean" in done["judged"].stdout
    with Image.open(out / "judged" / "segmentation.png") as image:
        assert image.size == ((6 * 9 + 1) * 8, (4 * 9 + 1) * 8)


def test_evaluation_gives_the_same_beside_all_else(used):
    out, done = used
    judged = json.loads((out / "judged" / "segmentation.json").read_text())["metrics"]
    metrics = json.loads((out / "run_vessels" / "metrics.json").read_text())["test"]["metrics"]
    assert {name: metrics[name] for name in judged} == judged
    assert {"nll", "bits_per_dim", "examples"} <= set(metrics)
    first, second = (out / folder / "segmentation.png" for folder in ("judged", "shown"))
    assert first.read_bytes() == second.read_bytes()
    assert "iou_mean" in done["evaluated"].stdout


def test_masks_of_whole_images(used):
    out, done = used
    document = json.loads((out / "whole" / "segmentation.json").read_text())
    metrics = {name: metric["value"] for name, metric in document["metrics"].items()}
    assert (metrics["images"], metrics["pixels"]) == (3, 3 * 31 * 45)
    assert 0 < metrics["f1_humans"] < 1
    assert "auroc_disagreement" in done["whole"].stdout
    assert (document["step"], document["factor"], document["split"]) == (20, 0.5, "all")
    for i in range(3):
        with Image.open(out / "whole" / "probabilities" / f"{i}.png") as image:
            assert image.size == (45, 31)
    shown = [path.name for path in (out / "whole").glob("*.png")]
    assert shown == ["0.png"]


def test_pictures_of_masks(used):
    out, _ = used
    with Image.open(out / "masks.png") as image:
        assert image.size == ((3 * 9 + 1) * 2, (5 * 9 + 1) * 2)
        assert image.mode == "RGB"


def test_points(used):
    out, _ = used
    with Image.open(out / "density.png") as image:
        assert image.size == (724, 240)
    assert (out / "run_moons" / "pictures" / "samples-00000020.png").exists()
