"""The second layer where folds follow time: nothing in it is learnt from later rows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification, make_friedman1
from sklearn.ensemble import StackingClassifier, StackingRegressor
from sklearn.model_selection import TimeSeriesSplit

from sklearn_autotune import AutoModelSelector
from sklearn_autotune.selection import _auto_model_selector, _ensemble_choice
from sklearn_autotune.selection._second_layer import MIN_FORWARD_FOLDS, MIN_ROWS
from tests.faults.nightly import at_night

N_ROWS, N_FOLDS = 1200, 5
STACKED = {"stacked_linear", "stacked_trees"}


def make_table(is_classification):
    if is_classification:
        return make_classification(N_ROWS, 6, n_informative=5, n_redundant=0, flip_y=0.2, random_state=3)
    return make_friedman1(N_ROWS, 5, noise=1.0, random_state=0)


def fit(X, y, is_classification, **params):
    families = ["logistic", "naive_bayes", "neighbors"] if is_classification else ["ridge", "svm", "neighbors"]
    own = {"cv": TimeSeriesSplit(N_FOLDS), "n_trials": 3, "random_state": 0, "families": families}
    return AutoModelSelector("classification" if is_classification else "regression", **(own | params)).fit(X, y)


@pytest.fixture
def layers(monkeypatch):
    """The second layers that are measured."""
    measured, measure = [], _auto_model_selector.choose_from_both_layers

    def choose(*args, **kwargs):
        choice = measure(*args, **kwargs)
        measured.append(choice.second_layer)
        return choice

    monkeypatch.setattr(_auto_model_selector, "choose_from_both_layers", choose)
    return measured


@pytest.mark.parametrize(
    "is_classification", [pytest.param(True, marks=at_night, id="classes"), pytest.param(False, id="amounts")]
)
def test_earlier_scores_of_it_do_not_depend_on_later_rows(layers, is_classification):
    X, y = make_table(is_classification)
    changed = y.copy()
    changed[-10:] = 1 - y[-10:] if is_classification else -y[-10:]  # few rows, so that the same models stay the best
    for target in (y, changed):
        fit(X, target, is_classification)
    before, after = ([[fold.test for fold in record.outcome.folds] for record in one.records] for one in layers)

    assert {record.params["family"] for record in layers[0].records} == STACKED
    assert [record.params for record in layers[0].base_records] == [record.params for record in layers[1].base_records]
    assert [len(scores) for scores in before] == [N_FOLDS - 1] * len(before)
    assert [scores[:-1] for scores in after] == [scores[:-1] for scores in before]
    assert all(one[-1] != other[-1] for one, other in zip(before, after, strict=True))


def test_it_is_fitted_on_the_rows_that_earlier_folds_were_tested_on(layers):
    X, y = make_table(False)
    gap = 20
    fit(X, y, False, cv=TimeSeriesSplit(N_FOLDS, gap=gap))
    (layer,) = layers
    n_test = N_ROWS // (N_FOLDS + 1)

    for evaluation in layer.evaluations.values():
        for number, fold in enumerate(evaluation.task.folds, 1):
            first = N_ROWS - n_test * (N_FOLDS - number)
            np.testing.assert_array_equal(fold.train, np.arange(n_test, first - gap))
            np.testing.assert_array_equal(fold.test, np.arange(first, first + n_test))
    np.testing.assert_array_equal(layer.tested_rows, np.arange(n_test, N_ROWS))


@pytest.mark.parametrize(("is_classification", "ensemble"), [(True, StackingClassifier), (False, StackingRegressor)])
def test_its_models_enter_the_blend_and_predict(is_classification, ensemble):
    X, y = make_table(is_classification)
    table = pd.DataFrame(X).add_prefix("x").assign(day=pd.date_range("2020-01-01", periods=N_ROWS))
    found = fit(table, y, is_classification, cv=N_FOLDS, time="day")

    assert set(found.leaderboard_["family"]) >= STACKED
    assert {label.rpartition("_")[0] for label in found.blend_weights_} & STACKED
    assert isinstance(found.best_estimator_[-1], ensemble)
    assert found.score(table, y) > 0.8
    assert np.isfinite(found.best_score_)


@pytest.mark.parametrize(
    ("n_rows", "n_folds"), [(N_ROWS, MIN_FORWARD_FOLDS - 1), (MIN_ROWS, N_FOLDS)], ids=["few folds", "few tested rows"]
)
def test_there_is_none_if_too_little_was_tested(n_rows, n_folds):
    X, y = make_table(False)
    found = fit(X[:n_rows], y[:n_rows], False, cv=TimeSeriesSplit(n_folds))

    assert not STACKED & set(found.leaderboard_["family"])


def test_there_is_none_if_a_gap_leaves_a_fold_nothing_to_be_fitted_on():
    X, y = make_table(False)
    n_test = N_ROWS // (N_FOLDS + 1)
    found = fit(X, y, False, cv=TimeSeriesSplit(N_FOLDS, gap=n_test, test_size=n_test - 40), error_score="raise")

    assert not STACKED & set(found.leaderboard_["family"])


def test_in_the_choice_the_mean_of_its_base_models_stands_for_its_first_fold(layers, monkeypatch):
    scorers = []
    make = _ensemble_choice.EnsembleScorer
    monkeypatch.setattr(
        _ensemble_choice,
        "EnsembleScorer",
        lambda *args, **own: scorers.append((args, make(*args, **own))) or scorers[-1][1],
    )
    X, y = make_table(True)
    fit(X, y, True)
    ((cross_fit, candidates), scorer), (layer,) = scorers[0], layers
    bases = [cross_fit.scale_predictions(record.outcome.artifacts)[0] for record in layer.base_records]

    assert [len(folds) for folds in scorer.predictions] == [N_FOLDS] * len(candidates)
    for record, folds in zip(candidates, scorer.predictions, strict=True):
        if record.params["family"] in STACKED:
            np.testing.assert_allclose(folds[0], np.mean(bases, axis=0))
            assert len(record.outcome.folds) == N_FOLDS - 1
