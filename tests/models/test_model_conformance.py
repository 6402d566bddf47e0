"""Every model of the registry: losses, weights, samples, likelihoods and refusals."""

import copy
import pickle
import pydoc

import keras
import numpy as np
import pytest
import tensorflow as tf
from class_names import concrete_names, name_of

from glf.export import export_model
from glf.models.abilities import (
    HasBounds,
    HasCodes,
    HasDensity,
    HasInnerLoss,
    HasLatentDensity,
    HasLatentFlow,
    HasLatents,
    HasLogProb,
    Reconstructs,
)
from glf.models.autoregressive import Autoregressive
from glf.models.base import GenerativeModel
from glf.models.registry import MODELS

BATCH = 5
MESSAGES = {
    "num": "number of samples must be at least 1",
    "temperature": "temperature must be finite and at least 0",
    "guidance": "weight of guidance must be finite and at least 0",
    "images": "integers from 0 to .*; got values from",
    "points": "of finite real numbers",
    "conditions": "(Labels|Conditions) are .*; got shape",
    "latents": "This model takes (codes|latents)",
}


class Case:
    """A model with random weights and a batch for it."""

    def __init__(self, name):
        self.name = name
        self.spec, make = MODELS[name]
        keras.utils.set_random_seed(0)
        self.model = make(self.spec)
        rng = np.random.default_rng(1)
        for weight in self.model.trainable_weights:
            weight.assign_add(0.1 * rng.normal(size=weight.shape))
        shape = (BATCH, *self.spec.shape)
        if self.spec.levels is None:
            self.x = tf.constant(rng.normal(size=shape), tf.float32)
        else:
            self.x = tf.constant(rng.integers(0, self.spec.levels, shape), tf.uint8)
        batch = {"x": self.x}
        if self.spec.num_classes:
            batch["label"] = tf.constant(rng.integers(0, self.spec.num_classes, BATCH), tf.int32)
        if self.spec.condition_shape:
            images = rng.integers(0, 256, (BATCH, *self.spec.condition_shape))
            batch["condition"] = tf.constant(images, tf.uint8)
        condition = self.model.condition_of(batch)
        self.given = {} if condition is None else {"condition": condition}

    def sampled(self, num):
        return self.model.sample(num, 3, **self.first(num))

    def first(self, num):
        return {name: values[:num] for name, values in self.given.items()}


# The others only in the full run.
FAST = ("autoregressive", "glf", "logistic_segmenter", "vector_flow")


@pytest.fixture(
    scope="module",
    params=[n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in MODELS],
)
def case(request):
    return Case(request.param)


def test_all_are_here():
    made = {type(make(spec)) for spec, make in MODELS.values()}
    assert set(map(name_of, made)) == concrete_names(GenerativeModel)


def test_every_weight_is_in_one_group(case):
    grouped = [weight for group in case.model.parameter_groups().values() for weight in group]
    assert sorted(map(id, grouped)) == sorted(map(id, case.model.trainable_weights))
    assert grouped


def test_losses_and_their_gradients(case):
    weights = [weight.value for weight in case.model.trainable_weights]

    def run(training, differentiate=True):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            terms = case.model.loss_terms(case.x, (0, 7), training, **case.given)
            loss = tf.reduce_mean(terms["loss"])
        return terms, tape.gradient(loss, weights) if differentiate else None

    compiled = tf.function(run, autograph=False, jit_compile=True)
    names = {}
    for training in (True, False):
        terms, gradients = run(training)
        names[training] = list(terms)
        for value in terms.values():
            assert value.shape == (BATCH,)
            assert value.dtype == tf.float32
            assert np.all(np.isfinite(value))
        for gradient in gradients:
            assert gradient is not None
            assert np.all(np.isfinite(gradient))
        found = compiled(training, differentiate=training)  # nothing evaluates by gradients
        for name, value in terms.items():
            np.testing.assert_allclose(found[0][name], value, rtol=2e-4, atol=1e-4)
    assert names[True] == names[False]
    assert np.mean([np.any(gradient != 0) for gradient in gradients]) > 0.9


