"""What AutoModelSelector measures again on folds drawn anew: what, when, and what comes of it."""

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_wine, make_classification
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.naive_bayes import GaussianNB

from sklearn_autotune import AutoModelSelector
from sklearn_autotune._plan import by_score
from sklearn_autotune._repeats import MOST_REPEATS, REPEAT_SHARE, Repeats
from sklearn_autotune._selector import AutoModelSelector as Selector
from sklearn_autotune.families import Family

N_FOLDS = 8


def selector(**params):
    """With time to spare: nothing here takes more than some seconds."""
    own = {"families": ["naive_bayes", "neighbors", "logistic"], "n_trials": 3, "timeout": 600, "random_state": 0}
    return AutoModelSelector(**(own | params))


def n_repeats(fitted):
    board = pd.DataFrame(fitted.leaderboard_)
    return dict(zip(board["family"], board["n_repeats"], strict=True))


def n_models(fitted):
    ensemble = fitted.best_estimator_[-1]
    return {name: len(one.estimator.models) for name, one in ensemble.named_estimators_.items()}


@pytest.fixture(scope="module")
def wine():
    return load_wine(return_X_y=True)


@pytest.fixture(scope="module")
def fitted(wine):
    return selector().fit(*wine)


# -- what comes of it ----------------------------------------------------------------------------------------------


def test_members_whose_models_are_averaged_have_those_of_all_draws(fitted):
    """Neighbours are fitted on all rows in the end: more draws would bring them nothing."""
    logistic = next(name for name in fitted.blend_weights_ if name.startswith("logistic"))

    assert n_models(fitted)[logistic] == MOST_REPEATS * N_FOLDS
    assert n_repeats(fitted) == {"logistic": MOST_REPEATS, "neighbors": 1, "naive_bayes": 1}


def test_scores_of_candidates_are_those_of_the_first_draw(fitted, wine):
    once = selector(timeout=None).fit(*wine)

    for name in ("family", "mean_score", "std_error"):
        np.testing.assert_array_equal(fitted.leaderboard_[name], once.leaderboard_[name])
    assert set(fitted.cv_results_["mean_test_score"]) == set(once.cv_results_["mean_test_score"])


def test_what_is_predicted_of_a_row_is_the_mean_over_the_draws(wine, monkeypatch):
    X, y = wine
    kept = []
    measure = Repeats.measure

    def watched(self, chosen, deadline):
        measure(self, chosen, deadline)
        kept.append((self.measured, chosen))

    monkeypatch.setattr(Repeats, "measure", watched)
    found = selector(families=["naive_bayes"], n_trials=1).fit(X, y)
    ((measured, (record,)),) = kept
    models = found.best_estimator_[-1].estimators_[0].estimator.models
    total = np.zeros((len(y), 3))
    for repeat in range(MOST_REPEATS):
        draw = StratifiedKFold(N_FOLDS, shuffle=True, random_state=measured.seed + repeat)
        for place, (_, test) in enumerate(draw.split(X, y)):
            total[test] += models[repeat * N_FOLDS + place].predict_proba(X[test])

    predicted = measured.in_row_order(record.outcome.kept.predictions)
    np.testing.assert_allclose(predicted, total / MOST_REPEATS, atol=1e-6)


def test_what_is_reported_comes_nearer_to_what_the_mean_of_the_models_is_worth():
    reported, held_out = np.zeros((2, 4)), np.zeros((2, 4))
    for seed in range(4):
        X, y = make_classification(2000, 8, n_informative=6, n_classes=4, random_state=seed)
        X, X_test, y, y_test = train_test_split(X, y, train_size=300, random_state=seed, stratify=y)
        for place, timeout in enumerate((None, 600)):
            found = selector(families=["neural"], n_trials=1, timeout=timeout, random_state=seed).fit(X, y)
            reported[place, seed] = -found.best_score_
            held_out[place, seed] = log_loss(y_test, found.predict_proba(X_test))
    once, thrice = held_out.mean(axis=1) / reported.mean(axis=1)

    assert once < thrice < 1.05
    assert held_out[1].mean() < held_out[0].mean()


def test_values_are_repeated_too():
    X, y = load_diabetes(return_X_y=True)
    found = selector(task="regression", families=["ridge", "neural"], n_trials=2).fit(X[:200], y[:200])

    assert set(n_models(found).values()) == {MOST_REPEATS * N_FOLDS}
    assert np.isfinite(found.predict(X[200:])).all()


def test_the_best_alone_is_repeated_too(wine):
    found = selector(blend=False).fit(*wine)

    assert list(n_models(found).values()) == [MOST_REPEATS * N_FOLDS]


