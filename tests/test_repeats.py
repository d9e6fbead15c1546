"""The folds are drawn again for what may enter AutoModelSelector's blend, as often as there is time."""

import time
from functools import partial
from typing import ClassVar

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris, make_classification, make_regression
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB

from sklearn_autotune import AutoModelSelector
from sklearn_autotune._candidates import candidate_of, first_candidates
from sklearn_autotune._members import Members
from sklearn_autotune._repeats import Repeats, default_folds
from sklearn_autotune._temperature import find_temperature
from sklearn_autotune._trials import Record
from sklearn_autotune.evaluation import Fold, FoldScore, Outcome, Task, Work, measure
from sklearn_autotune.executors import InProcess
from sklearn_autotune.families import Family

X, y = make_classification(300, 6, n_informative=4, flip_y=0.2, random_state=0)
DRAW = partial(default_folds, y, True, may_lack_classes=True)
TREES = Family("trees", (), lambda shape: {"max_leaf_nodes": [50]}, lambda shape: trees(shape), first=({},))


def trees(shape):
    """A few trees, with seeds of their own on each fold."""
    return RandomForestClassifier(5) if shape.is_classifier else RandomForestRegressor(5)


class Moody(GaussianNB):
    """Sleeps, fails or is interrupted from the ninth fit on: the first folds are eight."""

    fits: ClassVar[list[str]] = []

    def __init__(self, mood="good", priors=None, var_smoothing=1e-9):
        super().__init__(priors=priors, var_smoothing=var_smoothing)
        self.mood = mood

    def fit(self, X, y, sample_weight=None):
        self.fits.append(self.mood)
        if self.fits.count(self.mood) > 8:
            if self.mood == "slow":
                time.sleep(0.3)
            if self.mood == "bad":
                raise RuntimeError("not again")
            if self.mood == "interrupted":
                raise KeyboardInterrupt
        return super().fit(X, y, sample_weight)


@pytest.fixture(autouse=True)
def fits():
    Moody.fits.clear()
    return Moody.fits


def moody(mood):
    return Family(mood, (), lambda shape: {"var_smoothing": [1e-9]}, lambda shape: Moody(mood), first=({},))


def members(*families, seed=0):
    folds = tuple(Fold(number, *rows) for number, rows in enumerate(DRAW(seed).split(X, y)))
    task = Task(X, y, folds, _log_loss, {}, {}, "raise", False)
    by_name = {family.name: family for family in families}
    return Members(task, by_name, np.zeros(X.shape[1], dtype=int), np.array([0, 1]), seed)


def _log_loss(estimator, X, y):
    return -log_loss(y, estimator.predict_proba(X), labels=[0, 1])


def measured_record(first, family, number=0):
    candidate = first_candidates(family, first.shape(len(y)))[0]
    return Record(number, candidate, measure(first, Work(number, 0, 1, candidate)))


def repeat(first, records, most, deadline=None):
    return Repeats(first, DRAW, most, 1).measure(records, InProcess, deadline)


# -- what comes out ----------------------------------------------------------------------------------------------------


def test_what_is_predicted_for_a_row_is_the_mean_over_the_repeats():
    first = members(TREES)
    record = measured_record(first, TREES)
    assert repeat(first, [record], 3) == 3

    again = [members(TREES, seed=seed) for seed in (0, 1, 2)]
    mean = np.mean([one.of_all_rows(measured_record(one, TREES).outcome.kept.predictions) for one in again], axis=0)
    kept = record.outcome.kept
    np.testing.assert_allclose(first.of_all_rows(kept.predictions), mean, atol=1e-6)
    assert kept.temperature == pytest.approx(find_temperature(mean, y), rel=1e-3)


def test_the_models_of_a_repeat_are_let_go():
    good = moody("good")
    first = members(good)
    record = measured_record(first, good)
    models = list(record.outcome.kept.models)

    assert repeat(first, [record], 2) == 2
    assert record.outcome.kept.models == models


def test_what_fails_in_a_repeat_stays_as_it_was():
    bad, good = moody("bad"), moody("good")
    first = members(bad, good)
    first.task = Task(X, y, first.task.folds, _log_loss, {}, {}, np.nan, False)
    records = [measured_record(first, family, number) for number, family in enumerate((bad, good))]
    before = [first.of_all_rows(record.outcome.kept.predictions) for record in records]

    assert repeat(first, records, 2) == 2
    after = [first.of_all_rows(record.outcome.kept.predictions) for record in records]
    np.testing.assert_array_equal(after[0], before[0])
    assert (after[1] != before[1]).any()


