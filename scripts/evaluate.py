"""Measures a trained model on a split of its data, every example once.

  python -m scripts.evaluate --workdir=runs/digits --split=test

Prints a table and writes metrics.json into the run's folder.
"""

from absl import flags, logging

from . import common

WORKDIR = common.define_workdir()
SPLIT = flags.DEFINE_enum("split", "test", ["train", "validation", "test"], "Which examples.")
BATCH_SIZE = common.define_positive("batch_size", 256, "Examples at a time.")
DATA_DIR = common.define_data_dir()
DATA_PATH = common.define_data_path()
CHECKPOINT = common.define_checkpoint()
RECONSTRUCTIONS = common.define_path(
    "reconstructions", None, "Also write a .png of images of the split, each beside its own."
)
IMPORTANCE_SAMPLES = flags.DEFINE_multi_integer(
    "importance_samples",
    [],
    "Also bound the likelihood of a pixel flow by K importance weights. Repeatable; 1 is the ELBO.",
    lower_bound=1,
)
MIN_SIDE = common.define_positive(
    "min_side", 1, "Enlarge images of the PNG by a whole factor until each side has so many pixels."
)


def main():
    """Flags in, a table and metrics.json out."""
    from glf import configurables
    from glf.evaluation import pictures
    from glf.evaluation.evaluate import evaluate
    from glf.evaluation.report import table, update_metrics

    model, dataset, step, folder = configurables.load_run(
        WORKDIR.value, DATA_DIR.value, CHECKPOINT.value, data_path=DATA_PATH.value
    )
    metrics = evaluate(
        model,
        dataset,
        SPLIT.value,
        batch_size=BATCH_SIZE.value,
        importance_samples=IMPORTANCE_SAMPLES.value,
    )
    update_metrics(folder.metrics, SPLIT.value, step, metrics)
    if RECONSTRUCTIONS.value:
        pixels = pictures.reconstructions(
            model, dataset, SPLIT.value, num=32, min_side=MIN_SIDE.value
        )
        pictures.write_png(RECONSTRUCTIONS.value, pixels)
    print(table(metrics, f"{dataset.name}, {SPLIT.value} split, step {step}"))
    logging.info("Written to %s.", folder.metrics)


if __name__ == "__main__":
    common.run(main)
