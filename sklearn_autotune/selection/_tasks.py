"""What candidates are measured on: rows and folds; how their labels are chosen, and their predictions scored."""

import numbers
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit, train_test_split
from sklearn.utils import Bunch

from sklearn_autotune._compat.messages import extract_exception_line
from sklearn_autotune._compat.sklearn import accepts_sample_weight, take_rows
from sklearn_autotune._compat.types import CrossValidation, MatrixLike
from sklearn_autotune.evaluation import (
    Failure,
    Fold,
    Scored,
    Task,
    call_scorer,
    make_fixed_predictions,
    select_score,
)
from sklearn_autotune.evaluation._base import label_before_scoring
from sklearn_autotune.evaluation._defaults import draw_group_folds, limit_to_rarest_class, make_shuffled_folds
from sklearn_autotune.families import Family, Shape
from sklearn_autotune.objectives._limits import Limit
from sklearn_autotune.objectives._plan import Objective, ObjectivePlan
from sklearn_autotune.search._routing import take_routed_rows
from sklearn_autotune.search._setup import keep_rows, make_task
from sklearn_autotune.selection._candidates import make_shape_function, make_typical_candidate
from sklearn_autotune.selection._cost_model import CostModel, compute_max_candidate_seconds
from sklearn_autotune.selection._cross_fit import CrossFitEvaluation
from sklearn_autotune.statistics._cross_thresholds import CrossThresholds, add_thresholds, resolve_threshold
from sklearn_autotune.tables._table_data import TableData
from sklearn_autotune.tables._time import draw_time_folds

__all__ = [
    "MIN_FOLDS",
    "MIN_ROWS",
    "check_score",
    "choose_folds_and_rows",
    "choose_holdout",
    "choose_thresholds",
    "draw_rows",
    "make_folds",
    "make_holdout",
    "make_tasks",
    "sample_rows",
    "score_on_fold",
]

# Numbers of rows, and how many folds there are below each of them; MIN_FOLDS from the last one on.
FOLDS_BELOW_ROWS = ((3000, 8), (20_000, 5))
MIN_FOLDS = 3

# Candidates are measured on all rows if at least this many families, or all of them, can be measured in time on
# MIN_FOLDS folds; otherwise on a sample of at least MIN_ROWS rows. On tables of 7,000 to 229,000 rows, with 5 to 30
# seconds, two or three families on all rows did better than seven on a sample. On one fold, one boosted model
# is enough.
MIN_AFFORDABLE_FAMILIES = 4
MIN_ROWS = 2000

# From this number of rows on, candidates are measured on one share of the rows, if measuring the first one of each
# family on MIN_FOLDS folds would take more than MAX_TIME_OF_FIRST of the timeout, or there is time for too few
# families. The score of so many rows has little noise, and a booster gets three times as long for its rounds.
HOLDOUT_ROWS = 100_000
HOLDOUT_SHARE = 0.1
MAX_TIME_OF_FIRST = 0.5


def choose_folds_and_rows(
    selector: Any, data: TableData, families: Mapping[str, Family], seed: int, *, may_lack_classes: bool
) -> tuple[CrossValidation, np.ndarray]:
    """Return what draws the folds, and the rows that candidates are measured on.

    Parameters
    ----------
    selector : AutoModelSelector
    data : TableData
    families : mapping of str to Family
    seed : int
    may_lack_classes : bool
        Whether a fold's test rows can be scored without all classes.
    """
    make_shape, timeout = make_shape_function(data), selector.timeout
    holdout = None
    if selector.cv is None and selector.limits is None:  # the confidence of limits comes from several folds
        holdout = choose_holdout(data, families, make_shape, timeout, seed=seed, may_lack_classes=may_lack_classes)
    n_folds = MIN_FOLDS if holdout is None else 1
    rows = sample_rows(data.y, families, make_shape, timeout, seed=seed, groups=data.groups, n_folds=n_folds)
    return selector.cv if holdout is None else holdout, rows


