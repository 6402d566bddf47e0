"""A run on sounds: its pictures, and what its folder says of the data."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

from glf.data.make import make_dataset
from glf.training.run_folder import RunFolder


@pytest.mark.slow
def test_a_run_on_waveforms(short_run, tmp_path):
    folder = tmp_path / "sounds"
    folder.mkdir()
    for i in range(12):
        wave = 2**14 * np.sin(np.arange(60) * (0.2 + 0.05 * i))
        wavfile.write(folder / f"{i}.wav", 8000, wave.astype(np.int16))

    def sounds(data_dir=None):
        return make_dataset(f"wav:{folder}", num_samples=20)

    short_run(make_dataset=sounds, num_steps=2, pictures_every=2, validate_every=2)
    for name in ("samples", "reconstructions"):
        found = Image.open(tmp_path / "run" / "pictures" / f"{name}-00000002.png")
        assert found.size == (2 * 21 + 1, 2 * 65 + 1)
        assert len(np.unique(np.asarray(found))) == 2
    spec = RunFolder(tmp_path / "run").read_spec()
    assert spec == sounds().spec
    assert spec.sample_rate == 8000


def test_runs_of_earlier_versions_can_be_read(short_run, tmp_path, digits):
    short_run(num_steps=1, validate_every=0, pictures_every=0)
    path = tmp_path / "run" / "data.json"
    held = json.loads(path.read_text())
    assert held.pop("sample_rate") is None
    path.write_text(json.dumps(held))
    assert RunFolder(tmp_path / "run").read_spec() == digits.spec
