"""Names of earlier versions: said once a file, read as today's, refused where they cannot be."""

import inspect

import pytest
from absl import logging

from glf import configurables
from glf.configuration import earlier
from glf.data.dataset import DataSpec
from glf.training.execution import Execution

WHERE = "train.optimizers"


@pytest.fixture
def said(monkeypatch):
    """The warnings, each a text."""
    texts = []
    monkeypatch.setattr(logging, "warning", lambda text, *args: texts.append(text % args))
    return texts


@pytest.fixture
def _renamed(monkeypatch):
    """As if `adam` had been called `descent`, and before that been a `left` and a `right` one."""
    names = {"descent": "adam", "descent.rate": "adam.learning_rate", "GLF.size": "GLF.latent_size"}
    names |= {"left": "adamax", "right": "adamax", "train.tall": "train.seed"}
    monkeypatch.setattr(earlier, "NAMES", {**names, "train.wide": "train.seed"})
    monkeypatch.setattr(earlier, "CHANGED", {"GLF.size": lambda value: 2 * value})
    monkeypatch.setattr(earlier, "DEFAULTS", {"descent.beta_1": 0.75, "descent.rate": 0.125})


def text_of(*bindings, files=()):
    configurables.parse(files, bindings)
    return configurables.config_text()


@pytest.mark.usefixtures("_renamed")
def test_names_are_translated_and_said_once_a_file(tiny, said, tmp_path):
    (tmp_path / "base.gin").write_text("\n".join([*tiny, "x/descent.rate = 0.5", "GLF.size = 3"]))
    lines = ['include "base.gin"', f"{WHERE} = @x/descent", "glf.descent:", "  beta_2 = 0.5"]
    (tmp_path / "a.gin").write_text("\n".join(lines))
    text = text_of("descent.beta_1 = 0.25", "train.seed = 4", files=[str(tmp_path / "a.gin")])
    for line in ("adam.beta_1 = 0.25", "adam.beta_2 = 0.5", "x/adam.learning_rate = 0.5"):
        assert line in text
    assert f"{WHERE} = @x/adam" in text
    assert "GLF.latent_size = 6" in text
    assert [s.splitlines()[0].split()[0].rsplit("/", 1)[-1] for s in said] == [
        *("base.gin", "a.gin", "The")
    ]
    assert "descent.rate is now adam.learning_rate" in said[0]
    assert "GLF.size is now GLF.latent_size" in said[0]
    assert said[1].splitlines()[1:] == ["  descent is now adam"]
    said.clear()
    assert text_of(*text.splitlines()) == text
    assert not said


@pytest.mark.usefixtures("_renamed")
def test_what_an_earlier_default_stood_for_is_bound(tiny):
    text = text_of(*tiny, f"{WHERE} = @x/descent", "descent.beta_1 = 0.25")
    assert "adam.beta_1 = 0.25" in text
    assert "x/adam.learning_rate = 0.125" in text
    assert "0.75" not in text
    assert "learning_rate" not in text_of(*tiny, f"{WHERE} = @x/adam")


@pytest.mark.usefixtures("_renamed")
@pytest.mark.parametrize(
    ("bindings", "line"),
    [
        (["left.beta_1 = 0.5", "right.beta_1 = 0.5"], "adamax.beta_1 = 0.5"),
        (["left.beta_1 = 0.5", "x/right.beta_1 = 0.5"], None),
        (["left.beta_1 = 0.25", "right.beta_1 = 0.5"], None),
        (["left.beta_1 = 0.25", "adamax.beta_1 = 0.5"], "adamax.beta_1 = 0.5"),
        (["adamax.beta_1 = 0.25", "left.beta_1 = 0.5"], None),
        (["left.beta_1 = 0.5"], None),
        (["left.beta_1 = 0.9"], "adamax.beta_1 = 0.9"),
        (["train.tall = 3", "train.wide = 3"], "train.seed = 3"),
        (["train.tall = 3", "train.wide = %three", "three = 3"], "train.seed = %three"),
        (["train.tall = 3", "train.wide = 4"], None),
        (["train.tall = 3"], None),
    ],
)
def test_names_that_became_one(tiny, bindings, line):
    bindings = [*tiny, f"{WHERE} = @x/adamax", *bindings]
    if line is not None:
        assert line in text_of(*bindings)
        return
    with pytest.raises(ValueError, match="are of an earlier version") as raised:
        configurables.parse(gin_params=bindings)
    assert "can no longer differ" in str(raised.value)


