"""Costs of a fitted model, as scorers: the score is the negated cost, so that higher is better.

In ``cv_results_`` a cost has scikit-learn's name of a loss: ``neg_bytes``.
"""

import pickle
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline

from sklearn_autotune._compat.sklearn import count_rows, take_rows
from sklearn_autotune.inference._encoding import LabelEncodingClassifier

__all__ = [
    "COSTS",
    "Cost",
    "PredictSeconds",
    "Relabelled",
    "count_bytes",
    "count_features",
    "count_trees",
    "find_fit_seconds",
    "set_fit_seconds",
]

Score = float | dict[str, float]

FIT_SECONDS = "fit_seconds"


class Relabelled:
    """A fitted model whose labels were replaced, for scorers. Costs are those of the model itself.

    Attributes
    ----------
    fitted : estimator
    """

    fitted: Any


def _get_model(estimator: Any) -> Any:
    return estimator.fitted if isinstance(estimator, Relabelled) else estimator


@dataclass(frozen=True)
class Cost:
    """What a fitted model costs, as a scorer.

    Attributes
    ----------
    name : str
    compute : callable
        From the fitted model to its cost.
    is_measured : bool
        Whether it is measured in seconds, and so differs from run to run.
    """

    name: str
    compute: Callable[[Any], float]
    is_measured: bool = False

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        """Return the negated cost of a fitted model."""
        return 0.0 - float(self.compute(_get_model(estimator)))

    def check(self) -> None:
        """Nothing can be wrong."""


@dataclass(frozen=True)
class PredictSeconds:
    """The seconds that a fitted model needs to predict one row, as an objective or a limit.

    Parameters
    ----------
    batch_size : int, default=100
        How many rows are predicted at a time. With one row at a time, most of the time is spent outside the model, in
        checks and in the transformation of the row. If a fold has fewer test rows, all of them are predicted together.
    n_calls : int, default=5
        How many times a batch is predicted, after a first call that is not counted. The median counts.

    Notes
    -----
    Called as a scorer, it returns the negated seconds. They differ from run to run and from machine to machine, so a
    search with them proposes other candidates each time.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_autotune import PredictSeconds
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LogisticRegression(max_iter=1000).fit(X, y)
    >>> 0 < -PredictSeconds(batch_size=1)(model, X, y) < 1
    True
    """

    batch_size: int = 100
    n_calls: int = 5

    name = "predict_seconds"
    is_measured = True

    def check(self) -> None:
        """Raise ValueError if a parameter is invalid."""
        for name in ("batch_size", "n_calls"):
            value = getattr(self, name)
            if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
                raise ValueError(f"PredictSeconds's {name} must be an int of at least 1, got {value!r}.")

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        """Return the negated seconds to predict one row."""
        n_rows = count_rows(X)
        size = min(self.batch_size, n_rows)
        rows = take_rows(X, np.arange(size))
        model = _get_model(estimator)
        predict = model.predict if hasattr(model, "predict") else model.transform
        predict(rows)
        seconds = []
        for _ in range(self.n_calls):
            start = time.perf_counter()
            predict(rows)
            seconds.append(time.perf_counter() - start)
        return -float(np.median(seconds)) / size


class _ByteCounter:
    """A file that counts what is written to it."""

    def __init__(self) -> None:
        self.n_bytes = 0

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        self.n_bytes += size
        return size


class _SizePickler(pickle.Pickler):
    """Writes equal strings, and equal data types of NumPy, in the same way, whether or not they are the same object.

    A pickle writes an object once, and refers to it afterwards. In a worker process, the data type of an array that was
    sent there is another object than NumPy's own, so that a model is some bytes larger there (NumPy 2).
    """

    def persistent_id(self, obj: Any) -> str | None:
        if type(obj) is str:
            return sys.intern(obj)
        return sys.intern(obj.str) if isinstance(obj, np.dtype) and obj.names is None else None


def count_bytes(model: Any) -> int:
    """Return the bytes of a pickled model, without holding them in memory.

    The number is the same in each process. It may differ from the length of a pickle by some bytes for each name.
    """
    counter = _ByteCounter()
    _SizePickler(counter, protocol=5).dump(model)
    return counter.n_bytes


# Attributes that hold the models of which a model of scikit-learn consists.
PARTS = (
    "estimators_",
    "final_estimator_",
    "calibrated_classifiers_",
    "estimator",
    "estimator_",
    "regressor_",
    "best_estimator_",
)


