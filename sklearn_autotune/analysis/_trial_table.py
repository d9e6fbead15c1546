"""TrialTable: the trials of a finished search as columns, which plots, summaries and reports are made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.evaluation._metric import Metric, describe_scoring
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.search._base_search import get_default_seconds, get_fold_sizes, get_phase_timer
from sklearn_autotune.search._front_attributes import get_front_rule, get_objective_plan

__all__ = [
    "SearchOverhead",
    "TrialTable",
    "measure_overhead",
    "read_metric",
    "read_trial_table",
]


@dataclass(frozen=True, slots=True)
class TrialTable:
    """All trials of a search as columns, without duplicates.

    Attributes
    ----------
    metric : str
        The score that decides.
    number : ndarray of int of shape (n_trials,)
    status : ndarray of str of shape (n_trials,)
        "complete", "pruned", "failed", "timeout" or "cancelled".
    score : ndarray of float of shape (n_trials,)
        Mean over the folds; higher is better. NaN unless complete.
    partial_score : ndarray of float of shape (n_trials,)
        Mean over the folds that were measured, on the rung that was reached.
    fold_scores : ndarray of float of shape (n_trials, n_folds)
    seconds : ndarray of float of shape (n_trials,)
        Spent fitting and scoring.
    fit_seconds : ndarray of float of shape (n_trials,)
        The part spent fitting; NaN for trials that have no row in ``cv_results_``.
    n_folds : ndarray of int of shape (n_trials,)
        How many folds were measured.
    error : list of str or None
    params : list of dict
    row : ndarray of int of shape (n_trials,)
        Row of ``cv_results_``, -1 if there is none.
    best : int or None
        Index of the winner among these trials.
    test_over_train : float or None
        Rows in the test part of a fold, for each in its training part; None if the search does not tell.
    described_metric : Metric
        What the score is called, and which of its values are better.
    meets_limits : ndarray of bool of shape (n_trials,) or None
        Whether a candidate is complete and meets the limits of the search; None if it has none.
    """

    metric: str
    number: np.ndarray
    status: np.ndarray
    score: np.ndarray
    partial_score: np.ndarray
    fold_scores: np.ndarray
    seconds: np.ndarray
    fit_seconds: np.ndarray
    n_folds: np.ndarray
    error: list[str | None]
    params: list[Mapping[str, Any]]
    row: np.ndarray
    best: int | None
    test_over_train: float | None = None
    described_metric: Metric = field(default_factory=Metric)
    meets_limits: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.number)

    def find_by_status(self, *statuses: str) -> np.ndarray:
        """Return the indices of the trials with one of these statuses, in order."""
        return np.flatnonzero(np.isin(self.status.astype(str), statuses))

    def find_leading(self, n: int) -> np.ndarray:
        """Return the indices of the best complete trials, the winner first, then by score."""
        complete = self.find_by_status(Status.COMPLETE)
        by_score = complete[np.lexsort((-self.score[complete], -self.eligible_score[complete]))]  # NaN comes last
        if self.best is not None:
            by_score = np.concatenate([[self.best], by_score[by_score != self.best]])
        return by_score[:n].astype(int)

    def select_complete(self) -> "TrialTable":
        """Return the complete trials alone.

        Raises
        ------
        ValueError
            If there is none.
        """
        selected = self.find_by_status(Status.COMPLETE)
        if not len(selected):
            raise ValueError("No candidate is complete, so there are no scores to show.")
        columns = ("number", "status", "score", "partial_score", "fold_scores", "seconds", "fit_seconds", "n_folds")
        best = np.flatnonzero(selected == (-1 if self.best is None else self.best))
        return replace(
            self,
            **{name: getattr(self, name)[selected] for name in columns},
            row=self.row[selected],
            meets_limits=None if self.meets_limits is None else self.meets_limits[selected],
            error=[self.error[index] for index in selected],
            params=[self.params[index] for index in selected],
            best=None if best.size == 0 else int(best[0]),
        )

    @property
    def eligible_score(self) -> np.ndarray:
        """The score of each trial that may win; NaN also of one that does not meet the limits."""
        return self.score if self.meets_limits is None else np.where(self.meets_limits, self.score, np.nan)

    @property
    def best_so_far(self) -> np.ndarray:
        """The best score of a trial that may win, up to each trial; NaN before the first."""
        return np.fmax.accumulate(self.eligible_score) if len(self) else self.score

    def select_param_names(self, names: Sequence[str] | None = None) -> list[str]:
        """Return the parameters that some trial has, or check that the given ones are among them.

        Raises
        ------
        ValueError
            If a name is not a parameter of any candidate.
        """
        known = list(dict.fromkeys(name for params in self.params for name in params))
        unknown = [name for name in names or () if name not in known]
        if unknown:
            raise ValueError(f"No candidate has a parameter {unknown[0]!r}. Candidates have {', '.join(known)}.")
        return known if names is None else list(names)


def read_trial_table(search: FittedSearch, metric: str | None = None) -> TrialTable:
    """Read a finished search of this package, or any other with scikit-learn's ``cv_results_``.

    Parameters
    ----------
    search : estimator
        Fitted.
    metric : str, default=None
        Which of several scores; None is the one that decides.

    Returns
    -------
    trial_table : TrialTable

    Raises
    ------
    ValueError
        If the search is not fitted, or has no such score.
    """
    results = getattr(search, "cv_results_", None)
    if not isinstance(results, Mapping):
        raise ValueError(
            f"{type(search).__name__} has no cv_results_: pass a search, fitted, of this package, of scikit-learn, "
            "or any other that has scikit-learn's table of results."
        )
    metric = _choose_metric(search, results, metric)
    trials = getattr(search, "trials_", None)
    trial_table = (
        _make_from_trials(trials, results, metric)
        if isinstance(trials, Mapping)
        else _make_from_results(_add_params(search, results), metric)
    )
    trial_table = replace(trial_table, described_metric=read_metric(search, metric))
    fold_sizes = get_fold_sizes(search)
    if fold_sizes is not None:
        trial_table = replace(trial_table, test_over_train=float(np.mean(fold_sizes[:, 1] / fold_sizes[:, 0])))
    rule = get_front_rule(search)
    if rule is not None and rule.plan.limits:
        is_feasible = rule.find_feasible(dict(results))
        is_complete = trial_table.status == Status.COMPLETE
        trial_table = replace(trial_table, meets_limits=is_complete & is_feasible[trial_table.row])
    row = getattr(search, "best_index_", None)
    best = np.flatnonzero(trial_table.row == row) if row is not None else np.array([], dtype=int)
    return trial_table if best.size == 0 else replace(trial_table, best=int(best[0]))


def read_metric(search: FittedSearch, name: str = "score") -> Metric:
    """Return the metric of a fitted search: what its score is called, and which values are better.

    Parameters
    ----------
    search : estimator
        Fitted; of this package or any other with scikit-learn's ``scorer_`` or ``scoring``.
    name : str, default="score"
        Which score, by its name in ``cv_results_``, where there are several.

    Returns
    -------
    metric : Metric
    """
    scoring, scorer = getattr(search, "scoring", None), getattr(search, "scorer_", None)
    is_named = isinstance(scorer, Mapping) or name != "score"  # else there is only one
    return describe_scoring(scoring, scorer, name if is_named else None)


def _add_params(search: FittedSearch, results: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a table of results with the candidates; optuna-integration's has them only in the study."""
    if "params" in results:
        return results
    trials = search.study_.get_trials(deepcopy=False) if hasattr(search, "study_") else []
    n_rows = len(next((column for name, column in results.items() if name.startswith("mean_test_")), ()))
    if not n_rows or len(trials) != n_rows:
        raise ValueError(
            f"{type(search).__name__} has a cv_results_ without 'params', so it is not scikit-learn's table of results."
        )
    return {**results, "params": [trial.params for trial in trials]}


