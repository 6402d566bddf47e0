"""gin's state, kept apart from whatever else a process does with gin.

gin keeps what is configured, what can be named and whether it is locked in globals of its module. A
`World` is a set of these of its own, which stands in their place while it is active; outside it gin
is as the caller left it.
"""

import collections
import contextlib
import functools
import threading

import gin
from gin import selector_map


class _Names:
    """What can be named: the names of this package first, then the caller's own.

    A caller may thus have a `train` or `adam` as well, and neither hides the other: `@adam` in a
    configuration of this package is this package's, and what the caller registers stays theirs.
    """

    def __init__(self, others):
        self.own, self.others = selector_map.SelectorMap(), others

    def __setitem__(self, selector, value):
        self.others[selector] = value

    def __contains__(self, selector):
        return selector in self.own or selector in self.others

    def __getitem__(self, selector):
        return (self.own if selector in self.own else self.others)[selector]

    def get(self, selector, default=None):
        """The value of a complete selector."""
        return self.own.get(selector, self.others.get(selector, default))

    def pop(self, selector):
        """Removes one of the caller's."""
        return self.others.pop(selector)

    def matching_selectors(self, partial):
        """The complete selectors that a partial one may mean."""
        return self.own.matching_selectors(partial) or self.others.matching_selectors(partial)

    def get_match(self, partial, default=None):
        """The value that a partial selector means."""
        owner = self.own if self.own.matching_selectors(partial) else self.others
        return owner.get_match(partial, default)

    def get_all_matches(self, partial):
        """The values that a partial selector may mean."""
        return [self[selector] for selector in self.matching_selectors(partial)]

    def minimal_selector(self, selector):
        """The shortest text that means `selector`."""
        if selector in self.own:
            return self.own.minimal_selector(selector)
        shortest = self.others.minimal_selector(selector)
        return selector if self.own.matching_selectors(shortest) else shortest


class _Registered(collections.ChainMap):
    """What is registered to how: this package's first; what is added is the caller's."""

    def __setitem__(self, target, value):
        self.maps[1][target] = value


NAMES = _Names(gin.config._REGISTRY)
_REGISTERED = _Registered({}, gin.config._INVERSE_REGISTRY)
_LOCK = threading.RLock()
_active = []


@contextlib.contextmanager
def _globals_of_gin(**values):
    before = {name: getattr(gin.config, name) for name in values}
    vars(gin.config).update(values)
    try:
        yield
    finally:
        vars(gin.config).update(before)


def register(target, name, denylist=()):
    """Makes `target` a name of this package, whatever the caller has configured or locked."""
    with (
        _LOCK,
        _globals_of_gin(
            _REGISTRY=NAMES.own, _INVERSE_REGISTRY=_REGISTERED.maps[0], _CONFIG_IS_LOCKED=False
        ),
    ):
        gin.register(name, module="glf", denylist=list(denylist) or None)(target)


class World:
    """One configuration, with everything that gin remembers of it.

    What it refers to (`@GLF`) enters it again whenever that is called, so that parts which are made
    late still get their bindings.
    """

    def __init__(self):
        self.config, self.operative = {}, {}
        self._state = {
            "_CONFIG": self.config,
            "_OPERATIVE_CONFIG": self.operative,
            "_IMPORTS": set(),
            "_SINGLETONS": {},
            "_CONFIG_IS_LOCKED": False,
            "_SCOPE_MANAGER": gin.config._ScopeManager(),
            "_PARSE_CONTEXTS": [gin.config.ParseContext()],
            "_REGISTRY": NAMES,
            "_INVERSE_REGISTRY": _REGISTERED,
        }

    def __deepcopy__(self, memo):
        return self

    @contextlib.contextmanager
    def active(self):
        """gin is this world inside the block, and the caller's outside, whatever happens."""
        with _LOCK:
            if _active and _active[-1] is self:
                yield self
                return
            _active.append(self)
            try:
                with _globals_of_gin(**self._state):
                    yield self
            finally:
                _active.pop()

    def call(self, function, *args, **kwargs):
        """`function` of the arguments, in this world."""
        with self.active():
            return function(*args, **kwargs)

    def keep(self):
        """Ties all references to this world."""
        for reference in gin.config.iterate_references(self.config):
            made = reference.scoped_configurable_fn
            if not isinstance(made, functools.partial):
                reference._scoped_configurable_fn = functools.partial(self.call, made)
