"""Classifiers and regressors with stored predictions for one set of rows, which scikit-learn's scorers can score."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from sklearn_autotune._compat.sklearn import take_metadata_rows, take_rows
from sklearn_autotune.evaluation._base import Task, label_before_scoring
from sklearn_autotune.evaluation._failures import Scored, call_scorer
from sklearn_autotune.objectives._groups import BoundToRows

__all__ = [
    "FixedPredictionsClassifier",
    "FixedPredictionsRegressor",
    "compute_log_loss",
    "compute_pinball_loss",
    "compute_root_mean_squared_error",
    "make_class_probabilities",
    "make_fixed_predictions",
    "score_predictions",
]


def make_class_probabilities(prediction: np.ndarray) -> np.ndarray:
    """Convert a booster's prediction to what ``XGBClassifier.predict_proba`` returns, of shape (n_rows, n_classes)."""
    return prediction if prediction.ndim == 2 else np.column_stack([1.0 - prediction, prediction])


def compute_log_loss(class_codes: np.ndarray, prediction: np.ndarray, weight: np.ndarray | None) -> float:
    """Return the log loss of what a booster predicts, as scikit-learn's ``log_loss`` does."""
    probabilities = make_class_probabilities(prediction)
    eps = np.finfo(probabilities.dtype).eps
    true_class_probabilities = np.clip(probabilities[np.arange(len(class_codes)), class_codes], eps, 1 - eps)
    return float(np.average(-np.log(true_class_probabilities, dtype=np.float64), weights=weight))


def compute_root_mean_squared_error(values: np.ndarray, prediction: np.ndarray, weight: np.ndarray | None) -> float:
    """Return the root of the mean squared error, as scikit-learn's ``root_mean_squared_error`` does."""
    return float(np.sqrt(np.average((values - prediction) ** 2, weights=weight)))


class _FixedPredictions(BoundToRows, BaseEstimator):
    """An estimator for scorers: it returns stored predictions for ``rows``, and computes them for any other rows."""

    def __init__(self, rows: Any, prediction: np.ndarray, predict_rows: Callable[[Any], np.ndarray]) -> None:
        self.rows = rows
        self.prediction = prediction
        self.predict_rows = predict_rows

    def take(self, X: Any, rows: np.ndarray) -> Any:
        """Return the estimator with the stored predictions of some of its rows."""
        part = copy.copy(self)
        part.rows, part.prediction = X, self.prediction[rows]
        return part

    def _predict_rows(self, X: Any) -> np.ndarray:
        return self.prediction if X is self.rows else self.predict_rows(X)

    def __sklearn_is_fitted__(self) -> bool:
        return True


class FixedPredictionsRegressor(RegressorMixin, _FixedPredictions):
    """A regressor with stored predictions for one set of rows."""

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted values."""
        return self._predict_rows(X)


class FixedPredictionsClassifier(ClassifierMixin, _FixedPredictions):
    """A classifier with stored predictions for one set of rows."""

    def __init__(
        self, rows: Any, prediction: np.ndarray, predict_rows: Callable[[Any], np.ndarray], classes: np.ndarray
    ) -> None:
        super().__init__(rows, prediction, predict_rows)
        self.classes = classes
        self.classes_ = classes

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted classes."""
        predicted = self._predict_rows(X)
        class_codes = predicted.argmax(axis=1) if predicted.ndim == 2 else (predicted > 0.5).astype(int)
        labels: np.ndarray = self.classes[class_codes]
        return labels

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the predicted probabilities of the classes."""
        return make_class_probabilities(self._predict_rows(X))


def compute_pinball_loss(
    values: np.ndarray, prediction: np.ndarray, weight: np.ndarray | None, *, quantile: float
) -> float:
    """Return the mean loss of a predicted quantile, as scikit-learn's ``mean_pinball_loss`` does."""
    above = values - prediction
    return float(np.average(np.maximum(quantile * above, (quantile - 1) * above), weights=weight))


def _refuse_other_rows(X: Any) -> np.ndarray:
    raise ValueError("The scorer asked for predictions of rows other than those to be scored.")


def make_fixed_predictions(
    rows: Any,
    prediction: np.ndarray,
    classes: np.ndarray | None,
    predict_rows: Callable[[Any], np.ndarray] = _refuse_other_rows,
) -> FixedPredictionsClassifier | FixedPredictionsRegressor:
    """Make the estimator whose stored predictions a scorer scores.

    Parameters
    ----------
    rows : array-like of length n_rows
        The object that the scorer will pass to ``predict``.
    prediction : ndarray of shape (n_rows,) or (n_rows, n_classes)
        Values in regression. In classification, the probabilities of all classes, or of the second of two classes.
    classes : ndarray of shape (n_classes,) or None
        None in regression.
    predict_rows : callable, default=_refuse_other_rows
        Predicts any other rows. The default raises ValueError.

    Returns
    -------
    estimator : FixedPredictionsClassifier or FixedPredictionsRegressor

    Examples
    --------
    >>> rows = np.zeros((2, 1))
    >>> model = make_fixed_predictions(rows, np.array([[0.75, 0.25], [0.5, 0.5]]), np.array(["no", "yes"]))
    >>> model.predict_proba(rows)
    array([[0.75, 0.25],
           [0.5 , 0.5 ]])
    """
    if classes is None:
        return FixedPredictionsRegressor(rows, prediction, predict_rows)
    return FixedPredictionsClassifier(rows, prediction, predict_rows, classes)


def score_predictions(
    task: Task, prediction: np.ndarray, rows: np.ndarray, classes: np.ndarray | None, fold_number: int | None = None
) -> Scored:
    """Score predictions for some rows of a task with its scorer; if it is one of labels, with those of thresholds.

    Parameters
    ----------
    task : Task
        With one score.
    prediction : ndarray
        As of `make_fixed_predictions`.
    rows : ndarray of int
        Where the predicted rows are in the task's table.
    classes : ndarray of shape (n_classes,) or None
    fold_number : int or None, default=None
        Of the fold whose test rows they are, to keep what is kept of them; None keeps nothing.
    """
    placeholder, y = np.zeros((len(rows), 1)), take_rows(task.y, rows)
    params = take_metadata_rows(task.X, params=task.score_params, indices=rows)
    error_score = "raise" if task.error_score == "raise" else float("nan")  # so that a failure is seen
    args = make_fixed_predictions(placeholder, prediction, classes), placeholder, y
    call = partial(call_scorer, args=args, params=params, error_score=error_score)
    keeper, thresholds = task.row_keeper, task.thresholds
    labelled: list[Any] = []
    scorer = task.scorer
    if thresholds is not None and thresholds.keeps_labels:
        scorer = label_before_scoring(task, scorer, rows, labelled)
    if fold_number is None or isinstance(keeper, str):
        return call(scorer)
    if thresholds is None or not thresholds.keeps_labels:
        return keeper.score(fold_number, y, call, scorer)
    scored = call(scorer)
    if scored.failure is not None:
        return scored
    return Scored(scored.score, row_values=thresholds.keep(labelled[0], fold_number))