def choose_holdout(
    data: TableData,
    families: Mapping[str, Family],
    make_shape: Callable[[int], Shape],
    timeout: float | None,
    *,
    seed: int,
    may_lack_classes: bool,
) -> Any:
    """Return a splitter with one fold if the table is large and the time is short for several; otherwise None.

    Parameters
    ----------
    data : TableData
    families : mapping of str to Family
    make_shape : callable
        From a number of rows to a `Shape`.
    timeout : float or None
        Seconds for the whole ``fit``.
    seed : int
    may_lack_classes : bool
        Whether a fold's test rows can be scored without all classes.
    """
    n_rows = len(data.y)
    if timeout is None or n_rows < HOLDOUT_ROWS or data.groups is not None or data.times is not None:
        return None
    min_class_rows = 2 if may_lack_classes else 2 / HOLDOUT_SHARE
    if data.classes is not None and np.unique(data.y, return_counts=True)[1].min() < min_class_rows:
        return None
    cost_model = CostModel(families, make_shape, n_rows, MIN_FOLDS, compute_max_candidate_seconds(timeout, MIN_FOLDS))
    typical = [make_typical_candidate(family, make_shape(n_rows)) for family in families.values()]
    affordable = [candidate for candidate in typical if cost_model.is_affordable(candidate)]
    seconds = sum(map(cost_model.estimate_seconds, affordable))
    if len(affordable) >= min(MIN_AFFORDABLE_FAMILIES, len(typical)) and seconds <= MAX_TIME_OF_FIRST * timeout:
        return None
    return make_holdout(seed, is_classification=data.classes is not None)


def make_holdout(seed: int, *, is_classification: bool) -> Any:
    """Make the splitter that holds out one share of the rows, stratified by class in classification."""
    kind = StratifiedShuffleSplit if is_classification else ShuffleSplit
    return kind(1, test_size=HOLDOUT_SHARE, random_state=seed)


def sample_rows(
    y: np.ndarray,
    families: Mapping[str, Family],
    make_shape: Callable[[int], Shape],
    timeout: float | None,
    *,
    seed: int,
    groups: np.ndarray | None = None,
    n_folds: int = MIN_FOLDS,
) -> np.ndarray:
    """Return the rows that candidates are measured on: all, or a sample if the timeout is short for the table.

    In classification a sample is stratified by class, if each class has at least two rows.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
    families : mapping of str to Family
    make_shape : callable
        From a number of rows to a `Shape`.
    timeout : float or None
        Seconds for the whole ``fit``.
    seed : int
    groups : ndarray of int of shape (n_rows,) or None, default=None
        A sample has all rows of a group or none, and groups of every class.
    n_folds : int, default=3
        On how many folds candidates are measured.

    Returns
    -------
    rows : ndarray of int
        Sorted.
    """
    n_rows = len(y)
    is_classification = make_shape(n_rows).is_classifier
    boosters = {name: family for name, family in families.items() if family.rounds is not None}
    needed, n_needed = (boosters, 1) if n_folds == 1 and boosters else (families, MIN_AFFORDABLE_FAMILIES)
    typical = [make_typical_candidate(family, make_shape(n_rows)) for family in needed.values()]
    max_seconds = compute_max_candidate_seconds(timeout, n_folds)
    while timeout is not None and n_rows > MIN_ROWS:
        cost_model = CostModel(families, make_shape, n_rows, n_folds, max_seconds)
        if sum(map(cost_model.is_affordable, typical)) >= min(n_needed, len(typical)):
            break
        n_rows = max(MIN_ROWS, int(n_rows * 0.7))
    if n_rows >= len(y):
        return np.arange(len(y))
    if groups is not None:
        return _sample_groups(y, groups, n_rows, is_classification=is_classification, seed=seed)
    return draw_rows(y, n_rows, is_classification=is_classification, seed=seed)


def draw_rows(y: np.ndarray, n_rows: int, *, is_classification: bool, seed: int) -> np.ndarray:
    """Draw some of the rows, sorted; by class in classification, if there are enough rows of each class.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    n_rows : int
        Fewer than there are.
    is_classification : bool
    seed : int

    Returns
    -------
    rows : ndarray of int of shape (n_rows,)

    Examples
    --------
    >>> y = np.array([0, 0, 0, 0, 1, 1])
    >>> y[draw_rows(y, 3, is_classification=True, seed=0)]
    array([0, 0, 1])
    """
    counts = np.unique(y, return_counts=True)[1] if is_classification else np.zeros(0, dtype=int)
    is_stratified = is_classification and counts.min() > 1 and len(counts) <= min(n_rows, len(y) - n_rows)
    stratify = y if is_stratified else None
    rows, _ = train_test_split(np.arange(len(y)), train_size=n_rows, random_state=seed, stratify=stratify)
    return np.sort(rows)


def _sample_groups(y: np.ndarray, groups: np.ndarray, n_rows: int, *, is_classification: bool, seed: int) -> np.ndarray:
    """Return all rows of random groups: at least two groups, of every class, with about this number of rows."""
    order = np.random.RandomState(seed).permutation(int(groups.max()) + 1)
    totals = np.cumsum(np.bincount(groups)[order])
    n_groups = max(2, int(np.searchsorted(totals, n_rows, side="right")))
    chosen = set(order[:n_groups].tolist())
    for label in np.unique(y) if is_classification else ():
        of_class = np.unique(groups[y == label])
        if chosen.isdisjoint(of_class.tolist()):
            chosen.add(int(of_class[0]))
    return np.flatnonzero(np.isin(groups, sorted(chosen)))


