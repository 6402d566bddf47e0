"""Runs that differ in their seed alone are one method, with a name that tells it from others."""

import pytest

from glf.evaluation.methods import ComparedRun, group


def run(folder, seed=0, **bindings):
    bindings = {key.replace("_", ".", 1): str(value) for key, value in bindings.items()}
    return ComparedRun(folder, seed, bindings, step=10, finished=True)


def test_what_differs_is_the_name():
    runs = [run(f"r/{b}-{s}", s, GLF_beta=b, GLF_size=3) for b in (1, 10) for s in (1, 0)]
    methods = group(runs)
    assert [m.label for m in methods] == ["GLF.beta = 1", "GLF.beta = 10"]
    assert [[r.seed for r in m.runs] for m in methods] == [[0, 1], [0, 1]]
    assert methods[0].differing == {"GLF.beta": "1"}


def test_what_is_not_bound_is_the_default():
    methods = group([run("a"), run("b", GLF_beta=2)])
    assert [m.label for m in methods] == ["GLF.beta = its default", "GLF.beta = 2"]


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        (["x/glow/seed0", "x/glow/seed1", "x/nice/seed0"], ["glow", "nice"]),
        (["s/vae,train.seed=0", "s/vae,train.seed=1", "s/glf,train.seed=0"], ["vae", "glf"]),
        (["s/vae,train.seed=0,b=2", "s/vae,train.seed=11,b=2", "s/glf"], ["vae,b=2", "glf"]),
        (["runs/a/x", "runs/a/y", "runs/b"], ["a", "b"]),
        (["one/seed0", "one/seed1", "two/seed0"], ["one", "two"]),
        (["x/seed0", "x/seed1", "x/seed2"], ["seed0", "seed2"]),
        (["0", "1", "2"], ["0", "2"]),
        (["/w/runs/a", "/w/runs/b", "/w/runs/c"], ["a", "c"]),
        (["/w/runs/a0", "/w/runs/a1", "/w/runs/c/seed0"], ["a0", "c"]),
        (["/w/x/a0", "/w/x/a1", "/w/y/c"], ["x", "y/c"]),
        (["/w/d_id0", "/w/d_id1", "/w/d_dev0"], ["d_id0", "d_dev0"]),
    ],
)
def test_many_differences_leave_it_to_the_folders(folders, names):
    first, second, third = folders
    other = {f"B_{n}": n for n in range(5)}
    methods = group([run(first, 0), run(second, 1), run(third, 0, **other)])
    assert [m.label for m in methods] == names


def test_one_method():
    assert [m.label for m in group([run("runs/glow/seed0"), run("runs/glow/seed1", 1)])] == ["glow"]
    assert [m.label for m in group([run("runs/glow/seed0")])] == ["glow"]
    assert [m.label for m in group([run("glow")])] == ["glow"]


def test_names_are_different():
    methods = group([run("a/seed0", 0, **{f"A_{n}": n for n in range(3)}), run("a/seed1", 1)])
    assert len({m.label for m in methods}) == 2


def test_the_same_run_twice():
    with pytest.raises(ValueError, match=r"a and b are the same experiment with the same seed, 3"):
        group([run("a", 3), run("c", 4), run("b", 3)])
