"""Draws samples from a trained model.

  python -m scripts.sample --workdir=runs/digits --num=64 --seed=0 --out=samples.png

--out decides what is written: a .png file holds a grid, an .npz file the array "images" (uint8,
[num, height, width, channels], in the data's levels), and any other name is a folder of PNG files
(of WAV files for waveforms). Of models of points in the plane the .npz holds "points" (float32,
[num, 2]), and the .png shows the density, the samples and the data.

  --labels=3,1,4                classes to draw, for models conditional on labels

For autoregressive models, and for the autoregressive prior of a discrete autoencoder:

  --sampler=windowed            how to draw: it changes the time, never the samples; what they cost
                                is printed

and for autoregressive models of the data themselves, with examples of --split:

  --complete_rows=14            draws what follows the first 14 rows of examples
  --inpaint=7,7,14,14           draws this rectangle of examples (top, left, height, width) from
                                what comes before it; beside them, a .png shows what was given

Models conditional on an image take it from examples of --split, which a .png shows beside.
"""

import pathlib
import time

from absl import flags, logging

if not __package__:
    raise SystemExit("Error: start it as a module: python -m scripts.sample")

from . import common, early

WORKDIR = common.define_workdir()
NUM = common.define_positive("num", 64, "How many images.")
SEED = flags.DEFINE_integer("seed", 0, "The same seed gives the same images.")
TEMPERATURE = common.define_temperature(
    "Scales the base noise: 1 samples the model, less is more typical. Repeatable for models that "
    "are not autoregressive: --num images of the same noise at each, in a .png one row for each.",
    repeatable=True,
)
OUT = common.define_output(
    "out", (".png", ".npz", "new folder"), "A .png grid, an .npz array, or a folder."
)
MIN_SIDE = common.define_positive(
    "min_side", 1, "Enlarge images of a PNG by a whole factor until each side has so many pixels."
)
CHECKPOINT = common.define_checkpoint()
SAMPLER = flags.DEFINE_enum(
    "sampler", None, common.SAMPLERS, "How to draw. Default: as the configuration says."
)
LABELS = flags.DEFINE_list(
    "labels", None, "Classes, e.g. 3,1,4, taken in turn. Default: all of them, in turn."
)
COMPLETE_ROWS = flags.DEFINE_integer(
    "complete_rows", None, "Complete examples of which so many rows are given.", 1
)
INPAINT = flags.DEFINE_list(
    "inpaint", None, "top,left,height,width of a rectangle of examples that is drawn anew."
)
SPLIT = common.define_split()
DATA_DIR = common.define_data_dir()
DATA_PATH = common.define_data_path()

AGAIN = 60.0  # seconds within which samples are drawn a second time, to tell what building costs


def check():
    """Refuses flags that the run's model does not take, as far as its folder tells."""
    run = early.Run(WORKDIR.value)
    if run.model is not None:
        check_model(run.model)
    if run.known_data:
        if run.levels is None:
            check_points_out()
        if run.image_shape is not None and len(run.image_shape) == 3:
            known_pixels(run.image_shape)
    if LABELS.value is not None:
        check_labels(not run.without_labels(), run.num_classes)


def check_model(name):
    """Refuses flags that a model of this class does not take."""
    autoregressive = name in early.ABILITIES["autoregressive"]
    for flag in (SAMPLER, COMPLETE_ROWS, INPAINT):
        if flag.value is not None and not autoregressive:
            raise ValueError(f"--{flag.name} is for autoregressive models; this run's is a {name}.")
    if name == "DiscreteAutoencoder" and (COMPLETE_ROWS.value or INPAINT.value):
        raise ValueError(
            f"--complete_rows and --inpaint are for autoregressive models of the data; this "
            f"run's is a {name}."
        )
    if len(TEMPERATURE.value) > 1 and (autoregressive or name == "VectorFlow"):
        raise ValueError(
            f"Several temperatures are for models of images that are not autoregressive; this "
            f"run's is a {name}. Give one --temperature."
        )


def check_points_out():
    """Refuses names that points in the plane are not written to."""
    if pathlib.Path(OUT.value).suffix not in (".png", ".npz"):
        raise ValueError(f"--out={OUT.value}: points are written to a .png or an .npz file.")


def check_labels(conditional, num_classes):
    """The classes of --labels; refused if the model takes none, or has no such class."""
    if not conditional:
        raise ValueError("--labels is for models that are conditional on labels; this is none.")
    labels = integers(LABELS)
    if not all(0 <= label < (num_classes or 2**31) for label in labels):
        top = "the number of classes" if num_classes is None else num_classes - 1
        raise ValueError(f"--labels must lie in 0 to {top}, got {','.join(LABELS.value)}.")
    return labels