def test_the_number_of_jobs_changes_nothing(fitted, wine):
    parallel = selector(n_jobs=2).fit(*wine)

    assert parallel.best_score_ == fitted.best_score_
    np.testing.assert_array_equal(parallel.predict_proba(wine[0]), fitted.predict_proba(wine[0]))


def test_weights_count_in_every_draw(wine):
    """Rows without weight are as if they were not there, but for the folds that they fall into."""
    X, y = wine
    heavy = np.where(np.arange(len(y)) % 2, 1.0, 1e-9)
    found = selector(families=["naive_bayes"], n_trials=1).fit(X, y, sample_weight=heavy)
    odd, even = slice(1, None, 2), slice(0, None, 2)
    nearly = GaussianNB().fit(X[odd], y[odd]).predict(X[even])

    assert n_repeats(found) == {"naive_bayes": MOST_REPEATS}
    assert (found.predict(X[even]) == nearly).mean() > 0.98


# -- when there is none --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [{"timeout": None}, {"cv": StratifiedKFold(N_FOLDS, shuffle=True, random_state=0)}, {"max_predict_time": 1.0}],
    ids=["no timeout", "cv given", "quick predictions wanted"],
)
def test_there_is_none(params, wine):
    assert set(n_repeats(selector(**params).fit(*wine)).values()) == {1}


def test_without_time_nothing_is_begun(monkeypatch, wine):
    measure = Repeats.measure
    monkeypatch.setattr(Repeats, "measure", lambda self, chosen, until: measure(self, chosen, time.time()))
    found = selector().fit(*wine)

    assert set(n_repeats(found).values()) == {1}
    once = selector(timeout=None).fit(*wine)
    np.testing.assert_array_equal(found.predict_proba(wine[0]), once.predict_proba(wine[0]))


class FailsLater(GaussianNB):
    """Cannot be fitted on the folds of any draw but the first: one row, wherever it is, tells them apart."""

    n_fits = 0

    def fit(self, X, y, sample_weight=None):
        type(self).n_fits += 1
        if type(self).n_fits > N_FOLDS + 2:
            raise ValueError("enough")
        return super().fit(X, y, sample_weight)


def test_what_fails_on_later_folds_stays_what_it_was(wine):
    family = Family(
        name="fails_later",
        estimators=("FailsLater",),
        space=lambda shape: {"var_smoothing": [1e-9]},
        make=lambda shape: FailsLater(),
        first=({},),
        seconds=lambda shape: 0.01,
    )
    FailsLater.n_fits = 0
    found = selector(families=[family], n_trials=1).fit(*wine)

    assert FailsLater.n_fits > N_FOLDS
    assert n_repeats(found) == {"fails_later": 1}
    assert list(n_models(found).values()) == [N_FOLDS]


# -- time ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def plans(monkeypatch):
    """The plans of all searches to come."""
    made = []
    make = Selector._make_plan

    def watched(self, *args):
        made.append(make(self, *args))
        return made[-1]

    monkeypatch.setattr(Selector, "_make_plan", watched)
    return made


def test_time_is_kept_for_it_once_all_families_had_their_turn(plans, wine):
    selector(n_trials=None, patience=2, families=["logistic", "naive_bayes"]).fit(*wine)
    (plan,) = plans
    without = plan.stack_seconds(plan.known) + plan.refit_seconds(plan.known)

    assert plan.all_had_turn
    repeating = plan.repeats.seconds(plan.known)
    assert 0 < repeating < REPEAT_SHARE * 600
    assert plan.final_seconds(plan.known) == pytest.approx(without + repeating)
    plan.all_had_turn = False
    assert plan.final_seconds(plan.known) == pytest.approx(without)


def test_no_more_time_is_kept_than_its_share(plans, wine):
    selector().fit(*wine)
    (plan,) = plans
    wanted = plan.repeats.seconds(plan.known)

    plan.repeats.most = 0.75 * wanted
    assert plan.repeats.seconds(plan.known) == 0.75 * wanted


def test_no_time_is_kept_for_what_comes_after_one_for_which_there_would_be_none(plans, wine):
    selector(families=["naive_bayes", "logistic"], n_trials=2).fit(*wine)
    (plan,) = plans
    best, second = by_score(plan.known)

    def seconds(best_takes):
        slow = replace(best.outcome, folds=tuple(replace(fold, fit_seconds=best_takes) for fold in best.outcome.folds))
        return plan.repeats.seconds([replace(best, outcome=slow), second])

    assert seconds(1.0) > MOST_REPEATS * N_FOLDS - N_FOLDS
    assert seconds(plan.repeats.most) == 0.0
