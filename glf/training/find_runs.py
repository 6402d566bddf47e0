"""Folders of runs, found below folders."""

import re

from glf.core import files


def find_runs(paths):
    """The run folders that paths stand for, each once: a folder without a run for all below it.

    Raises:
      ValueError: if there is no run in one of them.
    """
    found = {}
    for path in paths:
        folder = files.expanded(path)
        runs = [folder]
        if not (folder / "config.gin").is_file():
            runs = sorted((p.parent for p in folder.glob("**/config.gin")), key=_natural)
        if not runs:
            what = "is no run, and none is below it" if folder.is_dir() else "does not exist"
            raise ValueError(f"{path} {what}. Give folders of runs, or folders that hold some.")
        for run in runs:
            found.setdefault(run.resolve(), run)
    return list(found.values())


def _natural(path):
    """A key by which seed10 comes after seed9."""
    parts = re.split(r"(\d+)", str(path))
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]
