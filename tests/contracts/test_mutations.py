"""Searches drawn at random give what ``GridSearchCV`` gives on the same folds, or a clear error."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, ParameterGrid, cross_validate

from sklearn_autotune import OptunaSearchCV
from tests.contracts.mutations import draw, fit, make_storage, temporary_folder
from tests.faults.nightly import IS_NIGHT

SEEDS = range(400) if IS_NIGHT else range(0, 400, 20)


def describe(result):
    return f"{type(result).__name__}: {result}"[:300]


def equal(first, second):
    return np.array_equal(np.asarray(first, float), np.asarray(second, float), equal_nan=True)


def compare_tables(ours, theirs):
    """Gives what differs between two searches' tables, times aside, in rows that GridSearchCV has scores for."""
    differences = []
    mine, table = ours.cv_results_, theirs.cv_results_
    for name, column in table.items():
        if "_time" in name or name.startswith("rank_"):
            continue
        if name not in mine:
            differences.append(f"{name} is missing")
        elif name.startswith(("split", "mean_", "std_")) and not equal(mine[name], column):
            differences.append(f"{name}: ours {mine[name]}, theirs {column}")
    if len(mine["params"]) != len(table["params"]):
        differences.append("number of candidates")
    elif repr(mine["params"]) != repr(table["params"]):
        differences.append(f"params: ours {mine['params']}, theirs {table['params']}")
    return differences


def compare_winners(ours, theirs, mutation):
    """Gives what differs between the winners, where GridSearchCV's is a candidate that has not failed."""
    if not hasattr(theirs, "best_index_") or "failed" in ours.trials_["status"]:
        return []
    is_same = ours.best_index_ == theirs.best_index_
    return [] if is_same else [f"best_index_: ours {ours.best_index_}, theirs {theirs.best_index_}"]


def score_name(mutation):
    return mutation.refit if isinstance(mutation.refit, str) else "score"


def compare_with_cross_validate(ours, mutation):
    """Gives what differs between the winner's row and `cross_validate` of the winner on the same folds."""
    if not hasattr(ours, "best_index_") or "sample_weight" in mutation.params:
        return []
    winner = clone(mutation.estimator).set_params(**clone_params(ours.best_params_))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = cross_validate(
            winner,
            mutation.X,
            mutation.y,
            scoring=as_list(mutation.scoring),
            cv=mutation.cv,
            groups=mutation.params.get("groups"),
        )
    differences = []
    for name, scores in again.items():
        if name.startswith("test_"):
            row = [ours.cv_results_[f"split{fold}_{name}"][ours.best_index_] for fold in range(len(scores))]
            if not equal(row, scores):
                differences.append(f"cross_validate {name}: {scores}, the winner's row: {row}")
    return differences


def as_list(scoring):
    return sorted(scoring) if isinstance(scoring, set) else scoring


def clone_params(params):
    return {name: clone(value, safe=False) for name, value in params.items()}


def make_grid_search(estimator, grid, scoring=None, **settings):
    """Makes scikit-learn's search; a set of names, which it refuses, becomes a list."""
    return GridSearchCV(estimator, grid, scoring=as_list(scoring), **settings)


def has_no_score(mutation):
    """Whether GridSearchCV has no candidate whose mean is a number, without a number in the place of failed scores."""
    settings = mutation.settings | {"error_score": np.nan}
    theirs = fit(make_grid_search, replace(mutation, refit=False, settings=settings))
    names = [f"mean_test_{score_name(mutation)}"]
    if names[0] not in theirs.cv_results_:
        names = [name for name in theirs.cv_results_ if name.startswith("mean_test_")]
    return not any(np.isfinite(theirs.cv_results_[name]).any() for name in names)


def judge(seed):
    """Runs both searches of a number; gives the search and what is wrong with ours, or nothing."""
    mutation = draw(seed)
    n_candidates = len(ParameterGrid(mutation.grid))
    theirs = fit(make_grid_search, mutation)
    with temporary_folder() as folder:
        storage = make_storage(mutation.storage, folder)

        def make(estimator, grid, **settings):
            return OptunaSearchCV(
                estimator, grid, n_trials=n_candidates, pruner=None, storage=storage, random_state=0, **settings
            )

        ours = fit(make, mutation)
    if isinstance(theirs, Exception) and isinstance(ours, Exception):
        problems = [] if str(ours).strip() else ["an error without a text"]
    elif isinstance(theirs, Exception):
        # A failed candidate may end GridSearchCV: as its winner, or if a scorer is not there for one of the models.
        is_recorded = any(type(theirs).__name__ in (error or "") for error in ours.trials_["error"])
        problems = [] if is_recorded else [f"GridSearchCV raises {describe(theirs)}, ours gives a result"]
    elif isinstance(ours, Exception):
        is_right = str(ours).startswith("No candidate has a score") and has_no_score(mutation)
        problems = [] if is_right else [f"ours raises {describe(ours)}"]
    else:
        problems = (
            compare_tables(ours, theirs)
            + compare_winners(ours, theirs, mutation)
            + compare_with_cross_validate(ours, mutation)
        )
    return [mutation.words, *problems] if problems else []


@pytest.mark.few_by_day(10)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_search_drawn_at_random_gives_what_grid_search_gives(seed):
    assert not judge(seed)
