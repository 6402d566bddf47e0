"""SavedModels that sample, encode and decode without this package."""

import json
import pathlib
import shutil
import uuid

import tensorflow as tf

from glf.core import files, random
from glf.models.base import HasLatentFlow, HasLatents, Reconstructs

_SIGNATURES = "signatures.json"


def export(model, out, step=None):
    """Writes `model` as a SavedModel in folder `out`, with signatures.json beside its files.

    Loaded by plain TensorFlow, `loaded.sample(num, temperature, seed)` and the other functions
    (also under `loaded.signatures`) give what the model's methods give, to the last bit on a CPU.
    The folder is written whole or not at all; an earlier export in its place is replaced.

    Returns the names of the signatures.

    Raises:
      ValueError: if `out` is something else than a free name or an earlier export.
    """
    out = pathlib.Path(out)
    if out.exists() and not (out / _SIGNATURES).is_file():
        if not out.is_dir() or any(out.iterdir()):
            raise ValueError(
                f"--out={out} exists and is not an earlier export. Give a new name, or remove it."
            )
        out.rmdir()
    module, described = _module(model)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.parent / f".writing-{uuid.uuid4().hex}"
    try:
        functions = {name: getattr(module, name) for name in described}
        tf.saved_model.save(module, str(temporary), signatures=functions)
        document = {
            "model": type(model).__name__,
            "step": step,
            "image_shape": list(model.spec.image_shape),
            "levels": model.spec.levels,
            "tensorflow": tf.__version__,
            "signatures": described,
        }
        files.write_json(temporary / _SIGNATURES, document)
        if out.exists():
            old = out.parent / f".old-{uuid.uuid4().hex}"
            out.rename(old)
            temporary.rename(out)
            shutil.rmtree(old)
        else:
            temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return list(described)


def _module(model):
    """The module to save and {signature: {"takes", "gives", "does"}}."""
    module = tf.Module()
    height, width, channels = model.spec.image_shape
    image = f"uint8 [batch, {height}, {width}, {channels}], values 0 to {model.spec.levels - 1}"
    images = tf.TensorSpec([None, height, width, channels], tf.uint8, "images")
    described = {}

    def add(name, does, takes, gives, function, specs):
        # A signature's outputs have names; the one output is named after what it is.
        key = next(iter(gives))

        def named(*args):
            return {key: function(*args)}

        setattr(module, name, tf.function(named, input_signature=specs))
        described[name] = {"does": does, "takes": takes, "gives": gives}

    add(
        "sample",
        "Draws images; the same seed gives the same images.",
        {
            "num": "int32 [], at least 1",
            "temperature": "float32 [], scales the base noise; 1 samples the model",
            "seed": "int64 []",
        },
        {"images": image},
        lambda num, temperature, seed: model.sample(num, random.make_seed(seed), temperature),
        [
            tf.TensorSpec([], tf.int32, "num"),
            tf.TensorSpec([], tf.float32, "temperature"),
            tf.TensorSpec([], tf.int64, "seed"),
        ],
    )
    if isinstance(model, HasLatents):
        size = model.latent_size
        latents = tf.TensorSpec([None, size], tf.float32, "latents")
        code = f"float32 [batch, {size}]"
        add(
            "encode",
            "Images to latents.",
            {"images": image},
            {"latents": code},
            model.encode,
            [images],
        )
        add(
            "decode",
            "Latents to images.",
            {"latents": code},
            {"images": image},
            model.decode,
            [latents],
        )
    if isinstance(model, Reconstructs):
        add(
            "reconstruct",
            "Images to their reconstructions.",
            {"images": image},
            {"images": image},
            model.reconstruct,
            [images],
        )
    if isinstance(model, HasLatentFlow):
        add(
            "latent_log_prob",
            "The log-density of latents under the flow, in nats; not a likelihood of images.",
            {"latents": code},
            {"log_prob": "float32 [batch], nats"},
            model.latent_log_prob,
            [latents],
        )
    # What the functions use, and no more: the frozen networks of a loss stay out.
    used = {}
    for name in described:
        for variable in getattr(module, name).get_concrete_function().variables:
            used[variable.ref()] = variable
    module.weights = list(used.values())
    return module, described


def read_description(folder):
    """What signatures.json of an export says."""
    return json.loads((pathlib.Path(folder) / _SIGNATURES).read_text(encoding="utf-8"))
