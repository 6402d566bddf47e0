"""Measures a trained model on a split of its data, every example once.

  python -m scripts.evaluate --workdir=runs/digits --split=test

Prints a table and writes metrics.json into the run's folder, or into --out.
"""

from absl import flags, logging

if not __package__:
    raise SystemExit("Error: start it as a module: python -m scripts.evaluate")

from . import common, early

WORKDIR = common.define_workdir()
SPLIT = flags.DEFINE_enum("split", "test", ["train", "validation", "test"], "Which examples.")
BATCH_SIZE = common.define_positive("batch_size", 256, "Examples at a time.")
DATA_DIR = common.define_data_dir()
DATA_PATH = common.define_data_path()
CHECKPOINT = common.define_checkpoint()
OUT = common.define_output(
    "out", (".json",), "The .json file to write. Default: metrics.json in the run's folder.", False
)
RECONSTRUCTIONS = common.define_output(
    "reconstructions",
    (".png",),
    "Also write a .png of images of the split, each beside its own.",
    False,
)
IMPORTANCE_SAMPLES = flags.DEFINE_multi_integer(
    "importance_samples",
    [],
    "Also bound the likelihood of a pixel flow by K importance weights. Repeatable; 1 is the ELBO.",
    lower_bound=1,
)
JUDGED_SAMPLES = flags.DEFINE_integer(
    "judged_samples",
    0,
    "Also draw so many samples and let a classifier of the data's images judge them.",
    lower_bound=0,
)
MIN_SIDE = common.define_positive(
    "min_side", 1, "Enlarge images of the PNG by a whole factor until each side has so many pixels."
)


def check():
    """Refuses what the run cannot give, or where it cannot be written."""
    from glf.core import outputs

    run = early.Run(WORKDIR.value)
    if not OUT.value:
        try:
            outputs.require_writable(run.folder.metrics)
        except ValueError:
            raise ValueError(
                f"--workdir={WORKDIR.value} is read-only for you, so that metrics.json cannot be "
                "written into it. Say where it can: --out=FILE.json."
            ) from None
    if IMPORTANCE_SAMPLES.value and run.lacks("bounds"):
        raise ValueError(
            "--importance_samples is for likelihoods that are known by bounds; that of a "
            f"{run.model} is not."
        )
    if RECONSTRUCTIONS.value and run.lacks("reconstructs"):
        raise ValueError(f"--reconstructions: a {run.model} does not reconstruct images.")


def main():
    """Flags in, a table and metrics.json out."""
    from glf import configurables
    from glf.evaluation import pictures
    from glf.evaluation.evaluate import evaluate
    from glf.evaluation.recognition import recognition_metrics
    from glf.evaluation.report import table, update_metrics

    model, dataset, step, folder = configurables.load_run(
        WORKDIR.value, DATA_DIR.value, CHECKPOINT.value, data_path=DATA_PATH.value
    )
    judged = {}
    if JUDGED_SAMPLES.value:
        judged = recognition_metrics(model, dataset, JUDGED_SAMPLES.value, SPLIT.value)
    metrics = evaluate(
        model,
        dataset,
        SPLIT.value,
        batch_size=BATCH_SIZE.value,
        importance_samples=IMPORTANCE_SAMPLES.value,
    )
    metrics |= judged
    print(table(metrics, f"{dataset.name}, {SPLIT.value} split, step {step}"), flush=True)
    out = OUT.value or folder.metrics
    update_metrics(out, SPLIT.value, step, metrics)
    if RECONSTRUCTIONS.value:
        pixels = pictures.reconstructions(
            model, dataset, SPLIT.value, num=32, min_side=MIN_SIDE.value
        )
        pictures.write_png(RECONSTRUCTIONS.value, pixels)
    logging.info("Written to %s.", out)


if __name__ == "__main__":
    common.run(main, check=check)