def test_samples(case):
    drawn = case.model.sample(BATCH, 3, **case.given)
    assert drawn.shape == (BATCH, *case.spec.shape)
    if case.spec.levels is None:
        assert drawn.dtype == tf.float32
        assert np.all(np.isfinite(drawn))
    else:
        assert drawn.dtype == tf.uint8
        assert drawn.numpy().max() < case.spec.levels
    np.testing.assert_array_equal(case.model.sample(BATCH, 3, **case.given), drawn)
    assert np.any(case.model.sample(BATCH, 4, **case.given) != drawn)
    first = case.model.sample(2, 3, **case.first(2))
    np.testing.assert_allclose(first, drawn[:2], rtol=1e-5, atol=1e-6)
    cold = [case.model.sample(BATCH, seed, 0.0, **case.given) for seed in (3, 4)]
    np.testing.assert_array_equal(*cold)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        case.model.sample(0, 3)
    for wrong in (-1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match=f"at least 0, got {wrong}"):
            case.model.sample(BATCH, 3, wrong, **case.given)
    if not case.given:
        with pytest.raises(ValueError, match="takes no condition"):
            case.model.sample(BATCH, 3, condition=tf.zeros([BATCH], tf.int32))


def test_the_share_of_samples_that_is_no_data(case):
    drawn = case.model.draw(BATCH, 3, **case.given)
    np.testing.assert_array_equal(drawn.x, case.model.sample(BATCH, 3, **case.given))
    assert not np.any(drawn.not_finite)
    assert drawn.outside.shape == (BATCH,)
    assert np.all((drawn.outside >= 0) & (drawn.outside < 1))
    if isinstance(case.model, Autoregressive):
        return  # of logits that are not finite a sample is still one of the levels
    # The last weights that are used are those that a decoder or a coupling ends in.
    kept = [weight.numpy() for weight in case.model.trainable_weights]
    for weight in case.model.trainable_weights:
        weight.assign(tf.fill(weight.shape, np.nan))
    broken = case.model.draw(BATCH, 3, **case.given)
    assert np.all(broken.not_finite.numpy() > 0)
    with pytest.raises(ValueError, match="not finite: 5 of 5"):
        case.model.sample(BATCH, 3, **case.given)
    for weight, value in zip(case.model.trainable_weights, kept, strict=True):
        weight.assign(value)


def test_public_methods_are_the_base_classes(case):
    """A model writes the mathematics; nothing of it is in the way of the checks."""
    found = set()
    for cls in type(case.model).__mro__:
        found |= {name for name, value in vars(cls).items() if getattr(value, "__final__", False)}
    assert found >= {"loss_terms", "sample", "draw"}
    for name in found:
        assert getattr(type(case.model), name).__final__, name


# Keras' save_weights converts variables in a way that NumPy 2 deprecates.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_copies(case, tmp_path):
    """With weights of their own; what Keras would do otherwise says what to do instead."""
    model = case.model
    copied = copy.deepcopy(model)
    assert not {id(weight) for weight in copied.variables} & {id(w) for w in model.variables}
    for weight, twin in zip(model.variables, copied.variables, strict=True):
        np.testing.assert_array_equal(weight.numpy(), twin.numpy())
    np.testing.assert_array_equal(copied.sample(2, 3, **case.first(2)), case.sampled(2))
    kept = [weight.numpy() for weight in copied.variables]
    copied.save_weights(tmp_path / "all.weights.h5")
    for weight in copied.trainable_weights:
        weight.assign(tf.zeros_like(weight))
    copied.load_weights(tmp_path / "all.weights.h5")
    for weight, value in zip(copied.variables, kept, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)
    for way in (pickle.dumps, keras.models.clone_model, copy.copy, type(model).get_config):
        with pytest.raises(ValueError, match=r"copy\.deepcopy copies it .*glf\.load_run"):
            way(model)
    for name, said in (("save", "export_model"), ("fit", "train"), ("compile", "train")):
        with pytest.raises(ValueError, match=rf"has no {name}\. .*glf\.{said}"):
            getattr(model, name)("anything")


def test_a_checkpoint_holds_no_more_after_sampling(case, tmp_path):
    def names(name, model):
        return tf.train.list_variables(tf.train.Checkpoint(model).write(str(tmp_path / name)))

    case.sampled(2)
    assert names("used", case.model) == names("fresh", MODELS[case.name][1](case.spec))


def test_help_is_of_the_model_itself(case):
    text = pydoc.plain(pydoc.render_doc(type(case.model)))
    assert len(text.splitlines()) < 500
    assert "sample(self, num, seed" in text
    assert "add_weight" not in text
    assert hasattr(case.model, "add_weight")


def takers(model):
    """The methods of a model that take data, and those that take latents, by name."""
    data = {"loss_terms": lambda x, **given: model.loss_terms(x, (0, 7), False, **given)}
    if isinstance(model, HasLogProb):
        data["log_prob"] = model.log_prob
    if isinstance(model, HasBounds):
        data["log_weights"] = lambda x, **given: model.log_weights(x, (0, 7), **given)
    if isinstance(model, HasInnerLoss):
        data["loss_terms_and_features"] = lambda x, **given: model.loss_terms_and_features(
            x, (0, 7), False, **given
        )
    free, latents = {}, {}
    if isinstance(model, Reconstructs):
        free |= {"reconstruct": model.reconstruct, "reconstruct_unit": model.reconstruct_unit}
    if isinstance(model, HasLatents):
        free["encode"], latents["decode"] = model.encode, model.decode
    if isinstance(model, HasLatentFlow):
        latents |= {"to_base": model.to_base, "from_base": model.from_base}
    if isinstance(model, HasLatentDensity):
        latents["latent_log_prob"] = model.latent_log_prob
    return data, free, latents


