"""Compare fitted searches by the scores of their winners on the same folds, without fitting anything."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError

from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.analysis._comparison_folds import find_unchecked_folds, read_search_folds
from sklearn_autotune.analysis._comparison_words import join_names
from sklearn_autotune.analysis._outer_fold import NUMERIC_COLUMNS
from sklearn_autotune.analysis._trial_table import TrialTable, read_trial_table
from sklearn_autotune.objectives._plan import SINGLE
from sklearn_autotune.search._front_attributes import get_objective_plan
from sklearn_autotune.statistics._intervals import guess_test_over_train

__all__ = ["check_no_data_settings", "read_fitted_searches"]

NEEDS_DATA = "or pass X and y, so that clones of all methods are fitted and scored on the same outer folds"


SETTINGS = ("scoring", "cv", "groups", "params", "random_state", "n_jobs", "baselines", "error_score", "callbacks")


def check_no_data_settings(given: Sequence[Any], parameters: Mapping[str, Parameter]) -> None:
    """Raise ValueError if one of the ``SETTINGS``, which only serve to fit methods, differs from its default."""
    for name, value in zip(SETTINGS, given, strict=True):
        if not _is_default(value, parameters[name].default):
            raise ValueError(
                f"{name}={value!r} has no effect without X and y: fitted searches are compared by the scores that they "
                f"already have. Leave it out, {NEEDS_DATA}."
            )


def _is_default(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and (value == default or value != value))


@dataclass(frozen=True, slots=True)
class _Winner:
    """A fitted search, its trials, and which of them is the winner."""

    search: FittedSearch
    trial_table: TrialTable
    index: int


def read_fitted_searches(methods: Mapping[str, Any]) -> dict[str, Any]:
    """Read the scores of the winners of fitted searches on each fold.

    Parameters
    ----------
    methods : mapping of str to estimator

    Returns
    -------
    fields : dict of str to object
        Of `Comparison`.

    Raises
    ------
    ValueError
        If a search is not fitted or has no scores of its winner, or if two of them go by different metrics or were
        measured on different folds.
    """
    winners = {name: _read_winner(name, method) for name, method in methods.items()}
    _check_metrics(winners)
    folds = {name: read_search_folds(winner.search) for name, winner in winners.items()}
    unchecked = find_unchecked_folds(folds)
    n_folds = next(iter(folds.values())).n_folds
    known = [one.test_over_train for one in folds.values() if one.test_over_train is not None]
    return {
        "rows": [_make_row(name, winner, fold) for fold in range(n_folds) for name, winner in winners.items()],
        "names": list(winners),
        "baselines": [],
        "metric": next(iter(winners.values())).trial_table.described_metric.name,
        "test_over_train": known[0] if known else guess_test_over_train(n_folds),
        "is_held_out": False,
        "notes": list(_write_notes(winners, unchecked)),
    }


def _read_winner(name: str, search: Any) -> _Winner:
    kind = type(search).__name__
    if not isinstance(getattr(search, "cv_results_", None), Mapping):
        raise NotFittedError(
            f"The method {name!r}, {kind}, has no cv_results_. Without X and y, methods are searches that have been "
            f"fitted: fit it first, {NEEDS_DATA}."
        )
    if getattr(search, "resource", None) == "n_samples" and "iter" in search.cv_results_:
        raise ValueError(
            f"The search {name!r}, {kind}, has measured its candidates on parts of the rows, so its scores are not "
            f"those of whole folds. Compare another search, {NEEDS_DATA}."
        )
    trial_table = read_trial_table(search)
    index = _find_single_model(name, search, trial_table) if hasattr(search, "blend_weights_") else trial_table.best
    if index is None:
        raise ValueError(
            f"The search {name!r}, {kind}, has no winner. Of several scores, name the one that decides as its refit, "
            f"{NEEDS_DATA}."
        )
    return _Winner(search, trial_table, index)


def _find_single_model(name: str, search: Any, trial_table: TrialTable) -> int:
    """Return the index of the model that a selector has chosen, if that is a single candidate."""
    labels = [
        f"{params.get('family')}_{number}"
        for params, number in zip(trial_table.params, trial_table.number, strict=True)
    ]
    blend = list(search.blend_weights_)
    if len(blend) > 1 or blend[0] not in labels:
        chosen = f"a blend of {len(blend)} models" if len(blend) > 1 else f"the second layer {blend[0]!r}"
        raise ValueError(
            f"The search {name!r}, {type(search).__name__}, has chosen {chosen}, which has no score on each fold. Fit "
            f"it with blend=False, {NEEDS_DATA}."
        )
    return labels.index(blend[0])


def _check_metrics(winners: Mapping[str, _Winner]) -> None:
    """Raise ValueError if two searches go by different metrics."""
    metrics = {name: winner.trial_table.described_metric for name, winner in winners.items()}
    first, *others = metrics
    for other in others:
        if metrics[other] != metrics[first]:
            raise ValueError(
                f"The searches {first!r} and {other!r} go by different metrics, {metrics[first].label} and "
                f"{metrics[other].label}. Fit both with the same scoring, {NEEDS_DATA}."
            )


def _make_row(name: str, winner: _Winner, fold: int) -> dict[str, Any]:
    """Return a row of ``Comparison.rows``; nothing of it was measured by `compare`, so there are no seconds."""
    search, trial_table = winner.search, winner.trial_table
    score = float(trial_table.fold_scores[winner.index, fold])
    row: dict[str, Any] = {"method": name, "fold": fold, **dict.fromkeys(NUMERIC_COLUMNS)}
    return row | {
        "score": score,
        "n_fits": int(trial_table.n_folds.sum()) + hasattr(search, "best_estimator_"),
        "n_trials": len(trial_table),
        "inner_metric": None,
        "best_params": trial_table.params[winner.index],
        "error": None if np.isfinite(score) else "The winner has no score on this fold.",
        "trace": None,
        "aims": _read_aims(search, fold),
    }


def _read_aims(search: FittedSearch, fold: int) -> dict[str, float]:
    """Return what the winner reached on a fold in each objective and limit."""
    plan = get_objective_plan(search)
    named = () if plan is None else plan.named
    column, row = f"split{fold}_test_", getattr(search, "best_index_", 0)
    return {one.name: one.sign * float(search.cv_results_[column + one.key][row]) for one in named if one.key != SINGLE}


def _write_notes(winners: Mapping[str, _Winner], unchecked: Sequence[str]) -> Iterator[str]:
    """Yield what a reader has to know of the scores."""
    if any(len(winner.trial_table) > 1 for winner in winners.values()):
        counts = [f"{name} from {len(winner.trial_table)}" for name, winner in winners.items()]
        yield (
            "These are the scores by which the winners were chosen, so they are too good, and more so the more "
            f"candidates there were to choose from ({', '.join(counts)})."
        )
    if unchecked:
        yield (
            f"Whether {join_names(unchecked)} were measured on the same folds is not known, since not all of these "
            "searches keep their folds. It is your claim, and the differences hold only if it is true."
        )
    metric = next(iter(winners.values())).trial_table.described_metric
    if metric.name == "score" and len(winners) > 1:
        yield "That the score is the same function for all searches is not known either, as it has no name."
