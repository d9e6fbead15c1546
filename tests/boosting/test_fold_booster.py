"""The booster of one fold: where it is scored, when its training ends, and what remains of it."""

import threading
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes
from xgboost import XGBClassifier, XGBRegressor
from xgboost.core import XGBoostError

from sklearn_autotune._compat import clock
from sklearn_autotune.boosting._binned_folds import Target
from sklearn_autotune.boosting._fold_booster import (
    MAX_POINTS_WITHOUT_GAIN,
    FoldBooster,
    has_stopped_improving,
    make_round_grid,
)
from sklearn_autotune.boosting._fold_boosting import FoldBoosting
from sklearn_autotune.boosting._library import FoldRows
from sklearn_autotune.boosting._xgboost_library import TunedXGBoost
from sklearn_autotune.evaluation import compute_log_loss, compute_root_mean_squared_error
from sklearn_autotune.evaluation._base import FoldCurve
from tests.toys import make_evaluation

GRID = (1, 2, 4, 8, 16, 32, 64, 128)
LIBRARY = TunedXGBoost()


# -- the curve -------------------------------------------------------------------------------------------------------


@given(st.floats(0.001, 1.0), st.integers(1, 5000))
def test_points_rise_and_end_at_the_most(learning_rate, max_rounds):
    rounds = make_round_grid(learning_rate, max_rounds)

    assert rounds[0] >= 1
    assert list(rounds) == sorted(set(rounds))
    assert rounds[-1] <= max_rounds


def test_points_are_the_same_in_rounds_times_learning_rate():
    fast, slow = make_round_grid(0.1, 10_000), make_round_grid(0.01, 100_000)

    assert len(fast) == len(slow)
    np.testing.assert_allclose(np.array(slow) * 0.01, np.array(fast) * 0.1, atol=0.05)


def test_the_largest_number_of_rounds_is_the_last_point_unless_progress_ends_before():
    assert make_round_grid(0.01, 150) == (100, 120, 144, 150)
    assert make_round_grid(1.0, 1_000_000)[-1] <= 300


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=8))
def test_a_curve_turns_after_the_last_gain(scores):
    flat = [*scores, *[max(scores)] * (MAX_POINTS_WITHOUT_GAIN + 1)]

    assert has_stopped_improving(flat)
    assert not has_stopped_improving([0.0, 1.0, *(2.0 + np.arange(5))])


def test_a_curve_that_falls_once_may_still_rise():
    assert not has_stopped_improving([0.0, 1.0, 0.9])
    assert not has_stopped_improving([0.0, 1.0, 0.9, 1.1])
    assert has_stopped_improving([0.0, 1.0, 0.9, 0.9])


# -- a booster in training -------------------------------------------------------------------------------------------


@pytest.fixture
def start():
    """Starts boosters on the first of two folds, and ends their threads after the test."""
    started = []

    def start(model=None, deadline=None):
        model = XGBClassifier(learning_rate=0.3, max_depth=3, n_jobs=1) if model is None else model
        is_classifier = isinstance(model, XGBClassifier)
        X, y = (load_breast_cancer if is_classifier else load_diabetes)(return_X_y=True)
        classes = np.arange(2) if is_classifier else None
        loss = compute_log_loss if is_classifier else compute_root_mean_squared_error
        boosting = FoldBoosting(make_evaluation(model, X, y), LIBRARY, Target(y, classes), loss=loss)
        fold = boosting.folds.task.folds[0]
        binned = LIBRARY.bin_fold(model, FoldRows(X[fold.train], y[fold.train], None, X[fold.test]))
        trainer = binned.make_trainer(LIBRARY.read_settings(model, classes))
        started.append(FoldBooster(boosting, fold, trainer, GRID, deadline))
        return started[-1]

    yield start
    for fold_booster in started:
        fold_booster.close()


def train(fold_booster, n_points):
    fold_booster.request(n_points)
    fold_booster.wait(np.nan)
    return fold_booster


