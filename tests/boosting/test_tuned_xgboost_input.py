"""Tuned XGBoost refuses bad input before anything is fitted, and records failures of training."""

import numpy as np
import pytest
import xgboost
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import FitFailedWarning

from sklearn_autotune import TunedXGBClassifier, TunedXGBRegressor
from tests.toys import statuses


def classifier(**params):
    return TunedXGBClassifier(**({"n_trials": 4, "cv": 3, "random_state": 0} | params))


def regressor(**params):
    return TunedXGBRegressor(**({"n_trials": 4, "cv": 3, "random_state": 0} | params))


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return X[::2], y[::2]


X4 = np.arange(24.0).reshape(12, 2)


Y4 = np.arange(12) % 2


BAD = {
    "one class": (classifier(), X4, np.zeros(12), "only one class"),
    "rare class": (classifier(), X4, np.array([0] * 10 + [1] * 2), r"has 2 members, fewer than the 3 folds"),
    "y with NaN": (regressor(), X4, np.where(Y4, np.nan, 1.0), "Input y contains NaN"),
    "infinite X": (classifier(), np.where(X4 == 3, np.inf, X4), Y4, "Input X contains infinity.* in column 1"),
    "too large X": (classifier(), np.where(X4 == 3, 1e39, X4), Y4, "too large for a 32-bit float in column 1"),
    "labels of an index": (classifier(cv=[([101, 102], [103])]), X4, Y4, "cv gives 102 as a training row of fold 0"),
    "rounds searched": (classifier(space={"n_estimators": [10, 20]}), X4, Y4, "n_estimators is not searched"),
    "unknown parameter": (classifier(space={"depth": [2, 3]}), X4, Y4, "depth"),
    "unknown first": (classifier(enqueue=[{"depth": 2}]), X4, Y4, "'depth' is not in the space"),
    "n_trials": (classifier(n_trials=0), X4, Y4, "'n_trials' parameter of TunedXGBClassifier"),
    "lengths": (classifier(), X4, Y4[:-1], "inconsistent numbers of samples"),
    "weights": (classifier(), X4, Y4, "at least 0 for each row"),
    "weights of one class": (classifier(), X4, Y4, "all rows but those of one class: 1"),
    "class weight": (classifier(class_weight="light"), X4, Y4, "'class_weight' parameter"),
}


WEIGHTS = {"weights": -np.ones(12), "weights of one class": Y4.astype(float)}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_before_anything_is_fitted(case, monkeypatch):
    search, X, y, message = BAD[case]
    monkeypatch.setattr(xgboost, "Booster", None)

    with pytest.raises((ValueError, TypeError), match=message):
        search.fit(X, y, sample_weight=WEIGHTS.get(case))


def test_rare_classes_are_not_repeated():
    """FLAML repeats rows of rare classes before it splits, and reports an AUC of 0.945 on noise."""
    random = np.random.RandomState(0)
    X, y = random.normal(size=(300, 5)), np.zeros(300, dtype=int)
    y[random.permutation(300)[:8]] = 1

    search = classifier(n_trials=3, cv=4, scoring="roc_auc").fit(X, y)

    assert abs(search.cv_results_["mean_test_score"][0] - 0.5) < 0.3


def test_a_failure_of_training_is_recorded_or_raised(cancer):
    space = {"max_depth": [2, 3], "learning_rate": [0.3], "colsample_bylevel": [1.0, 7.0]}
    fixed = {"space": space, "enqueue": None, "n_trials": 4}
    with pytest.warns(FitFailedWarning, match="colsample_bylevel"), pytest.warns(UserWarning, match="non-finite"):
        search = classifier(**fixed).fit(*cancer)
    assert set(statuses(search)) == {"complete", "failed"}
    with pytest.raises(xgboost.core.XGBoostError, match="colsample_bylevel"):
        classifier(**fixed, error_score="raise").fit(*cancer)
