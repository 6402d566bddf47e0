"""Axes as they are written, the combinations of them, and the names of these."""

import pytest

from glf.sweeps.grid import Axis, Group, axis_of, combinations, group_of


@pytest.mark.parametrize(
    ("text", "parameter", "values"),
    [
        ("GLF.beta=[1,10, 1e-3]", "GLF.beta", ("1", "10", "1e-3")),
        (" a/b/adam.rate = [ -1 ]", "a/b/adam.rate", ("-1",)),
        ("X.y=[(16, 32), [1, 2], {'a': [1, 2]}]", "X.y", ("(16, 32)", "[1, 2]", "{'a': [1, 2]}")),
        (
            "GLF.make_flow=[@Flow, @small/Flow, %macro]",
            "GLF.make_flow",
            ("@Flow", "@small/Flow", "%macro"),
        ),
        ('X.y=["a, b", "]", None, True]', "X.y", ('"a, b"', '"]"', "None", "True")),
        ("size=[1,\n 2,]", "size", ("1", "2")),
    ],
)
def test_values_are_what_stands_between_the_commas(text, parameter, values):
    assert axis_of(text) == Axis(parameter, values)


@pytest.mark.parametrize(
    "text",
    [
        "GLF.beta",
        "GLF.beta=1",
        "GLF.beta=[]",
        "GLF.beta=[1,,2]",
        "GLF.beta=[1",
        "[1]",
        "=[1]",
        "GLF.beta=[(1]",
        "GLF beta=[1]",
        'X.y=["a]',
        "X.y=[1] + [2]",
        "X.y=[1], [2]",
    ],
)
def test_what_is_no_axis(text):
    with pytest.raises(ValueError, match="expected PARAMETER="):
        axis_of(text)


def test_a_value_twice():
    with pytest.raises(ValueError, match=r"has 2 more than once"):
        axis_of("X.y=[1, 2, 2]")


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("glf=a.gin,b/c.gin; X.y = 1;", Group("glf", ("a.gin", "b/c.gin"), ("X.y = 1",))),
        (
            "configs/studies/glow/digits.gin;X.y = 1",
            Group("glow_digits_X.y_1", ("configs/studies/glow/digits.gin",), ("X.y = 1",)),
        ),
        ("here.gin", Group("here", ("here.gin",), ())),
        ("runs/beta=1/config.gin", Group("beta-1_config", ("runs/beta=1/config.gin",), ())),
    ],
)
def test_groups(text, group):
    assert group_of(text) == group


def test_a_group_without_files():
    with pytest.raises(ValueError, match=r"--dataset=a=;X\.y = 1 names no file"):
        group_of("a=;X.y = 1", "--dataset")


def test_combinations_and_in_which_order_they_bind():
    methods = [group_of("a=a.gin;A.x = 1"), group_of("b=b.gin")]
    datasets = [group_of("m=m.gin"), group_of("n=n.gin;D.y = 2")]
    axes = [axis_of("train.seed=[0, 1]"), axis_of("X.z=[@Y]")]
    runs = combinations(methods, datasets, axes, ["last.gin"], ["P.q = 3"])
    assert [run.name for run in runs] == [
        *("a,m,train.seed=0,X.z=Y", "a,m,train.seed=1,X.z=Y"),
        *("a,n,train.seed=0,X.z=Y", "a,n,train.seed=1,X.z=Y"),
        *("b,m,train.seed=0,X.z=Y", "b,m,train.seed=1,X.z=Y"),
        *("b,n,train.seed=0,X.z=Y", "b,n,train.seed=1,X.z=Y"),
    ]
    run = runs[3]
    assert run.files == ("a.gin", "n.gin", "last.gin")
    assert run.bindings == ("A.x = 1", "D.y = 2", "P.q = 3", "train.seed = 1", "X.z = @Y")
    assert run.point == {"method": "a", "dataset": "n", "train.seed": "1", "X.z": "@Y"}


def test_a_name_depends_on_its_own_values_alone():
    some = {run.name for run in combinations([], [], [axis_of("X.y=[1, 2]")], ["a.gin"])}
    more = {run.name for run in combinations([], [], [axis_of("X.y=[3, 2, 1]")], ["a.gin"])}
    assert some == {"X.y=1", "X.y=2"}
    assert some < more
    assert [run.name for run in combinations([], [], [], ["studies/glf/a.gin"])] == ["glf_a"]


def test_names_have_safe_characters_and_an_end():
    axes = [axis_of('a/b.c=["tfds:mnist", (1, 2), "../up", -1.5, "x" ]')]
    names = [run.name for run in combinations([], [], axes, ["a.gin"])]
    assert names == ["a-b.c=tfds-mnist", "a-b.c=1-2", "a-b.c=..-up", "a-b.c=-1.5", "a-b.c=x"]
    long = [Axis("X.y", ("'" + "a" * 300 + "'", "'" + "a" * 299 + "b'"))]
    first, second = (run.name for run in combinations([], [], long, ["a.gin"]))
    assert first != second
    assert len(first) == len(second) == 150


@pytest.mark.parametrize(
    ("methods", "axes", "message"),
    [
        ([], ['X.y=["a b", "ab"]'], "Two runs would share the folder X.y=ab"),
        ([], ['X.y=["a", "A"]'], "Two runs would share the folder X.y=A"),
        ([], ["X.y=[1]", "X.y=[2]"], "More than one parameter is swept 'X.y'"),
        (["a=a.gin", "a=b.gin"], [], "More than one method is called 'a'"),
        (["logs=a.gin"], [], "A run cannot be called 'logs'"),
    ],
)
def test_refusals(methods, axes, message):
    with pytest.raises(ValueError, match=message):
        combinations([group_of(m) for m in methods], [], [axis_of(a) for a in axes], ["a.gin"])


def test_a_sweep_of_nothing():
    with pytest.raises(ValueError, match="A sweep needs a configuration"):
        combinations([], [], [axis_of("X.y=[1]")])
