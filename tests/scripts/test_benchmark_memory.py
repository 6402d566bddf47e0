"""What steps on few images say of a study's batch."""

import pytest

from scripts.benchmarks.memory import estimate


def test_peaks_grow_with_images():
    one, two = ({"weights": 9, "batch": 64, "peak (GiB)": 1 + 0.25 * n} for n in (4, 8))
    found = estimate(one, two, 4)
    assert found["an image (GiB)"] == pytest.approx(0.25)
    assert found["its peak, estimated (GiB)"] == pytest.approx(1 + 0.25 * 64)
    assert estimate(one, {"exit": 1}, 4)["exit"] == 1
    assert "its peak, estimated (GiB)" not in estimate(one, {"exit": 1}, 4)
