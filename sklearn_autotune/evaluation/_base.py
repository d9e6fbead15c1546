"""The records of one measurement: what a candidate is measured on, its progress, and its outcome."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from sklearn_autotune._compat.messages import make_storable
from sklearn_autotune.evaluation._failures import Failure, Score, describe_unusable_score, select_score
from sklearn_autotune.evaluation._row_values import RowKeeper
from sklearn_autotune.evaluation._status import Status

__all__ = [
    "OUT_OF_TIME",
    "Fold",
    "FoldCurve",
    "FoldScore",
    "Outcome",
    "Progress",
    "Rung",
    "SubsampleScore",
    "Task",
    "Thresholds",
    "average_folds",
    "average_scores",
    "explain_failure",
    "get_positions",
    "is_forward",
    "label_before_scoring",
]

OUT_OF_TIME = "the time limit was reached"


@dataclass(frozen=True, slots=True)
class Fold:
    """One train/test pair of row indices, drawn once per ``fit``."""

    number: int
    train: np.ndarray
    test: np.ndarray


class Thresholds(Protocol):
    """Chooses thresholds on a classifier's scores, and labels rows with them."""

    @property
    def params(self) -> Mapping[str, Any]:
        """Metadata for the choice of thresholds."""
        ...

    @property
    def keeps_labels(self) -> bool:
        """Whether the score that decides is one of labels, or of probabilities."""
        ...

    def label_rows(self, estimator: Any, X: Any, y: Any, rows: np.ndarray, table: Any) -> Any:
        """Return a fitted classifier with other labels for the rows X, which are ``rows`` of the task's table."""
        ...

    def keep(self, labelled: Any, fold_number: int) -> np.ndarray:
        """Return what is kept of a fold's test rows, of what `label_rows` has returned."""
        ...

    def keep_probabilities(self, probabilities: np.ndarray, classes: np.ndarray, fold_number: int) -> np.ndarray:
        """Return what is kept of a fold's test rows for `choose_final`, from the probabilities of both classes."""
        ...

    def take_rows(self, table: Any, rows: np.ndarray) -> "Thresholds":
        """Return the same for a task that has some rows of the table, of which nothing is kept."""
        ...

    def read_predictions(self, kept: np.ndarray) -> np.ndarray:
        """Return of kept rows the predictions that the deciding score is made of."""
        ...

    def choose_final(self, task: "Task", kept: Mapping[int, np.ndarray]) -> float:
        """Choose the threshold of the final model by what was kept of the winner, by fold."""
        ...

    def make_classifier(self, fitted: Any, threshold: float, X: Any, y: Any) -> Any:
        """Return a classifier that predicts with a threshold."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """Data, folds, scorers and routed metadata: what a candidate is measured on.

    Attributes
    ----------
    X : array-like, sparse matrix, DataFrame or list of length n_samples
    y : array-like of length n_samples, or None
    folds : tuple of Fold
    scorer : callable
        A scikit-learn scorer, a multi-metric scorer, or any callable ``(estimator, X, y)``; higher is better.
    fit_params, score_params : mapping of str to object
        Routed metadata. Of a value with one entry per sample, each fold uses the entries of its rows.
    error_score : float or "raise"
        The score of a fold that failed, or "raise" to let the estimator's own exception through.
    return_train_score : bool
    metric : str or None
        The score that guides the search, if there are several; None is the first one. A candidate without this score
        has failed.
    required : tuple of str
        Further scores without which a candidate has failed: those of other objectives and of limits.
    subsamples : tuple of Fold
        Folds with only some of their training rows, and all their test rows. Their numbers are negative, and the last
        one is -1. A race may measure a candidate on some of them before it measures the first fold.
    row_keeper : RowKeeper or str
        What is kept of the test rows; a str is the reason why nothing is kept.
    thresholds : Thresholds or None
        How thresholds are chosen by which candidates label rows; None for the candidates' own labels.
    """

    X: Any
    y: Any
    folds: tuple[Fold, ...]
    scorer: Any
    fit_params: Mapping[str, Any]
    score_params: Mapping[str, Any]
    error_score: float | str
    return_train_score: bool
    metric: str | None = None
    required: tuple[str, ...] = ()
    subsamples: tuple[Fold, ...] = ()
    row_keeper: RowKeeper | str = "this kind of search keeps no test rows"
    thresholds: Thresholds | None = None


def label_before_scoring(
    task: Task, scorer: Callable[..., Any], rows: np.ndarray, labelled: list[Any] | None = None
) -> Callable[..., Any]:
    """Return a scorer that scores a fitted classifier with the labels that a task's thresholds give some rows.

    Parameters
    ----------
    task : Task
        With ``thresholds``.
    scorer : callable
    rows : ndarray
        Where the scored rows are in the task's table.
    labelled : list or None, default=None
        The classifier with these labels is appended to it.
    """

    def score(estimator: Any, X: Any, y: Any, **params: Any) -> Any:
        assert task.thresholds is not None
        classifier = task.thresholds.label_rows(estimator, X, y, rows, task.X)
        if labelled is not None:
            labelled.append(classifier)
        return scorer(classifier, X, y, **params)

    return score


def get_positions(rows: np.ndarray) -> np.ndarray:
    """Return the positions of a fold's rows, which may be given as a mask."""
    return np.flatnonzero(rows) if rows.dtype.kind == "b" else rows


