"""Equal models here and in PyTorch's libraries of flows, as ratios.

RealNVP with 8 couplings of 20 dimensions and networks of two hidden layers of 64, with and without
batch normalisation after each, at 512 points, beside zuko, normflows and nflows; Glow with 2 scales
of 4 steps of 64 filters at 32 images of 16 x 16 x 3 beside normflows; GLF with the published
networks at 256 images of 28 x 28 beside PyTorch with FrEIA's couplings. Training steps with Adam
alone, and samples.

Theirs run in a process of their own, by the environment that `bash scripts/peers.sh` makes, in turn
with ours and on as many threads; see `peers_worker.py`. PyTorch runs eagerly, as its libraries do,
Adam in its fused form. Our steps are compiled by XLA, as in training. "sample()" is that of a
model, a graph; "sample" is an XLA program of this benchmark around the flow alone. Both are of
models opened for inference, as those are that are sampled: what layers make of weights alone is
made once, such as dense layers with the batch normalisation before them, or the inverses of 1 x 1
convolutions, which normflows makes at every call. "bare sample" are RealNVP's samples by a program
that does nothing else and can do nothing else, see `bare.py`. Numbers of weights are printed;
Glow's differ by the parameters of an actnorm, of scales and of such a convolution.
"""

import functools
import os
import pathlib
import subprocess

from . import bare
from .flows import (
    DIMENSIONS,
    IMAGE,
    IMAGES,
    POINTS,
    bijector_of_ours,
    glow,
)
from .rounds import in_turn, median

ENVIRONMENT = pathlib.Path(__file__).resolve().parents[2] / ".venv-peers"
GLF_BATCH = 256
# {model: (libraries, calls in a round)}
MODELS = {
    "RealNVP": (("zuko", "normflows", "nflows"), 20),
    "RealNVP+batchnorm": (("zuko", "normflows", "nflows"), 20),
    "Glow": (("normflows",), 3),
    "GLF": (("FrEIA",), 1),
}