def test_it_is_scored_after_as_many_points_as_were_requested(start):
    fold_booster = train(start(), 2)
    assert (fold_booster.scored_rounds, fold_booster.trainer.n_rounds) == ((1, 2), 2)

    train(fold_booster, 4)

    assert (fold_booster.scored_rounds, fold_booster.trainer.n_rounds) == ((1, 2, 4, 8), 8)


def test_its_predictions_are_those_of_a_fit_with_so_many_rounds(start):
    fold_booster = train(start(), 4)

    X, y = load_breast_cancer(return_X_y=True)
    fold = fold_booster.fold
    for n_rounds, prediction, score in zip(
        fold_booster.scored_rounds, fold_booster.predictions, fold_booster.scores, strict=True
    ):
        model = XGBClassifier(n_estimators=n_rounds, learning_rate=0.3, max_depth=3, n_jobs=1)
        expected = model.fit(X[fold.train], y[fold.train]).predict_proba(X[fold.test])[:, 1]
        np.testing.assert_array_equal(prediction, expected)
        assert score == pytest.approx(-compute_log_loss(y[fold.test], expected, None))


def test_it_ends_when_it_stops_improving(start):
    fold_booster = train(start(XGBRegressor(learning_rate=1.0, n_jobs=1)), None)

    assert has_stopped_improving(fold_booster.scores)
    assert not has_stopped_improving(fold_booster.scores[:-1])
    assert len(fold_booster.scores) < len(GRID)


def test_it_ends_at_the_last_point_of_the_grid(start):
    fold_booster = train(start(XGBRegressor(learning_rate=0.001, max_depth=1, n_jobs=1)), None)

    assert fold_booster.scored_rounds == GRID
    assert all(later > earlier for earlier, later in pairwise(fold_booster.scores))


def test_points_beyond_the_last_that_counts_are_neither_trained_to_nor_counted(start):
    fold_booster = train(start(), 4)
    fold_booster.max_points = 3

    train(fold_booster, None)

    assert len(fold_booster.scores) == 4
    assert fold_booster.scored_rounds == GRID[:3]
    assert fold_booster.counted_scores == fold_booster.scores[:3]


def test_its_best_score_is_that_of_the_best_point_that_counts(start):
    fold_booster = train(start(XGBRegressor(learning_rate=0.3, n_jobs=1)), 6)
    scorer, best = fold_booster.scorer, int(np.argmax(fold_booster.scores))
    expected = scorer.score(fold_booster.trainer, fold_booster.fold, fold_booster.predictions[best]).score

    assert 0 < best < 5
    assert fold_booster.best.test == fold_booster.scores[best]
    assert fold_booster.score_point(best).test == expected
    assert fold_booster.best.error is None
    assert fold_booster.best.curve == FoldCurve(fold_booster.scored_rounds, tuple(fold_booster.scores))
    fold_booster.max_points = 1
    assert fold_booster.best.test == fold_booster.scores[0] < fold_booster.scores[best]
    assert fold_booster.best.curve.resources == fold_booster.round_grid[:1]


def test_scikit_learns_scorer_is_not_called_for_the_best_point_of_a_curve(start, monkeypatch):
    fold_booster = train(start(), 3)
    monkeypatch.setattr(FoldBoosting, "score", None)

    assert fold_booster.best.test == max(fold_booster.scores)


def test_a_booster_that_was_never_asked_to_train_has_no_thread(start):
    fold_booster = start()

    assert not fold_booster.thread.is_alive()
    fold_booster.close()
    assert train(start(), 1).thread.is_alive()


# -- the end of time ---------------------------------------------------------------------------------------------------


def test_after_the_deadline_no_round_is_trained(start):
    fold_booster = train(start(deadline=clock.now() - 1), None)

    assert fold_booster.is_out_of_time
    assert (fold_booster.scores, fold_booster.trainer.n_rounds) == ([], 0)


def test_after_its_end_time_it_is_still_scored_once_and_counts(start):
    fold_booster = start()
    fold_booster.end_time = clock.now() - 1

    train(fold_booster, None)

    assert not fold_booster.is_out_of_time
    assert fold_booster.scored_rounds == (1,)


