"""A sweep's folder: its lock, and sweep.json, which says what runs it has."""

import ast
import contextlib
import fcntl
import json

from glf.core import cache, files

# What the runs of a sweep leave beside their folders.
RECORD, LOCK, LOGS, REPORT = "sweep.json", ".lock", "logs", "report"
RECORD_LOCK = ".record.lock"


class SweepFolder:
    """The folder of a sweep.

    Args:
      workdir: its path, new, empty or an earlier sweep's.

    Raises:
      ValueError: if something else stands in its place.
    """

    def __init__(self, workdir):
        self.path = files.expanded(workdir)
        self.record = self.path / RECORD
        self.report = self.path / REPORT
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"--workdir={workdir} is a file; give the path of a folder.")
        if (self.path / "config.gin").exists():
            raise ValueError(
                f"--workdir={workdir} is the folder of a run; a sweep needs one of its own, in "
                "which its runs have theirs."
            )
        if self.path.exists() and not self.record.exists():
            own = (LOCK, RECORD_LOCK)
            strangers = sorted(p.name for p in self.path.iterdir() if p.name not in own)
            if strangers:
                raise ValueError(
                    f"--workdir={workdir} is not empty and not a sweep's (it has no {RECORD} but "
                    f"holds {', '.join(strangers[:5])}). Give a new folder."
                )

    def run(self, name):
        """The folder of one run."""
        return self.path / name

    def log(self, name):
        """The file with all that the processes of a run said."""
        return self.path / LOGS / f"{name}.log"

    def read(self):
        """What `sweep.json` holds: {"axes": {axis: [value]}, "runs": {name: ...}}.

        Raises:
          ValueError: if it is damaged.
        """
        if not self.record.exists():
            return {"axes": {}, "runs": {}}
        try:
            held = json.loads(self.record.read_text(encoding="utf-8"))
            return {"axes": dict(held["axes"]), "runs": dict(held["runs"])}
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{self.record} is not a sweep's record ({error!r}); move it away and start again."
            ) from error

    def add(self, planned):
        """Writes the runs of a sweep beside those that the folder has already."""
        with cache.alone(self.path / RECORD_LOCK):
            self._add(planned)

    def _add(self, planned):
        held = self.read()
        for run in planned:
            point = {axis: _plain(value) for axis, value in run.point.items()}
            for axis, value in point.items():
                values = held["axes"].setdefault(axis, [])
                if value not in values:
                    values.append(value)
            held["runs"][run.name] = {
                "axes": point,
                "gin_files": list(run.files),
                "gin_params": list(run.bindings),
            }
        files.write_json(self.record, held)

    @contextlib.contextmanager
    def locked(self, several=False):
        """Holds the folder for one sweep at a time; makes it if it is not there.

        Where it is of `several` processes all of them hold it, and no other one.

        Raises:
          ValueError: if another sweep runs in it, or it cannot be written.
        """
        with self._opened() as handle:
            try:
                kind = fcntl.LOCK_SH if several else fcntl.LOCK_EX
                fcntl.flock(handle, kind | fcntl.LOCK_NB)
            except OSError as error:
                raise ValueError(
                    f"Another sweep is running in --workdir={self.path}. Wait for it, stop it, or "
                    "use another workdir."
                ) from error
            yield

    def _opened(self):
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            return open(self.path / LOCK, "a", encoding="utf-8")
        except OSError as error:
            raise ValueError(
                f"--workdir={self.path} cannot be written: {files.reason(error)}."
            ) from error


def _plain(value):
    """A value as JSON has it where it is a number, a text or the like, else as gin has it."""
    try:
        literal = ast.literal_eval(value)
        return json.loads(json.dumps(literal))
    except (ValueError, SyntaxError, TypeError):
        return value
