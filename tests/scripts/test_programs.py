"""From training to an export, as a user goes: every program once, its output checked."""

import concurrent.futures
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from glf.evaluation import pictures

pytestmark = pytest.mark.slow


BOTH_TEMPERATURES = ("--temperature=0", "--temperature=1")


@pytest.fixture(scope="module")
def used(programs, trained, tmp_path_factory):
    """The folder of outputs, and the finished processes."""
    out = tmp_path_factory.mktemp("outputs")
    run = f"--workdir={trained}"
    done = programs(
        {
            "evaluate": ("evaluate", run, "--batch_size=100", "--judged_samples=20"),
            "array": ("sample", run, "--num=9", f"--out={out}/x.npz"),
            "interpolate": ("interpolate", run, "--rows=3", "--steps=5", f"--out={out}/i.png"),
            "export": ("export", run, f"--out={out}/export"),
        },
        from_nothing=True,
    )
    done |= programs(
        {
            "validation": ("evaluate", run, "--split=validation", "--checkpoint=10"),
            "grid": ("sample", run, "--num=9", f"--out={out}/x.png", "--min_side=16"),
            "folder": ("sample", run, "--num=12", f"--out={out}/x"),
            "cool": ("sample", run, "--num=9", f"--out={out}/cool.npz", "--temperature=0"),
            "both": ("sample", run, "--num=9", f"--out={out}/both.npz", *BOTH_TEMPERATURES),
            "finished": ("train", run, *smoke_of(trained)),
        }
    )
    for finished in done.values():
        assert finished.returncode == 0, finished.stderr
        assert "Traceback" not in finished.stderr
    return out, done


def smoke_of(trained):
    """The flags with which the run was trained."""
    flags = json.loads((trained / "run.json").read_text())["flags"]
    return [f"--{k}={v}" for k in ("gin_file", "gin_param") for v in flags[k]]


def images_of(path):
    with np.load(path) as archive:
        return archive["images"]


def test_the_run_folder(trained):
    assert json.loads((trained / "status.json").read_text())["finished"]
    about = json.loads((trained / "run.json").read_text())
    assert about["versions"]["tensorflow"]
    assert about["precision"] == "float32"
    assert "train.num_steps = 20" in (trained / "config.gin").read_text()
    operative = (trained / "operative_config.gin").read_text()
    assert "train.clip_norm = None" in operative
    assert "DenseAutoencoder.hidden = (16,)" in operative
    assert {p.name for p in (trained / "pictures").iterdir()} == {
        "samples-00000020.png",
        "reconstructions-00000020.png",
    }


def test_a_finished_run_is_not_trained_again(used):
    assert "is finished at step 20" in used[1]["finished"].stderr


def test_two_workers_draw_what_one_does(program, trained, tmp_path):
    cluster, flags = {"worker": ["localhost:1", "localhost:2"]}, "--strategy=multi_worker"

    def draw(number, of=2):
        out = tmp_path / f"{of}.npz"
        task = {"cluster": cluster, "task": {"type": "worker", "index": number}}
        also = (flags,) * (of > 1)
        run = ("sample", f"--workdir={trained}", "--num=600", f"--out={out}", *also)
        return program(*run, TF_CONFIG=json.dumps(task)), out

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        done = list(pool.map(draw, (1, 0)))
    done.append(draw(0, 1))
    assert [finished.returncode for finished, _ in done] == [0, 0, 0], done[0][0].stderr
    made = [re.search(r"made (\d) shares", finished.stderr)[1] for finished, _ in done[:2]]
    assert sum(map(int, made)) == 3
    np.testing.assert_array_equal(images_of(done[0][1]), images_of(done[2][1]))
    assert not (trained / "shares").exists()


def test_evaluate(used, trained):
    document = json.loads((trained / "metrics.json").read_text())
    assert set(document) == {"test", "validation"}
    assert document["test"]["step"] == 20
    assert document["validation"]["step"] == 10
    metrics = document["test"]["metrics"]
    assert metrics["examples"]["value"] == 297
    assert 0 <= metrics["recognised"]["value"] <= 1
    assert metrics["classifier_accuracy"]["value"] > 0.98
    table = used[1]["evaluate"].stdout
    assert "digits, test split, step 20" in table
    for name, metric in metrics.items():
        assert any(
            line.startswith(name) and f"{metric['value']:.6g}" in line
            for line in table.splitlines()
        )


def test_samples(used):
    out, _ = used
    images = images_of(out / "x.npz")
    assert images.shape == (9, 8, 8, 1)
    assert images.dtype == np.uint8
    assert images.max() <= 16
    grid = np.asarray(Image.open(out / "x.png"))
    np.testing.assert_array_equal(grid, pictures.grid(images, 17, min_side=16))
    assert len(os.listdir(out / "x")) == 12
    first = np.asarray(Image.open(out / "x" / "00.png"))
    difference = first.astype(int) - pictures.to_bytes(images[0, ..., 0], 17)
    assert np.abs(difference).max() <= 16
    cool = images_of(out / "cool.npz")
    assert (cool == cool[0]).all()
    both = images_of(out / "both.npz")
    np.testing.assert_array_equal(both, np.concatenate([cool, images_of(out / "x.npz")]))


def test_interpolation(used):
    shape = np.asarray(Image.open(used[0] / "i.png")).shape
    assert shape == (3 * 9 + 1, 7 * 9 + 1)


def test_the_export_gives_the_same_samples(used, tmp_path):
    out, _ = used
    program = (
        "import sys, numpy as np, tensorflow as tf\n"
        "loaded = tf.saved_model.load(sys.argv[1])\n"
        "found = loaded.sample(num=tf.constant(9), temperature=tf.constant(1.0),\n"
        "                      seed=tf.constant(0, tf.int64))\n"
        "np.save(sys.argv[2], found['images'].numpy())\n"
    )
    command = [sys.executable, "-I", "-c", program, str(out / "export"), str(tmp_path / "x.npy")]
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True)
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), images_of(out / "x.npz"))