def test_before_its_first_point_it_is_scored_with_the_rounds_that_it_has(start):
    fold_booster = start()
    fold_booster.round_grid = (50, 100)
    fold_booster.end_time = clock.now() - 1

    train(fold_booster, None)

    assert fold_booster.is_cut
    assert fold_booster.scored_rounds == (1,)
    assert len(fold_booster.scores) == fold_booster.trainer.n_rounds == 1


def test_it_can_be_scored_with_its_first_rounds_only(start):
    fold_booster, short = train(start(), 4), start()
    short.round_grid = (3, 5)
    train(short, 1)

    fold_booster.keep_rounds(3)

    assert fold_booster.scored_rounds == (3,)
    assert fold_booster.scores == short.scores
    np.testing.assert_array_equal(fold_booster.predictions[0], short.predictions[0])


def test_it_is_out_of_time_if_the_final_fit_of_its_candidate_would_be(start):
    fold_booster = start(deadline=clock.now() + 1000)
    fold_booster.compute_latest_end = lambda fit_seconds: clock.now() - 1

    train(fold_booster, None)

    assert fold_booster.is_out_of_time


# -- failures ----------------------------------------------------------------------------------------------------------


def test_a_failure_is_recorded_and_scores_what_a_failed_fold_scores(start):
    fold_booster = train(start(XGBClassifier(colsample_bylevel=7.0)), 2)

    assert "colsample_bylevel" in fold_booster.error
    assert np.isnan(fold_booster.best.test)
    assert fold_booster.best.error == fold_booster.error
    fold_booster.release()  # there is nothing to keep


def test_a_failure_is_raised_if_the_user_wants_it_raised(start):
    fold_booster = start(XGBClassifier(colsample_bylevel=7.0))
    fold_booster.request(2)

    with pytest.raises(XGBoostError, match="colsample_bylevel"):
        fold_booster.wait("raise")


def interrupt(y_true, y_pred):
    raise KeyboardInterrupt


def test_an_interrupt_is_raised_whatever_the_error_score(start):
    fold_booster = start(XGBRegressor(objective=interrupt, base_score=0.0))
    fold_booster.request(1)

    with pytest.raises(KeyboardInterrupt):
        fold_booster.wait(np.nan)


def overflow(y_true, y_pred):
    return np.full_like(y_true, -1e38), np.full_like(y_true, 1e-3)


def test_a_score_that_is_not_finite_is_a_failure(start):
    model = XGBRegressor(objective=overflow, base_score=0.0, reg_lambda=0, min_child_weight=0, n_jobs=1)
    fold_booster = train(start(model), 3)

    assert fold_booster.error == "The score is -inf, which is not a finite number."
    assert fold_booster.scores == []  # a point that failed is none of the curve
    assert fold_booster.best.has_failed
    assert fold_booster.best.test == -np.inf


def test_without_memory_for_its_thread_it_has_failed(start):
    fold_booster = start()
    before = threading.stack_size(2**46)  # more than any process may have
    try:
        train(fold_booster, 1)
    finally:
        threading.stack_size(before)

    assert "can't start new thread" in fold_booster.error
    assert fold_booster.best.has_failed
    fold_booster.close()


# -- what is left ------------------------------------------------------------------------------------------------------


def test_a_released_booster_has_no_thread_and_keeps_scores_and_trees(start):
    fold_booster = train(start(), 3)
    X, _ = load_breast_cancer(return_X_y=True)
    before = fold_booster.trainer.predict_rows(X)

    fold_booster.release()

    assert not fold_booster.thread.is_alive()
    assert fold_booster.scored_rounds == GRID[:3]
    np.testing.assert_array_equal(fold_booster.trainer.predict_rows(X), before)


def test_a_closed_booster_takes_no_requests_and_nobody_waits_for_it(start):
    fold_booster = train(start(), 1)
    fold_booster.close()

    train(fold_booster, 5)

    assert len(fold_booster.scores) == 1
