"""The evaluators' options, read from their sources: known before TensorFlow is loaded."""

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


def options():
    """The `Option`s of all classes of this folder that are made on `Evaluator`, by file.

    Those that several evaluators share stand once, in the class that these are made on.
    """
    sources = sorted(pathlib.Path(__file__).parent.glob("*.py"))
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sources]
    classes = [node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]
    evaluators, before = {"Evaluator"}, 0
    while len(evaluators) > before:
        before = len(evaluators)
        evaluators |= {c.name for c in classes if evaluators & set(map(ast.unparse, c.bases))}
    return [option for node in classes if node.name in evaluators for option in _options_of(node)]


def _options_of(node):
    constants = {
        ast.unparse(item.targets[0]): item.value
        for item in node.body
        if isinstance(item, ast.Assign)
    }
    needs = ast.unparse(constants["needs"]) if "needs" in constants else "object"
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
