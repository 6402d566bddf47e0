"""Every kind of source by name, and what each takes.

A source is a function that returns a `glf.data.source.Source`. Its signature says all:
  a positional argument `path` or `name` is what stands behind the colon of "folder:PATH" or
  "tfds:NAME"; without one there is no colon;
  `geometry` and `store` stand for the options of `make_geometry` and of `Store`;
  every other keyword is an option of `make_dataset` under the same name.
"""

import functools
import inspect

from glf.data.array import load_array_source
from glf.data.digits import load_digits_source
from glf.data.folder import load_folder_source
from glf.data.geometry import make_geometry
from glf.data.pairs import load_pairs_source
from glf.data.points import load_points_source, load_two_moons_source
from glf.data.store import Store
from glf.data.tfds import load_tfds_source
from glf.data.vessels import load_vessels_source
from glf.data.wav import load_wav_source

SOURCES = {
    "digits": load_digits_source,
    "vessels": load_vessels_source,
    "two_moons": load_two_moons_source,
    "checkerboard": functools.partial(load_points_source, "checkerboard"),
    "eight_gaussians": functools.partial(load_points_source, "eight_gaussians"),
    "tfds": load_tfds_source,
    "folder": load_folder_source,
    "array": load_array_source,
    "wav": load_wav_source,
    "pairs": load_pairs_source,
}
MADE_OF_OPTIONS = {"geometry": make_geometry, "store": Store}


def options_of(kind):
    """{name: `inspect.Parameter`} of the options of `make_dataset` that a kind of source takes."""
    options = {}
    for name, parameter in inspect.signature(SOURCES[kind]).parameters.items():
        if name in MADE_OF_OPTIONS:
            options |= inspect.signature(MADE_OF_OPTIONS[name]).parameters
        elif parameter.kind == parameter.KEYWORD_ONLY:
            options[name] = parameter
    return {name: p.replace(kind=p.KEYWORD_ONLY) for name, p in options.items()}


def behind_colon(kind):
    """ "path" or "name", what a kind of source has behind its colon; None without one."""
    parameters = inspect.signature(SOURCES[kind]).parameters.values()
    return next((p.name for p in parameters if p.kind == p.POSITIONAL_ONLY), None)


def with_path():
    """The kinds of sources that have a path behind their colon."""
    return [kind for kind in SOURCES if behind_colon(kind) == "path"]
