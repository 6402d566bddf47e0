"""Messages about a configuration that cannot be read."""

import difflib
import inspect
import re


def explain(error, configurables):
    """What gin says of an error, with the nearest of the names in {name: configurable}."""
    text = str(error).strip()
    if "malformed node or string" in text:
        where = text.partition("\n")[2]
        return f'A value that is a text needs quotes around it, as in name = "value".\n{where}'
    names = re.findall(r"No configurable matching (?:reference )?'@?([^']+)'", text)
    known = [registered.rsplit(".", 1)[-1] for registered in configurables]
    parameter = re.search(r"Configurable '([^']+)' doesn't have a parameter named '([^']+)'", text)
    if names:
        name = re.split(r"[./]", names[0].removesuffix("()"))[-1]
        return f"{text}{_suggest(name, known)}"
    if parameter:
        owner, name = parameter.groups()
        target = configurables[owner.rsplit(".", 1)[-1]]
        return f"{text}{_suggest(name, list(inspect.signature(target).parameters))}"
    return text


def _suggest(name, known):
    close = difflib.get_close_matches(name, known, n=3)
    if close:
        return f" Did you mean {' or '.join(close)}?"
    return f" Known: {', '.join(sorted(known))}."
