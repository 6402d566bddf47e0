"""Which tests share a process: those of a file, or of one case of a file that has expensive ones.

Started with `--dist loadscope`, pytest gives a free worker the next scope: first files with slow
tests, then the cases of files that are divided, then what is quick.
"""

import random
import re

from xdist.scheduler import LoadScopeScheduling

# Files that are divided, and what of a test's name says which case it is of.
DIVIDED = {
    "autoregressive/test_conformance": r"\[(?:\w+-)?(\w+)\]",
    "bijectors/test_bijector_conformance": r"\[(?:(?!float)\w+-)*?(\w+)",
    "models/test_model_conformance": r"\[(.*)\]",
    "priors/test_prior_conformance": r"\[(.*)\]",
    "samplers/test_every_model": r"(.*)",
    "samplers/test_samplers": r"\[(colour|mixture|gated)",
    "test_configs": r"(.*)",
    "test_export_networks": r"(.*)",
    "training/test_flow_stability": r"(.*)",
}


def scope_of(nodeid):
    """The scope of a test: its file, or its file and its case."""
    file, _, test = nodeid.partition("::")
    pattern = DIVIDED.get(file.removeprefix("tests/").removesuffix(".py"))
    match = pattern and re.search(pattern, test)
    return f"{file}::{match[1]}" if match else file


class Scheduling(LoadScopeScheduling):
    """Hands out scopes in the order in which they were collected."""

    def __init__(self, config, log=None):
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid):
        return scope_of(nodeid)


def pytest_xdist_make_scheduler(config, log):
    """The hook of pytest-xdist."""
    return Scheduling(config, log) if config.getvalue("dist") == "loadscope" else None


def pytest_addoption(parser):
    """An option to find out what depends on the order of tests."""
    parser.addoption(
        "--random-order",
        type=int,
        metavar="SEED",
        help="run scopes, and the tests in each, in an order that follows from SEED",
    )


def pytest_collection_modifyitems(config, items):
    """Orders the tests."""
    scopes = {}
    for item in items:
        scopes.setdefault(scope_of(item.nodeid), []).append(item)
    seed = config.getoption("--random-order")
    if seed is None:
        order = sorted(scopes, key=lambda name: _turn(name, scopes[name]))
    else:
        shuffle = random.Random(seed).shuffle
        shuffle(order := list(scopes))
        for name in order:
            shuffle(scopes[name])
    items[:] = [item for name in order for item in scopes[name]]


def _turn(scope, items):
    if not any(item.get_closest_marker("slow") for item in items):
        return 2
    return int("::" in scope)
