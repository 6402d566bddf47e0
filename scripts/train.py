"""Trains a model, or goes on with a run that was stopped.

  python -m scripts.train --workdir=runs/digits --gin_file=configs/studies/glf/digits.gin

Starting the same command again continues from the newest checkpoint; when the run is finished it
says so. --gin_file may be repeated, later files override earlier ones; --gin_param overrides
single values: --gin_param="train.num_steps = 500".
"""

from absl import flags, logging

if not __package__:
    raise SystemExit("Error: start it as a module: python -m scripts.train")

from . import common, jit, workers

WORKDIR = common.define_workdir("The run's folder: a new one, or an earlier run's to go on with.")
GIN_FILE = common.define_paths(
    "gin_file", "A configuration file. May be repeated; later ones override earlier ones."
)
GIN_PARAM = flags.DEFINE_multi_string(
    "gin_param", [], 'One binding that overrides the files, e.g. "train.seed = 1". Repeatable.'
)
DATA_DIR = common.define_data_dir("$TFDS_DATA_DIR")
DATA_PATH = common.define_data_path("as make_dataset.source says")
STRATEGY = flags.DEFINE_enum(
    "strategy",
    "single",
    ["single", "mirrored", "multi_worker"],
    "single: one CPU or the first GPU. mirrored: all GPUs of this machine (see --device). "
    "multi_worker: several machines, described by the environment variable TF_CONFIG.",
)
IN_CLUSTER, check_cluster = workers.define_cluster(
    STRATEGY,
    "Seconds after which the workers give up one that does not answer: more than the chief takes "
    "to evaluate.",
)
CLUSTER, CLUSTER_PORT, CLUSTER_LABEL, WORKER_TIMEOUT = IN_CLUSTER
DEVICE, check_devices = workers.define_devices(STRATEGY)
PRECISION = flags.DEFINE_enum(
    "precision",
    "float32",
    ["float32", "mixed_bfloat16", "mixed_float16"],
    "Arithmetic of the image networks. Weights, losses and the flow stay in float32. With float16 "
    "the loss is scaled, and steps whose gradients are not finite are skipped.",
)
JIT = jit.define_jit(
    "How the training step is compiled (single strategy). on: by XLA, needed for equal bits in "
    "every run. off, or --nojit: a graph of TensorFlow's operations, which starts sooner. auto: a "
    "new run tries both and keeps the faster one for good; more seconds to start."
)
KEEP_COMPILED = common.define_keep_compiled()
DETERMINISTIC = flags.DEFINE_bool(
    "deterministic",
    False,
    "On a GPU: only kernels that give the same bits in every run, which are slower. A CPU's do.",
)


FLAGS = (
    *(WORKDIR, GIN_FILE, GIN_PARAM, DATA_DIR, DATA_PATH, STRATEGY, DEVICE, PRECISION, JIT),
    DETERMINISTIC,
    *IN_CLUSTER,
)


def check():
    """Refuses a workdir that cannot be written, and devices for a strategy that takes none."""
    from glf.core import outputs

    outputs.require_output(WORKDIR.value, (outputs.FOLDER,), "--workdir")
    check_devices()
    check_cluster()


def purpose():
    """What the compiled step is kept for: this experiment, in any workdir."""
    of = [GIN_FILE.value, GIN_PARAM.value, STRATEGY.value, PRECISION.value]
    return ["train", *of] if KEEP_COMPILED.value and JIT.value != "off" else None


def main():
    """Flags in, one library call."""
    from glf import configurables
    from glf.core import device
    from glf.training.execution import Execution
    from glf.training.run_folder import describe_environment

    configurables.parse(GIN_FILE.value, GIN_PARAM.value)
    if STRATEGY.value == "multi_worker":
        from glf.training.cluster import announce

        announce(CLUSTER.value, CLUSTER_PORT.value, CLUSTER_LABEL.value)
    if DETERMINISTIC.value:
        device.make_deterministic()
    execution = Execution(
        strategy=STRATEGY.value,
        devices=DEVICE.value or None,
        worker_timeout=WORKER_TIMEOUT.value,
        precision=PRECISION.value,
        jit=jit.JIT[JIT.value],
        data_dir=DATA_DIR.value,
        data_path=DATA_PATH.value,
    )
    about = {"flags": {flag.name: flag.value for flag in FLAGS}, **describe_environment()}
    about["devices"] = device.names()
    report = configurables.train(WORKDIR.value, execution, about)
    why = " (stopped early)" if report["stopped_early"] else ""
    logging.info("Finished at step %d%s. The run is in %s.", report["step"], why, WORKDIR.value)


if __name__ == "__main__":
    # The gradient may not be XLA's then, and equal bits in every run need a fixed order.
    common.run(
        main,
        lambda: PRECISION.value != "float32" or JIT.value == "auto",
        check,
        # Workers are to be connected before anything else.
        devices=lambda: STRATEGY.value != "multi_worker",
        purpose=purpose,
    )
