"""Fitted searches and selectors with objectives and limits, each of which is fitted once per process."""

from functools import cache

from sklearn.datasets import load_breast_cancer
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import AutoModelSelector, OptunaSearchCV

X, Y = load_breast_cancer(return_X_y=True)
X, Y = X[:240], Y[:240]
SPACE = {"max_depth": range(1, 9), "min_samples_leaf": range(1, 30), "max_features": [2, 5, 10, 30]}


def make_aimed(**changes):
    settings = {"n_trials": 16, "cv": 3, "random_state": 0}
    return OptunaSearchCV(DecisionTreeClassifier(random_state=0), SPACE, **(settings | changes))


@cache
def search_front():
    """A cost comes first, so that it is the first value of the study."""
    return make_aimed(objectives=["bytes", "neg_log_loss"]).fit(X, Y)


@cache
def search_limits():
    limits = {"bytes": ("<=", 2700), "recall": (">=", 0.88)}
    return make_aimed(scoring="roc_auc", limits=limits, limit_confidence=0.5).fit(X, Y)


@cache
def search_three():
    """Three objectives, one with a name of the user's, and a limit on what is no objective."""
    objectives = {"size": "bytes", "roc_auc": "roc_auc", "loss": "neg_log_loss"}
    limits = {"accuracy": (">=", 0.5), "n_features": ("<=", 6)}
    return make_aimed(objectives=objectives, limits=limits, limit_confidence=0.5, n_trials=24).fit(X, Y)


@cache
def search_seconds():
    return make_aimed(objectives=["accuracy", "predict_seconds", "fit_seconds"], n_trials=5).fit(X, Y)


def make_selector(**changes):
    settings = {"families": ["logistic", "naive_bayes", "extra_trees"], "n_trials": 4, "cv": 3, "random_state": 0}
    return AutoModelSelector(**(settings | changes))


@cache
def select_front():
    """The score comes first; one cost has a name of the user's, and a score is only limited."""
    objectives = {"auc": "roc_auc", "size": "bytes", "loss": "neg_log_loss"}
    selector = make_selector(objectives=objectives, limits={"recall": (">=", 0.9)}, limit_confidence=0.5, refit="size")
    return selector.fit(X[:, :6], Y)


@cache
def select_plain():
    return make_selector().fit(X[:, :6], Y)


@cache
def select_limits():
    return make_selector(limits={"bytes": ("<=", 20_000)}).fit(X[:, :6], Y)
