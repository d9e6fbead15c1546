"""Scores of predicted labels, such as F1, of many resamples or thresholds at once, from their confusion matrices."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    fbeta_score,
    matthews_corrcoef,
    precision_score,
    recall_score,
)

from sklearn_autotune.statistics._cost_scorer import average_costs, mean_cost

__all__ = ["can_score_confusions", "score_confusion_matrices", "score_confusions"]

AVERAGES = ("binary", "macro", "micro", "weighted")


def can_score_confusions(function: Callable[..., Any], settings: Mapping[str, Any]) -> bool:
    """Whether a metric with these settings is one of those that this module computes."""
    if function in (accuracy_score, balanced_accuracy_score, matthews_corrcoef):
        return not settings
    if function is mean_cost:
        return True
    is_known = settings.keys() <= {"average", "pos_label", "beta"} and settings.get("average", "binary") in AVERAGES
    return function in SHARES and is_known


def score_confusions(
    function: Callable[..., Any],
    settings: Mapping[str, Any],
    y: np.ndarray,
    predicted: np.ndarray,
    weights: np.ndarray,
) -> np.ndarray:
    """Score predicted labels on resamples, as scikit-learn's metric does.

    Parameters
    ----------
    function : callable
    settings : mapping of str to object
    y, predicted : ndarray of shape (n_rows,)
    weights : ndarray of shape (n_resamples, n_rows)

    Returns
    -------
    scores : ndarray of shape (n_resamples,)
    """
    labels, codes = np.unique(np.concatenate([y, predicted]), return_inverse=True)
    cells = codes[: len(y)] * len(labels) + codes[len(y) :]
    is_in_cell = np.equal.outer(cells, np.arange(len(labels) ** 2)).astype(float)
    confusions = (weights @ is_in_cell).reshape(len(weights), len(labels), len(labels))
    return score_confusion_matrices(function, settings, labels, confusions)


def score_confusion_matrices(
    function: Callable[..., Any], settings: Mapping[str, Any], labels: np.ndarray, confusions: np.ndarray
) -> np.ndarray:
    """Score confusion matrices, as scikit-learn's metric scores the rows that they count.

    Parameters
    ----------
    function : callable
    settings : mapping of str to object
    labels : ndarray of shape (n_labels,)
    confusions : ndarray of shape (n_matrices, n_labels, n_labels)
        Weights of the rows, by label and by predicted label.

    Returns
    -------
    scores : ndarray of shape (n_matrices,)
    """
    hits = np.diagonal(confusions, axis1=1, axis2=2)
    actual, chosen = confusions.sum(axis=2), confusions.sum(axis=1)
    if function is accuracy_score:
        return _divide(hits.sum(axis=1), actual.sum(axis=1))
    if function is mean_cost:
        return average_costs(labels, confusions, **settings)
    if function is balanced_accuracy_score:
        return _divide((_divide(hits, actual)).sum(axis=1), (actual > 0).sum(axis=1))
    if function is matthews_corrcoef:
        total = actual.sum(axis=1)
        covariance = hits.sum(axis=1) * total - (actual * chosen).sum(axis=1)
        spreads = [total**2 - (counts**2).sum(axis=1) for counts in (actual, chosen)]
        return _divide(covariance, np.sqrt(spreads[0] * spreads[1]))
    average = settings.get("average", "binary")
    if average == "micro":
        hits, actual, chosen = (one.sum(axis=1, keepdims=True) for one in (hits, actual, chosen))
    shares = SHARES[function](hits, actual, chosen, settings.get("beta", 1.0) ** 2)
    if average == "binary":
        positive = np.flatnonzero(labels == settings.get("pos_label", 1))
        return shares[:, positive[0]] if len(positive) else np.zeros(len(confusions))
    if average == "weighted":
        return _divide((shares * actual).sum(axis=1), actual.sum(axis=1))
    return _divide(shares.sum(axis=1), (actual + chosen > 0).sum(axis=1))


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divide; 0 where the denominator is 0, as in scikit-learn's metrics."""
    return np.divide(numerator, denominator, out=np.zeros(np.shape(numerator)), where=denominator > 0)


SHARES: Mapping[Callable[..., Any], Callable[[np.ndarray, np.ndarray, np.ndarray, float], np.ndarray]] = {
    f1_score: lambda hits, actual, chosen, _: _divide(2 * hits, actual + chosen),
    fbeta_score: lambda hits, actual, chosen, weight: _divide((1 + weight) * hits, weight * actual + chosen),
    precision_score: lambda hits, actual, chosen, _: _divide(hits, chosen),
    recall_score: lambda hits, actual, chosen, _: _divide(hits, actual),
}
