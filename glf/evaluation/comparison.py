"""Several trainings of several studies side by side, as a table."""

import pathlib
import statistics
import time

from glf.evaluation.base import Subject
from glf.evaluation.evaluate import evaluate
from glf.evaluation.importance_weights import ImportanceWeights

# What is comparable between runs, and its unit in the head: a loss is not, where it weights its
# terms by a setting, but the terms are.
_LIKELIHOODS = {"nll": "nll, nats", "gap": "gap, nats"}
_AUTOENCODERS = {
    "reconstruction": "reconstruction, nats",
    "latent_nll": "latent_nll, nats",
    "prior_nll": "prior_nll, nats",
    "psnr": "psnr, dB",
    "code_perplexity": "code_perplexity",
}


def study_name(study):
    """A name for a gin file with bindings behind semicolons, fit for a folder.

    configs/studies/glow/digits.gin;X.y = 1 becomes glow_digits_X.y_1.
    """
    path, *bindings = [part.strip() for part in study.split(";")]
    path = pathlib.Path(path).with_suffix("")
    parts = [path.parent.name, path.name, *("".join(b.split()).replace("=", "_") for b in bindings)]
    return "_".join("".join(c for c in part if c.isalnum() or c in "._-") for part in parts)


def measured(model, dataset, split, num, importance_samples=()):
    """What a trained model reached: {"parameters", "sampling_ms", "metrics"}.

    Args:
      model: a `GenerativeModel`.
      dataset: a `Dataset`.
      split: "train", "validation" or "test".
      num: samples to take the time of, in milliseconds for each of them; the first drawing, which
        builds the program, is not counted.
      importance_samples: as of `evaluate`, for models that it is for.
    """
    weighted = ImportanceWeights().refusal(Subject(model, dataset, split)) is None
    options = {"importance_samples": importance_samples} if weighted else {}
    metrics = evaluate(model, dataset, split, **options)
    examples = dataset.examples(split, slice(0, num))
    num, condition = len(examples["x"]), model.condition_of(examples)
    model.sample(num, 0, condition=condition)
    began = time.perf_counter()
    model.sample(num, 1, condition=condition).numpy()
    return {
        "parameters": sum(weight.value.shape.num_elements() for weight in model.trainable_weights),
        "sampling_ms": 1e3 * (time.perf_counter() - began) / num,
        "metrics": metrics,
    }


def table_of_studies(results):
    """Markdown: a row for each study, mean and standard deviation over its seeds.

    Args:
      results: {name: {"runs": [{"metrics", "parameters", "seconds", "sampling_ms"}, ...]}}, with
        "metrics" as `evaluate` returns them. Shown are, where a run has them, likelihoods of the
        data, and of autoencoders the terms of the loss, PSNR, and the perplexity of codes.
    """
    every = {key for result in results.values() for run in result["runs"] for key in run["metrics"]}
    weighted = [key for key in every if key.startswith("bits_per_dim_iw")]
    weighted.sort(key=lambda key: int(key.removeprefix("bits_per_dim_iw")))
    titles = {c: c for c in ("bits_per_dim", *weighted)} | _LIKELIHOODS | _AUTOENCODERS
    columns = [c for c in titles if c in every]
    shown = [titles[c] for c in columns]
    head = ["study", *shown, "parameters", "training, s", "sampling, ms/image"]
    lines = [head, ["---"] * len(head)]
    for name, result in results.items():
        runs, row = result["runs"], [name]
        for column in columns:
            values = [r["metrics"][column]["value"] for r in runs if column in r["metrics"]]
            row.append(spread(values) if values else "")
        row += [f"{runs[0]['parameters']:,d}"]
        row += [f"{statistics.mean(r['seconds'] for r in runs):.0f}"]
        row += [f"{statistics.mean(r['sampling_ms'] for r in runs):.3g}"]
        lines.append(row)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def spread(values):
    """Mean ± standard deviation (of a sample, n - 1); a single value as it is."""
    mean = f"{statistics.mean(values):.3f}"
    return f"{mean} ± {statistics.stdev(values):.3f}" if len(values) > 1 else mean
