import os

import numpy as np
import pytest
from scipy.io import wavfile

from glf.data import DataSpec, make_dataset, mu_law
from glf.data.wav import read_wav

T = 50


def _write(path, samples, rate=8000):
    path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(path, rate, samples)


def _fill(folder, count, length=2 * T + 7):
    """Files of constants, each of its own."""
    for i in range(count):
        _write(folder / f"{i:02}.wav", np.full(length, (i + 1) * 1000, np.int16))


def _make(path, **options):
    return make_dataset(f"wav:{path}", **{"num_samples": T, **options})


def _counts(dataset):
    return [dataset.num_examples(s) for s in ("train", "validation", "test")]


def _files_of(dataset, split):
    """Which files of `_fill` the examples of a split come from."""
    codes = mu_law.encode(np.arange(1, 31) * 1000 / 2**15).tolist()
    first = dataset.examples(split, slice(None))["x"][:, 0, 0, 0]
    return [codes.index(code) for code in first]


@pytest.mark.parametrize("budget", [2**30, 0])
def test_files_are_cut_into_pieces_and_go_to_splits_whole(tmp_path, budget):
    root = tmp_path / "sounds"
    _fill(root / "deep" / "er", 20)
    _write(root / ".hidden" / "x.wav", np.zeros(T, np.int16))
    (root / "notes.txt").write_text("no sound")
    options = {"memory_budget": budget, "cache_dir": tmp_path / "cache"}
    for _ in range(2):  # the second time, perhaps, from the cache
        dataset = _make(root, **options)
        assert dataset.spec == DataSpec((T, 1, 1), 256, None, 8000)
        assert _counts(dataset) == [32, 4, 4]
        files = [_files_of(dataset, s) for s in ("train", "validation", "test")]
        assert sorted(files[0] + files[1] + files[2]) == sorted([*range(20)] * 2)
        assert not set(files[0]) & set(files[1] + files[2])
        assert not set(files[1]) & set(files[2])


def test_pieces_are_consecutive_mu_law(tmp_path):
    wave = np.random.default_rng(0).integers(-(2**15), 2**15, (12, 2 * T + 7)).astype(np.int16)
    for i, samples in enumerate(wave):
        _write(tmp_path / f"{i}.wav", samples)
    dataset = _make(tmp_path)
    expected = mu_law.encode(wave[:, : 2 * T].reshape(24, T, 1, 1) / 2**15)
    found = np.concatenate(
        [dataset.examples(s, slice(None))["x"] for s in ("train", "validation", "test")]
    )
    assert found.dtype == np.uint8
    assert {x.tobytes() for x in found} == {x.tobytes() for x in expected}
    train = dataset.examples("train", slice(0, 2))["x"]
    where = [x.tobytes() for x in expected].index(train[0].tobytes())
    np.testing.assert_array_equal(train[1], expected[where + 1])
    (batch,) = dataset.train_batches(4, 0, num_steps=1)
    assert batch["x"].shape == (4, T, 1, 1)
    assert _make(tmp_path, num_bits=5).spec == DataSpec((T, 1, 1), 32, None, 8000)


def test_kinds_of_files(tmp_path):
    wave = np.array([0.0, 0.5, -0.5, -1.0, 0.25])
    kinds = {
        "8 bits": np.round(wave * 128 + 128).astype(np.uint8),
        "16 bits": (wave * 2**15).astype(np.int16),
        "32 bits": (wave * 2.0**31).astype(np.int32),
        "floats": wave.astype(np.float32),
    }
    for name, samples in kinds.items():
        _write(tmp_path / f"{name}.wav", samples, 44100)
        rate, found = read_wav(tmp_path / f"{name}.wav")
        assert rate == 44100
        np.testing.assert_array_equal(found, wave)
    stereo = np.stack([wave, np.zeros(5)], 1).astype(np.float32)
    _write(tmp_path / "stereo.wav", stereo)
    np.testing.assert_array_equal(read_wav(tmp_path / "stereo.wav")[1], wave / 2)
    _write(tmp_path / "loud.wav", 3 * wave.astype(np.float32))
    np.testing.assert_array_equal(read_wav(tmp_path / "loud.wav")[1], 3 * wave)


