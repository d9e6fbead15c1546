"""Finished trials become scikit-learn's table of results, and the best candidate is a complete one."""

import copy

import numpy as np
import optuna
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.evaluation import FoldScore, Outcome
from sklearn_autotune.search._results import (
    choose_best,
    format_results,
    format_trials,
    rank_scores,
    report_failures,
)
from sklearn_autotune.search._trial_loop import TrialRecord
from tests.strategies import failures, finite_scores, quick


class TakesAnything(ClassifierMixin, BaseEstimator):
    """A classifier whose parameters may be anything at all; its score depends on them and is quick to find."""

    def __init__(self, a=None, b=0, c="c", fail_if_b_is=None):
        self.a = a
        self.b = b
        self.c = c
        self.fail_if_b_is = fail_if_b_is

    def fit(self, X, y):
        if self.fail_if_b_is is not None and self.b == self.fail_if_b_is:
            raise ValueError("told to fail")
        self.classes_ = np.unique(y)
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        column = sum(map(ord, f"{self.a}{self.b}{self.c}")) % self.n_features_in_
        return self.classes_[(X[:, column] > 0).astype(int)]


def failing_at(b):
    return TakesAnything(fail_if_b_is=b)


@pytest.fixture(scope="module")
def data():
    return make_classification(n_samples=60, n_features=6, random_state=0)


def record(number, status, scores, params=None):
    """A trial as the loop leaves it; NaN among the scores marks a fold that failed."""
    folds = tuple(FoldScore(score, None, 0.1, 0.01, "told to fail" if np.isnan(score) else None) for score in scores)
    return TrialRecord(number, {"a": number} if params is None else params, Outcome(status, folds))


# -- ranks ---------------------------------------------------------------------------------------------------------


def scores_and_failures():
    return st.lists(st.one_of(st.floats(-1e6, 1e6), failures()), min_size=1, max_size=12).map(np.array)


@given(scores_and_failures())
@quick
def test_a_failure_never_outranks_a_score_and_failures_are_tied(scores):
    ranks = rank_scores(scores)
    failed = ~np.isfinite(scores)

    assert failed.all() or not failed.any() or ranks[failed].min() > ranks[~failed].max()
    assert len(set(ranks[failed])) <= 1


@pytest.mark.parametrize("worst", [-1e17, -1e300])
def test_a_failure_is_ranked_below_the_largest_of_losses(worst):
    assert rank_scores(np.array([worst, np.nan, 0.0])).tolist() == [2, 3, 1]


@given(scores_and_failures())
@quick
def test_a_better_score_has_a_better_rank_and_an_equal_one_the_same(scores):
    ranks = rank_scores(scores)
    for mine, my_rank in zip(scores, ranks, strict=True):
        for other, other_rank in zip(scores, ranks, strict=True):
            if np.isfinite(mine) and np.isfinite(other):
                assert (mine > other) == (my_rank < other_rank)


@given(st.lists(finite_scores(), min_size=1, max_size=12).map(np.array))
@quick
def test_finite_scores_are_ranked_as_scipy_ranks_them(scores):
    np.testing.assert_array_equal(rank_scores(scores), scipy.stats.rankdata(-scores, method="min"))


@given(st.lists(finite_scores() | failures(), min_size=1, max_size=12).map(np.array))
@quick
def test_ranks_are_int32_and_the_best_is_one(scores):
    ranks = rank_scores(scores)

    assert ranks.dtype == np.int32
    assert ranks.min() == 1


def test_where_all_failed_all_are_first():
    assert rank_scores(np.array([np.nan, np.inf, -np.inf])).tolist() == [1, 1, 1]


# -- the table is GridSearchCV's -----------------------------------------------------------------------------------


def same(mine, theirs):
    """Whether two parameter values are the same in type and content."""
    if type(mine) is not type(theirs):
        return False
    if isinstance(mine, np.ndarray):
        return mine.dtype == theirs.dtype and np.array_equal(mine, theirs)
    if isinstance(mine, BaseEstimator):
        return str(mine) == str(theirs)
    if isinstance(mine, dict):
        return list(mine) == list(theirs) and all(same(mine[key], theirs[key]) for key in mine)
    if isinstance(mine, (list, tuple)):
        return len(mine) == len(theirs) and all(map(same, mine, theirs))
    return mine == theirs or (mine != mine and theirs != theirs)


