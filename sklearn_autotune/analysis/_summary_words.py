"""The sentences of a summary."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from sklearn_autotune.analysis._aims import Aim, AimTable, BlendAimTable
from sklearn_autotune.analysis._comparison_words import join_names
from sklearn_autotune.analysis._trial_table import TrialTable
from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.statistics._tuning_gain import describe_tuning_gain

__all__ = [
    "describe_aims",
    "describe_blends",
    "describe_chosen_blend",
    "describe_held_out_aims",
    "describe_winner_aims",
    "format_count",
    "write_sentences",
]


def write_sentences(
    trial_table: TrialTable,
    numbers: Mapping[str, Any],
    aim_table: AimTable | None = None,
    front: Sequence[int] | None = None,
    blends: BlendAimTable | None = None,
) -> Iterator[str]:
    """Yield what happened in a search, a sentence at a time.

    Parameters
    ----------
    trial_table : TrialTable
    numbers : mapping
        As of `Summary`.
    aim_table : AimTable, default=None
        Objectives and limits, if the search has some.
    front : sequence of int, default=None
        Rows of the front in ``cv_results_``.
    blends : BlendAimTable, default=None
        What the blends reached, if the search is a selector.
    """
    counts, seconds = numbers["counts"], numbers["seconds"]
    total = sum(seconds.values())
    parts = [f"{n} {status} ({_format_percent(seconds[status], total)} of the time)" for status, n in counts.items()]
    wall = numbers["wall_seconds"]
    # With several workers, what they spent is more than what the clock shows.
    by_the_clock = f", {wall:.3g} s by the clock" if wall is not None and total > 1.1 * wall else ""
    yield f"{format_count(numbers['n_trials'], 'candidate')} in {total:.3g} s{by_the_clock}: {', '.join(parts)}."
    rest = [
        f"the {name} {_format_percent(seconds[name], total)}"
        for name in ("final fit", "default", "sampler")
        if name in seconds
    ]
    if rest:
        yield f"Of that, {_join(rest)}."
    if numbers["first_error"] is not None:
        first = int(trial_table.row[trial_table.find_by_status(Status.FAILED)[0]])
        n_failed = f"{counts['failed']} of {numbers['n_trials']} failed"
        yield f"{n_failed}; the first, candidate {first}, with {numbers['first_error']}"
    if not np.isfinite(numbers["best_score"]):
        yield "No candidate is complete, so there is no winner."
        return
    if aim_table is not None:
        yield from describe_aims(aim_table, front)
    if blends is not None:
        yield from describe_blends(blends)
    yield from _describe_choice(trial_table, numbers, frozenset() if aim_table is None else aim_table.excluded)
    if aim_table is not None:
        yield from describe_winner_aims(aim_table)
    if blends is not None:
        yield from describe_chosen_blend(blends, numbers["best_scores"])
    yield from _describe_correction(numbers)
    if numbers["tuning_gain"] is not None:
        yield describe_tuning_gain(numbers["tuning_gain"], numbers["metric"])
    yield from _describe_course(trial_table, numbers)
    yield from _describe_held_out(numbers)
    aims = aim_table or blends
    if aims is not None:
        yield from describe_held_out_aims(aims.aims, numbers["held_out_scores"])


def _describe_choice(trial_table: TrialTable, numbers: Mapping[str, Any], excluded: Collection[int]) -> Iterator[str]:
    metric: Metric = numbers["metric"]
    direction = metric.direction if metric.is_loss else ""
    blend: Mapping[str, float] = numbers["blend"]
    if blend:
        models = ", ".join(f"{name} ({weight:.0%})" for name, weight in blend.items())
        subject = f"The blend of {len(blend)} models" if len(blend) > 1 else "The chosen model"
        score = f"{metric.label} {metric.format_value(numbers['best_score'])}" + (
            f" ({direction})" if direction else ""
        )
        yield f"{subject} has {score}, on rows that it was not chosen on: {models}."
    yield from _describe_best_candidate(trial_table, numbers, "" if blend else direction, excluded)
    if numbers["n_close"]:
        yield f"{format_count(numbers['n_close'], 'other candidate')} no more than a standard error worse."


def _describe_correction(numbers: Mapping[str, Any]) -> Iterator[str]:
    """Say what the best score is without what the choice of the best candidate adds to it."""
    if numbers["corrected_score"] is None:
        return
    metric: Metric = numbers["metric"]
    low, high = map(metric.format_value, numbers["corrected_interval"])
    ends = f"[{low}, {high}]" if metric.sign > 0 else f"[{high}, {low}]"
    corrected = metric.format_value(numbers["corrected_score"])
    yield f"Without what the choice of the best candidate adds to it, {metric.label} is {corrected} {ends}."


def _describe_best_candidate(
    trial_table: TrialTable, numbers: Mapping[str, Any], direction: str, excluded: Collection[int]
) -> Iterator[str]:
    metric, error, best = numbers["metric"], numbers["std_error"], trial_table.best
    notes = [*(["standard error over the folds"] if error > 0 else []), *([direction] if direction else [])]
    noise = (f" ± {error:.2g}" if error > 0 else "") + (f" ({'; '.join(notes)})" if notes else "")
    if best is None:
        yield f"The best {_name_mean(metric)} is {metric.format_value(numbers['best_score'])}{noise}."
        return
    row, value = int(trial_table.row[best]), metric.format_value(float(trial_table.score[best]))
    if numbers["blend"]:
        family = trial_table.params[best].get("family")
        yield f"The best single model, candidate {row} ({family}), has a {_name_mean(metric)} of {value}{noise}."
        return
    top = int(np.nanargmax(trial_table.score))
    if trial_table.score[top] > trial_table.score[best]:  # a rule has chosen another one
        yield f"The winner, candidate {row}, has a {_name_mean(metric)} of {value}{noise}."
        best_value = metric.format_value(float(trial_table.score[top]))
        top_row, out = int(trial_table.row[top]), ""
        if np.isnan(trial_table.eligible_score[top]) or top_row in excluded:
            out = ", which does not meet the limits" + " when it is fitted on all rows" * (top_row in excluded)
        yield f"The best {_name_mean(metric)} is {best_value}, of candidate {top_row}{out}."
        return
    yield f"The best {_name_mean(metric)} is {value}{noise}, of candidate {row}."


def _describe_course(trial_table: TrialTable, numbers: Mapping[str, Any]) -> Iterator[str]:
    """Say whether the search was still improving."""
    metric, gain = numbers["metric"], numbers["late_gain"]
    if numbers["is_improving"]:
        moved = "fell" if metric.is_loss else "rose"
        yield f"It was still improving: {metric.label} {moved} by {gain:.2g} during the last third of the candidates."
    elif (numbers.get("n_front") or 0) > 1 and not numbers["blend"]:
        return  # the front may still grow where the score is flat
    elif gain > 0:
        yield (
            f"It is flat: the last third of the candidates brought {gain:.2g} of {metric.label}, less than the folds' "
            "noise."
        )
    elif np.isfinite(gain):
        yield "It is flat: the last third of the candidates brought nothing better."


def _describe_held_out(numbers: Mapping[str, Any]) -> Iterator[str]:
    metric, held_out, error = numbers["metric"], numbers["held_out_score"], numbers["std_error"]
    if held_out is None:
        return
    gap = numbers["best_score"] - held_out
    size = f", {abs(gap) / error:.1f} standard errors" if error > 0 else ""
    side = "worse" if gap > 0 else "better"
    value = metric.format_value(held_out)
    yield f"On the rows held out, {metric.label} is {value}: {abs(gap):.2g} {side} than the inner score{size}."


def _name_mean(metric: Metric) -> str:
    """Return what the mean of a score over the folds is called; of one whose name says "mean" already, that name."""
    return metric.label if metric.label.startswith("mean ") else f"mean {metric.label}"


def _join(parts: Sequence[str]) -> str:
    return " and ".join([*([", ".join(parts[:-1])] if parts[1:] else []), parts[-1]])


def format_count(n: int, what: str) -> str:
    """Return how many there are, in words: "1 candidate", "2 candidates"; of others with the verb."""
    if "other" in what:
        return f"{n} {what}s are" if n != 1 else f"{n} {what} is"
    return f"{n} {what}s" if n != 1 else f"{n} {what}"


def _format_percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole > 0 else "0 %"


# -- objectives and limits ---------------------------------------------------------------------------------------------


def describe_aims(table: AimTable, front: Sequence[int] | None) -> Iterator[str]:
    """Yield what was optimised and limited, how large the front is, and how many candidates meet the limits.

    Parameters
    ----------
    table : AimTable
    front : sequence of int or None
        Rows in ``cv_results_``; None of a search with limits alone.
    """
    if front is not None:
        names = join_names([f"{aim.label} ({aim.direction})" for aim in table.objectives])
        rows = table.trial_table.row
        late = np.isin(front, rows[2 * len(rows) // 3 :]).sum()
        size = f"{len(front)} candidate{'' if len(front) == 1 else 's'}"
        yield f"The front by {names} has {size}, {late} of them from the last third of the search."
    n_complete = int(np.isfinite(table.trial_table.score).sum())
    yield from _describe_limits(table, f"{int(table.may_win.sum())} of {n_complete} complete candidates meet")


def _describe_limits(table: AimTable | BlendAimTable, found: str) -> Iterator[str]:
    """Yield how many meet the limits, if there are any."""
    limits = [f"{aim.label} {bound}" for aim in table.aims for bound in aim.bounds]
    if limits:
        sure = "" if table.confidence == 0.5 else f" at {table.confidence:.0%} confidence"
        yield f"{found} {'the limit' if len(limits) == 1 else 'the limits'} {join_names(limits)}{sure}."


def describe_blends(table: BlendAimTable) -> Iterator[str]:
    """Yield how large the front of a selector's blends is, and how many of them meet the limits.

    Parameters
    ----------
    table : BlendAimTable
    """
    n_blends = len(table.blends.members)
    if table.blends.is_listed:
        names = join_names([f"{aim.label} ({aim.direction})" for aim in table.objectives])
        n_front = len(table.blends.find_front())
        yield f"The front by {names} has {n_front} of the {n_blends} blends and single models that were compared."
    yield from _describe_limits(
        table, f"{int(table.blends.meets_limits.sum())} of {n_blends} blends and single models meet"
    )


def describe_winner_aims(table: AimTable) -> Iterator[str]:
    """Yield what the winner reached in each objective and limit."""
    best = table.trial_table.best
    if best is None:
        return
    yield f"The winner has {join_names([aim.format(float(aim.values[best])) for aim in table.aims])}."
    if not table.may_win[best]:
        yield "It does not meet the limits: no candidate does, and it violates them least."


def describe_chosen_blend(table: BlendAimTable, scores: Mapping[str, float]) -> Iterator[str]:
    """Yield what the final model of a selector has of each objective and limit.

    Parameters
    ----------
    table : BlendAimTable
    scores : mapping of str to float
        ``best_scores_`` of the selector.
    """
    found = [aim.format(aim.factor * scores[aim.name]) for aim in table.aims if aim.name in scores]
    if found:
        yield f"The final model has {join_names(found)}."
    if table.blends.best is not None and not table.blends.meets_limits[table.blends.best]:
        yield "It does not meet the limits: no blend and no single model does, and it violates them least."


def describe_held_out_aims(aims: Sequence[Aim], scores: Mapping[str, float]) -> Iterator[str]:
    """Yield what the final model reached on rows held out, beside the score that decides.

    Parameters
    ----------
    aims : sequence of Aim
        The objectives, and then what is only limited.
    scores : mapping of str to float
        By the names of objectives and limits, as in ``best_scores_``.
    """
    found = [aim.format(aim.factor * scores[aim.name]) for aim in aims if aim.name in scores]
    if found:
        yield f"There, it has {join_names(found)}."
