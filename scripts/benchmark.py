"""Measures speed as ratios inside one run, on this machine.

  python -m scripts.benchmark [--out=benchmark.json] [--picture=growth.png]

Everything that is compared runs in turn, round by round, and medians are reported: on a machine
that others use too, a ratio of two things measured side by side means more than either time.

  step       GLF's training step, in images per second and against matrix products
  data       the input pipeline of every kind of source beside that step
  small_step
             RealNVP's training step, its many small weights updated at once and one by one, its
             batch at once and in parts; forward, inverse and sampling
  sampling   `sample` of the same model
  sampling_autoregressive
             a PixelCNN++ under several samplers, and tfd.PixelCNN
  flows      two flows, and the same from TensorFlow Probability's own parts: running, tracing,
             compiling
  slow_direction
             autoregressive flows in the direction that is solved, by every solver
  peers      equal models in PyTorch with FrEIA, zuko, normflows and nflows; only where it is named:
             it needs the environment that `bash scripts/peers.sh` makes
  models     the step of every system of the literature on the digits, by XLA and as a graph, and
             their samples; only where it is named, for it takes long
  memory     a training step of the full-size CIFAR-10 studies: its peak memory; only where it is
             named, for it takes long
  workers    a training step by several processes on this machine: time, bytes that they sum; only
             where it is named
  operations what operations the training steps of six systems are made of, as XLA compiles them;
             only where it is named
  growth     how a training step and samples grow with batch, image size, depth, number of samples
             and workers; only where it is named, for it takes a quarter of an hour
  groups     group convolutions, and ordinary ones of equal arithmetic and of equal weights
  start      from starting scripts.train to the end of its first step, and again, in parts
  tracing    sample, encode, log_prob and an export of fresh models

Each is a file in scripts/benchmarks/, which says what exactly is measured.
"""

import importlib
import json

from absl import flags

if not __package__:
    raise SystemExit("Error: start it as a module: python -m scripts.benchmark")

from . import common
from .benchmarks.rounds import Sizes

SUBJECTS = (
    "step",
    "data",
    "small_step",
    "sampling",
    "sampling_autoregressive",
    "flows",
    "slow_direction",
    "groups",
    "start",
    "tracing",
)

# One needs a second environment, the others take minutes.
ASKED_FOR = ("peers", "models", "memory", "workers", "operations", "growth")

SECTION = flags.DEFINE_multi_enum(
    "section",
    [],
    (*SUBJECTS, *ASKED_FOR),
    f"What to measure. Repeatable. Default: all but {', '.join(ASKED_FOR)}.",
)
BATCH_SIZE = common.define_positive("batch_size", 256, "Images in a training step.")
ROUNDS = common.define_positive("rounds", 7, "How often each thing is measured.")
STEPS = common.define_positive("steps", 8, "Training steps in a round.")
MEMORY_GIB = common.define_positive(
    "memory_gib", 20, "GiB that a process of the section memory may take."
)
OUT = common.define_output("out", (".json",), "Also write the figures to this .json file.", False)
PICTURE = common.define_output(
    "picture", (".png",), "Also draw what the section growth measures as this .png file.", False
)


def check():
    """Refuses a picture of what is not measured."""
    if PICTURE.value and "growth" not in SECTION.value:
        raise ValueError("--picture draws what --section=growth measures; add that.")


def main():
    """Flags in, a table and a JSON file out."""
    from glf.core import files

    sizes = Sizes(BATCH_SIZE.value, ROUNDS.value, STEPS.value, MEMORY_GIB.value)
    figures = {}
    for name in SECTION.value or SUBJECTS:
        subject = importlib.import_module(f".benchmarks.{name}", __package__)
        figures |= subject.measure(sizes)
    for name, value in figures.items():
        print(f"{name:<52}{value:>12.4g}")
    if OUT.value:
        files.write_json(OUT.value, json.loads(json.dumps(figures)))
    if PICTURE.value:
        importlib.import_module(".benchmarks.growth", __package__).draw(figures, PICTURE.value)


if __name__ == "__main__":
    common.run(main, lambda: True, check)
