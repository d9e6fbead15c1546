"""Describe a finished search in words: where the budget went, whether it still improved, and what to try next."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_autotune._compat.html import render_list, render_paragraphs, render_view, wants_html
from sklearn_autotune._compat.messages import extract_last_line
from sklearn_autotune._compat.types import ArrayLike, FittedSearch, MatrixLike
from sklearn_autotune.analysis._trial_table import TrialTable, measure_overhead, read_trial_table
from sklearn_autotune.evaluation._status import Status

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = ["Summary", "summarize"]

# A winner within this fraction of a range from its end may have better values beyond it.
EDGE_FRACTION = 0.03

# Larger values than these are mentioned in the next steps.
MAX_FAILED_SHARE = 0.1
MAX_SAMPLER_SHARE = 0.3
MAX_GAP_IN_ERRORS = 2.0  # standard errors


@dataclass(frozen=True, slots=True)
class Summary:
    """What happened in a search, in numbers and in sentences; ``print`` and notebooks show the sentences.

    Attributes
    ----------
    n_trials : int
    counts : dict of str to int
        Trials by how they ended.
    seconds : dict of str to float
        Spent measuring them, by all workers together, and where known ``"final fit"``, ``"sampler"``, ``"the rest"``.
    wall_seconds : float or None
        What the search and the final fit took by the clock; None if the search does not tell.
    best_score : float
        ``best_score_``, else the winner's mean over the folds; higher is better. NaN if no candidate is complete.
    std_error : float
        Standard error of the winner's mean over the folds.
    n_close : int
        How many other complete candidates are no more than a standard error below the winner.
    late_gain : float
        By how much the best score rose during the last third of the trials.
    is_improving : bool
        Whether that is more than the folds' noise.
    held_out_score : float or None
        Of the final estimator on the rows that were passed.
    first_error : str or None
        What the first failed candidate failed with.
    edges : list of str
        Parameters of which the winner is at an end of the range.
    sentences : list of str
    next_steps : list of str
        What may be worth trying.
    """

    n_trials: int
    counts: dict[str, int]
    seconds: dict[str, float]
    wall_seconds: float | None
    best_score: float
    std_error: float
    n_close: int
    late_gain: float
    is_improving: bool
    held_out_score: float | None
    first_error: str | None
    edges: list[str]
    sentences: list[str]
    next_steps: list[str]

    def __str__(self) -> str:
        """Return the sentences, and what to try next as a list."""
        steps = [f"- {step}" for step in self.next_steps]
        return "\n".join([*self.sentences, *(["To try next:", *steps] if steps else [])])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str | None:
        if not wants_html():
            return None
        title = f"Summary of {_format_count(self.n_trials, 'candidate')}"
        pieces = [render_paragraphs(self.sentences)]
        if self.next_steps:
            pieces += [render_paragraphs(["To try next:"]), render_list(self.next_steps)]
        return render_view(title, pieces)


def summarize(search: FittedSearch, X_test: MatrixLike | None = None, y_test: ArrayLike | None = None) -> Summary:
    """Say in words what happened in a search.

    Parameters
    ----------
    search : estimator
        Fitted; of this package, or any with scikit-learn's ``cv_results_``.
    X_test, y_test : array-like, default=None
        Rows that the search has not seen; with them, its ``best_score_`` is held against the score there.

    Returns
    -------
    summary : Summary

    Raises
    ------
    ValueError
        If the search is not fitted.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_autotune import OptunaSearchCV, summarize
    >>> X, y = load_iris(return_X_y=True)
    >>> search = OptunaSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3]}).fit(X, y)
    >>> summary = summarize(search)
    >>> summary.counts, summary.is_improving
    ({'complete': 3}, True)
    """
    trial_table = read_trial_table(search)
    numbers = _compute_numbers(search, trial_table, X_test, y_test)
    return Summary(
        **numbers,
        sentences=list(_write_sentences(trial_table, numbers)),
        next_steps=list(_suggest_next_steps(trial_table, numbers)),
    )


def _compute_numbers(
    search: FittedSearch, trial_table: TrialTable, X_test: MatrixLike | None, y_test: ArrayLike | None
) -> dict[str, Any]:
    counts = {status: len(trial_table.find_by_status(status)) for status in dict.fromkeys(trial_table.status.tolist())}
    seconds = {status: float(np.nansum(trial_table.seconds[trial_table.find_by_status(status)])) for status in counts}
    overhead, refit = measure_overhead(search, trial_table), float(getattr(search, "refit_time_", 0.0))
    has_sampler_seconds = overhead.sampler is not None  # else the sampler is most of the rest
    overhead_seconds = {
        "final fit": refit,
        "sampler": overhead.sampler if has_sampler_seconds else overhead.rest,
        "the rest": has_sampler_seconds * overhead.rest,
    }
    seconds |= {name: value for name, value in overhead_seconds.items() if value}
    best_score, std_error, n_close = _describe_best(trial_table)
    inner = getattr(search, "best_score_", None)
    late_gain, is_improving = _measure_late_gain(trial_table)
    errors = [trial_table.error[index] for index in trial_table.find_by_status(Status.FAILED)]
    return {
        "n_trials": len(trial_table),
        "counts": counts,
        "seconds": seconds,
        "wall_seconds": None if overhead.wall is None else overhead.wall + refit,
        "best_score": best_score if inner is None or not np.isfinite(best_score) else float(inner),
        "std_error": std_error,
        "n_close": n_close,
        "late_gain": late_gain,
        "is_improving": is_improving,
        "held_out_score": _score_held_out(search, trial_table.metric, X_test, y_test),
        "first_error": _format_error(errors[0]) if errors else None,
        "edges": _find_edges(search, trial_table),
    }


def _describe_best(trial_table: TrialTable) -> tuple[float, float, int]:
    """Return the winner's score, its standard error, and how many others are as close as that."""
    leading = trial_table.find_leading(len(trial_table))
    if not len(leading):
        return np.nan, np.nan, 0
    best = leading[0]
    folds = trial_table.fold_scores[best]
    error = float(folds.std(ddof=1) / np.sqrt(len(folds))) if len(folds) > 1 else np.nan
    n_close = int((trial_table.score[leading[1:]] >= trial_table.score[best] - error).sum())
    return float(trial_table.score[best]), error, n_close


