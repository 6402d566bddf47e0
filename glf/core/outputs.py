"""Files that a program is asked to write, checked before there is anything to write."""

import os

from glf.core import files

FOLDER, NEW_FOLDER = "folder", "new folder"
_NAMES = {
    ".png": "a .png file",
    ".npz": "an .npz file",
    ".json": "a .json file",
    ".npy": "an .npy file",
    ".glfz": "a .glfz file",
    FOLDER: "a folder",
    NEW_FOLDER: "a folder",
}


def require_output(path, kinds, name="--out"):
    """Checks the name of a file or folder that is to be written.

    Args:
      path: the name.
      kinds: what it may be: suffixes such as ".png", `FOLDER`, or `NEW_FOLDER` for one that is not
        there yet or empty. Where both are allowed, a name without a suffix is a folder.
      name: what the user gave it as.

    Raises:
      ValueError: if it is none of these, if something else stands in its place, or if it cannot
        be written.
    """
    path = files.expanded(path)
    suffixes = [kind for kind in kinds if kind.startswith(".")]
    new, shown = NEW_FOLDER in kinds, f"{name}={path}"
    is_file = path.suffix in suffixes
    if not is_file and suffixes and (path.suffix or len(suffixes) == len(kinds)):
        *first, last = [_NAMES[kind] for kind in kinds]
        expected = f"{', '.join(first)}{',' * (len(first) > 1)} or {last}" if first else last
        raise ValueError(f"{shown}: expected {expected}.")
    if is_file and path.is_dir():
        raise ValueError(f"{shown} is a folder; give the name of a file.")
    if not is_file and path.exists() and not path.is_dir():
        raise ValueError(f"{shown} is a file; give the name of a folder.")
    if not is_file and new and path.exists() and any(path.iterdir()):
        raise ValueError(f"{shown} is a folder and not empty; give a new name or empty it.")
    require_writable(path, name)


def require_own_folder(path, mark, what, name="--out"):
    """Checks that a folder is free, empty, or an earlier one of the same kind, to be replaced.

    Args:
      path: the folder.
      mark: the file by which an earlier one is known.
      what: what it is called in messages.
      name: what the user gave it as.

    Raises:
      ValueError: if something else stands in its place, or it cannot be written.
    """
    path = files.expanded(path)
    foreign = path.exists() and not (path / mark).is_file()
    if foreign and (not path.is_dir() or any(path.iterdir())):
        raise ValueError(
            f"{name}={path} exists and is not an earlier {what}. Give a new name, or remove it."
        )
    # The whole folder is replaced, so that the one around it counts.
    _require_place(path, path.absolute().parent, name)


def require_plain(path, name="--out"):
    """Checks that TensorFlow's readers, which expand patterns, will find what is written there.

    Raises:
      ValueError: if the absolute path has * ? [ ] or \\.
    """
    path = files.expanded(path)
    if files.is_pattern(path):
        raise ValueError(
            f"{name}={path}: tf.saved_model.load takes * ? [ ] and \\ in a path for a pattern and "
            f"would not find an export in {path.absolute()}. Give a path without them."
        )


def require_writable(path, name="--out"):
    """Checks that a file or folder can be written.

    Raises:
      ValueError: if not; `name` is what the user gave it as.
    """
    path = files.expanded(path)
    # A file is replaced, never written into: what counts is its folder.
    _require_place(path, path if path.is_dir() else path.absolute().parent, name)


def _require_place(path, folder, name):
    """Checks that the folder, or the nearest one above that is there, can be written into."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise ValueError(f"{name}={path}: {folder} is a file, not a folder; give another name.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(
            f"{name}={path} cannot be written: {folder} is read-only for you. Give a name "
            "elsewhere, or change the folder's rights."
        )