def assert_same_column(mine, theirs):
    """Times are compared by their form only."""
    assert type(mine) is type(theirs)
    assert (mine.dtype, mine.shape) == (theirs.dtype, theirs.shape)
    if isinstance(mine, np.ma.MaskedArray):
        np.testing.assert_array_equal(np.ma.getmaskarray(mine), np.ma.getmaskarray(theirs))
        assert same(mine.fill_value, theirs.fill_value)
        assert all(map(same, mine.compressed(), theirs.compressed()))
    else:
        np.testing.assert_array_equal(mine, theirs)


def assert_same_table(mine, theirs):
    assert list(mine) == list(theirs)
    for key, column in theirs.items():
        if key.endswith("_time"):
            assert (mine[key].dtype, mine[key].shape) == (column.dtype, column.shape)
        elif key == "params":
            assert same(mine[key], column)
        else:
            assert_same_column(mine[key], column)


def fit_both(estimator, grid, data, **kwargs):
    """Fit our search and scikit-learn's on the same grid."""
    kwargs = {"cv": KFold(3)} | kwargs
    mine = OptunaSearchCV(estimator, grid, n_trials=1000, **kwargs).fit(*data)
    theirs = GridSearchCV(estimator, grid, **copy.deepcopy(kwargs)).fit(*data)
    return mine, theirs


GRIDS = {
    "strings": {"c": ["left", "right", "a longer one"]},
    "numpy strings": {"c": np.array(["left", "right"])},
    "none": {"a": [None, 1, 3]},
    "only none": {"a": [None]},
    "mixed numbers": {"a": [2, 0.5, 1]},
    "mixed types": {"a": ["sqrt", None, 2, 0.5, True]},
    "true beside one": {"a": [True, 1, 1.0]},
    "booleans": {"a": [True, False]},
    "bytes": {"a": [b"left", b"right"]},
    "big integers": {"a": [1, 10**30]},
    "nan": {"a": [float("nan"), 1.0]},
    "infinity": {"a": [float("inf"), 1.0]},
    "numpy integers": {"a": np.arange(3)},
    "narrow floats": {"a": np.logspace(-2, 0, 3).astype(np.float32)},
    "range": {"a": range(1, 6, 2)},
    "tuples": {"a": [(1, 2), (3, 4)]},
    "tuples of different sizes": {"a": [(100,), (50, 50)]},
    "lists of different sizes": {"a": [[1], [2, 3], []]},
    "lists of the same size": {"a": [[1, 2], [3, 4]]},
    "dicts": {"a": [{0: 1, 1: 2}, {0: 1, 1: 5}, "balanced"]},
    "matrices": {"a": [np.eye(2), np.ones((2, 2))]},
    "matrices of different sizes": {"a": [np.eye(2), np.ones((3, 2))]},
    "vectors": {"a": [np.arange(3), np.arange(3.0)]},
    "one matrix": {"a": [np.eye(2)]},
    "functions": {"a": [np.mean, len]},
    "classes": {"a": [SVC, LogisticRegression]},
    "estimators": {"a": [SVC(), SVC(C=2), LogisticRegression()]},
    "pipelines": {"a": [make_pipeline(StandardScaler(), SVC()), make_pipeline(SVC())]},
    "forests": {"a": [RandomForestClassifier(), None]},
    "two parameters": {"b": [3, 1, 2], "a": ["x", "y"]},
    "three parameters": {"c": ["x"], "b": [0.5, 1.5], "a": [None, (1, 2)]},
    "nothing": {},
    "several dicts": [{"a": [1, 2]}, {"b": [0.5, 1.5], "c": ["x"]}, {}],
    "the same name in several dicts": [{"a": ["x", None], "b": [1]}, {"a": [0.5]}, {"b": [2, 3]}],
    "dicts of estimators": [{"a": [SVC()], "b": [1, 2]}, {"a": [LogisticRegression()]}],
    "whole numbers in one dict": [{"a": [1, 2]}, {"a": [0.5], "b": [7]}],
}


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS.keys())
def test_the_table_of_a_grid_is_the_one_of_grid_search(grid, data):
    mine, theirs = fit_both(TakesAnything(), grid, data)

    assert_same_table(mine.cv_results_, theirs.cv_results_)


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS.keys())
def test_the_best_of_a_grid_is_the_one_of_grid_search(grid, data):
    mine, theirs = fit_both(TakesAnything(), grid, data)

    assert (mine.best_index_, mine.best_score_) == (theirs.best_index_, theirs.best_score_)
    assert same(mine.best_params_, theirs.best_params_)