def make_tasks(
    data: TableData,
    rows: np.ndarray,
    scorer: Any,
    routed: Bunch,
    *,
    cv: CrossValidation,
    error_score: float | str,
    seed: int,
    has_default_scoring: bool,
) -> tuple[Task, Task]:
    """Make the task of the final fits, on all rows and without folds, and that of the candidates, on some rows.

    Parameters
    ----------
    data : TableData
    rows : ndarray of int
        Those of the candidates.
    scorer : callable
    routed : Bunch
        The metadata of all rows.
    cv, error_score
        As of `AutoModelSelector`.
    seed : int
        Of the default folds.
    has_default_scoring : bool
        Whether a fold's test rows can be scored without all classes.
    """
    full_task = Task(data.X, data.y, (), scorer, routed.estimator.fit, routed.scorer.score, error_score, False)
    is_classification = data.classes is not None
    are_all = len(rows) == len(data.y)  # copies of a large table are large
    y = data.y if are_all else data.y[rows]
    groups, times = (None if values is None else values[rows] for values in (data.groups, data.times))
    task = make_task(
        data.X if are_all else data.X[rows],
        y,
        cv=make_folds(cv, y, is_classification, seed, has_default_scoring, groups=groups, times=times),
        is_classification=is_classification,
        scorer=scorer,
        routed=take_routed_rows(routed, rows),
        error_score=error_score,
    )
    return full_task, keep_rows(task, None, True)  # an estimator's own score is not used


def make_folds(
    cv: CrossValidation,
    y: np.ndarray,
    is_classification: bool,
    seed: int,
    may_lack_classes: bool,
    *,
    groups: np.ndarray | None = None,
    times: np.ndarray | None = None,
) -> Any:
    """Return the user's ``cv``, or the default folds.

    If there are groups or times, a number of folds keeps the groups together, or is tested on later rows.

    Parameters
    ----------
    cv : int, splitter, iterable or None
    y : ndarray of shape (n_rows,)
    is_classification : bool
    seed : int
    may_lack_classes : bool
        Whether a fold's test rows can be scored without all classes.
    groups : ndarray of int of shape (n_rows,) or None, default=None
        Numbers of groups; None if there are none, or if ``cv`` is a splitter.
    times : ndarray of shape (n_rows,) or None, default=None
        Sorted.

    Returns
    -------
    cv : int, splitter or list
    """
    if times is not None and (cv is None or isinstance(cv, numbers.Integral)):
        n_folds = _choose_n_folds(len(y)) if cv is None else int(cv)
        return draw_time_folds(times, n_folds, is_exact=cv is not None)
    if cv is None:
        return _make_default_folds(y, is_classification, seed, may_lack_classes=may_lack_classes, groups=groups)
    if groups is not None and isinstance(cv, numbers.Integral):
        return draw_group_folds(y, groups, int(cv), is_classification, seed, is_exact=True)
    return cv


def _choose_n_folds(n_rows: int) -> int:
    return next((folds for rows, folds in FOLDS_BELOW_ROWS if n_rows < rows), MIN_FOLDS)


def _make_default_folds(
    y: np.ndarray, is_classification: bool, seed: int, *, may_lack_classes: bool, groups: np.ndarray | None
) -> Any:
    """Make the folds that are used if ``cv`` is None: fewer folds for more rows.

    If a fold's test rows cannot be scored without all classes, there are at most as many folds as the rarest class has
    rows.
    """
    n_folds = _choose_n_folds(len(y))
    if groups is not None:
        return draw_group_folds(y, groups, n_folds, is_classification, seed, may_lack_classes=may_lack_classes)
    if not is_classification:
        return make_shuffled_folds(min(n_folds, len(y)), is_classification, seed)
    counts = np.unique(y, return_counts=True)[1]
    if may_lack_classes and counts.min() < n_folds <= counts.max():
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The least populated class")
            return list(make_shuffled_folds(n_folds, is_classification, seed).split(y, y))
    return make_shuffled_folds(limit_to_rarest_class(n_folds, counts), is_classification, seed)


