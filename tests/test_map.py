"""WORKSPACE.md against what it maps: the systems of the literature, and the recipes' files."""

import pathlib
import re

import pytest
from config_cover import expanded

ROOT = pathlib.Path(__file__).resolve().parents[1]
MAP = (ROOT / "WORKSPACE.md").read_text(encoding="utf-8")
STUDIES = ROOT / "configs" / "studies"


def rows(heading):
    """The cells of each row of the first table below a heading, but for its head."""
    section = MAP.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


SYSTEMS = rows("Systems of the literature")


@pytest.mark.parametrize("row", SYSTEMS, ids=lambda row: row[2].strip("`"))
def test_a_system_is_made_of_what_its_row_says(row):
    text = "\n".join(expanded(STUDIES / row[2].strip("`")))
    references = {name.rsplit("/", 1)[-1] for name in re.findall(r"@([\w/]+)", text)}
    named = set(re.findall(r"`(\w+)`", row[3]))
    assert named
    assert named <= references


def test_every_folder_of_studies_has_a_system():
    folders = {path.name for path in STUDIES.iterdir() if path.is_dir()}
    assert {row[2].strip("`").split("/")[0] for row in SYSTEMS} == folders


def test_recipes_name_what_is_there():
    recipes = " ".join(cell for row in rows("Adding something") for cell in row)
    paths = set(re.findall(r"`((?:glf|tests|scripts|configs)/[\w/.]+)`", recipes))
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
    registries = {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "glf").glob("*/registry.py")
    }
    assert registries <= paths
