"""A range is called too small only if the user wrote it and can widen it."""

import numpy as np
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier
from sklearn_autotune.analysis._range_ends import find_range_ends, find_space_argument
from sklearn_autotune.analysis._trial_table import read_trial_table
from tests.toys import CountingClassifier

X, Y = np.column_stack([np.arange(20.0), np.ones(20)]), np.arange(20) % 2


def find(search):
    return [str(end) for end in find_range_ends(search, read_trial_table(search))]


def search_one(estimator, space, candidate, data=(X, Y)):
    return OptunaSearchCV(estimator, space, n_trials=1, cv=2, random_state=0, enqueue=[candidate]).fit(*data)


def test_a_value_at_an_end_is_found_also_in_one_of_several_dicts_and_in_a_pipeline():
    data = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=10_000))
    space = [
        {"logisticregression__C": FloatDistribution(0.01, 10, log=True)},
        {"logisticregression__C": FloatDistribution(0.1, 20, log=True), "standardscaler": ["passthrough"]},
    ]
    candidate = {"logisticregression__C": 19.9, "standardscaler": "passthrough"}

    assert find(search_one(model, space, candidate, data)) == ["logisticregression__C (largest)"]


@pytest.mark.parametrize(
    ("name", "distribution", "value"),
    [
        ("min_weight_fraction_leaf", FloatDistribution(0.0, 0.3), 0.0),
        ("min_impurity_decrease", FloatDistribution(0.0, 3.0), 0.01),
        ("max_features", FloatDistribution(0.3, 1.0), 1.0),
        ("min_samples_leaf", IntDistribution(1, 50), 1),
    ],
)
def test_a_range_that_ends_at_a_limit_of_its_parameter_is_large_enough(name, distribution, value):
    tree = DecisionTreeClassifier(random_state=0)

    assert find(search_one(tree, {name: distribution}, {name: value})) == []


def test_a_share_as_the_largest_regularisation_can_be_widened_since_scikit_learn_allows_more():
    found = find(search_one(LogisticRegression(), {"C": FloatDistribution(0.1, 1.0)}, {"C": 1.0}))

    assert found == ["C (largest)"]


def test_of_estimators_that_declare_no_limits_0_and_1_count_as_limits():
    space = {"a": FloatDistribution(0.0, 1.0), "b": FloatDistribution(0.0, 1.0)}

    assert find(search_one(CountingClassifier(), space, {"a": 0.0, "b": 1.0})) == []


def test_ranges_that_the_search_has_chosen_itself_are_not_the_users_to_widen():
    data = load_iris(return_X_y=True)
    searches = [
        OptunaSearchCV(LogisticRegression(max_iter=1000), "auto", n_trials=2, cv=2, random_state=0),
        TunedXGBClassifier(n_trials=2, cv=2, random_state=0),
        AutoModelSelector(families=["logistic"], n_trials=2, cv=2, random_state=0),
    ]

    for search in searches:
        assert find_space_argument(search) is None
        assert find(search.fit(*data)) == []


def test_the_argument_that_holds_the_space_is_named():
    assert find_space_argument(OptunaSearchCV(CountingClassifier(), {"a": [1]})) == "param_distributions"
    assert find_space_argument(GridSearchCV(CountingClassifier(), {"a": [1]})) == "param_grid"
    assert find_space_argument(TunedXGBClassifier(space={"max_depth": [2, 3]})) == "space"