def _measure_late_gain(trial_table: TrialTable) -> tuple[float, bool]:
    """Return what the last third of the trials gained, and whether that is more than the folds' noise."""
    scores = trial_table.score
    before = scores[: max(1, 2 * len(scores) // 3)]
    if not np.isfinite(before).any():
        return np.nan, False
    first, last = int(np.nanargmax(before)), int(np.nanargmax(scores))
    gains = trial_table.fold_scores[last] - trial_table.fold_scores[first]
    noise = gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else 0.0
    gain = float(scores[last] - scores[first])
    return gain, bool(gain > noise)


def _score_held_out(
    search: FittedSearch, metric: str, X_test: MatrixLike | None, y_test: ArrayLike | None
) -> float | None:
    """Score on new rows with the search's own scorer, so that the score is comparable with its best score."""
    if X_test is None:
        return None
    scorer = getattr(search, "scorer_", None)
    if isinstance(scorer, dict):
        scorer = scorer[metric]
    if not callable(scorer):
        return float(search.score(X_test, y_test))
    score = scorer(search, X_test, y_test)
    return float(score[metric] if isinstance(score, dict) else score)


def _find_edges(search: FittedSearch, trial_table: TrialTable) -> list[str]:
    """Return the parameters whose winning value is at an end of the range that the sampler draws from."""
    if trial_table.best is None or not hasattr(search, "study_"):
        return []
    number = trial_table.number[trial_table.best]
    trials = [trial for trial in search.study_.get_trials(deepcopy=False) if trial.number == number]
    found = []
    for name, distribution in (item for trial in trials for item in trial.distributions.items()):
        share = _locate_in_range(distribution, trials[0].params[name])
        if share is not None and not EDGE_FRACTION < share < 1 - EDGE_FRACTION:
            found.append(f"{name} ({'smallest' if share <= EDGE_FRACTION else 'largest'})")
    return found


def _locate_in_range(distribution: "BaseDistribution", value: Any) -> float | None:
    """Return where in its range a number lies, from 0 to 1; None for choices and for ranges of a few integers."""
    low, high = getattr(distribution, "low", None), getattr(distribution, "high", None)
    if low is None or high is None or low == high or (isinstance(value, int) and high - low < 1 / EDGE_FRACTION):
        return None
    if getattr(distribution, "log", False):
        low, high, value = log(low), log(high), log(value)
    return float((value - low) / (high - low))


# -- words -------------------------------------------------------------------------------------------------------------


def _write_sentences(trial_table: TrialTable, numbers: dict[str, Any]) -> Iterator[str]:
    counts, seconds = numbers["counts"], numbers["seconds"]
    total = sum(seconds.values())
    parts = [f"{n} {status} ({_format_percent(seconds[status], total)} of the time)" for status, n in counts.items()]
    wall = numbers["wall_seconds"]
    # With several workers, what they spent is more than what the clock shows.
    by_the_clock = f", {wall:.3g} s by the clock" if wall is not None and total > 1.1 * wall else ""
    yield f"{_format_count(numbers['n_trials'], 'candidate')} in {total:.3g} s{by_the_clock}: {', '.join(parts)}."
    rest = [
        f"the {name} {_format_percent(seconds[name], total)}" for name in ("final fit", "sampler") if name in seconds
    ]
    if rest:
        yield f"Of that, {' and '.join(rest)}."
    if numbers["first_error"] is not None:
        first = int(trial_table.number[trial_table.find_by_status(Status.FAILED)[0]])
        n_failed = f"{counts['failed']} of {numbers['n_trials']} failed"
        yield f"{n_failed}; the first, trial {first}, with {numbers['first_error']}"
    if not np.isfinite(numbers["best_score"]):
        yield "No candidate is complete, so there is no winner."
        return
    yield from _write_best_sentences(trial_table, numbers)


def _write_best_sentences(trial_table: TrialTable, numbers: dict[str, Any]) -> Iterator[str]:
    best, error = numbers["best_score"], numbers["std_error"]
    trial = "" if trial_table.best is None else f", trial {trial_table.number[trial_table.best]}"
    noise = f" ± {error:.2g} (standard error over the folds)" if error > 0 else ""
    yield f"The best mean {trial_table.metric} is {best:.5g}{noise}{trial}."
    if numbers["n_close"]:
        yield f"{_format_count(numbers['n_close'], 'other candidate')} no more than a standard error below it."
    gain = numbers["late_gain"]
    if numbers["is_improving"]:
        yield f"It was still improving: by {gain:.2g} during the last third of the candidates."
    elif gain > 0:
        yield f"It is flat: the last third of the candidates gained {gain:.2g}, less than the folds' noise."
    elif np.isfinite(gain):
        yield "It is flat: the last third of the candidates brought nothing better."
    held_out = numbers["held_out_score"]
    if held_out is not None:
        gap = best - held_out
        size = f", {abs(gap) / error:.1f} standard errors" if error > 0 else ""
        side = "below" if gap > 0 else "above"
        yield f"On the rows held out it is {held_out:.5g}: {abs(gap):.2g} {side} the inner score{size}."


def _suggest_next_steps(trial_table: TrialTable, numbers: dict[str, Any]) -> Iterator[str]:
    counts, seconds, n_trials = numbers["counts"], numbers["seconds"], numbers["n_trials"]
    if numbers["is_improving"] and n_trials > 2:
        yield "More candidates, or a finer grid; resume=True goes on with a stored study."
    for edge in numbers["edges"]:
        name, _, side = edge.rpartition(" (")
        end = f"about the {side.rstrip(')')} value there is"
        yield f"A wider range for {name}, if it can have one: the winner has {end}."
    if counts.get(Status.FAILED, 0) > MAX_FAILED_SHARE * n_trials:
        yield "A space without what fails: conditions (a list of dicts) keep apart what cannot go together."
    held_out, error = numbers["held_out_score"], numbers["std_error"]
    if held_out is not None and error > 0 and numbers["best_score"] - held_out > MAX_GAP_IN_ERRORS * error:
        yield "More folds, or repeated ones: the inner score is too good, as the best of many noisy ones is."
    n_complete = counts.get(Status.COMPLETE, 0)
    if n_complete > 9 and numbers["n_close"] > n_complete / 2:
        yield "refit=OneStandardError(...): most complete candidates are as good, and a simpler one may do."
    elif not numbers["is_improving"] and n_trials >= 30 and np.isfinite(numbers["late_gain"]):
        yield "Other parameters, other features or another kind of model: more of the same is unlikely to help."
    if seconds.get("sampler", 0.0) > MAX_SAMPLER_SHARE * sum(seconds.values()) and n_trials >= 100:
        yield "samplers.RustTPESampler: much of the time went into proposing candidates."


def _format_count(n: int, what: str) -> str:
    if "other" in what:
        return f"{n} {what}s are" if n != 1 else f"{n} {what} is"
    return f"{n} {what}s" if n != 1 else f"{n} {what}"


def _format_percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole > 0 else "0 %"


def _format_error(error: str | None) -> str:
    """Return the last line of a traceback, as a sentence."""
    line = extract_last_line(error or "an unknown error").strip()
    return line if line.endswith(".") else f"{line}."
