"""Integer models as files: .npz of integers and one JSON text, with a fingerprint."""

import hashlib
import json
import zipfile

import numpy as np

from glf.compression import tables as of_tables
from glf.compression.integer_model import IntegerModel, Prior, check_scales
from glf.compression.integer_network import IntegerConv, IntegerNetwork
from glf.core import files

FORMAT = 1
SUFFIX = ".npz"
_ABOUT = "model.json"
# The numbers that tables and parameters are made with; a file with others is another format.
_UNITS = {
    name: getattr(of_tables, name)
    for name in (
        *("FRACTION", "STEPS", "LOWEST", "HIGHEST", "PRECISION"),
        *("LOGIT_STEPS", "LOGIT_RANGE", "WEIGHT_BITS"),
    )
}


def save(model, path, about):
    """Writes an `IntegerModel` with integer networks; `about` is kept beside it.

    Returns its fingerprint.
    """
    document, arrays = packed(model)
    text = json.dumps({"about": about, **document})
    with files.atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(
            file, **arrays, **{_ABOUT: np.frombuffer(text.encode("utf-8"), np.uint8)}
        )
    return fingerprint(document, arrays)


def load(path):
    """(`IntegerModel`, fingerprint, about) of a file; all bounds are proven again.

    Raises:
      ValueError: if the file holds no integer model, one of another version, or a damaged one.
      OSError: if it cannot be read.
    """
    path = files.expanded(path)
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        document = json.loads(arrays.pop(_ABOUT).tobytes())
        about = document.pop("about")
        if document["format"] != FORMAT or document["units"] != _UNITS:
            raise ValueError("it is of another version of the package")
        model = unpacked(document, arrays)
        for network in model.networks:
            network.check()
    except FileNotFoundError:
        raise
    except (ValueError, KeyError, TypeError, EOFError, IndexError, zipfile.BadZipFile) as error:
        why = f"{type(error).__name__}: {error}" if not isinstance(error, ValueError) else error
        raise ValueError(f"{path} is no integer model that this package can read: {why}") from error
    return model, fingerprint(document, arrays), about


def fingerprint(document, arrays):
    """16 bytes of BLAKE2b of all that coding depends on."""
    state = hashlib.blake2b(digest_size=16)
    state.update(json.dumps(document, sort_keys=True).encode("utf-8"))
    for name in sorted(arrays):
        array = arrays[name]
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        state.update(f"{name} {array.dtype.name} {array.shape}".encode())
        state.update(little.tobytes())
    return state.digest()


def packed(model):
    """(document, {name: array}) of an `IntegerModel`."""
    arrays = {f"tables/{name}": array for name, array in model.tables.arrays().items()}
    networks, priors = [], []
    for i, network in enumerate(model.networks):
        convs = []
        for j, conv in enumerate(network.convs):
            arrays |= {f"networks/{i}/{j}/{n}": getattr(conv, n) for n in IntegerConv.ARRAYS}
            rest = ("added", "low", "high", "dtype")
            convs.append({n: getattr(conv, n) for n in rest} | {"sources": list(conv.sources)})
        own = {"low": network.low, "high": network.high, "factor": network.factor}
        networks.append(own | {"convs": convs})
    for i, prior in enumerate(model.priors):
        names = ("components", "channels", "low", "bits", "network")
        priors.append({n: getattr(prior, n) for n in names})
        arrays[f"priors/{i}/scales"] = prior.scales
        if prior.constants is not None:
            arrays[f"priors/{i}/constants"] = prior.constants
    document = {"format": FORMAT, "units": _UNITS, "shape": list(model.shape)}
    document |= {"levels": model.levels, "offset": model.offset, "stages": model.stages}
    return document | {"networks": networks, "priors": priors}, arrays


def unpacked(document, arrays):
    """The `IntegerModel` that `packed` took apart."""
    networks, priors = [], []
    for i, network in enumerate(document["networks"]):
        convs = []
        for j, conv in enumerate(network["convs"]):
            own = {n: arrays[f"networks/{i}/{j}/{n}"] for n in IntegerConv.ARRAYS}
            convs.append(IntegerConv(**own, **{**conv, "sources": tuple(conv["sources"])}))
        networks.append(IntegerNetwork(**{**network, "convs": tuple(convs)}))
    for i, prior in enumerate(document["priors"]):
        check_scales(arrays[f"priors/{i}/scales"])
        constants = arrays.get(f"priors/{i}/constants")
        priors.append(Prior(**prior, scales=arrays[f"priors/{i}/scales"], constants=constants))
    tables = of_tables.Tables(
        *(arrays[f"tables/{name}"] for name in ("cumulative", "shifts", "weights"))
    )
    shape, levels, offset = document["shape"], document["levels"], document["offset"]
    return IntegerModel(shape, levels, offset, document["stages"], networks, priors, tables)
