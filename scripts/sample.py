"""Draws samples from a trained model.

  python -m scripts.sample --workdir=runs/digits --num=64 --seed=0 --out=samples.png

--out decides what is written: a .png file holds a grid, an .npz file the array "images" (uint8,
[num, height, width, channels], in the data's levels), and any other name is a folder of PNG files.
Of waveforms it is one of WAV files, with spectrograms.png of all of them. Of models of points in
the plane the .npz holds "points" (float32, [num, 2]), and the .png shows the density, the samples
and the data.

  --labels=3,1,4                classes to draw, for models conditional on labels
  --guidance=1                  towards their labels, for models that learned what there is without
                                one (GLF.label_drop)

  --solver=sequential           how slow directions of autoregressive bijectors are solved, for
                                models that draw from a flow: see compare_samplers

For autoregressive models, and for the autoregressive prior of a discrete autoencoder:

  --sampler=windowed            how to draw: it changes the time, never the samples; what they cost
                                is printed

and for autoregressive models of the data themselves, with examples of --split:

  --complete_rows=14            draws what follows the first 14 rows of examples
  --inpaint=7,7,14,14           draws this rectangle of examples (top, left, height, width) from
                                what comes before it; beside them, a .png shows what was given

With --strategy=mirrored all GPUs of the machine draw them together, with --strategy=multi_worker
several processes, see the README: the same samples.

Models conditional on an image take it from examples of --split, which a .png shows beside.
"""

import pathlib

from absl import flags, logging

if not __package__:
    raise SystemExit("Error: start it as a module: python -m scripts.sample")

