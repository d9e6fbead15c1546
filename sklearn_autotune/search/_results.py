"""Turn finished trials into ``cv_results_``, ``trials_``, ranks and the winner, and report failures.

``cv_results_`` has scikit-learn's keys and no others; everything else about a trial is in ``trials_``.
"""

import numbers
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.ma import MaskedArray
from scipy.stats import rankdata
from sklearn.exceptions import FitFailedWarning

from sklearn_autotune._compat.sklearn import report_fit_failures
from sklearn_autotune._compat.types import Refit
from sklearn_autotune.evaluation import Failure, FoldScore
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.search._spec import ResultsSpec, SearchRun
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.statistics._corrected_scores import CandidateRows
from sklearn_autotune.statistics._refit_rules import BestMean, RefitRule, RepeatedRule

__all__ = [
    "SearchResults",
    "choose_best",
    "choose_winner",
    "collect_candidate_rows",
    "format_results",
    "format_trials",
    "get_winner_rows",
    "mask_incomplete",
    "rank_scores",
    "report_failures",
    "tabulate",
]

Results = dict[str, Any]

MAX_SHOWN_ERRORS = 10  # different ones, in one message


@dataclass(frozen=True, slots=True)
class SearchResults:
    """The table of a search and its winner.

    Attributes
    ----------
    records : sequence of TrialRecord
        Of all finished trials, measured or not.
    cv_results : dict of str to ndarray or list
    is_multimetric : bool
    best_index : int or None
        None if no score decides.
    best_score : float or None
        None if a callable without a metric has chosen the winner.
    winner : TrialRecord or None
    """

    records: Sequence[TrialRecord]
    cv_results: Results
    is_multimetric: bool
    best_index: int | None = None
    best_score: float | None = None
    winner: TrialRecord | None = None


def tabulate(records: Sequence[TrialRecord], n_folds: int, spec: ResultsSpec) -> SearchResults:
    """Make the table of a search from its finished trials; `choose_winner` adds the winner.

    Parameters
    ----------
    records : sequence of TrialRecord
        In the order of their numbers.
    n_folds : int
    spec : ResultsSpec

    Returns
    -------
    results : SearchResults

    Raises
    ------
    ValueError
        If nothing was measured.
    """
    measured = [record for record in records if record.is_measured]
    results, is_multimetric = format_results(
        measured, n_folds=n_folds, error_score=spec.error_score, return_train_score=spec.return_train_score
    )
    return SearchResults(records, results, is_multimetric)


def choose_winner(results: SearchResults, n_folds: int, spec: ResultsSpec) -> SearchResults:
    """Add the winner to the table of a search.

    Raises
    ------
    ValueError
        If no candidate is complete, so that there is none to choose.
    TypeError, IndexError
        If a callable ``refit`` returns no index of a candidate.
    """
    measured = [record for record in results.records if record.is_measured]
    needs_no_winner = spec.refit is False and results.is_multimetric and spec.make_rule is None
    if not any(record.outcome.status == Status.COMPLETE for record in measured) and not (
        needs_no_winner and _has_any_score(measured)
    ):
        _raise_without_scores(measured, n_folds, spec.error_score)
    if needs_no_winner:
        return results
    metric = (spec.metric if results.is_multimetric else None) or "score"
    rule = spec.refit if spec.make_rule is None else spec.make_rule(metric)
    best_index = choose_best(results.cv_results, measured, rule, metric)
    has_score = not callable(rule) or isinstance(rule, RefitRule)
    best_score = results.cv_results[f"mean_test_{metric}"][best_index] if has_score else None
    return replace(results, best_index=best_index, best_score=best_score, winner=measured[best_index])


def _has_any_score(measured: Sequence[TrialRecord]) -> bool:
    """Whether one of several scores is a number on any fold that was fitted."""
    fitted = (fold for record in measured for fold in record.outcome.folds if fold.failure != Failure.FIT)
    return any(np.isfinite(list(fold.test.values())).any() for fold in fitted if isinstance(fold.test, dict))


