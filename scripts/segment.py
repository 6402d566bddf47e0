"""Draws masks of whole images by a model of patches, and holds them against people's.

  python -m scripts.segment --workdir=runs/retina --out=runs/retina/whole

The model is one of masks conditioned on images (`make_dataset.source = "pairs:PATH"`, with
`make_dataset.patch_size`). Each image of the run's test split is cut into overlapping tiles, of
which --num_samples masks are drawn. Prints a table, and writes into the folder --out:
segmentation.json; probabilities/NAME.png of each image, the mean of its samples from black, 0, to
white, 1; and NAME.png of the first --pictures images: image, people's masks, a sample, the mean,
its entropy. Measured are IoU, F1 and the area under the ROC curve against masks/, and where
observer2/ has masks of a second person how well people agree, beside samples with each other. Only
what lies in field_of_view/ counts, where there is one.

Other images than the run's, brought to the scale that the model knows:

  python -m scripts.segment --workdir=runs/retina --data_path=/path/to/chase_db1 --split=all \\
    --factor=0.387 --out=runs/retina/chase
"""

import pathlib

from absl import flags, logging

if not __package__:
    raise SystemExit("Error: start it as a module: python -m scripts.segment")

from . import common, early

WORKDIR = common.define_workdir()
DATA_PATH = common.define_path(
    "data_path",
    None,
    "A folder with images/ and masks/, perhaps observer2/ and field_of_view/. Default: the run's.",
)
OUT = common.define_output("out", ("folder",), "The folder for what is drawn and measured.")
SPLIT = flags.DEFINE_enum("split", "test", ["test", "all"], "Which images.")
NUM_SAMPLES = common.define_positive("num_samples", 8, "Samples of each image.")
FACTOR = flags.DEFINE_float(
    "factor", 1.0, "Images are brought to so many times their size for the model.", 0.01, 100.0
)
OVERLAP = flags.DEFINE_integer(
    "overlap", None, "Pixels that neighbouring tiles share at least. Default: a third of a tile.", 0
)
EXAMPLES = common.define_positive("examples", None, "How many images, from the first on.")
PICTURES = flags.DEFINE_integer("pictures", 4, "How many images are shown.", 0)
SEED = flags.DEFINE_integer("seed", 0, "Of the samples.")
BATCH_SIZE = common.define_positive("batch_size", 64, "Tiles at a time.")
CHECKPOINT = common.define_checkpoint()


def check():
    """Refuses runs of other data, as far as their folder tells."""
    run = early.Run(WORKDIR.value)
    if run.known_data and run.levels != 2:
        raise ValueError(
            "scripts.segment is for models of masks of 2 levels; this run's data have "
            f"{run.levels}."
        )


def main():
    """Flags in, a table, a JSON file and pictures out."""
    from glf import configurables
    from glf.core import files
    from glf.evaluation.report import table

    model, _, step, folder = configurables.load_run(
        WORKDIR.value, checkpoint=CHECKPOINT.value, with_data=False
    )
    if model.condition_kind != "paired":
        raise ValueError(
            "scripts.segment is for models conditioned on paired images; this "
            f"{type(model).__name__} is conditioned on {model.condition_kind or 'nothing'}."
        )
    path = DATA_PATH.value or folder.read_place().get("data_path")
    if path is None:
        raise ValueError(
            "The run's data lie in no folder of pairs; say where some are: --data_path."
        )
    metrics = segment(model, path)
    document = {"step": step, "data_path": str(path), "split": SPLIT.value}
    document |= {flag.name: flag.value for flag in (NUM_SAMPLES, FACTOR, OVERLAP, SEED)}
    files.write_json(pathlib.Path(OUT.value) / "segmentation.json", document | {"metrics": metrics})
    print(table(metrics, f"pairs:{path}, {SPLIT.value}, step {step}"), flush=True)
    logging.info("Written to %s.", OUT.value)


def segment(model, path):
    """Draws masks of all images, writes pictures, returns metrics."""
    from glf.core import random
    from glf.data.whole_pairs import WholePairs
    from glf.evaluation import pictures, whole_mask_pictures
    from glf.evaluation.whole_masks import WholeMasks, draw_masks

    channels = model.condition_encoder.condition_shape[2]
    pairs = WholePairs(path, SPLIT.value, channels, EXAMPLES.value)
    measured, out = WholeMasks(), pathlib.Path(OUT.value)
    for i, pair in enumerate(pairs):
        samples, mean = draw_masks(
            model,
            pair.image,
            NUM_SAMPLES.value,
            random.fold(SEED.value, "whole masks", i),
            factor=FACTOR.value,
            overlap=OVERLAP.value,
            batch_size=BATCH_SIZE.value,
        )
        measured.add(pair, samples, mean)
        grey = whole_mask_pictures.in_grey(mean)[..., 0]
        pictures.write_png(out / "probabilities" / f"{pair.name}.png", grey)
        if i < PICTURES.value:
            strip = whole_mask_pictures.strip(pair, samples, mean)
            pictures.write_png(out / f"{pair.name}.png", strip)
        logging.info("%s: %d of %d images", pair.name, i + 1, len(pairs))
    return measured.metrics()


if __name__ == "__main__":
    common.run(main, check=check)
