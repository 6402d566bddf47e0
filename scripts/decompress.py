"""Decompresses a .glfz file: the same images again, to the last bit.

  python -m scripts.decompress --file=test.glfz --model=runs/idf_mnist --out=test.npy
  python -m scripts.decompress --file=photographs.glfz --model=runs/idf_cifar10 --out=photographs

The model is what scripts.compress was given: a run's folder with its integer_models, its export, or
the file of an integer model. With --by=numpy TensorFlow is not loaded. What is damaged is refused
with the block's number; --recover writes the images of all intact blocks.
"""

import os

from absl import flags, logging

if not __package__:
    raise SystemExit("Error: start it as a module: python -m scripts.decompress")

from . import common

FILE = common.define_path("file", None, "The .glfz file.", required=True)
MODEL = common.define_path(
    "model",
    None,
    "What compressed it: a run's folder, its export, or the file of an integer model.",
    required=True,
)
OUT = common.define_output("out", (".npy", "folder"), "An .npy file, or a folder of PNG files.")
BY = flags.DEFINE_enum(
    "by", "graph", ["graph", "xla", "numpy"], "What computes the networks of integers."
)
RECOVER = flags.DEFINE_bool("recover", False, "Pass over damaged blocks, and say what is lost.")
CHECKPOINT = common.define_checkpoint()


def check():
    """Refuses what is no .glfz file, before anything is loaded."""
    if not os.path.isfile(FILE.value):
        raise ValueError(f"--file={FILE.value} is not there: give a file of scripts.compress.")
    with open(FILE.value, "rb") as file:
        _reader(file)


def _reader(file):
    from glf.compression.container import DamagedFile
    from glf.compression.reading import Reader

    try:
        return Reader(file, RECOVER.value)
    except DamagedFile as error:
        raise ValueError(_said(error)) from error


def _said(error):
    advice = "" if RECOVER.value else " With --recover, intact blocks are written."
    return f"{FILE.value}: {error}.{advice}"


def main():
    """Flags in, images out."""
    import time

    from glf.compression import opened, report
    from glf.compression.container import DamagedFile
    from glf.compression.decompress import Decompressor
    from glf.compression.written import write_images

    start = time.perf_counter()
    with open(FILE.value, "rb") as file:
        reader = _reader(file)
        try:
            model = opened.for_decompressing(reader, MODEL.value, BY.value, _load)
            decompressor = Decompressor(reader, model, reader.header.fingerprint, RECOVER.value)
            lost = write_images(decompressor, OUT.value)
        except DamagedFile as error:
            raise ValueError(_said(error)) from error
    for fault in decompressor.faults:
        logging.warning("%s", fault)
    if lost:
        logging.warning(
            "%d of %d images are lost: %s", len(lost), decompressor.listed.count, _some(lost)
        )
    values = reader.header.images * reader.header.values
    seconds = time.perf_counter() - start
    print(
        f"{decompressor.listed.count - len(lost)} images: "
        + report.speed(values, seconds, decompressor.network_seconds),
        flush=True,
    )
    logging.info("Written to %s.", OUT.value)


def _load():
    from glf import configurables

    model, _, _, _ = configurables.load_run(
        MODEL.value, checkpoint=CHECKPOINT.value, with_data=False
    )
    return model


def _some(numbers):
    more = f" and {len(numbers) - 20} more" if len(numbers) > 20 else ""
    return ", ".join(map(str, numbers[:20])) + more


if __name__ == "__main__":
    common.run(main, check=check, tensorflow=lambda: BY.value != "numpy")
