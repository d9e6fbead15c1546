"""Make a search's task, space, evaluation and pruning rule from its constructor parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import optuna
from joblib import effective_n_jobs
from sklearn.model_selection import check_cv
from sklearn.utils import Bunch

from sklearn_autotune._compat.types import ArrayLike, CrossValidation, Estimator, MatrixLike, Scorer
from sklearn_autotune.evaluation import Fold, StepCache, Task
from sklearn_autotune.families import auto_space
from sklearn_autotune.pruning._bars import (
    FoldRacingRule,
    HalvingRule,
    NoPruningRule,
    OptunaPrunerRule,
    PruningRule,
    Tolerance,
)
from sklearn_autotune.pruning._fold_racing import FoldRacing
from sklearn_autotune.search._refit_rules import RefitRule
from sklearn_autotune.space._space import RawSpace, Space, read_space

__all__ = [
    "PruningRequest",
    "check_pruner",
    "get_refit_metric",
    "make_space",
    "make_step_cache",
    "make_task",
    "start_pruning",
]

# Up to this many candidates pruner="auto" stops none: it would save little, and users expect every score.
MAX_TRIALS_WITHOUT_PRUNING = 20


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
) -> Task:
    """Draw the folds once: every candidate, and every step of it, is measured on the same ones.

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


def check_pruner(pruner: object, resource: str | None) -> None:
    """Raise ValueError if the pruner's parameters are wrong, or it does not fit the search's resource."""
    if not isinstance(pruner, FoldRacing):
        return
    pruner.check()
    if resource is not None:
        raise ValueError(
            f"FoldRacing compares candidates fold by fold, but with resource={resource!r} all folds climb "
            "together. Use pruner='auto' (successive halving), one of Optuna's pruners, or resource=None."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PruningRequest:
    """What the choice of a pruning rule depends on.

    Attributes
    ----------
    pruner, resource, factor, n_trials, refit
        As of `OptunaSearchCV`.
    is_full_grid : bool
        Whether the space is finite and is searched in full.
    is_single_metric : bool
        Whether ``scoring`` is one score.
    """

    pruner: Any
    resource: str | None
    factor: float
    n_trials: int
    refit: Any
    is_full_grid: bool
    is_single_metric: bool

    @property
    def tolerance(self) -> Tolerance | None:
        """How far below the best a candidate may end and still be chosen by ``refit``; None if not at all."""
        return self.refit.compute_tolerance if isinstance(self.refit, RefitRule) else None

    @property
    def wants_every_score(self) -> bool:
        """Whether a user of scikit-learn's searches expects every candidate's score.

        So it is in a small search, in a finite space that is searched in full, and if only a callable ``refit`` knows
        which score decides.
        """
        is_small = self.n_trials <= MAX_TRIALS_WITHOUT_PRUNING
        if self.refit is False:
            one_score_decides = self.is_single_metric
        else:
            one_score_decides = isinstance(self.refit, RefitRule) or not callable(self.refit)
        return is_small or self.is_full_grid or not one_score_decides


def start_pruning(request: PruningRequest, study: optuna.Study) -> PruningRule:
    """Choose the rule that stops candidates; the default is fold racing, unless every score is wanted."""
    metric = get_refit_metric(request.refit)
    pruner = request.pruner
    if isinstance(pruner, FoldRacing):
        return FoldRacingRule(pruner, metric, request.tolerance)
    if isinstance(pruner, optuna.pruners.BasePruner) and not isinstance(pruner, optuna.pruners.NopPruner):
        return OptunaPrunerRule(study, metric)
    if pruner == "auto" and request.resource is not None:
        return HalvingRule(request.factor, metric)
    if pruner == "auto" and not request.wants_every_score:
        return FoldRacingRule(FoldRacing(), metric, request.tolerance)
    return NoPruningRule()
