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

from sklearn_autotune import BestMean, NoWorseThanDefault, OneStandardError, OptunaSearchCV
from sklearn_autotune.statistics._refit_rules import ComparesWithDefault, RefitRule, RepeatedRule


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


# -- the rule that compares with the default -----------------------------------------------------------------------

# Row 1 is better than the default, row 0, by 0.02 to 0.04 on each fold; row 2 has the best mean by one fold.
BETTER = [[0.70, 0.80, 0.60, 0.75], [0.73, 0.82, 0.64, 0.77], [0.70, 0.79, 0.61, 0.99]]


def test_the_default_stays_unless_the_folds_show_that_another_is_better():
    rule = NoWorseThanDefault(0.95)

    assert rule.with_default(0, 0.25)(results(BETTER[:2])) == 1
    assert rule.with_default(0, 0.25)(results(BETTER)) == 0  # the difference is that of one fold
    assert NoWorseThanDefault(0.5).with_default(0, 0.25)(results(BETTER)) == 2


def test_a_base_rule_chooses_what_is_compared():
    base = OneStandardError("param_a")
    table = results(BETTER, param_a=np.ma.array([9, 1, 5]))

    assert NoWorseThanDefault(0.95, base=base).with_default(0, 0.25)(table) == 1
    assert NoWorseThanDefault(0.95).with_default(0, 0.25)(table) == 0


@pytest.mark.parametrize("confidence", [0.5, 0.9])
def test_equal_scores_leave_the_default(confidence):
    rule = NoWorseThanDefault(confidence).with_default(1, 0.25)

    assert rule(results([[0.5, 0.6], [0.5, 0.6]])) == 1


def test_the_default_stays_if_there_is_only_one_fold():
    assert NoWorseThanDefault(0.5).with_default(0, 0.25)(results([[0.5], [0.9]])) == 0


@given(arrays(float, (6, 4), elements=st.floats(-1, 1)), st.floats(0.5, 0.99), st.floats(0.5, 0.99))
def test_more_confidence_never_leaves_the_default_for_another(scores, one, other):
    low, high = sorted((one, other))
    table = results(scores)
    chosen = {level: NoWorseThanDefault(level).with_default(3, 0.25)(table) for level in (low, high)}

    assert chosen[high] in (chosen[low], 3)
    assert table["mean_test_score"][chosen[high]] >= table["mean_test_score"][3]


def test_without_a_default_the_base_rule_chooses():
    assert NoWorseThanDefault().with_default(None, 0.25)(results(BETTER)) == 2
    assert isinstance(NoWorseThanDefault(), ComparesWithDefault)
    assert not isinstance(BestMean(), ComparesWithDefault)


def test_a_search_that_does_not_tell_the_default_is_refused(data):
    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 5]}, refit=NoWorseThanDefault())

    with pytest.raises(ValueError, match="has to know which row"):
        search.fit(*data)


@pytest.mark.parametrize(
    ("rule", "error", "message"),
    [
        (NoWorseThanDefault(1.0), ValueError, "from 0.5 to less than 1, got 1.0"),
        (NoWorseThanDefault(0.3), ValueError, "from 0.5 to less than 1, got 0.3"),
        (NoWorseThanDefault("high"), ValueError, "got 'high'"),
        (NoWorseThanDefault(base=max), TypeError, "must be a refit rule"),
        (NoWorseThanDefault(base=BestMean("roc_auc")), ValueError, "that of its base is 'roc_auc'"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said_before_anything_is_fitted(data, rule, error, message):
    search = OptunaSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 5]}, refit=rule, error_score="raise")
    search.set_params(estimator__metric="no such metric")  # any fit would raise

    with pytest.raises(error, match=message):
        search.fit(*data)


def test_races_never_stop_the_default_and_tolerate_what_the_base_rule_does(data):
    base = OneStandardError("param_n_neighbors", largest=True)
    folds = np.array([0.7, 0.8, 0.9])
    assert NoWorseThanDefault(base=base).compute_tolerance(folds) == base.compute_tolerance(folds)

    space = {"n_neighbors": [*range(1, 90)]}
    search = OptunaSearchCV(
        KNeighborsClassifier(89), space, n_trials=30, refit=NoWorseThanDefault(), pruner="auto", random_state=0
    ).fit(*data)
    assert search.cv_results_["params"][0] == {"n_neighbors": 89}
    assert search.default_score_ == dict(search.cv_results_)["mean_test_score"][0]


def test_a_rule_is_repeated_with_other_scores_of_some_candidates():
    results = {
        "params": [{"a": 3}, {"a": 2}, {"a": 1}],
        "param_a": np.ma.array([3, 2, 1]),
        "mean_test_score": np.array([0.5, 0.6, 0.9]),
        **{f"split{fold}_test_score": np.array([0.5, 0.6, 0.9]) for fold in range(3)},
    }
    scores = np.array([[0.9, 0.8], [0.88, 0.8]])  # of two folds

    assert RepeatedRule(BestMean(), results).choose([0, 1], scores) == 0
    assert RepeatedRule(OneStandardError("param_a"), results).choose([0, 1], scores) == 1
    assert RepeatedRule(OneStandardError("param_a"), results).choose([1, 0], scores[::-1]) == 0
