"""Make a search's task, space, step cache and pruning rule from its constructor parameters."""

from collections.abc import Mapping, Sequence, Sized
from typing import Any, Literal, cast

import numpy as np
from joblib import effective_n_jobs
from sklearn.model_selection import check_cv
from sklearn.utils import Bunch

from sklearn_autotune._compat.types import ArrayLike, CrossValidation, Estimator, MatrixLike, Scorer
from sklearn_autotune.evaluation import Fold, StepCache, Task
from sklearn_autotune.families import auto_space
from sklearn_autotune.pruning import PruningRequest, PruningRule, choose_rule
from sklearn_autotune.search._refit_rules import RefitRule
from sklearn_autotune.space._space import RawSpace, Space, read_space

__all__ = [
    "check_positions",
    "choose_pruning_rule",
    "get_refit_metric",
    "make_space",
    "make_step_cache",
    "make_task",
]


def make_task(
    X: MatrixLike,
    y: ArrayLike | None,
    *,
    cv: CrossValidation,
    is_classification: bool,
    scorer: Scorer,
    routed: Bunch,
    error_score: float | str,
    return_train_score: bool = False,
    metric: str | None = None,
) -> Task:
    """Draw the folds once: every candidate, and every step of it, is measured on the same ones.

    The parameters are those of `Task` and of `OptunaSearchCV`.

    Raises
    ------
    ValueError
        If the splitter gives no split, or another number of them than it says.
    """
    splitter = check_cv(cv, y, classifier=is_classification)
    split_params = routed.splitter.split
    n_splits = splitter.get_n_splits(X, y, **split_params)
    folds = tuple(
        Fold(number, np.asarray(train), np.asarray(test))
        for number, (train, test) in enumerate(splitter.split(X, y, **split_params))
    )
    for fold in folds:
        check_positions(fold, X)
    if len(folds) != n_splits:
        raise ValueError(
            f"cv.split and cv.get_n_splits return inconsistent results. Expected {n_splits} splits, got {len(folds)}"
        )
    if not folds:
        raise ValueError("No fits were performed. Was the CV iterator empty? Were there no candidates?")
    return Task(
        X=X,
        y=y,
        folds=folds,
        scorer=scorer,
        fit_params=routed.estimator.fit,
        score_params=routed.scorer.score,
        error_score=error_score,
        return_train_score=return_train_score,
        metric=metric,
    )


def check_positions(fold: Fold, X: MatrixLike) -> None:
    """Raise ValueError unless a fold's rows are given by their positions, or by a mask."""
    n_rows = X.shape[0] if hasattr(X, "shape") else len(cast("Sized", X))
    for name, rows in (("training", fold.train), ("test", fold.test)):
        if rows.dtype.kind == "b" and len(rows) == n_rows:
            continue
        if rows.dtype.kind not in "iu" and len(rows):
            found = f"{rows.ravel()[0]!r} of type {rows.dtype}"
        elif len(rows) and (rows.max() >= n_rows or rows.min() < -n_rows):
            found = f"{rows.max() if rows.max() >= n_rows else rows.min()}"
        else:
            continue
        raise ValueError(
            f"cv gives {found} as a {name} row of fold {fold.number}, but X has {n_rows} rows. Splits are positions of "
            "rows, from 0 on, and not labels of an index: X.index.get_indexer(labels) gives the positions of labels."
        )


def make_space(
    raw_space: RawSpace | Literal["auto"],
    estimator: Estimator,
    folds: Sequence[Fold],
    first_candidates: Sequence[Mapping[str, Any]],
) -> Space:
    """Read the space, and check it against the estimator before anything is fitted.

    Raises
    ------
    ValueError, TypeError
        If the space cannot be read, does not fit the estimator, or does not contain one of the first candidates.
    """
    if isinstance(raw_space, str):
        raw_space = auto_space(estimator, n_rows=min(len(fold.train) for fold in folds))
    space = read_space(raw_space)
    space.check(estimator)
    for candidate in first_candidates:
        space.encode(candidate)
    return space


def make_step_cache(n_bytes: int, n_jobs: int | None) -> StepCache | None:
    """Return the cache of one worker: the bytes are divided among all of them; None for 0 bytes."""
    return StepCache(n_bytes // effective_n_jobs(n_jobs)) if n_bytes else None


def get_refit_metric(refit: object) -> str | None:
    """Return the name of the score that decides, if there are several."""
    if isinstance(refit, RefitRule):
        return refit.metric
    return refit if isinstance(refit, str) else None


def choose_pruning_rule(
    space: Space, scoring: Any, refit: Any, n_trials: int, pruner: Any, *, resource: str | None, factor: float
) -> PruningRule:
    """Choose the rule that stops candidates; the parameters are those of `OptunaSearchCV`.

    Raises
    ------
    ValueError
        If the pruner's parameters are wrong, or it does not fit the search's resource.
    """
    is_rule = isinstance(refit, RefitRule)
    is_single_metric = scoring is None or isinstance(scoring, str)
    request = PruningRequest(
        pruner=pruner,
        resource=resource,
        factor=factor,
        n_trials=n_trials,
        is_full_grid=space.size is not None and space.size <= n_trials,
        one_score_decides=is_single_metric if refit is False else is_rule or not callable(refit),
        tolerance=refit.compute_tolerance if is_rule else None,
    )
    return choose_rule(request)
