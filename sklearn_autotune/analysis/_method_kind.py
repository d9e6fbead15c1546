"""What kind of estimators are compared, and the score and the folds that suit it."""

from collections.abc import Mapping
from enum import StrEnum
from inspect import signature
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.utils.multiclass import type_of_target

from sklearn_autotune._compat.types import ArrayLike, MatrixLike, Scorer
from sklearn_autotune.evaluation._metric import Metric, name_own_score

__all__ = [
    "DEFAULT_SCORING",
    "MethodKind",
    "check_own_scores",
    "find_method_kind",
    "get_method_kind",
    "name_method_score",
    "score_by_own_method",
]


class MethodKind(StrEnum):
    """What kind of estimators are compared; "other" are those that are neither, such as survival models."""

    CLASSIFIER = "classifier"
    REGRESSOR = "regressor"
    OTHER = "other"


def find_method_kind(methods: Mapping[str, Any], y: ArrayLike) -> MethodKind:
    """Find what kind the methods are, by the first of them whose tags say so.

    The target decides if none of them has scikit-learn's tags, or if it is a structured array, such as the times until
    an event of scikit-survival: some regressors of scikit-survival are scikit-learn's too.

    Examples
    --------
    >>> from sklearn.base import BaseEstimator
    >>> from sklearn.linear_model import Ridge
    >>> str(find_method_kind({"own": BaseEstimator(), "ridge": Ridge()}, [0, 1]))
    'regressor'
    >>> str(find_method_kind({"own": BaseEstimator()}, [0, 1]))
    'other'
    """
    if np.asarray(y).dtype.names is not None:
        return MethodKind.OTHER
    kinds = [get_method_kind(method) for method in methods.values()]
    known = [kind for kind in kinds if kind is not None]
    if known:
        return next((kind for kind in known if kind != MethodKind.OTHER), MethodKind.OTHER)
    target = type_of_target(y)
    if target.startswith("continuous"):
        return MethodKind.REGRESSOR
    return MethodKind.CLASSIFIER if target in ("binary", "multiclass") else MethodKind.OTHER


def get_method_kind(method: object) -> MethodKind | None:
    """Return what kind of estimator a method is; None if its tags cannot be read and it has no ``score``.

    Some classes, such as TPOT's, have their tags only when they are fitted.
    """
    try:
        if is_classifier(method):
            return MethodKind.CLASSIFIER
        return MethodKind.REGRESSOR if is_regressor(method) else MethodKind.OTHER
    except (AttributeError, TypeError, ValueError):  # estimators without scikit-learn's tags
        return MethodKind.OTHER if hasattr(method, "score") else None


def score_by_own_method(fitted: Any, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
    """Return the score that an estimator gives itself; of a search, that of its best estimator.

    A search's own ``score`` would be that of its ``scoring``, which other methods do not have.
    """
    winner = getattr(fitted, "best_estimator_", fitted)
    takes_weight = sample_weight is not None and "sample_weight" in signature(winner.score).parameters
    return float(winner.score(X, y, **({"sample_weight": sample_weight} if takes_weight else {})))


def name_method_score(method: Any) -> str:
    """Return the name of the metric of a method's own score; of a search, that of its estimator's.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import GridSearchCV
    >>> name_method_score(GridSearchCV(Ridge(), {}))
    'r2'
    """
    name = name_own_score(method)
    inner = getattr(method, "estimator", None)
    return name if name != Metric().name or inner is None else name_own_score(inner)


def check_own_scores(methods: Mapping[str, Any]) -> Metric:
    """Check that methods can be compared by their own scores, and return the metric of these.

    Raises
    ------
    TypeError
        If a method has no ``score`` of its own.
    ValueError
        If the scores of two methods are known to be of different metrics.
    """
    names = {name: name_method_score(method) for name, method in methods.items()}
    known = {metric: name for name, metric in names.items() if metric != Metric().name}
    if len(known) > 1:
        found = ", ".join(f"{name!r} by {metric}" for metric, name in known.items())
        raise ValueError(
            f"The methods score themselves by different metrics, which cannot be compared: {found}. Pass scoring=, the "
            "score by which all methods are compared."
        )
    for name, method in methods.items():
        if not hasattr(getattr(method, "estimator", method), "score"):
            raise TypeError(
                f"The method {name!r} is neither a classifier nor a regressor, and has no score of its own. Pass "
                "scoring=, the score by which all methods are compared."
            )
    return Metric(*known) if Metric().name not in names.values() else Metric()


DEFAULT_SCORING: Mapping[MethodKind, str | Scorer] = {
    MethodKind.CLASSIFIER: "accuracy",
    MethodKind.REGRESSOR: "r2",
    MethodKind.OTHER: score_by_own_method,
}
