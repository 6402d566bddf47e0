"""One name for each source of data: `make_dataset`."""

import dataclasses
import inspect
import os

from glf.core.checks import check_at_least
from glf.core.files import expanded
from glf.core.nameable import nameable
from glf.data.dataset import Dataset
from glf.data.registry import MADE_OF_OPTIONS, SOURCES, behind_colon, options_of, with_path

# How data are fetched and kept: this may be said beside any source.
_FOR_ANY = ("data_dir", "download", "memory_budget", "cache_dir")


def _with_all_options(function):
    """`function` with the options of all sources in its signature, for `help` and for gin."""
    signature = inspect.signature(function)
    own = {n: p for n, p in signature.parameters.items() if p.kind != p.VAR_KEYWORD}
    options = {n: p for kind in SOURCES for n, p in options_of(kind).items() if n not in own}
    function.__signature__ = signature.replace(parameters=[*own.values(), *options.values()])
    return function


@nameable("data_dir", "data_path")
@_with_all_options
def make_dataset(
    source="digits",
    *,
    data_path=None,
    labels="auto",
    binarize=None,
    num_bits=None,
    horizontal_flip=False,
    max_translation=None,
    rotated=False,
    **options,
):
    """Makes a dataset of images of integers, or of points in the plane.

    Args:
      source: one of
        "digits": 8 x 8 digits, embedded, see `load_digits_source`;
        "tfds:NAME": a dataset of tfds, see `load_tfds_source`;
        "folder:PATH": a folder of images, see `load_folder_source`;
        "array:PATH": an .npy or .npz file, see `load_array_source`;
        "wav:PATH": a folder of WAV files, see `load_wav_source`;
        "pairs:PATH": a folder of images and their binary masks, see `load_pairs_source`;
        "vessels": generated pictures of vessels with masks, see `load_vessels_source`;
        "two_moons", "checkerboard", "eight_gaussians": points, see `load_points_source`.
      data_path: where the data of a source with a PATH are now, in the place of this: for data
        that were moved. It is no part of the experiment.
      labels: None for no labels; "auto" for those that the source has; "subfolders" is for folders
        of images, see `load_folder_source`.
      binarize: None, "threshold", "dynamic" or "fixed", see `Dataset`.
      num_bits: keep only the upper bits of 8-bit data: x becomes floor(x / 2^(8 - num_bits)).
      horizontal_flip: mirror training examples at random.
      max_translation: shift training examples at random by up to so much along each side: a
        fraction of the side (a float below 1) or a number of pixels (an integer); see `Dataset`.
      rotated: turn each example of all splits once, by an angle of its own that no seed changes:
        "tfds:mnist" becomes rotated MNIST; see `glf.data.rotation`.
      **options: those of the source:
        image_size, crop, channels: of images, see `glf.data.geometry.make_geometry`;
        validation_examples: how many to cut from train where there is no validation split, by
          default min(5000, a tenth of train), see `complete_splits`; of what is generated, how
          many to make;
        patch_size: of pairs, train on windows of whole images, see `load_pairs_source`;
        levels: of an array, the number of levels; by default from the largest value;
        num_samples: of WAV files, the length of an example;
        num_examples: of what is generated, the number of training examples;
        noise: of two_moons, the standard deviation around the half circles, 0.05 unless told;
        data_dir: where tfds datasets are prepared; None for TFDS_DATA_DIR, else the default of
          tfds;
        download: let tfds download what is not prepared;
        memory_budget, cache_dir: for decoded images, see `glf.data.store.Store`.

    Returns:
      A `Dataset`.

    Raises:
      ValueError: if an option is out of range or does not belong to the source, or if the source
        cannot be read.
    """
    kind, rest = _parsed(source)
    taken = options_of(kind)
    if data_path is not None and kind not in with_path():
        known = ", ".join(f"{name}:PATH" for name in with_path())
        raise ValueError(
            f"data_path={str(data_path)!r} is for sources that name a path ({known}), not for "
            f"{source!r}."
        )
    if "labels" in taken or labels not in ("auto", None):
        options["labels"] = labels
    for option, value in options.items():
        if option not in taken and option not in _FOR_ANY and value is not None:
            raise ValueError(_refusal(option, value, source))
    if options.get("validation_examples") is not None:
        check_at_least("validation_examples", options["validation_examples"], 0)
    for name, make in MADE_OF_OPTIONS.items():
        own = inspect.signature(make).parameters
        options[name] = make(**{o: options.pop(o) for o in own if o in options})
    place = {}
    if kind in with_path():
        rest = rest if data_path is None else os.fspath(data_path)
        place = {"data_path": os.path.abspath(expanded(rest))}
    wanted = inspect.signature(SOURCES[kind]).parameters
    loaded = SOURCES[kind](
        *([rest] if rest else []), **{o: value for o, value in options.items() if o in wanted}
    )
    if labels is None:
        loaded = dataclasses.replace(loaded, num_classes=None)
    if place:
        loaded = dataclasses.replace(loaded, name=source, place=place)
    return Dataset(
        loaded,
        binarize=binarize,
        horizontal_flip=horizontal_flip,
        max_translation=max_translation,
        rotated=rotated,
        num_bits=num_bits,
    )


def _parsed(source):
    """(kind, what stands behind the colon or "").

    Raises:
      ValueError: if there is no such source, or its path cannot be written down.
    """
    kind, _, rest = source.partition(":") if isinstance(source, str) else ("", "", "")
    if kind not in SOURCES or (behind_colon(kind) is None) != (not rest):
        known = {kind: behind_colon(kind) for kind in SOURCES}
        *plain, last = [f'"{kind}:{rest.upper()}"' for kind, rest in known.items() if rest]
        raise ValueError(
            f"source is one of {', '.join(kind for kind, rest in known.items() if not rest)}, or "
            f'{", ".join(plain)} or {last}, e.g. "tfds:mnist"; got {source!r}.'
        )
    try:
        rest.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"The path in source={source!r} is not UTF-8, so that no configuration can hold it. "
            "Rename the folder, or make a link to it of another name; names of files may be "
            "anything."
        ) from None
    return kind, rest


def _refusal(option, value, source):
    kinds = [kind for kind in SOURCES if option in options_of(kind)]
    if not kinds:
        known = inspect.signature(make_dataset).parameters
        return f"make_dataset has no option {option!r}; it has {', '.join(known)}."
    return (
        f"make_dataset.{option} = {value!r} is for sources of kind {', '.join(kinds)}, got "
        f"{source!r}; leave it out."
    )
