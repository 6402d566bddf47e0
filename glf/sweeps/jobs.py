"""Tasks in processes, some at a time: each through its stages, what fails beside what goes on.

What the processes of a task say goes into its log. They hold a lock on it as long as any of them
lives, whoever started them: a task that an earlier, killed queue left running is waited for.
"""

import abc
import collections
import dataclasses
import fcntl
import os
import re
import signal
import subprocess
import time

from absl import logging

from glf.training.progress import Line, duration

_POLL, _ELSEWHERE = 0.1, 1.0  # seconds
_LONGEST_REASON = 2000


class Task(abc.ABC):
    """Something that processes do, in one or several stages that follow from what is done.

    Attributes:
      name: what it is called.
      log: the `pathlib.Path` of the file that its processes write to.
    """

    name = log = None

    @abc.abstractmethod
    def stage(self):
        """The name of the stage to come, as the disk says; None where all is done."""

    @abc.abstractmethod
    def command(self, stage):
        """The command of a stage, a list of words."""

    def share(self):
        """How much of it is done, between 0 and 1."""
        return 0.0

    def busy(self):
        """Whether a process works at it that no queue started."""
        return False


@dataclasses.dataclass
class Outcome:
    """What came of a queue's tasks.

    Attributes:
      done: names of those that are finished.
      failed: {name: why} of those that are not, and were not stopped.
    """

    done: list = dataclasses.field(default_factory=list)
    failed: dict = dataclasses.field(default_factory=dict)


class Queue:
    """Runs the stages of tasks, `jobs` at a time.

    Several queues may work at the same tasks, each in its process: what another one is at is left
    to it, and looked at again when it is free, finished or not. A task that fails is tried by each.

    Args:
      tasks: `Task`s, started in their order.
      jobs: how many processes at a time.
      place: (number of this queue, how many there are): it begins with every so-many-th task.
      launch: called with a command and an open file for its output; gives an object with
        `poll` and `terminate` as `subprocess.Popen` has them. None: a process.
      stream: where the line of progress goes; the standard error stream when None.
    """

    def __init__(self, tasks, jobs=1, launch=None, stream=None, place=(0, 1)):
        number, of = place
        self.tasks, self.jobs, self._several = tasks, jobs, of > 1
        self._launch = launch or _process
        self._line, self._shown = Line(stream), 0.0
        self._interval = 1.0 if self._line.live else 30.0
        own = [task for index, task in enumerate(tasks) if index % of == number]
        others = [task for index, task in enumerate(tasks) if index % of != number]
        self._waiting, self._running = collections.deque([*own, *others]), []
        self._elsewhere, self._looked = [], 0.0
        self._outcome = Outcome()

    def run(self, stop):
        """Works until all is done, has failed, or `stop.signum` is set; the `Outcome`.

        A signal is passed on as SIGTERM, and the processes are waited for.
        """
        self._began, told = time.monotonic(), False
        self._shares = {task.name: task.share() for task in self.tasks}
        self._share_before = sum(self._shares.values())
        try:
            while self._waiting or self._running or self._elsewhere:
                if stop.signum is None:
                    self._look_elsewhere()
                    self._start()
                elif not told:
                    told = True
                    self._stop()
                self._show()
                for job in list(self._running):
                    self._look_at(job, stop)
                if self._running or self._elsewhere:
                    time.sleep(_POLL)
        finally:
            self._line.finish()
        return self._outcome

    def _start(self):
        """Starts what there is room for."""
        while self._waiting and len(self._running) < self.jobs:
            task = self._waiting.popleft()
            handle = None if task.busy() else _locked(task.log)
            if handle is None and self._several:
                self._elsewhere.append(task)
                continue
            if handle is None:
                self._line.finish()
                logging.info(
                    "%s: a process of an earlier start is still at it; waiting.", task.name
                )
                self._running.append(_Job(task, "wait", None, 0))
                continue
            with handle:
                stage = task.stage()
                if stage is None:
                    self._outcome.done.append(task.name)
                    continue
                begin = handle.seek(0, os.SEEK_END)
                process = self._launch(task.command(stage), handle)
            self._running.append(_Job(task, stage, process, begin))

    def _look_elsewhere(self):
        """Takes back, once in a while, what no other queue is at any more."""
        if time.monotonic() - self._looked < _ELSEWHERE:
            return
        self._looked = time.monotonic()
        for task in list(self._elsewhere):
            if _is_free(task):
                self._elsewhere.remove(task)
                self._waiting.append(task)

    def _stop(self):
        self._waiting.clear()
        self._elsewhere.clear()
        for job in list(self._running):
            if job.process is None:
                self._running.remove(job)
            else:
                job.process.terminate()

    def _look_at(self, job, stop):
        """Takes a job that has ended out of those that run."""
        task, code = job.task, job.poll()
        if code is None:
            return
        self._running.remove(job)
        if job.stage == "wait" or (code == 0 and task.stage() != job.stage):
            self._waiting.appendleft(task)
        elif code == 0:
            self._outcome.failed[task.name] = f"the end of {job.stage} left it unfinished"
        elif stop.signum is None or abs(code) not in _STOPPED:
            self._outcome.failed[task.name] = _reason(task.log, job.begin, code)
            self._line.finish()
            logging.error("%s failed: %s", task.name, self._outcome.failed[task.name])
        if stop.signum is not None:
            self._waiting.clear()

    def _show(self):
        if time.monotonic() - self._shown < self._interval:
            return
        self._shown = time.monotonic()
        self._line.show(self._summary())

    def _summary(self):
        """What is done, running and failed, and how long the rest may take at this rate."""
        now = [*(job.task for job in self._running), *self._elsewhere]
        self._shares |= {task.name: task.share() for task in now}
        self._shares |= dict.fromkeys([*self._outcome.done, *self._outcome.failed], 1.0)
        number, total = len(self.tasks), sum(self._shares.values())
        gained, left = total - self._share_before, "?"
        if gained > 0:
            left = duration((number - total) * (time.monotonic() - self._began) / gained)
        running = ", ".join(
            [
                *(f"{job.task.name} ({job.stage})" for job in self._running),
                *(f"{task.name} (another worker)" for task in self._elsewhere),
            ]
        )
        return (
            f"{len(self._outcome.done)} of {number} done, {len(self._running)} running, "
            f"{len(self._outcome.failed)} failed ({100 * total / max(number, 1):.0f} %)  "
            f"{left} left  {running}"
        )


