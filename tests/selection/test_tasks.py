"""The rows and the folds that candidates are measured on."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import make_scorer
from sklearn.model_selection import KFold, StratifiedKFold

from sklearn_autotune import AutoModelSelector
from sklearn_autotune.selection._tasks import MIN_ROWS, make_folds, sample_rows
from tests.selection.toy_families import family, shape

Y = np.repeat([0, 0, 0, 1], 2500)


def sample(y=Y, seconds_per_row=1e-3, timeout=10.0, seed=0, groups=None):
    slow = replace(family("slow"), seconds=lambda shape: seconds_per_row * shape.n_rows)
    return sample_rows(y, {"slow": slow}, shape, timeout, seed=seed, groups=groups)


@pytest.mark.parametrize(("timeout", "seconds_per_row"), [(None, 1.0), (10.0, 1e-6)])
def test_without_a_limit_or_with_enough_time_all_rows_are_used(timeout, seconds_per_row):
    np.testing.assert_array_equal(sample(timeout=timeout, seconds_per_row=seconds_per_row), np.arange(len(Y)))


def test_a_sample_is_stratified_sorted_and_of_rows_that_there_is_time_for():
    rows = sample(seconds_per_row=2e-4)

    assert MIN_ROWS < len(rows) < len(Y)
    assert 3 * 2e-4 * len(rows) <= 0.3 * 10.0  # three folds in a candidate's share of the timeout
    assert (np.diff(rows) > 0).all()
    assert Y[rows].mean() == pytest.approx(0.25, abs=1e-3)


def test_a_sample_has_a_least_number_of_rows_however_short_the_time_is():
    assert len(sample(seconds_per_row=10.0)) == MIN_ROWS


def test_a_sample_of_groups_has_whole_groups_and_every_class():
    groups = np.repeat(np.arange(100), 100)
    y = np.where(groups == 7, 2, Y)  # a class of one group
    rows = sample(y=y, groups=groups, seconds_per_row=2e-4)

    chosen = np.unique(groups[rows])
    assert len(rows) == 100 * len(chosen)
    assert 7 in chosen
    assert MIN_ROWS < len(rows) <= len(sample(seconds_per_row=2e-4)) + 100


def test_a_sample_has_two_groups_at_least():
    assert len(sample(groups=np.repeat([0, 1, 2], [8000, 1000, 1000]), seconds_per_row=10.0)) >= 2000


@pytest.mark.parametrize(("n_rows", "expected"), [(5, 5), (2999, 8), (3000, 5), (19_999, 5), (20_000, 3)])
def test_there_are_fewer_folds_for_more_rows(n_rows, expected):
    folds = make_folds(None, np.arange(float(n_rows)), False, 0, True)

    assert isinstance(folds, KFold)
    assert folds.get_n_splits() == expected


@pytest.mark.parametrize(("rarest", "expected"), [(1, 2), (4, 4), (20, 8)])
def test_where_all_classes_have_to_be_in_a_fold_the_rarest_limits_their_number(rarest, expected):
    folds = make_folds(None, np.repeat([0, 1], [100, rarest]), True, 0, False)

    assert isinstance(folds, StratifiedKFold)
    assert folds.get_n_splits() == expected


def test_where_a_fold_may_lack_a_class_the_rarest_does_not_limit_their_number():
    assert len(make_folds(None, np.repeat([0, 1], [100, 3]), True, 0, True)) == 8


def test_groups_stay_together_in_a_number_of_folds_and_a_splitter_is_left_as_it_is():
    groups = np.repeat(np.arange(20), 10)
    y = np.arange(200) % 2

    for cv, n_folds in ((None, 8), (4, 4)):
        folds = make_folds(cv, y, True, 0, True, groups=groups)
        assert len(folds) == n_folds
        assert all(not set(groups[train]) & set(groups[test]) for train, test in folds)
    own = KFold(3)
    assert make_folds(own, y, True, 0, True, groups=None) is own
    assert make_folds(4, y, True, 0, True, groups=None) == 4


WORDS = np.where(np.arange(60) % 2, "yes", "no")
LEVELS = np.array(["low", "middle", "high"])[np.arange(60) % 3]


@pytest.mark.parametrize(
    ("scoring", "y", "task", "message"),
    [
        ("f1", WORDS, "classification", "pos_label=1 is not a valid label"),
        ("roc_auc", LEVELS, "classification", "multi_class must be in"),
        ("r2", WORDS, "classification", "could not convert string to float"),
        ("neg_log_loss", np.arange(60.0), "regression", "predict_proba"),
        ("neg_mean_gamma_deviance", np.arange(60.0) - 30, "regression", "strictly positive"),
    ],
)
def test_a_score_that_this_target_cannot_have_is_refused_before_any_fit(scoring, y, task, message):
    X = np.random.default_rng(0).normal(size=(60, 2))
    selector = AutoModelSelector(task, ["logistic" if task == "classification" else "ridge"], scoring=scoring, cv=3)

    with pytest.raises(ValueError, match=rf"scoring has a score that cannot be computed .*{message}"):
        selector.fit(X, y)
    assert not hasattr(selector, "trials_")


def compute_signal_to_noise(target, predicted):
    """Fails for right predictions, as a function of the user may."""
    return 1 / float(np.mean((target - predicted) ** 2))


def compute_slope(target, predicted):
    """Fails for equal predictions."""
    return 1 / float(np.var(predicted))


@pytest.mark.parametrize("metric", [compute_signal_to_noise, compute_slope])
def test_a_score_that_only_some_predictions_cannot_have_is_accepted(metric):
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = X[:, 0] + np.random.default_rng(1).normal(size=60)
    selector = AutoModelSelector("regression", ["ridge"], scoring=make_scorer(metric), n_trials=2, cv=3, random_state=0)

    assert selector.fit(X, y).best_score_ > 0
