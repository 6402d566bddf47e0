"""The page of a comparison: tables, samples, curves, and what lies beyond the spread of seeds."""

import re

from glf.evaluation import charts, written
from glf.evaluation.ablations import ablations, figures
from glf.evaluation.comparison import differently_asked
from glf.evaluation.curves import curve_figures
from glf.evaluation.differences import RULE, Spread
from glf.evaluation.page import Cell, Figure, Legend, Row, Section, Table

# What `latent_mixtures` measures of a density of latents.
_DENSITY = re.compile(r"_(model|mixture_\d+)$")
ARROWS = {"lower": "↓", "higher": "↑"}
# Metrics beside each other in a table of the page.
WIDEST = 5
WEIGHTS = "parameters"
# What reconstructions are judged by, and what samples are, best choice first; a name may go on.
RECONSTRUCTION = ("fid_reconstruction", "reconstruction_fid", "psnr", "mse")
SAMPLES = ("fid_", "recognised")
NOT_OF_SAMPLES = ("fid_floor", "fid_reconstruction")


def sections(methods, comparisons):
    """The `Section`s of the page of `Method`s and what `comparison.compare` says of them."""
    latent = [c for c in comparisons if _DENSITY.search(c.name)]
    apart = [c for c in comparisons if c.better is None and c.name != WEIGHTS and c not in latent]
    constant = [c for c in apart if c.constant()]
    shown = [c for c in comparisons if c not in constant]
    ranked = in_results(comparisons)
    own = [c for c in shown if c not in ranked and c not in latent]
    found = [_results(methods, ranked, constant)]
    if len(methods) > 1:
        found.append(_beyond(methods, ranked))
    found += [_pictures(methods, *about) for about in _PICTURES]
    found.append(_trade(methods, [c for c in comparisons if c not in latent]))
    found += _ablations(methods, [c for c in comparisons if c in ranked or c in latent])
    found.append(_latent_densities(methods, latent))
    found.append(_curves(methods, {c.name: c.unit for c in comparisons}))
    if own:
        found.append(_terms(methods, own))
    found += [_differences(ranked)] * (len(methods) > 1)
    found += [_meanings(shown), _runs(methods)]
    return [section for section in found if section is not None]


def in_results(comparisons):
    """The metrics of the first table: those that rank methods, and the weights."""
    return [c for c in comparisons if c.ranked and (c.better or c.name == WEIGHTS)]


def results_table(methods, comparisons, with_training=True):
    """A row for each method, a column for each metric: mean ± deviation, the best one marked."""
    head = ["method", "seeds", *map(_title, comparisons)]
    head += ["step", "training"] * with_training
    rows = []
    for number, method in enumerate(methods):
        row = [Cell(method.label, swatch=number), str(len(method.runs))]
        row += [_cell(c, method.label) for c in comparisons]
        if with_training:
            row += [_steps(method), _training(method)]
        rows.append(row)
    return Table(head, rows)


def _results_tables(methods, comparisons, with_training=True):
    """`results_table` in pieces that are not wider than a sheet of paper."""
    pieces = [comparisons[i : i + WIDEST] for i in range(0, len(comparisons), WIDEST)] or [[]]
    last = len(pieces) - 1
    return [
        results_table(methods, piece, with_training and i == last) for i, piece in enumerate(pieces)
    ]


def _title(comparison, name=None):
    arrow = ARROWS.get(comparison.better, "") if comparison.ranked else ""
    unit = f", {comparison.unit}" if comparison.unit else ""
    return f"{name or comparison.name}{unit} {arrow}".strip()


def _cell(comparison, label):
    missing = comparison.missing.get(label, "")
    spread = comparison.spreads.get(label)
    if spread is None:
        return Cell("", note=missing)
    against = comparison.against_best(label)
    level = against is not None and against.beyond is False
    text = written.spread(spread.mean, spread.deviation)
    return Cell(text, best=comparison.best == label, level=level, note=missing)