def _raise_without_scores(measured: Sequence[TrialRecord], n_folds: int, error_score: float | str) -> None:
    """Raise the error that says why no candidate is complete; in scikit-learn's words if all fits failed."""
    fits = _make_failure_report(measured, n_folds)
    if fits and all(fit["fit_error"] is not None for fit in fits):
        report_fit_failures(fits, error_score)
    counts = Counter(record.outcome.status for record in measured)
    ends = ", ".join(f"{n} {status}" for status, n in counts.items())
    message = (
        f"No candidate has a score, so none can be chosen: of {len(measured)} measured candidates, {ends}. Details are "
        "in trials_."
    )
    first = next((row for row, record in enumerate(measured) if record.outcome.error is not None), None)
    if first is not None:
        message += f" The first failure is that of candidate {first}:\n{measured[first].outcome.error}"
    raise ValueError(message)


def format_results(
    records: Sequence[TrialRecord],
    *,
    n_folds: int,
    error_score: float | str,
    return_train_score: bool,
) -> tuple[Results, bool]:
    """Format the measured candidates as scikit-learn does.

    Parameters
    ----------
    records : sequence of TrialRecord
        Records of measured candidates, in the order of their numbers.
    n_folds : int
    error_score : float or "raise"
    return_train_score : bool

    Returns
    -------
    results : dict of str to ndarray or list
        As ``cv_results_``.
    is_multimetric : bool

    Raises
    ------
    ValueError
        If nothing was measured.
    """
    if not records or not n_folds:
        raise ValueError("No fits were performed. Was the CV iterator empty? Were there no candidates?")
    metrics = _get_metric_names(records)
    shape = (len(records), n_folds)

    results: Results = {}
    for name in ("fit", "score"):
        seconds = [getattr(fold, f"{name}_seconds", np.nan) for fold in _iterate_folds(records, n_folds)]
        results.update(
            _compute_mean_and_std(f"{name}_time", np.array(seconds, dtype=float).reshape(shape), measured_only=True)
        )
    results.update(_make_param_columns([record.full_params for record in records]))
    results["params"] = [record.full_params for record in records]
    for metric in metrics or ("score",):
        for kind in ("test", "train") if return_train_score else ("test",):
            table = _make_score_table(records, kind, metric, n_folds, error_score)
            results.update({f"split{fold}_{kind}_{metric}": table[:, fold] for fold in range(n_folds)})
            results.update(_compute_mean_and_std(f"{kind}_{metric}", table))
            if kind == "test":
                results[f"rank_test_{metric}"] = rank_scores(results[f"mean_test_{metric}"])
    return results, bool(metrics)


def report_failures(records: Sequence[TrialRecord], results: Results, n_folds: int, error_score: float | str) -> None:
    """Warn of failures as scikit-learn does, once for fits, once for scores, and once for each kind of missing score.

    Parameters
    ----------
    records : sequence of TrialRecord
        Records of measured candidates.
    results : dict of str to ndarray or list
        As ``cv_results_``.
    n_folds : int
    error_score : float or "raise"

    Warns
    -----
    FitFailedWarning
        If fits failed.
    UserWarning
        If scoring failed, or a mean score is not finite.
    """
    fits = _make_failure_report(records, n_folds)
    if error_score == "raise":
        _report_limits([fit["fit_error"] for fit in fits])
    elif any(fit["fit_error"] is None for fit in fits):  # otherwise scikit-learn's function raises
        report_fit_failures(fits, error_score)
    folds = [fold for record in records for fold in record.outcome.folds]
    errors = [fold.error for fold in folds if fold.failure in (Failure.SCORE, Failure.OTHER_SCORE)]
    if errors:
        details = "\n".join(f"{n} times:\n{error}" for error, n in Counter(_limit_errors(errors)).items())
        warnings.warn(
            f"Scoring failed on {len(errors)} train-test partitions out of a total of {len(folds)}. The score on these "
            f"partitions for these parameters will be set to {error_score}. Details: \n{details}",
            stacklevel=2,
        )
    pruned = np.array([record.outcome.status == Status.PRUNED for record in records])
    for name, means in results.items():
        if name.startswith(("mean_test_", "mean_train_")) and not np.isfinite(means[~pruned]).all():
            kind = name.split("_")[1]
            warnings.warn(f"One or more of the {kind} scores are non-finite: {means}", stacklevel=2)


