"""Reading configurations: order, errors that help, one normal form."""

import importlib
import inspect
import pkgutil

import pytest

from glf import configurables

DIGITS = "configs/studies/glf/digits.gin"


@pytest.fixture(autouse=True)
def _nothing_configured():
    yield
    configurables.parse()


@pytest.mark.parametrize(
    ("binding", "said", "helps"),
    [
        ("GLF.latent_sise = 3", "latent_sise", "Did you mean latent_size"),
        ("GLF.make_flow = @Flwo", "Flwo", "Did you mean Flow"),
        ("tran.seed = 3", "tran", "Did you mean train"),
        ("train.workdir = 'x'", "workdir", "train"),
        ("GLF.zzz = 3", "zzz", "Known: beta, label_drop, latent_noise, latent_size"),
        ("train.num_steps = = 3", "Unable to parse value", "line 1"),
        ("train.num_steps", "expected ':' or '='", "line 1"),
    ],
)
def test_wrong_bindings(binding, said, helps):
    with pytest.raises(ValueError, match="The configuration cannot be used") as raised:
        configurables.parse([DIGITS], [binding])
    assert said in str(raised.value)
    assert helps in str(raised.value)


def test_a_missing_file():
    with pytest.raises(
        ValueError, match=r"There is no configuration 'configs/none\.gin'.*configs/"
    ):
        configurables.parse(["configs/none.gin"])


def test_a_missing_include(tmp_path):
    (tmp_path / "a.gin").write_text('include "none.gin"\n')
    with pytest.raises(ValueError, match=r"none\.gin"):
        configurables.parse([str(tmp_path / "a.gin")])


def test_no_model():
    configurables.parse()
    with pytest.raises(ValueError, match=r"binds no model .*digits\.gin"):
        configurables.train("unused", None)
    with pytest.raises(ValueError, match="binds no model"):
        configurables.make_model(None)


def test_later_files_and_bindings_override(tmp_path):
    (tmp_path / "a.gin").write_text("train.seed = 1\ntrain.num_steps = 1\ntrain.batch_size = 1\n")
    (tmp_path / "b.gin").write_text("train.num_steps = 2\ntrain.batch_size = 2\n")
    files = [str(tmp_path / "a.gin"), str(tmp_path / "b.gin")]
    configurables.parse(files, ["train.batch_size = 3", "train.make_model = @GLF"])
    read = configurables.experiment()
    assert (read.seed, read.num_steps, read.batch_size, read.clip_norm) == (1, 2, 3, None)
    configurables.parse(gin_params=["train.make_model = @GLF"])
    assert configurables.experiment().seed == 0


def test_files_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    configurables.parse([DIGITS])
    assert configurables.experiment().make_model is not None


def test_the_normal_form_can_be_read_again(tmp_path):
    configurables.parse([DIGITS], ["train.seed = 12"])
    text = configurables.config_text()
    (tmp_path / "config.gin").write_text(text)
    configurables.parse([str(tmp_path / "config.gin")])
    assert configurables.config_text() == text
    assert "train.seed = 12" in text


def test_calling_a_class_directly_ignores_the_configuration(digits):
    configurables.parse([DIGITS], ["DenseAutoencoder.hidden = (3,)"])
    from glf.networks.dense_autoencoder import DenseAutoencoder

    encoder = DenseAutoencoder((8, 8, 1), 2, hidden=(5,))
    assert encoder.weights[0].shape == (64, 5)
    assert DenseAutoencoder((8, 8, 1), 2).weights[0].shape != (64, 3)


def test_the_masked_autoregressive_flow_is_of_five_maps(digits):
    """Papamakarios, Pavlakou, Murray 2017: MAF (5), the order reversed from one to the next."""
    configurables.parse([DIGITS, "configs/models/flows/maf.gin"])
    layers = configurables.make_model(digits.spec).flow.bijector.bijectors
    orders = [layer.network.order for layer in layers if type(layer).__name__ == "MAF"]
    assert orders == ["sequential", "reversed", "sequential", "reversed", "sequential"]


