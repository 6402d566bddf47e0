"""Seconds that a fresh model's methods take to be traced and compiled, and that an export takes.

For `sample`, `encode` and `log_prob` the first call's time without the second's; for the export all
of it. A GLF, a pixel flow and a PixelCNN, each of the digits' studies.
"""

import functools
import tempfile
import time

from .rounds import in_turn, median

STUDIES = ("glf/digits", "flow_pp/digits", "pixel_cnn/digits")
METHODS = ("sample", "encode", "log_prob")
ROWS = 64


def traced(call):
    """Seconds of a first call without those of a second."""
    seconds = in_turn({"call": call}, 2)["call"]
    return max(seconds[0] - seconds[1], 0.0)


def measure(sizes):
    """Medians of at most three fresh models each."""
    import tensorflow as tf

    from glf import configurables, export_model
    from glf.core import random

    seconds = {}
    for _ in range(min(sizes.rounds, 3)):
        for study in STUDIES:
            configurables.parse([f"configs/studies/{study}.gin"])
            spec = configurables.make_dataset().spec
            model = configurables.make_model(spec)
            shape = [ROWS, *spec.shape]
            images = tf.cast(random.uniform(shape, 0, 0, spec.levels, tf.int32), tf.uint8)
            for name in filter(functools.partial(hasattr, model), METHODS):
                arguments = (ROWS, 0) if name == "sample" else (images,)
                call = functools.partial(getattr(model, name), *arguments)
                seconds.setdefault(f"{study}, {name}", []).append(traced(call))
            model = configurables.make_model(spec)
            with tempfile.TemporaryDirectory() as folder:
                began = time.perf_counter()
                export_model(model, f"{folder}/export")
                seconds.setdefault(f"{study}, export", []).append(time.perf_counter() - began)
    return {f"tracing, {name} (s)": median(values) for name, values in seconds.items()}