def _steps(method):
    steps = sorted({run.step for run in method.runs})
    return " to ".join(f"{s:,}" for s in (steps if len(steps) < 2 else (steps[0], steps[-1])))


def _training(method):
    seconds = [run.seconds for run in method.runs if run.seconds is not None]
    if not seconds:
        return Cell("", note="not recorded")
    return written.lasted(Spread.of(seconds).mean)


def _results(methods, ranked, constant):
    parts = _results_tables(methods, ranked)
    marks = "Mean ± standard deviation over seeds (n - 1). ↓ lower is better, ↑ higher."
    if len(methods) > 1:
        marks += (
            " Bold: the best mean. Slanted: its difference to the best lies within the spread of "
            "the seeds."
        )
    parts.append(marks)
    if constant:
        values = (f"{c.name} {written.number(next(iter(_all_values(c))))}" for c in constant)
        parts.append(f"The same for all runs: {', '.join(values)}.")
    if notes := differently_asked(methods):
        parts.append(notes)
    return Section("Results", parts)


def _all_values(comparison):
    return [value for own in comparison.values.values() for value in own.values()]


def _beyond(methods, ranked):
    rows = []
    for comparison in ranked:
        if comparison.best is None:
            continue
        said = {True: [], False: [], None: []}
        for method in methods:
            against = comparison.against_best(method.label)
            if against is not None:
                said[against.beyond].append(method.label)
        if any(said.values()):
            rows.append([_title(comparison), comparison.best, *map(", ".join, said.values())])
    if not rows:
        return None
    head = ["metric", "best mean", "beyond the spread of", "not to be told from"]
    head.append("too few seeds to know")
    return Section("What differs beyond the spread", [RULE, Table(head, rows, words=(1, 2, 3, 4))])


_PICTURES = (
    ("samples", "Samples", "Drawn with the same seed, and nothing chosen."),
    ("reconstructions", "Reconstructions", "Images of the split, each with its own to its right."),
)


def _pictures(methods, name, title, about):
    figures = []
    for method in methods:
        for run in method.runs:
            if name in run.pictures:
                caption = f"{method.label}, seed {run.seed}, step {run.step:,}"
                figures.append(Figure(caption, png=run.pictures[name]))
    return Section(title, [about, Row(figures)]) if figures else None


def _trade(methods, comparisons):
    """Reconstruction against the quality of samples."""
    by_name = {c.name: c for c in comparisons}
    across = [n for start in RECONSTRUCTION for n in by_name if n.startswith(start)][:1]
    along = [
        name
        for start in SAMPLES
        for name in by_name
        if name.startswith(start) and not name.startswith(NOT_OF_SAMPLES)
    ]
    figures = []
    for x, y in ((by_name[x], by_name[y]) for x in across for y in along):
        points = []
        for number, method in enumerate(methods):
            spreads = [c.spreads.get(method.label) for c in (x, y)]
            if all(s is not None and s.mean is not None for s in spreads):
                places = ((s.mean, s.deviation) for s in spreads)
                points.append((number, method.label, *places))
        if points:
            about = f"{y.name} against {x.name}, a point for each method"
            svg = charts.scatter(points, _title(x), _title(y), about)
            figures.append(Figure(f"{about}; crosses are standard deviations.", svg=svg))
    if not figures:
        return None
    parts = [Legend([method.label for method in methods]), Row(figures)]
    return Section("Reconstruction against samples", parts)


def _ablations(methods, comparisons):
    """A section for each number that was swept."""
    judged = [c for c in comparisons if c.better]
    for ablation in ablations(methods):
        if row := figures(ablation, judged, _title):
            about = "Means over seeds; the band reaches from the least to the greatest seed."
            parts = [Legend(list(ablation.series)), about, Row(row)]
            yield Section(f"Along {ablation.parameter}", parts)


