"""Compresses images without loss by a trained model, into one .glfz file.

  python -m scripts.compress --model=runs/idf_mnist --images=test --out=test.glfz
  python -m scripts.compress --model=runs/idf_cifar10 --images=photographs --out=photographs.glfz

Images are a folder of files of any sizes, an .npy or .npz array, or a split of the run's data. The
first time, the run's networks are turned into networks of integers, calibrated on 512 training
images, and kept in the run's folder (integer_models/): a file decodes with those on any machine,
see scripts.decompress. With --float the networks stay as they are, and the file decodes on this
machine alone; so do files of autoregressive models, which take a call for every place of an image.
"""

import pathlib

from absl import flags, logging

if not __package__:
    raise SystemExit("Error: start it as a module: python -m scripts.compress")

from . import common, early

MODEL = common.define_path(
    "model",
    None,
    "What to compress by: a run's folder, an export of it, or the file of an integer model.",
    required=True,
)
IMAGES = common.define_path(
    "images",
    None,
    "A folder of images, an .npy or .npz file, or a split of the run's data: train, validation, "
    "test.",
    required=True,
)
OUT = common.define_output("out", (".glfz",), "The .glfz file to write.")
BLOCK = common.define_positive(
    "block", None, "Images (tiles) of a block. Default: as many as have 262,144 values."
)
FLOAT = flags.DEFINE_bool(
    "float", False, "Use the networks in floats: for this machine and version only."
)
BY = flags.DEFINE_enum(
    "by", "graph", ["graph", "xla", "numpy"], "What computes the networks of integers."
)
REPORT = flags.DEFINE_bool(
    "report", False, "Compare with the model's own cost, and with PNG, WebP and JPEG XL."
)
PICTURE = common.define_output(
    "picture", (".png",), "A picture of the first images, and of what pixels cost.", required=False
)
DATA_DIR = common.define_data_dir()
DATA_PATH = common.define_data_path()
CHECKPOINT = common.define_checkpoint()


def needs_run():
    """Whether the model is a run, and not an export or an integer model by itself."""
    return (pathlib.Path(MODEL.value) / "config.gin").is_file()


def check():
    """Refuses what is no model, and what is no images."""
    from glf.compression import opened

    opened.check_model(MODEL.value, needs_run(), FLOAT.value)
    model = early.Run(MODEL.value).model if needs_run() else None
    if model not in (None, "IntegerFlow", "Autoregressive"):
        raise ValueError(
            f"Files are coded by an IntegerFlow or an Autoregressive; {MODEL.value} is a {model}."
        )
    if model == "Autoregressive" and not FLOAT.value:
        raise ValueError(
            f"{MODEL.value} is an Autoregressive, which codes in floats alone: add --float."
        )
    if FLOAT.value and BY.value != "graph":
        raise ValueError(f"With --float networks are computed by a graph, not by {BY.value}.")
    opened.check_images(IMAGES.value, needs_run())


def main():
    """Flags in, a file out."""
    from glf.compression import opened, report
    from glf.compression.compress import compress
    from glf.compression.container import FLOAT as FLOATS
    from glf.compression.container import INTEGER

    run = None
    if needs_run():
        from glf import configurables

        run = configurables.load_run(
            MODEL.value,
            DATA_DIR.value,
            CHECKPOINT.value,
            data_path=DATA_PATH.value,
        )
    coder = opened.for_compressing(MODEL.value, run, BY.value, FLOAT.value)
    images = opened.images(IMAGES.value, run, coder.model)
    kind = FLOATS if FLOAT.value else INTEGER
    written = compress(
        coder.model,
        coder.fingerprint,
        images,
        OUT.value,
        per_block=BLOCK.value,
        kind=kind,
        more=coder.notes,
    )
    logging.info("Written to %s, by the model %s.", OUT.value, coder.fingerprint.hex())
    print(report.summary(written), flush=True)
    if REPORT.value:
        print("\n".join(report.lines(coder.model, images, written)), flush=True)
    if PICTURE.value:
        from glf.evaluation.pictures import write_png

        write_png(PICTURE.value, report.bits_picture(coder.model, images))


if __name__ == "__main__":
    common.run(main, check=check, tensorflow=lambda: needs_run() or BY.value != "numpy")