def _choose_metric(search: FittedSearch, results: Mapping[str, Any], metric: str | None) -> str:
    known = [name.removeprefix("mean_test_") for name in results if name.startswith("mean_test_")]
    plan = get_objective_plan(search)
    if metric is None and plan is not None:
        return plan.primary
    if metric is None:
        refit = getattr(search, "refit", None)
        metric = refit if isinstance(refit, str) and refit in known else (known or ["score"])[0]
    if metric not in known:
        raise ValueError(f"The search has no score {metric!r}; it has {', '.join(known)}.")
    return metric


def _make_from_trials(trials: Mapping[str, Any], results: Mapping[str, Any], metric: str) -> TrialTable:
    """Read ``trials_``; the trials that have a row in ``cv_results_`` come in the same order there."""
    selected = np.flatnonzero(trials["status"] != Status.DUPLICATE)
    status = np.asarray(trials["status"])[selected]
    measured = np.isin(status.astype(str), (Status.COMPLETE, Status.PRUNED, Status.FAILED))
    row = np.where(measured, np.cumsum(measured) - 1, -1)
    folds = _collect_fold_scores(trials, metric)[selected]
    n_folds = np.asarray(trials["n_folds"])[selected]
    fit = np.full(len(selected), np.nan)
    # A candidate that was stopped before its first fold has no mean.
    fit[measured] = np.where(
        n_folds[measured] > 0, np.asarray(results["mean_fit_time"])[row[measured]] * n_folds[measured], 0.0
    )
    means = np.asarray(trials[f"mean_test_{metric}"], dtype=float)[selected]
    return TrialTable(
        metric=metric,
        number=np.asarray(trials["number"])[selected],
        status=status,
        score=np.where(status == Status.COMPLETE, means, np.nan),
        partial_score=_average_finite(folds),
        fold_scores=folds,
        seconds=np.asarray(trials["seconds"], dtype=float)[selected],
        fit_seconds=fit,
        n_folds=n_folds,
        error=[trials["error"][index] for index in selected],
        params=[trials["params"][index] for index in selected],
        row=row,
        best=None,
    )


