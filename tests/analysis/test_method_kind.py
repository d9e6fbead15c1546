"""Estimators that are neither classifiers nor regressors are compared by their own score."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.linear_model import Lasso, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import OptunaSearchCV, compare
from sklearn_autotune.analysis._method_kind import check_own_scores, find_method_kind, score_by_own_method

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(60, 3))
TARGETS = {
    "structured": np.array([(a > 0, abs(b)) for a, b in X[:, :2]], dtype=[("event", bool), ("time", float)]),
    "whole numbers": np.arange(60) // 2,
    "strings": np.array(list("abc"))[np.arange(60) % 3],
    "two columns": X[:, :2],
}


class Survival(BaseEstimator):
    """Neither classifier nor regressor, with a score of its own."""

    def __init__(self, a=1):
        self.a = a

    def fit(self, X, y):
        self.fitted_ = len(y)
        return self

    def predict(self, X):
        return X[:, 1]

    def score(self, X, y):
        return float(X[:, 1].mean()) * self.a


class Untagged:
    """Without scikit-learn's tags."""

    def fit(self, X, y):
        return self


class Scoreless(BaseEstimator):
    def fit(self, X, y):
        return self


@pytest.mark.parametrize("y", TARGETS.values(), ids=TARGETS)
def test_the_own_score_counts_whatever_the_target_is(y):
    methods = {
        "plain": Survival(),
        "search": OptunaSearchCV(Survival(), {"a": [1, 2]}, cv=3, scoring=lambda model, X, y: -model.a),
        "grid": GridSearchCV(make_pipeline(StandardScaler(), Survival()), {"survival__a": [2]}, cv=3),
    }
    cv = KFold(3)

    comparison = compare(methods, X, y, cv=cv)

    own = [X[test, 1].mean() for _, test in cv.split(X)]
    assert comparison.metric == "score"
    assert comparison.baselines == ["untuned Survival 1", "untuned Pipeline 2"]
    np.testing.assert_allclose(comparison.column("score", "plain"), own)
    np.testing.assert_allclose(comparison.column("score", "search"), own)  # by its own score a = 1 is best
    np.testing.assert_allclose(comparison.column("score", "untuned Survival 1"), own)
    assert np.isfinite(comparison.column("score", "grid")).all()


def test_folds_are_stratified_for_classifiers_alone():
    y = np.sort(TARGETS["whole numbers"] % 2)
    shares = {
        name: [np.mean(y[row["test"]]) for row in rows]
        for name, rows in (
            (str(type(method).__name__), _draw_test_rows(method, y))
            for method in (Survival(), DecisionTreeClassifier())
        )
    }

    assert np.ptp(shares["DecisionTreeClassifier"]) == 0
    assert np.ptp(shares["Survival"]) > 0


def _draw_test_rows(method, y):
    """Return the test rows of each outer fold, as a scorer sees them."""
    seen = []

    def note_rows(fitted, X, y):
        seen.append({"test": X[:, 0].astype(int)})
        return 0.0

    compare(
        {"one": method},
        np.column_stack([np.arange(60), X]),
        y,
        cv=3,
        random_state=0,
        scoring=note_rows,
        baselines=False,
    )
    return seen


@pytest.mark.parametrize("method", [Scoreless(), OptunaSearchCV(Scoreless(), {}, cv=2)], ids=["plain", "search"])
def test_without_any_score_one_has_to_be_named_before_anything_is_fitted(method):
    with pytest.raises(TypeError, match=r"'mine' is neither a classifier nor a regressor.*Pass scoring="):
        compare({"mine": method}, X, TARGETS["whole numbers"], cv=2)


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        ([LogisticRegression()], "classifier"),
        ([OptunaSearchCV(Ridge(), {})], "regressor"),
        ([Survival()], "other"),
        ([Survival(), Ridge()], "regressor"),
        ([Untagged()], "classifier"),
        ([Untagged(), Survival()], "other"),
        ([type("Mine", (ClassifierMixin, BaseEstimator), {})()], "classifier"),
        ([type("Mine", (RegressorMixin, BaseEstimator), {})()], "regressor"),
    ],
)
def test_tags_say_what_methods_are_and_the_target_only_without_tags(methods, expected):
    assert find_method_kind(dict(enumerate(methods)), [0, 1, 2]) == expected


def test_the_target_of_untagged_estimators_may_be_unknown_too():
    assert find_method_kind({"mine": Untagged()}, [0.5, 1.5]) == "regressor"
    assert find_method_kind({"mine": Untagged()}, TARGETS["structured"]) == "other"
    with pytest.raises(TypeError, match="no score of its own"):
        check_own_scores({"mine": Untagged()})


class TaggedWhenFitted(BaseEstimator):
    """Has scikit-learn's tags only when it is fitted, as TPOT's classes have them."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def __sklearn_tags__(self):
        if not hasattr(self, "classes_"):
            raise AttributeError("there are no tags before fit")
        return DecisionTreeClassifier().__sklearn_tags__()


@pytest.mark.parametrize("others", [{}, {"tree": DecisionTreeClassifier(max_depth=2)}])
def test_an_estimator_that_has_tags_only_when_it_is_fitted_is_compared(others):
    y = np.array(["a", "b", "a"] * 20)

    comparison = compare({"late": TaggedWhenFitted(), **others}, X, y, cv=3, random_state=0)

    assert comparison.metric == "accuracy"
    assert comparison.column("score", "late").mean() == pytest.approx(2 / 3)
    assert "dummy" in comparison.names


def test_a_structured_target_is_neither_for_classifiers_nor_for_regressors():
    assert find_method_kind({"ridge": Ridge()}, TARGETS["structured"]) == "other"


class KernelScored(KernelDensity):
    """As scikit-learn's, whose score has no name."""


def test_own_scores_of_different_metrics_are_refused_before_anything_is_fitted():
    methods = {"ridge": OptunaSearchCV(Ridge(), {}), "tree": DecisionTreeClassifier()}
    with pytest.raises(ValueError, match=r"different metrics.*'ridge' by r2, 'tree' by accuracy\. Pass scoring="):
        compare(methods, X, TARGETS["structured"], cv=2)

    assert check_own_scores({"ridge": methods["ridge"], "lasso": Lasso()}).name == "r2"
    assert check_own_scores({"ridge": methods["ridge"], "density": KernelScored()}).name == "score"


def test_weights_go_to_an_own_score_that_takes_them():
    weight = np.r_[np.ones(30), np.zeros(30)]
    model = Ridge().fit(X, X[:, 0] ** 2)

    weighted = score_by_own_method(model, X, X[:, 0] ** 2, sample_weight=weight)

    assert weighted == model.score(X, X[:, 0] ** 2, sample_weight=weight)
    assert score_by_own_method(Survival(), X, None, sample_weight=weight) == X[:, 1].mean()
