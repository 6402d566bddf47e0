"""Reading configurations: order, errors that help, one normal form."""

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
        ("GLF.zzz = 3", "zzz", "Known: beta, latent_size"),
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
    configurables.parse(files, ["train.batch_size = 3"])
    found = [configurables.bound(n) for n in ("seed", "num_steps", "batch_size", "clip_norm")]
    assert found == [1, 2, 3, None]
    configurables.parse()
    assert configurables.bound("seed", 9) == 9


def test_files_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    configurables.parse([DIGITS])
    assert configurables.bound("make_model") is not None


def test_the_normal_form_can_be_read_again(tmp_path):
    configurables.parse([DIGITS], ["train.seed = 12"])
    text = configurables.config_text()
    (tmp_path / "config.gin").write_text(text)
    configurables.parse([str(tmp_path / "config.gin")])
    assert configurables.config_text() == text
    assert "train.seed = 12" in text


def test_calling_a_class_directly_ignores_the_configuration(digits):
    configurables.parse([DIGITS], ["DenseEncoder.hidden = (3,)"])
    from glf.networks.dense import DenseEncoder

    encoder = DenseEncoder((8, 8, 1), 2, hidden=(5,))
    assert encoder.weights[0].shape == (64, 5)
    assert DenseEncoder((8, 8, 1), 2).weights[0].shape != (64, 3)


def test_the_seed_sets_the_weights(digits):
    weights = []
    for seed in (1, 1, 2):
        configurables.parse([DIGITS, "configs/smoke.gin"], [f"train.seed = {seed}"])
        weights.append(configurables.make_model(digits.spec).encoder.weights[0].numpy())
    assert (weights[0] == weights[1]).all()
    assert not (weights[0] == weights[2]).all()