def is_forward(folds: Sequence[Fold]) -> bool:
    """Whether the folds follow time: each is tested on later rows than it is fitted on, and later than the one before.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import KFold, TimeSeriesSplit
    >>> for splitter in (KFold(3), TimeSeriesSplit(3)):
    ...     print(is_forward([Fold(k, *rows) for k, rows in enumerate(splitter.split(np.zeros(12)))]))
    False
    True
    """
    rows = [(get_positions(fold.train), get_positions(fold.test)) for fold in folds]
    if not rows or any(not len(train) or not len(test) for train, test in rows):
        return False
    is_tested_later = all(train.max() < test.min() for train, test in rows)
    return is_tested_later and all(one.max() < other.min() for (_, one), (_, other) in itertools.pairwise(rows))


@dataclass(frozen=True, slots=True)
class FoldCurve:
    """The scores of one fold with growing amounts of a resource, such as boosting rounds.

    Attributes
    ----------
    resources : tuple of int
    scores : tuple of (float or dict of str to float)
        For each amount; higher is better.
    """

    resources: tuple[int, ...]
    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class FoldScore:
    """The result of one fold. Curve, predictions, shared seconds and row values are not stored with it.

    Attributes
    ----------
    test, train : float or dict of str to float
        Scores; higher is better. A failed fold has ``error_score``, or its own score if that is not finite.
    fit_seconds, score_seconds : float
    error : str or None
        The traceback or the reason if something failed; at most `_compat.messages.MAX_ERROR_LENGTH` characters.
    failure : Failure or None
        What failed. If there is an ``error`` and this is None, the fit failed.
    stop_requested : bool
        Whether a scikit-learn callback asked to stop the fit.
    row_values : ndarray or None
        What the task's `RowKeeper` keeps of the test rows.
    curve : FoldCurve or None
        The scores along the fold's own curve, if it has one.
    prediction : ndarray or None
        The predictions for the test rows, if the search keeps those of the winner.
    shared_seconds : float
        The seconds of the work for a fold that a process does once for all candidates, such as binning. They are not
        part of ``fit_seconds``, but the final fit takes them too.
    """

    test: Score
    train: Score | None
    fit_seconds: float
    score_seconds: float
    error: str | None = None
    failure: Failure | None = None
    stop_requested: bool = False
    row_values: np.ndarray | None = field(default=None, compare=False, repr=False)
    curve: FoldCurve | None = field(default=None, compare=False, repr=False)
    prediction: np.ndarray | None = field(default=None, compare=False, repr=False)
    shared_seconds: float = field(default=0.0, compare=False)

    def __post_init__(self) -> None:
        if self.error is not None:
            object.__setattr__(self, "error", make_storable(self.error))

    @property
    def has_failed(self) -> bool:
        """Whether the fold has no usable score for the metric that guides the search; its candidate has failed too."""
        return self.error is not None and self.failure != Failure.OTHER_SCORE