@pytest.mark.usefixtures("_renamed")
def test_a_run_of_earlier_names_goes_on(tiny, images, tmp_path, said):
    source = f'make_dataset.source = "array:{images}"'
    configurables.parse(gin_params=[*tiny, source, "adam.learning_rate = 0.5"])
    configurables.train(tmp_path / "run", Execution(jit=False))
    config = tmp_path / "run" / "config.gin"
    text = (
        config.read_text().replace("adam.learning_rate", "descent.rate").replace("adam", "descent")
    )
    config.write_text(text.replace("GLF.latent_size = 2", "GLF.size = 1"))
    assert "@descent" in config.read_text()
    assert configurables.load_run(tmp_path / "run", with_data=False)[2] == 1
    assert len(said) == 1
    configurables.parse(
        gin_params=[
            *tiny,
            source,
            f"{WHERE} = @descent",
            "descent.rate = 0.5",
            "train.num_steps = 2",
        ]
    )
    assert configurables.train(tmp_path / "run", Execution(jit=False))["step"] == 2
    assert "descent" not in config.read_text()


FLOWS = {
    "repeated, inverted": (
        [
            "Flow.make_bijector = @a/Repeated",
            "a/Repeated.make_layers = [@ActNorm, @Invert]",
            "Invert.bijector = @b/Repeated()",
            "b/Repeated.make_layers = [@Planar]",
            "b/Repeated.num = 2",
        ],
        [
            "Flow.make_bijector = @a/Chain",
            "a/Chain.make_bijectors = [@ActNorm, @Invert]",
            "a/Chain.repeats = 4",
            "Invert.make_bijector = @b/Chain",
            "b/Chain.make_bijectors = [@Planar]",
            "b/Chain.repeats = 2",
        ],
    ),
    "a chain of objects": (
        [
            "Flow.make_bijector = @Chain",
            "Chain.bijectors = [@ActNorm(), @first/Coupling()]",
            "Coupling.elementwise = @AffineMap()",
        ],
        [
            "Flow.make_bijector = @Chain",
            "Chain.make_bijectors = [@ActNorm, @first/Coupling]",
            "Coupling.make_map = @AffineMap",
        ],
    ),
}


@pytest.mark.parametrize("flow", FLOWS)
def test_flows_of_parts_that_were_objects(tiny, flow):
    earlier_names, today = FLOWS[flow]
    assert text_of(*tiny, *earlier_names) == text_of(*tiny, *today)
    assert configurables.make_model(DataSpec((2, 2, 1), 16, None)).flow.built


def test_a_pair_of_encoder_and_decoder_is_one_autoencoder(said):
    pair = ["GLF.make_encoder = @DenseEncoder", "GLF.make_decoder = @DenseDecoder"]
    sizes = ["DenseEncoder.hidden = (5,)", "DenseDecoder.hidden = (5,)"]
    text = text_of("train.make_model = @GLF", *pair, *sizes)
    assert "GLF.make_autoencoder = @DenseAutoencoder" in text
    assert "DenseAutoencoder.hidden = (5,)" in text
    assert "DenseEncoder is now DenseAutoencoder" in said[0]
    for wrong in (pair[:1], [pair[0], "GLF.make_decoder = @ResidualDecoder"], [*pair, sizes[0]]):
        with pytest.raises(ValueError, match="can no longer differ"):
            text_of("train.make_model = @GLF", *wrong)


ENCODER = "AutoregressiveModel.make_condition_encoder = @LabelEmbedding"
PIXELS, CODES = "train.make_model = @Autoregressive", "train.make_model = @DiscreteAutoencoder"