def count_trees(model: Any) -> int:
    """Return the number of trees of a forest or a boosting model, or of the last step of a Pipeline; 0 of other models.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = [[0], [1], [2], [3]], [0, 0, 1, 1]
    >>> count_trees(RandomForestClassifier(7).fit(X, y)), count_trees(LogisticRegression().fit(X, y))
    (7, 0)
    """
    while isinstance(model, Pipeline | FixedThresholdClassifier | LabelEncodingClassifier):
        model = model.steps[-1][1] if isinstance(model, Pipeline) else _get_inner(model)
    if hasattr(model, "tree_"):
        return 1
    if hasattr(model, "n_trees_per_iteration_") and hasattr(model, "n_iter_"):  # histogram boosting of scikit-learn
        return int(model.n_iter_ * model.n_trees_per_iteration_)
    if hasattr(model, "get_booster"):  # XGBoost
        return len(model.get_booster().get_dump())
    if hasattr(model, "booster_"):  # LightGBM
        return int(model.booster_.num_trees())
    if hasattr(model, "tree_count_"):  # CatBoost; one tree for all classes
        return int(model.tree_count_)
    parts = [getattr(model, name) for name in PARTS if hasattr(model, name)]
    return sum(count_trees(one) for part in parts for one in np.ravel(np.asarray(part, dtype=object)))


def _get_inner(model: FixedThresholdClassifier | LabelEncodingClassifier) -> Any:
    """Return the fitted model that another one labels rows by."""
    return model.model_ if isinstance(model, LabelEncodingClassifier) else model.estimator_


def count_features(model: Any) -> int:
    """Return the number of columns that a fitted model uses.

    A linear model uses the columns with a coefficient that is not 0, a model with ``feature_importances_`` those with
    an importance above 0, any other model all columns. Of a Pipeline, the columns are those of its first step, followed
    back through selectors and through steps that give one column for each column; any other step uses all its columns.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Lasso
    >>> X = np.random.RandomState(0).normal(size=(50, 4))
    >>> count_features(Lasso(alpha=0.1).fit(X, X[:, 1] - X[:, 3]))
    2
    """
    return int(_find_used_columns(model).sum())


def _find_used_columns(model: Any) -> np.ndarray:
    """Return for each input column of a fitted model whether it is used."""
    if isinstance(model, Pipeline):
        steps = [step for _, step in model.steps if step is not None and step != "passthrough"]
        used = _find_used_columns(steps[-1])
        for step in reversed(steps[:-1]):
            used = _follow_back(step, used)
        return used
    if isinstance(model, FixedThresholdClassifier | LabelEncodingClassifier):
        return _find_used_columns(_get_inner(model))
    n_columns = int(getattr(model, "n_features_in_", 0))
    weights = getattr(model, "coef_", None)
    if weights is None:
        weights = getattr(model, "feature_importances_", None)
    if weights is None:
        return np.ones(n_columns, dtype=bool)
    weights = np.asarray(weights.toarray() if hasattr(weights, "toarray") else weights)
    if weights.shape[-1] != n_columns:  # such as the coefficients of a kernel
        return np.ones(n_columns, dtype=bool)
    found: np.ndarray = np.any(weights.reshape(-1, n_columns) != 0, axis=0)
    return found


def _follow_back(step: Any, used: np.ndarray) -> np.ndarray:
    """Return which input columns of a transformer are used if of its output these are used."""
    if hasattr(step, "get_support"):
        found = np.zeros(len(step.get_support()), dtype=bool)
        found[np.flatnonzero(step.get_support())] = used
        return found
    n_columns = int(getattr(step, "n_features_in_", len(used)))
    is_one_to_one = hasattr(step, "get_feature_names_out") and _keeps_columns(step, n_columns, len(used))
    return used if is_one_to_one else np.ones(n_columns, dtype=bool)


def _keeps_columns(step: Any, n_in: int, n_out: int) -> bool:
    """Whether a transformer changes the values of its columns, and keeps the columns."""
    if n_in != n_out:
        return False
    names = getattr(step, "feature_names_in_", [f"x{column}" for column in range(n_in)])
    return list(step.get_feature_names_out()) == list(names)


def _leave_open(model: Any) -> float:
    """Return 0: the seconds of a fit are known where the model is fitted; `set_fit_seconds` sets them."""
    return 0.0


def find_fit_seconds(scorers: Any) -> list[str]:
    """Return the names under which the seconds of a fit are wanted."""
    named = scorers.items() if isinstance(scorers, Mapping) else ()
    return [name for name, scorer in named if isinstance(scorer, Cost) and scorer.name == FIT_SECONDS]


def set_fit_seconds(scores: Score, scorers: Any, seconds: float) -> Score:
    """Set the seconds of the fit among the scores of a fold, if they are wanted.

    Parameters
    ----------
    scores : float or dict of str to float
    scorers : callable or mapping of str to callable
    seconds : float
    """
    return scores | dict.fromkeys(find_fit_seconds(scorers), -seconds) if isinstance(scores, dict) else scores


COSTS: dict[str, Cost | PredictSeconds] = {
    "predict_seconds": PredictSeconds(),
    FIT_SECONDS: Cost(FIT_SECONDS, _leave_open, is_measured=True),
    "bytes": Cost("bytes", count_bytes),
    "n_features": Cost("n_features", count_features),
    "n_trees": Cost("n_trees", count_trees),
}
