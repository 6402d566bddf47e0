"""What studies are made of, read from their text, and a cover: a few that have all of it."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[1]


def expanded(path):
    """The text of a configuration with that of its includes in their places, without comments."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := re.match(r'include\s+"(.+)"', line):
            yield from expanded(ROOT / match[1])
        elif line.strip() and not line.startswith("#"):
            yield line


def bindings(study):
    """{what a study binds: to what}, as text."""
    bound, name = {}, None
    for line in expanded(study):
        if match := re.match(r"([\w/.]+)\s*=\s*(.*)", line):
            name, line = match[1], match[2]
            bound[name] = ""
        bound[name] += line.strip()
    return bound


def shortened(study):
    """Bindings of those lists in which a part comes again, with each part once.

    A part comes again, too, if what is bound in its scope is bound in others' of the same list.
    """
    bound = bindings(study)
    for name, value in bound.items():
        found = re.findall(r"@[\w/]+(?:\(\))?", value)
        if not value.startswith("["):
            continue
        kept, seen = [], set()
        for part in dict.fromkeys(found):
            options = _scoped(part.strip("@()"), bound)
            if not options <= seen:
                kept.append(part)
                seen |= options
        if len(kept) < len(found):
            yield f"{name} = [{', '.join(kept)}]"


def _scoped(part, bound):
    """(class, option, value) of all that is bound to a part in its own scope, and the class."""
    scope, _, name = part.rpartition("/")
    own = {(name, o.rpartition(".")[2], v) for o, v in bound.items() if o.startswith(f"{part}.")}
    inner = {(name, o, v) for o, v in bound.items() if scope and o.startswith(f"{scope}/")}
    return {(name,)} | own | {x for x in inner if not x[1].startswith(f"{part}.")}


def parts(study):
    """{what a study binds: to what, with its numbers left out}, whatever its sizes and source."""
    return {
        name: re.sub(r"\b\d[\w.-]*", "0", value)
        for name, value in bindings(study).items()
        if name != "make_dataset.source" and (not name.startswith("train.") or "make" in name)
    }


def features(study):
    """All that a study can break: each option of each part, and each pair of parts that meet."""
    last = re.compile(r"[^/]+$").search  # the name without its scope
    named, found = set(), set()
    for name, value in parts(study).items():
        references = [last(r)[0] for r in re.findall(r"@([\w/]+)", value)]
        named.update(references)
        found |= {(last(name)[0], value) for value in references or [value]}
    return found | {(a, b) for a in named for b in named if a < b}


def cover(studies):
    """Studies that have all features of `studies` together: always the one with most new ones.

    Of what was chosen, those go again that later ones made superfluous, the longest first.
    """
    of = {study: features(study) for study in studies}
    missing, chosen = set().union(*of.values()), []
    while missing:
        chosen.append(max(studies, key=lambda study: len(of[study] & missing)))
        missing -= of[chosen[-1]]
    for study in sorted(chosen, key=lambda study: -len(list(expanded(study)))):
        others = [other for other in chosen if other != study]
        if of[study] <= set().union(*(of[other] for other in others)):
            chosen = others
    return chosen
