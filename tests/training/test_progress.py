"""The progress line, on a terminal and elsewhere."""

import io
import time

import pytest

from glf.training import progress as module
from glf.training.progress import Progress, duration


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets."""

    class Clock:
        now = 100.0

    monkeypatch.setattr(module.time, "monotonic", lambda: Clock.now)
    return Clock


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (725, "12 min 05 s"),
        (3599.7, "1 h 00 min"),
        (12_000, "3 h 20 min"),
    ],
)
def test_duration(seconds, words):
    assert duration(seconds) == words


def test_lines_now_and_then(clock):
    stream = io.StringIO()
    progress = Progress(1000, stream=stream, interval=10)
    progress.update(1, 5.0)
    for step in range(2, 42):
        clock.now += 0.5
        progress.update(step, 4.25)
    progress.update(1000, 4.0, force=True)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "step 1/1000 (0 %)  loss 5  compiling  ? left"
    assert lines[1] == "step 21/1000 (2 %)  loss 4.25  2 steps/s  8 min 10 s left"
    assert len(lines) == 4
    assert lines[-1].startswith("step 1000/1000 (100 %)  loss 4 ")


def test_one_line_that_renews_itself_on_a_terminal(clock):
    stream = Terminal()
    progress = Progress(10, stream=stream)
    for step in (1, 2, 3):
        progress.update(step, 1.23456789)
        clock.now += 1
    assert stream.getvalue().count("\r") == 3
    assert "\n" not in stream.getvalue()
    progress.pause()
    assert stream.getvalue().endswith("\n")


def test_a_pause_does_not_count(clock):
    stream = io.StringIO()
    progress = Progress(100, stream=stream, interval=0)
    progress.update(10, 1.0)
    clock.now += 5
    progress.update(20, 1.0)
    progress.pause()
    clock.now += 1000
    progress.update(21, 1.0)
    clock.now += 0.5
    progress.update(22, 1.0)
    assert stream.getvalue().splitlines()[-1].endswith("2 steps/s  39 s left")


def test_waiting_says_what_for_and_how_long_already(monkeypatch):
    said = []
    monkeypatch.setattr(module.logging, "info", lambda text, *args: said.append(text % args))
    with module.waiting("Compiling; it can take long.", interval=0.02) as taken:
        time.sleep(0.1)
    assert said[0] == "Compiling; it can take long."
    assert set(said[1:]) == {"Compiling: 0 s so far."}
    assert 0.1 <= taken.seconds == taken.seconds
    count = len(said)
    time.sleep(0.05)
    assert len(said) == count
