"""Files that are whole or absent: write beside the target, flush, then rename over it.

Also what is particular about their names: a leading ~, and characters that TensorFlow's readers
take for a pattern.
"""

import contextlib
import errno
import json
import os
import pathlib
import tempfile

_PATTERN = frozenset("*?[]\\")
# What the system says in these cases is found again inside TensorFlow's own messages.
_REASONS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO)


def expanded(path):
    """`path` as a `pathlib.Path`, a leading ~ or ~user replaced by that home folder.

    Raises:
      ValueError: if the path is empty, or there is no such user.
    """
    if not str(path):
        raise ValueError("A path is empty; give the name of a file or folder, . for this one.")
    try:
        return pathlib.Path(path).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{str(path)!r} begins with the home of a user who is not there.") from (
            error
        )


def is_pattern(path):
    """Whether the absolute path has * ? [ ] or \\, which TensorFlow's readers do not take as is."""
    return not _PATTERN.isdisjoint(os.path.abspath(path))


@contextlib.contextmanager
def literal(folder):
    """Yields a path of `folder` that TensorFlow's readers take as it is.

    They expand * ? [ ] and \\ as a shell does, also those in the names of folders. Where the
    path has any, what is yielded leads there through a link in a temporary folder.

    Raises:
      ValueError: if the folder for temporary files has such a name itself.
    """
    if not is_pattern(folder):
        yield pathlib.Path(folder)
        return
    with tempfile.TemporaryDirectory() as temporary:
        if is_pattern(temporary):
            raise ValueError(
                f"{str(folder)!r} cannot be read: TensorFlow takes * ? [ ] and \\ in it for a "
                f"pattern, and the folder for temporary files, {temporary}, has such a name, too. "
                "Set TMPDIR to another folder."
            )
        link = pathlib.Path(temporary) / "folder"
        link.symlink_to(os.path.abspath(folder), target_is_directory=True)
        yield link


def reason(error):
    """Why something could not be written: the system's words, without the writer's own."""
    while isinstance(error.__cause__, OSError):
        error = error.__cause__
    text = getattr(error, "strerror", None) or getattr(error, "message", None) or str(error)
    for number in _REASONS:
        if os.strerror(number) in text or getattr(error, "errno", None) == number:
            return os.strerror(number)
    return text.strip().splitlines()[0] if text.strip() else type(error).__name__


def not_written(error, what, kept=""):
    """The `OSError` that says that `what` could not be written, why, what is `kept`, what to do."""
    why = reason(error)
    number = next((n for n in _REASONS if os.strerror(n) == why), None)
    number = number or getattr(error, "errno", None) or errno.EIO
    full = number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    do = "Free some space" if full else "Check the folder and its rights"
    return OSError(number, f"Could not write {what}: {why}. {kept}{do}, and start this again.")


@contextlib.contextmanager
def atomic_path(path):
    """Yields a temporary path beside `path`; renames it over `path` if the block succeeds.

    The file is flushed to disk before the rename. When the block raises, `path` is untouched and
    the temporary file is gone. The temporary name keeps the suffix, because some writers choose
    their format by it.

    Raises:
      OSError: if it cannot be written, with the name of the file and the reason.
    """
    path = expanded(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-", suffix=path.suffix)
        os.close(handle)
        temporary = pathlib.Path(name)
        yield temporary
        mode = path.stat().st_mode if path.exists() else 0o666 & ~_umask()
        temporary.chmod(mode & 0o7777)
        sync(temporary)
        temporary.replace(path)
    except OSError as error:
        # The block may read other files, whose troubles are their own.
        about = None if error.filename is None else pathlib.Path(os.fsdecode(error.filename))
        if about is not None and about.parent != path.parent and not path.is_relative_to(about):
            raise
        kept = "What was there before is untouched. " if path.exists() else ""
        raise not_written(error, path, kept) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def sync(path):
    """Flushes a file or folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path, text):
    """Writes `text` to `path`, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path, value):
    """Writes `value` as indented JSON to `path`, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, sort_keys=False) + "\n")


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
