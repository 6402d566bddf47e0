"""How an extractor is chosen: a word, and perhaps a path; read before TensorFlow is loaded."""

import dataclasses

from glf.core import files

# {kind: what stands behind the colon}.
KINDS = {
    "classifier": "",
    "squeezenet": ":PATH",
    "inception": "[:PATH]",
    "keras": ":NAME[:PATH]",
    "pixels": "",
}


@dataclasses.dataclass(frozen=True)
class Choice:
    """A chosen extractor.

    Attributes:
      kind: one of `KINDS`.
      network: the name of a network of `keras.applications`; None for other kinds.
      path: of its weights; None where none is given.
    """

    kind: str
    network: str | None = None
    path: str | None = None


def parse(text):
    """The `Choice` that a text makes: KIND, KIND:PATH, keras:NAME or keras:NAME:PATH.

    Raises:
      ValueError: if there is no such kind, a path is missing or has no use, or leads to no file.
    """
    kind, _, rest = text.partition(":")
    if kind not in KINDS:
        known = ", ".join(kind + behind for kind, behind in KINDS.items())
        raise ValueError(f"There is no feature_extractor {text!r}; choose from {known}.")
    network, path = None, rest
    if kind == "keras":
        network, _, path = rest.partition(":")
    needed = network == "" or (kind == "squeezenet" and not path)
    if needed or (path and not KINDS[kind]):
        raise ValueError(f"feature_extractor is {kind}{KINDS[kind]}, got {text!r}.")
    if path and not files.expanded(path).is_file():
        raise ValueError(f"feature_extractor {text!r}: there is no file {path!r}.")
    return Choice(kind, network, path or None)


def needs_labels(texts):
    """Whether one of these extractors is made of the data's labels."""
    return any(parse(text).kind == "classifier" for text in texts)
