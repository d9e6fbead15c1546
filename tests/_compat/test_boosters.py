"""The estimator's class chooses its library, and a new library needs no other change."""

import subprocess
import sys

import numpy as np
import pytest
from lightgbm import LGBMClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from xgboost import XGBClassifier

from sklearn_autotune._compat import boosters
from sklearn_autotune._compat.boosters import (
    BOOSTER_LIBRARIES,
    LIBRARIES,
    PartFit,
    declare_categories,
    find_library,
    get_library,
    start_exact_continued_fit,
)
from sklearn_autotune.boosting._early_stopping import (
    clone_with_rounds,
    fit_with_early_stopping,
    get_best_rounds,
    has_early_stopping,
)
from sklearn_autotune.evaluation._resource import locate_resource


def test_the_nearest_class_of_a_known_library_decides():
    class Mine(XGBClassifier):
        pass

    assert find_library(Mine()).package == "xgboost"
    assert find_library(LGBMClassifier()).package == "lightgbm"
    assert find_library(HistGradientBoostingClassifier()) is None  # it takes its rows for early stopping itself


def test_a_model_without_known_early_stopping_is_refused_by_name():
    with pytest.raises(TypeError, match=r"a model of xgboost, lightgbm, catboost, .* makes a LogisticRegression"):
        get_library(LogisticRegression())


def test_no_library_is_imported_before_it_is_used():
    code = "import sklearn_autotune._compat.boosters, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"optuna", *(library.package for library in BOOSTER_LIBRARIES)} & set(done.stdout.split())


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.package)
def test_each_library_leaves_estimators_of_others_alone(library):
    others = [
        model
        for model in (RandomForestClassifier(), XGBClassifier(), LGBMClassifier())
        if type(model).__module__.partition(".")[0] != library.package
    ]
    rows = np.zeros((4, 1)), np.array([0, 1, 0, 1])

    assert all(library.find_default_rounds(model, "n_estimators") is None for model in others)
    assert all(library.start_continued_fit(PartFit(model, "n_estimators", rows, {}), 3) is None for model in others)
    assert all(library.declare_categories(model, np.array([0]), 1) is None for model in others)


def test_categories_are_told_in_the_way_of_the_library():
    histogram, xgboost, lightgbm = HistGradientBoostingClassifier(), XGBClassifier(), LGBMClassifier()
    columns = np.array([1])

    assert declare_categories(histogram, columns, 3) == {}
    assert histogram.categorical_features.tolist() == [1]
    assert declare_categories(xgboost, columns, 3) == {}
    assert xgboost.feature_types == ["q", "c", "q"]
    assert declare_categories(lightgbm, columns, 3) == {"categorical_feature": [1]}
    assert declare_categories(LogisticRegression(), columns, 3) == {}


def test_without_categories_nothing_is_set():
    model = XGBClassifier()

    assert declare_categories(model, np.array([], dtype=int), 3) == {}
    assert model.feature_types is None


class Averages(RandomForestClassifier):
    """A toy of a library that is not known: its rounds are called ``n_steps``."""

    __module__ = "averages.models"

    def __init__(self, n_steps=10, patience=None, random_state=None):
        super().__init__(random_state=random_state)
        self.n_steps = n_steps
        self.patience = patience

    def fit(self, X, y):
        self.n_estimators = self.n_steps
        return super().fit(X, y)


class AveragesLibrary:
    package = "averages"
    rounds_params = ("n_steps",)
    rounds_aliases = ()
    patience_param = "patience"

    def find_default_rounds(self, model, param):
        return None

    def start_continued_fit(self, fit, max_rounds):
        return None

    def declare_categories(self, model, columns, n_columns):
        return None

    keeps_training_data = False

    def fit_until(self, model, X, y, eval_rows, end_time, fit_params):
        model.fit(X, y, **fit_params)
        scores = []
        for n_rounds in range(1, model.n_steps + 1):
            self.set_prediction_rounds(model, n_rounds)
            scores.append(model.score(*eval_rows))
        self.set_prediction_rounds(model, int(np.argmax(scores)) + 1)

    def get_best_rounds(self, model):
        return len(model.estimators_)

    get_used_rounds = get_best_rounds

    def set_prediction_rounds(self, model, n_rounds):
        model.all_trees_ = vars(model).get("all_trees_", model.estimators_)
        model.estimators_ = model.all_trees_[:n_rounds]


def test_a_new_library_is_one_object_in_one_roll(monkeypatch):
    X, y = np.random.RandomState(0).normal(size=(60, 2)), np.arange(60) % 2
    model = Averages(n_steps=6, patience=2, random_state=0)
    with pytest.raises(TypeError, match="makes a Averages"):
        get_library(model)
    monkeypatch.setattr(boosters, "BOOSTER_LIBRARIES", (*BOOSTER_LIBRARIES, AveragesLibrary()))

    fit_with_early_stopping(model, X[:40], y[:40], (X[40:], y[40:]), seconds=None, fit_params={})

    assert has_early_stopping(model)
    fresh = clone_with_rounds(model, get_best_rounds(model)).fit(X[:40], y[:40])
    assert not has_early_stopping(fresh)
    np.testing.assert_array_equal(model.predict_proba(X), fresh.predict_proba(X))


def test_the_names_of_rounds_come_from_the_libraries():
    assert locate_resource(RandomForestClassifier(), "iterations").name == "n_estimators"
    assert locate_resource(HistGradientBoostingClassifier(), "iterations").name == "max_iter"
    with pytest.raises(ValueError, match="has none of n_estimators, max_iter, iterations"):
        locate_resource(GaussianNB(), "iterations")


def test_a_fit_that_is_continued_ends_where_one_fit_does():
    X, y = np.random.RandomState(0).normal(size=(80, 3)), np.arange(80) % 2
    for model in (RandomForestClassifier(random_state=0), XGBClassifier(random_state=0, subsample=0.5)):
        fresh = type(model)(**model.get_params() | {"n_estimators": 5}).fit(X, y)
        continued = start_exact_continued_fit(PartFit(model, "n_estimators", (X, y), {}), 5)
        continued.continue_to(2)
        np.testing.assert_array_equal(continued.continue_to(5).predict_proba(X), fresh.predict_proba(X))
        continued.close()
