"""Runs compared: measured where that is needed, and written as a page, a table and data."""

from glf.core import files
from glf.evaluation import comparison, comparison_page, page
from glf.evaluation.methods import group
from glf.training.compared_runs import measure_all, read_all, seeds_to_show


def compare_runs(paths, asked):
    """Compares runs and writes index.html, charts, comparison.md, .csv and .json into `asked.out`.

    What is not yet known of a run at its present step is measured first, and kept in the run's own
    metrics.json, or in the comparison's folder where the run is read-only. Stopped and started
    again, it goes on where it was.

    Args:
      paths: folders of runs, or folders that hold some.
      asked: an `Asked`.

    Returns the table as Markdown.

    Raises:
      ValueError: if there are no runs, some cannot be read or measured, or one experiment stands
        there twice with one seed.
    """
    runs = read_all(paths, asked)
    methods = group([run.run for run in runs])
    shown = seeds_to_show(methods) if asked.num else {}
    chosen = {
        run.folder
        for method in methods
        for run in method.runs
        if run.seed == shown.get(method.label)
    }
    measure_all(runs, [run for run in runs if run.run.folder in chosen])
    for run in runs:
        run.result()
    return write(methods, asked.out, asked.split)


def write(methods, out, split):
    """Writes the files of a comparison of `Method`s; returns the table as Markdown."""
    found = comparison.compare(methods)
    shown = comparison_page.in_results(found)
    table = page.markdown(comparison_page.results_table(methods, shown))
    number = sum(len(method.runs) for method in methods)
    subtitle = f"{number} runs of {len(methods)} methods, {split} split"
    title = " against ".join(m.label for m in methods) if len(methods) < 4 else "Comparison"
    sections = comparison_page.sections(methods, found)
    text = page.html_page(title, subtitle, sections)
    document = comparison.document(methods, found, split)
    files.write_json(out / "comparison.json", document)
    files.write_text(out / "comparison.csv", page.csv_text(comparison.records(methods)))
    files.write_text(out / "comparison.md", table)
    for name, chart in page.chart_files(sections).items():
        files.write_text(out / "charts" / name, chart)
    files.write_text(out / "index.html", text)
    return table
