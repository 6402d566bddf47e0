"""No binding without effect: it reaches its part, or it is refused."""

import pytest

from glf import configurables

DIGITS = "configs/studies/glf/digits.gin"


def test_the_data_are_what_the_bindings_say_without_any_reference(tiny):
    configurables.parse(gin_params=[*tiny, "make_dataset.crop = 4"])
    assert configurables.make_dataset().spec.shape == (4, 4, 1)
    assert configurables.experiment().make_dataset().spec.shape == (4, 4, 1)


def test_a_run_is_trained_and_opened_with_the_bound_data(tiny_run, images):
    model, dataset, _, _ = configurables.load_run(tiny_run)
    assert model.spec == dataset.spec
    assert model.spec.shape == (4, 4, 1)
    assert dataset.name == f"array:{images}"


def test_defaults_take_bindings_and_say_so(tiny):
    bindings = ["adam.learning_rate = 0.5", "SquaredError.reduction = 'mean'"]
    configurables.parse(gin_params=[*tiny, *bindings])
    assert float(configurables.experiment().optimizers().learning_rate) == 0.5
    text = configurables.config_text()
    assert "train.optimizers = @adam" in text
    assert "GLF.make_reconstruction = @SquaredError" in text
    configurables.parse(gin_params=tiny)
    assert "@adam" not in configurables.config_text()


def test_a_default_of_a_default_takes_bindings():
    """The embedding belongs to the density, which is itself a default of the model."""
    bindings = ["train.make_model = @Autoregressive", "PixelCNN.filters = 4", "PixelCNN.blocks = 0"]
    configurables.parse(gin_params=bindings)
    text = configurables.config_text()
    assert "Autoregressive.make_density = @AutoregressiveModel" in text
    assert "AutoregressiveModel.make_network = @PixelCNN" in text


@pytest.mark.parametrize(
    ("binding", "helps"),
    [
        ("InfoGAN.hidden = 3", "GLF.make_autoencoder = @InfoGAN"),
        ("MAF.make_network = @MADE", "Flow.make_bijector = @MAF"),
        ("MADE.hidden = (3,)", "refers to @MADE"),
        ("other/adam.learning_rate = 0.1", "refers to @other/adam"),
        ("adamax.learning_rate = 0.1", "refers to @adamax"),
        ("Predictive.rows = 3", "refers to @Predictive"),
        ("width = 3", "refers to %width"),
    ],
)
def test_a_binding_without_effect_is_refused(tiny, binding, helps):
    with pytest.raises(ValueError, match="has no effect") as raised:
        configurables.parse(gin_params=[*tiny, binding])
    assert helps in str(raised.value)
    assert binding in str(raised.value)


def test_what_a_file_binds_in_vain_is_refused_with_its_line(tmp_path):
    path = tmp_path / "mine.gin"
    path.write_text(f'include "{DIGITS}"\n\nMADE.hidden = (3,)\n')
    with pytest.raises(ValueError, match=r"line 3 of .*mine\.gin"):
        configurables.parse([str(path)])
    path.write_text("FOR_ANY_STUDY = True\nMADE.hidden = (3,)\nDenseConditioner.hidden = 3\n")
    configurables.parse([DIGITS, str(path)])
    text = configurables.config_text()
    assert "DenseConditioner.hidden = 3" in text
    assert "MADE" not in text
    assert "FOR_ANY_STUDY" not in text


def test_a_study_may_put_a_part_in_the_place_of_what_it_includes(tmp_path):
    path = tmp_path / "mine.gin"
    path.write_text(f'include "{DIGITS}"\nGLF.make_autoencoder = @DenseAutoencoder\n')
    configurables.parse([str(path)], ["GLF.make_flow = @Flow", "Flow.make_bijector = @ActNorm"])
    assert "Chain" not in configurables.config_text()


def test_macros_and_scopes_reach_what_they_name(tiny):
    bindings = ["size = 3", "other/width = 5", "GLF.latent_size = %size"]
    bindings += ["train.optimizers = {'autoencoder': @other/adam, 'flow': @adam}"]
    bindings += ["other/adam.learning_rate = 0.5", "adam.make_schedule = @cosine"]
    bindings += ["other/cosine.steps = 7", "cosine.steps = 8", "adam.beta_1 = %other/width"]
    configurables.parse(gin_params=[*tiny, *bindings])
    assert "other/cosine.steps = 7" in configurables.config_text()


def test_parts_inside_of_defaults_that_are_set_up_already_must_be_named():
    """The prior of a discrete autoencoder is not the plain default of its class."""
    named = ["train.make_model = @DiscreteAutoencoder", "PixelCNN.filters = 4"]
    with pytest.raises(ValueError, match="refers to @PixelCNN"):
        configurables.parse(gin_params=named)
    configurables.parse(
        gin_params=[*named, "DiscreteAutoencoder.make_prior = @AutoregressiveModel"]
    )
    assert "PixelCNN.filters = 4" in configurables.config_text()


@pytest.mark.parametrize(
    ("binding", "said"),
    [
        ("GLF.latent_size = 'big'", "GLF.latent_size takes an integer"),
        ("GLF.latent_size = 8.5", "GLF.latent_size takes an integer"),
        ("adam.learning_rate = '1e-3'", "adam.learning_rate takes a number"),
        ("train.batch_size = '64'", "train.batch_size takes an integer"),
    ],
)
def test_a_number_that_is_none(tiny, binding, said):
    with pytest.raises(ValueError, match="cannot be used") as raised:
        configurables.parse(gin_params=[*tiny, binding])
    assert said in str(raised.value)
    assert "got" in str(raised.value)
