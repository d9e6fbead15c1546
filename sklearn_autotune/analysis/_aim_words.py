"""The sentences of a summary about objectives and limits."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from sklearn_autotune.analysis._aims import AimTable
from sklearn_autotune.analysis._comparison_words import join_names

__all__ = ["describe_aims", "describe_held_out_aims", "describe_winner_aims"]


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
    limits = [f"{aim.label} {bound}" for aim in table.aims for bound in aim.bounds]
    if limits:
        n_complete = int(np.isfinite(table.trial_table.score).sum())
        found = f"{int(table.may_win.sum())} of {n_complete} complete candidates meet"
        sure = "" if table.confidence == 0.5 else f" at {table.confidence:.0%} confidence"
        yield f"{found} {'the limit' if len(limits) == 1 else 'the limits'} {join_names(limits)}{sure}."


def describe_winner_aims(table: AimTable) -> Iterator[str]:
    """Yield what the winner reached in each objective and limit."""
    best = table.trial_table.best
    if best is None:
        return
    yield f"The winner has {join_names([aim.format(float(aim.values[best])) for aim in table.aims])}."
    if not table.may_win[best]:
        yield "It does not meet the limits: no candidate does, and it violates them least."


def describe_held_out_aims(table: AimTable, scores: Mapping[str, float]) -> Iterator[str]:
    """Yield what the final model reached on rows held out, beside the score that decides.

    Parameters
    ----------
    table : AimTable
    scores : mapping of str to float
        By the names of objectives and limits, as in ``best_scores_``.
    """
    found = [aim.format(aim.factor * scores[aim.name]) for aim in table.aims if aim.name in scores]
    if found:
        yield f"There, it has {join_names(found)}."
