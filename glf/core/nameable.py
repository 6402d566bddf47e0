"""Parts that configurations can name: classes and functions that say which arguments code gives.

The base class of a role has a `given_by_code`, the names of the arguments that whoever makes such a
part gives; a function gets one by `nameable`. Everything else is bound by configurations.
"""


def nameable(*given_by_code):
    """Marks a function as a part, some of whose arguments code gives."""

    def mark(function):
        function.given_by_code = given_by_code
        return function

    return mark
