"""Seconds from starting `scripts.train` to the end of its first step, of the digits' study.

A first start, which compiles, and a second one of the same in another workdir, which finds what the
first one compiled; and of both the seconds that they took of a processor's time, which say more on
a machine that others use, and where they went by the lines that the program writes.
"""

import os
import subprocess
import sys
import tempfile
import time

LINES = {
    "Loading": "Python",
    "Reading": "loading TensorFlow",
    "Building": "data",
    "Tracing": "building",
    "Compiling": "tracing",
    "First step": "compiling and the step",
}


def start(folder, workdir):
    """{what: (seconds, seconds of processor time)} of one start, with a cache in `folder`.

    Raises:
      ValueError: if the program fails.
    """
    command = [
        *(sys.executable, "-m", f"{__package__.rpartition('.')[0]}.train"),
        *(f"--workdir={folder}/{workdir}", "--gin_file=configs/studies/glf/digits.gin"),
        *("--gin_param=train.num_steps = 1", "--gin_param=train.validate_every = 0"),
        "--gin_param=train.pictures_every = 0",
    ]
    began, lines, parts, last = time.perf_counter(), [], {}, (0.0, 0.0)
    environment = {**os.environ, "GLF_CACHE": f"{folder}/cache"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        for line in process.stderr:
            lines.append(line)
            part = next((part for said, part in LINES.items() if line.startswith(said)), None)
            if part is not None and part not in parts:
                now = (time.perf_counter() - began, _processor_seconds(process.pid))
                parts[part] = tuple(a - b for a, b in zip(now, last, strict=True))
                last = now
    if process.returncode or list(parts) != list(LINES.values()):
        raise ValueError("scripts.train failed:\n" + "".join(lines))
    return {"start to first step": last, **parts}


def _processor_seconds(pid):
    """What a process has taken of all processors; 0 where the system does not say."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(sizes):
    """Once, whatever the rounds."""
    del sizes
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for which in ("first", "second"):
            for part, (seconds, processor) in start(folder, which).items():
                figures[f"{part}, digits, {which} (s)"] = seconds
                figures[f"{part}, digits, {which} (CPU s)"] = processor
    return figures
