"""The registry of evaluators, their options, and which of them have their turn."""

import importlib
import inspect
import pkgutil

import pytest

import glf.evaluation
from glf.data.dataset import DataSpec
from glf.evaluation.base import Evaluator, Subject
from glf.evaluation.evaluate import evaluate, outcome
from glf.evaluation.options import options, showing
from glf.evaluation.registry import EVALUATORS


def test_every_evaluator_is_registered_by_its_file():
    names = [info.name for info in pkgutil.iter_modules(glf.evaluation.__path__)]
    modules = {name: importlib.import_module(f"glf.evaluation.{name}") for name in names}
    there = {
        name: part
        for name, module in modules.items()
        for part in vars(module).values()
        if inspect.isclass(part)
        and issubclass(part, Evaluator)
        and not inspect.isabstract(part)
        and part.__module__ == module.__name__
    }
    assert there == EVALUATORS


def test_options_are_those_of_the_constructors():
    """What is read from the sources is what the classes take, each option of one class."""
    read = {option.name: option for option in options()}
    assert len(read) == len(options())
    used = set()
    for evaluator in EVALUATORS.values():
        for name, default in evaluator.takes().items():
            option = read[name]
            assert option.default == default
            assert option.needs in (evaluator.needs.__name__, "object")
            assert option.about.endswith(".")
            used.add(name)
        assert evaluator.switch is None or evaluator.switch in used
    assert used == set(read)
    assert read["importance_samples"].of == EVALUATORS["importance_weights"].of
    assert "by K importance weights. Repeatable; 1 is" in read["importance_samples"].about


def test_those_that_show_pictures_say_so():
    """And programs know which option asks for them."""
    shows = {
        name: any("subject.show is" in inspect.getsource(part) for part in evaluator.__mro__[:-2])
        for name, evaluator in EVALUATORS.items()
    }
    assert shows == {name: evaluator.shows for name, evaluator in EVALUATORS.items()}
    known = {(each.switch, each.needs) for each in showing()}
    for evaluator in EVALUATORS.values():
        needs = (evaluator.needs.__name__, "object")
        assert evaluator.shows == any((evaluator.switch, name) in known for name in needs)


def test_options_that_are_handed_on():
    class Shared(Evaluator):
        def __init__(self, samples=0, kinds=("a",)):
            self.samples, self.kinds = samples, kinds

    class Own(Shared):
        def __init__(self, subsets=3, **shared):
            super().__init__(**shared)

        def measure(self, subject):
            return {}

    assert Own.takes() == {"subsets": 3, "samples": 0, "kinds": ("a",)}
    assert Shared.takes() == {"samples": 0, "kinds": ("a",)}
    assert Own(samples=4).samples == 4


def test_only_some(glf, digits):
    found = evaluate(glf, digits, only=["round_trip", "reconstruction"])
    assert list(found) == ["round_trip_largest", "round_trip_mean", "mse", "psnr", "ssim"]


def test_the_outcome_says_who_measured_and_who_could_not(glf, digits):
    only = ["reconstruction", "codes", "recognition"]
    with pytest.raises(ValueError, match="codes is for models with discrete codes"):
        outcome(Subject(glf, digits), only)
    found = outcome(Subject(glf, digits), only, {"importance_samples": (2,)}, strict=False)
    assert found.measured == {"reconstruction": ["mse", "psnr", "ssim"]}
    assert list(found.metrics) == ["mse", "psnr", "ssim"]
    # Recognition is not asked for, and importance samples have no use here.
    assert found.refused == {"codes": "for models with discrete codes; a GLF is none of them"}


def test_the_time_of_samples(glf, digits):
    found = evaluate(glf, digits, only=["cost"], timed_samples=5)
    assert 0 < found["sampling_ms"]["value"] < 1e4
    assert list(evaluate(glf, digits, only=["cost"])) == ["parameters"]


def test_what_several_need_is_computed_once():
    made = []

    def make(subject):
        made.append(subject)
        return len(made)

    subject = Subject(None, None)
    assert [subject.once(make), subject.once(make)] == [1, 1]
    assert made == [subject]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"only": ["vid"]}, "There is no evaluator 'vid'; choose from loss_terms, "),
        (
            {"judged": 3},
            "There is no option 'judged'; choose from components, conditional_samples,",
        ),
        ({"only": ["codes"]}, "codes is for models with discrete codes; a GLF is none of them"),
        ({"only": ["recognition"]}, "recognition is measured where judged_samples asks for it"),
        ({"importance_samples": (2,)}, "importance_samples has no use here: importance_weights is"),
        ({"examples": 9}, "super_resolution is for models conditioned on smaller versions"),
        ({"only": ["codes"], "judged_samples": 4}, "codes is for models"),
        ({"only": ["round_trip"], "judged_samples": 4}, "recognition is not asked for"),
        ({"feature_extractor": ("pixels",)}, "fid.* measured where feature_samples asks for it"),
        ({"feature_samples": 4, "feature_extractor": ("vgg",)}, "no feature_extractor 'vgg'; ch"),
        ({"neighbour_samples": 99}, "neighbour_samples=99 is too few to tell 1% of them"),
        ({"only": ["outliers"]}, "outliers is measured where ood_source asks for it"),
        ({"ood_source": "", "only": ["codes"]}, "codes is for models"),
        (
            {"only": ["outliers"], "ood_source": "vessels"},
            "'vessels' has shape .* and 2 levels, and",
        ),
    ],
)
def test_refusals(glf, digits, arguments, message):
    with pytest.raises(ValueError, match=message):
        evaluate(glf, digits, **arguments)


def test_samples_of_data_without_labels_are_not_judged(glf, tmp_path):
    class Unlabelled:
        """All that is asked of the data before anything is measured."""

        name = "plain"
        spec = DataSpec((8, 8, 1), 17, None)

        def num_examples(self, split):
            return 3

    with pytest.raises(ValueError, match="recognition is for data with labels; plain has none"):
        evaluate(glf, Unlabelled(), judged_samples=4)
    with pytest.raises(ValueError, match="by a classifier of the data's labels, and plain has non"):
        evaluate(glf, Unlabelled(), feature_samples=4)
