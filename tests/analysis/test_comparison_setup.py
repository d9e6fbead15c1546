"""What a comparison needs before anything is fitted."""

import numpy as np
import pytest
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, LinearSVC

from sklearn_autotune import TunedXGBRegressor
from sklearn_autotune.analysis._comparison_setup import (
    check_methods,
    check_scores,
    draw_outer_folds,
    make_baselines,
    resolve_outer_scorer,
)
from sklearn_autotune.analysis._method_kind import MethodKind
from sklearn_autotune.analysis._outer_fold import OuterFoldTask

X, Y = np.arange(24.0).reshape(12, 2), np.array([0] * 9 + [1] * 3)


def test_a_number_of_folds_is_shuffled_and_stratified_for_classifiers_alone():
    drawn = draw_outer_folds(3, X, Y, None, MethodKind.CLASSIFIER, 0)

    assert [Y[test].sum() for _, test in drawn] == [1, 1, 1]
    assert [test.tolist() for _, test in drawn] != [[0, 1, 2, 9], [3, 4, 5, 10], [6, 7, 8, 11]]
    others = draw_outer_folds(3, X, Y, None, MethodKind.REGRESSOR, 0)
    assert sorted(np.concatenate([test for _, test in others]).tolist()) == list(range(12))
    assert [Y[test].sum() for _, test in others] != [1, 1, 1]


def make_times(n_events):
    events = np.arange(12) < n_events
    return np.array(list(zip(events, np.arange(12.0), strict=True)), dtype=[("died", bool), ("days", float)])


def test_a_number_of_folds_is_stratified_by_event_for_times_until_an_event():
    y = make_times(4)
    drawn = draw_outer_folds(4, X, y, None, MethodKind.OTHER, 0)

    assert [y["died"][test].sum() for _, test in drawn] == [1, 1, 1, 1]
    again = draw_outer_folds(4, X, y, None, MethodKind.OTHER, 0)
    assert all((test == other).all() for (_, test), (_, other) in zip(drawn, again, strict=True))


@pytest.mark.parametrize("n_events", [3, 12])
def test_folds_are_not_stratified_where_not_every_fold_can_have_both(n_events):
    drawn = draw_outer_folds(4, X, make_times(n_events), None, MethodKind.OTHER, 0)

    plain = draw_outer_folds(4, X, Y, None, MethodKind.OTHER, 0)
    assert [test.tolist() for _, test in drawn] == [test.tolist() for _, test in plain]


def test_groups_stay_together_in_a_number_of_folds():
    groups = np.arange(12) // 3

    for train, test in draw_outer_folds(2, X, Y, groups, MethodKind.REGRESSOR, 0):
        assert not set(groups[train]) & set(groups[test])


def test_a_splitter_is_taken_as_it_is_and_rows_that_are_not_there_are_refused():
    drawn = draw_outer_folds(KFold(3), X, Y, None, MethodKind.CLASSIFIER, 0)

    assert [test.tolist() for _, test in drawn] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    with pytest.raises(ValueError, match="cv gives 12 as a test row of fold 0"):
        draw_outer_folds([([0, 1], [12])], X, Y, None, MethodKind.CLASSIFIER, 0)


def test_baselines_that_have_the_name_of_a_method_are_left_out():
    methods = {"dummy": Ridge(), "search": GridSearchCV(Ridge(), {})}

    assert list(make_baselines(methods, MethodKind.REGRESSOR, {})) == ["untuned"]
    assert list(make_baselines({"search": GridSearchCV(SVC(), {})}, MethodKind.OTHER, {})) == ["untuned"]


def test_a_tuned_booster_inside_a_wrapper_is_no_untuned_baseline():
    methods = {"both": MultiOutputRegressor(TunedXGBRegressor())}

    assert list(make_baselines(methods, MethodKind.REGRESSOR, {})) == ["dummy"]


def test_methods_are_a_dict_and_a_score_has_a_known_name():
    with pytest.raises(TypeError, match="must be a dict"):
        check_methods([Ridge()])
    with pytest.raises(ValueError, match="accuracy"):
        resolve_outer_scorer({"ridge": Ridge()}, "acuracy")


WORDS = np.where(Y == 1, "yes", "no")


def check_one(method, y, scoring):
    scorer = get_scorer(scoring) if isinstance(scoring, str) else scoring
    folds = [(np.arange(0, 12, 2), np.arange(1, 12, 2)), (np.arange(1, 12, 2), np.arange(0, 12, 2))]
    check_scores({"m": method}, OuterFoldTask(X, y, None, scorer, 0, np.nan, {}), folds, str(scoring))


@pytest.mark.parametrize(
    ("method", "y", "scoring", "words"),
    [
        (LogisticRegression(), WORDS, "f1", r"'m' \(LogisticRegression\) cannot be scored by f1 .*pos_label"),
        (LogisticRegression(), WORDS, "r2", "'m' .* cannot be scored by r2"),
        (LogisticRegression(), X[:, 0] + 0.5, "accuracy", "'m' .* is a classifier, but the target holds amounts"),
        (LinearSVC(), WORDS, "neg_log_loss", "'m' .* needs predict_proba: LinearSVC has none"),
        (GridSearchCV(make_pipeline(LinearSVC()), {}), Y, "neg_log_loss", "needs predict_proba: LinearSVC has none"),
        (SVC(), WORDS, "neg_log_loss", "'m' .* needs predict_proba: SVC has none"),
        (Ridge(), WORDS, "accuracy", "'m' .* is a regressor, but the target does not hold numbers"),
        (Ridge(), Y, "accuracy", "'m' .* cannot be scored by accuracy"),
        (Ridge(), Y, "roc_auc", "'m' .* needs decision_function or predict_proba"),
        (GridSearchCV(Ridge(), {}, refit=False), Y, "r2", "'m' .* is a search with refit=False"),
    ],
)
def test_a_method_that_surely_has_no_score_is_refused_by_name(method, y, scoring, words):
    with pytest.raises(ValueError, match=words):
        check_one(method, y, scoring)


@pytest.mark.parametrize(
    ("method", "y", "scoring"),
    [
        (GridSearchCV(SVC(), {"probability": [True]}), Y, "neg_log_loss"),
        (GridSearchCV(make_pipeline(LinearSVC()), {"linearsvc": [LogisticRegression()]}), Y, "neg_log_loss"),
        (StackingClassifier([("logistic", LogisticRegression())]), Y, "neg_log_loss"),
        (KNeighborsRegressor(1), Y, "accuracy"),
        (LogisticRegression(), Y, "r2"),
        (LinearSVC(), Y, "roc_auc"),
        (GridSearchCV(Ridge(), {}, refit=False), Y, lambda search, X, y: search.best_score_),
    ],
)
def test_a_method_that_may_have_a_score_is_not_refused(method, y, scoring):
    check_one(method, y, scoring)


@pytest.mark.parametrize(
    ("groups", "words"), [([None, *"abcdefghijk"], "missing value in 1 of 12 rows"), ([(1, 2)] * 12, "one column")]
)
@pytest.mark.parametrize("cv", [3, GroupKFold(3)])
def test_groups_with_gaps_or_several_values_are_refused(groups, words, cv):
    with pytest.raises(ValueError, match=words):
        draw_outer_folds(cv, X, Y, groups, MethodKind.CLASSIFIER, 0)
