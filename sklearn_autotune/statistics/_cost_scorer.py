"""A scorer of what the errors of a binary classifier cost."""

from typing import Any

import numpy as np
from sklearn.metrics import make_scorer

__all__ = ["average_costs", "make_cost_scorer", "mean_cost"]


def make_cost_scorer(
    *,
    false_positive: float = 1.0,
    false_negative: float = 1.0,
    true_positive: float = 0.0,
    true_negative: float = 0.0,
    pos_label: Any = 1,
) -> Any:
    """Make a scorer of the mean cost of a binary classifier's labels, for ``scoring`` and ``threshold``.

    Parameters
    ----------
    false_positive : float, default=1.0
        Cost of a row of the negative class that is labelled positive. A gain is a negative cost.
    false_negative : float, default=1.0
        Cost of a row of the positive class that is labelled negative.
    true_positive, true_negative : float, default=0.0
        Cost of a row that is labelled correctly.
    pos_label : int, float, bool or str, default=1
        The positive class, as of scikit-learn's metrics; True is 1.

    Returns
    -------
    scorer : callable
        Called as ``scorer(estimator, X, y)``. It returns the negated mean cost of a row: higher is better. With
        ``sample_weight``, the mean is weighted. If the cost of a row is proportional to an amount, the amounts are
        weights: with scikit-learn's metadata routing, ``scorer.set_score_request(sample_weight="amount")`` takes them
        from ``fit(X, y, amount=amount)``.

    Raises
    ------
    ValueError
        When it scores labels of more than two classes, or of two classes of which none is ``pos_label``.

    See Also
    --------
    OptunaSearchCV : Takes the scorer as ``threshold`` and as ``scoring``.

    Examples
    --------
    A false negative costs five times as much as a false positive.

    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn_autotune import make_cost_scorer
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> scorer = make_cost_scorer(false_positive=1, false_negative=5)
    >>> always_positive = DummyClassifier(strategy="constant", constant=1).fit(X, y)
    >>> round(scorer(always_positive, X, y), 3), round(float((y == 0).mean()), 3)
    (-0.373, 0.373)
    """
    costs = {"false_positive": false_positive, "false_negative": false_negative}
    costs |= {name: cost for name, cost in (("true_positive", true_positive), ("true_negative", true_negative)) if cost}
    if pos_label != 1:
        costs["pos_label"] = pos_label
    return make_scorer(mean_cost, greater_is_better=False, **costs)


def mean_cost(
    y_true: Any,
    y_pred: Any,
    *,
    false_positive: float = 1.0,
    false_negative: float = 1.0,
    true_positive: float = 0.0,
    true_negative: float = 0.0,
    pos_label: Any = 1,
    sample_weight: Any = None,
) -> float:
    """Return the mean cost of a row; lower is better. The costs are those of `make_cost_scorer`.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
    false_positive, false_negative, true_positive, true_negative : float
    pos_label : int, float, bool or str, default=1
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    cost : float
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    _check_labels(np.unique(np.concatenate([y_true, y_pred])), pos_label)
    is_positive, is_chosen = y_true == pos_label, y_pred == pos_label
    costs = np.where(
        is_positive,
        np.where(is_chosen, true_positive, false_negative),
        np.where(is_chosen, false_positive, true_negative),
    )
    return float(np.average(costs, weights=sample_weight))


def average_costs(
    labels: np.ndarray,
    confusions: np.ndarray,
    *,
    false_positive: float = 1.0,
    false_negative: float = 1.0,
    true_positive: float = 0.0,
    true_negative: float = 0.0,
    pos_label: Any = 1,
) -> np.ndarray:
    """Return what `mean_cost` returns, of each of several confusion matrices.

    Parameters
    ----------
    labels : ndarray of shape (n_labels,)
        One or two labels.
    confusions : ndarray of shape (n_matrices, n_labels, n_labels)
        Weights of the rows, by label and by predicted label.
    false_positive, false_negative, true_positive, true_negative : float
    pos_label : int, float, bool or str, default=1

    Returns
    -------
    costs : ndarray of shape (n_matrices,)
    """
    _check_labels(labels, pos_label)
    is_positive = labels == pos_label
    of_label = np.where(is_positive, true_positive, true_negative)
    of_errors = np.where(is_positive[:, np.newaxis], false_negative, false_positive)
    costs = np.where(np.eye(len(labels), dtype=bool), of_label[:, np.newaxis], of_errors)
    averaged: np.ndarray = (confusions * costs).sum(axis=(1, 2)) / confusions.sum(axis=(1, 2))
    return averaged


def _check_labels(labels: np.ndarray, pos_label: Any) -> None:
    if len(labels) > 2:
        raise ValueError(f"The cost of errors needs two classes, got {len(labels)}: {labels[:5].tolist()}.")
    if len(labels) == 2 and pos_label not in labels.tolist():
        raise ValueError(
            f"pos_label={pos_label!r} is none of the classes {labels.tolist()}. Give make_cost_scorer the positive "
            f"class, for example pos_label={labels.tolist()[1]!r}."
        )
