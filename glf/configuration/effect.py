"""No binding without effect: what a configuration reaches, and what it binds beside that.

gin gives a part its bindings only where a configuration refers to it by @. Here what stands as a
default in a signature counts as referred to as well, and a binding of anything else is refused.
"""

import functools
import inspect
import re

import gin

from glf.configuration.world import NAMES


@functools.cache
def default_parts(selector):
    """{parameter: complete selector} of those parameters whose default can be configured."""
    targets = {known.wrapped: name for name, known in NAMES.own.items()}
    target = gin.config._REGISTRY[selector].wrapped
    parts = {}
    for name, parameter in _parameters(target).items():
        if callable(parameter.default) and parameter.default in targets:
            parts[name] = targets[parameter.default]
    return parts


def _parameters(target):
    try:
        return inspect.signature(target).parameters
    except (TypeError, ValueError):  # a builtin
        return {}


def reach(selector, scope=(), *, defaults=True, reached=None):
    """{(scope, selector)} of all that `selector` may call, itself included.

    Args:
      selector: a complete one.
      scope: the scope that it is called in.
      defaults: whether defaults of signatures count as referred to.
      reached: what is known to be reached already.
    """
    reached = set() if reached is None else reached
    if (scope, selector) in reached:
        return reached
    reached.add((scope, selector))
    bound = gin.config._get_bindings(selector, list(scope))
    for reference in gin.config.iterate_references(bound):
        reach(
            reference.configurable.selector,
            tuple(reference.scopes) or scope,
            defaults=defaults,
            reached=reached,
        )
    if defaults:
        for parameter, default in default_parts(selector).items():
            if parameter not in bound:
                reach(default, scope, reached=reached)
    return reached


def bind_defaults(root):
    """Binds every default that is reached from `root` and has bindings, itself or further on."""
    for scope, selector in sorted(reach(root)):
        bound = gin.config._get_bindings(selector, list(scope))
        for parameter, default in default_parts(selector).items():
            if parameter not in bound and is_configured(default, scope):
                name = gin.config._REGISTRY.minimal_selector(default)
                reference = gin.config.ConfigurableReference(name, False)
                gin.bind_parameter(("", selector, parameter), reference)


def is_configured(selector, scope=()):
    """Whether anything that `selector` may call has bindings."""
    return any(gin.config._get_bindings(s, list(at)) for at, s in reach(selector, scope))


def is_used(scope, selector, reached):
    """Whether bindings of `selector` under `scope` count for something that is reached."""
    return any(s == selector and at[: len(scope)] == scope for at, s in reached)


def check(reading, root):
    """Refuses bindings without effect.

    A binding is in order if the part is reached in the end, or was when its own source or a later
    one ended: a study may put another part in the place of what it includes.

    Raises:
      ValueError: for the first that is not, with what to write.
    """
    last = reach(root)
    for statement in reading.statements:
        source = reading.sources[statement.source]
        worlds = [last, *(s.reached for s in reading.sources[statement.source :])]
        used = any(is_used(statement.scope, statement.selector, reached) for reached in worlds)
        if not used and not source.any_study:
            raise ValueError(_refusal(statement, last, reading))


def drop_unused(root, *, defaults=True):
    """Takes out of the configuration what nothing that is reached from `root` uses."""
    reached = reach(root, defaults=defaults)
    config = gin.config._CONFIG
    for scope, selector in list(config):
        if not is_used(tuple(scope.split("/")) if scope else (), selector, reached):
            del config[scope, selector]


def lines(without, change):
    """The configuration, a line for each binding, sorted.

    What is bound to a default of a signature that has no bindings itself is the default.

    Args:
      without: {selector: parameters} to leave out.
      change: a function of (selector, parameter, value) that gives the value to show.
    """
    bindings = []
    for (scope, selector), bound in gin.config._CONFIG.items():
        for parameter, value in bound.items():
            if parameter in without.get(selector, ()) or selector == "gin.macro":
                continue
            if _is_plain_default(scope, selector, parameter, value):
                continue
            name = gin.config._REGISTRY.minimal_selector(selector)
            key = "/".join([*filter(None, [scope]), name])
            bindings.append(f"{key}.{parameter} = {change(selector, parameter, _literal(value))!r}")
    return sorted(bindings)


def _is_plain_default(scope, selector, parameter, value):
    if not isinstance(value, gin.config.ConfigurableReference) or value.scopes or value.evaluate:
        return False
    default = default_parts(selector).get(parameter)
    scope = tuple(scope.split("/")) if scope else ()
    return default == value.configurable.selector and not is_configured(default, scope)


def _literal(value):
    """What a macro stands for; any other value as it is."""
    while isinstance(value, gin.config.ConfigurableReference) and (
        value.configurable.selector == "gin.macro"
    ):
        bound = gin.config._get_bindings("gin.macro", value.scopes)
        if "value" not in bound:
            break
        value = bound["value"]
    return value


def _refusal(statement, reached, reading):
    line = statement.location.line_content.strip()
    path = reading.sources[statement.source].path
    where = f" (line {statement.location.line_num} of {path})" if path else ""
    if statement.selector == "gin.macro":
        name = "/".join(statement.scope)
        return f"{line!r}{where} has no effect: nothing that is used refers to %{name}."
    name = gin.config._REGISTRY.minimal_selector(statement.selector)
    reference = "@" + "/".join([*statement.scope, name])
    places = _places(statement.selector, reached)
    example = f", for example {places[0]} = {reference}" if places else ""
    for_any = "" if path is None else " A file for any study says FOR_ANY_STUDY = True."
    return (
        f"{line!r}{where} has no effect: nothing that is used refers to {reference}. Refer to it "
        f"where a part is chosen{example}, or leave the binding out.{for_any}"
    )


def _places(selector, reached):
    """Parameters in use that are of the kind of `selector`, so that it could stand there."""
    wanted = _kinds(gin.config._REGISTRY[selector].wrapped)
    places = []
    for scope, owner in sorted(reached):
        name = gin.config._REGISTRY.minimal_selector(owner)
        bound = gin.config._get_bindings(owner, list(scope))
        parameters = default_parts(owner) | {
            p: value.configurable.selector
            for p, value in bound.items()
            if isinstance(value, gin.config.ConfigurableReference)
        }
        for parameter, part in parameters.items():
            if wanted & _kinds(gin.config._REGISTRY[part].wrapped):
                places.append(f"{'/'.join([*scope, name])}.{parameter}")
    return places


def _kinds(target):
    """What a part is of: its classes in this package and the last word of its name, "Encoder".

    A function's module stands for its kind.
    """
    if not inspect.isclass(target):
        return {target.__module__}
    bases = {base for base in target.__mro__ if re.match(r"glf\.(?!core\b)", base.__module__)}
    return bases | set(re.findall("[A-Z][a-z]+", target.__name__)[-1:])
