"""Ready-made rules for ``refit``, on tables written by hand and in searches."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import BestMean, OneStandardError, OptunaSearchCV
from sklearn_autotune.statistics._refit_rules import RefitRule


@pytest.fixture(scope="module")
def data():
    X, y = load_breast_cancer(return_X_y=True)
    return X[::2], y[::2]


def results(scores, **columns):
    """Part of ``cv_results_``."""
    scores = np.asarray(scores, dtype=float)
    folds = {f"split{fold}_test_score": scores[:, fold] for fold in range(scores.shape[1])}
    return {**folds, "mean_test_score": scores.mean(axis=1), **columns}


# Means 0.60, 0.80, 0.79 and 0.71; the standard error of the best is 0.1.
FOUR = [[0.6, 0.6], [0.7, 0.9], [0.79, 0.79], [0.71, 0.71]]


def test_the_best_mean_is_the_first_of_the_best():
    assert BestMean()(results([[0.1, 0.3], [0.4, 0.6], [0.6, 0.4]])) == 1


@pytest.mark.parametrize(
    ("rule", "row"),
    [
        (OneStandardError("param_a"), 3),
        (OneStandardError("param_a", largest=True), 1),
        (OneStandardError("param_a", n_errors=0.5), 2),
        (OneStandardError("param_a", n_errors=0), 1),
        (OneStandardError(lambda params: -params["a"]), 1),
        (OneStandardError("mean_score_time"), 2),
    ],
)
def test_the_simplest_within_the_standard_errors_is_chosen(rule, row):
    a = np.ma.array([1, 9, 5, 2])
    table = results(FOUR, param_a=a, mean_score_time=np.array([1, 5, 2, 4]), params=[{"a": value} for value in a])

    assert rule(table) == row


def test_of_equally_simple_candidates_the_better_one_is_chosen():
    assert OneStandardError("param_a")(results(FOUR, param_a=np.ma.array([1, 1, 1, 1]))) == 1


@pytest.mark.parametrize("largest", [False, True])
def test_candidates_without_the_parameter_come_last(largest):
    a = np.ma.array([1, 9, 5, 2], mask=[False, True, False, True])

    assert OneStandardError("param_a", largest=largest)(results(FOUR, param_a=a)) == 2


def test_unmeasured_candidates_are_never_chosen():
    scores = [[0.9, np.nan], [0.7, 0.9], [0.79, 0.79], [np.nan, np.nan]]
    table = results(scores, param_a=np.ma.array([0, 9, 5, 0]))

    assert BestMean()(table) == 1
    assert OneStandardError("param_a")(table) == 2


def test_one_split_has_no_standard_error():
    assert OneStandardError("param_a")(results([[0.5], [0.9], [0.89]], param_a=np.ma.array([1, 9, 5]))) == 1


@given(arrays(float, (6, 4), elements=st.floats(-1, 1)), st.floats(0, 3))
def test_what_is_chosen_is_within_the_tolerance_that_racing_leaves(scores, n_errors):
    table = results(scores, param_a=np.ma.arange(6))
    best = table["mean_test_score"].argmax()
    rule = OneStandardError("param_a", n_errors=n_errors)

    assert table["mean_test_score"][rule(table)] >= table["mean_test_score"][best] - rule.compute_tolerance(
        scores[best]
    )


@pytest.mark.parametrize("rule", [BestMean("no such"), OneStandardError("param_max_depth", metric="no such")])
def test_a_metric_that_is_not_scored_is_named(data, rule):
    search = OptunaSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2]}, refit=rule)

    with pytest.raises(ValueError, match=r"metric is 'no such'; choose one of the scores of this search: \['score'\]"):
        search.fit(*data)


def test_a_column_that_does_not_exist_is_named(data):
    search = OptunaSearchCV(
        DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2]}, refit=OneStandardError("max_depth")
    )

    with pytest.raises(
        ValueError, match=r"by='max_depth' is no column of cv_results_\. Use one of .*'param_max_depth'"
    ):
        search.fit(*data)


def test_a_rule_is_a_rule_and_a_function_is_not():
    assert isinstance(BestMean(), RefitRule)
    assert isinstance(OneStandardError("param_a"), RefitRule)
    assert not isinstance(lambda results: 0, RefitRule)


def test_rules_work_in_scikit_learns_searches_too(data):
    grid = {"max_depth": [1, 2, 3, 4, 5, 6]}
    rule = OneStandardError("param_max_depth")
    theirs = GridSearchCV(DecisionTreeClassifier(random_state=0), grid, refit=rule).fit(*data)
    ours = OptunaSearchCV(DecisionTreeClassifier(random_state=0), grid, refit=rule).fit(*data)

    assert ours.best_params_ == theirs.best_params_
    assert ours.best_index_ == theirs.best_index_
    assert ours.best_score_ == ours.cv_results_["mean_test_score"][ours.best_index_]


def test_the_best_mean_is_what_refit_true_does(data):
    grid = {"n_neighbors": [1, 3, 5, 7]}
    plain, ruled = (
        OptunaSearchCV(KNeighborsClassifier(), grid),
        OptunaSearchCV(KNeighborsClassifier(), grid, refit=BestMean()),
    )

    assert plain.fit(*data).best_params_ == ruled.fit(*data).best_params_
    assert plain.best_score_ == ruled.best_score_
    assert plain.score(*data) == ruled.score(*data)


def test_a_rule_names_one_of_several_scores(data):
    rule = OneStandardError("param_max_depth", metric="roc_auc")
    search = OptunaSearchCV(
        DecisionTreeClassifier(random_state=0),
        {"max_depth": [1, 2, 3, 4, 5]},
        scoring=["accuracy", "roc_auc"],
        refit=clone(rule, safe=False),
    ).fit(*data)

    assert search.best_score_ == search.cv_results_["mean_test_roc_auc"][search.best_index_]
    assert search.score(*data) > 0.9
