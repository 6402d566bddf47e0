"""Where configurations and what they include are looked for."""

import pytest

from glf import configurables

MODEL = "train.make_model = @GLF\n"


def test_an_include_is_looked_for_beside_the_file_first(tmp_path, monkeypatch):
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    for folder, seed in ((here, 1), (elsewhere, 2)):
        (folder / "parts").mkdir(parents=True)
        (folder / "parts" / "base.gin").write_text(f'include "seed.gin"\n{MODEL}')
        (folder / "parts" / "seed.gin").write_text(f"train.seed = {seed}\n")
        (folder / "a.gin").write_text('include "parts/base.gin"\n')
    monkeypatch.chdir(elsewhere)
    configurables.parse([str(here / "a.gin")])
    assert configurables.experiment().seed == 1
    configurables.parse(["a.gin"])
    assert configurables.experiment().seed == 2
    (here / "parts" / "seed.gin").unlink()
    (elsewhere / "seed.gin").write_text("train.seed = 3\n")
    configurables.parse([str(here / "a.gin")])
    assert configurables.experiment().seed == 3


def test_what_is_not_found_is_said_with_where(tmp_path):
    (tmp_path / "a.gin").write_text('train.seed = 1\ninclude "none.gin"\n')
    with pytest.raises(ValueError, match=r"no configuration 'none\.gin'") as raised:
        configurables.parse([str(tmp_path / "a.gin")])
    assert str(tmp_path) in str(raised.value)
    assert "line 2" in str(raised.value)


def test_a_file_that_includes_itself_is_refused(tmp_path):
    (tmp_path / "a.gin").write_text('include "b.gin"\n')
    (tmp_path / "b.gin").write_text('include "a.gin"\n')
    with pytest.raises(ValueError, match=r"a\.gin includes .*b\.gin includes .*a\.gin"):
        configurables.parse([str(tmp_path / "a.gin")])


def test_a_configuration_that_fails_leaves_the_one_before(tiny):
    configurables.parse(gin_params=[*tiny, "train.seed = 5"])
    with pytest.raises(ValueError, match="cannot be used"):
        configurables.parse(gin_params=["train.seed = 6", "train.sead = 7"])
    assert configurables.experiment().seed == 5


def test_a_configuration_of_an_earlier_run_may_be_trained_again(tiny_run):
    configurables.parse([str(tiny_run / "config.gin")])
    assert configurables.experiment().num_steps == 1


@pytest.mark.parametrize("value", ["tfds:mnist", "digits", "[a, b]"])
def test_a_text_without_quotes(value):
    with pytest.raises(ValueError, match="cannot be used") as raised:
        configurables.parse(gin_params=[f"make_dataset.source = {value}"])
    assert "quotes" in str(raised.value)
    assert "ast." not in str(raised.value)
    assert value.split(":")[0] in str(raised.value)
