"""Names of earlier versions: study files and run folders that bind them are read as today's.

A name that changes gets a line in one of the tables here, and whatever is read is translated:
files, single bindings, the config.gin of a run. The key is the earlier name, of a configurable or
of a parameter of one:

  NAMES = {
      "Repeated": "Chain",               a configurable, and all of its parameters with it
      "Repeated.num": "Chain.repeats",   a parameter of it that is called otherwise as well
      "GLF.make_coder": "GLF.make_pair", a parameter of a configurable that keeps its name
  }
  CHANGED = {"Invert.bijector": unevaluated}   a function of its value, where that changes too
  DEFAULTS = {"Repeated.num": 4}               where today's default is another

What belongs to a part no longer, but to whom that part is given, stands in another table:

  HANDED_OVER = {"AutoregressiveModel.make_condition_encoder": {
      "Autoregressive.make_density": "Autoregressive.make_condition_encoder"}}

says: bound to Autoregressive, where its make_density is an AutoregressiveModel of that scope.

Several names may become one, if all of them are bound to what becomes the same value:

  "DenseEncoder": "DenseAutoencoder", "DenseDecoder": "DenseAutoencoder"

One that is not bound counts as today's default, if there is one; values that differ are refused.
"""

import contextlib
import inspect

import gin
from absl import logging

from glf.configuration import effect
from glf.configuration.world import NAMES as KNOWN


def unevaluated(value):
    """@Planar() as @Planar: what was made there is made by whom it is given to."""
    if isinstance(value, gin.config.ConfigurableReference) and value.evaluate:
        return gin.config.ConfigurableReference(value.scoped_selector, False)
    if isinstance(value, list | tuple):
        return type(value)(map(unevaluated, value))
    return value


def part(**names):
    """A function of a word, or of a reference to a part: a reference to what it is called today."""

    def changed(value):
        reference = isinstance(value, gin.config.ConfigurableReference)
        *scopes, name = (value.scoped_selector if reference else value).split("/")
        if _short(name) not in names:
            return value
        today = "/".join([*scopes, names[_short(name)]])
        return gin.config.ConfigurableReference(today, reference and value.evaluate)

    return changed


NAMES = {
    # An autoencoder is one part.
    "InfoGANEncoder": "InfoGAN",
    "InfoGANDecoder": "InfoGAN",
    "ResidualEncoder": "ResidualAutoencoder",
    "ResidualDecoder": "ResidualAutoencoder",
    "DenseEncoder": "DenseAutoencoder",
    "DenseDecoder": "DenseAutoencoder",
    "SpatialEncoder": "SpatialAutoencoder",
    "SpatialDecoder": "SpatialAutoencoder",
    "GLF.make_encoder": "GLF.make_autoencoder",
    "GLF.make_decoder": "GLF.make_autoencoder",
    "DiscreteAutoencoder.make_encoder": "DiscreteAutoencoder.make_autoencoder",
    "DiscreteAutoencoder.make_decoder": "DiscreteAutoencoder.make_autoencoder",
    # Bijectors are made by factories.
    "Repeated": "Chain",
    "Repeated.make_layers": "Chain.make_bijectors",
    "Repeated.num": "Chain.repeats",
    "Chain.bijectors": "Chain.make_bijectors",
    "Invert.bijector": "Invert.make_bijector",
    "Coupling.elementwise": "Coupling.make_map",
    "AutoregressiveModel.make_output": "AutoregressiveModel.make_family",
    "Bernoulli.reduction": "CrossEntropy.reduction",
    "ChannelAutoregressive.components": "MixtureOfLogistics.components",
    "ChannelAutoregressive.output": "ChannelAutoregressive.make_family",
    "LogisticMixture": "DiscretizedLogisticMixture",
}
CHANGED = {
    "Chain.bijectors": unevaluated,
    "Invert.bijector": unevaluated,
    "Coupling.elementwise": unevaluated,
    "ChannelAutoregressive.output": part(
        gaussian="Gaussian", logistic_mixture="MixtureOfLogistics"
    ),
    "DiscreteAutoencoder.make_reconstruction": part(Bernoulli="CrossEntropy"),
    "GLF.make_reconstruction": part(Bernoulli="CrossEntropy"),
}
DEFAULTS = {"Repeated.num": 4}
HANDED_OVER = {
    "AutoregressiveModel.make_condition_encoder": {
        "Autoregressive.make_density": "Autoregressive.make_condition_encoder",
        "DiscreteAutoencoder.make_prior": "DiscreteAutoencoder.make_condition_encoder",
    },
}


