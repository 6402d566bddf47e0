"""Programs on models of points and of pairs: trained, drawn from, judged."""

import json

import pytest
from PIL import Image

pytestmark = pytest.mark.slow

STUDIES = {
    "vessels": ("conditional_flow/vessels_logistic", "make_dataset.image_size = 8"),
    "moons": ("toy/two_moons", "Chain.repeats = 1"),
}


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

    done = programs({name: training(name) for name in STUDIES})
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
            "masks": ("sample", vessels, "--num=5", f"--out={out}/masks.png", "--min_side=16"),
            "density": ("sample", moons, "--num=500", f"--out={out}/density.png"),
        }
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
