"""Scores of one candidate on many resamples of a fold's test rows, from what was kept of these rows."""

import warnings
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, r2_score, roc_auc_score

from sklearn_autotune.evaluation._row_values import ROOTS, RowMetric
from sklearn_autotune.statistics._confusion_scores import can_score_confusions, score_confusions

__all__ = ["compute_resampled_scores", "is_fast"]


def is_fast(metric: RowMetric, values: np.ndarray) -> bool:
    """Whether all resamples are scored at once, without a call of the metric for each."""
    if metric.is_mean or values.ndim > 1:
        return metric.is_mean
    return (metric.function in CURVES and not metric.settings) or can_score_confusions(metric.function, metric.settings)


def compute_resampled_scores(metric: RowMetric, y: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Score resamples of a fold's test rows.

    Parameters
    ----------
    metric : RowMetric
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
    values : ndarray of shape (n_rows,) or (n_rows, n_values)
        What `RowMetric.compute_row_values` has returned for the candidate.
    weights : ndarray of shape (n_resamples, n_rows)
        How often each row is in each resample, times its weight in the score; 0 if it is not in it.

    Returns
    -------
    scores : ndarray of shape (n_resamples,)
        Higher is better. NaN where the score is not defined, such as the area under a curve of rows of one class.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        if metric.is_mean:
            means = weights @ values / weights.sum(axis=1)
            losses = np.sqrt(means) if metric.function in ROOTS else means
        elif not is_fast(metric, values):
            losses = _score_one_by_one(metric, y, values, weights)
        elif metric.function in CURVES:
            losses = CURVES[metric.function](y, values, weights)
        else:
            losses = score_confusions(metric.function, metric.settings, y, values, weights)
    scores: np.ndarray = metric.sign * losses
    return scores


def _compute_r2(y: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    y = np.asarray(y, dtype=float)
    centered = y - y.mean()  # for the precision of the difference of squares
    totals = weights.sum(axis=1)
    spread = weights @ centered**2 - (weights @ centered) ** 2 / totals
    is_defined = spread > 1e-12 * np.maximum(weights @ centered**2, 1e-300)
    r2: np.ndarray = np.where(is_defined, 1 - weights @ (y - values) ** 2 / spread, np.nan)
    return r2


def _compute_roc_auc(y: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the areas under the ROC curves: of all pairs of classes, the share in the right order; ties are a half."""
    positive, negative = _sum_by_prediction(y, values, weights)
    above = np.cumsum(positive, axis=1) - positive / 2
    areas: np.ndarray = (negative * above).sum(axis=1) / (positive.sum(axis=1) * negative.sum(axis=1))
    return areas


def _compute_average_precision(y: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the average precisions: means over positive rows of the precision among the rows predicted as high."""
    positive, negative = _sum_by_prediction(y, values, weights)
    found = np.cumsum(positive, axis=1)
    chosen = np.maximum(found + np.cumsum(negative, axis=1), np.finfo(float).tiny)
    means: np.ndarray = (positive * found / chosen).sum(axis=1) / positive.sum(axis=1)
    return means


def _sum_by_prediction(y: np.ndarray, values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights of positive and of negative rows by predicted value, from the highest to the lowest."""
    falling = -values.astype(float)
    order = np.argsort(falling, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(falling[order]) > 0])  # of rows with equal predictions
    is_positive = (y == np.unique(y)[-1])[order]
    ordered = weights[:, order]
    positive = np.add.reduceat(ordered * is_positive, starts, axis=1)
    return positive, np.add.reduceat(ordered * ~is_positive, starts, axis=1)


# Metrics of predicted values whose resamples are scored together.
CURVES = {
    average_precision_score: _compute_average_precision,
    r2_score: _compute_r2,
    roc_auc_score: _compute_roc_auc,
}


def _score_one_by_one(metric: RowMetric, y: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Call the metric for each resample: with weights, or with repeated rows if all weights count rows."""
    scores = np.full(len(weights), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, row in enumerate(weights):
            chosen = np.flatnonzero(row)
            counts = row[chosen]
            if np.equal(counts, counts.astype(int)).all():
                chosen, settings = np.repeat(chosen, counts.astype(int)), {}
            else:
                settings = {"sample_weight": counts}
            scores[number] = _call_metric(metric, y[chosen], values[chosen], settings)
    return scores


def _call_metric(metric: RowMetric, y: np.ndarray, values: np.ndarray, settings: dict[str, Any]) -> float:
    try:
        return float(metric.function(y, values, **metric.settings, **settings))
    except ValueError:  # not defined on these rows: a class is missing, for example
        return np.nan