def _make_from_results(results: Mapping[str, Any], metric: str) -> TrialTable:
    """Read ``cv_results_``. In a halving search, only candidates that reached the last iteration are complete."""
    n = len(results["params"])
    folds = _collect_fold_scores(results, metric)
    means = np.asarray(results[f"mean_test_{metric}"], dtype=float)
    status = np.where(np.isfinite(means), Status.COMPLETE, Status.FAILED).astype(object)
    if "iter" in results:
        status[(status == Status.COMPLETE) & (results["iter"] < np.max(results["iter"]))] = str(Status.PRUNED)
    n_folds = max(1, folds.shape[1])
    seconds = [np.asarray(results[f"mean_{name}_time"], dtype=float) * n_folds for name in ("fit", "score")]
    return TrialTable(
        metric=metric,
        number=np.arange(n),
        status=status,
        score=np.where(status == Status.COMPLETE, means, np.nan),
        partial_score=means,
        fold_scores=folds,
        seconds=np.sum(seconds, axis=0),
        fit_seconds=seconds[0],
        n_folds=np.full(n, n_folds),
        error=[None if one != Status.FAILED else "a score is not finite" for one in status],
        params=list(results["params"]),
        row=np.arange(n),
        best=None,
    )


def _collect_fold_scores(table: Mapping[str, Any], metric: str) -> np.ndarray:
    columns: list[np.ndarray] = []
    while f"split{len(columns)}_test_{metric}" in table:
        columns.append(np.asarray(table[f"split{len(columns)}_test_{metric}"], dtype=float))
    return np.column_stack(columns) if columns else np.empty((len(table["params"]), 0))


def _average_finite(folds: np.ndarray) -> np.ndarray:
    finite = np.isfinite(folds)
    total = np.where(finite, folds, 0.0).sum(axis=1)
    counts = finite.sum(axis=1)
    return np.divide(total, counts, out=np.full(len(folds), np.nan), where=counts > 0)


@dataclass(frozen=True, slots=True)
class SearchOverhead:
    """The seconds that a search took beside measuring candidates.

    Attributes
    ----------
    wall : float or None
        From the first candidate asked to the last one told, by the clock; None if the search does not tell.
    sampler : float or None
        Proposing candidates and learning from them.
    rest : float
        Storing, callbacks, handing out, starting workers; with the sampler's part, where that is not told.
    """

    wall: float | None
    sampler: float | None
    rest: float


def measure_overhead(search: FittedSearch, trial_table: TrialTable) -> SearchOverhead:
    """Return the seconds beside measuring: from the search's own timer, else estimated from its study's trials."""
    measured = float(np.nansum(trial_table.seconds))
    clock = get_phase_timer(search)
    if clock is None:
        return SearchOverhead(None, None, max(0.0, _measure_busy_seconds(search) - measured))
    # While candidates are waited for, one worker measures for as long as they took, and several for a part of that.
    rest = clock.total - clock.sampler - min(clock.measuring, measured + get_default_seconds(search))
    return SearchOverhead(clock.total, clock.sampler, max(0.0, rest))


def _measure_busy_seconds(search: FittedSearch) -> float:
    """Return for how many seconds at least one trial was under way, by the times in the study."""
    if not hasattr(search, "study_") or not hasattr(search.study_, "get_trials"):
        return 0.0
    trials = search.study_.get_trials(deepcopy=False)
    spans = [(one.datetime_start, one.datetime_complete) for one in trials]
    spans = sorted(span for span in spans if None not in span)
    busy_seconds, end = 0.0, None
    for start, stop in spans:  # pauses of a search that was resumed do not count
        begin = start if end is None else max(start, end)
        busy_seconds += max(0.0, (stop - begin).total_seconds())
        end = stop if end is None else max(end, stop)
    return busy_seconds