def collect_candidate_rows(run: SearchRun, refit: object, cv_results: Results) -> CandidateRows | str:
    """Return what the correction of the best score needs, or the reason why it is not to be had.

    Parameters
    ----------
    run : SearchRun
    refit : object
        What has chosen the winner.
    cv_results : dict of str to ndarray or list
        With the default as the last row, if the rule compares with it and no candidate is equal to it.
    """
    planned, kept = run.spec.candidate_rows, run.kept_rows.values
    if isinstance(planned, str):
        return planned
    numbers = [record.number for record in run.records if record.is_measured]
    values = {row: planned.read(kept[number]) for row, number in enumerate(numbers) if number in kept}
    if not any(len(rows) == len(planned.folds) for rows in values.values()):
        return "the test rows of no complete candidate were kept"
    default, rule = _get_default_rows(run, planned, values), None
    if isinstance(refit, RefitRule) and type(refit) is not BestMean:
        is_added = default is not None and len(cv_results["params"]) > len(numbers)
        rule = RepeatedRule(refit, cv_results, len(numbers) if is_added else run.default.row)
        values |= {len(numbers): default} if is_added and default is not None else {}
    return replace(planned, values=values, default=default, rule=rule, thresholds=None)


def get_winner_rows(run: SearchRun, winner: TrialRecord) -> Mapping[int, np.ndarray]:
    """Return what was kept of the winner's test rows, by fold; empty if nothing was."""
    kept = run.kept_rows.values.get(winner.number)
    return _collect_own_rows(winner) if kept is None else kept


def _get_default_rows(
    run: SearchRun, planned: CandidateRows, values: Mapping[int, Mapping[int, np.ndarray]]
) -> Mapping[int, np.ndarray] | None:
    """Return what was kept of the test rows of the estimator's own parameters; None unless it is of all folds."""
    default = run.default
    if default.record is None:
        return None
    own = planned.read(_collect_own_rows(default.record))
    rows = own if default.row is None else values.get(default.row, {})
    return rows if len(rows) == len(run.spec.folds) else None


def _collect_own_rows(record: TrialRecord) -> Mapping[int, np.ndarray]:
    folds = enumerate(record.outcome.folds)
    return {number: fold.row_values for number, fold in folds if fold.row_values is not None}


def rank_scores(scores: np.ndarray) -> np.ndarray:
    """Rank from best (1) to worst; equal scores share a rank, and scores that are not finite share the last one.

    Parameters
    ----------
    scores : ndarray of shape (n_candidates,)
        Higher is better.

    Returns
    -------
    ranks : ndarray of int32 of shape (n_candidates,)

    Examples
    --------
    >>> import numpy as np
    >>> rank_scores(np.array([0.5, np.nan, 0.9, np.inf, 0.5]))
    array([2, 4, 1, 4, 2], dtype=int32)
    """
    finite = np.isfinite(scores)
    ranks = np.full(len(scores), finite.sum() + 1, dtype=np.int32)
    ranks[finite] = rankdata(-scores[finite], method="min")
    return ranks


