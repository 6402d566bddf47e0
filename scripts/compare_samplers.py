"""Compares samplers of one trained autoregressive model: calls, arithmetic, time, agreement.

  python -m scripts.compare_samplers --workdir=runs/pixel_cnn --out=comparison

Every sampler draws the same samples from the same noise, in turn, seed by seed. Prints a table for
each --batch, and writes comparison.json and final_at.png into the folder --out: samples, each with
the call at which every pixel became final to its right. Works for autoregressive models and for the
autoregressive prior of a discrete autoencoder.

--ablations adds forecasts of other horizons and windows of other sizes; --unshared_workdir adds a
run whose forecaster was trained without the model's features (Forecaster.shared = False).
"""

import pathlib

from absl import flags, logging

if not __package__:
    raise SystemExit("Error: start it as a module: python -m scripts.compare_samplers")

from . import common, early

WORKDIR = common.define_workdir()
OUT = common.define_output("out", ("folder",), "The folder for comparison.json and final_at.png.")
SEEDS = common.define_positive("seeds", 10, "How many seeds: 0, 1, ...")
BATCH = flags.DEFINE_multi_integer(
    "batch", [1, 32], "How many samples at a time. Repeatable.", lower_bound=1
)
SAMPLER = flags.DEFINE_multi_enum(
    "sampler", [], common.SAMPLERS, "What to compare. Repeatable. Default: all that the model can."
)
ANCESTRAL_SEEDS = common.define_positive(
    "ancestral_seeds", 2, "On how many seeds the slow ancestral sampler runs."
)
REPEATS = common.define_positive("repeats", 2, "Runs on each seed; the shortest time counts.")
JIT = flags.DEFINE_bool(
    "jit",
    True,
    "XLA programs. Without, loops of TensorFlow's own kernels, where a call costs more than what "
    "it computes.",
)
ABLATIONS = flags.DEFINE_bool("ablations", False, "Also horizons and window sizes.")
HORIZON = flags.DEFINE_multi_integer(
    "horizon", [1, 2, 5, 10, 20], "Horizons of the ablation. Repeatable.", lower_bound=1
)
WINDOW = flags.DEFINE_multi_integer(
    "window", [1, 2, 4, 8], "Window rows of the ablation. Repeatable.", lower_bound=1
)
UNSHARED_WORKDIR = common.define_path(
    "unshared_workdir", None, "Also compare forecasts of a run with Forecaster.shared = False."
)
TEMPERATURE = common.define_temperature("Scales the noise.")
PICTURES = common.define_positive("pictures", 16, "Samples in final_at.png.")
MIN_SIDE = common.define_positive(
    "min_side", 1, "Enlarge images until each side has so many pixels."
)
SPLIT = common.define_split()
DATA_DIR = common.define_data_dir()
DATA_PATH = common.define_data_path()
CHECKPOINT = common.define_checkpoint()


def check():
    """Refuses runs whose model is not autoregressive."""
    for workdir in filter(None, (WORKDIR.value, UNSHARED_WORKDIR.value)):
        run = early.Run(workdir)
        if run.lacks("autoregressive"):
            raise ValueError(
                f"A {run.model} has no autoregressive density: train one with a configuration of "
                "an autoregressive model, such as those in configs/studies/pixel_cnn/."
            )


def main():
    """Flags in, tables, a JSON file and a picture out."""
    from glf.core import files

    unshared = load_unshared() if UNSHARED_WORKDIR.value else None
    density, model, dataset, step = load(WORKDIR.value)
    samplers = chosen_samplers(density)
    out = pathlib.Path(OUT.value)
    document = {
        "step": step,
        "image_shape": density.data_shape,
        "levels": density.levels,
        "positions": density.positions,
        "temperature": TEMPERATURE.value,
        "samplers": {},
    }
    print(f"d = {density.positions}, {density.levels} levels, step {step}")
    for batch in BATCH.value:
        document["samplers"][batch] = compare(density, dataset, samplers, batch, "Samplers")
    path = out / "final_at.png"
    document["final_at"] = draw_final_at(model, density, dataset, samplers, path)
    document["ablations"] = ablations(density, dataset, unshared)
    files.write_json(out / "comparison.json", document)
    logging.info("Written to %s.", out)


def load(workdir):
    """(autoregressive density, the model it is part of, dataset or None, step) of a run."""
    from glf import configurables
    from glf.evaluation.sampling import density_of

    def on_images(model):
        encoder = density_of(model).condition_encoder
        return encoder is not None and encoder.kind != "label"

    model, dataset, step, _ = configurables.load_run(
        workdir,
        DATA_DIR.value,
        CHECKPOINT.value,
        with_data=on_images,
        data_path=DATA_PATH.value,
    )
    return density_of(model), model, dataset, step