class Worker:
    """The other process."""

    def __init__(self):
        python = ENVIRONMENT / "bin" / "python"
        if not python.exists():
            raise ValueError(
                f"--section=peers needs the environment {ENVIRONMENT}. Make it first: "
                "bash scripts/peers.sh"
            )
        threads = str(len(os.sched_getaffinity(0)))
        worker = pathlib.Path(__file__).with_name("peers_worker.py")
        self._process = subprocess.Popen(
            [python, "-W", "ignore", worker, threads],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, *words):
        """What the process answers, a number."""
        print(*words, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise ValueError(f"The process with PyTorch ended at the request {' '.join(words)!r}.")
        return float(answer.split()[1])

    def end(self):
        """Ends it."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def ours(model):
    """(the number of trained weights, {task: function of a number of calls}).

    Tasks are "step", "sample()", "sample" and "bare sample", the last three where there are such,
    to be run in that order: what is opened for inference takes no step any more.
    """
    from glf import configurables
    from glf.core import random
    from glf.data.dataset import DataSpec
    from glf.models import VectorFlow
    from glf.priors import Flow, StandardNormal

    if model == "Glow":
        return _density(glow(StandardNormal), (IMAGES, *IMAGE))
    if model.startswith("RealNVP"):
        bijector = functools.partial(bijector_of_ours, model != "RealNVP")
        make_flow = functools.partial(Flow, bijector)
        made = VectorFlow(DataSpec((DIMENSIONS,), None, None), make_flow=make_flow)
        weights, tasks = _model(made, random.normal((POINTS, DIMENSIONS), 0))
        tasks["sample"] = _drawing(made.flow, POINTS)
        if model == "RealNVP":
            tasks["bare sample"] = bare.drawing(made.flow, POINTS)
        return weights, tasks
    configurables.parse(["configs/studies/glf/mnist.gin"])
    made = configurables.make_model(DataSpec((28, 28, 1), 256, None))
    return _model(made, random.uniform((GLF_BATCH, 28, 28, 1), 0, 0, 256, "int32"))


def _model(made, points):
    """A `GenerativeModel`: the training loop's step, and `sample`."""
    import tensorflow as tf

    from glf.layers.kept_kernels import keep_kernels
    from glf.training.execution import Execution
    from glf.training.experiment import Experiment
    from glf.training.step import Stepper

    num, points = len(points), tf.cast(points, made.spec.dtype)
    stepper = Stepper(made, Experiment(lambda spec: made, batch_size=num), Execution())
    batches = iter(tf.data.Dataset.from_tensors({"x": points}).repeat())

    keep = functools.cache(lambda: keep_kernels(made))

    def sample(calls):
        keep()
        for seed in range(calls):
            drawn = made.sample(num, seed)
        drawn.numpy()

    tasks = {"step": lambda calls: stepper.run(batches, calls), "sample()": sample}
    return sum(int(w.shape.num_elements()) for w in _values(made)), tasks


def _values(made):
    return [weight.value for weight in made.trainable_weights]


def _density(prior, shape):
    """A built prior alone: Adam on its negative log-density, and `sample`."""
    import tensorflow as tf

    from glf.core import random
    from glf.core.fused import for_xla_on_cpu
    from glf.training.optimizers import adam

    points, weights = random.normal(shape, 0), prior.trainable_weights
    optimizer = adam(1e-4)
    optimizer.build(weights)

    @functools.partial(tf.function, jit_compile=True, autograph=False)
    def step():
        with tf.GradientTape() as tape, for_xla_on_cpu():
            loss = -tf.reduce_mean(prior.log_prob(points, training=True))
        optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    def steps(calls):
        for _ in range(calls):
            loss = step()
        loss.numpy()

    tasks = {"step": steps, "sample": _drawing(prior, shape[0])}
    return sum(int(w.shape.num_elements()) for w in _values(prior)), tasks


def _drawing(prior, num):
    """Draws `num` samples of a prior, so many times."""
    import tensorflow as tf

    from glf.core.fused import for_xla_on_cpu
    from glf.layers.kept_kernels import keep_kernels

    @functools.partial(tf.function, jit_compile=True, autograph=False)
    def draw(seed):
        with for_xla_on_cpu():
            return prior.sample(num, seed)

    keep = functools.cache(lambda: keep_kernels(prior))

    def sample(calls):
        keep()
        for call in range(calls):
            drawn = draw(tf.constant([0, call]))
        drawn.numpy()

    return sample


def measure(sizes):
    """Milliseconds of every task here and there, and theirs in ours."""
    figures, worker = {}, Worker()
    try:
        for model, (libraries, calls) in MODELS.items():
            weights, tasks = ours(model)
            figures[f"{model}, weights, ours"] = weights
            for kind, own in tasks.items():
                theirs = kind.removeprefix("bare ").removesuffix("()")
                asked = {library: f"{model} {library} {theirs}" for library in libraries}
                for library, task in asked.items():
                    count = worker.ask("build", task)
                    figures[f"{model}, weights, {library}"] = count
                turns = {
                    "ours": functools.partial(own, calls),
                    **{
                        library: functools.partial(worker.ask, "run", task, str(calls))
                        for library, task in asked.items()
                    },
                }
                in_turn(turns, 1)
                _compare(f"{model}, {kind}", in_turn(turns, sizes.rounds), calls, figures)
    finally:
        worker.end()
    return figures


def _compare(name, seconds, calls, figures):
    mine = seconds["ours"]
    for library, values in seconds.items():
        figures[f"{name}, {library} (ms)"] = median(values) / calls * 1e3
    for library, values in seconds.items():
        if library != "ours":
            ratios = [a / b for a, b in zip(values, mine, strict=True)]
            figures[f"{name}, {library} / ours"] = median(ratios)
