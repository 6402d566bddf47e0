"""Runs exports in a process that cannot import the package."""

import os
import shutil
import subprocess
import sys

import numpy as np

# Every function and every signature of the exports named, on every set of inputs.
USER = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("glf", "keras", "tensorflow_probability"):
            raise ImportError(name)

import numpy as np
import tensorflow as tf

for name in [n for n in sys.modules if n.split(".")[0] == "keras"]:
    del sys.modules[name]
sys.meta_path.insert(0, Blocker())
try:
    import glf
except ImportError:
    pass
else:
    raise SystemExit("glf can be imported")

given = np.load("given.npz")
found = {}
for model in sys.argv[1:]:
    loaded = tf.saved_model.load(model)
    for name, signature in loaded.signatures.items():
        takes = signature.structured_input_signature[1]
        for size in given["sizes"]:
            arguments = {k: tf.constant(given[f"{model} {size} {k}"]) for k in takes}
            for way, function in (("function", getattr(loaded, name)), ("signature", signature)):
                (value,) = function(**arguments).values()
                found[f"{model} {size} {name} {way}"] = value.numpy()
np.savez("found.npz", **found)
"""
WAYS = ("function", "signature")


def run(folder, exports, given):
    """What exports give in another process, which sees copies of them and no package.

    Args:
      folder: an empty folder to work in.
      exports: {name: path of an export}.
      given: {name: {size: {argument: array}}}, the same sizes for every export; arguments that a
        function does not take are left out.

    Returns:
      {(name, size, function, way): array}, ways "function" and "signature".
    """
    for name, path in exports.items():
        shutil.copytree(path, folder / name)
    (folder / "user.py").write_text(USER)
    arrays = {
        f"{name} {size} {key}": value
        for name, of_sizes in given.items()
        for size, arguments in of_sizes.items()
        for key, value in arguments.items()
    }
    sizes = np.array(list(next(iter(given.values()))))
    np.savez(folder / "given.npz", sizes=sizes, **arrays)
    done = subprocess.run(
        [sys.executable, "-I", "user.py", *exports],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    with np.load(folder / "found.npz") as found:
        results = {}
        for key, value in found.items():
            name, size, function, way = key.split()
            results[name, int(size), function, way] = value
        return results


def assert_equal_bits(found, expected):
    """Fails unless two arrays have the same type, shape and bytes."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert found.tobytes() == expected.tobytes()
