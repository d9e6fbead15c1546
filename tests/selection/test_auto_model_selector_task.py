"""AutoModelSelector: which task it solves, which families it is given, and what it shows of both."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier, is_regressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import StratifiedKFold, check_cv, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_autotune import AutoModelSelector
from sklearn_autotune.families import FAMILIES, Family

QUICK = partial(AutoModelSelector, families=["naive_bayes"], n_trials=1, cv=2, blend=False, random_state=0)
REGRESSION = partial(
    AutoModelSelector, task="regression", families="ridge", n_trials=1, cv=2, blend=False, random_state=0
)
RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(120, 3))
PRICES = RANDOM.randint(50_000, 900_000, 120)


class CountingClassifier(ClassifierMixin, BaseEstimator):
    fits = 0

    def fit(self, X, y):
        type(self).fits += 1
        raise RuntimeError("fitted")


COUNTING = Family("counting", (), lambda shape: {}, lambda shape: CountingClassifier(), first=({},))


# -- the task ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "y", [PRICES, pd.Series(PRICES), PRICES.astype(float), PRICES / 7, load_diabetes().target[:120]], ids=str
)
def test_a_target_that_looks_like_amounts_is_refused_before_any_model_is_fitted(y):
    CountingClassifier.fits = 0
    selector = QUICK(families=[COUNTING], error_score="raise")

    with pytest.raises(ValueError, match=r'AutoModelSelector\(task="regression"\)'):
        selector.fit(X, y)

    assert CountingClassifier.fits == 0
    assert not hasattr(selector, "classes_")


def test_the_line_that_the_message_shows_predicts_amounts():
    selector = REGRESSION().fit(X, PRICES)

    assert is_regressor(selector)
    assert selector.predict(X).dtype.kind == "f"
    assert not hasattr(selector, "classes_")


def test_a_task_that_is_named_is_obeyed():
    numbers = np.tile(np.array([100_000, 200_000, 300_000]), 40)
    with pytest.raises(ValueError, match="3 different whole numbers from 100000 to 300000 in 120 rows"):
        QUICK().fit(X, numbers)

    selector = QUICK(task="classification").fit(X, numbers)

    assert selector.classes_.tolist() == [100_000, 200_000, 300_000]


@pytest.mark.parametrize(
    "labels",
    [["no", "yes"], [False, True], [0, 1], [0.0, 1.0], [-1, 1], [1, 2, 3], pd.Categorical([2000, 1000, 4000])],
    ids=str,
)
def test_labels_are_classes_without_a_task(labels):
    y = pd.Series(labels).iloc[np.arange(120) % len(labels)].reset_index(drop=True)

    selector = QUICK().fit(X, y)

    assert set(selector.predict(X).tolist()) <= set(labels)
    assert set(selector.classes_.tolist()) == set(labels)


def test_tags_say_the_task_before_and_after_fit():
    iris, labels = load_iris(return_X_y=True)
    for make, y, is_kind, other in (
        (QUICK, labels, is_classifier, is_regressor),
        (REGRESSION, labels, is_regressor, is_classifier),
    ):
        selector = make()
        assert is_kind(selector)
        assert not other(selector)
        selector.fit(iris, y)
        assert is_kind(selector)
        assert is_kind(clone(selector))
        assert is_kind(make_pipeline(FunctionTransformer(), selector))
    assert isinstance(check_cv(3, labels, classifier=is_classifier(QUICK())), StratifiedKFold)


def test_without_a_task_it_nests_in_cross_validation():
    iris, labels = load_iris(return_X_y=True)

    assert cross_val_score(QUICK(), iris, labels, cv=3).min() > 0.9  # the rows are sorted by class


def test_words_are_no_target_of_a_regression():
    with pytest.raises(ValueError, match="A regression needs numbers, but y holds 'low'"):
        REGRESSION().fit(X, np.array(["low", "high"] * 60))


def test_a_task_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="'task' parameter"):
        QUICK(task="regresion").fit(X, PRICES)


# -- the families ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("families", ["naive_bayes", "GaussianNB", ["nb"], ("Naive Bayes", "nb")], ids=str)
def test_families_are_called_by_any_of_their_names_and_shown_by_their_own(families):
    iris, labels = load_iris(return_X_y=True)

    selector = QUICK(families=families).fit(iris, labels)

    assert set(selector.leaderboard_["family"]) == {"naive_bayes"}
    assert selector.best_params_["family"] == "naive_bayes"
    assert all(name.startswith("naive_bayes") for name in selector.blend_weights_)


def test_one_family_need_not_be_in_a_list():
    iris, labels = load_iris(return_X_y=True)
    (naive_bayes,) = (family for family in FAMILIES if family.name == "naive_bayes")

    assert set(QUICK(families=naive_bayes).fit(iris, labels).leaderboard_["family"]) == {"naive_bayes"}


def test_a_selector_is_printed_in_short():
    assert repr(AutoModelSelector()) == "AutoModelSelector()"
    assert repr(AutoModelSelector(families=[FAMILIES[0], "xgb"])) == (
        "AutoModelSelector(families=[Family('baseline'), 'xgb'])"
    )