def choose_best(results: Results, records: Sequence[TrialRecord], refit: Refit, metric: str) -> int:
    """Choose the winner among the complete candidates: by a callable ``refit``, otherwise by the best mean score.

    Parameters
    ----------
    results : dict
        As ``cv_results_``.
    records : sequence of TrialRecord
        Records of the same candidates, row by row; at least one is complete.
    refit : bool, str or callable
    metric : str

    Returns
    -------
    best_index : int

    Raises
    ------
    TypeError, IndexError
        If a callable ``refit`` returns no index of a candidate.
    ValueError
        If it returns the index of a candidate that is not complete.
    """
    complete = np.array([record.outcome.status == Status.COMPLETE for record in records])
    if callable(refit):
        index = refit(mask_incomplete(results, complete) if isinstance(refit, RefitRule) else results)
        if not isinstance(index, numbers.Integral):
            raise TypeError("best_index_ returned is not an integer")
        if not 0 <= int(index) < len(records):
            raise IndexError("best_index_ index out of range")
        if not complete[int(index)]:
            outcome = records[int(index)].outcome
            raise ValueError(
                f"refit chose candidate {index}, which is {outcome.status}. Choose among the rows of cv_results_ "
                "whose scores are numbers, for instance with np.nanargmax, and leave error_score at nan."
                + (f" The candidate's error:\n{outcome.error}" if outcome.error else "")
            )
        return int(index)
    ranks = results[f"rank_test_{metric}"]
    return int(np.where(complete, ranks, ranks.max() + 1).argmin())


def mask_incomplete(results: Results, complete: np.ndarray) -> Results:
    """Return the results with the test scores of incomplete candidates set to NaN: none of them may be chosen."""
    tests = {name: column for name, column in results.items() if "_test_" in name and not name.startswith("rank")}
    return results | {name: np.where(complete, column, np.nan) for name, column in tests.items()}


def format_trials(records: Sequence[TrialRecord], *, n_folds: int) -> dict[str, Any]:
    """Format everything that is known of all trials as columns, which ``pandas.DataFrame`` accepts.

    Parameters
    ----------
    records : sequence of TrialRecord
        Records of all finished trials, measured or not.
    n_folds : int

    Returns
    -------
    trials : dict of str to ndarray or list
        ``number``, ``status``, ``error``, ``exit``, ``seconds``, ``n_folds``, ``params``, then one column per fold and
        score; with a resource also ``resource``, the amount at the highest rung reached.
    """
    trials: dict[str, Any] = {
        "number": np.array([record.number for record in records], dtype=int),
        "status": np.array([str(record.outcome.status) for record in records], dtype=object),
        "error": np.array([record.outcome.error for record in records], dtype=object),
        "exit": np.array([record.outcome.exit_status for record in records], dtype=object),
        "seconds": np.array([record.seconds for record in records], dtype=float),
        "n_folds": np.array([len(record.outcome.folds) for record in records], dtype=int),
        "params": [record.full_params for record in records],
    }
    if any(record.outcome.curve for record in records):
        reached = [record.outcome.curve[-1].resource if record.outcome.curve else 0 for record in records]
        trials["resource"] = np.array(reached, dtype=int)
    for metric in _get_metric_names(records) or ("score",):
        table = _make_score_table(records, "test", metric, n_folds, None, include_lower_rungs=True)
        trials.update({f"split{fold}_test_{metric}": table[:, fold] for fold in range(n_folds)})
        with np.errstate(over="ignore", invalid="ignore"):  # of scores that failed for being too large or infinite
            trials[f"mean_test_{metric}"] = table.mean(axis=1)
    return trials


def _get_metric_names(records: Sequence[TrialRecord]) -> tuple[str, ...]:
    """Return the names of the scores if there are several, otherwise nothing."""
    for record in records:
        for fold in record.outcome.folds:
            if isinstance(fold.test, dict):
                return tuple(fold.test)
    return ()


def _iterate_folds(records: Sequence[TrialRecord], n_folds: int) -> Iterator[FoldScore | None]:
    """Yield the folds candidate by candidate; None for a fold that was not measured."""
    for record in records:
        folds = record.outcome.folds
        yield from folds
        yield from (None for _ in range(n_folds - len(folds)))