def main():
    """Flags in, files out."""
    import numpy as np

    from glf import configurables
    from glf.models.autoregressive import Autoregressive
    from glf.models.discrete_autoencoder import DiscreteAutoencoder

    model, dataset, step, _ = configurables.load_run(
        WORKDIR.value,
        DATA_DIR.value,
        CHECKPOINT.value,
        with_data=needs_data,
        data_path=DATA_PATH.value,
    )
    of_points = model.spec.levels is None
    conditional = has_conditions(model)
    autoregressive = isinstance(model, Autoregressive | DiscreteAutoencoder)
    check_model(type(model).__name__)
    if autoregressive:
        drawn, given = draw(model, dataset)
        write(model, drawn, given)
    elif of_points:
        drawn = model.sample(NUM.value, SEED.value, TEMPERATURE.value[0]).numpy()
        write_points(model, drawn, dataset)
    else:
        batch, num = examples(dataset) if conditional else (None, NUM.value)
        condition = conditions(model, batch, num)
        options = {} if condition is None else {"condition": condition}
        several = [
            reported(model.draw(num, SEED.value, temperature, **options))
            for temperature in TEMPERATURE.value
        ]
        drawn = np.concatenate(several)
        if len(several) > 1:
            write_rows(model, several)
        else:
            write(model, drawn, None if batch is None else batch["image"], batch)
    logging.info(
        "%d samples of step %d, temperature %s, are in %s.",
        len(drawn),
        step,
        ", ".join(f"{temperature:g}" for temperature in TEMPERATURE.value),
        pathlib.Path(OUT.value),
    )


def has_conditions(model):
    """Whether the model is conditioned on images, which come from the data."""
    return getattr(model, "condition_kind", None) in ("image", "paired")


def needs_data(model):
    """Whether the data has to be opened: where examples are given, conditioned on, or shown."""
    given = COMPLETE_ROWS.value is not None or INPAINT.value is not None
    shown = model.spec.levels is None and pathlib.Path(OUT.value).suffix == ".png"
    return given or shown or has_conditions(model)


def reported(drawn):
    """The samples as an array, once it is said how many of their values were no data's."""
    drawn = drawn.finite()
    logging.info("Samples: %s.", drawn.describe())
    return drawn.x.numpy()


def write_rows(model, several):
    """Writes samples at several temperatures: in a .png one row for each."""
    import numpy as np

    from glf.evaluation import pictures

    levels, drawn = model.spec.levels, np.concatenate(several)
    if pathlib.Path(OUT.value).suffix == ".png":
        pixels = pictures.grid(drawn, levels, len(several[0]), min_side=MIN_SIDE.value)
        pictures.write_png(OUT.value, pixels)
    else:
        pictures.write_images(OUT.value, drawn, levels, min_side=MIN_SIDE.value)


def examples(dataset):
    """The first examples of the split, as many as are asked for and there are: (batch, number)."""
    num = min(NUM.value, dataset.num_examples(SPLIT.value))
    return dataset.examples(SPLIT.value, slice(0, num)), num


def draw(model, dataset):
    """Images of an autoregressive model, and what of them was given (-1: nothing), or None.

    Of models conditional on an image it is the examples that they are conditioned on.
    """
    import tensorflow as tf

    from glf.evaluation.sampling import density_of
    from glf.models.autoregressive import Autoregressive
    from glf.samplers import make_sampler

    of_data = isinstance(model, Autoregressive)

    batch, num = None, NUM.value
    if dataset is not None:
        batch, num = examples(dataset)
    options = {}
    given = None
    if COMPLETE_ROWS.value is not None or INPAINT.value is not None:
        given = options["given"] = tf.where(
            known_pixels(model.spec.image_shape), tf.cast(batch["image"], tf.int32), -1
        )
    condition = conditions(model, batch, num)
    if condition is not None:
        options["condition"] = condition
    sampler = model.sampler if SAMPLER.value is None else make_sampler(SAMPLER.value)

    sample_with = model.sample_with if of_data else model.sample_codes_with

    def run():
        began = time.perf_counter()
        found = sample_with(sampler, num, SEED.value, TEMPERATURE.value[0], **options)
        found.x.numpy()
        return found, time.perf_counter() - began

    found, seconds = run()
    building = None
    if seconds < AGAIN:
        # Once more, now that the program is built.
        first = seconds
        found, seconds = run()
        building = first - seconds
    # Drawn in pieces, of a size that no sampler knows beforehand.
    settings = sampler.settings(density_of(model))
    logging.info("%s", describe(model, found, settings, seconds, building))
    images = found.x.numpy().astype("uint8") if of_data else model.decode(found.x).numpy()
    if given is None:
        return images, None if batch is None else batch["image"]
    return images, given.numpy()


