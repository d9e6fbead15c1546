"""Temperature scaling: one number that calibrates the confidence of predicted probabilities."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

__all__ = ["apply_temperature", "compute_log_odds", "find_temperature", "make_stacking_features"]

# With a lower temperature, one wrong row of a small table could dominate the loss. With a higher one, all classes would
# have nearly the same probability.
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.2, 5.0
MIN_PROBABILITY = 1e-6

# Rows times classes from which a temperature is found: with more, every second row, every third, and so on.
MAX_CELLS = 500_000

# Probabilities below MIN_PROBABILITY are raised to values up to this share below it, so that their order is kept.
ORDER_SHARE = 0.01


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Divide the logarithms of probabilities by a temperature and normalise the result to probabilities.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_classes)
    temperature : float
        Above 1, the probabilities become less confident; below 1, more confident. The order of the classes does not
        change. With two classes, the order of the rows does not change either.

    Returns
    -------
    scaled : ndarray of shape (n_rows, n_classes)

    Examples
    --------
    >>> import numpy as np
    >>> apply_temperature(np.array([[0.8, 0.2]]), 2.0).round(3)
    array([[0.667, 0.333]])
    """
    scaled = _normalize(_raise_to_minimum(probabilities) ** (1.0 / temperature))
    return scaled if temperature >= 1.0 else _normalize(_raise_to_minimum(scaled))


def _normalize(values: np.ndarray) -> np.ndarray:
    return values / values.sum(axis=1, keepdims=True)


def _raise_to_minimum(probabilities: np.ndarray) -> np.ndarray:
    """Raise probabilities to about `MIN_PROBABILITY`, and keep the order of those below."""
    limited = np.clip(probabilities, MIN_PROBABILITY, 1.0)
    is_below = probabilities < MIN_PROBABILITY
    if is_below.any():
        smallest = np.finfo(np.float64).tiny
        below = np.maximum(np.asarray(probabilities[is_below], dtype=np.float64), smallest)
        depth = np.log(below / MIN_PROBABILITY) / np.log(smallest / MIN_PROBABILITY)  # from 0 to 1
        limited[is_below] = MIN_PROBABILITY * (1.0 - ORDER_SHARE * depth)
    return limited


def compute_log_odds(probabilities: np.ndarray) -> np.ndarray:
    """Transform probabilities to logarithms, which linear models can use as features.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_classes)

    Returns
    -------
    columns : ndarray of shape (n_rows, 1) or (n_rows, n_classes)
        For two classes, the log odds of the second one; for more, the logarithm of each minus the mean logarithm.

    Examples
    --------
    >>> import numpy as np
    >>> compute_log_odds(np.array([[0.5, 0.5], [0.25, 0.75]])).round(3)
    array([[0.   ],
           [1.099]])
    """
    logs = np.log(np.clip(probabilities, MIN_PROBABILITY, 1.0))
    if logs.shape[1] == 2:
        return logs[:, 1:] - logs[:, :1]
    return logs - logs.mean(axis=1, keepdims=True)


def make_stacking_features(predictions: Sequence[np.ndarray]) -> np.ndarray:
    """Combine predictions to the features of the second layer: values, or the log odds of probabilities."""
    return np.hstack([values[:, None] if values.ndim == 1 else compute_log_odds(values) for values in predictions])


def find_temperature(probabilities: np.ndarray, class_codes: np.ndarray, weight: Any = None) -> float:
    """Find the temperature with the lowest log loss on rows that the model was not fitted on.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_classes)
    class_codes : ndarray of int, of shape (n_rows,)
        Index of the class of each row.
    weight : ndarray of shape (n_rows,), default=None

    Returns
    -------
    temperature : float
        Below 1 only as far as the number of rows allows: if n rows are all predicted right, the next one is right with
        a probability of (n + 1) / (n + 2), and predictions are made no more confident than that.

    Notes
    -----
    The method is from Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017. The limit
    is Laplace's rule of succession. Platt, "Probabilistic outputs for support vector machines", 1999, uses it too.

    Examples
    --------
    >>> import numpy as np
    >>> too_sure = np.array([[0.99, 0.01]] * 4)
    >>> find_temperature(too_sure, np.array([0, 0, 0, 1])) > 2
    True
    """
    n_rows = len(class_codes) if weight is None else np.count_nonzero(weight)
    every = -(-probabilities.size // MAX_CELLS)
    if every > 1:
        probabilities, class_codes = probabilities[::every], class_codes[::every]
        weight = None if weight is None else weight[::every]
    logs = np.log(np.clip(probabilities, MIN_PROBABILITY, 1.0))
    found = _minimize_log_loss(logs, class_codes, weight, doubt=0.0)
    if found >= 1.0:
        return found
    return min(1.0, _minimize_log_loss(logs, class_codes, weight, doubt=1.0 / (n_rows + 2.0)))


def _minimize_log_loss(logs: np.ndarray, class_codes: np.ndarray, weight: Any, doubt: float) -> float:
    """Find the best temperature if each row is of another class with a probability of ``doubt``; 1 if none is better.

    Parameters
    ----------
    logs : ndarray of shape (n_rows, n_classes)
        Logarithms of the probabilities.
    class_codes : ndarray of int, of shape (n_rows,)
    weight : ndarray of shape (n_rows,) or None
    doubt : float
        The other classes have equal shares of it.

    Returns
    -------
    temperature : float
    """
    of_class = logs[np.arange(len(class_codes)), class_codes]
    of_others = (logs.sum(axis=1) - of_class) / max(1, logs.shape[1] - 1)
    expected = (1.0 - doubt) * of_class + doubt * of_others

    def loss(log_temperature: float) -> float:
        scaled = logs / np.exp(log_temperature)
        highest = scaled.max(axis=1)
        total = highest + np.log(np.exp(scaled - highest[:, None]).sum(axis=1))
        return float(np.average(total - expected / np.exp(log_temperature), weights=weight))

    found = minimize_scalar(loss, bounds=(np.log(MIN_TEMPERATURE), np.log(MAX_TEMPERATURE)), method="bounded")
    return float(np.exp(found.x)) if found.fun < loss(0.0) else 1.0
