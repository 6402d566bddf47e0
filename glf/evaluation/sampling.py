"""Samplers of one autoregressive model side by side: what they cost, and that they agree."""

import collections.abc
import time
import typing

import numpy as np
import tensorflow as tf

from glf.evaluation.report import columns
from glf.samplers.predictive import Predictive
from glf.samplers.registry import SAMPLERS, make_sampler

BASELINES = ("ancestral", "cached_ancestral")
COUNTS = ("differing", "uncertified", "mended", "mended_samples", "mending_passes")


def samplers_for(density, names=(), jit=True):
    """{name: sampler}, compiled by XLA or not, for an `AutoregressiveModel`.

    Those named, or all for which it has what they need: a forecaster, for some. The full pass is an
    XLA program in any case: its bits are the reference.
    """
    names = names or [
        name
        for name in SAMPLERS
        if density.forecaster is not None or not name.startswith("forecasting")
    ]
    options = {} if jit else {"jit": False}
    return {name: make_sampler(name, **({} if name == "ancestral" else options)) for name in names}


def ablations(density, windows, horizons):
    """{"window", perhaps "horizon": {name: sampler}}: fixed points beside variants of samplers.

    Args:
      density: an `AutoregressiveModel`.
      windows: rows of windows, of which those that are less than the image's are taken.
      horizons: of forecasts, of which those that its forecaster has are taken.
    """
    plain, rows = {"fixed_point": Predictive()}, density.image_shape[0]
    window = {f"window of {n} rows": Predictive(rows=n) for n in windows if n < rows}
    if density.forecaster is None:
        return {"window": plain | window}
    horizon = {
        f"forecasting, T = {n}": Predictive(forecast=True, horizon=n)
        for n in horizons
        if n <= density.forecaster.horizon
    }
    return {"window": plain | window, "horizon": plain | horizon}


def compare_samplers(
    model,
    samplers,
    *,
    seeds=10,
    batch=1,
    fewer_seeds=None,
    repeats=1,
    context=None,
    temperature=1.0,
    baselines=BASELINES,
    progress=None,
):
    """Draws the same samples with each sampler, in turn, and measures calls, arithmetic and time.

    Each sampler is compiled and run once before anything is timed. For seed after seed the noise is
    drawn once and handed to every sampler; a time includes the sampler's final full pass, the
    certificate, and what that mends. Time ratios are of runs on the same noise, side by side.

    The certificate brings every sampler to the model's own samples, so that "differing" and
    "uncertified" are 0 for whatever shares the model, the noise and the temperature. A sampler that
    computes something else than the model is found out by "mended".

    Args:
      model: an `AutoregressiveModel`.
      samplers: {name: `Sampler`}; of those that run on a seed, the first one's samples are what the
        others' are compared with.
      seeds: how many seeds, 0, 1, ...
      batch: how many samples are drawn at a time.
      fewer_seeds: {name: how many of the seeds it runs on}, for samplers that take long.
      repeats: runs on each seed, of which the shortest time counts.
      context: what a condition encoder made of the conditions of the `batch` samples, or None.
      temperature: multiplies the noise.
      baselines: names of samplers over which speed-ups are reported.
      progress: called with each line of text about what was done; None: nothing is said.

    Returns {name: {
      "settings": {"rows": of its window, "horizon": positions T that it forecasts}, where it has
        them,
      "seeds": how many it ran on,
      "calls_percent": calls of the model for a sample as a percentage of d,
      "slowest_percent": the same of the slowest sample of the batch,
      "forward_equivalents": positions computed for a sample as a multiple of d,
      "seconds": of the whole batch,
      "speedup": {baseline: its seconds over these},
      "differing": values that are not the first sampler's, over all seeds,
      "uncertified": samples whose certificate failed, over all seeds,
      "mended": values that the certificate changed, over all seeds,
      "mended_samples": samples of which it changed any,
      "mending_passes": full passes that this took, over all of these samples}},
    where quantities are {"mean", "deviation", "values"} over the seeds; the deviation is that of a
    sample, with n - 1, and None for a single seed.

    Raises:
      ValueError: for numbers below 1, or names in `fewer_seeds` that are no samplers.
    """
    temperature = tf.constant(temperature, tf.float32)
    programs = {name: _program(model, s, context) for name, s in samplers.items()}

    def drawing(name, noise):
        return lambda: programs[name](noise, temperature)

    records = side_by_side(
        list(samplers),
        drawing,
        lambda seed: model.noise(batch, seed),
        lambda samples, reference: _record(model, samples, reference),
        Plan(seeds, batch, fewer_seeds or {}, repeats, progress or (lambda line: None)),
    )
    return {
        name: {
            "settings": samplers[name].settings(model, batch),
            **summary(own, {b: records[b] for b in baselines if b in records}, COUNTS),
        }
        for name, own in records.items()
    }


class Plan(typing.NamedTuple):
    """How much is measured, as `compare_samplers` says.

    Attributes:
      seeds, batch, fewer_seeds, repeats, progress: its arguments.
    """

    seeds: int
    batch: int
    fewer_seeds: dict
    repeats: int
    progress: collections.abc.Callable

    def check(self, names):
        """Refuses what `compare_samplers` refuses, for samplers of these names."""
        numbers = {"seeds": self.seeds, "batch": self.batch, "repeats": self.repeats}
        for name, value in {**numbers, **self.fewer_seeds}.items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}.")
        if unknown := set(self.fewer_seeds) - set(names):
            raise ValueError(
                f"fewer_seeds names {', '.join(sorted(unknown))}: no such sampler here."
            )