class Translation:
    """The earlier names of one reading, and what they are bound to.

    Args:
      quiet: whether nothing is said of them.
    """

    def __init__(self, quiet=False):
        self._quiet, self._used, self._owners, self._bound = quiet, {}, {}, {}
        self._held = {name: {} for name in HANDED_OVER}

    @contextlib.contextmanager
    def source(self, path):
        """The names inside the block are of the file at `path`, or of single bindings: None."""
        outer, self._used = self._used, {}
        yield
        if self._used and not self._quiet:
            shown = "".join(f"\n  {old} is now {new}" for old, new in sorted(self._used.items()))
            where = "The single bindings use" if path is None else f"{path} uses"
            logging.warning("%s names of an earlier version:%s", where, shown)
        self._used = outer

    def delegate(self):
        """What makes the references of a parsed text."""
        return _Delegate(self)

    def configurable(self, scope, selector):
        """Today's name of a configurable."""
        earlier = _short(selector)
        if earlier not in NAMES or KNOWN.matching_selectors(selector):
            return selector
        self._used[earlier] = NAMES[earlier]
        self._owners[earlier, scope] = None
        return NAMES[earlier]

    def holds(self, statement):
        """Whether the binding waits for the end, to be handed over to whom its part is given."""
        name = f"{_short(statement.selector)}.{statement.arg_name}"
        for earlier, takers in HANDED_OVER.items():
            if name in takers.values():
                self._held[earlier].clear()
        if name not in HANDED_OVER:
            return False
        self._held[name][statement.scope] = statement.value
        self._used[name] = " or ".join(HANDED_OVER[name].values())
        return True

    def binding(self, statement):
        """Today's binding."""
        scope, owner, parameter, value, location = statement
        today, earlier = self.configurable(scope, owner), f"{_short(owner)}.{parameter}"
        translated = today != owner
        if translated or _short(owner) not in NAMES:
            if earlier in CHANGED:
                value = CHANGED[earlier](value)
            if earlier in NAMES:
                translated, self._used[earlier] = True, NAMES[earlier]
                today, parameter = NAMES[earlier].rsplit(".", 1)
        bound = self._bound.setdefault((scope, f"{_short(today)}.{parameter}"), {})
        if not translated:
            bound.clear()
        bound[earlier if translated else None] = value, location.line_content.strip()
        return statement._replace(selector=today, arg_name=parameter, value=value)

    def end(self):
        """Binds what earlier defaults stood for and what waited, and checks what became one.

        Raises:
          ValueError: if earlier names are bound to different values of one of today's.
        """
        for owner, scope in self._owners:
            for earlier, default in DEFAULTS.items():
                of, parameter = earlier.rsplit(".", 1)
                moved = NAMES.get(earlier, f"{NAMES[owner]}.{parameter}")
                today, parameter = moved.rsplit(".", 1)
                if of == owner and parameter not in _bound_to(today, scope):
                    gin.bind_parameter((scope, today, parameter), default)
        for earlier, held in self._held.items():
            for taker, today in HANDED_OVER[earlier].items() if held else ():
                _hand_over(held, earlier.rsplit(".", 1)[0], taker, today.rsplit(".", 1)[1])
        for (scope, today), bound in self._bound.items():
            if bound.keys() - {None}:
                self._check(scope, today)

    def _check(self, scope, today):
        lines, values = [], set()
        for name in _earlier_names(today):
            value, line = self._value(scope, name, today)
            if value is inspect.Parameter.empty:
                continue  # It had to be bound, so nothing used it.
            lines.append(line)
            values.add(_text(value))
        if len(values) > 1:
            raise ValueError(
                f"{' and '.join(lines)} are of an earlier version. Today one binding stands for "
                f"them, {today} = ..., so they can no longer differ; use the earlier version for "
                "that."
            )

    def _value(self, scope, name, today):
        """(value, line) of an earlier name, as bound in a scope or around it, or by default."""
        scopes = scope.split("/") if scope else []
        for length in range(len(scopes), -1, -1):
            bound = self._bound.get(("/".join(scopes[:length]), today), {})
            if name in bound or None in bound:
                return bound.get(name, bound.get(None))
        owner, parameter = today.rsplit(".", 1)
        parameters = inspect.signature(KNOWN.get_match(owner).wrapped).parameters
        default = parameters[parameter].default if parameter in parameters else None
        default = DEFAULTS.get(name, default)
        return default, f"{name}, by default {_text(default)},"


