"""GLF's training step against matrix products.

Images per second of the paper's MNIST networks, in float32 and in mixed bfloat16, and the step's
arithmetic as a fraction of the matrix-multiply rate measured in the same rounds.
"""

import functools
import time

from .rounds import in_turn, median

MATRIX = 2048


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


def training_step(precision, sizes):
    """A callable that takes a round's training steps of GLF on made-up MNIST-sized images."""
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
    experiment = Experiment(configurables.make_model, batch_size=sizes.batch_size)
    model = experiment.make_model(DataSpec((28, 28, 1), 256, 10))
    stepper = Stepper(model, experiment, Execution(precision=precision))
    keras.config.set_dtype_policy("float32")
    shape = [sizes.batch_size, 28, 28, 1]
    images = tf.cast(random.uniform(shape, 0, 0, 256, tf.int32), tf.uint8)
    batches = iter(tf.data.Dataset.from_tensors({"x": images}).repeat())

    def run():
        stepper.run(batches, sizes.steps)

    began = time.perf_counter()
    run()
    return run, model, time.perf_counter() - began


def measure(sizes):
    """Training steps in float32 and mixed bfloat16 against matrix products."""
    multiply, product_operations = matrix_multiply("float32")
    multiply_bf16, product_operations_bf16 = matrix_multiply("bfloat16")
    step, model, compile_seconds = training_step("float32", sizes)
    step_bf16, _, _ = training_step("mixed_bfloat16", sizes)
    operations = image_network_operations(model, sizes.batch_size) * sizes.steps
    seconds = in_turn(
        {
            "multiply": multiply,
            "step": step,
            "multiply_bf16": multiply_bf16,
            "step_bf16": step_bf16,
        },
        sizes.rounds,
    )
    rate = [product_operations / s for s in seconds["multiply"]]
    rate_bf16 = [product_operations_bf16 / s for s in seconds["multiply_bf16"]]
    fraction = [operations / s / r for s, r in zip(seconds["step"], rate, strict=True)]
    ratio = [a / b for a, b in zip(seconds["step"], seconds["step_bf16"], strict=True)]
    images = sizes.steps * sizes.batch_size
    return {
        "matrix multiply, float32 (GFLOP/s)": median(rate) / 1e9,
        "matrix multiply, bfloat16 (GFLOP/s)": median(rate_bf16) / 1e9,
        "operations of a training step (GFLOP)": operations / sizes.steps / 1e9,
        "training step, float32 (ms)": median(seconds["step"]) / sizes.steps * 1e3,
        "training step, float32 (images/s)": images / median(seconds["step"]),
        "training step, mixed bfloat16 (images/s)": images / median(seconds["step_bf16"]),
        "float32 step / float32 matrix-multiply rate": median(fraction),
        "mixed bfloat16 / float32 speed": median(ratio),
        "compiling and first call (s)": compile_seconds,
    }
