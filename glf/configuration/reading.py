"""Reading gin files and single bindings into the active world."""

import dataclasses
import pathlib

import gin
from gin import config_parser, utils

from glf.configuration import moved
from glf.configuration.earlier import Translation
from glf.core import files

# In a file that is meant to lie on top of any study: it binds parts that not every study has.
FOR_ANY_STUDY = "FOR_ANY_STUDY"


@dataclasses.dataclass
class Statement:
    """One binding as it was written: of which parameter, where, in which of the sources."""

    scope: tuple
    selector: str
    parameter: str
    location: object
    source: int


@dataclasses.dataclass
class Source:
    """A file, or the single bindings, and what the configuration referred to at its end.

    Attributes:
      path: of the file; None for single bindings.
      any_study: whether it may bind what is not used.
      reached: what `reach` gave when all of it had been read.
    """

    path: str | None
    any_study: bool = False
    reached: set = dataclasses.field(default_factory=set)


class Reading:
    """Reads sources, in the order in which they override each other.

    Args:
      bases: folders in which relative paths are looked for, after that of the file that includes.
      reach: called at the end of each source; what it returns is kept with the source.
      quiet: whether nothing is said of names of earlier versions.

    Attributes:
      statements: every binding, in order.
      sources: every source, in the order in which they ended.
    """

    def __init__(self, bases, reach=set, quiet=False):
        self._bases, self._reach = bases, reach
        self._including, self._translation = [], Translation(quiet)
        self.statements, self.sources = [], []

    def file(self, path):
        """Reads one file and what it includes.

        Raises:
          ValueError: if it is not there.
        """
        file = self._find(path)
        if file is None:
            self._read(self._of_earlier(path), Source(str(path)))
            return
        if file in self._including:
            chain = " includes ".join(map(str, [*self._including, file]))
            raise ValueError(f"A configuration includes itself: {chain}.")
        self._including.append(file)
        with open(file, encoding="utf-8") as text:
            self._read(text, Source(str(file)))
        self._including.pop()

    def bindings(self, params):
        """Reads single bindings, each a text of its own."""
        source = Source(None)
        with self._translation.source(None):
            for text in params:
                with gin.config._parse_scope() as context:
                    self._statements(text, context, source)
        self._close(source)

    def end(self):
        """To be called when all has been read.

        Raises:
          ValueError: if names of earlier versions have no meaning today.
        """
        self._translation.end()

    def _find(self, path):
        candidates = [base / files.expanded(path) for base in self._folders()]
        return next((file.resolve() for file in candidates if file.is_file()), None)

    def _folders(self):
        beside = [self._including[-1].parent] if self._including else []
        return list(dict.fromkeys([*beside, *self._bases]))

    def _of_earlier(self, path):
        text = moved.text_of(path)
        if text is None:
            folders = " or ".join(map(str, self._folders()))
            raise ValueError(
                f"There is no configuration {str(path)!r} in {folders}. The configurations lie in "
                "configs/."
            )
        return text

    def _read(self, text, source):
        with self._translation.source(source.path), gin.config._parse_scope() as context:
            self._statements(text, context, source)
        macro = (FOR_ANY_STUDY, "gin.macro")
        source.any_study = gin.config._CONFIG.pop(macro, {}).get("value") is True
        # The configuration of an earlier run was accepted before.
        path = pathlib.Path(source.path)
        source.any_study |= path.name == "config.gin" and (path.parent / "run.json").exists()
        self._close(source)

    def _close(self, source):
        source.reached = self._reach()
        self.sources.append(source)
        for statement in self.statements:
            if statement.source is source:
                statement.source = len(self.sources) - 1

    def _statements(self, text, context, source):
        for statement in config_parser.ConfigParser(text, self._translation.delegate()):
            with utils.try_with_location(statement.location):
                if isinstance(statement, config_parser.BindingStatement):
                    self._bind(statement, source)
                elif isinstance(statement, config_parser.IncludeStatement):
                    self.file(statement.filename)
                elif isinstance(statement, config_parser.ImportStatement):
                    context.process_import(statement)
                    gin.config._IMPORTS.update(context.imports)
                elif not context.get_configurable(
                    self._translation.configurable(statement.scope, statement.selector)
                ):
                    raise ValueError(f"No configurable matching '{statement.selector}'.")

    def _bind(self, statement, source):
        waits = self._translation.holds(statement)
        if statement.arg_name and not waits:
            statement = self._translation.binding(statement)
        scope, selector, parameter, value, location = statement
        if not parameter:  # a macro
            scope = f"{scope}/{selector}" if scope else selector
            selector, parameter = "gin.macro", "value"
        if not waits:
            gin.bind_parameter((scope, selector, parameter), value)
        selector = gin.config._REGISTRY.get_match(selector).selector
        scopes = tuple(scope.split("/")) if scope else ()
        self.statements.append(Statement(scopes, selector, parameter, location, source))


def check():
    """gin's own checks of what was read: macros without a value, required ones left open.

    Raises:
      ValueError: if there are any.
    """
    gin.config.validate_macros_hook(gin.config._CONFIG)
    gin.config.find_missing_overrides_hook(gin.config._CONFIG)
