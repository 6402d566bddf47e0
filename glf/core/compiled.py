"""Programs that XLA compiled, kept from one process to the next that wants the same.

TensorFlow can write what it compiled for the CPU into a folder and look there before it compiles:
it takes a file whose program is the same to the letter, and believes that the machine is, too, and
that the file is whole. Both are seen to here. A process has a folder of its own, filled before it
begins from one file of the cache, which is for one machine, one version and one purpose, and is
whole by its digest; what was compiled anew is added to that file. The results are those of
compiling, to the bit: the same code is loaded.
"""

import contextlib
import glob
import importlib.metadata
import os
import pathlib
import shutil
import sys
import tempfile

import numpy as np
from absl import logging

from glf.core import cache

MOST_BYTES = 2**28  # that are kept for one purpose; the oldest go first
FREE_BYTES = 2**30  # without so much room nothing is kept: TensorFlow fails where it cannot write
_DIGEST, _FLAG = "digest", "tf_xla_persistent_cache_directory"


class _Kept:
    """The programs of one purpose: a file of the cache, and the folder of this process."""

    def __init__(self, purpose):
        self.path = cache.folder() / f"compiled-{cache.digest(_machine(), purpose)[:32]}.npz"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=".compiling-", dir=self.path.parent))
        self.known = self._stored()
        for name, content in self.known.items():
            content.tofile(self.folder / name)

    def _stored(self):
        """{name: bytes} of the file; nothing where there is none, or none that is whole."""
        stored = cache.read(self.path) or {}
        digest = stored.pop(_DIGEST, None)
        if stored and str(digest) != _digest(stored):
            logging.warning("%s is damaged; what it holds is compiled again.", self.path)
            return {}
        return stored

    def keep(self):
        """Adds what is new in the folder to the file."""
        paths = [path for path in self.folder.glob("*.pb") if path.name not in self.known]
        new = {path.name: np.fromfile(path, np.uint8) for path in paths}
        if not new:
            return
        with cache.alone(self.path.parent / ".compiled.lock"):
            together, total = {}, 0
            for name, content in {**new, **self._stored()}.items():
                total += content.nbytes
                if total <= MOST_BYTES:
                    together[name] = content
            cache.write(self.path, {**together, _DIGEST: np.array(_digest(together))})
        self.known |= new

    def close(self):
        """Keeps, and removes the folder."""
        self.keep()
        shutil.rmtree(self.folder, ignore_errors=True)


_kept = None


@contextlib.contextmanager
def offered(*purpose):
    """A block that loads TensorFlow and has it list its devices: it will use what is kept.

    Does nothing where this is not known to work: on other systems than Linux, with a GPU, among
    several workers, or where the user has named such a folder to TensorFlow.

    Args:
      *purpose: what JSON can say of what is going to be compiled.
    """
    global _kept
    if not _is_possible():
        yield
        return
    before = os.environ.get("TF_XLA_FLAGS")
    try:
        _kept = _Kept(purpose)
    except OSError as error:
        logging.warning("What is compiled is not kept for the next time: %s", error)
        yield
        return
    os.environ["TF_XLA_FLAGS"] = f"{before or ''} --{_FLAG}={_kept.folder}".strip()
    try:
        yield
    finally:
        # TensorFlow has read it; processes that this one starts are not to.
        if before is None:
            del os.environ["TF_XLA_FLAGS"]
        else:
            os.environ["TF_XLA_FLAGS"] = before


def keep(last=False):
    """Keeps what has been compiled so far; at the last time the folder of this process goes."""
    global _kept
    if _kept is None:
        return
    try:
        _kept.close() if last else _kept.keep()
    except OSError as error:
        logging.warning("What was compiled is not kept for the next time: %s", error)
    if last:
        _kept = None


def _is_possible():
    folder = cache.folder()
    while not folder.exists():
        folder = folder.parent
    given = os.environ.get("CUDA_VISIBLE_DEVICES", "all") not in ("", "-1")
    return (
        sys.platform == "linux"
        and not (given and glob.glob("/dev/nvidia[0-9]*"))
        and "TF_CONFIG" not in os.environ
        and _FLAG not in os.environ.get("TF_XLA_FLAGS", "")
        and len(str(cache.folder()).split()) == 1  # TensorFlow reads its flags word by word
        and shutil.disk_usage(folder).free > FREE_BYTES
    )


def _machine():
    """What compiled code depends on besides the program."""
    lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    facts = dict(line.replace("\t", "").split(":", 1) for line in lines if ":" in line)
    return [
        importlib.metadata.version("tensorflow"),
        {name: facts.get(name) for name in ("model name", "CPU part", "flags", "Features")},
        len(os.sched_getaffinity(0)),
        {name: os.environ.get(name) for name in ("XLA_FLAGS", "TF_XLA_FLAGS")},
    ]


def _digest(programs):
    return cache.digest(*(part for item in sorted(programs.items()) for part in item))
