"""SavedModels that sample, judge, encode and decode without this package."""

import json
import shutil
import uuid

import tensorflow as tf

from glf.core import files, outputs

_SIGNATURES = "signatures.json"


def export_model(model, out, step=None, beside=()):
    """Writes `model` as a SavedModel in folder `out`, with signatures.json beside its files.

    Loaded by plain TensorFlow, `loaded.sample(num, temperature, seed)` and the other functions
    (also under `loaded.signatures`) give what the methods of the model give when it is opened for
    inference, on a CPU to the last bit. Kernels that layers make of their weights, such as group
    convolutions do, are written as made; so are dense layers with the batch normalisation before
    them, which rounds otherwise than one after the other.
    The folder is written whole or not at all; an earlier export in its place is replaced. Files of
    `beside`, {name: path}, are copied into it.

    Returns the names of the signatures.

    Raises:
      ValueError: if `out` is something else than a free name or an earlier export, or if its
        absolute path has characters with which `tf.saved_model.load` would not find it.
      OSError: if it could not be written; an earlier export is untouched.
    """
    out = files.expanded(out)
    outputs.require_plain(out)
    outputs.require_own_folder(out, _SIGNATURES, "export")
    with model.settled():
        module, described = _module(model)
        document = {
            "model": type(model).__name__,
            "step": step,
            "image_shape": list(model.spec.shape),
            "levels": model.spec.levels,
            "sample_rate": model.spec.sample_rate,
            "tensorflow": tf.__version__,
            "signatures": described,
        }
        _write(out, module, document, dict(beside))
    return list(described)


def _write(out, module, document, beside):
    """The folder, whole or not at all."""
    temporary = out.parent / f".writing-{uuid.uuid4().hex}"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        functions = {name: getattr(module, name) for name in document["signatures"]}
        tf.saved_model.save(module, str(temporary), signatures=functions)
        files.write_json(temporary / _SIGNATURES, document)
        for name, path in beside.items():
            shutil.copy(path, temporary / name)
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


def _module(model):
    """The module to save and {signature: {"does", "takes", "gives"}}."""
    module, described, used = tf.Module(), {}, {}
    for function, does, takes, gives in model.export_signatures():
        # The arguments and the one output keep their names in the signature.
        name, specs = function.__name__, [value.spec for value in takes.values()]
        compiled = tf.function(function, input_signature=specs, autograph=False)
        setattr(module, name, compiled)
        described[name] = {"does": does, "takes": _words(takes), "gives": _words(gives)}
        used |= {v.ref(): v for v in compiled.get_concrete_function().variables}
    # What the functions use, and no more: the frozen networks of a loss stay out.
    module.weights = list(used.values())
    return module, described


def _words(values):
    return {name: str(value) for name, value in values.items()}


def read_description(folder):
    """What signatures.json of an export says."""
    return json.loads((files.expanded(folder) / _SIGNATURES).read_text(encoding="utf-8"))
