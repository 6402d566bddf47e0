"""Running the programs as a user does, two at a time."""

import concurrent.futures
import functools
import itertools
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def environment(**more):
    """That of a user's program, which XLA compiles as thoroughly as it does by itself."""
    return {**{k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}, **more}


# Of programs whose outputs are compared with those of each other alone.
QUICKLY_COMPILED = {"XLA_FLAGS": os.environ.get("XLA_FLAGS", "")}


def run_program(name, *arguments, cwd=ROOT, timeout=400, **variables):
    """Runs `python -m scripts.NAME` and returns the finished process, its output as text."""
    return subprocess.run(
        [sys.executable, "-m", f"scripts.{name}", *map(str, arguments)],
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=timeout,
    )


class Forks:
    """Runs programs as forks of one process that has imported TensorFlow: `prepared.py`."""

    def __init__(self):
        self._server = subprocess.Popen(
            [sys.executable, str(pathlib.Path(__file__).with_name("prepared.py"))],
            cwd=ROOT,
            env=environment(PYTHONPATH=str(ROOT)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert "threads" in self._server.stdout.readline()
        self._numbers, self._heard, self._answers = itertools.count(), threading.Condition(), {}
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self):
        for line in self._server.stdout:
            answer = json.loads(line)
            with self._heard:
                self._answers.setdefault(answer["id"], {}).update(answer)
                self._heard.notify_all()

    def start(self, module, arguments, out, err, cwd=ROOT, environment=None):
        """Starts a program that writes to the ends of two files; returns its `Fork`."""
        number = next(self._numbers)
        request = {
            "id": number,
            "module": module,
            "arguments": [str(argument) for argument in arguments],
            "cwd": str(cwd),
            "environment": environment or {},
            "out": str(out),
            "err": str(err),
        }
        with self._heard:
            self._server.stdin.write(json.dumps(request) + "\n")
            self._server.stdin.flush()
        return Fork(self, number)

    def answer(self, number, key, timeout):
        """What the server said of a fork; None if it did not within `timeout` seconds."""
        with self._heard:
            self._heard.wait_for(lambda: key in self._answers.get(number, ()), timeout)
            return self._answers.get(number, {}).get(key)

    def run(self, name, *arguments, cwd=ROOT, timeout=400, **variables):
        """As `run_program`."""
        with tempfile.TemporaryDirectory() as folder:
            out, err = pathlib.Path(folder) / "out", pathlib.Path(folder) / "err"
            fork = self.start(f"scripts.{name}", arguments, out, err, cwd, variables)
            code = self.answer(fork.number, "code", timeout)
            assert code is not None, f"scripts.{name} {arguments} did not end in {timeout} s"

            return subprocess.CompletedProcess(
                [name, *arguments], code, out.read_text(), err.read_text()
            )

    def close(self):
        """Waits for what is running."""
        self._server.stdin.close()
        self._server.wait(400)
        self._listener.join()
        self._server.stdout.close()


class Fork:
    """A program in a fork, as `subprocess.Popen` would show it."""

    def __init__(self, forks, number):
        self._forks, self.number = forks, number

    def poll(self):
        """The exit code, None while it runs."""
        return self._forks.answer(self.number, "code", 0)

    def send(self, signum):
        """Sends a signal."""
        os.kill(self._forks.answer(self.number, "pid", 60), signum)

    def terminate(self):
        """Asks it to end."""
        self.send(signal.SIGTERM)


@pytest.fixture(scope="session")
def user_environment():
    """`environment()`, for tests that start processes themselves."""
    return environment()


@pytest.fixture(scope="session")
def quick_environment():
    """The same, but compiled as `programs` does `quickly`."""
    return environment(**QUICKLY_COMPILED)


@pytest.fixture(scope="session")
def forks():
    """`Forks`, made when the first program is asked for."""
    forks = Forks()
    yield forks
    forks.close()


@pytest.fixture(scope="session")
def program(forks):
    """A function that runs one program, in a fork."""
    return forks.run


@pytest.fixture(scope="session")
def programs(forks):
    """A function that runs several, two at a time: {key: arguments} to {key: finished process}.

    In forks, or each as a process of its own that starts from nothing. Compiled as a user's are, or
    `quickly`, as everything else that is tested.
    """

    def run_all(commands, from_nothing=False, quickly=False):
        run = functools.partial(
            run_program if from_nothing else forks.run, **QUICKLY_COMPILED if quickly else {}
        )
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            running = {k: pool.submit(run, *command) for k, command in commands.items()}
            return {key: future.result() for key, future in running.items()}

    return run_all


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The folder of a short run on the digits; not to be changed."""
    workdir = tmp_path_factory.mktemp("trained") / "run"
    done = run_program("train", f"--workdir={workdir}", *smoke())
    assert done.returncode == 0, done.stderr
    return workdir


def smoke(*bindings):
    """The flags of a short run on the digits."""
    files = ("studies/glf/digits.gin", "smoke.gin")
    bound = ("train.moving_average = 0.9", "Chain.repeats = 1", *bindings)
    return [f"--gin_file=configs/{f}" for f in files] + [f"--gin_param={b}" for b in bound]


@pytest.fixture(scope="session")
def smoke_flags():
    """`smoke`, as a fixture."""
    return smoke
