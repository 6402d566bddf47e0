"""The progress line: step, loss, rate and time left."""

import contextlib
import sys
import threading
import time

from absl import logging


class Line:
    """One line that renews itself on a terminal; elsewhere a line each time.

    Args:
      stream: where to write; the standard error stream when None.
      interval: seconds between lines when the stream is not a terminal, which the caller keeps.
    """

    def __init__(self, stream=None, interval=10.0):
        self.stream = stream or sys.stderr
        self.live = self.stream.isatty()
        self.interval = 0.2 if self.live else interval
        self._width = 0

    def show(self, text):
        """Writes the line."""
        if self.live:
            self.stream.write("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            self.stream.write(text + "\n")
        self.stream.flush()

    def finish(self):
        """Leaves the line as it is, so that the next one stands below it."""
        if self.live and self._width:
            self.stream.write("\n")
            self.stream.flush()
            self._width = 0


class Progress(Line):
    """The line of a training run.

    Args:
      total: the step at which the run ends.
      start: the step at which this process begins; the rate counts from here.
      stream: where to write; the standard error stream when None.
      interval: seconds between lines when the stream is not a terminal.
    """

    def __init__(self, total, start=0, stream=None, interval=10.0):
        super().__init__(stream, interval)
        self.total = total
        self._last_shown = 0.0
        self._mark_step = self._mark_time = None
        self._rate = None
        self.step = start

    def update(self, step, loss, force=False):
        """Reports that `step` steps are done and the loss of the last."""
        now = time.monotonic()
        if self._mark_time is not None and step > self._mark_step:
            # A forgetting average, so that the time left follows the present rate.
            rate = (step - self._mark_step) / max(now - self._mark_time, 1e-9)
            self._rate = rate if self._rate is None else 0.8 * self._rate + 0.2 * rate
        self._mark_step, self._mark_time, self.step = step, now, step
        if force or now - self._last_shown >= self.interval:
            self._last_shown = now
            self.show(self._line(step, loss))

    def pause(self):
        """Forgets the time since the last update: it went into something else than steps."""
        self._mark_time = None
        self.finish()

    def _line(self, step, loss):
        rate = f"{self._rate:.3g} steps/s" if self._rate else "compiling"
        left = duration((self.total - step) / self._rate) if self._rate else "?"
        share = 100 * step / max(self.total, 1)
        return f"step {step}/{self.total} ({share:.0f} %)  loss {loss:.6g}  {rate}  {left} left"


class Watch:
    """How long something takes: `seconds` since it began, or that it took once it is `stopped`."""

    def __init__(self):
        self._began, self._took = time.monotonic(), None

    @property
    def seconds(self):
        """So far, or in all."""
        return time.monotonic() - self._began if self._took is None else self._took

    def stop(self):
        """The time that it took stands."""
        self._took = self.seconds


@contextlib.contextmanager
def watch():
    """Yields the `Watch` of the block."""
    watch = Watch()
    try:
        yield watch
    finally:
        watch.stop()


@contextlib.contextmanager
def waiting(what, interval=20.0):
    """The same of a block of which nothing is to be seen: says what it is, and how long already.

    Args:
      what: a sentence.
      interval: seconds between lines after the first.
    """
    logging.info("%s", what)
    over = threading.Event()

    def say():
        while not over.wait(interval):
            logging.info(
                "%s: %s so far.", what.rstrip(".").partition(";")[0], duration(now.seconds)
            )

    with watch() as now:
        thread = threading.Thread(target=say, daemon=True)
        thread.start()
        try:
            yield now
        finally:
            over.set()
            thread.join()


def duration(seconds):
    """Seconds in words: "45 s", "12 min 05 s", "3 h 20 min"."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
