"""Running the programs as a user does, two at a time."""

import concurrent.futures
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run_program(name, *arguments, cwd=ROOT, timeout=400, **environment):
    """Runs `python -m scripts.NAME` and returns the finished process, its output as text."""
    return subprocess.run(
        [sys.executable, "-m", f"scripts.{name}", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


@pytest.fixture(scope="session")
def program():
    """A function that runs one program."""
    return run_program


@pytest.fixture(scope="session")
def programs():
    """A function that runs several: {key: arguments} to {key: finished process}."""

    def run_all(commands):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            running = {k: pool.submit(run_program, *command) for k, command in commands.items()}
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
    bound = ("train.moving_average = 0.9", "Repeated.num = 1", *bindings)
    return [f"--gin_file=configs/{f}" for f in files] + [f"--gin_param={b}" for b in bound]


@pytest.fixture(scope="session")
def smoke_flags():
    """`smoke`, as a fixture."""
    return smoke
