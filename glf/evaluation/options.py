"""The evaluators' options and pictures, read from their sources, before TensorFlow is loaded."""

import ast
import dataclasses
import pathlib
import re


@dataclasses.dataclass(frozen=True)
class Option:
    """An argument of an evaluator's constructor.

    Attributes:
      name: of the argument.
      default: its default.
      about: what the class says of it under "Args:".
      needs: the name of the ability that a model must have, "object" for none.
      of: models with it, in words.
    """

    name: str
    default: object
    about: str
    needs: str
    of: str


@dataclasses.dataclass(frozen=True)
class Pictures:
    """An evaluator that shows pictures.

    Attributes:
      switch: the option that asks for it, or None where it is measured of itself.
      needs: the name of the ability that a model must have, "object" for none.
    """

    switch: str | None
    needs: str


def options():
    """The `Option`s of all classes of this folder that are made on `Evaluator`, by file.

    Those that several evaluators share stand once, in the class that these are made on.
    """
    return [option for node in _evaluators() for option in _options_of(node)]


def showing():
    """The `Pictures` of all classes of this folder that say `shows = True`."""
    found = []
    for constants in map(_constants, _evaluators()):
        if "shows" in constants and ast.literal_eval(constants["shows"]):
            switch = ast.literal_eval(constants["switch"]) if "switch" in constants else None
            found.append(Pictures(switch, _needs(constants)))
    return found


def _evaluators():
    """The definitions of all classes that are made on `Evaluator`, by file."""
    sources = sorted(pathlib.Path(__file__).parent.glob("*.py"))
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sources]
    classes = [node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]
    evaluators, before = {"Evaluator"}, 0
    while len(evaluators) > before:
        before = len(evaluators)
        evaluators |= {c.name for c in classes if evaluators & set(map(ast.unparse, c.bases))}
    return [node for node in classes if node.name in evaluators and node.name != "Evaluator"]


def _constants(node):
    """{name: value} of what a class's body assigns."""
    return {
        ast.unparse(item.targets[0]): item.value
        for item in node.body
        if isinstance(item, ast.Assign)
    }


def _needs(constants):
    return ast.unparse(constants["needs"]) if "needs" in constants else "object"


def _options_of(node):
    constants = _constants(node)
    needs = _needs(constants)
    of = ast.literal_eval(constants["of"]) if "of" in constants else ""
    about = _arguments(ast.get_docstring(node))
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            for argument, default in zip(item.args.args[1:], item.args.defaults, strict=True):
                name = argument.arg
                yield Option(name, ast.literal_eval(default), about[name], needs, of)


def _arguments(text):
    """{argument: what is said of it} in the section "Args:" of a docstring."""
    section = re.search(r"^Args:\n((?:  .*\n?|\n)*)", text, re.MULTILINE)
    entries = re.split(r"^  (\w+): ", section[1] if section else "", flags=re.MULTILINE)[1:]
    return {
        name: " ".join(about.split())
        for name, about in zip(entries[::2], entries[1::2], strict=True)
    }