from . import common, early
from .workers import WorkersOrDevices

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
GUIDANCE = flags.DEFINE_float(
    "guidance", None, "The weight of guidance towards the labels, at least 0.", 0.0
)
SOLVER = flags.DEFINE_enum(
    "solver",
    None,
    common.SOLVERS,
    "How a flow's slow directions are solved. Default: as the configuration says.",
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
KEEP_COMPILED = common.define_keep_compiled()
WORKERS = WorkersOrDevices("draws a share of the images, and the chief writes them")
# What says which samples they are.
ASKED = (NUM, SEED, TEMPERATURE, SAMPLER, LABELS, GUIDANCE, SOLVER, COMPLETE_ROWS, INPAINT, SPLIT)


def check():
    """Refuses flags that the run's model does not take, as far as its folder tells."""
    WORKERS.check()
    run = early.Run(WORKDIR.value)
    if run.model is not None:
        check_model(run.model, run.abilities)
        if SOLVER.value is not None and run.without_slow_direction():
            raise ValueError(nothing_is_solved(run.model))
    if run.known_data:
        if run.levels is None:
            check_points_out()
        if run.image_shape is not None and len(run.image_shape) == 3:
            known_pixels(run.image_shape)
    if LABELS.value is not None:
        check_labels(not run.without_labels(), run.num_classes)


def check_model(name, abilities):
    """Refuses flags that a model of this class and these abilities does not take."""
    autoregressive = "DrawsBySampler" in abilities
    if SOLVER.value is not None and "DrawsByFlow" not in abilities:
        raise ValueError(f"--solver is for models that draw from a flow; this run's is a {name}.")
    for flag in (SAMPLER, COMPLETE_ROWS, INPAINT):
        if flag.value is not None and not autoregressive:
            raise ValueError(f"--{flag.name} is for autoregressive models; this run's is a {name}.")
    if GUIDANCE.value is not None and "HasGuidance" not in abilities:
        raise ValueError(f"--guidance is for a GLF with labels; this run's is a {name}.")
    if "HasCodes" in abilities and (COMPLETE_ROWS.value or INPAINT.value):
        raise ValueError(
            f"--complete_rows and --inpaint are for autoregressive models of the data; this "
            f"run's is a {name}."
        )
    if len(TEMPERATURE.value) > 1 and abilities & {"DrawsBySampler", "HasPointDensity"}:
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
    from glf import configurables
    from glf.models.drawing import DrawsBySampler

    with WORKERS.opening():
        model, dataset, step, folder = configurables.load_run(
            WORKDIR.value,
            DATA_DIR.value,
            CHECKPOINT.value,
            with_data=needs_data,
            data_path=DATA_PATH.value,
        )
    check_model(type(model).__name__, {made.__name__ for made in type(model).__mro__})
    if SOLVER.value is not None:
        set_solver(model)
    if model.spec.levels is None:
        write = draw_points
    elif isinstance(model, DrawsBySampler):
        write = draw_with_sampler
    else:
        write = draw
    with WORKERS.meeting(folder, step, dataset, ASKED) as shares:
        model.share(shares)
        number = write(model, dataset, is_chief=not shares.number)
    if shares.number:
        logging.info("The chief writes the samples.")
        return
    logging.info(
        "%d samples of step %d, temperature %s, are in %s.",
        *(number, step, ", ".join(f"{temperature:g}" for temperature in TEMPERATURE.value)),
        pathlib.Path(OUT.value),
    )


def has_conditions(model):
    """Whether the model is conditioned on images, which come from the data."""
    return model.condition_kind in ("image", "paired")


def needs_data(model):
    """Whether the data has to be opened: where examples are given, conditioned on, or shown."""
    completed = COMPLETE_ROWS.value is not None or INPAINT.value is not None
    shown = model.spec.levels is None and pathlib.Path(OUT.value).suffix == ".png"
    return completed or shown or has_conditions(model)


def examples(dataset):
    """The first examples of the split, as many as are asked for and there are: (batch, number).

    (None, what is asked for) where the data are not opened.
    """
    if dataset is None:
        return None, NUM.value
    num = min(NUM.value, dataset.num_examples(SPLIT.value))
    return dataset.examples(SPLIT.value, slice(0, num)), num


def conditions(model, batch, num):
    """Conditions of the samples as a tensor: of --labels, or of the examples; None: by default."""
    import tensorflow as tf

    if LABELS.value is not None:
        labels = check_labels(model.condition_kind == "label", model.spec.num_classes)
        return tf.constant([labels[i % len(labels)] for i in range(num)])
    if batch is None or model.condition_encoder is None:
        return None
    return tf.convert_to_tensor(model.condition_of(batch))


def draw_points(model, dataset, is_chief):
    """Draws and writes points in the plane; returns how many."""
    from glf.evaluation import sample_files
    from glf.evaluation.density_pictures import POINTS

    check_points_out()
    points = model.sample(NUM.value, SEED.value, TEMPERATURE.value[0]).numpy()
    data = None if dataset is None else dataset.examples(SPLIT.value, slice(0, POINTS))["x"]
    if is_chief:
        sample_files.write_points(OUT.value, points, model, data)
    return len(points)


def draw(model, dataset, is_chief):
    """Draws and writes images of a model that is not autoregressive; returns how many."""
    import numpy as np

    from glf.evaluation import sample_files

    batch, num = examples(dataset)
    condition, several = conditions(model, batch, num), []
    for temperature in TEMPERATURE.value:
        if GUIDANCE.value is None:
            drawn = model.draw(num, SEED.value, temperature, condition)
        else:
            guidance = GUIDANCE.value
            drawn = model.draw_guided(num, SEED.value, guidance, temperature, condition)
        drawn = drawn.finite()
        logging.info("Samples: %s.", drawn.describe())
        several.append(drawn.x.numpy())
    if batch is not None and model.condition_kind != "paired":
        batch = {"x": batch["x"]}
    images, spec, min_side = np.concatenate(several), model.spec, MIN_SIDE.value
    if not is_chief:
        return len(images)
    if len(several) > 1:
        sample_files.write_images(OUT.value, images, spec.levels, min_side, columns=num)
    else:
        sample_files.write_samples(OUT.value, images, spec, batch, min_side)
    return len(images)


def nothing_is_solved(name):
    """What is said of --solver where there is nothing for it to do."""
    return (
        f"--solver={SOLVER.value}: nothing of this {name} is solved, its flow has no "
        "autoregressive bijector, such as a MAF."
    )


def set_solver(model):
    """Has the model's slow directions solved by the --solver."""
    from glf.solvers import make_solver

    if not model.slow_parts:
        raise ValueError(nothing_is_solved(type(model).__name__))
    for part in model.slow_parts:
        part.solver = make_solver(SOLVER.value)


def draw_with_sampler(model, dataset, is_chief):
    """Draws and writes images of an autoregressive model, and says what they cost.

    Returns how many.
    """
    from glf.evaluation import sample_files

    images, example = images_and_examples(model, dataset)
    if is_chief:
        sample_files.write_samples(OUT.value, images, model.spec, example, MIN_SIDE.value)
    return len(images)


def images_and_examples(model, dataset):
    """Images drawn with a sampler, and {"x"} of what they belong to, or None."""
    import numpy as np

    from glf.evaluation.sampling_cost import samples_and_cost
    from glf.samplers import make_sampler

    batch, num = examples(dataset)
    example = None if batch is None else {"x": batch["x"]}
    options = {"condition": conditions(model, batch, num)}
    if COMPLETE_ROWS.value is not None or INPAINT.value is not None:
        known = known_pixels(model.spec.shape)
        example = {"x": np.where(known, batch["x"].astype(np.int32), -1)}
        options["known"] = example["x"]
    name, sampler = SAMPLER.value, model.sampler
    if name is None:
        name = f"the configured sampler ({type(sampler).__name__})"
    else:
        sampler = make_sampler(name)
    images, cost = samples_and_cost(
        model, sampler, num, SEED.value, TEMPERATURE.value[0], **options
    )
    logging.info("%s%s", name, cost)
    return images, example


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


if __name__ == "__main__":
    common.run(
        main,
        check=check,
        purpose=lambda: common.of_run("sample", WORKDIR.value, KEEP_COMPILED.value),
    )