def two_scores(estimator, X, y):
    predicted = estimator.predict(X)
    return {"accuracy": accuracy_score(y, predicted), "f1": f1_score(y, predicted)}


def fewest_leaves(cv_results):
    return int(np.argmin(cv_results["param_max_leaf_nodes"]))


SETTINGS = {
    "train scores": {"return_train_score": True},
    "a named score": {"scoring": "roc_auc"},
    "a loss": {"scoring": "neg_log_loss", "return_train_score": True},
    "a list of scores": {"scoring": ["f1", "accuracy"], "refit": "accuracy"},
    "a dict of scores": {"scoring": {"mine": "f1", "B": "accuracy"}, "refit": "mine", "return_train_score": True},
    "one score in a dict": {"scoring": {"only": "f1"}, "refit": "only"},
    "a function of several scores": {"scoring": two_scores, "refit": "f1", "return_train_score": True},
    "no refit": {"refit": False},
    "several scores and no refit": {"scoring": ["f1", "accuracy"], "refit": False},
    "a function that chooses": {"refit": fewest_leaves},
    "one fold": {"cv": ShuffleSplit(1, random_state=0)},
    "eleven folds, stratified": {"cv": 11},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
def test_the_table_under_every_setting_is_the_one_of_grid_search(settings, data):
    grid = {"max_leaf_nodes": [4, 2, 8], "criterion": ["gini", "entropy"]}
    mine, theirs = fit_both(DecisionTreeClassifier(random_state=0), grid, data, **settings)

    assert_same_table(mine.cv_results_, theirs.cv_results_)
    assert mine.multimetric_ == theirs.multimetric_
    assert getattr(mine, "best_index_", None) == getattr(theirs, "best_index_", None)


def test_the_table_of_a_regressor_is_the_one_of_grid_search():
    data = make_regression(n_samples=40, n_features=5, noise=10, random_state=0)
    mine, theirs = fit_both(Ridge(), {"alpha": np.logspace(-3, 3, 7)}, data, scoring="neg_mean_squared_error")

    assert_same_table(mine.cv_results_, theirs.cv_results_)


@pytest.mark.parametrize("error_score", [np.nan, 0.0, -1, 7.5])
@pytest.mark.parametrize("return_train_score", [False, True])
@pytest.mark.filterwarnings("ignore:One or more of the:UserWarning")
def test_the_table_with_failures_is_the_one_of_grid_search(data, error_score, return_train_score):
    with pytest.warns(FitFailedWarning, match="3 fits failed out of a total of 9"):
        mine, theirs = fit_both(
            failing_at(2),
            {"b": [1, 2, 3]},
            data,
            error_score=error_score,
            return_train_score=return_train_score,
            refit=False,  # scikit-learn refits a failed candidate if its error_score is the best
        )

    assert_same_table(mine.cv_results_, theirs.cv_results_)


def test_equal_candidates_have_one_row(data):
    search = OptunaSearchCV(TakesAnything(), {"a": [SVC(), SVC(), 1, 1]}, cv=3).fit(*data)

    assert len(search.cv_results_["params"]) == 2


def test_the_dicts_in_params_can_be_changed_without_changing_the_other_columns(data):
    search = OptunaSearchCV(TakesAnything(), {"a": [1, 2]}, cv=3).fit(*data)
    search.cv_results_["params"][0]["a"] = "changed"

    assert search.cv_results_["param_a"].tolist() == [1, 2]
    assert search.trials_["params"][0] == {"a": 1}


# -- rows of candidates that were not measured in full -------------------------------------------------------------


def test_a_pruned_candidate_has_a_row_without_a_mean_and_ranks_last():
    records = [record(0, "complete", (0.5, 0.7)), record(1, "pruned", (0.9,)), record(2, "complete", (0.4, 0.4))]

    results, _ = format_results(records, n_folds=2, error_score=np.nan, return_train_score=False)

    np.testing.assert_array_equal(results["split0_test_score"], [0.5, 0.9, 0.4])
    np.testing.assert_array_equal(results["mean_test_score"], [0.6, np.nan, 0.4])
    np.testing.assert_array_equal(results["rank_test_score"], [1, 3, 2])


def test_a_candidate_whose_worker_died_has_the_error_score_in_every_fold():
    dead = TrialRecord(1, {"a": 1}, Outcome("failed", (), "the worker died"))
    records = [record(0, "complete", (0.5, 0.7)), dead]

    results, _ = format_results(records, n_folds=2, error_score=0.1, return_train_score=False)
    with pytest.warns(FitFailedWarning, match="2 fits failed out of a total of 4"):
        report_failures(records, results, 2, 0.1)

    assert [results[f"split{fold}_test_score"][1] for fold in range(2)] == [0.1, 0.1]


def test_no_candidates_are_an_error():
    with pytest.raises(ValueError, match="No fits were performed"):
        format_results([], n_folds=2, error_score=np.nan, return_train_score=False)


# -- the best ------------------------------------------------------------------------------------------------------


@st.composite
def measured_trials(draw):
    """Records of which at least one is complete, and the score that a failed fold is given."""
    records = []
    statuses = draw(st.lists(st.sampled_from(["complete", "failed", "pruned"]), max_size=6)) + ["complete"]
    for number, status in enumerate(draw(st.permutations(statuses))):
        scores = draw(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3))
        if status == "failed":
            scores[draw(st.integers(0, 2))] = float("nan")
        if status == "pruned":
            scores = scores[: draw(st.integers(1, 2))]
        records.append(record(number, status, scores))
    return records