def load_unshared():
    """The density of --unshared_workdir."""
    density, *_ = load(UNSHARED_WORKDIR.value)
    if density.forecaster is None or density.forecaster.shared:
        raise ValueError(
            "--unshared_workdir must be a run with a forecaster that was trained without the "
            "shared representation (Forecaster.shared = False)."
        )
    return density


def chosen_samplers(density):
    """{name: sampler} as --sampler says; by default, all for which the model has what they need."""
    from glf.samplers import make_sampler

    names = SAMPLER.value or [
        name
        for name in common.SAMPLERS
        if density.forecaster is not None or not name.startswith("forecasting")
    ]
    # The full pass is an XLA program in any case: its bits are the reference.
    options = {} if JIT.value else {"jit": False}
    return {name: make_sampler(name, **({} if name == "ancestral" else options)) for name in names}


def compare(density, dataset, samplers, batch, title):
    """Prints a table; returns its figures."""
    from glf.evaluation.sampling import compare_samplers, comparison_table

    results = compare_samplers(
        density,
        samplers,
        seeds=SEEDS.value,
        batch=batch,
        fewer_seeds=(
            {"ancestral": min(ANCESTRAL_SEEDS.value, SEEDS.value)}
            if "ancestral" in samplers
            else None
        ),
        repeats=REPEATS.value,
        condition=conditions(density, dataset, batch),
        temperature=TEMPERATURE.value,
        baselines=("ancestral", "cached_ancestral", "fixed_point"),
        progress=lambda line: logging.info("%s", line),
    )
    print(f"\n{title}, batch {batch}\n{comparison_table(results)}", flush=True)
    return results


def conditions(density, dataset, batch):
    """Labels in turn, or the conditions of the first examples of --split, or None."""
    import tensorflow as tf

    encoder = density.condition_encoder
    if encoder is None:
        return None
    if encoder.kind == "label":
        return tf.range(batch) % encoder.num_classes
    if dataset.num_examples(SPLIT.value) < batch:
        raise ValueError(
            f"--batch={batch} needs as many images to be conditioned on; the {SPLIT.value} split "
            f"has {dataset.num_examples(SPLIT.value)}."
        )
    examples = dataset.examples(SPLIT.value, slice(0, batch))
    return tf.convert_to_tensor(encoder.condition_of(examples))


def ablations(density, dataset, unshared):
    """{ablation: {batch: figures}}, of what the flags ask for."""
    from glf.samplers import Predictive, make_sampler

    tables = {}
    plain = {"fixed_point": make_sampler("fixed_point")}
    if ABLATIONS.value:
        tables["window"] = (
            density,
            plain
            | {
                f"window of {rows} rows": Predictive(rows=rows)
                for rows in WINDOW.value
                if rows < density.image_shape[0]
            },
        )
    if ABLATIONS.value and density.forecaster is not None:
        tables["horizon"] = (
            density,
            plain
            | {
                f"forecasting, T = {horizon}": Predictive(forecast=True, horizon=horizon)
                for horizon in HORIZON.value
                if horizon <= density.forecaster.horizon
            },
        )
    if unshared is not None:
        tables["unshared"] = unshared, plain | {"forecasting": make_sampler("forecasting")}
    return {
        name: {batch: compare(of, dataset, samplers, batch, name) for batch in BATCH.value}
        for name, (of, samplers) in tables.items()
    }


def draw_final_at(model, density, dataset, samplers, path):
    """Writes the picture of one sampler; returns what its caption needs."""
    import tensorflow as tf

    from glf.evaluation import pictures
    from glf.evaluation.sampling_pictures import call_per_pixel, samples_and_calls
    from glf.models.abilities import HasCodes

    guessing = [name for name in samplers if "ancestral" not in name]
    name = "fixed_point" if "fixed_point" in samplers else (guessing or list(samplers))[0]
    num = PICTURES.value
    noise, context = density.noise(num, 0), density.context(conditions(density, dataset, num))

    @tf.function(autograph=False)
    def draw():
        return samplers[name](density, noise, context, TEMPERATURE.value)

    found = draw()
    drawn = density.to_data(found.x)
    images = model.decode(drawn) if isinstance(model, HasCodes) else drawn
    calls = call_per_pixel(found.final_at, density.data_shape)
    pixels, last = samples_and_calls(
        images.numpy(), model.spec.levels, calls, min_side=MIN_SIDE.value
    )
    pictures.write_png(path, pixels)
    caption = f"{name}: from call 1 (dark blue) to call {last} (near white)"
    print(f"\nfinal_at.png, {caption}")
    return {"sampler": name, "first_call": 1, "last_call": last, "caption": caption}


if __name__ == "__main__":
    common.run(main, check=check)
