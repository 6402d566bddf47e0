"""Methods side by side: means, what is best, what is missing and why, and the page that says so."""

import html.parser
import json
import math
import re
import xml.etree.ElementTree

import pytest

from glf.evaluation import charts, comparison, comparison_page, page
from glf.evaluation.ablations import ablations, figures
from glf.evaluation.comparison import compare
from glf.evaluation.methods import ComparedRun, group
from glf.evaluation.report import metric

NAUGHTY = '<b>&"x"'
VOID = {"meta", "img", "path", "circle", "line"}


def run(folder, seed, psnr, nll=None, **changes):
    metrics = {"loss": metric(2.0 * seed, "nats", "what is minimised", "lower")}
    metrics["psnr"] = metric(psnr, "dB", "of images", "higher")
    metrics["examples"] = metric(297, "", "how many")
    measured = {"loss_terms": ["loss"], "reconstruction": ["psnr"]}
    refused = {"likelihood": "for models with a likelihood; a GLF is none of them"}
    if nll is not None:
        metrics["nll"] = metric(nll, "nats", "-log P(x), exact", "lower")
        measured["likelihood"], refused = ["nll"], {}
        measured["loss_terms"] = ["loss", "nll"]
    logs = {"validation": [{"step": s, "loss": 9.0 / s} for s in (1, 2, 3)]}
    found = ComparedRun(folder, seed, {"kind": folder.split("/")[0]}, 30, True, 12.5, metrics)
    found.measured, found.refused, found.logs = measured, refused, logs
    found.asked = {"seed": 0}
    for name, value in changes.items():
        setattr(found, name, value)
    return found


@pytest.fixture(scope="module")
def methods():
    runs = [run(f"{NAUGHTY}/seed{s}", s, 20.0 + s) for s in range(3)]
    runs += [run(f"flow/seed{s}", s, 22.0 + s, nll=90.0 + s) for s in range(3)]
    runs += [run("late/seed5", 5, math.nan)]
    return group(runs)


@pytest.fixture(scope="module")
def found(methods):
    return {c.name: c for c in compare(methods)}


LABELS = [f"kind = {NAUGHTY}", "kind = flow", "kind = late"]


def test_means_and_the_best(found):
    first, second, third = LABELS
    psnr = found["psnr"]
    assert psnr.best == second
    assert (psnr.spreads[first].mean, psnr.spreads[first].deviation) == (21.0, 1.0)
    assert psnr.spreads[third].mean is None  # it is not a number
    against = psnr.against_best(first)
    assert (against.mean, against.beyond, against.seeds) == (-2.0, True, (0, 1, 2))
    assert psnr.against_best(second) is None
    assert psnr.against_best(third) is None


def test_a_loss_has_no_best(found):
    assert found["loss"].best is None
    assert not found["loss"].ranked
    assert len(found["loss"].differences) == 3


def test_a_metric_that_one_lacks_has_a_reason(found):
    nll = found["nll"]
    assert nll.ranked
    assert nll.best == LABELS[1]
    assert nll.missing[LABELS[0]] == "for models with a likelihood; a GLF is none of them"
    assert set(nll.spreads) == {LABELS[1]}


def test_a_metric_that_one_seed_lacks(methods):
    runs = [run("a/0", 0, 1.0, nll=3.0), run("a/1", 1, 1.0), run("b/0", 0, 1.0, nll=2.0)]
    runs[1].refused = {}
    nll = {c.name: c for c in compare(group(runs))}["nll"]
    assert nll.missing == {"kind = a": "seed 1: not asked for"}
    assert nll.against_best("kind = a").beyond is None


def test_what_was_asked_differently_is_said():
    runs = [run("a/0", 0, 1.0, asked={"seed": 0, "judged_samples": 10})]
    runs += [run("b/0", 0, 1.0, asked={"seed": 0, "judged_samples": 99})]
    (said,) = comparison.differently_asked(group(runs))
    assert said.startswith("judged_samples was 10 for a/0 but 99 for b/0: ")


