"""How much better the winner of a search is than the estimator with its own parameters, in numbers and in words."""

from dataclasses import dataclass
from math import isfinite

import numpy as np

from sklearn_autotune._compat.types import ArrayLike
from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.statistics._intervals import ConfidenceInterval, compute_paired_interval

__all__ = ["TuningGain", "compute_tuning_gain", "describe_tuning_gain"]


@dataclass(frozen=True, slots=True)
class TuningGain(ConfidenceInterval):
    """How much better the winner is than the default.

    Attributes
    ----------
    mean, low, high : float
        The gain and the ends of its confidence interval, in units of the score; positive if the winner is better.
    is_corrected : bool
        Whether the gain is corrected for the choice of the winner. If not, it is too large on average.
    """

    is_corrected: bool = False


def compute_tuning_gain(
    winner: ArrayLike, default: ArrayLike, *, test_over_train: float, confidence: float = 0.95
) -> TuningGain:
    """Return how much better the winner is than the default on the same folds, with a confidence interval.

    The interval is that of the corrected resampled t-test. It does not correct for the choice: the winner was chosen by
    these folds, so the mean is too large on average.

    Parameters
    ----------
    winner, default : array-like of shape (n_folds,)
        Fold scores; higher is better.
    test_over_train : float
        Rows in the test part of a fold, for each in its training part.
    confidence : float, default=0.95

    Returns
    -------
    gain : TuningGain
        Infinitely wide if nothing can be said.

    Examples
    --------
    >>> gain = compute_tuning_gain([0.92, 0.91, 0.93, 0.92, 0.91], [0.9, 0.9, 0.9, 0.89, 0.9], test_over_train=0.25)
    >>> f"{gain.mean:.3f} [{gain.low:.3f}, {gain.high:.3f}]"
    '0.020 [0.001, 0.039]'
    """
    differences = np.asarray(winner, dtype=float) - np.asarray(default, dtype=float)
    interval = compute_paired_interval(differences, test_over_train=test_over_train, confidence=confidence)
    return TuningGain(interval.mean, interval.low, interval.high)


def describe_tuning_gain(gain: TuningGain, metric: Metric) -> str:
    """Say in a sentence or two whether tuning helped.

    Parameters
    ----------
    gain : TuningGain
    metric : Metric
        A loss is shown with its own sign: less is better.

    Returns
    -------
    text : str

    Examples
    --------
    >>> print(describe_tuning_gain(TuningGain(0.002, -0.006, 0.010), Metric("roc_auc")))
    There is no evidence that tuning helped: +0.002 roc_auc [-0.006, +0.01] over the parameters you had.
    """
    if gain.mean == 0.0 and gain.low == gain.high:
        return f"Tuning changed nothing: {metric.label} is that of the parameters you had."
    signs = (gain.low, gain.high) if metric.sign > 0 else (-gain.high, -gain.low)
    ends = f" [{signs[0]:+.2g}, {signs[1]:+.2g}]" if isfinite(gain.low) else ""
    size = f"{metric.sign * gain.mean:+.2g} {metric.label}{ends}" + (f" ({metric.direction})" * metric.is_loss)
    if gain.low > 0:
        flattered = " The winner was chosen on these folds, so the gain is too large on average."
        flattered = " The choice of the winner is taken into account." if gain.is_corrected else flattered
        return f"Tuning: {size} over the parameters you had.{flattered}"
    if gain.high < 0:
        return f"The parameters you had are better than the winner: {size}."
    return f"There is no evidence that tuning helped: {size} over the parameters you had."