_STOPPED = {code for s in (signal.SIGTERM, signal.SIGINT) for code in (int(s), 128 + int(s))}


@dataclasses.dataclass
class _Job:
    """A stage of a task at work; `begin` is where its output begins in the log."""

    task: Task
    stage: str
    process: object
    begin: int

    def poll(self):
        """The exit code, None while it runs."""
        if self.process is not None:
            return self.process.poll()
        return 0 if _is_free(self.task) else None


def _is_free(task):
    """Whether nobody is at a task."""
    handle = None if task.busy() else _locked(task.log)
    if handle is None:
        return False
    handle.close()
    return True


def _locked(log):
    """The log, open to append and locked; None where processes write to it."""
    handle = _opened(log)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        return None
    return handle


def _opened(log):
    log.parent.mkdir(parents=True, exist_ok=True)
    return open(log, "ab")


def _process(command, output):
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
    )


def _reason(log, begin, code):
    """Why a process ended badly: its own error message, its last words, or the signal."""
    with open(log, "rb") as handle:
        handle.seek(begin)
        said = handle.read().decode(errors="replace").rstrip()
    errors = list(re.finditer(r"^Error: ", said, re.MULTILINE))
    if errors:
        return said[errors[-1].end() :][:_LONGEST_REASON]
    number = -code if code < 0 else code - 128
    if number in set(signal.Signals):
        return f"ended by the signal {signal.Signals(number).name}"
    last = said.splitlines()[-1] if said else "it said nothing"
    return f"ended with exit code {code}: {last[:_LONGEST_REASON]}"