def wrong_latents(model):
    """Latents of another shape, of another type, and with impossible values."""
    shape = (BATCH, *model.latent_spec.shape[1:])
    if isinstance(model, HasCodes):
        codes = np.zeros(shape, np.int32)
        return codes[:, :-1], codes.astype(np.float32), codes + model.categories, codes - 1
    zeros = np.zeros(shape, np.float32)
    return zeros[:, :-1], zeros.astype(np.int32), zeros + np.nan, zeros + np.inf


def test_what_is_no_data_is_refused(case):
    data, free, latents = takers(case.model)
    if case.spec.levels is None:
        said = r"takes points \[batch, 2\] of finite real numbers; "
        wrong = (case.x[:, :1], tf.ones_like(case.x, tf.int32), case.x * np.nan)
    else:
        said = f"takes images of shape .*, integers from 0 to {case.spec.levels - 1}; got "
        shifted = tf.cast(case.x, tf.int32) + case.spec.levels
        unit = case.model.to_unit(case.x)
        wrong = (case.x[:, :3], unit, shifted, shifted.numpy(), -1 - tf.cast(case.x, tf.int32))
    for name, method in {**data, **free}.items():
        given = case.given if name in data else {}
        for x in wrong:
            with pytest.raises(ValueError, match=said):
                method(x, **given)
    for method in latents.values():
        for z in wrong_latents(case.model):
            with pytest.raises(ValueError, match=r"This model takes (codes|latents|base noise)"):
                method(z)


@pytest.mark.slow
def test_exports_refuse_what_the_model_refuses(case, tmp_path):
    """Values, that is; of other shapes and types a SavedModel has its own words."""
    described = export_model(case.model, tmp_path / "export")
    loaded = tf.saved_model.load(str(tmp_path / "export"))
    right = {
        "num": tf.constant(BATCH),
        "temperature": tf.constant(1.0),
        "guidance": tf.constant(1.0),
        "seed": tf.constant(3, tf.int64),
        "images": case.x,
        "points": case.x,
        "conditions": tf.cast(case.given.get("condition", 0), tf.int32),
    }
    wrong = {
        "num": [tf.constant(0)],
        "temperature": [tf.constant(t) for t in (-0.5, np.inf, np.nan)],
        "guidance": [tf.constant(-0.5)],
        "seed": [],
        "images": [case.x + (case.spec.levels or 0)],
        "points": [tf.fill(case.x.shape, np.nan)],
        "conditions": [right["conditions"] - 256, right["conditions"] + 256],
    }
    if isinstance(case.model, HasLatents):
        spec = case.model.latent_spec
        right["latents"] = tf.zeros((BATCH, *spec.shape[1:]), spec.dtype)
        wrong["latents"] = [tf.constant(z) for z in wrong_latents(case.model)[2:]]
    for name in described:
        function, signature = getattr(loaded, name), loaded.signatures[name]
        takes = signature.structured_input_signature[1]
        arguments = {key: right[key] for key in takes}
        assert len(next(iter(signature(**arguments).values()))) == BATCH
        for key in takes:
            for value in wrong[key]:
                for way in (function, signature):
                    with pytest.raises(tf.errors.InvalidArgumentError, match=MESSAGES[key]):
                        way(**{**arguments, key: value})


def test_likelihoods_of_integers(case):
    """Exact ones are the loss's; all are the same in every call and need what they need."""
    model = case.model
    if not isinstance(model, HasDensity):
        return
    found = model.log_prob(case.x, **case.given)
    assert found.shape == (BATCH,)
    assert np.all(found < 0)
    np.testing.assert_array_equal(model.log_prob(case.x, **case.given), found)
    if model.likelihood == "exact":
        terms = model.loss_terms(case.x, (0, 7), False, **case.given)
        np.testing.assert_allclose(-terms["nll"], found, rtol=1e-5)
    if case.given:
        with pytest.raises(ValueError, match="needs conditions"):
            model.log_prob(case.x)
    else:
        with pytest.raises(ValueError, match="takes no condition"):
            model.log_prob(case.x, tf.zeros([BATCH], tf.int32))
