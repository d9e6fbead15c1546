"""What kind of estimators are compared, and the score and the folds that suit it."""

from collections.abc import Mapping
from enum import StrEnum
from inspect import signature
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.utils.multiclass import type_of_target

from sklearn_autotune._compat.types import ArrayLike, MatrixLike, Scorer

__all__ = ["DEFAULT_SCORING", "MethodKind", "check_own_scores", "find_method_kind", "score_by_own_method"]


class MethodKind(StrEnum):
    """What kind of estimators are compared; "other" are those that are neither, such as survival models."""

    CLASSIFIER = "classifier"
    REGRESSOR = "regressor"
    OTHER = "other"


def find_method_kind(methods: Mapping[str, Any], y: ArrayLike) -> MethodKind:
    """Find what kind the methods are, by the first of them whose tags say so.

    The target decides only if none of them has scikit-learn's tags.

    Examples
    --------
    >>> from sklearn.base import BaseEstimator
    >>> from sklearn.linear_model import Ridge
    >>> str(find_method_kind({"own": BaseEstimator(), "ridge": Ridge()}, [0, 1]))
    'regressor'
    >>> str(find_method_kind({"own": BaseEstimator()}, [0, 1]))
    'other'
    """
    kinds = [_get_kind(method) for method in methods.values()]
    known = [kind for kind in kinds if kind is not None]
    if known:
        return next((kind for kind in known if kind != MethodKind.OTHER), MethodKind.OTHER)
    target = type_of_target(y)
    if target.startswith("continuous"):
        return MethodKind.REGRESSOR
    is_structured = np.asarray(y).dtype.names is not None  # scikit-learn takes its entries for classes
    return MethodKind.CLASSIFIER if target in ("binary", "multiclass") and not is_structured else MethodKind.OTHER


def _get_kind(method: object) -> MethodKind | None:
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


def check_own_scores(methods: Mapping[str, Any]) -> None:
    """Raise TypeError if a method has no ``score`` of its own."""
    for name, method in methods.items():
        if not hasattr(getattr(method, "estimator", method), "score"):
            raise TypeError(
                f"The method {name!r} is neither a classifier nor a regressor, and has no score of its own. Pass "
                "scoring=, the score by which all methods are compared."
            )


DEFAULT_SCORING: Mapping[MethodKind, str | Scorer] = {
    MethodKind.CLASSIFIER: "accuracy",
    MethodKind.REGRESSOR: "r2",
    MethodKind.OTHER: score_by_own_method,
}
