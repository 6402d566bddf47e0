"""The combinations that a sweep is made of, and a name for each of them."""

import ast
import dataclasses
import hashlib
import io
import itertools
import pathlib
import re
import tokenize

METHOD, DATASET = "method", "dataset"
# Beside the runs lie their output and the comparison.
RESERVED = ("logs", "report")
LONGEST_NAME = 150
_PARAMETER = re.compile(r"(?:[A-Za-z_][\w.-]*/)*[A-Za-z_][\w.]*")
_GROUP_NAME = re.compile(r"([A-Za-z0-9][\w.-]*)=(.*)", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Group:
    """Files and bindings that belong together: a method, or a dataset.

    Attributes:
      name: what it is called.
      files: paths of gin files.
      bindings: single bindings as text.
    """

    name: str
    files: tuple
    bindings: tuple


@dataclasses.dataclass(frozen=True)
class Axis:
    """Values of one parameter.

    Attributes:
      parameter: its name as gin has it, "GLF.beta".
      values: each as gin has it: "1", "@InfoGAN", '"cifar10"'.
    """

    parameter: str
    values: tuple


@dataclasses.dataclass(frozen=True)
class Planned:
    """One run of a sweep.

    Attributes:
      name: of its folder.
      files: paths of gin files; later ones override earlier ones.
      bindings: single bindings as text, which override the files.
      point: {axis: value} of where it lies, names of groups and values as gin has them.
    """

    name: str
    files: tuple
    bindings: tuple
    point: dict


def group_of(text, flag="--method"):
    """The `Group` of "[NAME=]FILE[,FILE...][;BINDING...]".

    Without a name it is that of its first file and of its bindings:
    configs/studies/glow/digits.gin;X.y = 1 becomes glow_digits_X.y_1.

    Raises:
      ValueError: if there is no file.
    """
    first, *bindings = [part.strip() for part in text.split(";")]
    named = _GROUP_NAME.fullmatch(first)
    name, files = named.groups() if named else (None, first)
    files = tuple(file.strip() for file in files.split(",") if file.strip())
    if not files:
        raise ValueError(
            f"{flag}={text} names no file; expected [NAME=]FILE[,FILE...][;BINDING...], for "
            "example glf=configs/studies/glf/digits.gin."
        )
    bindings = tuple(filter(None, bindings))
    return Group(name or _name_of_group(files, bindings), files, bindings)


def axis_of(text):
    """The `Axis` of "PARAMETER=[VALUE, ...]", values as in a gin file.

    Raises:
      ValueError: if it is not that, or a value comes twice.
    """
    parameter, found, values = (part.strip() for part in text.partition("="))
    expected = 'expected PARAMETER=[VALUE, ...], for example "GLF.beta=[1, 10, 100]"'
    if not found or not _PARAMETER.fullmatch(parameter):
        raise ValueError(f"--sweep={text}: {expected}.")
    try:
        values = _elements(values)
    except (tokenize.TokenError, SyntaxError) as error:
        raise ValueError(f"--sweep={text}: a bracket or quote is not closed; {expected}.") from (
            error
        )
    if not values or not all(values):
        raise ValueError(f"--sweep={text} gives no list of values; {expected}.")
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise ValueError(f"--sweep={text} has {', '.join(twice)} more than once.")
    return Axis(parameter, tuple(values))


def combinations(methods, datasets, axes, files=(), bindings=()):
    """Every combination: [`Planned`], the last axis the fastest.

    A run reads its method's files, its dataset's, then `files`; and binds what its method says,
    what its dataset says, then `bindings`, then its values of the axes.

    Args:
      methods: `Group`s; none: the runs have `files` alone.
      datasets: `Group`s, or none.
      axes: `Axis` of each swept parameter.
      files: gin files of all runs.
      bindings: of all runs.

    Raises:
      ValueError: if there is no file, a name comes twice, or a parameter is swept twice.
    """
    if not methods and not files:
        raise ValueError(
            "A sweep needs a configuration: --gin_file, or --method for each of several, for "
            "example configs/studies/glf/digits.gin."
        )
    _require_distinct([axis.parameter for axis in axes], "parameter is swept", "--sweep")
    for kind, groups in ((METHOD, methods), (DATASET, datasets)):
        _require_distinct([g.name for g in groups], f"{kind} is called", f"--{kind}=NAME=FILES")
    choices = [
        [(METHOD, group) for group in methods] or [None],
        [(DATASET, group) for group in datasets] or [None],
        *([(axis.parameter, value) for value in axis.values] for axis in axes),
    ]
    planned = [
        _planned(list(filter(None, chosen)), tuple(files), tuple(bindings))
        for chosen in itertools.product(*choices)
    ]
    _require_own_folders(planned)
    return planned


def _planned(chosen, files, bindings):
    groups = [group for _, group in chosen if isinstance(group, Group)]
    values = [(axis, value) for axis, value in chosen if isinstance(value, str)]
    parts = [group.name for group in groups]
    parts += [f"{_safe(parameter)}={_safe(_shown(value))}" for parameter, value in values]
    name = ",".join(parts) or _name_of_group(files, ())
    if len(name) > LONGEST_NAME:
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        name = f"{name[: LONGEST_NAME - 9]}-{digest}"
    return Planned(
        name,
        (*itertools.chain(*(group.files for group in groups)), *files),
        (
            *itertools.chain(*(group.bindings for group in groups)),
            *bindings,
            *(f"{parameter} = {value}" for parameter, value in values),
        ),
        {axis: getattr(value, "name", value) for axis, value in chosen},
    )


def _elements(text):
    """The elements of a list as they are written; [] of what is no list."""
    if not (text.startswith("[") and text.endswith("]")):
        return []
    lines = text.splitlines(keepends=True)
    starts = [0, *itertools.accumulate(map(len, lines))]
    depth, begin, found = 0, 1, []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.ERRORTOKEN and token.string in "\"'":
            raise SyntaxError
        at = starts[token.start[0] - 1] + token.start[1]
        depth += (token.string in "([{") - (token.string in ")]}") if token.string else 0
        if (token.string == "," and depth == 1) or (token.string == "]" and depth == 0):
            found.append(text[begin:at].strip())
            begin = at + 1
        if token.string == "]" and depth == 0 and at != len(text) - 1:
            return []
    return found[:-1] if found and not found[-1] else found


def _shown(value):
    """A value for a name: texts without their quotes, references without their @."""
    try:
        literal = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value
    return literal if isinstance(literal, str) else value


def _safe(text):
    """Text of letters, digits and . _ + - alone."""
    text = re.sub(r"[\s@%\"'()\[\]{}]", "", text)
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", text)


def _name_of_group(files, bindings):
    path = pathlib.Path(files[0]).with_suffix("")
    parts = [path.parent.name, path.name, *(b.replace("=", "_") for b in bindings)]
    return "_".join(filter(None, map(_safe, parts)))


def _require_distinct(names, what, flag):
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"More than one {what} {twice[0]!r}; give each its own, by {flag}.")


def _require_own_folders(planned):
    """Refuses two runs of one folder, on file systems that know no capitals as well."""
    folders = {}
    for run in planned:
        if run.name in RESERVED or not run.name.strip("."):
            raise ValueError(
                f"A run cannot be called {run.name!r} ({', '.join(RESERVED)} are folders of the "
                "sweep's own); give its method another name."
            )
        other = folders.setdefault(run.name.casefold(), run)
        if other is not run:
            raise ValueError(
                f"Two runs would share the folder {run.name}: {other.point} and {run.point}. "
                "Write their values so that they differ in letters and digits, or name them as "
                "methods (--method=NAME=FILE;BINDING)."
            )