def test_the_document_is_json(methods, found):
    document = comparison.document(methods, list(found.values()), "test")
    read = json.loads(json.dumps(document, allow_nan=False))
    assert [m["label"] for m in read["methods"]] == LABELS
    assert read["methods"][2]["runs"][0]["metrics"]["psnr"] is None
    assert read["metrics"]["psnr"]["differences"][0]["beyond"]


def test_the_records(methods):
    head, *rows = comparison.records(methods)
    assert all(len(row) == len(head) for row in rows)
    assert sum(row[4] == "nll" for row in rows) == 3
    assert sum(row[4] == "seconds" for row in rows) == 7


def test_the_table(methods, found):
    shown = comparison_page.in_results(list(found.values()))
    table = page.markdown(comparison_page.results_table(methods, shown))
    lines = table.splitlines()
    assert lines[0] == "| method | seeds | nll, nats ↓ | psnr, dB ↑ | step | training |"
    assert lines[2] == f"| {LABELS[0]} | 3 |  | 21.0 ± 1.0 | 30 | 12 s |"
    assert lines[3] == f"| {LABELS[1]} | 3 | **91.0 ± 1.0** | **23.0 ± 1.0** | 30 | 12 s |"
    assert lines[4] == f"| {LABELS[2]} | 1 |  | not finite | 30 | 12 s |"


class Reader(html.parser.HTMLParser):
    """Takes a page apart, and notices what is opened and not closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.sources = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.sources += [value for key, value in attrs if key in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_the_page(methods, found):
    sections = comparison_page.sections(methods, list(found.values()))
    text = page.html_page("A & B", "sub", sections)
    read = Reader(text)
    assert read.open == []
    said = " ".join(read.texts)
    for method in methods:
        assert method.label in said
        for one in method.runs:
            assert one.folder in said
    assert "<b>" not in text
    assert read.sources == []
    assert "http" not in text
    row = read.texts.index("psnr, dB ↑", read.texts.index("beyond the spread of"))
    assert [t for t in read.texts[row:] if t.strip()][1:3] == [LABELS[1], LABELS[0]]
    assert "for models with a likelihood; a GLF is none of them" in read.texts
    titles = re.findall(r"<h2>(.*?)</h2>", text)
    assert titles[:3] == ["Results", "What differs beyond the spread", "Training curves"]
    assert text == page.html_page("A & B", "sub", sections)


def test_along_a_number_that_was_swept():
    """A curve for each series of runs that share all else, with its seeds' spread."""
    runs = []
    for name, kind in (("a", "paper"), ("b", "strong")):
        for beta in (0.5, 1.0, 2.0):
            for seed in range(2):
                made = run(f"{name},GLF.beta={beta},seed={seed}", seed, 10 * beta + seed)
                made.bindings = {"kind": kind, "GLF.beta": str(beta)}
                runs.append(made)
    other = run("c,GLF.beta=0.5,seed=0", 0, 1.0)  # no curve: only one place
    other.bindings = {"kind": "other", "GLF.beta": "0.5"}
    methods = group([*runs, other])
    (along,) = ablations(methods)
    assert along.parameter == "GLF.beta"
    assert list(along.series) == ["kind = paper", "kind = strong"]
    assert [number for number, _ in along.series["kind = paper"]] == [0.5, 1.0, 2.0]
    (figure,) = figures(along, [c for c in compare(methods) if c.name == "psnr"], lambda c: c.name)
    line = [(beta, 10 * beta, 10 * beta + 0.5, 10 * beta + 1) for beta in (0.5, 1.0, 2.0)]
    lines = [(number, line, False) for number in (0, 1)]
    assert figure.svg == charts.curves(lines, "GLF.beta", "psnr", figure.caption)
    sections = comparison_page.sections(methods, compare(methods))
    assert "Along GLF.beta" in [section.title for section in sections]
    files = page.chart_files(sections)
    chart = xml.etree.ElementTree.fromstring(files["psnr_against_GLF.beta.svg"])
    assert [t.text for t in chart.iter("{http://www.w3.org/2000/svg}text")][-2:] == [
        "kind = paper",
        "kind = strong",
    ]


def test_nothing_was_swept(methods):
    assert ablations(methods) == []
