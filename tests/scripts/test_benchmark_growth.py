"""How the benchmark tells and draws what grows."""

import io

import pytest
from PIL import Image

from scripts.benchmarks import growth


def test_powers():
    times = {8: [1.0, 2.0, 9.0], 16: [4.0, 8.0, 36.0], 64: [4.0, 8.0, 9.0]}
    assert growth.powers(times) == {16: pytest.approx(2.0), 64: pytest.approx(0.0)}


def test_a_panel_for_each_kind_of_size(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    drawn, save = [], Figure.savefig

    def saved(figure, *arguments, **options):
        drawn.append(figure)
        save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", saved)
    kinds = ("batch", "side", "depth", "samples")
    figures = {
        f"{system}, step by {kind}, {size} (ms)": 2.0 * size
        for system in ("glf", "glow")
        for kind in kinds
        for size in (2, 4)
    }
    path = tmp_path / "growth.png"
    growth.draw(figures | {"glf, step by batch, 4, p": 1.0, "other (ms)": 3.0}, path)
    shown = [axis for axis in drawn[0].axes if axis.axison]
    assert [axis.get_xlabel() for axis in shown] == list(kinds)
    assert all(len(axis.lines) == 2 for axis in shown)
    assert len(drawn[0].axes) == 6
    assert Image.open(io.BytesIO(path.read_bytes())).width == 1200
