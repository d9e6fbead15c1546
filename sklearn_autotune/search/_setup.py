"""Make a search's task, space, evaluation and pruning rule from its constructor parameters."""

from typing import Any

import numpy as np
import optuna
from joblib import effective_n_jobs
from sklearn.base import clone, is_classifier
from sklearn.model_selection import check_cv
from sklearn.utils import Bunch

from sklearn_autotune.evaluation import Evaluation, Fold, StepCache, Task, WholeFolds, make_rung_evaluation
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
from sklearn_autotune.space._space import Space, read_space

__all__ = ["check_pruner", "get_refit_metric", "make_evaluation", "make_pruning_rule", "make_space", "make_task"]

# Up to this many candidates pruner="auto" stops none: it would save little, and users expect every score.
MAX_TRIALS_WITHOUT_PRUNING = 20


def make_task(
    search: Any, estimator: Any, X: Any, y: Any, scorer: Any, routed: Bunch, default_cv: int | None = None
) -> Task:
    """Draw the folds once: every candidate, and every step of it, is measured on the same ones.

    ``default_cv`` is used if the search has ``cv=None``.

    Raises
    ------
    ValueError
        If the splitter gives no split, or another number of them than it says.
    """
    cv = check_cv(default_cv if search.cv is None else search.cv, y, classifier=is_classifier(estimator))
    split_params = routed.splitter.split
    n_splits = cv.get_n_splits(X, y, **split_params)
    folds = tuple(
        Fold(number, np.asarray(train), np.asarray(test))
        for number, (train, test) in enumerate(cv.split(X, y, **split_params))
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
        error_score=search.error_score,
        return_train_score=search.return_train_score,
    )


def make_space(search: Any, task: Task) -> Space:
    """Read the space, and check it against the estimator before anything is fitted.

    Raises
    ------
    ValueError, TypeError
        If the space cannot be read, does not fit the estimator, or does not contain an enqueued candidate.
    """
    raw_space = search.param_distributions
    if isinstance(raw_space, str):
        raw_space = auto_space(search.estimator, n_rows=min(len(fold.train) for fold in task.folds))
    space = read_space(raw_space)
    space.check(search.estimator)
    for candidate in search.enqueue or ():
        space.encode(candidate)
    return space


def make_evaluation(search: Any, task: Task, space: Space, caller: Any) -> Evaluation:
    """Choose how a candidate is measured: fold after fold, or all folds rung by rung.

    Raises
    ------
    ValueError
        If the estimator does not have the resource, or the space contains it.
    """
    step_cache = StepCache(search.step_cache // effective_n_jobs(search.n_jobs)) if search.step_cache else None
    folds = WholeFolds(clone(search.estimator), task, search.verbose, caller, step_cache)
    if search.resource is None:
        return folds
    return make_rung_evaluation(
        folds,
        search.resource,
        min_resources=search.min_resources,
        max_resources=search.max_resources,
        factor=search.factor,
        metric=get_refit_metric(search),
        searched=space.names,
    )


def get_refit_metric(search: Any) -> str | None:
    """Return the name of the score that decides, if there are several."""
    if isinstance(search.refit, RefitRule):
        return search.refit.metric
    return search.refit if isinstance(search.refit, str) else None


def check_pruner(search: Any) -> None:
    """Raise ValueError if the pruner's parameters are wrong, or it does not fit the search's resource."""
    if not isinstance(search.pruner, FoldRacing):
        return
    search.pruner.check()
    if search.resource is not None:
        raise ValueError(
            f"FoldRacing compares candidates fold by fold, but with resource={search.resource!r} all folds climb "
            "together. Use pruner='auto' (successive halving), one of Optuna's pruners, or resource=None."
        )


def make_pruning_rule(search: Any, study: optuna.Study, space: Space) -> PruningRule:
    """Choose the rule that stops candidates.

    The default is fold racing. It is no pruning where a user of scikit-learn's searches expects every score: in a small
    search, in a finite space that is searched in full, and if only a callable ``refit`` knows which score decides.
    """
    metric = get_refit_metric(search)
    pruner = search.pruner
    if isinstance(pruner, FoldRacing):
        return FoldRacingRule(pruner, metric, _get_tolerance(search))
    if isinstance(pruner, optuna.pruners.BasePruner) and not isinstance(pruner, optuna.pruners.NopPruner):
        return OptunaPrunerRule(study, metric)
    if pruner == "auto" and search.resource is not None:
        return HalvingRule(search.factor, metric)
    is_grid = space.size is not None and space.size <= search.n_trials
    if pruner == "auto" and search.n_trials > MAX_TRIALS_WITHOUT_PRUNING and not is_grid and _is_single_metric(search):
        return FoldRacingRule(FoldRacing(), metric, _get_tolerance(search))
    return NoPruningRule()


def _get_refit_rule(search: Any) -> RefitRule | None:
    return search.refit if isinstance(search.refit, RefitRule) else None


def _get_tolerance(search: Any) -> Tolerance | None:
    rule = _get_refit_rule(search)
    return None if rule is None else rule.compute_tolerance


def _is_single_metric(search: Any) -> bool:
    if search.refit is False:
        return search.scoring is None or isinstance(search.scoring, str)
    return _get_refit_rule(search) is not None or not callable(search.refit)
