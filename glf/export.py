"""SavedModels that sample, judge, encode and decode without this package."""

import json
import shutil
import uuid

import tensorflow as tf

from glf.core import files, outputs, random
from glf.models.base import (
    Conditional,
    HasCodes,
    HasDensity,
    HasLatentFlow,
    HasLatents,
    Reconstructs,
)
from glf.models.vector_flow import HasPointDensity

_SIGNATURES = "signatures.json"


def export_model(model, out, step=None):
    """Writes `model` as a SavedModel in folder `out`, with signatures.json beside its files.

    Loaded by plain TensorFlow, `loaded.sample(num, temperature, seed)` and the other functions
    (also under `loaded.signatures`) give what the model's methods give, to the last bit on a CPU.
    The folder is written whole or not at all; an earlier export in its place is replaced.

    Returns the names of the signatures.

    Raises:
      ValueError: if `out` is something else than a free name or an earlier export, or if its
        absolute path has characters with which `tf.saved_model.load` would not find it.
      OSError: if it could not be written; an earlier export is untouched.
    """
    out = files.expanded(out)
    outputs.require_plain(out)
    outputs.require_own_folder(out, _SIGNATURES, "export")
    module, described = _module(model)
    temporary = out.parent / f".writing-{uuid.uuid4().hex}"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        functions = {name: getattr(module, name) for name in described}
        tf.saved_model.save(module, str(temporary), signatures=functions)
        document = {
            "model": type(model).__name__,
            "step": step,
            "image_shape": list(model.spec.image_shape),
            "levels": model.spec.levels,
            "sample_rate": model.spec.sample_rate,
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
    except (OSError, tf.errors.OpError) as error:
        kept = "The earlier export is untouched. " if out.exists() else ""
        raise files.not_written(error, f"the export to {out}", kept) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return list(described)


def _module(model):
    """The module to save and {signature: {"takes", "gives", "does"}}."""
    module = tf.Module()
    data, of_points = model.spec, model.spec.levels is None
    shape = ", ".join(["batch", *map(str, data.image_shape)])
    image = f"{data.dtype.name} [{shape}]"
    if not of_points:
        image += f", values 0 to {data.levels - 1}"
    image_spec = tf.TensorSpec([None, *data.image_shape], data.dtype)
    what = "points" if of_points else "images"
    described = {}

    def add(function, does, takes, gives, *specs):
        # The arguments and the one output keep their names in the signature.
        name = function.__name__
        setattr(module, name, tf.function(function, input_signature=specs, autograph=False))
        described[name] = {"does": does, "takes": takes, "gives": gives}

    condition_specs, conditions_described, given = _conditions(model)

    def sample(num, temperature, seed, conditions=None):
        seed = random.make_seed(seed)
        return {what: model.sample(num, seed, temperature, **given(conditions))}

    add(
        sample,
        f"Draws {what}; the same seed gives the same {what}.",
        {
            "num": "int32 [], at least 1",
            "temperature": "float32 [], at least 0, scales the base noise; 1 samples the model",
            "seed": "int64 []",
            **conditions_described,
        },
        {what: f"{image}; batch is num"},
        tf.TensorSpec([], tf.int32),
        tf.TensorSpec([], tf.float32),
        tf.TensorSpec([], tf.int64),
        *condition_specs,
    )
    if isinstance(model, HasPointDensity):

        def log_prob(points):
            return {"log_prob": model.log_prob(points)}

        add(
            log_prob,
            "The log-density of points, exact.",
            {"points": image},
            {"log_prob": "float32 [batch], in nats"},
            image_spec,
        )
    if isinstance(model, HasDensity):

        def log_prob(images, conditions=None):
            return {"log_prob": model.log_prob(images, **given(conditions))}

        add(
            log_prob,
            f"The log-likelihood of images: {model.likelihood}.",
            {"images": image, **conditions_described},
            {"log_prob": "float32 [batch], in nats"},
            image_spec,
            *condition_specs,
        )
    if isinstance(model, HasLatents):
        latent_spec = model.latent_spec
        latent_shape = ", ".join(["batch", *map(str, latent_spec.shape[1:])])
        code = f"{latent_spec.dtype.name} [{latent_shape}]"
        if isinstance(model, HasCodes):
            code += f", values 0 to {model.categories - 1}"

        def encode(images):
            return {"latents": model.encode(images)}

        def decode(latents):
            return {"images": model.decode(latents)}

        add(encode, "Images to latents.", {"images": image}, {"latents": code}, image_spec)
        add(decode, "Latents to images.", {"latents": code}, {"images": image}, latent_spec)
    if isinstance(model, Reconstructs):

        def reconstruct(images):
            return {"images": model.reconstruct(images)}

        does = "Images to their reconstructions."
        add(reconstruct, does, {"images": image}, {"images": image}, image_spec)
    if isinstance(model, HasLatentFlow | HasCodes):

        def latent_log_prob(latents, conditions=None):
            return {"log_prob": model.latent_log_prob(latents, **given(conditions))}

        add(
            latent_log_prob,
            "The log-density of latents under the model; not a likelihood of images.",
            {"latents": code, **conditions_described},
            {"log_prob": "float32 [batch], in nats"},
            latent_spec,
            *condition_specs,
        )
    # What the functions use, and no more: the frozen networks of a loss stay out.
    used = {}
    for name in described:
        for variable in getattr(module, name).get_concrete_function().variables:
            used[variable.ref()] = variable
    module.weights = list(used.values())
    return module, described


def _conditions(model):
    """What a conditional model takes: ([spec], {"conditions": description}, keyword of methods)."""
    spec = model.condition_spec if isinstance(model, Conditional) else None
    if spec is None:
        return [], {}, lambda conditions: {}
    top = model.condition_encoder.condition_levels - 1
    shape = ", ".join(["batch", *map(str, spec.shape[1:])])
    kind = "classes" if model.condition_kind == "label" else "images"
    text = f"{spec.dtype.name} [{shape}], {kind}, values 0 to {top}; one for each image"
    return [spec], {"conditions": text}, lambda conditions: {"condition": conditions}


def read_description(folder):
    """What signatures.json of an export says."""
    return json.loads((files.expanded(folder) / _SIGNATURES).read_text(encoding="utf-8"))