def side_by_side(names, drawing, input_of, record, plan):
    """{name: a record for each seed} of what `names` draw in turn.

    Args:
      names: of samplers; of those that run on a seed the first one's samples are the reference.
      drawing: of a name and an input, a function that draws.
      input_of: makes the input of a seed.
      record: of (samples, the reference's), figures of one run.
      plan: the `Plan`.
    """
    plan.check(names)
    first = input_of(0)
    for name in names:
        _, seconds = _timed(drawing(name, first))
        plan.progress(f"{name}: compiled and run once in {seconds:.1f} s, batch {plan.batch}")
    records = {name: [] for name in names}
    for seed in range(plan.seeds):
        given = input_of(seed)
        due = [name for name in names if seed < plan.fewer_seeds.get(name, plan.seeds)]
        samples, seconds = {}, {name: np.inf for name in due}
        for _ in range(plan.repeats):
            for name in due:
                samples[name], last = _timed(drawing(name, given))
                seconds[name] = min(seconds[name], last)
        for name in due:
            found = record(samples[name], samples[due[0]])
            records[name].append({"seconds": seconds[name], **found})
        plan.progress(f"seed {seed}: {', '.join(f'{n} {s:.2f} s' for n, s in seconds.items())}")
    return records


def _timed(draw):
    began = time.perf_counter()
    samples = draw()
    samples.x.numpy()
    return samples, time.perf_counter() - began


def _program(model, sampler, context):
    @tf.function(autograph=False)
    def draw(noise, temperature):
        return sampler(model, noise, context, temperature)

    return draw


def _record(model, samples, reference):
    calls = samples.calls.numpy()
    return {
        "calls_percent": 100.0 * calls.mean() / model.positions,
        "slowest_percent": 100.0 * calls.max() / model.positions,
        "forward_equivalents": samples.forward_equivalents.numpy().mean(),
        "differing": int((samples.x.numpy() != reference.x.numpy()).sum()),
        "uncertified": int((~samples.certified.numpy()).sum()),
        "mended": int(samples.mended.numpy().sum()),
        "mended_samples": int((samples.mended.numpy() > 0).sum()),
        "mending_passes": int(samples.mending_passes.numpy().sum()),
    }


def summary(records, baselines, counts):
    """{"seeds", quantities as mean and deviation, "speedup", counts} of records of one sampler."""
    quantities = ("calls_percent", "slowest_percent", "forward_equivalents", "seconds")
    result = {"seeds": len(records)}
    result |= {name: _spread([r[name] for r in records]) for name in quantities}
    result["speedup"] = {
        name: _spread([b["seconds"] / r["seconds"] for b, r in zip(base, records, strict=False)])
        for name, base in baselines.items()
    }
    result |= {name: sum(r[name] for r in records) for name in counts}
    return result


def _spread(values):
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {
        "mean": float(np.mean(values)),
        "deviation": deviation,
        "values": [float(v) for v in values],
    }


def table_of_samplers(results):
    """A table of what `compare_samplers` returns, for people: `rows_of_samplers`, aligned."""
    return columns(rows_of_samplers(results), "<>")


def rows_of_samplers(results):
    """What `compare_samplers` or `compare_solvers` returns as rows of texts, the head first.

    A quantity is written as mean +- deviation over the seeds, a count as the sum over them.
    "rows" are those of a sampler's window, "T" the positions that it forecasts. "mended" is values
    / samples with any, "passes" the full passes that mended them. Solvers mend nothing: in place of
    these stand the largest difference from the first one's values and the largest error, see
    `compare_solvers`.
    """
    if "error" in next(iter(results.values())):
        return _rows_of_solvers(results)
    baselines = list(next(iter(results.values()))["speedup"])
    head = ["sampler", "rows", "T", "seeds", "calls (% of d)", "forwards", "seconds"]
    head += [f"x {name}" for name in baselines] + ["differing", "uncertified", "mended", "passes"]
    rows = []
    for name, r in results.items():
        quantities = [r["calls_percent"], r["forward_equivalents"], r["seconds"]]
        quantities += [r["speedup"][b] for b in baselines]
        counts = [str(r["differing"]), str(r["uncertified"])]
        counts += [f"{r['mended']} / {r['mended_samples']}", str(r["mending_passes"])]
        settings = [str(r["settings"].get(key, "")) for key in ("rows", "horizon")]
        rows.append([name, *settings, str(r["seeds"]), *map(_written, quantities), *counts])
    return [head, *rows]


def _rows_of_solvers(results):
    baselines = list(next(iter(results.values()))["speedup"])
    head = ["solver", "seeds", "passes (% of d)", "forwards", "seconds"]
    head += [f"x {name}" for name in baselines]
    head += ["differing", "largest difference", "uncertified", "error"]
    rows = []
    for name, r in results.items():
        quantities = [r["calls_percent"], r["forward_equivalents"], r["seconds"]]
        quantities += [r["speedup"][b] for b in baselines]
        found = [str(r["differing"]), f"{r['difference']:.2g}", str(r["uncertified"])]
        rows.append(
            [name, str(r["seeds"]), *map(_written, quantities), *found, f"{r['error']:.2g}"]
        )
    return [head, *rows]


def _written(quantity):
    mean, deviation = quantity["mean"], quantity["deviation"]
    digits = max(0, 2 - int(np.floor(np.log10(max(abs(mean), 1e-3)))))
    text = f"{mean:.{digits}f}"
    return text if deviation is None else f"{text} +- {deviation:.{digits}f}"
