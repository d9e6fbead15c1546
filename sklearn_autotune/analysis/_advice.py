"""What a user can try after a search: each advice names what to write."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.analysis._range_ends import RangeEnd, find_space_argument
from sklearn_autotune.analysis._trial_table import TrialTable
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.search._front_attributes import get_objective_plan
from sklearn_autotune.statistics._refit_rules import ComparesWithDefault

__all__ = ["suggest_next_steps"]

# Larger values than these are mentioned.
MAX_FAILED_SHARE = 0.1
MAX_SAMPLER_SHARE = 0.3
MAX_GAP_IN_ERRORS = 2.0  # standard errors


def suggest_next_steps(
    search: FittedSearch, trial_table: TrialTable, numbers: Mapping[str, Any], ends: list[RangeEnd]
) -> Iterator[str]:
    """Yield what may be worth trying, as arguments that this search has.

    Parameters
    ----------
    search : estimator
        Fitted.
    trial_table : TrialTable
    numbers : mapping
        As of `Summary`.
    ends : list of RangeEnd
        Parameters whose range may be too small.
    """
    params = search.get_params(deep=False) if hasattr(search, "get_params") else {}
    counts, n_trials, n_folds = numbers["counts"], numbers["n_trials"], trial_table.fold_scores.shape[1]
    is_selector = bool(numbers["blend"])
    if numbers["is_improving"] and n_trials > 2:
        yield _suggest_more_candidates(params, n_trials, find_space_argument(search))
    for end in ends:
        side = "lower" if end.is_low else "upper"
        yield (
            f"A wider range for {end.name} in {find_space_argument(search)}: the winner's {end.value:.3g} is at the "
            f"{side} end of {end.low:.3g} to {end.high:.3g}."
        )
    if counts.get(Status.FAILED, 0) > MAX_FAILED_SHARE * n_trials:
        yield _suggest_without_failures(trial_table, params, find_space_argument(search))
    held_out, error = numbers["held_out_score"], numbers["std_error"]
    if held_out is not None and error > 0 and numbers["best_score"] - held_out > MAX_GAP_IN_ERRORS * error:
        yield f"More folds, cv={2 * n_folds}: the inner score is too good, as the best of many noisy ones is."
    gain = numbers["tuning_gain"]
    plan = get_objective_plan(search)
    compares = plan is not None or isinstance(params.get("refit"), ComparesWithDefault)
    if gain is not None and gain.low < 0 < gain.high < np.inf and not compares:
        yield "refit=NoWorseThanDefault(): the parameters you had stay unless the folds show better ones."
    n_complete = counts.get(Status.COMPLETE, 0)
    has_front = plan is not None and plan.is_listed
    takes_rules = "refit" in params and "estimator" in params and not callable(params["refit"]) and not has_front
    if n_complete > 9 and numbers["n_close"] > n_complete / 2 and takes_rules:
        metric = "" if trial_table.metric == "score" else f', metric="{trial_table.metric}"'
        yield (
            f'refit=OneStandardError("mean_score_time"{metric}): most complete candidates are as good as the winner, '
            "and this takes the fastest of them."
        )
    elif not has_front and not numbers["is_improving"] and n_trials >= 30 and np.isfinite(numbers["late_gain"]):
        others = "Other columns" if is_selector else "Other columns, or another kind of model (AutoModelSelector)"
        yield f"{others}: more candidates of the same are unlikely to help."
    seconds = numbers["seconds"]
    takes_long = seconds.get("sampler", 0.0) > MAX_SAMPLER_SHARE * sum(seconds.values())
    if takes_long and n_trials >= 100 and "sampler" in params and params["sampler"] is None:
        yield "sampler=samplers.RustTPESampler(): much of the time went into proposing candidates."


def _suggest_more_candidates(params: Mapping[str, Any], n_trials: int, space: str | None) -> str:
    """Return how to search longer: by the limit that has ended this search."""
    resumed = " with resume=True, which goes on with the stored study" if params.get("storage") is not None else ""
    limit = params.get("n_trials")
    if isinstance(limit, int):
        is_full = n_trials >= limit
    else:  # "auto": a grid has been searched in full
        is_full = limit is not None and params.get("timeout") is None and not _is_grid(params.get(space or ""))
    if is_full and params.get("n_iter") is None:
        return f"More candidates, n_trials={2 * n_trials}{resumed}: the last ones were still better."
    if params.get("timeout") is not None:
        return f"More time, timeout={2 * params['timeout']:g}{resumed}: the last candidates were still better."
    if "n_iter" in params and params["n_iter"] is not None:
        return f"More candidates, n_iter={2 * n_trials}: the last ones were still better."
    if params.get("patience") is not None:
        return "More patience=: the last candidates were still better."
    if space is None:
        return f"More candidates, n_trials={2 * n_trials}{resumed}: the last ones were still better."
    return f"More candidates: all {n_trials} of the space were measured, so more values in {space}."


def _is_grid(raw_space: object) -> bool:
    """Whether a space lists all its values."""
    branches = raw_space if isinstance(raw_space, list | tuple) else [raw_space]
    return all(
        isinstance(branch, Mapping)
        and not any(hasattr(values, "rvs") or hasattr(values, "low") for values in branch.values())
        for branch in branches
    )


def _suggest_without_failures(trial_table: TrialTable, params: Mapping[str, Any], space: str | None) -> str:
    failed = trial_table.find_by_status(Status.FAILED)
    if "families" in params:
        names = [str(trial_table.params[index].get("family")) for index in failed]
        worst = max(set(names), key=names.count)
        return f"families=[...] without {worst}: {names.count(worst)} of its candidates failed."
    if space is None:
        return 'error_score="raise": the first failure then ends the search with its whole traceback.'
    return f"A {space} without what fails: a list of dicts keeps apart what cannot go together."
