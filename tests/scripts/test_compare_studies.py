"""scripts.compare_studies becomes a sweep of its studies over seeds."""

import pytest


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("studies")
    (place / "run").mkdir()
    (place / "run" / "config.gin").write_text("")
    return place


CASES = {
    "names": (
        ("--out={place}/none", "--study=x/a.gin;A.b = 1", "--study=y/x/a.gin ; A.b=1"),
        "More than one method is called 'x_a_A.b_1'",
    ),
    "a run": (("--out={place}/run", "--study=x/a.gin"), "/run is the folder of a run; a sweep"),
}


@pytest.mark.parametrize("key", CASES)
def test_it_is_the_sweep_that_refuses(program, place, key):
    flags, said = CASES[key]
    done = program("compare_studies", *(flag.format(place=place) for flag in flags))
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (place / "none").exists()
