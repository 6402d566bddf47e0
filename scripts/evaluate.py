"""Measures a trained model on a split of its data, every example once.

  python -m scripts.evaluate --workdir=runs/digits --split=test

Prints a table and writes metrics.json into the run's folder, or into --out. What costs much is
measured where a flag asks for it: bounds by importance weights, samples that a classifier judges,
distances of features of samples from those of images (FID and others), the training images nearest
to samples, how well outliers are told from data, and of models that are conditioned on images
samples beside the examples. --pictures also shows these. Training images: the samples that are
nearest to one, each with the nearest. Super-resolution: PSNR and SSIM of samples, of their mean,
and of bicubic interpolation; the picture's columns are condition, bicubic, sample, mean, original.
Segmentation: IoU and F1 of samples and of their mean, and the uncertainty of pixels; the columns
are image, true mask, two samples, mean, uncertainty. Rejected samples: where those that no image is
near lie among latents and in base space, beside the others. Mixtures: samples of each.

With --strategy=multi_worker several processes measure together, see the README.

  python -m scripts.evaluate --workdir=runs/vessels --conditional_samples=16 --pictures=vessels
  python -m scripts.evaluate --workdir=runs/mnist --neighbour_samples=1000 --pictures=mnist
  python -m scripts.evaluate --workdir=runs/mnist --rejected_samples=10000 --pictures=mnist
"""

import pathlib

from absl import flags, logging

if not __package__:
    raise SystemExit("Error: start it as a module: python -m scripts.evaluate")

from glf.evaluation.options import options, showing

from . import common, early
from .workers import WorkersOrDevices

WORKDIR = common.define_workdir()
SPLIT = common.define_split()
ONLY = common.define_only("Metrics of the same step that are in the file already stay.")
BATCH_SIZE = common.define_positive(
    "batch_size", None, "Examples at a time. Default: 256; 64 where each has several samples."
)
SEED = flags.DEFINE_integer("seed", 0, "Of the noise of losses and samples.")
DATA_DIR = common.define_data_dir()
DATA_PATH = common.define_data_path()
KEEP_COMPILED = common.define_keep_compiled()
CHECKPOINT = common.define_checkpoint()
SKIP_UNFIT = flags.DEFINE_bool(
    "skip_unfit",
    False,
    "Pass over what this model or these data cannot take, instead of refusing it: the same flags "
    "for runs of different models.",
)
OUT = common.define_output(
    "out", (".json",), "The .json file to write. Default: metrics.json in the run's folder.", False
)
RECONSTRUCTIONS = common.define_output(
    "reconstructions",
    (".png",),
    "Also write a .png of images of the split, each beside its own.",
    False,
)
PICTURES = common.define_output(
    "pictures",
    ("folder",),
    "Also write pictures of what is measured into this folder.",
    False,
)
MIN_SIDE = common.define_positive(
    "min_side", 1, "Enlarge images of the PNG by a whole factor until each side has so many pixels."
)
WORKERS = WorkersOrDevices("measures a share, and the chief writes the report")
# What evaluators take; their own files say what it is.
OPTIONS = {option: common.define_option(option) for option in options()}


def check():
    """Refuses what the run cannot give, or where it cannot be written."""
    from glf.core import outputs

    WORKERS.check()
    run = early.Run(WORKDIR.value)
    if not OUT.value:
        try:
            outputs.require_writable(run.folder.metrics)
        except ValueError:
            raise ValueError(
                f"--workdir={WORKDIR.value} is read-only for you, so that metrics.json cannot be "
                "written into it. Say where it can: --out=FILE.json."
            ) from None
    for option, flag in OPTIONS.items():
        unfit = flag.present and flag.value and run.lacks(option.needs)
        if unfit and not SKIP_UNFIT.value:
            raise ValueError(f"--{option.name} is for {option.of}; a {run.model} is none of them.")
    _check_extractors(run)
    if PICTURES.value:
        _check_pictures(run)
    if RECONSTRUCTIONS.value and run.lacks("Reconstructs"):
        raise ValueError(f"--reconstructions: a {run.model} does not reconstruct images.")


def _check_pictures(run):
    """Refuses --pictures where nothing is measured that has any."""
    asked = {option.name for option, flag in OPTIONS.items() if flag.value}
    having = [each for each in showing() if not run.lacks(each.needs)]
    if not any(each.switch is None or each.switch in asked for each in having):
        switches = sorted({each.switch for each in having})
        raise ValueError(f"--pictures shows what --{' or --'.join(switches)} asks for; give both.")


def _check_extractors(run):
    from glf.extractors import choice

    flag, asked = (
        next(f for f in OPTIONS.values() if f.name == name)
        for name in ("feature_extractor", "feature_samples")
    )
    unlabelled = run.known_data and not run.num_classes
    if choice.needs_labels(flag.value) and unlabelled and asked.value and not SKIP_UNFIT.value:
        others = ", ".join(kind for kind in choice.KINDS if kind != "classifier")
        raise ValueError(
            "The classifier that features are of by default is made of labels, and the data of "
            f"--workdir={WORKDIR.value} have none; choose another by --{flag.name}: {others}."
        )


def main():
    """Flags in, a table and metrics.json out."""
    from glf import configurables
    from glf.evaluation.base import Subject
    from glf.evaluation.evaluate import outcome

    shown = {}
    options = {option.name: flag.value for option, flag in OPTIONS.items() if flag.present}
    asked = {f.name: f.value for f in (ONLY, BATCH_SIZE, SEED, CHECKPOINT)} | options
    with WORKERS.opening():
        model, dataset, step, folder = configurables.load_run(
            WORKDIR.value, DATA_DIR.value, CHECKPOINT.value, data_path=DATA_PATH.value
        )
    show = shown.__setitem__ if PICTURES.value else None
    wanted = (SPLIT, ONLY, BATCH_SIZE, SEED, *OPTIONS.values())
    with WORKERS.meeting(folder, step, dataset, wanted) as shares:
        model.share(shares)
        subject = Subject(model, dataset, SPLIT.value, BATCH_SIZE.value, SEED.value, show, shares)
        found = outcome(subject, ONLY.value, options, strict=not SKIP_UNFIT.value)
        if shares.number:
            logging.info("What is left the chief measures, and writes the report.")
        else:
            write(found, shown, (model, dataset, step, folder), asked)


def write(found, shown, run, asked):
    """The table, the file and the pictures of an `Outcome`."""
    from glf.evaluation import model_pictures, pictures
    from glf.evaluation.report import table, update_metrics

    model, dataset, step, folder = run
    print(table(found.metrics, f"{dataset.name}, {SPLIT.value} split, step {step}"), flush=True)
    out = OUT.value or folder.metrics
    told = {"measured": found.measured, "refused": found.refused}
    update_metrics(out, SPLIT.value, step, found.metrics, not ONLY.value, asked, told)
    for name, pixels in shown.items():
        pictures.write_png(pathlib.Path(PICTURES.value) / f"{name}.png", pixels)
    if RECONSTRUCTIONS.value:
        pixels = model_pictures.reconstructions(
            model, dataset, SPLIT.value, num=32, min_side=MIN_SIDE.value
        )
        pictures.write_png(RECONSTRUCTIONS.value, pixels)
    logging.info("Written to %s.", out)


if __name__ == "__main__":
    common.run(
        main,
        check=check,
        purpose=lambda: common.of_run("evaluate", WORKDIR.value, KEEP_COMPILED.value),
    )