def test_where_errors_are_let_through_they_are_in_a_repeat():
    bad = moody("bad")
    first = members(bad)
    with pytest.raises(RuntimeError, match="not again"):
        repeat(first, [measured_record(first, bad)], 2)


# -- time --------------------------------------------------------------------------------------------------------------


def test_a_repeat_for_which_there_is_no_time_is_not_begun(fits):
    good = moody("good")
    first = members(good)
    record = measured_record(first, good)

    assert repeat(first, [record], 3, deadline=time.time()) == 1
    assert len(fits) == 8


def test_a_repeat_that_takes_too_long_is_dropped(fits):
    slow, good = moody("slow"), moody("good")
    first = members(slow, good)
    records = [measured_record(first, family, number) for number, family in enumerate((good, slow))]
    before = first.of_all_rows(records[0].outcome.kept.predictions)

    assert repeat(first, records, 2, deadline=time.time() + 1) == 1
    assert fits.count("slow") < 16
    np.testing.assert_array_equal(first.of_all_rows(records[0].outcome.kept.predictions), before)


def timed(number, seconds):
    return Record(number, candidate_of(moody("a"), {}), Outcome("complete", (FoldScore(-0.1, None, seconds, 0.0),)))


def test_workers_share_a_repeat():
    records = [timed(0, 2.0), timed(1, 10.0)]
    one, two = (Repeats(members(), DRAW, 2, n_workers).seconds(records) for n_workers in (1, 2))
    assert 12.0 < one == pytest.approx(2 * two)


# -- the selector ------------------------------------------------------------------------------------------------------


def selector(**params):
    own = {"families": ["naive_bayes", "neighbors"], "n_trials": 3, "random_state": 0}
    return AutoModelSelector(**(own | params))


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, 1),
        ({"n_repeats": 3}, 3),
        ({"timeout": 60, "n_trials": None, "patience": 2}, 5),
        ({"timeout": 60}, 1),
        ({"timeout": 60, "n_repeats": 2}, 2),
        ({"timeout": 60, "n_trials": None, "patience": 2, "cv": 3}, 1),
        ({"n_repeats": 1, "cv": 3}, 1),
        ({"n_repeats": 2, "blend": False}, 2),
        ({"n_repeats": 2, "trial_timeout": 60.0}, 2),
    ],
)
def test_folds_are_drawn_as_often_as_is_said(params, expected):
    X, y = load_iris(return_X_y=True)
    fitted = selector(**params).fit(X, y)
    assert fitted.n_repeats_ == expected
    assert fitted.score(X, y) > 0.9


def test_folds_of_ones_own_are_not_drawn_again(fits):
    with pytest.raises(ValueError, match=r"n_repeats=2 draws the folds .* cv=3 was given"):
        selector(families=[moody("good")], n_repeats=2, cv=3).fit(X, y)
    assert not fits


def test_what_was_searched_is_kept_when_a_repeat_is_interrupted():
    interrupted = selector(families=[moody("interrupted")], n_trials=1, n_repeats=2)
    with pytest.raises(KeyboardInterrupt):
        interrupted.fit(X, y)
    assert interrupted.trials_["status"].tolist() == ["complete"]


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_repeats_do_not_depend_on_the_number_of_jobs(task):
    X, y = load_iris(return_X_y=True) if task == "classification" else load_diabetes(return_X_y=True)
    families = [TREES, "neighbors"]
    one, two = (selector(task=task, families=families, n_repeats=2, n_jobs=n_jobs).fit(X, y) for n_jobs in (1, 2))

    assert one.n_repeats_ == two.n_repeats_ == 2
    assert one.best_score_ == pytest.approx(two.best_score_)
    assert one.blend_weights_ == pytest.approx(two.blend_weights_)
    np.testing.assert_allclose(one.predict(X), two.predict(X))


def test_averaged_predictions_score_better_and_near_what_comes_out():
    X, y = make_regression(900, 8, noise=40.0, random_state=0)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
    once, often = (
        selector(task="regression", families=[TREES], blend=False, n_repeats=n_repeats).fit(X_train, y_train)
        for n_repeats in (1, 4)
    )
    assert often.best_score_ > once.best_score_
    errors = y_test - often.predict(X_test)
    assert 0.8 < np.sqrt(np.mean(errors**2)) / -often.best_score_ < 1.25
