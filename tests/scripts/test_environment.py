"""scripts/environment.sh: which Python is taken, what is said where none fits, what is mended."""

import os
import pathlib
import shutil
import stat
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMES = ("python3", "python", "python3.13", "python3.12", "python3.11")
REAL = pathlib.Path(sys.base_prefix) / "bin" / "python3"
HERE = "python{}.{}".format(*sys.version_info)
# Makes environments in a moment: in the place of pip there is a program that installs nothing.
QUICK = f"""
[ "$1 $2" = "-m venv" ] || exec {REAL} "$@"
{REAL} -m venv --without-pip "$3" || exit
for packages in "$3"/lib/python*/site-packages; do
  mkdir "$packages/pip" "$packages/pip-1.0.dist-info"
  printf 'Name: pip\\nVersion: 1.0\\n' > "$packages/pip-1.0.dist-info/METADATA"
  echo 'import sys; sys.exit("no such package" if "six" in open(sys.argv[-1]).read() else 0)' \
    > "$packages/pip/__main__.py"
  touch "$packages/pip/__init__.py"
done
"""


class Repository:
    """A copy of environment.sh, with requirements of its own and Pythons of its own on the path."""

    def __init__(self, folder):
        self.folder, self.programs = folder / "repository", folder / "bin"
        (self.folder / "scripts").mkdir(parents=True)
        self.programs.mkdir()
        shutil.copy(ROOT / "scripts" / "environment.sh", self.folder / "scripts")
        (self.folder / "requirements.txt").write_text("pip==1.0\n")
        for name in NAMES:
            self.install(name, "exit 1")

    def install(self, name, body):
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def prepare(self, **environment):
        """Sources the script as demo.sh and test.sh do: the finished process."""
        kept = {k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"}
        kept["PATH"] = f"{self.programs}:{kept['PATH']}"
        return subprocess.run(
            ["bash", "-c", "set -euo pipefail; source scripts/environment.sh; echo $PYTHON"],
            cwd=self.folder,
            env={**kept, **environment},
            capture_output=True,
            text=True,
        )


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path)


def test_no_python_that_fits(repository):
    done = repository.prepare()
    assert done.returncode == 1
    assert "Error: Python 3.11, 3.12 or 3.13 is needed" in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr
    assert not (repository.folder / ".venv").exists()


def test_a_python_without_venv(repository):
    # As Debian's without python3-venv: it runs, but has no ensurepip.
    repository.install("python3", f'[ "$2" = venv ] && exit 1; exec {REAL} "$@"')
    done = repository.prepare()
    assert done.returncode == 1
    assert f"apt-get install {HERE}-venv" in done.stderr
    assert "cannot make virtual environments" in done.stderr
    # Another one that can is taken.
    repository.install("python3.12", f"echo took 3.12 >&2{QUICK}")
    repository.install("python3.11", "echo took 3.11 >&2; exit 1")
    done = repository.prepare()
    assert "took 3.12" in done.stderr
    assert done.stdout.splitlines()[-1] == f"{repository.folder}/.venv/bin/python"


def gone(venv):
    for path in (venv / "bin").glob("python*"):
        path.unlink()
        path.symlink_to("/nowhere/python")


def changed(venv):
    (library,) = (venv / "lib").iterdir()
    library.rename(venv / "lib" / "python3.9")


def of_another_version(venv):
    """Its Python is now one that does not fit."""
    for path in (venv / "bin").glob("python*"):
        path.unlink()
        path.write_text("#!/bin/sh\nexit 1\n")
        path.chmod(0o755)


def unfinished(venv):
    (venv / "unfinished").touch()


def test_the_environment_is_kept_or_mended(repository):
    repository.install("python3", QUICK)
    venv = repository.folder / ".venv"
    done = repository.prepare()
    assert done.returncode == 0, done.stderr
    assert "Making the environment" in done.stdout
    assert not (venv / "unfinished").exists()
    canary = venv / "canary"
    canary.touch()
    done = repository.prepare()
    assert done.stdout == f"{venv}/bin/python\n"
    assert canary.exists()
    for damage in (gone, changed, of_another_version, unfinished):
        canary.touch()
        damage(venv)
        done = repository.prepare()
        assert done.returncode == 0, done.stderr
        assert "Making the environment" in done.stdout, damage
        assert not canary.exists(), damage
        subprocess.run([venv / "bin" / "python", "-c", "import pip"], check=True)
    # An active environment that satisfies the requirements is used instead.
    assert repository.prepare(VIRTUAL_ENV=str(venv)).stdout == f"{venv}/bin/python\n"


def test_an_installation_that_fails_is_said_and_done_again(repository):
    repository.install("python3", QUICK)
    (repository.folder / "requirements.txt").write_text("six==0.0.0\n")
    done = repository.prepare()
    assert done.returncode == 1
    assert "no such package" in done.stderr
    assert "could not be installed; see above" in done.stderr
    (repository.folder / "requirements.txt").write_text("pip==1.0\n")
    assert repository.prepare().returncode == 0
