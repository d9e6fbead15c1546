"""The threshold from which on a binary classifier's score stands for the positive class.

A threshold matters only by the rows that it separates. So the thresholds to choose from are the gaps between rows of
neighbouring scores, each with a confusion matrix. Scores that are functions of it are computed for all gaps at once;
any other function of labels is called for at most `MAX_CALLS` gaps.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from sklearn.model_selection import StratifiedKFold

from sklearn_autotune.evaluation._row_values import RowMetric
from sklearn_autotune.statistics._confusion_scores import can_score_confusions, score_confusion_matrices

__all__ = ["LabelLimit", "ScoredLabels", "can_score_at_once", "choose_threshold", "label_by_other_rows"]

MAX_CALLS = 50  # of a metric that is no function of the confusion matrix
N_PARTS = 5
TOLERANCE = 1e-12  # between scores that count as equal

LabelLimit = tuple[RowMetric, Literal["<=", ">="], float]


@dataclass(frozen=True, slots=True)
class ScoredLabels:
    """Rows with their classes and a classifier's scores.

    Attributes
    ----------
    is_positive : ndarray of bool of shape (n_rows,)
    scores : ndarray of shape (n_rows,)
        Probabilities of the positive class, or decision values.
    classes : ndarray of shape (2,)
        The negative and the positive class.
    is_probability : bool, default=True
    params : mapping of str to ndarray of shape (n_rows,), default={}
        Metadata for the metric that chooses the threshold, such as ``sample_weight``.
    """

    is_positive: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    is_probability: bool = True
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def default(self) -> float:
        """The threshold that scikit-learn's classifiers use themselves."""
        return 0.5 if self.is_probability else 0.0

    def take(self, rows: np.ndarray) -> "ScoredLabels":
        """Return some of the rows, which are given by a mask."""
        params = {name: np.asarray(values)[rows] for name, values in self.params.items()}
        return ScoredLabels(self.is_positive[rows], self.scores[rows], self.classes, self.is_probability, params)


def choose_threshold(rows: ScoredLabels, metric: RowMetric, limits: Sequence[LabelLimit] = ()) -> float:
    """Choose the threshold at which the labels score best.

    Equal scores: the threshold is the middle of the widest range of scores in which all thresholds are best. If all
    thresholds are equally good, it is that of scikit-learn's classifiers, 0.5 for a probability and 0 for a decision
    value.

    Parameters
    ----------
    rows : ScoredLabels
    metric : RowMetric
        A function of labels; called with the metadata of the rows.
    limits : sequence of (RowMetric, {"<=", ">="}, float), default=()
        What the labels have to keep: a function of labels, called without metadata, and a bound on its score, whose
        sign is the scorer's. Only thresholds that keep all limits are chosen; if there is none, those that violate them
        least in sum.

    Returns
    -------
    threshold : float
        Rows with this score or a higher one are positive.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.metrics import f1_score, precision_score, recall_score
    >>> scores = np.array([0.1, 0.2, 0.3, 0.6])
    >>> rows = ScoredLabels(np.array([False, True, False, True]), scores, np.array([0, 1]))
    >>> round(choose_threshold(rows, RowMetric(f1_score, 1, {})), 3)
    0.15
    >>> precise = (RowMetric(precision_score, 1, {}), ">=", 0.9)
    >>> round(choose_threshold(rows, RowMetric(recall_score, 1, {}), [precise]), 3)
    0.45
    """
    if not len(rows.scores):
        return rows.default
    gaps = _Gaps(rows)
    chosen = np.arange(len(gaps.values) + 1)
    if not (can_score_at_once(metric, limits) and rows.params.keys() <= {"sample_weight"}):
        chosen = gaps.select(MAX_CALLS)
    goodness = gaps.score(metric, chosen, rows.params)
    if limits:
        violations = [_measure_violation(gaps.score(one, chosen), side, bound) for one, side, bound in limits]
        violation = np.sum(violations, axis=0)
        goodness = np.where(violation <= violation.min() + TOLERANCE, goodness, -np.inf)
    is_best = goodness >= goodness.max() - TOLERANCE * max(1.0, abs(goodness.max()))
    return rows.default if is_best.all() else gaps.find_middle(chosen, is_best)


def can_score_at_once(metric: RowMetric, limits: Sequence[LabelLimit] = ()) -> bool:
    """Whether all thresholds are scored at once, without a call of the metric for each."""
    return all(can_score_confusions(one.function, one.settings) for one in (metric, *(limit[0] for limit in limits)))


def label_by_other_rows(rows: ScoredLabels, metric: RowMetric, limits: Sequence[LabelLimit] = ()) -> np.ndarray:
    """Label each row by a threshold that was chosen on other rows.

    The rows are split into five parts, stratified, and fewer if a class has fewer rows, but two at least. The threshold
    of each part is chosen on the others. Equal rows give equal parts, in any process.

    Parameters
    ----------
    rows : ScoredLabels
    metric : RowMetric
    limits : sequence of (RowMetric, {"<=", ">="}, float), default=()
        As of `choose_threshold`.

    Returns
    -------
    is_labelled_positive : ndarray of bool of shape (n_rows,)
    """
    part_numbers = _split(rows.is_positive)
    labels = np.zeros(len(rows.scores), dtype=bool)
    for number in np.unique(part_numbers):
        is_in_part = part_numbers == number
        labels[is_in_part] = rows.scores[is_in_part] >= choose_threshold(rows.take(~is_in_part), metric, limits)
    return labels


