"""What `pip install` takes and gives: dependencies, programs, configurations, away from here."""

import ast
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile

import pytest
import setuptools
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import glf
from scripts.__main__ import PROGRAMS

ROOT = pathlib.Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
PINS = dict(
    re.fullmatch(r"(\S+)==(\S+)", line).groups()
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
)
# Distributions whose module has another name.
NAMES = {"absl": "absl-py", "gin": "gin-config", "PIL": "pillow", "sklearn": "scikit-learn"}
# What others need and do not declare.
FOR_OTHERS = {"importlib-resources", "tf-keras"}


# Run by the Python of another environment, which `scripts/peers.sh` makes.
ELSEWHERE = ROOT / "scripts" / "benchmarks" / "peers_worker.py"


def imported():
    """The top-level names that the package and the programs import."""
    paths = {*(ROOT / "glf").rglob("*.py"), *(ROOT / "scripts").rglob("*.py")} - {ELSEWHERE}
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield node.module.split(".")[0]


def requirements(lines):
    found = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name): r for r in found}


def test_the_dependencies_are_what_is_imported():
    names = set(imported()) - set(sys.stdlib_module_names) - {"glf"}
    distributions = {canonicalize_name(NAMES.get(name, name)) for name in names}
    asked_for = set(requirements(PROJECT["optional-dependencies"]["kubernetes"]))
    assert asked_for <= distributions
    needed = distributions - asked_for | FOR_OTHERS
    assert set(requirements(PROJECT["dependencies"])) == needed


def test_the_second_environment_has_what_is_imported_there():
    script = (ROOT / "scripts" / "peers.sh").read_text(encoding="utf-8")
    tree = ast.parse(ELSEWHERE.read_text(encoding="utf-8"))
    names = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    names |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    roots = {name.split(".")[0] for name in names} - set(sys.stdlib_module_names)
    assert roots == {name.split("==")[0] for name in re.findall(r"\S+==\S+", script)}


def test_the_tested_versions_are_allowed():
    pins = {canonicalize_name(name): version for name, version in PINS.items()}
    extras = PROJECT["optional-dependencies"]
    for name, requirement in requirements(PROJECT["dependencies"] + extras["dev"]).items():
        assert requirement.specifier.contains(pins[name]), requirement


def test_every_folder_of_code_is_packed():
    folders = {p.parent.relative_to(ROOT) for p in (ROOT / "glf").rglob("*.py")}
    programs = {p.parent.relative_to(ROOT) for p in (ROOT / "scripts").rglob("*.py")}
    folders |= {pathlib.Path("glf") / folder for folder in programs}
    packages = {".".join(folder.parts) for folder in folders} | {"glf.configs"}
    assert set(PYPROJECT["tool"]["setuptools"]["packages"]) == packages


def test_the_same_pythons_everywhere():
    allowed = SpecifierSet(PROJECT["requires-python"])
    minors = [m for m in range(30) if allowed.contains(f"3.{m}.1")]
    assert minors == [11, 12, 13]
    shell = (ROOT / "scripts" / "environment.sh").read_text(encoding="utf-8")
    assert f"(3, {minors[0]}) <= sys.version_info[:2] <= (3, {minors[-1]})" in shell
    assert {f"python3.{m}" for m in minors} == set(re.findall(r"python3\.\d+", shell))
    classifiers = {c.rsplit(" ", 1)[1] for c in PROJECT["classifiers"] if ":: 3." in c}
    assert classifiers == {f"3.{m}" for m in minors}


def test_the_citation_is_of_this_version():
    lines = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert f"version: {glf.__version__}" in lines


def test_every_program_is_behind_the_one_command():
    programs = {
        path.stem
        for path in (ROOT / "scripts").glob("*.py")
        if 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")
    }
    assert set(PROGRAMS) == programs - {"__main__"}


