"""Programs on models of points and of pairs: trained, drawn from, judged."""

import json

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

STUDIES = {
    "vessels": ("conditional_flow/vessels_logistic", "make_dataset.image_size = 8"),
    "moons": ("toy/two_moons", "Repeated.num = 1"),
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
            "masks": ("sample", vessels, "--num=5", f"--out={out}/masks.png", "--min_side=16"),
            "points": ("sample", moons, "--num=50", f"--out={out}/points.npz"),
            "density": ("sample", moons, "--num=500", f"--out={out}/density.png"),
            "wrong": ("evaluate_conditional", moons, "--task=segmentation", f"--out={out}/w"),
            "folder": ("sample", moons, "--num=5", f"--out={out}/folder"),
        }
    )
    return out, done


def test_all_but_the_wrong_ones_succeed(used):
    _, done = used
    failed = {name for name, finished in done.items() if finished.returncode}
    assert failed == {"wrong", "folder"}, [finished.stderr[-500:] for finished in done.values()]
    for name in failed:
        assert "Traceback" not in done[name].stderr
    assert "Segmentation is measured of models of binary masks" in done["wrong"].stderr
    assert "points are written to a .png or an .npz file" in done["folder"].stderr


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


def test_pictures_of_masks(used):
    out, _ = used
    with Image.open(out / "masks.png") as image:
        assert image.size == ((3 * 9 + 1) * 2, (5 * 9 + 1) * 2)
        assert image.mode == "RGB"


def test_points(used):
    out, _ = used
    with np.load(out / "points.npz") as found:
        assert found["points"].shape == (50, 2)
        assert found["points"].dtype == np.float32
    with Image.open(out / "density.png") as image:
        assert image.size == (724, 240)
    assert (out / "run_moons" / "pictures" / "samples-00000020.png").exists()