@dataclass(frozen=True, slots=True)
class Rung:
    """The scores of a candidate on all folds with a given amount of the resource."""

    resource: int
    test: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class SubsampleScore:
    """The score of a candidate that was fitted on a subsample of a fold's training rows.

    Attributes
    ----------
    n_rows : int
        The number of training rows.
    score : FoldScore
    """

    n_rows: int
    score: FoldScore


@dataclass(frozen=True, slots=True)
class Progress:
    """What has been measured of a candidate so far.

    Attributes
    ----------
    step : int
        Counts from 0; subsamples count too.
    n_steps : int
    folds : tuple of FoldScore
        The finished folds: the first ones, or all folds at the current rung.
    curve : tuple of Rung
        All rungs so far, if the resource (iterations, training rows) is increased step by step on all folds at once.
        Empty if each step is a whole fold.
    resolved_params : mapping of str to object
        Parameters whose values were found during the measurement, such as ``n_estimators``. The candidate's parameters
        together with these give the scores of the last step.
    artifacts : object
        Other results that the search needs, such as out-of-fold predictions. They are not stored.
    is_out_of_time : bool
        Whether the time left is too short for the next step, even though the time limit has not been reached.
    subsamples : tuple of SubsampleScore
        The finished subsamples. They come before the first fold, and do not count for the final score.
    step_means : tuple of float
        The mean score of the folds after each earlier step, as the pruner state saw it. Only if a step may change the
        scores of the folds before it; otherwise empty.
    """

    step: int
    n_steps: int
    folds: tuple[FoldScore, ...]
    curve: tuple[Rung, ...] = ()
    resolved_params: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Any = None
    is_out_of_time: bool = False
    subsamples: tuple[SubsampleScore, ...] = ()
    step_means: tuple[float, ...] = ()

    @property
    def is_last(self) -> bool:
        """Whether this was the last step, after which a candidate can no longer be pruned."""
        return self.step + 1 == self.n_steps

    @property
    def has_failed(self) -> bool:
        """Whether a fold has failed; then the candidate fails, whatever its other folds score."""
        return any(explain_failure(fold) is not None for fold in self.folds)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of measuring a candidate.

    Attributes
    ----------
    status : Status
    folds : tuple of FoldScore
        Only the folds that were measured.
    error : str or None
        The traceback or the reason, if the status is not "complete", or if one of several scores failed that does not
        guide the search; at most `_compat.messages.MAX_ERROR_LENGTH` characters.
    curve, resolved_params
        As in `Progress`.
    exception : BaseException or None
        The exception that the evaluation raised in another process or thread. The trial loop handles outcomes in
        trial order, and raises this exception when it reaches this trial.
    artifacts : object
        As in `Progress`, for a complete candidate.
    seconds : float or None
        Seconds that the worker spent on the candidate, if no fold records them because the worker was lost.
    exit_status : str or None
        The signal or the exit code of the worker process, if the candidate failed because this process ended.
    subsamples, step_means
        As in `Progress`.
    """

    status: Status
    folds: tuple[FoldScore, ...] = ()
    error: str | None = None
    curve: tuple[Rung, ...] = ()
    resolved_params: Mapping[str, Any] = field(default_factory=dict)
    exception: BaseException | None = None
    artifacts: Any = None
    seconds: float | None = None
    exit_status: str | None = None
    subsamples: tuple[SubsampleScore, ...] = ()
    step_means: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.error is not None:
            object.__setattr__(self, "error", make_storable(self.error))

    @property
    def comparable_folds(self) -> tuple[FoldScore, ...]:
        """The folds whose scores can be compared to a complete candidate's: none if it was pruned at a rung."""
        return () if self.curve and self.status == Status.PRUNED else self.folds


def explain_failure(fold: FoldScore) -> str | None:
    """Return why a fold has failed; None if it has not."""
    if fold.has_failed:
        return fold.error
    return None if isinstance(fold.test, dict) else describe_unusable_score(fold.test)


def average_scores(scores: Iterable[Score], metric: str | None) -> float:
    """Return the mean of the scores that guide the search."""
    selected = [select_score(score, metric) for score in scores]
    return sum(selected) / len(selected)


def average_folds(folds: Iterable[FoldScore], metric: str | None) -> float:
    """Return the mean over the folds of the score that guides the search."""
    return average_scores((fold.test for fold in folds), metric)
