"""What is kept of a fold's test rows, so that the choice among candidates can be repeated on resampled rows.

If the metric is a mean over rows, the loss of each row is kept; if not, such as for the area under a curve, its
prediction is. Both with 32 bits, and of at most `MAX_ROWS` rows of a candidate.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import xlogy
from sklearn import metrics

from sklearn_autotune._compat.sklearn import read_score_function, record_predictions
from sklearn_autotune.evaluation._failures import Scored

__all__ = ["ROOTS", "ROW_LOSSES", "RowKeeper", "RowMetric", "draw_kept_rows", "read_row_metric"]

MAX_ROWS = 50_000  # of all folds of a candidate


@dataclass(frozen=True, slots=True)
class RowMetric:
    """A score as a function of target and prediction.

    Attributes
    ----------
    function : callable
        ``function(y_true, y_pred, **settings)``, a number.
    sign : int
        1 if higher is better; -1 of a loss.
    settings : mapping of str to object
    is_mean : bool
        Whether the score is a mean over rows of losses in `ROW_LOSSES`, or the root of one.
    """

    function: Callable[..., Any]
    sign: int
    settings: Mapping[str, Any]
    is_mean: bool = False

    def compute_row_values(self, y: Any, prediction: Any) -> np.ndarray:
        """Return the loss of each row, of shape (n_rows,), or the predictions if the score is no mean of losses."""
        if self.is_mean:
            losses = ROW_LOSSES[self.function].compute(np.asarray(y), np.asarray(prediction), **self.settings)
            return np.asarray(losses, dtype=np.float32)
        values = np.asarray(prediction)
        if values.dtype.kind == "O":  # labels
            values = np.array(values.tolist())
        if values.dtype.kind == "f":
            return values.astype(np.float32)
        if values.dtype.kind == "i" and np.abs(values).max(initial=0) <= np.iinfo(np.int32).max:
            return values.astype(np.int32)
        return values


@dataclass(frozen=True, slots=True)
class RowLosses:
    """A metric that is a mean of losses of rows.

    Attributes
    ----------
    compute : callable
        From target, prediction and settings to the losses, of shape (n_rows,).
    settings : frozenset of str
        The settings of the metric that ``compute`` knows.
    """

    compute: Callable[..., Any]
    settings: frozenset[str] = frozenset()


def _compare_labels(y: np.ndarray, prediction: np.ndarray) -> Any:
    equal = y == prediction
    return equal if equal.ndim == 1 else equal.all(axis=1)


def _compute_log_losses(y: np.ndarray, prediction: np.ndarray, labels: Sequence[Any] | None = None) -> Any:
    classes = np.unique(y if labels is None else np.asarray(labels))
    probabilities = prediction if prediction.ndim == 2 else np.column_stack([1 - prediction, prediction])
    # Twice as fast as np.clip and np.searchsorted for few rows: this is computed for each fold.
    probabilities = np.minimum(np.maximum(probabilities, np.finfo(probabilities.dtype).eps), 1)
    chosen = probabilities[np.arange(len(y)), classes.searchsorted(y)]
    return np.log(probabilities.sum(axis=1) / chosen)


def _compute_brier_losses(y: np.ndarray, prediction: np.ndarray) -> Any:
    classes = np.unique(y)
    if prediction.ndim == 1:  # probabilities of the positive class; of a single class, scikit-learn knows only 0 and 1
        return (prediction - (y == (classes[-1] if len(classes) > 1 else 1))) ** 2
    return ((prediction - np.equal.outer(y, classes)) ** 2).sum(axis=1)


def _average_outputs(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Average the losses of a row over several targets."""

    def compute_losses(y: np.ndarray, prediction: np.ndarray, **settings: Any) -> Any:
        y = np.asarray(y, dtype=float)
        losses = compute(y, np.asarray(prediction, dtype=float).reshape(y.shape), **settings)
        return losses if losses.ndim == 1 else losses.mean(axis=1)

    return compute_losses


@_average_outputs
def _compute_squared_errors(y: np.ndarray, prediction: np.ndarray) -> Any:
    return (y - prediction) ** 2


@_average_outputs
def _compute_squared_log_errors(y: np.ndarray, prediction: np.ndarray) -> Any:
    return (np.log1p(y) - np.log1p(prediction)) ** 2


@_average_outputs
def _compute_absolute_errors(y: np.ndarray, prediction: np.ndarray) -> Any:
    return np.abs(y - prediction)


@_average_outputs
def _compute_percentage_errors(y: np.ndarray, prediction: np.ndarray) -> Any:
    return np.abs(y - prediction) / np.maximum(np.abs(y), np.finfo(np.float64).eps)


