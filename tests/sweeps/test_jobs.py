"""The queue: stages of tasks in processes, what fails, what is stopped, what was left behind."""

import fcntl
import io
import os
import signal
import subprocess
import threading
import time

import pytest

from glf.sweeps.jobs import Queue, Task
from glf.training.interrupts import StopRequest, stop_on_signals


class Shell(Task):
    """Two stages, each a shell command; a stage is done when its file is there."""

    def __init__(self, folder, name, *commands):
        self.name, self.log = name, folder / "logs" / f"{name}.log"
        self.files = [folder / f"{name}.{i}" for i in range(len(commands))]
        self.commands = commands

    def stage(self):
        return next((str(i) for i, file in enumerate(self.files) if not file.exists()), None)

    def command(self, stage):
        done = f"&& : > '{self.files[int(stage)]}'"
        return ["sh", "-c", f"{{ {self.commands[int(stage)]}; }} {done}"]


@pytest.fixture
def shell(tmp_path):
    """A function that makes a `Shell` task."""
    return lambda name, *commands: Shell(tmp_path, name, *commands)


def run(tasks, jobs=1, stream=None):
    return Queue(tasks, jobs, stream=stream or io.StringIO()).run(StopRequest())


def test_stages_follow_each_other_and_what_is_done_is_passed_over(shell):
    tasks = [shell("a", "echo one", "echo two >&2"), shell("b", "echo three")]
    stream = io.StringIO()
    outcome = run(tasks, stream=stream)
    assert outcome.done == ["a", "b"]
    assert outcome.failed == {}
    assert tasks[0].log.read_text() == "one\ntwo\n"
    assert stream.getvalue().startswith("0 of 2 done, 1 running, 0 failed (0 %)  ? left  a (0)\n")
    assert run(tasks).done == ["a", "b"]
    assert tasks[0].log.read_text() == "one\ntwo\n"


def test_what_fails_is_named_with_its_own_words_and_the_others_go_on(shell):
    tasks = [
        shell("user", "echo early; printf 'Error: first\\n\\nError: no such\\n flag\\n'; exit 1"),
        shell("words", "echo Traceback; echo boom; exit 3"),
        shell("silent", "exit 4"),
        shell("killed", "kill -9 $$"),
        shell("good", "true"),
    ]
    outcome = run(tasks, jobs=2)
    assert outcome.done == ["good"]
    assert outcome.failed == {
        "user": "no such\n flag",
        "words": "ended with exit code 3: boom",
        "silent": "ended with exit code 4: it said nothing",
        "killed": "ended by the signal SIGKILL",
    }


def test_the_error_of_an_earlier_attempt_is_not_this_ones(shell):
    task = shell("a", "exit 5")
    task.log.parent.mkdir()
    task.log.write_text("Error: of yesterday\n")
    assert run([task]).failed == {"a": "ended with exit code 5: it said nothing"}


def test_a_stage_that_leaves_its_work_undone_is_not_repeated(shell):
    task = shell("a", "true")
    task.command = lambda stage: ["true"]
    assert run([task]).failed == {"a": "the end of 0 left it unfinished"}


def test_so_many_at_a_time(shell, tmp_path):
    count = f"cd {tmp_path}; mkdir $$.on; ls -d *.on | wc -l; sleep 0.3; rmdir $$.on"
    tasks = [shell(str(i), count) for i in range(4)]
    assert len(run(tasks, jobs=2).done) == 4
    running = [int(task.log.read_text()) for task in tasks]
    assert max(running) == 2


def test_a_signal_is_passed_on_and_waited_for(shell, tmp_path):
    """A process has its time to end in order, and what waits is not started."""
    save = f"trap 'sleep 0.2; touch {tmp_path}/saved; exit 143' TERM; touch {tmp_path}/up"
    tasks = [shell("a", f"{save}; while :; do sleep 0.01; done"), shell("b", "true")]

    def send():
        while not (tmp_path / "up").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    with stop_on_signals() as stop:
        thread = threading.Thread(target=send)
        thread.start()
        outcome = Queue(tasks, stream=io.StringIO()).run(stop)
        thread.join()
    assert stop.signum == signal.SIGTERM
    assert (tmp_path / "saved").exists()
    assert outcome.done == []
    assert outcome.failed == {}
    assert not tasks[1].log.exists()


def test_what_a_killed_queue_left_running_is_waited_for(shell, tmp_path):
    """Its process still writes to the log: the task is neither started again nor failed."""
    task = shell("a", "echo once; sleep 0.5")
    program = (
        "import fcntl, subprocess, sys\n"
        "log = open(sys.argv[1], 'ab')\n"
        "fcntl.flock(log, fcntl.LOCK_EX)\n"
        "subprocess.Popen(sys.argv[2:], stdout=log)\n"
    )
    task.log.parent.mkdir()
    subprocess.run(["python3", "-SEc", program, task.log, *task.command("0")], check=True)
    assert task.stage() == "0"
    outcome = run([task])
    assert outcome.done == ["a"]
    assert task.log.read_text() == "once\n"


def test_what_someone_else_works_at_is_waited_for(shell):
    task = shell("a", "true")
    answers = iter([True, True, False, False, False])
    task.busy = lambda: next(answers)
    assert run([task]).done == ["a"]
    assert list(answers) == []


@pytest.mark.slow
def test_queues_of_several_workers_share_the_tasks_and_take_over_what_one_left(shell, tmp_path):
    """Each task is done once; one whose process is gone, unfinished, goes to another queue."""
    names = "abcde"
    tasks = [shell(name, f"echo done >> '{tmp_path}/{name}.did'; sleep 0.1") for name in names]
    # Another worker, which is gone a little later, is at the first of them.
    tasks[0].log.parent.mkdir()
    output = open(tasks[0].log, "ab")  # noqa: SIM115
    fcntl.flock(output, fcntl.LOCK_EX)
    threading.Timer(0.5, output.close).start()
    outcomes, workers = {}, []
    for number in range(2):

        def work(number=number):
            queue = Queue(tasks, stream=io.StringIO(), place=(number, 2))
            outcomes[number] = queue.run(StopRequest())

        workers.append(threading.Thread(target=work))
        workers[-1].start()
    for worker in workers:
        worker.join()
    assert [sorted(outcomes[number].done) for number in range(2)] == 2 * [sorted(names)]
    assert [outcomes[number].failed for number in range(2)] == [{}, {}]
    assert [(tmp_path / f"{name}.did").read_text() for name in names] == 5 * ["done\n"]
