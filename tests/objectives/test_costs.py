"""What a model costs, on real models whose costs are known."""

import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_iris, make_classification
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

from sklearn_autotune import PredictSeconds
from sklearn_autotune.inference._encoding import LabelEncodingClassifier
from sklearn_autotune.objectives._costs import COSTS, count_bytes, count_features, count_trees, set_fit_seconds

X, y = make_classification(n_samples=120, n_features=6, n_informative=3, n_redundant=0, shuffle=False, random_state=0)
Y3 = np.arange(120) % 3


@pytest.mark.parametrize(
    ("model", "target", "expected"),
    [
        (RandomForestClassifier(7), y, 7),
        (make_pipeline(StandardScaler(), RandomForestClassifier(4)), y, 4),
        (DecisionTreeClassifier(), y, 1),
        (GradientBoostingClassifier(n_estimators=3), Y3, 9),
        (HistGradientBoostingClassifier(max_iter=3), Y3, 9),
        (XGBClassifier(n_estimators=3), Y3, 9),
        (BaggingClassifier(DecisionTreeClassifier(), n_estimators=5), y, 5),
        (LogisticRegression(), y, 0),
        (CalibratedClassifierCV(RandomForestClassifier(2), cv=3), y, 6),
        (StackingClassifier([("f", RandomForestClassifier(2))], RandomForestClassifier(3), cv=2), y, 5),
        (TransformedTargetRegressor(RandomForestRegressor(4)), y, 4),
        (make_pipeline(StandardScaler(), LabelEncodingClassifier(XGBClassifier(n_estimators=3))), Y3, 9),
    ],
    ids=lambda value: type(value).__name__,
)
def test_trees_are_counted(model, target, expected):
    assert count_trees(model.fit(X, target)) == expected
    assert COSTS["n_trees"](model, X, target) == -expected


@pytest.mark.parametrize("model", [LogisticRegression(), RandomForestClassifier(20, random_state=0)])
def test_bytes_are_those_of_the_pickle(model):
    assert count_bytes(model.fit(X, y)) == pytest.approx(len(pickle.dumps(model, protocol=5)), rel=0.15)


def test_bytes_are_the_same_for_data_that_have_been_sent():
    """The data type of an array that was unpickled is another object than NumPy's own, and takes up bytes again."""
    sent_X, sent_y = pickle.loads(pickle.dumps((X, y)))
    here, there = (
        RandomForestClassifier(2, random_state=0).fit(X, y),
        RandomForestClassifier(2, random_state=0).fit(sent_X, sent_y),
    )

    assert len(pickle.dumps(here)) != len(pickle.dumps(there))
    assert count_bytes(here) == count_bytes(there)


def lasso(c=0.02):
    return LogisticRegression(C=c, l1_ratio=1, solver="saga", max_iter=5000, random_state=0)


@pytest.mark.parametrize(
    ("model", "find"),
    [
        (lasso(), lambda model: (model.coef_ != 0).any(axis=0).sum()),
        (make_pipeline(StandardScaler(), lasso()), lambda model: (model[-1].coef_ != 0).any(axis=0).sum()),
        (DecisionTreeClassifier(max_depth=1), lambda model: 1),
        (make_pipeline(SelectKBest(k=2), GaussianNB()), lambda model: 2),
        (make_pipeline(MinMaxScaler(), SelectKBest(k=3), DecisionTreeClassifier(max_depth=1)), lambda model: 1),
        (make_pipeline(PCA(2), lasso(1)), lambda model: 6),
        (make_pipeline(SelectKBest(k=4), PCA(2), GaussianNB()), lambda model: 4),
        (make_pipeline("passthrough", GaussianNB()), lambda model: 6),
        (SVC(kernel="linear"), lambda model: 6),
        (make_pipeline(SelectKBest(k=2), LabelEncodingClassifier(GaussianNB())), lambda model: 2),
        (make_pipeline(make_column_transformer((StandardScaler(), [0, 1])), GaussianNB()), lambda model: 6),
    ],
)
def test_used_features_are_counted(model, find):
    assert count_features(model.fit(X, y)) == find(model)


def test_a_sparse_model_uses_fewer_features():
    assert 0 < count_features(lasso(0.1).fit(X, y)) < 6


class Sleeper(BaseEstimator):
    """Predicts in a time that is proportional to the rows, and remembers how many it was given."""

    def fit(self, X, y=None):
        self.calls_ = []
        return self

    def predict(self, X):
        self.calls_.append(len(X))
        return np.zeros(len(X))


def test_rows_are_predicted_in_batches():
    model = Sleeper().fit(X)

    assert PredictSeconds(batch_size=50, n_calls=3)(model, X) < 0
    assert model.calls_ == [50] * 4
    model.fit(X)
    PredictSeconds(batch_size=1000, n_calls=1)(model, X)
    assert model.calls_ == [120] * 2


def test_a_transformer_is_timed_too():
    assert PredictSeconds(n_calls=1)(StandardScaler().fit(X), X) < 0


@pytest.mark.parametrize("changes", [{"batch_size": 0}, {"n_calls": 1.5}, {"batch_size": True}])
def test_settings_that_mean_nothing_are_refused(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        PredictSeconds(**changes).check()


def test_the_seconds_of_a_fit_are_set_where_they_are_wanted():
    scorers = {"r2": None, "neg_fit": COSTS["fit_seconds"]}
    assert set_fit_seconds({"r2": 0.5, "neg_fit": 0.0}, scorers, 3.0) == {"r2": 0.5, "neg_fit": -3.0}
    assert set_fit_seconds({"r2": 0.5}, {"r2": None}, 3.0) == {"r2": 0.5}
    assert set_fit_seconds(0.5, None, 3.0) == 0.5


def test_a_fixed_threshold_around_a_model_changes_neither_its_features_nor_its_trees():
    X, y = load_iris(return_X_y=True)
    forest = RandomForestClassifier(5, max_depth=1, max_features=4, random_state=0)
    fixed = FixedThresholdClassifier(forest, threshold=0.4).fit(X[50:], y[50:])

    assert count_trees(fixed) == 5
    assert count_features(fixed) == count_features(fixed.estimator_) < 4