def choose_thresholds(task: Task, selector: Any, params: Mapping[str, Any], plan: ObjectivePlan | None) -> Task:
    """Have predictions labelled by thresholds, if the selector has a ``threshold``; those keep to limits on labels too.

    Parameters
    ----------
    task : Task
    selector : AutoModelSelector
    params : mapping of str to object
        Metadata for the scorer that chooses thresholds.
    plan : ObjectivePlan or None
        With its objectives and limits.

    Raises
    ------
    ValueError
        If the target or the scorer does not fit, or choosing thresholds for all blends would take too long.
    """
    if selector.threshold is None:
        return task
    limits = () if plan is None else plan.limits
    scorers = {} if plan is None else {**plan.scorers, plan.primary: task.scorer}
    resolved = {limit.key: get_scorer(scorers[limit.key]) for limit in limits}
    scorer = resolve_threshold(selector.threshold)
    labelled = add_thresholds(task, scorer, params, selector, task.scorer, limits, resolved)
    thresholds = labelled.thresholds
    assert isinstance(thresholds, CrossThresholds)
    others: tuple[Objective | Limit, ...] = ()
    if plan is not None:
        others = (*limits, *(one for one in plan.objectives if one.key != plan.primary))
    scores_blends = plan is not None and any(one.key not in plan.cost_keys for one in others)
    if (thresholds.keeps_labels or scores_blends) and not thresholds.is_quick:
        raise ValueError(
            f"threshold={selector.threshold!r}, or a limit on a score of labels, calls a function for each threshold, "
            "and scoring or limits need thresholds for each blend, which would take too long. Choose the threshold by "
            "accuracy, balanced_accuracy, precision, recall, f1, matthews_corrcoef or make_cost_scorer, and limit only "
            "these; or leave out limits on scores, and let scoring be a score of probabilities, such as "
            "'neg_log_loss', so that the threshold is chosen once."
        )
    return labelled if thresholds.keeps_labels else replace(labelled, row_keeper=task.row_keeper)


def score_on_fold(
    cross_fit: CrossFitEvaluation,
    X: MatrixLike,
    prediction: np.ndarray,
    fold: Fold,
    scorer: Any,
    *,
    where: str | None = None,
) -> float:
    """Return the score of predictions for a fold's test rows; NaN if the scorer fails.

    Parameters
    ----------
    cross_fit : CrossFitEvaluation
    X : array-like
        The raw table, for scorers that compare groups of rows.
    prediction : ndarray
    fold : Fold
    scorer : callable or None
        None is the scorer of the search.
    where : str or None, default=None
        The parameter that has the scorer, for the ValueError if it fails; None raises none.
    """
    if scorer is None:
        return _get_score(cross_fit.score(prediction, fold.test), where)
    table = take_rows(X, fold.test)
    if hasattr(table, "reset_index"):
        table = table.reset_index(drop=True)
        model = make_fixed_predictions(table, prediction, cross_fit.classes, lambda rows: prediction[rows.index])
    else:
        model = make_fixed_predictions(table, prediction, cross_fit.classes)
    weight = cross_fit.task.score_params.get("sample_weight")
    is_weighted = weight is not None and accepts_sample_weight(scorer)
    params = {"sample_weight": np.asarray(weight)[fold.test]} if is_weighted else {}
    if cross_fit.task.thresholds is not None:
        scorer = label_before_scoring(cross_fit.task, scorer, fold.test)
    error_score = "raise" if cross_fit.task.error_score == "raise" else float("nan")
    args = model, table, take_rows(cross_fit.task.y, fold.test)
    return _get_score(call_scorer(scorer, args, params, error_score=error_score), where)


def _get_score(scored: Scored, where: str | None) -> float:
    if scored.failure == Failure.SCORE and where is not None:
        line = extract_exception_line(scored.error or "")
        raise ValueError(f"{where} has a score that cannot be computed from predictions of this table: {line}")
    return select_score(scored.score, None)


def check_score(cross_fit: CrossFitEvaluation, X: MatrixLike, scorer: Any, where: str) -> None:
    """Raise ValueError if a score can be computed neither of equal predictions for all rows, nor of right ones.

    Parameters
    ----------
    cross_fit : CrossFitEvaluation
    X : array-like
        The raw table.
    scorer : callable or None
        None is the scorer of the search.
    where : str
        The parameter that has the scorer.
    """
    fold, classes = cross_fit.task.folds[0], cross_fit.classes
    target = cross_fit.targets[fold.test]
    if classes is None:
        equal, right = np.full(len(target), np.mean(cross_fit.targets)), target
    else:
        equal = np.full((len(target), len(classes)), 1 / len(classes))
        right = 0.01 * equal + 0.99 * np.eye(len(classes))[target]
    found: Exception | None = None
    for prediction in (equal, right):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                score_on_fold(cross_fit, X, prediction, fold, scorer, where=where)
        except Exception as error:
            found = error
        else:
            return
    assert found is not None
    raise found