def _report_limits(errors: Sequence[str | None]) -> None:
    """Warn of candidates that a limit ended, or the death of a worker, which ``error_score="raise"`` does not raise."""
    found = Counter(error for error in errors if error is not None)
    if found:
        details = "\n".join(f"{n} times: {error}" for error, n in found.items())
        warnings.warn(
            f"{found.total()} fits failed out of a total of {len(errors)}, without an exception that "
            f"error_score='raise' could raise: their scores are nan. Details:\n{details}",
            FitFailedWarning,
            stacklevel=3,
        )


def _make_failure_report(records: Sequence[TrialRecord], n_folds: int) -> list[dict[str, Any]]:
    """Return the error of each fit in scikit-learn's form; if a worker died, all its candidate's fits failed."""
    errors: list[str | None] = []
    for record in records:
        folds = record.outcome.folds
        errors += [fold.error if fold.failure in (None, Failure.FIT) else None for fold in folds]
        if record.outcome.status == Status.FAILED:
            errors += [record.outcome.error] * (n_folds - len(folds))
    return [{"fit_error": error} for error in _limit_errors(errors)]


def _limit_errors(errors: Sequence[str | None]) -> list[str | None]:
    """Replace errors after the first different ones: each candidate may have one of its own."""
    shown = set(list(dict.fromkeys(error for error in errors if error is not None))[:MAX_SHOWN_ERRORS])
    return [error if error is None or error in shown else "another error, see trials_['error']" for error in errors]


def _make_score_table(
    records: Sequence[TrialRecord],
    kind: str,
    metric: str,
    n_folds: int,
    error_score: float | str | None,
    *,
    include_lower_rungs: bool = False,
) -> np.ndarray:
    """Return the scores of shape (n_candidates, n_folds); NaN where a fold was not measured on the highest rung.

    A score that failed is the ``error_score``. If that is None, all scores of a failed fold are NaN.
    """
    table = np.full((len(records), n_folds), np.nan)
    failed_score = error_score if isinstance(error_score, numbers.Real) else np.nan
    for row, record in enumerate(records):
        folds = record.outcome.folds if include_lower_rungs else record.outcome.comparable_folds
        for number, fold in enumerate(folds):
            value = getattr(fold, kind)
            if isinstance(value, dict):
                value = value.get(metric)
            is_left_out = error_score is None and fold.has_failed and fold.failure != Failure.NOT_FINITE
            table[row, number] = failed_score if is_left_out or value is None else value
        if record.outcome.status == Status.FAILED:
            table[row, len(folds) :] = failed_score
    return table


def _compute_mean_and_std(name: str, table: np.ndarray, *, measured_only: bool = False) -> Results:
    average = np.nanmean if measured_only else np.average
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):  # infinite scores have no standard deviation
        warnings.simplefilter("ignore", RuntimeWarning)  # a row without measured folds
        mean = average(table, axis=1)
        std = np.sqrt(average((table - mean[:, np.newaxis]) ** 2, axis=1))
    return {f"mean_{name}": mean, f"std_{name}": std}


def _make_param_columns(candidates: Sequence[Mapping[str, Any]]) -> Results:
    """Return a masked array for each parameter, masked where a candidate does not have it."""
    found: dict[str, dict[int, Any]] = {}
    for row, candidate in enumerate(candidates):
        for name, value in candidate.items():
            found.setdefault(name, {})[row] = value
    results: Results = {}
    for name, values in found.items():
        column = MaskedArray(np.empty(len(candidates), dtype=_choose_dtype(list(values.values()))), mask=True)
        for row, value in values.items():
            column[row] = value
        results[f"param_{name}"] = column
    return results


def _choose_dtype(values: list[Any]) -> np.dtype:
    """Return NumPy's choice of dtype, but object for strings and for values that are not scalars."""
    try:
        array = np.array(values)
    except ValueError:  # sequences of different lengths
        return np.dtype(object)
    return array.dtype if array.ndim == 1 and array.dtype.kind != "U" else np.dtype(object)