@_average_outputs
def _compute_pinball_losses(y: np.ndarray, prediction: np.ndarray, alpha: float = 0.5) -> Any:
    return np.maximum(alpha * (y - prediction), (alpha - 1) * (y - prediction))


@_average_outputs
def _compute_poisson_deviances(y: np.ndarray, prediction: np.ndarray) -> Any:
    return 2 * (xlogy(y, y / prediction) - y + prediction)


@_average_outputs
def _compute_gamma_deviances(y: np.ndarray, prediction: np.ndarray) -> Any:
    return 2 * (np.log(prediction / y) + y / prediction - 1)


ROW_LOSSES: Mapping[Callable[..., Any], RowLosses] = {
    metrics.accuracy_score: RowLosses(_compare_labels),
    metrics.brier_score_loss: RowLosses(_compute_brier_losses),
    metrics.log_loss: RowLosses(_compute_log_losses, frozenset({"labels"})),
    metrics.mean_absolute_error: RowLosses(_compute_absolute_errors),
    metrics.mean_absolute_percentage_error: RowLosses(_compute_percentage_errors),
    metrics.mean_gamma_deviance: RowLosses(_compute_gamma_deviances),
    metrics.mean_pinball_loss: RowLosses(_compute_pinball_losses, frozenset({"alpha"})),
    metrics.mean_poisson_deviance: RowLosses(_compute_poisson_deviances),
    metrics.mean_squared_error: RowLosses(_compute_squared_errors),
    metrics.mean_squared_log_error: RowLosses(_compute_squared_log_errors),
    metrics.root_mean_squared_error: RowLosses(_compute_squared_errors),
    metrics.root_mean_squared_log_error: RowLosses(_compute_squared_log_errors),
}

# Metrics that are the root of a mean; of several targets, scikit-learn averages the roots.
ROOTS = (metrics.root_mean_squared_error, metrics.root_mean_squared_log_error)


@dataclass(frozen=True, slots=True)
class RowKeeper:
    """Says what is kept of each fold.

    Attributes
    ----------
    metric : RowMetric
    positions : tuple of (ndarray or None)
        Of each fold, the positions of the kept rows among its test rows; None for all.
    """

    metric: RowMetric
    positions: tuple[np.ndarray | None, ...]

    def score(
        self, fold_number: int, y: Any, call: Callable[[Any], Scored], scorer: Any, metric: str | None = None
    ) -> Scored:
        """Score the test rows of a fold; return the score with what is kept of them.

        Parameters
        ----------
        fold_number : int
        y : array-like
            Their target.
        call : callable
            Scores them with the scorer that it is given.
        scorer, metric
            Of the task.
        """
        predictions: list[Any] = []
        scored = call(record_predictions(scorer, metric, predictions))
        if not predictions or scored.failure is not None:
            return scored
        return Scored(scored.score, row_values=self.compute_row_values(fold_number, y, predictions[-1]))

    def compute_row_values(self, fold_number: int, y: Any, prediction: Any) -> np.ndarray:
        """Return what is kept of the test rows of a fold."""
        values = self.metric.compute_row_values(y, prediction)
        positions = self.positions[fold_number]
        return values if positions is None else values[positions]


def draw_kept_rows(test_sizes: Sequence[int], max_rows: int = MAX_ROWS) -> tuple[np.ndarray | None, ...]:
    """Draw the test rows that are kept of each fold: all if they are few, else the same share of each.

    Examples
    --------
    >>> draw_kept_rows([3, 2])
    (None, None)
    >>> [len(positions) for positions in draw_kept_rows([300, 200], max_rows=50)]
    [30, 20]
    """
    share = max_rows / sum(test_sizes)
    if share >= 1:
        return (None,) * len(test_sizes)
    random_state = np.random.RandomState(0)
    return tuple(np.sort(random_state.permutation(size)[: max(1, round(share * size))]) for size in test_sizes)


def read_row_metric(scorer: Any, metric: str | None, estimator: Any, y: Any) -> RowMetric | str:
    """Return the deciding score as a function of target and prediction, or say why it is something else.

    Parameters
    ----------
    scorer : callable
    metric : str or None
        Which of several scores decides.
    estimator : estimator
        For its own ``score``.
    y : array-like or None
    """
    if y is None or hasattr(y, "toarray"):
        return "there is no target" if y is None else "the target is a sparse matrix"
    found = read_score_function(scorer, metric, estimator)
    if found is None:
        return (
            f"the score {scorer!r} cannot be computed from predictions alone. Give scoring the name of one of "
            "scikit-learn's scorers, or what make_scorer returns"
        )
    function, sign, settings = found
    losses = ROW_LOSSES.get(function)
    is_mean = losses is not None and settings.keys() <= losses.settings and not (function in ROOTS and np.ndim(y) > 1)
    return RowMetric(function, sign, settings, is_mean)
