"""The benchmark beside PyTorch's libraries: what it asks of its second environment."""

import os
import sys

import pytest

from scripts.benchmarks import peers

# Stands in for PyTorch: says how many threads it was given, and what it was asked.
STAND_IN = """
import sys
for line in sys.stdin:
    words = line.split()
    if words[1] == "GLF":
        break
    print(*(("ready", sys.argv[-1]) if words[0] == "build" else ("took", len(words))), flush=True)
"""


def test_without_the_environment(monkeypatch, tmp_path):
    monkeypatch.setattr(peers, "ENVIRONMENT", tmp_path / "none")
    with pytest.raises(ValueError, match=r"none\. Make it first: bash scripts/peers.sh"):
        peers.Worker()


def test_what_the_other_process_says(monkeypatch, tmp_path):
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "python"
    program.write_text(f"#!{sys.executable}\n{STAND_IN}")
    program.chmod(0o755)
    monkeypatch.setattr(peers, "ENVIRONMENT", tmp_path)
    worker = peers.Worker()
    try:
        assert worker.ask("build", "RealNVP zuko step") == len(os.sched_getaffinity(0))
        assert worker.ask("run", "RealNVP zuko step", "20") == 5
        with pytest.raises(ValueError, match="ended at the request 'build GLF FrEIA step'"):
            worker.ask("build", "GLF FrEIA step")
    finally:
        worker.end()
