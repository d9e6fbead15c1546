"""The distribution of a column's values in training, and how far the distribution of new values is from it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["compare_counts", "count_values", "describe_categories", "describe_numbers", "measure_shift"]

N_QUANTILES = 51

# The probability that a shift is reported in some column although the new table has the same distribution.
FALSE_ALARM_RATE = 0.001


def describe_numbers(values: np.ndarray) -> dict[str, Any]:
    """Describe the distribution of numbers, none of them missing, in JSON's types.

    Examples
    --------
    >>> described = describe_numbers(np.arange(101.0))
    >>> described["n_known"], described["quantiles"][:3]
    (101, [0.0, 2.0, 4.0])
    """
    shares = np.linspace(0, 1, N_QUANTILES)
    quantiles = np.quantile(values, shares, method="inverted_cdf").tolist() if len(values) else None
    return {"n_known": len(values), "quantiles": quantiles}


def describe_categories(codes: np.ndarray, n_categories: int) -> dict[str, Any]:
    """Describe the distribution of categories, given as codes without missing ones, in JSON's types.

    Examples
    --------
    >>> describe_categories(np.array([0, 1, 1, 1]), 3)
    {'n_known': 4, 'shares': [0.25, 0.75, 0.0]}
    """
    counts = np.bincount(codes.astype(int), minlength=n_categories)
    return {"n_known": len(codes), "shares": (counts / len(codes)).tolist() if len(codes) else None}


def measure_shift(values: np.ndarray, described: Mapping[str, Any], *, n_columns: int = 1) -> float:
    """Measure how differently new values of a column are distributed.

    For numbers, the distance is the Kolmogorov-Smirnov statistic, the largest difference between the two cumulative
    distributions. Its precision is 0.02, because only quantiles of the training values are stored. For categories, it
    is the total variation distance, half the sum of the differences between their shares. Both are 0 for equal and 1
    for disjoint distributions.

    A distance that can be chance is returned as 0. For numbers, it is compared to the bound of Kolmogorov and Smirnov,
    for categories to the expected distance plus the bound of McDiarmid. By chance, a distance exceeds its bound in any
    of the columns with a probability of 0.001. The bound is about ``2.2 * sqrt(1 / n_training + 1 / n_new)`` for ten
    columns, so five new rows never exceed it.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        Numbers, or codes of categories, none of them missing. A code of -1 is a category that training did not have.
    described : mapping
        As `describe_numbers` or `describe_categories` returned it.
    n_columns : int, default=1
        The number of columns that are compared.

    Returns
    -------
    distance : float
        From 0 to 1.

    Examples
    --------
    >>> described = describe_numbers(np.linspace(0, 1, 1000))
    >>> measure_shift(np.linspace(0, 1, 300), described), round(measure_shift(np.linspace(0.9, 1, 300), described), 2)
    (0.0, 0.9)
    """
    return compare_counts(count_values(values, described), len(values), described, n_columns=n_columns)


def count_values(values: np.ndarray, described: Mapping[str, Any]) -> np.ndarray:
    """Count new values, so that the counts of the parts of a table add up to those of the whole.

    Parameters
    ----------
    values, described
        As of `measure_shift`.

    Returns
    -------
    counts : ndarray of int
        Of numbers: how many are not above each of the training quantiles. Of categories: how many rows each has, and at
        the end how many have one that training did not have.

    Examples
    --------
    >>> count_values(np.array([0, 1, -1]), describe_categories(np.array([0, 0, 1]), 2)).tolist()
    [1, 1, 1]
    """
    if not described.get("n_known", 0):
        return np.zeros(0, dtype=int)
    if "shares" in described:
        n_categories = len(described["shares"])
        return np.bincount(np.where(values < 0, n_categories, values).astype(int), minlength=n_categories + 1)
    return np.searchsorted(np.sort(values), np.unique(described["quantiles"]), side="right")


def compare_counts(counts: np.ndarray, n_new: int, described: Mapping[str, Any], *, n_columns: int = 1) -> float:
    """Measure how differently new values are distributed, from the counts of `count_values`; see `measure_shift`."""
    n_training = described.get("n_known", 0)
    if not n_training or not n_new:
        return 0.0
    variance = 1 / n_training + 1 / n_new
    log_odds = np.log(max(1, n_columns) / FALSE_ALARM_RATE)
    if "shares" in described:
        distance, bound = _compare_shares(counts, n_new, np.array(described["shares"]), n_training)
    else:
        distance = _compare_quantiles(counts / n_new, np.array(described["quantiles"]))
        log_odds, bound = log_odds + np.log(2), 1 / (N_QUANTILES - 1)
    bound += float(np.sqrt(log_odds * variance / 2))
    return distance if distance > bound else 0.0


def _compare_quantiles(in_new: np.ndarray, quantiles: np.ndarray) -> float:
    """Return the largest difference between the two cumulative distributions at any of the quantiles."""
    points = np.unique(quantiles)
    in_training = (np.searchsorted(quantiles, points, side="right") - 1) / (len(quantiles) - 1)
    return float(np.abs(in_training - in_new).max())


def _compare_shares(counts: np.ndarray, n_new: int, in_training: np.ndarray, n_training: int) -> tuple[float, float]:
    """Return the total variation distance, and a bound of its expected value if the distributions are equal."""
    in_training = np.append(in_training, 0.0)  # the last one is for categories that training did not have
    in_new = counts / n_new
    pooled = (n_training * in_training + n_new * in_new) / (n_training + n_new)
    expected = 0.5 * np.sqrt(pooled * (1 - pooled) * (1 / n_training + 1 / n_new)).sum()
    return float(0.5 * np.abs(in_training - in_new).sum()), float(expected)