@given(measured_trials(), st.sampled_from([np.nan, 0.0, 1e6]))
@quick
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
def test_a_pruned_or_failed_candidate_is_never_the_best(records, error_score):
    scored = [
        TrialRecord(
            r.number, r.params, Outcome(r.outcome.status, tuple(_given_error_score(r.outcome.folds, error_score)))
        )
        for r in records
    ]
    results, _ = format_results(scored, n_folds=3, error_score=error_score, return_train_score=False)

    best = choose_best(results, scored, True, "score")

    complete = [row for row, r in enumerate(records) if r.outcome.status == "complete"]
    assert best in complete
    assert results["mean_test_score"][best] == max(results["mean_test_score"][complete])


def _given_error_score(folds, error_score):
    for fold in folds:
        failed = fold.error is not None
        yield FoldScore(error_score if failed else fold.test, None, 0.1, 0.0, fold.error)


def test_of_equals_the_first_is_the_best():
    records = [record(number, "complete", (score,)) for number, score in enumerate([0.1, 0.5, 0.5])]
    results, _ = format_results(records, n_folds=1, error_score=np.nan, return_train_score=False)

    assert choose_best(results, records, True, "score") == 1


@pytest.mark.parametrize("index", [0, 1, np.int64(1)])
def test_a_function_chooses_the_best_from_the_table(index):
    records = [record(number, "complete", (score,)) for number, score in enumerate([0.1, 0.5])]

    assert choose_best({"rank_test_score": [2, 1]}, records, lambda results: index, "score") == index


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ("first", TypeError, "best_index_ returned is not an integer"),
        (1.0, TypeError, "best_index_ returned is not an integer"),
        (2, IndexError, "best_index_ index out of range"),
        (-1, IndexError, "best_index_ index out of range"),
    ],
)
def test_a_function_must_choose_a_row(answer, error, message):
    records = [record(number, "complete", (0.5,)) for number in range(2)]

    with pytest.raises(error, match=message):
        choose_best({}, records, lambda results: answer, "score")