@pytest.mark.parametrize(
    ("earlier_names", "today"),
    [
        ([PIXELS, ENCODER], [PIXELS, "Autoregressive.make_condition_encoder = @LabelEmbedding"]),
        (
            [
                *("train.make_model = @a/Autoregressive", f"a/{ENCODER}"),
                *("a/LabelEmbedding.size = 3", "AutoregressiveModel.make_condition_encoder = @X"),
            ],
            [
                *("train.make_model = @a/Autoregressive", "a/LabelEmbedding.size = 3"),
                "a/Autoregressive.make_condition_encoder = @LabelEmbedding",
            ],
        ),
        (
            [
                *(CODES, "DiscreteAutoencoder.make_prior = @c/AutoregressiveModel", f"c/{ENCODER}"),
                *("c/LabelEmbedding.size = 3", "LabelEmbedding.size = 4"),
            ],
            [
                *(CODES, "DiscreteAutoencoder.make_prior = @c/AutoregressiveModel"),
                "DiscreteAutoencoder.make_condition_encoder = @c/LabelEmbedding",
                *("c/LabelEmbedding.size = 3", "LabelEmbedding.size = 4"),
            ],
        ),
        (
            [PIXELS, "Autoregressive.make_condition_encoder = @Downsampled", ENCODER],
            [PIXELS, "Autoregressive.make_condition_encoder = @LabelEmbedding"],
        ),
        (
            [PIXELS, ENCODER, "Autoregressive.make_condition_encoder = @Downsampled"],
            [PIXELS, "Autoregressive.make_condition_encoder = @Downsampled"],
        ),
    ],
)
def test_the_conditions_encoder_is_the_models(earlier_names, today, said):
    earlier_names = [line.replace("@X", "@Downsampled") for line in earlier_names]
    assert text_of(*earlier_names) == text_of(*today)
    assert len(said) == 1
    assert "is now Autoregressive.make_condition_encoder or DiscreteAutoencoder.make_c" in said[0]
    model = configurables.make_model(DataSpec((4, 4, 1), 16, 3))
    assert model.condition_encoder is not None


def test_an_encoder_that_nobody_takes_is_refused(tiny):
    with pytest.raises(ValueError, match=r"make_condition_encoder = .* has no effect"):
        configurables.parse(gin_params=[*tiny, ENCODER])


def test_every_line_of_the_tables_leads_to_what_can_be_bound():
    def known(name):
        owner, *parameter = name.split(".")
        target = configurables.CONFIGURABLES.get(owner)
        return target and (not parameter or parameter[0] in inspect.signature(target).parameters)

    handed_over = earlier.HANDED_OVER
    today = [name for pairs in handed_over.values() for pair in pairs.items() for name in pair]
    assert [new for new in (*earlier.NAMES.values(), *today) if not known(new)] == []
    assert [old for old in (*earlier.NAMES, *handed_over) if known(old)] == []


def test_families_of_earlier_versions(said):
    glf, flow = ("configs/studies/glf/digits.gin", "configs/studies/mar_scf/digits.gin")
    earlier_names = ["GLF.make_reconstruction = @Bernoulli", "Bernoulli.reduction = 'mean'"]
    text = text_of(*earlier_names, files=[glf])
    assert "GLF.make_reconstruction = @CrossEntropy" in text
    assert "CrossEntropy.reduction = 'mean'" in text
    earlier_names = ["ChannelAutoregressive.output = 'logistic_mixture'"]
    text = text_of(*earlier_names, "ChannelAutoregressive.components = 3", files=[flow])
    assert "ChannelAutoregressive.make_family = @MixtureOfLogistics" in text
    assert "MixtureOfLogistics.components = 3" in text
    text = text_of("ChannelAutoregressive.output = 'gaussian'", files=[flow])
    assert "ChannelAutoregressive.make_family = @Gaussian" in text
    pixels = "configs/studies/pixel_cnn/digits.gin"
    earlier_names = ["AutoregressiveModel.make_output = @LogisticMixture"]
    text = text_of(*earlier_names, "LogisticMixture.components = 3", files=[pixels])
    assert "AutoregressiveModel.make_family = @DiscretizedLogisticMixture" in text
    assert "DiscretizedLogisticMixture.components = 3" in text
    assert len(said) == 4
