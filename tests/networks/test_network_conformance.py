"""Every network of the registry, in every role: one battery."""

import keras
import network_battery as battery
import network_cases as cases
import pytest
from class_names import concrete_names, name_of

from glf.networks import registry
from glf.networks.autoencoder import Autoencoder
from glf.networks.base import (
    Conditioner,
    ContextNetwork,
    ImageClassifier,
    MaskedNetwork,
    TokenNetwork,
)
from glf.networks.condition_encoders import ConditionEncoder

ROLES = {
    "conditioner": (registry.CONDITIONERS, cases.conditioner, Conditioner),
    "image_conditioner": (registry.IMAGE_CONDITIONERS, cases.image_conditioner, Conditioner),
    "masked": (registry.MASKED, cases.masked, MaskedNetwork),
    "tokens": (registry.TOKENS, cases.tokens, TokenNetwork),
    "autoencoder": (registry.AUTOENCODERS, cases.autoencoder, Autoencoder),
    "condition_encoder": (registry.CONDITION_ENCODERS, cases.condition_encoder, ConditionEncoder),
    "context": (registry.CONTEXTS, cases.context, ContextNetwork),
    "classifier": (registry.CLASSIFIERS, cases.classifier, ImageClassifier),
}
CONDITIONAL = ("conditioner", "image_conditioner", "masked", "tokens")
CASES = [
    (role, name, condition)
    for role, (entries, *_) in ROLES.items()
    for name in entries
    for condition in ((False, True) if role in CONDITIONAL else (False,))
]
# Whose training step is compiled as well, one of each class.
STEPS = ("dense", "infogan", "residual_flat", "spatial")


# What takes long is checked with the condition alone, where there is one.
LONG = [c for c in CASES if c[2] or c[0] not in CONDITIONAL]


def made(request):
    role, name, condition = request.param
    entries, make_case, _ = ROLES[role]
    case = make_case(entries[name], condition)
    case.step = role == "autoencoder" and name in STEPS
    return case


def fixture(cases):
    def name(case):
        return f"{case[0]}-{case[1]}" + ("-conditional" if case[2] else "")

    return pytest.fixture(made, scope="module", params=cases, ids=name)


case, long_case = fixture(CASES), fixture(LONG)


@pytest.fixture(autouse=True)
def _policy():
    yield
    keras.config.set_dtype_policy("float32")


def test_all_are_here():
    made, expected = set(), set()
    for entries, _, base in ROLES.values():
        made |= {name_of(getattr(make, "func", make)) for make in entries.values()}
        expected |= {n for n in concrete_names(base) if n.startswith("glf.networks.")}
    assert made == expected


def test_shapes_and_precision(case):
    battery.check_shapes_and_precision(case)


def test_start(case):
    starts_at_zero = getattr(case.fresh(), "starts_at_zero", False)
    battery.check_start(case, starts_at_zero)


def test_an_example_is_on_its_own(case):
    battery.check_examples_alone(case)


def test_gradients(case):
    battery.check_gradients(case)


@pytest.mark.slow
def test_compiled(long_case):
    battery.check_compiled(long_case, xla_gradients=long_case.step)


def test_training(case):
    battery.check_training(case)


@pytest.mark.slow
def test_copies(long_case, tmp_path):
    battery.check_copies(long_case, tmp_path / "weights")
