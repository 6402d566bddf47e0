"""Measuring in turn, round by round: what subjects of a benchmark have in common."""

import time
import typing


class Sizes(typing.NamedTuple):
    """How much is measured.

    Attributes:
      batch_size: images in a training step.
      rounds: how often each thing is measured.
      steps: training steps in a round.
      memory_gib: GiB that a process may take whose memory is measured.
    """

    batch_size: int
    rounds: int
    steps: int
    memory_gib: int = 20


def in_turn(tasks, rounds):
    """Runs each task of {name: callable} once a round, in turn: {name: seconds of each round}."""
    seconds = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            began = time.perf_counter()
            task()
            seconds[name].append(time.perf_counter() - began)
    return seconds


def median(values):
    """The middle one of the values."""
    return sorted(values)[len(values) // 2]
