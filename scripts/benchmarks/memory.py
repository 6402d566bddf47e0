"""Peak memory of one training step of the full-size CIFAR-10 studies, and how long it takes.

Each in a process of its own: the study's model and optimizers are built, one step is traced and
taken as a graph (not by XLA, which takes minutes to compile the largest) on a batch of noise of the
study's size. Peak memory is what the process has ever held (`ru_maxrss`); what TensorFlow and the
package take before a model is there stands beside it. A process may take `--memory_gib`: a step
that needs more is said to. The deep ones take a step with `train.rematerialise`, too.
"""

import json
import resource
import subprocess
import sys

STUDIES = (
    "glf/cifar10",
    "realnvp/cifar10",
    "glow/cifar10",
    "flow_pp/cifar10",
    "mar_scf/cifar10",
    "pixel_cnn/cifar10",
    "gated_pixel_cnn/cifar10",
    "pixel_cnn_pp/cifar10",
    "idf/cifar10",
    "tarflow/imagenet64",
)
DEEP = (
    "glow/cifar10",
    "flow_pp/cifar10",
    "mar_scf/cifar10",
    "pixel_cnn_pp/cifar10",
    "tarflow/imagenet64",
)


def held():
    """The most that this process has held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def one_step(study, again=False):
    """Prints what a step of a study takes, as JSON: run in a process of its own.

    `again`: whether it is rematerialised.
    """
    import time

    import tensorflow as tf

    from glf import configurables
    from glf.core import random
    from glf.data.dataset import DataSpec
    from glf.training.execution import Execution
    from glf.training.rematerialising import rematerialise
    from glf.training.step import Stepper

    side = 64 if "64" in study else 32
    spec = DataSpec((side, side, 3), 256, None)
    configurables.parse([f"configs/studies/{study}.gin"])
    experiment = configurables.experiment()
    before = held()
    model = experiment.make_model(spec)
    if again:
        rematerialise(model)
    stepper = Stepper(model, experiment, Execution(jit=False))
    shape = [experiment.batch_size, *spec.shape]
    images = tf.cast(random.uniform(shape, 0, 0, 256, tf.int32), tf.uint8)
    batches = iter(tf.data.Dataset.from_tensors({"x": images}).repeat())
    began = time.perf_counter()
    stepper.run(batches, 1)
    first = time.perf_counter() - began
    began = time.perf_counter()
    stepper.run(batches, 1)
    found = {
        "weights": sum(int(w.value.shape.num_elements()) for w in model.trainable_weights),
        "batch": experiment.batch_size,
        "before (GiB)": before / 2**30,
        "peak (GiB)": held() / 2**30,
        "first step (s)": first,
        "step (s)": time.perf_counter() - began,
    }
    print(json.dumps(found))


def measure(sizes):
    """Once each, whatever the rounds."""
    figures, limit = {}, sizes.memory_gib * 2**30
    for study, again in [(study, again) for study in STUDIES for again in (False, True)]:
        if again and study not in DEEP:
            continue
        code = f"from {__name__} import one_step; one_step({study!r}, {again})"
        study = f"{study}, rematerialised" if again else study
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
        )
        if done.returncode:
            figures[f"{study}, failed within {sizes.memory_gib} GiB, exit"] = done.returncode
            print(f"{study}:\n{done.stderr[-1000:]}", file=sys.stderr)
            continue
        for name, value in json.loads(done.stdout.splitlines()[-1]).items():
            figures[f"{study}, {name}"] = value
            print(f"{study}, {name}: {value:.4g}", file=sys.stderr)
    return figures
