"""Values that a setting cannot take, told by its default before anything is made."""

import inspect
import numbers

import gin


def check():
    """Refuses texts and lists for settings whose default is a number, and fractions for integers.

    Raises:
      ValueError: that names the setting, what it takes and what came.
    """
    for (scope, selector), bound in gin.config._CONFIG.items():
        parameters = inspect.signature(gin.config._REGISTRY[selector].wrapped).parameters
        for name, value in bound.items():
            default = parameters[name].default if name in parameters else None
            whole = _is_number(default, int) and isinstance(value, float) and value % 1
            if whole or (_is_number(default, numbers.Real) and isinstance(value, str)):
                kind = "an integer" if isinstance(default, int) else "a number"
                shortest = gin.config._REGISTRY.minimal_selector(selector)
                owner = "/".join([*filter(None, [scope]), shortest])
                raise ValueError(
                    f"{owner}.{name} takes {kind}, by default {default}; got {value!r}."
                )


def _is_number(value, kind):
    return isinstance(value, kind) and not isinstance(value, bool)
