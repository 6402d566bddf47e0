"""Seconds from starting `scripts.train` to the end of its first step."""

import subprocess
import sys
import tempfile
import time


def measure(sizes):
    """Once, whatever the rounds."""
    del sizes
    package = __package__.rpartition(".")[0]
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, "-m", f"{package}.train", f"--workdir={folder}/run"),
            "--gin_file=configs/studies/glf/digits.gin",
            *("--gin_param=train.num_steps = 1", "--gin_param=train.validate_every = 0"),
            "--gin_param=train.pictures_every = 0",
        ]
        began = time.perf_counter()
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            lines = []
            for line in process.stderr:
                lines.append(line)
                if line.startswith("First step"):
                    figures["start to first step, digits (s)"] = time.perf_counter() - began
        if process.returncode:
            raise ValueError("scripts.train failed:\n" + "".join(lines))
    return figures
