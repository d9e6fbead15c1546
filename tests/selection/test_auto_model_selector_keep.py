"""The models of the folds that a selector keeps."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, make_classification
from sklearn.model_selection import KFold, TimeSeriesSplit

from sklearn_autotune import AutoModelSelector
from sklearn_autotune._compat import clock
from sklearn_autotune.inference._table_reader import TableReader
from tests.faults.nightly import at_night
from tests.selection.test_final_fits import Fitted
from tests.selection.toy_families import N_FOLDS

X, Y = load_breast_cancer(return_X_y=True)
TABLE = pd.DataFrame(X[::2, :6], columns=list("abcdef")).assign(g=pd.cut(X[::2, 6], 4).astype(str))
LABELS = np.array(["malignant", "benign"])[Y[::2]]
CLASSIFIERS = ["logistic", "naive_bayes", "neighbors", "xgboost"]


def check_folds(search, X, splits, method):
    assert len(search.fold_estimators_) == len(splits)
    for model, (_, test) in zip(search.fold_estimators_, splits, strict=True):
        rows = X.iloc[test] if isinstance(X, pd.DataFrame) else X[test]
        np.testing.assert_allclose(getattr(model, method)(rows), search.oof_predictions_[test], rtol=1e-6, atol=1e-9)


@pytest.mark.few_by_day(1)
@pytest.mark.parametrize("blend", [True, False], ids=["blend", "alone"])
@pytest.mark.parametrize("scoring", [None, "roc_auc"])
def test_models_of_the_folds_predict_what_was_measured(blend, scoring):
    splits = list(KFold(3, shuffle=True, random_state=0).split(TABLE))
    weights = np.random.RandomState(0).uniform(0.5, 2, size=len(LABELS))
    settings = {"families": CLASSIFIERS, "n_trials": 8, "cv": splits, "random_state": 0, "keep": "estimators"}

    search = AutoModelSelector(blend=blend, scoring=scoring, **settings).fit(TABLE, LABELS, sample_weight=weights)

    check_folds(search, TABLE, splits, "predict_proba")
    assert set(search.fold_estimators_[0].predict(TABLE)) == {"malignant", "benign"}


@at_night
def test_models_of_a_regression_do_too():
    X, y = load_diabetes(return_X_y=True)
    splits = list(KFold(3).split(X))
    settings = {"families": ["ridge", "forest", "xgboost"], "n_trials": 6, "cv": splits, "random_state": 0}

    search = AutoModelSelector("regression", keep=["estimators"], **settings).fit(X, y)

    check_folds(search, X, splits, "predict")


@pytest.mark.few_by_day(1)
@pytest.mark.parametrize("cv", [KFold(4), TimeSeriesSplit(5)], ids=["folds", "forward"])
def test_they_have_the_second_layer(cv):
    X, y = make_classification(1200, 6, n_informative=5, n_redundant=0, flip_y=0.2, random_state=3)
    families = ["logistic", "naive_bayes", "neighbors"]
    settings = {"families": families, "n_trials": 3, "cv": cv, "random_state": 0, "keep": "estimators"}

    search = AutoModelSelector(**settings).fit(X, y)

    assert any(name.startswith("stacked") for name in search.blend_weights_)
    check_folds(search, X, list(cv.split(X)), "predict_proba")


def test_nothing_is_kept_unless_asked_for_and_nothing_else_can_be():
    settings = {"families": ["naive_bayes"], "n_trials": 1, "cv": 2}

    assert not hasattr(AutoModelSelector(**settings).fit(TABLE, LABELS), "fold_estimators_")
    with pytest.raises(ValueError, match=r"keep has 'predict_proba'. It can have 'estimators'"):
        AutoModelSelector(keep="predict_proba", **settings).fit(TABLE, LABELS)


def test_without_time_to_fit_them_again_there_are_none_and_a_warning():
    kept = Fitted(deadline=clock.now() - 1)
    kept.fit(1.0)
    lost = Fitted(deadline=clock.now() - 1)
    lost.fit(1.0)
    lost.records[0].outcome.artifacts.models = None

    assert len(kept.final_fits.fit_on_folds(kept.chosen, TableReader())) == N_FOLDS
    with pytest.warns(UserWarning, match="no time to fit the chosen models on the folds again"):
        assert lost.final_fits.fit_on_folds(lost.chosen, TableReader()) == []


def test_time_is_left_to_fit_again_what_was_let_go():
    done = Fitted(deadline=clock.now() + 100)
    reserve = done.final_fits.time_reserve
    seconds = reserve.estimate_seconds_after_search(done.records)
    object.__setattr__(reserve, "keeps_folds", True)

    more = reserve.estimate_seconds_after_search(done.records) - seconds

    assert more == pytest.approx(sum(fold.fit_seconds for fold in done.records[1].outcome.folds))
