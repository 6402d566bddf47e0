"""Classes by name, for tests that a registry is complete."""

import inspect


def name_of(cls):
    """The module and name of a class."""
    return f"{cls.__module__}.{cls.__qualname__}"


def concrete_names(cls):
    """The names of all subclasses of a class in the package that can be made."""
    found = set() if inspect.isabstract(cls) else {name_of(cls)}
    found = found.union(*map(concrete_names, cls.__subclasses__()))
    return {name for name in found if name.startswith("glf.")}
