"""Peak memory of one training step of the full-size CIFAR-10 studies, and how long it takes.

Each in a process of its own: the study's model and optimizers are built, one step is traced and
taken as a graph (not by XLA, which takes minutes to compile the largest) on a batch of noise of the
study's size. Peak memory is what the process has ever held (`ru_maxrss`); what TensorFlow and the
package take before a model is there stands beside it. A process may take `--memory_gib`: a step
that needs more is said to. The deep ones take a step with `train.rematerialise`, too.

The largest take theirs on a few images and on twice as many: what a step takes grows in proportion
to its images, from which follows what the study's batch takes, an estimate. Of TarFlow, whose
weights, gradients, slots and averages alone are 8.6 GiB, that is measured of a quarter, two of its
eight flows.
"""

import json
import resource
import subprocess
import sys

STUDIES = (
    "glf/cifar10",
    "realnvp/cifar10",
    "glow/cifar10",
    "pixel_cnn/cifar10",
    "gated_pixel_cnn/cifar10",
    "pixel_cnn_pp/cifar10",
)
QUARTER = "tarflow/imagenet64, a quarter"
BINDINGS = {QUARTER: ["layers/Chain.repeats = 1"]}
# {study: images}
LARGEST = {
    "flow_pp/cifar10": 4,
    "mar_scf/cifar10": 16,
    "idf/cifar10": 8,
    QUARTER: 2,
}
DEEP = ("glow/cifar10", "pixel_cnn_pp/cifar10", "flow_pp/cifar10", "mar_scf/cifar10", QUARTER)


def held():
    """The most that this process has held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def one_step(study, again=False, batch=None):
    """Prints what a step of a study takes, as JSON: run in a process of its own.

    `again`: whether it is rematerialised. `batch`: images, or the study's own.
    """
    import dataclasses
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
    file = study.partition(",")[0]
    configurables.parse([f"configs/studies/{file}.gin"], BINDINGS.get(study, []))
    experiment = whole = configurables.experiment()
    if batch:
        experiment = dataclasses.replace(whole, batch_size=batch)
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
    found = {
        "weights": sum(int(w.value.shape.num_elements()) for w in model.trainable_weights),
        "batch": whole.batch_size,
        "before (GiB)": before / 2**30,
        "peak (GiB)": held() / 2**30,
        "first step (s)": first,
    }
    if not batch:
        began = time.perf_counter()
        stepper.run(batches, 1)
        found |= {"peak (GiB)": held() / 2**30, "step (s)": time.perf_counter() - began}
    print(json.dumps(found))


def measure(sizes):
    """Once each, whatever the rounds."""
    figures = {}
    cases = [(study, again) for study in (*STUDIES, *LARGEST) for again in (False, True)]
    for study, again in [case for case in cases if case[0] in DEEP or not case[1]]:
        gib, images = sizes.memory_gib, LARGEST.get(study)
        if images is None:
            found = _taken(study, again, gib)
        else:
            found = estimate(*(_taken(study, again, gib, n * images) for n in (1, 2)), images)
        figures |= _told(study, again, found)
    return figures


def estimate(one, two, images):
    """What the study's batch takes, by what steps of `images` and of twice as many took.

    Without peaks where one of them failed.
    """
    if "peak (GiB)" not in one | two or "exit" in one | two:
        return one | two
    peaks = one["peak (GiB)"], two["peak (GiB)"]
    each = (peaks[1] - peaks[0]) / images
    return {
        "weights": one["weights"],
        f"peak of {images} (GiB)": peaks[0],
        f"peak of {2 * images} (GiB)": peaks[1],
        "an image (GiB)": each,
        "batch": one["batch"],
        "its peak, estimated (GiB)": peaks[1] + each * (one["batch"] - 2 * images),
    }


def _taken(study, again, gib, batch=None):
    """What `one_step` prints; {"exit"} where it failed within so many GiB."""
    code = f"from {__name__} import one_step; one_step({study!r}, {again}, {batch})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (gib * 2**30,) * 2),
    )
    if done.returncode:
        print(f"{study}, failed within {gib} GiB:\n{done.stderr[-1000:]}", file=sys.stderr)
        return {"exit": done.returncode}
    return json.loads(done.stdout.splitlines()[-1])


def _told(study, again, taken):
    study = f"{study}, rematerialised" if again else study
    figures = {f"{study}, {name}": value for name, value in taken.items()}
    for name, value in figures.items():
        print(f"{name}: {value:.4g}", file=sys.stderr)
    return figures
