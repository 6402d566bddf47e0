"""Measures speed as ratios inside one run, on this machine.

  python -m scripts.benchmark [--out=benchmark.json]

Everything that is compared runs in turn, round by round, and medians are reported: on a machine
that others use too, a ratio of two things measured side by side means more than either time.

  step       images per second of GLF's training step (the paper's MNIST networks), in float32 and
             in mixed bfloat16, and its arithmetic as a fraction of the matrix-multiply rate
             measured in the same rounds
  sampling   images per second of the same model's `sample`
  sampling_autoregressive
             seconds for 4 samples of 28 x 28 x 1 with 256 levels: tfd.PixelCNN, and
             PixelCNNPlusPlus of the same numbers of filters, blocks, scales and mixture components
             under several samplers. Both have fresh weights, with which predictive samplers have it
             easy; like is compared with like under ancestral sampling, whose time no weight changes
  flows      a gradient step and sampling of two flows, each built from this package and from
             TensorFlow Probability's own parts (scripts/flow_benchmark.py says what differs), all
             compiled by XLA; the time of tracing either, each time for a number of points that was
             not traced before; the time of compiling, once
  start      seconds from starting scripts.train to the end of its first step
"""

import functools
import json
import subprocess
import sys
import tempfile
import time

from absl import flags

if not __package__:
    raise SystemExit("Error: start it as a module: python -m scripts.benchmark")

from . import common, flow_benchmark

SECTION = flags.DEFINE_multi_enum(
    "section",
    [],
    ["step", "sampling", "sampling_autoregressive", "flows", "start"],
    "What to measure. Repeatable. Default: all.",
)
BATCH_SIZE = common.define_positive("batch_size", 256, "Images in a training step.")
ROUNDS = common.define_positive("rounds", 7, "How often each thing is measured.")
STEPS = common.define_positive("steps", 8, "Training steps in a round.")
OUT = common.define_output("out", (".json",), "Also write the figures to this .json file.", False)

MATRIX = 2048


def measure(tasks, rounds):
    """Runs each task of {name: callable} once a round, in turn: {name: seconds of each round}."""
    seconds = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            began = time.perf_counter()
            task()
            seconds[name].append(time.perf_counter() - began)
    return seconds


def matrix_multiply(dtype):
    """A callable that multiplies two square matrices, and its floating-point operations."""
    import tensorflow as tf

    repeats = 4 if dtype == "float32" else 8
    a = tf.cast(tf.random.stateless_normal([MATRIX, MATRIX], [0, 1], alg="philox"), dtype)
    b = tf.cast(tf.random.stateless_normal([MATRIX, MATRIX], [0, 2], alg="philox"), dtype)

    @tf.function(autograph=False)
    def product():
        c = a
        for _ in range(repeats):
            c = tf.matmul(c, b) * tf.cast(1 / 64, dtype)
        return c

    def run():
        product().numpy()

    run()
    return run, repeats * 2 * MATRIX**3


def image_network_operations(model, batch_size):
    """Floating-point operations of one training step's dense and convolutional layers.

    A layer of m multiplications costs 2m operations forward, 2m for the gradient of its weights,
    and 2m for that of its input, which the encoder's first layer does not need.
    """
    import keras

    total = 0
    for network in (model.autoencoder.encoder, model.autoencoder.decoder):
        for index, layer in enumerate(
            layer for layer in network.layers if getattr(layer, "kernel", None) is not None
        ):
            kernel = tuple(layer.kernel.shape)
            multiplications = functools.reduce(lambda a, b: a * b, kernel)
            if not isinstance(layer, keras.layers.Dense):
                # A convolution uses its kernel once at each place of its smaller map.
                spots = min(
                    layer.input.shape[1] * layer.input.shape[2],
                    layer.output.shape[1] * layer.output.shape[2],
                )
                multiplications *= spots
            first = network is model.autoencoder.encoder and index == 0
            total += 2 * multiplications * (2 if first else 3) * batch_size
    return total


