"""A run is a folder: what was asked, what came of it, and nothing of another experiment.

config.gin            the configuration as given, normalised
operative_config.gin  every value the run really used
run.json              flags, versions, commit, precision, whether the step is XLA's
initial.json          what the weights started from, where that was another run
data.json             name, image shape and levels of the data, and where they were
checkpoints/          see `checkpoints.py`
logs/                 train.jsonl, validation.jsonl, evaluation.jsonl
summaries/            TensorBoard
pictures/             samples and reconstructions as PNG
status.json           the step reached and whether the run is finished
training.json         the seconds that this took, of all processes that trained it
metrics.json          what `evaluate` measured
"""

import contextlib
import difflib
import fcntl
import importlib.metadata
import json
import os
import pathlib
import platform
import re
import subprocess

from absl import logging

import glf
from glf.core import files
from glf.core.places import repository
from glf.training import data_record

_MODEL = re.compile(r"^train\.make_model\s*=[\s\\]*@(?:\w+[./])*(\w+)\s*$", re.MULTILINE)
_TAIL = 1 << 16  # bytes at the end of a log in which its last record is looked for
_PACKAGES = ("tensorflow", "keras", "tensorflow-probability", "gin-config", "numpy")


class RunFolder:
    """The folder of one training run."""

    def __init__(self, workdir, name="--workdir"):
        self.path = files.expanded(workdir)
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(
                f"{name}={workdir} is a file; give the path of a folder, new or of an earlier "
                "run of this experiment."
            )
        self.config = self.path / "config.gin"
        self.operative_config = self.path / "operative_config.gin"
        self.about = self.path / "run.json"
        self.data = self.path / "data.json"
        self.initial = self.path / "initial.json"
        self.status = self.path / "status.json"
        self.training = self.path / "training.json"
        self.metrics = self.path / "metrics.json"
        self.checkpoints = self.path / "checkpoints"
        self.pictures = self.path / "pictures"
        self.summaries = self.path / "summaries"
        self.logs = self.path / "logs"
        self._claimed = False

    def check(self, provenance, precision, jit=None):
        """Checks that the folder is new or this experiment's; writes nothing.

        The config may differ from the folder's in what does not change the result. A folder in
        which no run ever produced anything may be another's from then on.

        Args:
          provenance: the `Provenance` of what is to be trained in it.
          precision: that of its arithmetic.
          jit: whether its step is to be XLA's; None: as it was.

        Raises:
          ValueError: if the folder holds another experiment; the difference is shown.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        if not self.config.exists():
            strangers = [p.name for p in self.path.iterdir() if p.name != ".lock"]
            if strangers:
                raise ValueError(
                    f"--workdir={self.path} is not empty and not a run folder (it has no "
                    f"config.gin but holds {', '.join(sorted(strangers)[:5])}). Give a new folder."
                )
        if not self._begun():
            return
        essence = provenance.essence or (lambda text, _: _bindings(text))
        texts = (self.config.read_text(encoding="utf-8"), provenance.config)
        before, asked = (essence(text, not self.has_record()) for text in texts)
        if before != asked:
            names = ("in the folder", "asked for")
            difference = "\n".join(difflib.unified_diff(before, asked, *names, n=0, lineterm=""))
            raise ValueError(
                f"--workdir={self.path} holds another experiment. Use a new workdir, or the "
                f"configuration of this one. The difference:\n{difference}"
            )
        old = self.read_about().get("precision")
        if old != precision:
            raise ValueError(
                f"--workdir={self.path} was trained with --precision={old}, asked for is "
                f"--precision={precision}. Use the same, or a new workdir."
            )
        by_xla = self.trained_by_xla()
        if None not in (jit, by_xla) and jit != by_xla:
            old, new = ("on" if by_xla else "off"), ("on" if jit else "off")
            raise ValueError(
                f"--workdir={self.path} was trained with --jit={old}, asked for is --jit={new}, "
                f"which rounds otherwise. Use --jit={old}, or a new workdir."
            )

    def trained_by_xla(self):
        """Whether the step of the run that began here is XLA's; None where nothing says so."""
        return self.read_about().get("jit") if self._begun() and self.about.exists() else None

    def _begun(self):
        """Whether a run has produced anything in this folder."""
        return any(path.exists() for path in (self.checkpoints, self.logs, self.pictures))

    def write(self, provenance, precision, jit=None):
        """Writes what was asked for last; `jit` is None where several replicas train."""
        files.write_json(self.about, {"precision": precision, "jit": jit, **provenance.about})
        files.write_text(self.config, provenance.config)
        self._claimed = True

    def read_about(self):
        """What `run.json` holds."""
        return json.loads(self.about.read_text(encoding="utf-8"))

    def read_seconds(self):
        """Seconds that training took up to the last checkpoint; None where it was not recorded."""
        if not self.training.exists():
            return None
        return json.loads(self.training.read_text(encoding="utf-8"))["seconds"]

    def write_spec(self, dataset):
        """Writes what a model needs to know of the data, so that it can be rebuilt without it.

        And what the data were, so that a change of them is noticed.
        """
        files.write_json(self.data, data_record.describe(dataset))

    def _read_data(self):
        return json.loads(self.data.read_text(encoding="utf-8")) if self.data.exists() else {}

    def read_place(self):
        """Where the run found its data: arguments of `make_dataset`, absolute; {} if unknown."""
        return self._read_data().get("place", {})

    def has_record(self):
        """Whether the run remembers what its data were, and not their shape alone."""
        return "record" in self._read_data()

    def check_data(self, dataset, training):
        """Compares data with those of the run.

        Other data than those that it was trained on are refused for training on, and where the
        model cannot take them; elsewhere a warning says what is different.

        Args:
          dataset: the `Dataset` as it is found now.
          training: whether the run is to go on with it.

        Raises:
          ValueError: with the difference.
        """
        held = self._read_data()
        if not held or (training and not self._begun()):
            return
        spec, content, same = data_record.changes(held, dataset)
        shown = "".join(f"\n  {line}" for line in [*spec, *content, *same])
        if spec or (training and content):
            advice = "Put them back as they were, or train in a new workdir."
            if not training:
                advice = "Say where the run's own data are (--data_path, --data_dir)."
            raise ValueError(
                f"The data {dataset.name!r} are not those that the run in {self.path} was trained "
                f"on. {advice} The difference:{shown}"
            )
        if content or same:
            logging.warning(
                "The data %r are not quite those that the run in %s was trained on:%s",
                dataset.name,
                self.path,
                shown,
            )

    def read_spec(self):
        """The `DataSpec` that the run was trained on.

        Raises:
          ValueError: if the run ended before it had opened its data.
        """
        # Here, so that what programs check first needs no TensorFlow.
        from glf.data.dataset import DataSpec

        if not self.data.exists():
            raise ValueError(
                f"The run in {self.path} never got to open its data, so it is untrained. Train it "
                "first: python -m scripts.train with this --workdir."
            )
        held = json.loads(self.data.read_text(encoding="utf-8"))
        return DataSpec(
            shape=tuple(held["image_shape"]),
            levels=held["levels"],
            num_classes=held["num_classes"],
            # Runs of earlier versions know of images only.
            sample_rate=held.get("sample_rate"),
            condition_shape=held.get("condition_shape") and tuple(held["condition_shape"]),
            condition_levels=held.get("condition_levels"),
        )

    def read_model(self):
        """The name of the class that the configuration binds as `train.make_model`, or None."""
        return model_of(self.config.read_text(encoding="utf-8"))

    def require_run(self):
        """Checks that this is the folder of a run.

        Raises:
          ValueError: if it is not there or holds no run.
        """
        if not self.config.exists():
            what = "does not exist" if not self.path.exists() else "is not the folder of a run"
            raise ValueError(
                f"--workdir={self.path} {what} (no config.gin in it). Give the --workdir that "
                "scripts.train was given."
            )

    @contextlib.contextmanager
    def locked(self):
        """Holds the folder for one process at a time; makes it if it is not there.

        If nothing has been trained in it when the block ends, what was made here is removed, so
        that a mistake in a configuration leaves no trace.

        Raises:
          ValueError: if another process trains in it, or it cannot be written.
        """
        made = not self.path.exists()
        lock = self.path / ".lock"
        with self._open(lock) as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The holder before may have removed the file that was opened here.
                if not lock.exists() or not os.path.samestat(
                    os.stat(lock), os.fstat(handle.fileno())
                ):
                    raise BlockingIOError
            except OSError as error:
                raise ValueError(
                    f"Another process is training in --workdir={self.path}. Wait for it, stop it, "
                    "or use another workdir."
                ) from error
            try:
                yield
            finally:
                if self._claimed and not self._begun():
                    for file in (
                        self.config,
                        self.operative_config,
                        self.about,
                        self.data,
                        self.initial,
                    ):
                        file.unlink(missing_ok=True)
                if not self.config.exists():
                    lock.unlink()
                    if made:
                        with contextlib.suppress(OSError):
                            self.path.rmdir()

    def is_locked(self):
        """Whether a process trains in the folder now."""
        try:
            with open(self.path / ".lock", encoding="utf-8") as handle:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            pass
        return False

    def _open(self, lock):
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            return open(lock, "w", encoding="utf-8")
        except OSError as error:
            raise ValueError(
                f"--workdir={self.path} cannot be written, and training writes into it: "
                f"{files.reason(error)}. Change its rights, or train in a copy."
            ) from error


