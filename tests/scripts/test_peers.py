"""The benchmark beside PyTorch's libraries: what it asks of its second environment."""

import os
import sys

import numpy as np
import pytest

from glf.core import random
from glf.priors import Flow
from scripts.benchmarks import bare, peers
from scripts.benchmarks.flows import DIMENSIONS, bijector_of_ours

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


def test_bare_arithmetic_draws_what_the_flow_does():
    """Of random weights."""
    flow = Flow(bijector_of_ours)
    flow.build((None, DIMENSIONS))
    for index, weight in enumerate(flow.trainable_weights):
        weight.assign(0.1 * random.normal(weight.shape, index))
    drawn = bare.drawing(flow, 50)(3)
    np.testing.assert_allclose(drawn, flow.sample(50, [0, 2]), rtol=1e-4, atol=1e-4)
