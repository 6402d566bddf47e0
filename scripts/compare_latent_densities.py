"""Compares a trained GLF's flow with Gaussian mixtures fitted afterwards to the same latents.

  python -m scripts.compare_latent_densities --workdir=runs/mnist --out=comparison

Prints nats per example on the test latents, and writes comparison.json and a PNG of samples decoded
from each density into the folder --out.
"""

import pathlib

from absl import flags, logging

if not __package__:
    raise SystemExit("Error: start it as a module: python -m scripts.compare_latent_densities")

from . import common, early

WORKDIR = common.define_workdir()
OUT = common.define_output("out", ("folder",), "The folder for comparison.json and pictures.")
COMPONENTS = flags.DEFINE_multi_integer(
    "components", [10, 100], "The size of a mixture. Repeatable.", lower_bound=1
)
SPLIT = flags.DEFINE_enum("split", "test", ["validation", "test"], "Which latents to judge on.")
SEED = flags.DEFINE_integer("seed", 0, "Of the mixtures' start and of the samples.")
NUM = common.define_positive("num", 100, "Samples in each picture.")
MIN_SIDE = common.define_positive(
    "min_side", 1, "Enlarge images until each side has so many pixels."
)
DATA_DIR = common.define_data_dir()
DATA_PATH = common.define_data_path()
CHECKPOINT = common.define_checkpoint()


def check():
    """Refuses runs whose model has no flow on latents."""
    run = early.Run(WORKDIR.value)
    if run.lacks("HasLatentFlow"):
        raise ValueError(f"{run.model} has no flow on latents to compare.")


def main():
    """Flags in, a table, a JSON file and pictures out."""
    from glf import configurables
    from glf.core import files
    from glf.evaluation import sample_files
    from glf.evaluation.latent_mixtures import compare
    from glf.evaluation.report import columns

    model, dataset, step, _ = configurables.load_run(
        WORKDIR.value, DATA_DIR.value, CHECKPOINT.value, data_path=DATA_PATH.value
    )
    results = compare(
        model, dataset, COMPONENTS.value, SPLIT.value, SEED.value, num_samples=NUM.value
    )
    out = pathlib.Path(OUT.value)
    print(f"{dataset.name}, {SPLIT.value} latents of step {step}, nats per example\n")
    rows = [("density", SPLIT.value, "train", "parameters")]
    for name, result in results.items():
        images = result.pop("samples")
        picture = out / f"samples_{name.replace(' ', '_')}.png"
        sample_files.write_images(picture, images, model.spec.levels, min_side=MIN_SIDE.value)
        nats = (f"{result[key]:.3f}" for key in ("nll", "train_nll"))
        rows.append((name, *nats, f"{result['parameters']:,d}"))
    print(columns(rows, "<>"))
    files.write_json(out / "comparison.json", {"step": step, "densities": results})
    logging.info("Written to %s.", out)


if __name__ == "__main__":
    common.run(main, check=check)