class _Delegate(gin.config.ParserDelegate):
    def __init__(self, translation):
        super().__init__()
        self._translation = translation

    def configurable_reference(self, scoped_selector, evaluate):
        *scopes, selector = scoped_selector.split("/")
        selector = self._translation.configurable("/".join(scopes), selector)
        return super().configurable_reference("/".join([*scopes, selector]), evaluate)


def _hand_over(held, part, taker, parameter):
    """Binds `parameter` of the owner of `taker`, wherever that is used and takes a `part`.

    Args:
      held: {scope of the part: value}.
      part: the configurable to which the values were bound.
      taker: the parameter that it is given to.
      parameter: what the value is called there.
    """
    owner, takes = taker.rsplit(".", 1)
    part, owner = (KNOWN.get_match(name).selector for name in (part, owner))
    for scope, selector in effect.reach("glf.train"):
        if selector != owner:
            continue
        default = effect.default_parts(owner).get(takes)
        reference = gin.config._get_bindings(owner, list(scope)).get(takes)
        inside = scope
        if isinstance(reference, gin.config.ConfigurableReference):
            default, inside = reference.configurable.selector, tuple(reference.scopes) or scope
        around = ["/".join(inside[:length]) for length in range(len(inside), -1, -1)]
        values = [held[at] for at in around if at in held]
        if default == part and values:
            value = _in_scope(values[0], inside if inside != scope else ())
            gin.bind_parameter(("/".join(scope), owner, parameter), value)


def _in_scope(value, scope):
    """A reference as one that is called in `scope` where it says none itself."""
    if not scope or not isinstance(value, gin.config.ConfigurableReference) or value.scopes:
        return value
    return gin.config.ConfigurableReference("/".join([*scope, value.selector]), value.evaluate)


def _earlier_names(today):
    """The parameters of earlier versions that became `today`, of every owner that it had."""
    owner, parameter = today.rsplit(".", 1)
    names = [old for old, new in NAMES.items() if new == today]
    owners = [old for old, new in NAMES.items() if new == owner]
    moved = {old.rsplit(".", 1)[0] for old in names}
    return names + [f"{old}.{parameter}" for old in owners if old not in moved]


def _bound_to(name, scope):
    selector = KNOWN.get_match(name).selector
    return gin.config._get_bindings(selector, scope.split("/") if scope else [])


def _short(selector):
    return selector.removeprefix("glf.")


def _text(value):
    """A value in a form that is the same for what is the same."""
    while isinstance(value, gin.config.ConfigurableReference) and value.evaluate:
        bound = gin.config._get_bindings(value.configurable.selector, value.scopes)
        if value.configurable.selector != "gin.macro" or "value" not in bound:
            break
        value = bound["value"]
    if inspect.isclass(value) or inspect.isfunction(value):
        return f"@{value.__name__}"
    return repr(value)
