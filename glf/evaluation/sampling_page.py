"""The page of a comparison of samplers: its tables and its picture, as HTML, Markdown and CSV."""

from glf.core import files
from glf.evaluation import page
from glf.evaluation.sampling import COUNTS, rows_of_samplers

ABOUT = (
    "Every sampler draws the same samples from the same noise. Means +- standard deviations over "
    "the seeds; calls of the model as a percentage of d, the arithmetic of a sample in full passes "
    "of the network, seconds of a batch with its certificate, how many times as fast as others, "
    "and counts over all seeds: values that differ from the first sampler's, samples without a "
    "certificate, values mended / samples with any, and passes that this took."
)
ABOUT_SOLVERS = (
    "Every solver draws the same points from the same noise. Means +- standard deviations over the "
    "seeds; passes of all autoregressive bijectors as a percentage of their places d, the "
    "arithmetic in full passes of the flow, seconds of a batch, how many times as fast as others; "
    "over all seeds the values that differ from the first solver's, the largest difference, points "
    "without a certificate (a full pass that gives back the point, no bit changed) and the largest "
    "change that such a pass found. Nothing is mended."
)
OF_SOLVERS = ("difference", "error")
QUANTITIES = ("calls_percent", "slowest_percent", "forward_equivalents", "seconds")


def write(out, document, about, picture=None):
    """Writes index.html, comparison.md and comparison.csv into a folder, beside comparison.json.

    Args:
      out: the folder, a `pathlib.Path`.
      document: what comparison.json holds.
      about: a line on the model and its step.
      picture: the PNG of when pixels were final, as bytes; None: there is none, for solvers.
    """
    tables = {
        f"{title}, batch {batch}": rows_of_samplers(results)
        for title, batch, results in _all(document)
    }
    tables = {title: page.Table(head, rows) for title, (head, *rows) in tables.items()}
    text = "".join(f"## {title}\n\n{page.markdown(table)}\n" for title, table in tables.items())
    files.write_text(out / "comparison.md", text)
    files.write_text(out / "comparison.csv", page.csv_text(_records(document)))
    sections = [page.Section(title, [table]) for title, table in tables.items()]
    sections[0].parts.append(ABOUT if picture is not None else ABOUT_SOLVERS)
    if picture is not None:
        figure = page.Figure(document["final_at"]["caption"], png=picture)
        sections.insert(1, page.Section("When pixels were final", [page.Row([figure])]))
    files.write_text(out / "index.html", page.html_page("Samplers", about, sections))


def _all(document):
    """(title, batch, results of `compare_samplers`) of every comparison."""
    for kind in ("samplers", "solvers"):
        for batch, results in document.get(kind, {}).items():
            yield kind.capitalize(), batch, results
    for title, compared in document.get("ablations", {}).items():
        for batch, results in compared.items():
            yield title, batch, results


def _records(document):
    """A row for each value, and for each count over all seeds."""
    yield "comparison", "batch", "sampler", "measure", "number", "value"
    for title, batch, results in _all(document):
        for name, found in results.items():
            for quantity in QUANTITIES:
                for number, value in enumerate(found[quantity]["values"]):
                    yield title, batch, name, quantity, number, value
            for count in (count for count in (*COUNTS, *OF_SOLVERS) if count in found):
                yield title, batch, name, count, "all", found[count]
