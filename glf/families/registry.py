"""Every family by name, in small, for listing and for the conformance battery.

A constructor takes `dtype=` and returns a family.
"""

from functools import partial

from glf.families.bernoulli import Bernoulli
from glf.families.categorical import Categorical
from glf.families.discretized_logistic_mixture import DiscretizedLogisticMixture
from glf.families.fixed_gaussian import FixedGaussian
from glf.families.fixed_laplace import FixedLaplace
from glf.families.gaussian import Gaussian
from glf.families.integer_logistic_mixture import IntegerLogisticMixture
from glf.families.mixture_of_logistics import MixtureOfLogistics

REGISTRY = {
    "bernoulli": partial(Bernoulli, 3),
    "categorical": partial(Categorical, 3, 5),
    "discretized_logistic_mixture": partial(DiscretizedLogisticMixture, 1, 6, components=3),
    "discretized_logistic_mixture_colour": partial(DiscretizedLogisticMixture, 3, 3, components=2),
    "fixed_gaussian": partial(FixedGaussian, 3, variance=0.5),
    "fixed_laplace": partial(FixedLaplace, 3, scale=0.7),
    "gaussian": partial(Gaussian, 3),
    "integer_logistic": partial(IntegerLogisticMixture, 3, unit=2),
    "integer_logistic_mixture": partial(IntegerLogisticMixture, 2, components=3, unit=4),
    "mixture_of_logistics": partial(MixtureOfLogistics, 3, components=3),
}
