"""Every family of the registry: probabilities, decisions, extremes, gradients, places."""

import family_battery
import pytest
from class_names import concrete_names, name_of

from glf.families import Family
from glf.families.registry import REGISTRY


def test_all_are_here():
    assert {name_of(type(make())) for make in REGISTRY.values()} == concrete_names(Family)


@pytest.mark.parametrize("check", family_battery.CHECKS)
@pytest.mark.parametrize("name", REGISTRY)
def test_conformance(name, check):
    family_battery.CHECKS[check](REGISTRY[name])
