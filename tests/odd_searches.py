"""Fitted searches, ordinary and unusual, each of which is fitted once per process."""

from functools import cache

import numpy as np
import optuna
import pytest
from scipy.stats import loguniform, uniform
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC

from sklearn_autotune import OptunaSearchCV
from tests.toys import CountingClassifier, FailingClassifier, PeakingClassifier

X, Y = np.column_stack([np.arange(20.0), np.ones(20)]), np.arange(20) % 2


@cache
def search_iris():
    return OptunaSearchCV(
        SVC(), {"C": loguniform(1e-2, 1e3), "gamma": loguniform(1e-4, 10)}, n_trials=25, random_state=0
    ).fit(*load_iris(return_X_y=True))


@cache
def fail_some():
    with pytest.warns(Warning, match="fits failed"):
        return OptunaSearchCV(
            FailingClassifier(above=5),
            {"a": uniform(0, 9), "b": [0, 1]},
            n_trials=30,
            random_state=0,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=3),
            error_score=-1e6,
        ).fit(X, Y)


@cache
def search_branches():
    space = [{"kernel": ["rbf"], "gamma": loguniform(1e-3, 1)}, {"kernel": ["poly"], "degree": [2, 3]}]
    return OptunaSearchCV(SVC(), space, n_trials=8, cv=2, random_state=0).fit(*load_iris(return_X_y=True))


@cache
def search_objects():
    pipeline = Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())])
    models = [LogisticRegression(C=0.1), LogisticRegression(C=0.2), SVC()]
    space = {"scale": [StandardScaler(), MinMaxScaler(), "passthrough"], "model": models}
    return OptunaSearchCV(pipeline, space, cv=2).fit(*load_iris(return_X_y=True))


@cache
def search_one():
    return OptunaSearchCV(CountingClassifier(), {"a": [1.0]}, cv=2).fit(X, Y)


@cache
def search_one_fold():
    cv = [(np.arange(10), np.arange(10, 20))]
    return OptunaSearchCV(CountingClassifier(), {"a": [1, 2, 3]}, cv=cv).fit(X, Y)


@cache
def search_many():
    return OptunaSearchCV(
        CountingClassifier(), {"a": uniform(0, 9), "b": [0, 1, None]}, n_trials=100, cv=2, random_state=0
    ).fit(X, Y)


@cache
def search_several_scores():
    return OptunaSearchCV(
        LogisticRegression(max_iter=1000),
        {"C": [0.1, 1, 10]},
        scoring=["accuracy", "neg_log_loss"],
        refit="neg_log_loss",
        cv=2,
    ).fit(*load_iris(return_X_y=True))


@cache
def search_rungs():
    return OptunaSearchCV(
        PeakingClassifier(max_iter=27, peak=9),
        {"a": uniform(0, 3)},
        n_trials=9,
        resource="iterations",
        cv=2,
        random_state=0,
        look_ahead=2,  # so that some candidates are stopped
    ).fit(X, Y)


@cache
def search_grid():
    return GridSearchCV(CountingClassifier(), {"a": [1, 2, 3], "b": [True, False]}, cv=2).fit(X, Y)


ODD = [
    fail_some,
    search_branches,
    search_objects,
    search_one,
    search_one_fold,
    search_many,
    search_several_scores,
    search_rungs,
    search_grid,
]