def _curves(methods, units):
    figures = curve_figures(methods, units)
    if not figures:
        return None
    about = (
        "Means over seeds; the band reaches from the least to the greatest seed. Bold lines are "
        "of the validation split, thin ones of training."
    )
    parts = [Legend([method.label for method in methods]), about, Row(figures)]
    return Section("Training curves", parts)


def _terms(methods, own):
    about = (
        "What each method's own loss is made of, errors of rounding, and what belongs to other "
        "metrics. A loss weighs its terms in its own way, and the latents of another encoder are "
        "other latents, so that none of these is marked as the best."
    )
    return Section("Further figures", [about, *_results_tables(methods, own, False)])


def _latent_densities(methods, latent):
    """Each method's own density of its latents beside mixtures fitted afterwards, row by row."""
    if not latent:
        return None
    measures = list(dict.fromkeys(_DENSITY.sub("", c.name) for c in latent))
    by_name, rows = {c.name: c for c in latent}, []
    densities = list(dict.fromkeys(_DENSITY.search(c.name)[1] for c in latent))
    for number, method in enumerate(methods):
        for density in densities:
            own = [by_name.get(f"{measure}_{density}") for measure in measures]
            if any(c is not None and method.label in c.spreads for c in own):
                label = {"model": "its own"}.get(density, density.replace("_", " of "))
                cells = ["" if c is None else _cell(c, method.label) for c in own]
                rows.append([Cell(method.label, swatch=number), label, *cells])
    about = (
        "Each model's own density of its latents, and mixtures of Gaussians fitted afterwards to "
        "the same latents and decoded by the same decoder: nats, and the distance of samples to "
        "images. Nats of different encoders do not compare, and nats do not rank samples."
    )
    heads = [_title(next(c for c in latent if _DENSITY.sub("", c.name) == m), m) for m in measures]
    table = Table(["method", "density", *heads], rows, words=(1,))
    return Section("Latent densities", [about, table])


def _differences(comparisons):
    head = ["metric", "method", "less", "difference", "95 % interval", "seeds", "beyond"]
    rows = []
    for found in comparisons:
        for (of, less), value in found.differences.items():
            known = value.low is not None
            rows.append(
                [
                    *(found.name, of, less, written.number(value.mean)),
                    written.interval(value.low, value.high) if known else "",
                    ", ".join(map(str, value.seeds)) if value.seeds else "not paired",
                    {True: "yes", False: "no", None: "not known"}[value.beyond],
                ]
            )
    if not rows:
        return None
    return Section("All differences", [Table(head, rows, words=(1, 2, 5, 6))], folded=True)


def _meanings(comparisons):
    rows = []
    for found in comparisons:
        for meaning, labels in found.meanings.items():
            of = "" if len(found.meanings) == 1 else f"{', '.join(labels)}: "
            better = found.better or ""
            rows.append([found.name, found.unit, better, f"{of}{meaning}"])
    head = ["metric", "unit", "better", "what it is"]
    return Section("Metrics", [Table(head, rows, words=(1, 2, 3))], folded=True)


def _runs(methods):
    rows = []
    for method in methods:
        for run in method.runs:
            notes = "; ".join(run.notes)
            lasted = "" if run.seconds is None else written.lasted(run.seconds)
            rows.append([run.folder, method.label, str(run.seed), f"{run.step:,}", lasted, notes])
    head = ["run", "method", "seed", "step", "training", "notes"]
    parts = [Table(head, rows, words=(1, 5))]
    differing = sorted({key for method in methods for key in method.differing})
    if differing:
        parts.append("What the configurations of the methods do not share:")
        parts.append(
            Table(
                ["parameter", *(method.label for method in methods)],
                [[key, *(m.differing.get(key, "") for m in methods)] for key in differing],
                words=tuple(range(1, len(methods) + 1)),
            )
        )
    return Section("Runs", parts, folded=True)
