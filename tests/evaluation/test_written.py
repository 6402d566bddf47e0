"""Numbers with as many digits as their spread leaves meaning to."""

import math

import pytest

from glf.evaluation.written import interval, lasted, number, spread


@pytest.mark.parametrize(
    ("mean", "deviation", "text"),
    [
        (101.678, 0.2371, "101.68 ± 0.24"),
        (1234567.8, 321.0, "1,234,568 ± 321"),
        (2.5e-7, 1.2e-8, "2.50e-07 ± 1.2e-08"),
        (3.0, None, "3"),
        (3.0, 0.0, "3"),
        (3.25, 0.0, "3.250 ± 0"),
        (None, None, "not finite"),
        (-0.51, 0.049, "-0.510 ± 0.049"),
    ],
)
def test_spread(mean, deviation, text):
    assert spread(mean, deviation) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567, "1,234,567"),
        (0.123456, "0.1235"),
        (1234.56, "1235"),
        (3e-7, "3e-07"),
        (math.nan, "not finite"),
        (None, "not finite"),
    ],
)
def test_number(value, text):
    assert number(value) == text


def test_interval_and_duration():
    assert interval(-1.2345, 2.3456) == "-1.2 to 2.3"
    assert interval(0.5, 0.5) == "0.5000 to 0.5000"
    assert [lasted(s) for s in (45.2, 600, 9000)] == ["45 s", "10 min", "2.5 h"]
