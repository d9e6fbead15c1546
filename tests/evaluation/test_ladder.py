"""The amounts of the rungs, from the smallest to the largest."""

import math

import numpy as np
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import KFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor

from sklearn_autotune.evaluation._ladder import compute_rung_amounts
from sklearn_autotune.evaluation._rungs import make_rung_evaluation
from tests.rung_folds import X, whole_folds
from tests.strategies import quick


@quick
@given(st.integers(1, 10**6), st.integers(0, 10**6), st.one_of(st.integers(2, 10), st.floats(1.2, 1e300)))
def test_amounts_begin_at_no_less_than_the_minimum_and_end_at_the_maximum(min_amount, more, factor):
    max_amount = min_amount + more
    amounts = compute_rung_amounts(min_amount, max_amount, factor)

    assert amounts[-1] == max_amount
    assert amounts[0] >= min_amount
    assert sorted(set(amounts)) == list(amounts)
    powers = [power for power in range(80) if power * math.log(factor) < math.log(4 * max_amount)]
    assert set(amounts) == {amount for power in powers if (amount := round(max_amount / factor**power)) >= min_amount}


def test_a_minimum_above_the_maximum_is_refused():
    with pytest.raises(ValueError, match="min_resources=200 is greater than max_resources=100"):
        make_rung_evaluation(whole_folds(RandomForestClassifier()), "iterations", min_resources=200)


@pytest.mark.parametrize(
    ("resource", "options", "expected"),
    [
        ("iterations", {}, (4, 11, 33, 100)),
        ("iterations", {"max_resources": 50, "factor": 2}, (6, 12, 25, 50)),
        ("n_estimators", {"min_resources": 1}, (1, 4, 11, 33, 100)),
        ("max_leaf_nodes", {"max_resources": 9, "min_resources": 3}, (3, 9)),
        ("n_samples", {}, (22, 67, 200)),  # 2 rows a split and class, 18 in all, and one of the rarest class
        ("n_samples", {"min_resources": 50}, (67, 200)),
        ("n_samples", {"max_resources": 90}, (30, 90)),
        ("n_samples", {"max_resources": 10**6, "factor": 10}, (20, 200)),
    ],
)
def test_the_amounts_are_those_of_scikit_learns_halving(resource, options, expected):
    assert make_rung_evaluation(whole_folds(RandomForestClassifier()), resource, **options).amounts == expected


def test_many_rows_do_not_make_many_rungs():
    many = np.zeros((100_000, 1))

    assert (
        len(make_rung_evaluation(whole_folds(DecisionTreeRegressor(), many, many[:, 0], KFold(2)), "n_samples").amounts)
        == 5
    )


def test_few_rows_make_one_rung():
    few = whole_folds(GaussianNB(), X[:12], np.arange(12) % 2, KFold(2))

    assert make_rung_evaluation(few, "n_samples").amounts == (6,)


def test_epochs_end_where_the_estimator_would_or_after_a_hundred():
    assert make_rung_evaluation(whole_folds(SGDClassifier(max_iter=54)), "epochs").amounts == (2, 6, 18, 54)
    assert make_rung_evaluation(whole_folds(GaussianNB()), "epochs").amounts == (4, 11, 33, 100)


def test_xgboosts_default_is_known():

    assert make_rung_evaluation(whole_folds(xgboost.XGBClassifier()), "iterations").amounts[-1] == 100
    with pytest.raises(ValueError, match="n_estimators is None"):
        make_rung_evaluation(whole_folds(xgboost.XGBRFClassifier()), "iterations")


@pytest.mark.parametrize(
    ("estimator", "resource", "options", "message"),
    [
        (SVC(), "iterations", {}, "max_iter is -1 in SVC"),
        (SVC(), "C", {}, "C is 1.0 in SVC"),
        (SVC(), "shrinking", {}, "shrinking is True in SVC"),
        (SVC(), "n_trees", {}, "Cannot use resource=n_trees which is not supported by estimator SVC"),
        (SVC(), "n_samples", {"min_resources": 0}, "min_resources must be a positive integer or 'auto', got 0"),
        (SVC(), "n_samples", {"max_resources": 0.5}, "max_resources must be a positive integer or 'auto', got 0.5"),
        (SVC(), "n_samples", {"factor": 1}, "factor must be a number greater than 1, got 1"),
        (SVC(max_iter=9), "iterations", {"searched": ["max_iter"]}, "Cannot use parameter max_iter as the resource"),
        (
            make_pipeline(RandomForestClassifier()),
            "iterations",
            {"searched": {"randomforestclassifier__n_estimators": None}},
            "Cannot use parameter randomforestclassifier__n_estimators as the resource",
        ),
    ],
)
def test_what_makes_no_rungs_is_refused(estimator, resource, options, message):
    with pytest.raises(ValueError, match=message):
        make_rung_evaluation(whole_folds(estimator), resource, **options)
