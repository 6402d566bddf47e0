"""Compares a GLF's flow with Gaussian mixtures fitted afterwards to the same latents.

  python -m scripts.compare_latent_densities --workdir=runs/mnist --out=comparison

Prints nats per example on the test latents, and writes comparison.json and a PNG of samples decoded
from each density into the folder --out. Nats do not rank samples: with --feature_samples their
Frechet distance stands beside them. It is a short way to what `python -m scripts.evaluate
--only=latent_mixtures --components=10 --components=100 --feature_samples=10000` measures, which
scripts.compare shows of several runs.
"""

import pathlib

from absl import flags, logging

if not __package__:
    raise SystemExit("Error: start it as a module: python -m scripts.compare_latent_densities")

from glf.evaluation.options import options

from . import common, early

WORKDIR = common.define_workdir()
OUT = common.define_output("out", ("folder",), "The folder for comparison.json and pictures.")
COMPONENTS = flags.DEFINE_multi_integer(
    "components", [10, 100], "The size of a mixture. Repeatable.", lower_bound=1
)
SPLIT = flags.DEFINE_enum("split", "test", ["validation", "test"], "Which latents to judge on.")
SEED = flags.DEFINE_integer("seed", 0, "Of the mixtures' start and of the samples.")
NUM = common.define_positive("num", 100, "Samples in each picture.")
FEATURES = {
    option: common.define_option(option)
    for option in options()
    if option.name in ("feature_samples", "feature_extractor")
}
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
    from glf.evaluation.base import Subject
    from glf.evaluation.features import Samples
    from glf.evaluation.fitted_mixtures import Mixture
    from glf.evaluation.latent_mixtures import LatentMixtures
    from glf.evaluation.report import columns

    model, dataset, step, _ = configurables.load_run(
        WORKDIR.value, DATA_DIR.value, CHECKPOINT.value, data_path=DATA_PATH.value
    )
    subject = Subject(model, dataset, SPLIT.value, seed=SEED.value)
    given = {option.name: flag.value for option, flag in FEATURES.items() if flag.present}
    evaluator = LatentMixtures(COMPONENTS.value, **given)
    if refusal := evaluator.refusal(subject):
        raise ValueError(f"Mixtures are {refusal}.")
    metrics = evaluator.measure(subject)
    drawn = {"model": ("flow", subject.once(Samples(NUM.value)))}
    for number in COMPONENTS.value:
        images = subject.once(Mixture(number)).images(subject, NUM.value)
        drawn[f"mixture_{number}"] = f"mixture of {number}", images
    out, levels = pathlib.Path(OUT.value), model.spec.levels
    densities = {name: _measured(metrics, key) for key, (name, _) in drawn.items()}
    for name, images in drawn.values():
        picture = out / f"samples_{name.replace(' ', '_')}.png"
        sample_files.write_images(picture, images, levels, min_side=MIN_SIDE.value)
    print(f"{dataset.name}, {SPLIT.value} latents of step {step}, nats per example\n")
    heads = {"nll": SPLIT.value, "train_nll": "train"}
    keys = list(densities["flow"])
    rows = [["density", *(heads.get(key, key) for key in keys)]]
    for name, found in densities.items():
        rows.append([name, *(_written(found[key]) for key in keys)])
    print(columns(rows, "<>"))
    files.write_json(out / "comparison.json", {"step": step, "densities": densities})
    logging.info("Written to %s.", out)


def _measured(metrics, density):
    """{"nll", "train_nll", "parameters", perhaps "fid_..."} of one density."""
    names = {"latent_nll_train": "train_nll", "latent_nll": "nll"}
    own = {
        n.removesuffix(f"_{density}"): m["value"]
        for n, m in metrics.items()
        if n.endswith(f"_{density}")
    }
    return {names.get(name, name): value for name, value in own.items()}


def _written(value):
    return f"{value:,d}" if isinstance(value, int) else f"{value:.3f}"


if __name__ == "__main__":
    common.run(main, check=check)