def test_a_deep_transformer_behind_shallow_ones(digits):
    """What configs/models/pixel_flows/tarflow.gin says on top of it."""
    shallow = "@{0}/TransformerAutoregressive, @{1}/TransformerAutoregressive"
    layers = ", ".join(shallow.format("forwards", last) for last in ("backwards", "deep"))
    deep = [
        f"layers/Chain.make_bijectors = [{layers}]",
        "layers/Chain.repeats = 1",
        "deep/TransformerAutoregressive.order = 'reversed'",
        "deep/TransformerAutoregressive.make_network = @deep/CausalTransformer",
        "deep/CausalTransformer.layers = 3",
        "CausalTransformer.layers = 1",
        "CausalTransformer.width = 4",
    ]
    configurables.parse(["configs/studies/tarflow/digits.gin"], deep)
    model = configurables.make_model(digits.spec)
    flows = model.density.bijector.bijectors[1].bijectors
    assert [len(flow.network.blocks) for flow in flows] == [1, 1, 1, 3]
    assert [flow.order for flow in flows] == ["sequential", "reversed"] * 2


def test_the_seed_sets_the_weights(digits):
    weights = []
    for seed in (1, 1, 2):
        configurables.parse([DIGITS, "configs/smoke.gin"], [f"train.seed = {seed}"])
        weights.append(configurables.make_model(digits.spec).autoencoder.weights[0].numpy())
    assert (weights[0] == weights[1]).all()
    assert not (weights[0] == weights[2]).all()


def test_every_part_can_be_named():
    """A class of a room that says what code gives is exported by its room, and so known."""
    known, parts = set(configurables.CONFIGURABLES.values()), set()
    for room in (r.__name__ for r in configurables.ROOMS if hasattr(r, "__path__")):
        for info in pkgutil.iter_modules(importlib.import_module(room).__path__):
            module = importlib.import_module(f"{room}.{info.name}")
            parts |= {
                part
                for part in vars(module).values()
                if hasattr(part, "given_by_code") and not inspect.isabstract(part)
            }
    assert len(parts) > 80
    assert [part for part in parts - known if not part.__name__.startswith("_")] == []


def test_what_code_gives_is_taken_and_not_bound():
    for name, part in configurables.CONFIGURABLES.items():
        given = set(getattr(part, "given_by_code", ()))
        for parameter in given & inspect.signature(part).parameters.keys():
            with pytest.raises(ValueError, match=f"denylisted kwarg '{parameter}'"):
                configurables.parse(gin_params=[f"{name}.{parameter} = 3"])


def test_an_autoregressive_model_by_name(digits):
    bindings = [
        "train.make_model = @Autoregressive",
        "Autoregressive.make_density = @AutoregressiveModel",
        "Autoregressive.make_sampler = @Predictive",
        "Predictive.rows = 'auto'",
        "AutoregressiveModel.make_network = @PixelCNN",
        "AutoregressiveModel.make_family = @DiscretizedLogisticMixture",
        "Autoregressive.make_condition_encoder = @LabelEmbedding",
        "AutoregressiveModel.make_forecaster = @Forecaster",
        "PixelCNN.filters = 4",
        "PixelCNN.blocks = 0",
        "DiscretizedLogisticMixture.components = 3",
        "LabelEmbedding.size = 5",
        "Forecaster.horizon = 2",
    ]
    configurables.parse(gin_params=bindings)
    model = configurables.make_model(digits.spec)
    assert model.sampler.rows == "auto"
    assert model.density.family.components == 3
    assert model.condition_encoder.table.shape == (10, 5)
    assert model.density.forecaster.horizon == 2
    for code_passes_it in ("AutoregressiveModel.spec = 3", "PixelCNN.groups = 2"):
        with pytest.raises(ValueError, match="cannot be used"):
            configurables.parse(gin_params=[*bindings, code_passes_it])


def test_a_discrete_autoencoder_by_name(digits):
    bindings = [
        "train.make_model = @DiscreteAutoencoder",
        "DiscreteAutoencoder.make_quantizer = @VectorQuantizer",
        "DiscreteAutoencoder.make_autoencoder = @SpatialAutoencoder",
        "SpatialAutoencoder.downsamplings = 1",
        "VectorQuantizer.categories = 7",
        "VectorQuantizer.freeze_after = 9",
        "train.optimizers = {'autoencoder': @first/adam, 'prior': @then/adam}",
        "first/adam.make_schedule = @until",
        "then/adam.make_schedule = @starting_at",
        "until.step = 9",
        "starting_at.step = 9",
    ]
    configurables.parse(gin_params=bindings)
    model = configurables.make_model(digits.spec)
    assert model.code_shape == (4, 4, 1)
    assert model.prior.levels == 7
    assert model.quantizer.freeze_after == 9
    made = {name: make() for name, make in configurables.experiment().optimizers.items()}
    assert float(made["autoencoder"].learning_rate) > 0
    assert float(made["prior"].learning_rate) == 0
