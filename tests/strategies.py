"""Hypothesis strategies: what users write into a space, what Optuna may suggest from it, and measured scores."""

from typing import Any

import numpy as np
import scipy.stats
from hypothesis import settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune.space._space import BRANCH
from tests.faults.nightly import scale_examples

# Examples are not timed: machines differ, and a slow one proves nothing.
quick = settings(max_examples=scale_examples(50), deadline=None)


# -- values --------------------------------------------------------------------------------------------------------


def plain_values() -> st.SearchStrategy:
    """What most options are: None, bools, numbers (inf and nan too; 0.0 but not -0.0, which equals it) and text."""
    return st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**6), 10**6),
        st.floats().map(lambda number: number + 0.0),
        st.text(max_size=6),
    )


def estimators() -> st.SearchStrategy:
    """Unfitted estimators, often equal to one another."""
    return st.one_of(
        st.builds(SVC, C=st.sampled_from([0.5, 1.0])),
        st.builds(LogisticRegression, C=st.sampled_from([0.5, 1.0])),
        st.builds(DecisionTreeClassifier, max_depth=st.sampled_from([None, 2])),
    )


def small_arrays() -> st.SearchStrategy:
    """One- and two-dimensional arrays of integers."""
    vectors = st.lists(st.integers(-9, 9), min_size=1, max_size=4).map(np.array)
    return st.one_of(vectors, vectors.map(lambda vector: np.outer(vector, vector)))


def option_values() -> st.SearchStrategy:
    """Anything a user may put into a list of choices."""
    nested = st.recursive(
        plain_values(),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.lists(inner, max_size=3).map(tuple),
            st.dictionaries(st.text(max_size=3), inner, max_size=2),
        ),
        max_leaves=4,
    )
    return st.one_of(nested, estimators(), small_arrays())


def different_plain_values(min_size: int = 1, max_size: int = 6) -> st.SearchStrategy:
    """Lists of plain values without equal ones; True, 1 and 1.0 are different."""
    return st.lists(
        plain_values(), min_size=min_size, max_size=max_size, unique_by=lambda value: (type(value), repr(value))
    )


# -- distributions -------------------------------------------------------------------------------------------------


@st.composite
def int_ranges(draw: Any) -> IntDistribution:
    """Integer ranges: plain, logarithmic, stepped."""
    log = draw(st.booleans())
    low = draw(st.integers(1 if log else -50, 50))
    step = 1 if log else draw(st.integers(1, 5))
    return IntDistribution(low, low + step * draw(st.integers(0, 20)), log=log, step=step)


@st.composite
def float_ranges(draw: Any) -> FloatDistribution:
    """Float ranges: plain, logarithmic, stepped (in quarters, which binary floats hold exactly)."""
    kind = draw(st.sampled_from(["plain", "log", "stepped"]))
    if kind == "stepped":
        low, step = draw(st.integers(-40, 40)) / 4, draw(st.integers(1, 8)) / 4
        return FloatDistribution(low, low + step * draw(st.integers(0, 20)), step=step)
    low = draw(st.floats(1e-6 if kind == "log" else -1e3, 1e3))
    return FloatDistribution(low, draw(st.floats(low, 2e3)), log=kind == "log")


SMOOTH = (
    scipy.stats.norm(loc=-3, scale=2),
    scipy.stats.truncnorm(-1, 2, loc=5, scale=3),
    scipy.stats.expon(scale=0.2),
    scipy.stats.beta(2, 5),
    scipy.stats.gamma(2, loc=1),
    scipy.stats.loguniform(1e-2, 1e2, loc=1),
    scipy.stats.rv_histogram(np.histogram([1.0, 2.0, 2.5, 4.0, 4.5, 7.0], bins=4)),
    # SciPy's second kind of distributions, new in 1.15.
    *(
        [scipy.stats.Normal(mu=1.0, sigma=0.5), scipy.stats.Uniform(a=-1.0, b=3.0)]
        if hasattr(scipy.stats, "Normal")
        else []
    ),
)

STEPPED = (
    scipy.stats.poisson(3),
    scipy.stats.binom(10, 0.3),
    scipy.stats.geom(0.4),
    scipy.stats.binom(4, 0.5, loc=7),
    scipy.stats.rv_discrete(values=([1, 2, 8], [0.2, 0.3, 0.5])),
    scipy.stats.rv_discrete(values=([0.5, 1.5, 4.0], [0.2, 0.3, 0.5])),
)


def quantiles() -> st.SearchStrategy:
    """Quantiles away from the last millionth of either tail."""
    return st.floats(1e-6, 1 - 1e-6)


# -- spaces --------------------------------------------------------------------------------------------------------

NAMES = ("alpha", "beta", "depth", "gamma", "step__C")


def exact_entries() -> st.SearchStrategy:
    """Entries of a space whose values come back exactly: lists and ranges."""
    return st.one_of(st.lists(option_values(), min_size=1, max_size=4), int_ranges(), float_ranges())


def finite_grids() -> st.SearchStrategy:
    """Dicts as GridSearchCV takes them, small."""
    return st.dictionaries(st.sampled_from(NAMES), different_plain_values(max_size=3), max_size=3)


def dicts_of_entries() -> st.SearchStrategy:
    """A space of one dict."""
    return st.dictionaries(st.sampled_from(NAMES), exact_entries(), max_size=4)


def told_apart_branches() -> st.SearchStrategy:
    """A space of several dicts; a parameter of its own tells which dict a candidate comes from."""
    return st.lists(dicts_of_entries(), min_size=1, max_size=3).map(
        lambda branches: [branch | {"which": [f"branch {place}"]} for place, branch in enumerate(branches)]
    )


def suggestions(distribution: Any) -> st.SearchStrategy:
    """What a sampler may suggest from an Optuna distribution."""
    if isinstance(distribution, CategoricalDistribution):
        return st.sampled_from(distribution.choices)
    low, high, step = distribution.low, distribution.high, distribution.step
    if step is None:
        return st.floats(low, high)
    return st.integers(0, round((high - low) / step)).map(lambda place: low + place * step)


@st.composite
def suggested_params(draw: Any, space: Any) -> dict[str, Any]:
    """What one trial suggests from a `BranchedSpace`: the names in the study, and a value each."""
    place = draw(st.integers(0, len(space.branches) - 1))
    names = space.study_names[place]
    head = {BRANCH: space.branch_labels[place]} if space.is_conditional else {}
    return head | {
        names[name]: draw(suggestions(dimension.distribution)) for name, dimension in space.branches[place].items()
    }


# -- results -------------------------------------------------------------------------------------------------------


def finite_scores() -> st.SearchStrategy:
    """Scores that a metric may give: of any size, since losses are scores too."""
    return st.floats(allow_nan=False, allow_infinity=False)


def failures() -> st.SearchStrategy:
    """What is not a score."""
    return st.sampled_from([float("nan"), float("inf"), float("-inf")])