def _split(is_positive: np.ndarray) -> np.ndarray:
    """Return the number of each row's part."""
    n_positive = int(is_positive.sum())
    n_rarest = min(n_positive, len(is_positive) - n_positive)
    n_parts = max(2, min(N_PARTS, n_rarest))
    numbers = np.zeros(len(is_positive), dtype=int)
    if len(is_positive) < n_parts:
        return numbers
    splitter = StratifiedKFold(n_parts, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a class with a single row
        for number, (_, part) in enumerate(splitter.split(is_positive, is_positive)):
            numbers[part] = number
    return numbers


def _measure_violation(scores: np.ndarray, side: str, bound: float) -> np.ndarray:
    if side not in ("<=", ">="):
        raise ValueError(f"The side of a limit is '<=' or '>=', got {side!r}.")
    excess = scores - bound if side == "<=" else bound - scores
    return np.where(np.isnan(excess), np.inf, np.maximum(excess, 0.0))


class _Gaps:
    """The gaps between rows of neighbouring scores: rows from ``values[gap]`` on are positive, at the last gap none.

    Parameters
    ----------
    rows : ScoredLabels
    """

    def __init__(self, rows: ScoredLabels) -> None:
        self.rows = rows
        self.values, self.codes = np.unique(rows.scores.astype(float), return_inverse=True)

    def select(self, n_gaps: int) -> np.ndarray:
        """Return at most so many gaps, half of them at quantiles of each class's scores, and both ends."""
        if len(self.values) < n_gaps:
            return np.arange(len(self.values) + 1)
        shares = np.linspace(0, 1, n_gaps // 2 - 1)
        classes = [self.codes[of_class] for of_class in (self.rows.is_positive, ~self.rows.is_positive)]
        quantiles = [np.quantile(codes, shares, method="nearest") for codes in classes if len(codes)]
        return np.unique([0, len(self.values), *np.concatenate(quantiles).astype(int)])

    def score(self, metric: RowMetric, chosen: np.ndarray, params: Mapping[str, Any] | None = None) -> np.ndarray:
        """Return the scores at some gaps; higher is better. Where a score is not defined, it is the lowest."""
        params = params or {}
        if can_score_confusions(metric.function, metric.settings) and params.keys() <= {"sample_weight"}:
            confusions = self._count(params.get("sample_weight"))[chosen]
            losses = score_confusion_matrices(metric.function, metric.settings, self.rows.classes, confusions)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of labels of one class, at the ends
                losses = np.array([self._call(metric, gap, params) for gap in chosen], dtype=float)
        scores = metric.sign * losses
        return np.where(np.isnan(scores), -np.inf, scores)

    def _call(self, metric: RowMetric, gap: int, params: Mapping[str, Any]) -> Any:
        y = self.rows.classes[self.rows.is_positive.astype(int)]
        labels = self.rows.classes[(self.codes >= gap).astype(int)]
        return metric.function(y, labels, **metric.settings, **params)

    def _count(self, weights: np.ndarray | None) -> np.ndarray:
        """Return the confusion matrix of each gap, with the negative class first."""
        weights = np.ones(len(self.codes)) if weights is None else np.asarray(weights, dtype=float)
        of_class = [
            np.bincount(self.codes, np.where(is_class, weights, 0.0), minlength=len(self.values))
            for is_class in (~self.rows.is_positive, self.rows.is_positive)
        ]
        below = [np.concatenate([[0.0], np.cumsum(counts)]) for counts in of_class]
        above = [np.concatenate([np.cumsum(counts[::-1])[::-1], [0.0]]) for counts in of_class]
        return np.stack([np.stack(pair, axis=-1) for pair in zip(below, above, strict=True)], axis=1)

    def find_middle(self, chosen: np.ndarray, is_best: np.ndarray) -> float:
        """Return the middle of the widest range of thresholds among some best gaps."""
        changes = np.diff(np.concatenate([[0], is_best.astype(int), [0]]))
        starts, stops = chosen[np.flatnonzero(changes == 1)], chosen[np.flatnonzero(changes == -1) - 1]
        inner = np.concatenate([self.values[:1], self.values, self.values[-1:]])
        widest = (inner[stops + 1] - inner[starts]).argmax()
        low, high = self._get_ends()
        lower = low if starts[widest] == 0 else self.values[starts[widest] - 1]
        upper = high if stops[widest] == len(self.values) else self.values[stops[widest]]
        middle = float(lower + (upper - lower) / 2)
        return middle if middle > lower else float(upper)

    def _get_ends(self) -> tuple[float, float]:
        """Return a threshold that no row is below, and one that no row reaches."""
        if self.rows.is_probability:
            return min(0.0, self.values[0]), max(1.0, np.nextafter(self.values[-1], np.inf))
        span = max(self.values[-1] - self.values[0], 1.0)
        return self.values[0] - span, self.values[-1] + span
