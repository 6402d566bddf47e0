"""Where the package lies: in a repository, or installed."""

import pathlib

_PACKAGE = pathlib.Path(__file__).resolve().parents[1]


def repository():
    """The root of the repository that the package is used from; None where it is installed."""
    root = _PACKAGE.parent
    return root if (root / "configs").is_dir() and (root / "pyproject.toml").is_file() else None


def configs_home():
    """The folder that `configs/...` is looked for in: the repository, or the installed package."""
    return repository() or _PACKAGE
