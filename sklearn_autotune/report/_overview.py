"""What comes first in a report of a search: the metric, the score, objectives and limits, and the size of the data."""

import numpy as np

from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.analysis._aims import AimTable, BlendAimTable
from sklearn_autotune.analysis._trial_table import TrialTable
from sklearn_autotune.plotting._style import STATUS_NAMES, shorten
from sklearn_autotune.search._base_search import get_fold_sizes
from sklearn_autotune.search._front_attributes import get_front

__all__ = ["make_overview"]

MAX_CLASSES_LENGTH = 80  # of the names of the classes together


def make_overview(
    search: FittedSearch, trial_table: TrialTable, aim_table: AimTable | None, blends: BlendAimTable | None = None
) -> dict[str, str]:
    """Return what comes first: the metric, the score, objectives and limits, and the size of the data.

    Parameters
    ----------
    search : estimator
        Fitted.
    trial_table : TrialTable
    aim_table : AimTable or None
        None if the search has neither objectives nor limits.
    blends : BlendAimTable or None, default=None
        What the blends of a selector reached.

    Returns
    -------
    overview : dict of str to str
    """
    metric = trial_table.described_metric
    overview = {"metric": f"{metric.label} ({metric.direction})"}
    score = getattr(search, "best_score_", None)
    if score is None and trial_table.best is not None:
        score = trial_table.score[trial_table.best]
    if score is not None and np.isfinite(score):
        overview["best score"] = metric.format(score)
    untuned = getattr(search, "default_score_", None)
    if untuned is not None:
        overview["with the parameters you had"] = metric.format(untuned)
    if aim_table is not None:
        overview |= _describe_aims(search, aim_table)
    if blends is not None:
        overview |= _describe_blends(search, blends)
    overview |= _describe_data(search)
    counts = {status: len(trial_table.find_by_status(status)) for status in dict.fromkeys(trial_table.status.tolist())}
    parts = [f"{n} {STATUS_NAMES.get(status, status)}" for status, n in counts.items()]
    return overview | {"candidates": f"{len(trial_table)}: {', '.join(parts)}"}


def _describe_aims(search: FittedSearch, aim_table: AimTable) -> dict[str, str]:
    """Return the objectives, the size of the front, the limits, and what the winner reached."""
    described = {}
    front = get_front(search)
    if front is not None:
        described["objectives"] = ", ".join(f"{aim.label} ({aim.direction})" for aim in aim_table.objectives)
        described["front"] = f"{front.n_rows} candidates that no other one beats"
    limits = [f"{aim.label} {bound}" for aim in aim_table.aims for bound in aim.bounds]
    if limits:
        described["limits"] = f"{', '.join(limits)}; {aim_table.may_win.sum()} candidates meet them"
    best = aim_table.trial_table.best
    if best is not None:
        described["winner"] = ", ".join(aim.format(float(aim.values[best])) for aim in aim_table.aims)
    return described


def _describe_blends(search: FittedSearch, table: BlendAimTable) -> dict[str, str]:
    """Return the same of a selector, whose front is one of blends."""
    described = {}
    n_blends, values = len(table.blends.members), getattr(search, "best_scores_", {})
    if table.blends.is_listed:
        described["objectives"] = ", ".join(f"{aim.label} ({aim.direction})" for aim in table.objectives)
    described["front"] = f"{len(table.blends.find_front())} of {n_blends} blends and single models"
    limits = [f"{aim.label} {bound}" for aim in table.aims for bound in aim.bounds]
    if limits:
        described["limits"] = f"{', '.join(limits)}; {table.blends.meets_limits.sum()} of {n_blends} meet them"
    found = [aim.format(aim.factor * values[aim.name]) for aim in table.aims if aim.name in values]
    return described | ({"final model": ", ".join(found)} if found else {})


def _describe_data(search: FittedSearch) -> dict[str, str]:
    """Return the size of the data and of the folds, where the search has it."""
    n_folds, fold_sizes = getattr(search, "n_splits_", None), get_fold_sizes(search)
    n_columns, classes = getattr(search, "n_features_in_", None), getattr(search, "classes_", None)
    sizes = [] if fold_sizes is None else [f"{fold_sizes.sum(axis=1).max():,} rows"]
    sizes += [] if n_columns is None else [f"{n_columns:,} columns"]
    described = {"data": " × ".join(sizes)} if sizes else {}
    if classes is not None and not isinstance(classes, list):  # of several targets it is a list
        described["classes"] = f"{len(classes)}: {shorten(', '.join(map(str, classes)), MAX_CLASSES_LENGTH)}"
    if n_folds is not None:
        described["folds"] = str(n_folds)
    if fold_sizes is not None:
        (low_train, low_test), (high_train, high_test) = fold_sizes.min(axis=0), fold_sizes.max(axis=0)
        training, test = _format_range(low_train, high_train), _format_range(low_test, high_test)
        described["folds"] = f"{len(fold_sizes)}, each of {training} training rows and {test} test rows"
    return described


def _format_range(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