@pytest.mark.parametrize("error_score", [np.nan, 2.0])
@pytest.mark.filterwarnings("ignore:One or more of the:UserWarning")
def test_a_failed_candidate_with_the_best_score_is_not_refitted(data, error_score):
    search = OptunaSearchCV(failing_at(2), {"b": [1, 2, 3]}, cv=3, error_score=error_score)

    with pytest.warns(FitFailedWarning):
        search.fit(*data)

    assert search.best_params_["b"] != 2


# -- what is known of all trials -----------------------------------------------------------------------------------


def test_trials_are_a_data_frame_of_all_that_is_known():
    records = [
        record(0, "complete", (0.5, 0.7), {"a": 1}),
        record(1, "pruned", (0.9,), {"a": 2}),
        TrialRecord(2, {"a": 1}, Outcome("duplicate")),
        TrialRecord(4, {"a": 3}, Outcome("timeout", (), "the time limit was reached")),
    ]

    table = pd.DataFrame(format_trials(records, n_folds=2))

    assert list(table) == [
        *("number", "status", "error", "exit", "seconds", "n_folds", "params"),
        *("split0_test_score", "split1_test_score", "mean_test_score"),
    ]
    assert table["number"].tolist() == [0, 1, 2, 4]
    assert table["status"].tolist() == ["complete", "pruned", "duplicate", "timeout"]
    assert table["params"].tolist() == [{"a": 1}, {"a": 2}, {"a": 1}, {"a": 3}]
    np.testing.assert_allclose(table["seconds"], [0.22, 0.11, 0, 0])
    assert table["n_folds"].tolist() == [2, 1, 0, 0]
    np.testing.assert_array_equal(table["mean_test_score"], [0.6, np.nan, np.nan, np.nan])


def test_trials_of_several_scores_have_columns_for_each(data):
    search = OptunaSearchCV(TakesAnything(), {"a": [1, 2]}, scoring=["f1", "accuracy"], refit="f1", cv=3).fit(*data)
    table = pd.DataFrame(search.trials_)

    np.testing.assert_array_equal(table["mean_test_f1"], search.cv_results_["mean_test_f1"])
    np.testing.assert_array_equal(table["split2_test_accuracy"], search.cv_results_["split2_test_accuracy"])


@pytest.mark.filterwarnings("ignore:One or more of the:UserWarning")
def test_the_error_of_a_failed_trial_stands_in_the_trials(data):
    with pytest.warns(FitFailedWarning):
        search = OptunaSearchCV(failing_at(2), {"b": [1, 2, 3]}, cv=3).fit(*data)

    assert search.trials_["status"].tolist() == ["complete", "failed", "complete"]
    assert "ValueError: told to fail" in search.trials_["error"][1]
    assert search.trials_["error"][0] is None


def test_every_row_of_the_results_is_a_trial_with_the_same_scores(data):
    search = OptunaSearchCV(
        DecisionTreeClassifier(random_state=0),
        {"max_depth": scipy.stats.randint(1, 5), "ccp_alpha": scipy.stats.uniform(0, 0.1)},
        n_trials=12,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=0),
        cv=4,
        random_state=0,
        enqueue=None,  # the estimator's own parameters would be the best ones for the pruner
        look_ahead=2,  # so that it knows some results
    ).fit(*data)
    table = pd.DataFrame(search.trials_)
    rows = table[table["status"].isin(["complete", "pruned", "failed"])]

    assert {"complete", "pruned"} <= set(rows["status"])
    assert rows["params"].tolist() == search.cv_results_["params"]
    np.testing.assert_allclose(rows["mean_test_score"], search.cv_results_["mean_test_score"])
    assert rows["status"].iloc[search.best_index_] == "complete"
