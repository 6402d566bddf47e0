"""Compares samplers of one trained autoregressive model: calls, arithmetic, time, agreement.

  python -m scripts.compare_samplers --workdir=runs/pixel_cnn --out=comparison
  python -m scripts.compare_samplers --workdir=runs/eight_gaussians_maf --out=comparison

Every sampler draws the same samples from the same noise, in turn, seed by seed. Prints a table for
each --batch, and writes comparison.json, the same as index.html, comparison.md and comparison.csv,
and final_at.png into the folder --out: samples, each with the call at which every pixel became
final to its right. Works for autoregressive models and for the autoregressive prior of a discrete
autoencoder.

Of a model whose flow samples through autoregressive bijectors (a GLF, a VectorFlow or a PixelFlow
with MAFs) it compares the solvers of that slow direction, --solver, with the sequential one: passes
of all bijectors, time of drawing from the flow, certificates. There is no picture of them.

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
SOLVER = flags.DEFINE_multi_enum(
    "solver", [], common.SOLVERS, "What to compare of a flow. Repeatable. Default: all that it can."
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
        if run.lacks("DrawsBySampler") and run.without_slow_direction():
            raise ValueError(
                f"This {run.model} has no autoregressive density or bijector: train one with a "
                "configuration of an autoregressive model, such as those in "
                "configs/studies/pixel_cnn/, or of a flow with MAFs."
            )
        if run.model is not None:
            check_flags(not run.lacks("DrawsBySampler"))


def check_flags(has_samplers):
    """Refuses what the model has no use for."""
    strange = (SOLVER,) if has_samplers else (SAMPLER, ABLATIONS, UNSHARED_WORKDIR)
    for flag in strange:
        if flag.value:
            kind = "flows" if has_samplers else "autoregressive models"
            raise ValueError(f"--{flag.name} is for {kind}, and this run's model is none.")


def main():
    """Flags in, tables, a JSON file and a picture out."""
    from glf.core import files
    from glf.evaluation import pictures, sampling_page
    from glf.evaluation.sampling import ablations, samplers_for
    from glf.evaluation.sampling_pictures import final_at
    from glf.models.drawing import DrawsBySampler
    from glf.samplers import make_sampler

    unshared = load_unshared() if UNSHARED_WORKDIR.value else None
    model, dataset, step = load(WORKDIR.value)
    check_flags(isinstance(model, DrawsBySampler))
    if not isinstance(model, DrawsBySampler):
        compare_flow(model, dataset, step)
        return
    density = model.sampled
    samplers = samplers_for(density, SAMPLER.value, JIT.value)
    out = pathlib.Path(OUT.value)
    heading = f"d = {density.positions}, {density.levels} levels, step {step}"
    print(heading)
    compared = {b: compare(model, dataset, samplers, b, "Samplers") for b in BATCH.value}
    num, tables = PICTURES.value, {}
    context = contexts(model, dataset, num)
    pixels, about = final_at(model, samplers, num, context, TEMPERATURE.value, MIN_SIDE.value)
    pictures.write_png(out / "final_at.png", pixels)
    print(f"\nfinal_at.png, {about['caption']}")
    if ABLATIONS.value:
        variants = ablations(density, WINDOW.value, HORIZON.value)
        tables = {name: (model, varied) for name, varied in variants.items()}
    if unshared is not None:
        both = {name: make_sampler(name) for name in ("fixed_point", "forecasting")}
        tables["unshared"] = unshared, both
    document = {
        "step": step,
        "image_shape": density.data_shape,
        "levels": density.levels,
        "positions": density.positions,
        "temperature": TEMPERATURE.value,
        "samplers": compared,
        "final_at": about,
        "ablations": {
            name: {b: compare(of, dataset, varied, b, name) for b in BATCH.value}
            for name, (of, varied) in tables.items()
        },
    }
    files.write_json(out / "comparison.json", document)
    sampling_page.write(out, document, heading, (out / "final_at.png").read_bytes())
    logging.info("Written to %s.", out)


def compare_flow(model, dataset, step):
    """Tables and files of the solvers of a flow's slow directions."""
    from glf.core import files
    from glf.evaluation import sampling_page
    from glf.evaluation.sampling import table_of_samplers
    from glf.evaluation.solving import compare_solvers, solvers_for

    solvers = solvers_for(model, SOLVER.value, JIT.value)
    compared = {}
    heading = f"{len(model.slow_parts)} autoregressive bijectors, step {step}"
    print(heading)
    for batch in BATCH.value:
        compared[batch] = compare_solvers(
            model,
            solvers,
            seeds=SEEDS.value,
            batch=batch,
            repeats=REPEATS.value,
            condition=conditions(model, dataset, batch),
            temperature=TEMPERATURE.value,
            baselines=("sequential", "cached_sequential"),
            progress=lambda line: logging.info("%s", line),
        )
        print(f"\nSolvers, batch {batch}\n{table_of_samplers(compared[batch])}", flush=True)
    document = {
        "step": step,
        "temperature": TEMPERATURE.value,
        "solvers": compared,
    }
    out = pathlib.Path(OUT.value)
    files.write_json(out / "comparison.json", document)
    sampling_page.write(out, document, heading)
    logging.info("Written to %s.", out)


def load(workdir):
    """(model that draws with samplers, dataset or None, step) of a run."""
    from glf import configurables

    model, dataset, step, _ = configurables.load_run(
        workdir,
        DATA_DIR.value,
        CHECKPOINT.value,
        with_data=lambda model: model.condition_kind not in (None, "label"),
        data_path=DATA_PATH.value,
    )
    return model, dataset, step


def load_unshared():
    """The model of --unshared_workdir."""
    model, *_ = load(UNSHARED_WORKDIR.value)
    forecaster = model.sampled.forecaster
    if forecaster is None or forecaster.shared:
        raise ValueError(
            "--unshared_workdir must be a run with a forecaster that was trained without the "
            "shared representation (Forecaster.shared = False)."
        )
    return model


def compare(model, dataset, samplers, batch, title):
    """Prints a table; returns its figures."""
    from glf.evaluation.sampling import compare_samplers, table_of_samplers

    results = compare_samplers(
        model.sampled,
        samplers,
        seeds=SEEDS.value,
        batch=batch,
        fewer_seeds=(
            {"ancestral": min(ANCESTRAL_SEEDS.value, SEEDS.value)}
            if "ancestral" in samplers
            else None
        ),
        repeats=REPEATS.value,
        context=contexts(model, dataset, batch),
        temperature=TEMPERATURE.value,
        baselines=("ancestral", "cached_ancestral", "fixed_point"),
        progress=lambda line: logging.info("%s", line),
    )
    print(f"\n{title}, batch {batch}\n{table_of_samplers(results)}", flush=True)
    return results


def contexts(model, dataset, batch):
    """Contexts of the conditions, or None."""
    condition = conditions(model, dataset, batch)
    return None if condition is None else model.condition_encoder.encode(condition)


def conditions(model, dataset, batch):
    """Labels in turn, or what the first examples of --split are conditioned on, or None."""
    import tensorflow as tf

    encoder = model.condition_encoder
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


if __name__ == "__main__":
    common.run(main, check=check)
