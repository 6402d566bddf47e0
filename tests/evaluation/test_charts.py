"""Places on charts, round ticks, curves over seeds."""

import math
import xml.etree.ElementTree as ElementTree

import pytest

from glf.evaluation import charts, curves


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.0, 10.0], [0, 2.5, 5, 7.5, 10]),
        ([-1.0, 1.0], [-1, -0.5, 0, 0.5, 1]),
        ([1.0, 1e6], [1, 100, 1e4, 1e6]),
    ],
)
def test_ticks(values, ticks):
    assert charts.Axis(values, 0, 100).ticks() == pytest.approx(ticks)


@pytest.mark.parametrize("values", [[3.0], [0.0], [2.5, 2.5], [1e-9, 1e-8], [-4e7, 3.0]])
def test_what_is_shown_lies_on_the_chart(values):
    axis = charts.Axis(values, 10, 90)
    assert all(10 <= axis.place(value) <= 90 for value in [*values, *axis.ticks()])
    assert axis.ticks()


def test_a_wide_axis_is_logarithmic():
    axis = charts.Axis([1.0, 100.0], 0, 100)
    assert axis.place(10.0) == pytest.approx(50.0)
    assert charts.Axis([1.0, 40.0], 0, 100).place(20.5) == pytest.approx(50.0)


def test_curves_over_seeds():
    first = [{"step": s, "loss": float(s)} for s in (1, 2, 3)]
    second = [{"step": s, "loss": 3.0 * s} for s in (1, 2)] + [{"step": 3, "loss": math.nan}]
    line = curves.over_seeds([first, second, []], "loss")
    assert line == [(1, 1.0, 2.0, 3.0), (2, 2.0, 4.0, 6.0), (3, 3.0, 3.0, 3.0)]


def test_long_logs_are_averaged_and_none_is_left_out():
    log = [{"step": s, "loss": float(s)} for s in range(1, 1001)]
    line = curves.over_seeds([log], "loss")
    assert len(line) <= curves.MOST_POINTS
    assert line[0] == (7, 4.0, 4.0, 4.0)
    assert line[-1][0] == 1000


def test_charts_are_xml():
    line = [(0, 1.0, 2.0, 3.0), (5, 2.0, 2.0, 2.0)]
    drawn = charts.curves([(0, line, False), (9, line[:1], True)], "step", "a < b", 'a "b"')
    tree = ElementTree.fromstring(drawn)
    assert tree.attrib["aria-label"] == 'a "b"'
    assert "a < b" in [node.text for node in tree.iter("text")]
    points = [(0, "a & b", (1.0, 0.5), (2.0, None)), (1, "c", (3.0, None), (4.0, 1.0))]
    tree = ElementTree.fromstring(charts.scatter(points, "x", "y", "about"))
    assert [node.text for node in tree.iter("title")] == ["a & b", "c"]
