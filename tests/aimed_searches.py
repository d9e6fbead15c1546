"""Fitted searches with objectives and limits, each of which is fitted once per process."""

from functools import cache

from sklearn.datasets import load_breast_cancer
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import OptunaSearchCV

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