def model_of(config):
    """The name of the class that a configuration, as text, binds as `train.make_model`, or None."""
    binding = _MODEL.search(config)
    return binding[1] if binding else None


def _bindings(config):
    lines = (line for line in config.splitlines() if line.strip() and line[0] != "#")
    return [line for line in lines if not line.startswith("train.num_steps = ")]


def describe_environment():
    """Versions, platform and, in a repository, its commit, for `run.json`."""
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    versions["glf"] = glf.__version__
    root, commit = repository(), None
    # An installed package may lie inside a repository of its user's, whose commit says nothing.
    if root is not None and (root / ".git").exists():
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run(
                ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"],
                capture_output=True,
                text=True,
                timeout=10,
                check=True,
            )
            commit = done.stdout.strip()
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": versions,
        "commit": commit,
    }


class JsonLines:
    """A log of JSON objects, one a line, that can be cut back to a step."""

    def __init__(self, path):
        self.path = pathlib.Path(path)

    def append(self, record):
        """Adds one record and flushes it."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "a", encoding="utf-8") as handle:
                handle.write(json.dumps(record) + "\n")
        except OSError as error:
            raise files.not_written(error, self.path, "The checkpoints are intact. ") from error

    def read(self):
        """All whole records; a torn last line is left out."""
        if not self.path.exists():
            return []
        records = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                records.append(json.loads(line))
        return records

    def last(self):
        """The last whole record, or None; the rest of a long log is not read."""
        if not self.path.exists():
            return None
        with open(self.path, "rb") as handle:
            end = handle.seek(0, os.SEEK_END)
            handle.seek(max(0, end - _TAIL))
            lines = handle.read().decode("utf-8", errors="replace").splitlines()
        for line in reversed(lines):
            with contextlib.suppress(ValueError):
                if isinstance(record := json.loads(line), dict):
                    return record
        return None

    def cut_back(self, step):
        """Keeps only the records up to and including `step`: those the checkpoint knows of."""
        if self.path.exists():
            kept = [record for record in self.read() if record["step"] <= step]
            files.write_text(self.path, "".join(json.dumps(r) + "\n" for r in kept))
