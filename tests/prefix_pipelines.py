"""Pipelines whose first steps can be shared: steps that tell what is done to them, and data for them."""

import numpy as np
import pandas as pd
import polars
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    StandardScaler,
)

from sklearn_autotune.evaluation import Fold, Task, WholeFolds, WorkItem, measure
from tests.toys import Handle

# -- measuring with and without --------------------------------------------------------------------------------------


def output(model, X, y=None):
    """Sum up what a model says, so that no difference is too small to be seen."""
    methods = ("decision_function", "predict", "transform")
    return float(next(getattr(model, name) for name in methods if hasattr(model, name))(X).sum())


def make_task(estimator, X, y, *, cv=None, groups=None, scoring=None, train=True, fit_params=None, error_score=np.nan):
    splits = (cv or KFold(3, shuffle=True, random_state=0)).split(X, y, groups)
    return Task(
        X=X,
        y=y,
        folds=tuple(Fold(number, *rows) for number, rows in enumerate(splits)),
        scorer=check_scoring(estimator, scoring or output),
        fit_params=fit_params or {},
        score_params={},
        error_score=error_score,
        return_train_score=train,
    )


def table(estimator, candidates, task, step_cache=None):
    """Test and train scores of every candidate on every fold, and the last line of its error."""
    evaluation = WholeFolds(estimator, task, step_cache=step_cache)
    outcomes = [
        measure(evaluation, WorkItem(number, number, len(candidates), params))
        for number, params in enumerate(candidates)
    ]
    return [
        [(fold.test, fold.train, fold.error and fold.error.strip().splitlines()[-1]) for fold in outcome.folds]
        for outcome in outcomes
    ]


def same(one, other):
    """Whether two tables are equal to the last bit; NaN is equal to NaN."""
    return repr(one) == repr(other)


# -- steps that tell what is done to them ----------------------------------------------------------------------------

CALLS = []


def times(calls, method, name=None):
    return len([call for call in calls if call[0] == method and name in (None, call[1])])


class Spy(TransformerMixin, BaseEstimator):
    """Adds ``shift`` to the rows, and tells which rows it was given: their numbers stand in the last column."""

    def __init__(self, name="spy", shift=0.0):
        self.name = name
        self.shift = shift

    def fit(self, X, y=None, sample_weight=None):
        weights = None if sample_weight is None else tuple(sample_weight)
        CALLS.append(("fit", self.name, self.shift, tuple(X[:, -1]), weights))
        self.mean_ = X.mean(axis=0)
        return self

    def transform(self, X):
        CALLS.append(("transform", self.name, self.shift, len(X)))
        out = X + self.shift * self.mean_
        out[:, -1] = X[:, -1]
        return out


class InPlace(Spy):
    """Changes the rows it is given, and returns others."""

    def transform(self, X):
        X[:, 0] = X[:, 0] * 2 + 1
        return super().transform(X)


class InPlaceModel(RidgeClassifier):
    """Spoils what it is given, in ``fit`` and in ``predict``."""

    def fit(self, X, y):
        super().fit(X, y)
        X[:] = -7
        return self

    def decision_function(self, X):
        output = super().decision_function(X)
        X[:] = -7
        return output


class Returning(InPlace):
    """Changes the rows it is given, and returns them."""

    def transform(self, X):
        X[:, 0] += self.shift
        return X


class Factor(Spy):
    """Is told a factor when it transforms."""

    def transform(self, X, factor=1.0):
        return factor * super().transform(X)


class Layout(RidgeClassifier):
    """Looks at how its rows lie in memory, and not at what they are."""

    def fit(self, X, y):
        self.given_ = self.decision_function(X)
        return self

    def decision_function(self, X):
        flags = X.flags
        return np.array([*X.strides, flags.writeable, flags.aligned, flags.c_contiguous]) @ np.array(
            [1, 1e3, 1e6, 2e6, 4e6]
        )


class Failing(Spy):
    def fit(self, X, y=None):
        super().fit(X, y)
        raise ValueError("the toy fails on purpose")


class Unpicklable(Spy):
    def fit(self, X, y=None):
        super().fit(X, y)
        self.handle_ = Handle()
        return self


class OddRows(Spy):
    """Gives rows that cannot be pickled."""

    def transform(self, X):
        rows = np.empty((len(X), 1), dtype=object)
        rows[:] = Handle()
        return rows


class RowCounter(RidgeClassifier):
    """Looks at the number of rows alone."""

    def fit(self, X, y):
        return super().fit(np.arange(len(X))[:, None], y)

    def decision_function(self, X):
        return super().decision_function(np.arange(len(X))[:, None])


class Rough(Spy):
    """Draws random numbers that nobody can repeat."""

    def fit(self, X, y=None):
        super().fit(X, y)
        self.mean_ = np.random.default_rng().normal(size=X.shape[1])
        return self


class Slotted(TransformerMixin):
    """Keeps its parameter in a slot."""

    __slots__ = ("factor",)

    def __init__(self, factor=1):
        self.factor = factor

    def get_params(self, deep=True):
        return {"factor": self.factor}

    def set_params(self, **params):
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X * self.factor


# -- data ------------------------------------------------------------------------------------------------------------


def iris():
    return load_iris(return_X_y=True)


def numbered():
    """Three columns and the rows' numbers."""
    rng = np.random.RandomState(0)
    X = np.column_stack([rng.normal(size=(60, 3)), np.arange(60)])
    return X, (X[:, 0] + 0.3 * rng.normal(size=60) > 0).astype(int)


def gaps():
    X, y = load_diabetes(return_X_y=True)
    X = X[:150].copy()
    X[np.random.RandomState(0).rand(*X.shape) < 0.1] = np.nan
    return X, y[:150]


def frame():
    rng = np.random.RandomState(0)
    X = pd.DataFrame(
        {
            "age": rng.randint(18, 80, 90).astype(float),
            "pay": rng.lognormal(size=90),
            "city": rng.choice(["Rome", "Oslo", "Lima"], 90),
            "kind": pd.Categorical(rng.choice(["a", "b"], 90)),
        }
    )
    X.loc[::7, "pay"] = np.nan
    return X, (X["age"] + 10 * (X["city"] == "Rome") + 10 * rng.normal(size=90) > 50).to_numpy().astype(int)


def texts():
    words = np.array(["red", "green", "blue", "dog", "cat", "bird", "runs", "sleeps", "the", "a"])
    rng = np.random.RandomState(0)
    X = [" ".join(rng.choice(words, 8)) for _ in range(80)]
    return X, np.array([("dog" in text) + ("red" in text) for text in X])


def sparse():
    X, y = iris()
    return csr_matrix(np.where(X > 3, X, 0)), y


def polars_frame():
    X, y = iris()
    return polars.DataFrame(X, schema=list("abcd")), y


GRID = [{"model__alpha": alpha} for alpha in (0.01, 1.0, 100.0)]


def steps(*prefix, model=None):
    names = [(f"step{place}", step) for place, step in enumerate(prefix)]
    return Pipeline([*names, ("model", RidgeClassifier() if model is None else model)])


def columns(is_sparse=True):
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    return ColumnTransformer(
        [
            ("numbers", numbers, ["age", "pay"]),
            ("strings", OneHotEncoder(handle_unknown="ignore", sparse_output=is_sparse), ["city", "kind"]),
        ]
    )
