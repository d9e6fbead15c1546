"""The values of a space that are nearest to given ones, and those of an earlier search."""

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from scipy import stats
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import SVC

from sklearn_autotune.space._dimensions import read_dimension
from sklearn_autotune.space._projection import Distance, EarlierValues, match_name, project_value
from sklearn_autotune.space._space import read_space

INFINITY = float("inf")
LOG = FloatDistribution(1e-2, 1e2, log=True)


def project(raw, *wanted):
    dimension = read_dimension("a", raw)
    projected = project_value(dimension, wanted)
    return None if projected is None else (dimension.decode(projected[0]), projected[1])


@pytest.mark.parametrize(
    ("raw", "wanted", "expected"),
    [
        (LOG, 3, 3.0),
        (LOG, 1000.0, 100.0),
        (LOG, 0, 0.01),
        (FloatDistribution(0, 1, step=0.1), 0.34, 0.3),
        (FloatDistribution(0, 1, step=0.1), 7, 1.0),
        (IntDistribution(2, 9), 4.6, 5),
        (IntDistribution(1, 9, step=2), 3.8, 3),
        (IntDistribution(2, 9), INFINITY, 9),
        (IntDistribution(1, 100, log=True), 0, 1),
        ([1, 10, 100], 30, 10),
        ([1, 10, None], INFINITY, 10),
        (["a", None], None, None),
        (stats.uniform(0, 2), 5, 2.0),
    ],
)
def test_a_number_becomes_the_nearest_number_and_another_value_an_equal_choice(raw, wanted, expected):
    value, distance = project(raw, wanted)

    assert value == expected
    assert type(value) is type(expected)
    assert distance == (Distance.EQUAL if wanted == expected else Distance.MOVED)


@pytest.mark.parametrize(
    ("raw", "wanted", "expected"),
    [
        (LOG, "scale", 1.0),
        (FloatDistribution(0, 1), None, 0.5),
        (IntDistribution(2, 9), None, 6),
        (IntDistribution(1, 100, log=True), True, 10),
        (["b", "c"], "a", "b"),
        ([(1,), (2, 2)], (9,), (1,)),
        (stats.norm(), None, 0.0),
    ],
)
def test_without_a_number_or_an_equal_choice_it_is_the_middle_or_the_first_choice(raw, wanted, expected):
    assert project(raw, wanted) == (pytest.approx(expected) if isinstance(expected, float) else expected, 2)


def test_a_value_that_stands_for_a_number_is_a_choice_first_and_the_number_otherwise():
    assert project(["sqrt", None], "sqrt", 0.3) == ("sqrt", Distance.EQUAL)
    assert project(FloatDistribution(0, 1), "sqrt", 0.3) == (0.3, Distance.EQUAL)
    assert project(IntDistribution(3, 9), -1, INFINITY) == (9, Distance.MOVED)


def test_the_far_end_of_an_unbounded_distribution_is_not_proposed():
    value, distance = project(stats.norm(0, 1), 1e9)

    assert value == pytest.approx(3.09, abs=0.01)
    assert distance == Distance.MOVED


def test_a_distribution_that_only_draws_cannot_be_given_a_value():
    class Draws:
        def rvs(self, random_state):
            return random_state.randint(5)

    assert project(Draws(), 3) is None


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"kernel": ["rbf"], "C": [500.0], "gamma": ["scale", 0.1]}, {"kernel": "rbf", "C": 100.0, "gamma": 0.1}),
        ({"kernel": ["poly"], "C": [1.0], "degree": [9]}, {"kernel": "poly", "C": 1.0, "degree": 3}),
        ({"kernel": ["sigmoid"], "C": [1.0]}, {"kernel": "linear", "C": 1.0}),
    ],
    ids=["rbf", "poly", "none"],
)
def test_the_branch_is_taken_that_has_to_change_the_fewest_values(wanted, expected):
    space = read_space(
        [
            {"kernel": ["linear"], "C": LOG},
            {"kernel": ["rbf"], "C": LOG, "gamma": LOG},
            {"kernel": ["poly"], "C": LOG, "degree": IntDistribution(1, 3)},
        ]
    )
    candidate = space.project(wanted)

    assert candidate == expected
    assert space.decode(space.encode(candidate)) == candidate


def conditional(trial):
    kernel = trial.suggest_categorical("kernel", ["rbf", "linear"])
    candidate = {"svc__kernel": kernel, "svc__C": trial.suggest_float("C", 1e-2, 1e2, log=True)}
    if kernel == "rbf":
        candidate["svc__gamma"] = trial.suggest_float("gamma", 1e-3, 1, log=True)
    return candidate


def test_the_values_of_a_function_are_found_by_the_ends_of_their_names():
    space = read_space(conditional)
    candidate = space.project({"svc__kernel": ["rbf"], "svc__C": [1000.0], "svc__gamma": [0.1]})

    assert candidate == {"kernel": "rbf", "C": 100.0, "gamma": 0.1}
    assert space.decode(space.encode(candidate)) == candidate


# -- earlier searches --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "others", "expected"),
    [
        ("C", ("C", "svc__C"), "C"),
        ("svc__C", ("C",), "C"),
        ("C", ("model__svc__C", "gamma"), "model__svc__C"),
        ("svc__C", ("clf__C", "clf__gamma"), "clf__C"),
        ("svc__C", ("a__C", "b__C"), None),
        ("C", ("gamma",), None),
    ],
)
def test_names_match_with_and_without_steps(name, others, expected):
    assert match_name(name, others) == expected


def test_values_of_an_earlier_search_are_taken_as_they_are_and_the_rest_is_wanted():
    space = read_space({"svc__C": LOG, "svc__gamma": LOG})

    assert space.project({"svc__gamma": [0.1]}, EarlierValues({"C": 5.0})) == {"svc__C": 5.0, "svc__gamma": 0.1}


@pytest.mark.parametrize(
    ("raw", "params", "message"),
    [
        ({"C": LOG}, {"C": 1000.0}, "lies outside"),
        ({"C": LOG, "kernel": ["rbf"]}, {"C": 1.0, "kernel": "poly"}, "'poly' is not among the choices"),
        ({"C": LOG}, {"alpha": 1.0}, "has none of the parameters"),
        (conditional, {"C": 1000.0}, "lies outside"),
        (conditional, {"alpha": 1.0}, "has none of the parameters"),
    ],
)
def test_values_of_an_earlier_search_outside_the_space_are_refused(raw, params, message):
    with pytest.raises(ValueError, match=message):
        read_space(raw).project({}, EarlierValues(params))


def test_labels_of_objects_are_read_in_a_list_with_another_order():
    space = read_space({"model": [Ridge(), SVC(), LogisticRegression()]})
    suggested = {"model": "0: SVC"}
    labels = {"model": CategoricalDistribution(["0: SVC", "1: Ridge"])}

    assert isinstance(space.project({}, EarlierValues(suggested, labels))["model"], SVC)
    with pytest.raises(ValueError, match="not among the choices"):
        space.project({}, EarlierValues({"model": "0: Lasso"}, labels))


def test_what_optuna_suggested_from_an_equal_distribution_is_decoded():
    dimension = read_dimension("a", stats.norm(5, 2))
    space = read_space({"a": stats.norm(5, 2)})

    earlier = EarlierValues({"a": 0.5}, {"a": dimension.distribution})

    assert space.project({}, earlier) == {"a": pytest.approx(5.0)}


def test_a_number_from_numpy_is_moved_too():
    assert project(LOG, np.float64(1e9)) == (100.0, Distance.MOVED)