def training_step(precision, steps):
    """A callable that takes `steps` training steps of GLF on made-up MNIST-sized images."""
    import keras
    import tensorflow as tf

    from glf import configurables
    from glf.core import random
    from glf.data.dataset import DataSpec
    from glf.training.execution import Execution
    from glf.training.experiment import Experiment
    from glf.training.step import Stepper

    keras.config.set_dtype_policy(precision)
    configurables.parse(["configs/studies/glf/mnist.gin"])
    experiment = Experiment(configurables.make_model, batch_size=BATCH_SIZE.value)
    model = experiment.make_model(DataSpec((28, 28, 1), 256, 10))
    stepper = Stepper(model, experiment, Execution(precision=precision))
    keras.config.set_dtype_policy("float32")
    shape = [BATCH_SIZE.value, 28, 28, 1]
    images = tf.cast(random.uniform(shape, 0, 0, 256, tf.int32), tf.uint8)
    batches = iter(tf.data.Dataset.from_tensors({"image": images}).repeat())

    def run():
        stepper.run(batches, steps)

    began = time.perf_counter()
    run()
    return run, model, time.perf_counter() - began


def median(values):
    """The middle one of the values."""
    return sorted(values)[len(values) // 2]


def measure_steps(figures):
    """Training steps in float32 and mixed bfloat16 against matrix products."""
    steps = STEPS.value
    multiply, product_operations = matrix_multiply("float32")
    multiply_bf16, product_operations_bf16 = matrix_multiply("bfloat16")
    step, model, compile_seconds = training_step("float32", steps)
    step_bf16, _, _ = training_step("mixed_bfloat16", steps)
    operations = image_network_operations(model, BATCH_SIZE.value) * steps
    seconds = measure(
        {
            "multiply": multiply,
            "step": step,
            "multiply_bf16": multiply_bf16,
            "step_bf16": step_bf16,
        },
        ROUNDS.value,
    )
    rate = [product_operations / s for s in seconds["multiply"]]
    rate_bf16 = [product_operations_bf16 / s for s in seconds["multiply_bf16"]]
    fraction = [operations / s / r for s, r in zip(seconds["step"], rate, strict=True)]
    ratio = [a / b for a, b in zip(seconds["step"], seconds["step_bf16"], strict=True)]
    images = steps * BATCH_SIZE.value
    figures |= {
        "matrix multiply, float32 (GFLOP/s)": median(rate) / 1e9,
        "matrix multiply, bfloat16 (GFLOP/s)": median(rate_bf16) / 1e9,
        "operations of a training step (GFLOP)": operations / steps / 1e9,
        "training step, float32 (ms)": median(seconds["step"]) / steps * 1e3,
        "training step, float32 (images/s)": images / median(seconds["step"]),
        "training step, mixed bfloat16 (images/s)": images / median(seconds["step_bf16"]),
        "float32 step / float32 matrix-multiply rate": median(fraction),
        "mixed bfloat16 / float32 speed": median(ratio),
        "compiling and first call (s)": compile_seconds,
    }


def measure_sampling(figures):
    """Images per second of `sample`."""
    from glf import configurables
    from glf.data.dataset import DataSpec

    configurables.parse(["configs/studies/glf/mnist.gin"])
    model = configurables.make_model(DataSpec((28, 28, 1), 256, 10))
    tasks = {}
    for num in (1, 64, 2048):
        tasks[num] = functools.partial(lambda n: model.sample(n, 0).numpy(), num)
        tasks[num]()
    for num, seconds in measure(tasks, ROUNDS.value).items():
        figures[f"sampling, {num} at once (images/s)"] = num / median(seconds)


PIXEL_CNN = {"filters": 16, "resnets": 1, "scales": 2, "components": 5}


def pixel_cnn_of_tfp():
    """A callable that draws 4 samples from tfd.PixelCNN, and its number of weights."""
    import tensorflow as tf
    import tensorflow_probability as tfp

    distribution = tfp.distributions.PixelCNN(
        (28, 28, 1),
        num_resnet=PIXEL_CNN["resnets"],
        num_hierarchies=PIXEL_CNN["scales"],
        num_filters=PIXEL_CNN["filters"],
        num_logistic_mix=PIXEL_CNN["components"],
        dropout_p=0.0,
        high=255,
    )
    weights = sum(w.shape.num_elements() for w in distribution.network.trainable_weights)

    # Compiled, as its users would have it.
    @tf.function(autograph=False)
    def draw():
        return distribution.sample(4, seed=0)

    return lambda: draw().numpy(), weights


def pixel_cnn_of_ours(names):
    """{sampler: callable that draws 4 samples}, and the number of weights."""
    import tensorflow as tf

    from glf.autoregressive import AutoregressiveModel, PixelCNNPlusPlus
    from glf.families import DiscretizedLogisticMixture
    from glf.samplers import make_sampler

    model = AutoregressiveModel(
        (28, 28, 1),
        256,
        make_network=functools.partial(
            PixelCNNPlusPlus,
            filters=PIXEL_CNN["filters"],
            resnets=PIXEL_CNN["resnets"],
            downsamplings=PIXEL_CNN["scales"] - 1,
            dropout=0.0,
        ),
        make_family=functools.partial(
            DiscretizedLogisticMixture, components=PIXEL_CNN["components"]
        ),
    )
    noise = model.noise(4, 0)

    def drawing(name):
        sampler = make_sampler(name)
        draw = tf.function(lambda: sampler(model, noise).x, autograph=False)
        return lambda: draw().numpy()

    return {name: drawing(name) for name in names}, model.count_params()


def measure_sampling_autoregressive(figures):
    """tfd.PixelCNN against PixelCNNPlusPlus, and samplers of the latter among each other."""
    theirs, their_weights = pixel_cnn_of_tfp()
    ours, our_weights = pixel_cnn_of_ours(
        ("ancestral", "cached_ancestral", "fixed_point", "windowed")
    )
    tasks = {"tfd.PixelCNN": theirs, **ours}
    for task in tasks.values():
        task()
    seconds = measure(tasks, min(ROUNDS.value, 3))
    figures["tfd.PixelCNN, weights, masked ones among them"] = their_weights
    figures["PixelCNNPlusPlus, weights"] = our_weights
    for name, values in seconds.items():
        figures[f"4 samples of 28x28, {name} (s)"] = median(values)
    for name in ours:
        for base in ("tfd.PixelCNN", "ancestral", "cached_ancestral"):
            if name != base:
                ratios = [a / b for a, b in zip(seconds[base], seconds[name], strict=True)]
                figures[f"{name}, times faster than {base}"] = median(ratios)


def measure_flows(figures):
    """Flows of this package and of TensorFlow Probability: running, tracing, compiling."""
    for name, make_theirs, make_ours, points, calls in flow_benchmark.pairs():
        flows = {"TFP": make_theirs(), "ours": make_ours()}
        for who, flow in flows.items():
            count = sum(weight.shape.num_elements() for weight in flow.weights)
            figures[f"{name}, weights, {who}"] = count
        for kind in ("gradient", "sample"):
            once, often, traces = {}, {}, {}
            for who, flow in flows.items():
                function, arguments = flow_benchmark.functions(flow, points)[kind]
                program = flow_benchmark.trace(function, arguments)
                once[who] = flow_benchmark.running(program, arguments)
                often[who] = flow_benchmark.running(program, arguments, calls)
                traces[who] = flow_benchmark.tracing(flow, points, kind)
            # The first call compiles.
            _compare(f"{name}, {kind}, compile", measure(once, 1), 1, figures)
            _compare(f"{name}, {kind}", measure(often, ROUNDS.value), calls, figures)
            _compare(f"{name}, {kind}, trace", measure(traces, ROUNDS.value), 1, figures)


def _compare(name, seconds, calls, figures):
    ratios = [a / b for a, b in zip(seconds["TFP"], seconds["ours"], strict=True)]
    for who, values in seconds.items():
        figures[f"{name}, {who} (ms)"] = median(values) / calls * 1e3
    figures[f"{name}, TFP / ours"] = median(ratios)


def measure_start(figures):
    """Seconds from the start of a process to the end of its first step."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, "-m", f"{__package__}.train", f"--workdir={folder}/run"),
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


def main():
    """Flags in, a table and a JSON file out."""
    from glf.core import files

    sections = {
        "step": measure_steps,
        "sampling": measure_sampling,
        "sampling_autoregressive": measure_sampling_autoregressive,
        "flows": measure_flows,
        "start": measure_start,
    }
    figures = {}
    for name in SECTION.value or sections:
        sections[name](figures)
    for name, value in figures.items():
        print(f"{name:<52}{value:>12.4g}")
    if OUT.value:
        files.write_json(OUT.value, json.loads(json.dumps(figures)))


if __name__ == "__main__":
    common.run(main, lambda: True)