def glf_command(*words):
    code = (
        "import sys\n"
        f"sys.argv = ['glf', *{words!r}]\n"
        "from scripts.__main__ import main\n"
        "code = main()\n"
        "assert not {'tensorflow', 'keras', 'absl'} & set(sys.modules)\n"
        "sys.exit(code)\n"
    )
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


def test_the_command_lists_its_programs_without_tensorflow():
    done = glf_command("--help")
    assert done.returncode == 0, done.stderr
    for name in PROGRAMS:
        assert re.search(rf"^  {name} +\S", done.stdout, re.MULTILINE)
    assert str(ROOT / "configs") in done.stdout
    assert glf_command("--version").stdout == f"glf {glf.__version__}\n"


def test_an_unknown_program():
    done = glf_command("trian")
    assert done.returncode == 1
    assert done.stderr == "Error: there is no program 'trian'. Did you mean train?\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An environment that holds the package's wheel, and this one's packages: (wheel, bin)."""
    needed = Requirement(PYPROJECT["build-system"]["requires"][0])
    if not needed.specifier.contains(setuptools.__version__):
        pytest.skip(f"{needed} is needed, as in requirements.txt; here: {setuptools.__version__}")
    folder = tmp_path_factory.mktemp("package")
    source = folder / "source"
    leave_out = shutil.ignore_patterns("__pycache__")
    for name in ("glf", "scripts", "configs"):
        shutil.copytree(ROOT / name, source / name, ignore=leave_out)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-index"]
    build = [*pip, "wheel", *offline, "--no-build-isolation", f"--wheel-dir={folder}", str(source)]
    subprocess.run(build, check=True)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([*pip, f"--python={python}", "install", *offline, str(wheel)], check=True)
    shutil.rmtree(source)
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    dependencies = str(pathlib.Path(setuptools.__file__).resolve().parents[1])
    # addsitedir, and not a bare path: it follows that folder's own .pth files.
    (packages / "dependencies.pth").write_text(f"import site; site.addsitedir({dependencies!r})\n")
    return wheel, python.parent


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    return tmp_path_factory.mktemp("elsewhere")


def run(command, cwd):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_nothing_else(installed):
    with zipfile.ZipFile(installed[0]) as wheel:
        names = set(wheel.namelist())
    top = {name.split("/")[0] for name in names}
    assert top == {"glf", f"glf-{glf.__version__}.dist-info"}
    ours = {f"glf/{p.relative_to(ROOT)}" for p in (ROOT / "configs").rglob("*.gin")}
    assert ours == {name for name in names if name.endswith(".gin")}
    ours = {str(p.relative_to(ROOT)) for p in (ROOT / "glf").rglob("*.py")}
    ours |= {f"glf/{p.relative_to(ROOT)}" for p in (ROOT / "scripts").rglob("*.py")}
    assert ours == {name for name in names if name.endswith(".py")}
    assert f"glf-{glf.__version__}.dist-info/licenses/LICENSE" in names


@pytest.mark.slow
def test_an_installed_package_works_elsewhere(installed, elsewhere):
    _, binaries = installed
    said = run(
        [
            binaries / "python",
            "-c",
            "import glf, importlib.metadata as m; print(glf.__file__, m.version('glf'), glf.GLF)",
        ],
        elsewhere,
    ).stdout
    assert str(ROOT) not in said
    assert f" {glf.__version__} " in said
    assert "configs/studies" in run([binaries / "glf"], elsewhere).stdout
    study = "--gin_file=configs/studies/glf/digits.gin"
    smoke = ("--gin_file=configs/smoke.gin", "--gin_param=train.num_steps = 2")
    run([binaries / "glf", "train", "--workdir=run", study, *smoke], elsewhere)
    about = json.loads((elsewhere / "run" / "run.json").read_text())
    assert about["versions"]["glf"] == glf.__version__
    assert about["commit"] is None
    said = run([binaries / "glf", "sample", "--help"], elsewhere).stdout
    assert "glf sample --workdir" in said
    assert "scripts." not in said.split("flags:")[0]