def test_what_is_clipped_is_said_and_what_would_mostly_be_is_refused(tmp_path, said):
    _fill(tmp_path, 20)
    peak = np.zeros(2 * T, np.float32)
    peak[[3, 7]] = 1.25, -1.5
    _write(tmp_path / "00.wav", peak)
    assert sum(_counts(_make(tmp_path))) == 40
    assert said == [
        f"wav:{tmp_path}: clipped to [-1, 1] what 1 files have beyond (00.wav reaches 1.5)"
    ]
    _write(tmp_path / "01.wav", np.full(2 * T, 20000, np.float32))
    _make(tmp_path)
    assert "01.wav (100% of its floats lie beyond [-1, 1], up to 2e+04" in said[1]
    for i in range(10):
        _write(tmp_path / f"{i:02}.wav", np.full(2 * T, 20000, np.float32))
    with pytest.raises(ValueError, match=r"10 of the 20 WAV files .* lie beyond"):
        _make(tmp_path)


def test_splits_by_folders_take_files_whole(tmp_path, said):
    for i in range(12):
        _write(tmp_path / "Train" / f"{i}.wav", np.full(3 * T, (i + 1) * 1000, np.int16))
    for i in range(12, 15):
        _write(tmp_path / "Test" / "deep" / f"{i}.wav", np.full(3 * T, (i + 1) * 1000, np.int16))
    dataset = _make(tmp_path)
    assert _counts(dataset) == [33, 3, 9]
    files = {s: set(_files_of(dataset, s)) for s in ("train", "validation", "test")}
    assert files["test"] == {12, 13, 14}
    assert not files["train"] & files["validation"]
    (tmp_path / "Train").rename(tmp_path / "train_old")
    with pytest.raises(ValueError, match="'Test', 'train_old' look like splits"):
        _make(tmp_path)


def test_other_kinds_of_sound_are_counted(tmp_path, said):
    _fill(tmp_path, 12)
    for i in range(3):
        (tmp_path / f"{i}.FLAC").write_bytes(b"")
    _make(tmp_path)
    assert said == [
        f"{tmp_path}: took 12 WAV files and passed over files that are not read: 3 .flac; convert "
        "them, or move them away"
    ]


def test_names_that_are_no_utf_8(tmp_path):
    _fill(tmp_path, 12)
    os.rename(tmp_path / "03.wav", os.fsencode(tmp_path) + b"/\xff.wav")
    options = {"memory_budget": 0, "cache_dir": tmp_path / "cache"}
    for _ in range(2):
        assert sum(_counts(_make(tmp_path, **options))) == 24


def test_24_bits(tmp_path):
    import wave

    values = [0, 2**22, -(2**22), -(2**23)]
    with wave.open(str(tmp_path / "x.wav"), "wb") as file:
        file.setparams((1, 3, 16000, len(values), "NONE", ""))
        file.writeframes(b"".join(v.to_bytes(3, "little", signed=True) for v in values))
    rate, found = read_wav(tmp_path / "x.wav")
    assert rate == 16000
    np.testing.assert_array_equal(found, [0, 0.5, -0.5, -1])


def test_broken_and_short_files_are_named_and_left_out(tmp_path, said):
    _fill(tmp_path, 20)
    whole = (tmp_path / "03.wav").read_bytes()
    (tmp_path / "03.wav").write_bytes(whole[:100])  # a header, then little
    (tmp_path / "07.wav").write_bytes(b"not a sound")
    (tmp_path / "11.wav").unlink()
    (tmp_path / "11.wav").symlink_to("nowhere")
    _write(tmp_path / "12.wav", np.zeros(T - 1, np.int16))
    _write(tmp_path / "13.wav", np.array([np.nan] * T, np.float32))
    dataset = _make(tmp_path)
    assert sum(_counts(dataset)) == 30
    found = {i for s in ("train", "validation", "test") for i in _files_of(dataset, s)}
    assert found == set(range(20)) - {3, 7, 11, 12, 13}
    (text,) = said
    assert "left out 5 unreadable WAV files: 03.wav" in text
    assert "12.wav (49 samples, shorter than num_samples=50)" in text


def test_refused(tmp_path):
    with pytest.raises(ValueError, match="There is no folder"):
        _make(tmp_path / "missing")
    with pytest.raises(ValueError, match=r"There are no WAV files in .*\.wav"):
        _make(tmp_path)
    _fill(tmp_path, 2)
    with pytest.raises(ValueError, match="has 2 readable WAV files, too few"):
        _make(tmp_path)
    with pytest.raises(ValueError, match=r"2 of the 2 WAV files .*shorter than num_samples=500"):
        _make(tmp_path, num_samples=500)
    for wrong in (None, 0, 2.5):
        with pytest.raises(ValueError, match=r"need make_dataset\.num_samples"):
            _make(tmp_path, num_samples=wrong)
    _write(tmp_path / "99.wav", np.zeros(T, np.int16), 16000)
    with pytest.raises(ValueError, match=r"\(00.wav: 8000 Hz, 99.wav: 16000 Hz\)"):
        _make(tmp_path)