def conditions(model, batch, num):
    """Conditions of the samples as a tensor, or None: labels in turn, or of the examples."""
    import tensorflow as tf

    kind = getattr(model, "condition_kind", None)
    if LABELS.value is not None:
        labels = check_labels(kind == "label", model.spec.num_classes)
        return tf.constant([labels[i % len(labels)] for i in range(num)])
    if kind is None:
        return None
    if batch is not None:
        return tf.convert_to_tensor(model.condition_of(batch))
    return tf.range(num) % model.spec.num_classes


def known_pixels(image_shape):
    """bool [height, width, 1]: what the flags say is given."""
    import numpy as np

    height, width, _ = image_shape
    known = np.ones((height, width, 1), bool)
    if COMPLETE_ROWS.value is not None:
        if COMPLETE_ROWS.value >= height:
            raise ValueError(
                f"--complete_rows must be less than the image's {height} rows, got "
                f"{COMPLETE_ROWS.value}."
            )
        known[COMPLETE_ROWS.value :] = False
    if INPAINT.value is not None:
        box = integers(INPAINT)
        fits = len(box) == 4 and min(box) >= 0 and min(box[2:]) >= 1
        if not fits or box[0] + box[2] > height or box[1] + box[3] > width:
            raise ValueError(
                "--inpaint is top,left,height,width of a rectangle within the image of "
                f"{height} x {width}, got {','.join(INPAINT.value)}."
            )
        top, left, rows, columns = box
        known[top : top + rows, left : left + columns] = False
    return known


def integers(flag):
    """A list flag's values as integers."""
    try:
        return [int(value) for value in flag.value]
    except ValueError:
        raise ValueError(
            f"--{flag.name} is a list of integers, got {','.join(flag.value)}."
        ) from None


def describe(model, found, settings, seconds, building):
    """What samples cost, in a sentence; `building` None: its seconds are among the others."""
    calls, certified = found.calls.numpy(), found.certified.numpy()
    mended, passes = found.mended.numpy(), found.mending_passes.numpy()
    d = found.final_at.shape[1]
    name = SAMPLER.value or f"the configured sampler ({type(model.sampler).__name__})"
    name += "".join(f", {key} {value}" for key, value in settings.items())
    built = "with building the program"
    if building is not None:
        built = f"after {building:.1f} s to build the program"
    return (
        f"{name}: {calls.mean():.1f} calls a sample, {100 * calls.mean() / d:.2f} % of d = {d} "
        f"(the slowest {calls.max()}), {found.forward_equivalents.numpy().mean():.2f} full-forward "
        f"equivalents; {certified.sum()} of {len(certified)} certified, {mended.sum()} values in "
        f"{(mended > 0).sum()} of them mended by {passes.sum()} passes. {seconds:.3f} s, "
        f"{seconds / len(calls):.4f} s a sample, {built}."
    )


def write_points(model, points, dataset):
    """Writes points in the plane: an array, or a picture of density, samples and data."""
    import numpy as np

    from glf.core import files
    from glf.evaluation import density_pictures, pictures

    check_points_out()
    out = pathlib.Path(OUT.value)
    if out.suffix == ".png":
        data = dataset.examples(SPLIT.value, slice(0, density_pictures.POINTS))["image"]
        pictures.write_png(out, density_pictures.picture(model, points, data))
        return
    with files.atomic_path(out) as temporary:
        np.savez_compressed(temporary, points=points)


def write(model, images, given, batch=None):
    """Writes the images, beside what was given where something was and --out is a picture.

    With a `batch` of pairs the picture has its conditions, too.
    """
    import numpy as np

    from glf.evaluation import pictures

    spec = model.spec
    sample_rate = spec.sample_rate
    if given is None or sample_rate is not None or pathlib.Path(OUT.value).suffix != ".png":
        pictures.write_images(
            OUT.value, images, spec.levels, min_side=MIN_SIDE.value, sample_rate=sample_rate
        )
        return
    if model.condition_kind == "paired" and batch is not None:
        pixels = pictures.condition_sample_example(batch, images, spec, MIN_SIDE.value)
        pictures.write_png(OUT.value, pixels)
        return
    levels = spec.levels
    # What is not given is shown as a middle grey.
    shown = np.where(given >= 0, pictures.to_bytes(np.maximum(given, 0), levels), 128)
    pairs = pictures.side_by_side(shown, pictures.to_bytes(images, levels))
    columns = 2 * max(1, round(np.sqrt(len(images))))
    pixels = pictures.grid(pairs, 256, columns, min_side=MIN_SIDE.value)
    pictures.write_png(OUT.value, pixels)


if __name__ == "__main__":
    common.run(main, check=check)
