"""Files of images, and of masks that belong to them under the same names."""

import pathlib

from glf.core.files import expanded
from glf.data.listing import IMAGES, find, shown, shown_some

FIELDS = "field_of_view"
OBSERVER, SECOND_OBSERVER = "masks", "observer2"


def find_pairs(name, path):
    """The images and masks below a folder.

    images/a/7.jpg goes with masks/a/7.png: what counts is the path without its extension.

    Args:
      name: of the source, for messages.
      path: the folder that holds images/ and masks/.

    Returns:
      (root, names, files): the folder, the sorted paths without extension, and {"images", "masks"}
      to the files in their order, relative to the folder.

    Raises:
      ValueError: if one of the folders is missing or empty; if an image or a mask has no partner
        or more than one.
    """
    root = expanded(path)
    _check_folder(root)
    named = {kind: _by_name(name, root / kind) for kind in ("images", OBSERVER)}
    _check_partners(name, named)
    names = sorted(named["images"])
    return root, names, {kind: [f"{kind}/{named[kind][n]}" for n in names] for kind in named}


def find_more(name, root, kind, names):
    """Files of a further folder for `names`, relative to `root`; None where it has none of them.

    Raises:
      ValueError: if it has files for some of the names and not for others.
    """
    if not (root / kind).is_dir():
        return None
    named = _by_name(name, root / kind)
    missing = [n for n in names if n not in named]
    if len(missing) == len(names):
        return None
    if missing:
        raise ValueError(
            f"{name!r}: {kind} has no file for {len(missing)} of {len(names)} images: "
            f"{shown_some(missing)}. Give one for each, or move the folder away."
        )
    return [f"{kind}/{named[n]}" for n in names]


def _check_folder(root):
    if not root.exists():
        raise ValueError(
            f'There is no folder {str(root)!r}; make_dataset.source = "pairs:FOLDER" names one '
            "that holds images/ and masks/."
        )
    inside = [path.parent.name for path in sorted(root.glob("*/images"))]
    if inside and not (root / "images").exists():
        raise ValueError(
            f"{str(root)!r} has folders images inside of {shown_some(inside)}; it is to have "
            "images/ and masks/ themselves, with a folder for each split inside of them: "
            "images/train, masks/train, images/test, masks/test."
        )


def _by_name(name, folder):
    """{path without extension: path} of the images below a folder."""
    named = {}
    for file in find(folder, IMAGES, "images"):
        stem = pathlib.PurePosixPath(file).with_suffix("").as_posix()
        if stem in named:
            raise ValueError(
                f"{name!r}: {folder.name} has both {shown(named[stem])} and {shown(file)}, so that "
                "it is not clear which of them is the partner; move one away."
            )
        named[stem] = file
    return named


def _check_partners(name, named):
    images, masks = (set(named[kind]) for kind in ("images", "masks"))
    for kind, other, alone in (
        ("images", "masks", images - masks),
        ("masks", "images", masks - images),
    ):
        if alone:
            files = shown_some([named[kind][n] for n in sorted(alone)])
            raise ValueError(
                f"{name!r}: {len(alone)} files in {kind} have no partner in {other}: {files}. "
                "Partners have equal names up to their extension."
            )
