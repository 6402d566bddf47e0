"""Every registered bijector through the battery; and that every bijector is registered."""

import importlib
import inspect
import pkgutil

import bijector_battery as battery
import pytest

import glf.bijectors
from glf.bijectors.base import Bijector
from glf.bijectors.registry import IMAGES, REGISTRY

ONE_DIMENSION = [
    name
    for name in REGISTRY
    if "coupling" not in name and "both_halves" not in name and name not in ("chain", "repeated")
]


@pytest.fixture(scope="module", params=sorted(REGISTRY))
def name(request):
    return request.param


@pytest.fixture(scope="module")
def plain(name):
    return battery.Case(REGISTRY[name], 5)


@pytest.fixture(scope="module")
def conditional(name):
    return battery.Case(REGISTRY[name], 4, context=3)


@battery.checks(long=False)
def test_passes(plain, check):
    check(plain)


@pytest.mark.slow
@battery.checks(long=True)
def test_passes_with_a_condition(conditional, check):
    check(conditional)


@pytest.mark.slow
def test_density_integrates_to_one(name):
    battery.check_integrates_to_one(battery.Case(REGISTRY[name], 2))


@pytest.mark.parametrize("name", ONE_DIMENSION)
def test_one_dimension(name):
    case = battery.Case(REGISTRY[name], 1)
    for check in ("shapes", "round_trip", "log_dets_are_opposite", "jacobian"):
        battery.CHECKS[check](case)


@pytest.mark.parametrize("name", [n for n in REGISTRY if n not in ONE_DIMENSION])
def test_couplings_refuse_one_dimension(name):
    with pytest.raises(ValueError, match="at least 2 dimensions, got 1"):
        REGISTRY[name](dtype="float32").build((None, 1))


@pytest.mark.parametrize(
    "name",
    [n for n in REGISTRY if any(k in n for k in ("coupling", "halves", "maf", "iaf", "planar"))]
    + ["radial", "chain", "repeated"],
)
def test_condition_matters(name):
    battery.check_condition_matters(battery.Case(REGISTRY[name], 4, context=3))


def test_registry_is_complete():
    for module in pkgutil.iter_modules(glf.bijectors.__path__):
        importlib.import_module(f"glf.bijectors.{module.name}")
    todo, concrete = [Bijector], set()
    while todo:
        cls = todo.pop()
        todo.extend(cls.__subclasses__())
        private = cls.__name__.startswith("_")
        if cls.__module__.startswith("glf.bijectors") and not (inspect.isabstract(cls) or private):
            # By name: gin makes a subclass of the same name of each class that it knows.
            concrete.add((cls.__module__, cls.__qualname__))
    made = [type(make(dtype="float32")) for make in (REGISTRY | IMAGES).values()]
    # The one that needs more channels than images have goes through the battery behind a squeeze.
    made += map(type, IMAGES["unsqueeze_squeezed"](dtype="float32").bijectors)
    registered = {(cls.__module__, cls.__qualname__) for cls in made}
    assert registered == concrete
