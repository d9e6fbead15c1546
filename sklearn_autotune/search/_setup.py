"""Make a search's task, space, number of trials, evaluation and pruning rule from its constructor parameters."""

import logging
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np
from joblib import effective_n_jobs
from optuna.samplers import CmaEsSampler
from sklearn.base import clone
from sklearn.model_selection import check_cv
from sklearn.utils import Bunch

from sklearn_autotune._compat.sklearn import count_rows, needs_test_rows
from sklearn_autotune._compat.types import ArrayLike, CrossValidation, Estimator, MatrixLike, Refit, Scorer
from sklearn_autotune.evaluation import (
    FinalFit,
    Fold,
    FoldScore,
    PlainFit,
    RungEvaluation,
    RungFit,
    StepCache,
    Task,
    WholeFolds,
    make_rung_evaluation,
)
from sklearn_autotune.evaluation._base import get_positions
from sklearn_autotune.evaluation._row_values import RowKeeper, draw_kept_rows, read_row_metric
from sklearn_autotune.families import fill_auto
from sklearn_autotune.objectives._plan import ObjectivePlan, read_objectives
from sklearn_autotune.proposals._plan import count_columns
from sklearn_autotune.proposals._teller import Aim
from sklearn_autotune.pruning import FoldRacingRule, PruningRequest, PruningRule, choose_rule
from sklearn_autotune.pruning._subsamples import add_subsample
from sklearn_autotune.samplers import RustTPESampler
from sklearn_autotune.space._space import RawSpace, Space, check_grid, is_grid, is_measured_in_full, read_space
from sklearn_autotune.statistics._cross_thresholds import add_thresholds, resolve_threshold
from sklearn_autotune.statistics._front_rules import check_front_refit
from sklearn_autotune.statistics._limit_check import LimitCheck, collect_fold_scores
from sklearn_autotune.statistics._refit_rules import ComparesWithDefault, RefitRule

__all__ = [
    "add_racing_subsample",
    "check_positions",
    "check_test_rows",
    "choose_n_trials",
    "choose_pruning_rule",
    "choose_raw_space",
    "choose_thresholds",
    "get_refit_metric",
    "keep_rows",
    "make_aim",
    "make_evaluation",
    "make_limit_check",
    "make_space",
    "make_task",
    "read_aims",
    "read_positions",
    "warn_of_large_grid",
    "warn_of_unfinished_grid",
]

logger = logging.getLogger(__name__)

DEFAULT_N_TRIALS = 50  # of a space that is no grid

SINGLE_OBJECTIVE_SAMPLERS = (CmaEsSampler, RustTPESampler)

MAX_POINTS_WITHOUT_WARNING = 1000  # of a grid that is searched in full by default


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
    required: Sequence[str] = (),
) -> Task:
    """Draw the folds once: every candidate, and every step of it, is measured on the same ones.

    The parameters are those of `Task` and of `OptunaSearchCV`.

    Raises
    ------
    ValueError
        If the splitter gives no split, another number of them than it says, or a split without the rows it needs.
    """
    splitter = check_cv(cv, y, classifier=is_classification)
    split_params = routed.splitter.split
    n_splits = splitter.get_n_splits(X, y, **split_params)
    folds = tuple(
        Fold(number, read_positions(train), read_positions(test))
        for number, (train, test) in enumerate(splitter.split(X, y, **split_params))
    )
    for fold in folds:
        check_positions(fold, X)
        if needs_test_rows(scorer):
            check_test_rows(fold)
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
        required=tuple(required),
    )


def keep_rows(task: Task, estimator: Estimator | None, refit: Refit) -> Task:
    """Have the losses or predictions of the test rows kept, if the deciding score is a function of predictions."""
    metric = read_row_metric(task.scorer, task.metric, estimator, task.y)
    if callable(refit) and not isinstance(refit, RefitRule):
        metric = "refit is a function, so that there is no best score"
    elif task.score_params.keys() - {"sample_weight"}:
        metric = f"the scorer is given {sorted(task.score_params)}"
    if isinstance(metric, str):
        logger.info("There will be no corrected score: %s.", metric)
        return replace(task, row_keeper=metric)
    sizes = [len(get_positions(fold.test)) for fold in task.folds]
    return replace(task, row_keeper=RowKeeper(metric, draw_kept_rows(sizes)))


def choose_thresholds(task: Task, search: Any, routed: Bunch, plan: ObjectivePlan | None) -> Task:
    """Have candidates labelled by thresholds, if the search has a ``threshold``; those keep to limits on labels too.

    Raises
    ------
    ValueError
        If the estimator, the target or a scorer does not fit.
    """
    if search.threshold is None:
        return task
    scorer = resolve_threshold(search.threshold)
    scoring = search.scoring if plan is None else plan.scorers
    return add_thresholds(
        task, scorer, routed.threshold.score, search.estimator, scoring, () if plan is None else plan.limits
    )


def read_positions(rows: Any) -> np.ndarray:
    """Return rows of a split as an array; an empty list has no type of its own, and is taken as positions."""
    positions = np.asarray(rows)
    return positions.astype(np.intp) if positions.shape == (0,) else positions


def check_test_rows(fold: Fold) -> None:
    """Raise ValueError unless a fold has rows to score on."""
    if not len(get_positions(fold.test)):
        raise ValueError(
            f"cv gives no test rows in fold {fold.number}, so that nothing can be scored there. Leave this fold out. "
            "If the score can be read off the fitted estimator, pass scoring= a function of estimator, X and y."
        )


def check_positions(fold: Fold, X: MatrixLike) -> None:
    """Raise ValueError unless a fold's rows are given by their positions, or by a mask."""
    n_rows = count_rows(X)
    for name, rows in (("training", fold.train), ("test", fold.test)):
        if rows.ndim != 1:
            found = repr(rows.item() if rows.ndim == 0 else rows.tolist()[0])
        elif rows.dtype.kind == "b" and len(rows) == n_rows:
            continue
        elif rows.dtype.kind not in "iu" and len(rows):
            found = f"{rows.ravel()[0]!r} of type {rows.dtype}"
        elif len(rows) and (rows.max() >= n_rows or rows.min() < -n_rows):
            found = f"{rows.max() if rows.max() >= n_rows else rows.min()}"
        else:
            continue
        raise ValueError(
            f"cv gives {found} as a {name} row of fold {fold.number}, but X has {n_rows} rows. Splits are positions of "
            "rows, from 0 on, and not labels of an index: X.index.get_indexer(labels) gives the positions of labels."
        )


def choose_raw_space(param_distributions: Any, param_grid: Any) -> Any:
    """Return the one of ``param_distributions`` and ``param_grid`` that was given.

    Raises
    ------
    ValueError
        If both were given, or neither.
    TypeError
        If ``param_grid`` is no grid.
    """
    if param_grid is None and param_distributions is None:
        raise ValueError(
            "There is no space to search: give param_distributions, for example {'C': loguniform(1e-3, 1e3)}, or "
            "param_grid, for example {'C': [0.1, 1, 10]}. For many estimators param_distributions='auto' is a space."
        )
    if param_grid is None:
        return param_distributions
    if param_distributions is not None:
        raise ValueError(
            "param_grid and param_distributions are two names of the same parameter, and both were given. Give one of "
            "them, and leave the other at None; param_distributions takes lists and distributions side by side."
        )
    check_grid(param_grid)
    return param_grid


def choose_n_trials(n_trials: int | str, n_iter: int | None, raw_space: Any, space: Space, sampler: object) -> int:
    """Return how many candidates are measured at most.

    Parameters
    ----------
    n_trials, n_iter, sampler
        As of `OptunaSearchCV`.
    raw_space : dict, list of dict, callable or "auto"
        What `choose_raw_space` has returned.
    space : Space

    Raises
    ------
    ValueError
        If both ``n_trials`` and ``n_iter`` were given.
    """
    if n_iter is not None and n_trials != "auto":
        raise ValueError(
            f"n_iter and n_trials are two names of the same parameter, and both were given: n_iter={n_iter}, "
            f"n_trials={n_trials}. Give one of them."
        )
    given = n_trials if n_iter is None else n_iter
    if not isinstance(given, str):
        return given
    if space.size is None or not is_grid(raw_space) or sampler is not None:  # who gives a sampler asks for a sample
        return DEFAULT_N_TRIALS
    return space.size


def warn_of_large_grid(n_candidates: int, n_folds: int) -> None:
    """Warn before the first fit that a search by default takes all points of a large grid.

    Warns
    -----
    UserWarning
        If the grid has more than 1,000 points.
    """
    if n_candidates > MAX_POINTS_WITHOUT_WARNING:
        warnings.warn(
            f"The grid has {n_candidates:,} points, and all of them are measured: {n_candidates * n_folds:,} fits on "
            f"{n_folds} folds. n_trials={DEFAULT_N_TRIALS} lets the sampler choose {DEFAULT_N_TRIALS} of them. Ranges, "
            f"such as loguniform(1e-3, 1e3) in the place of a list, do so too. n_trials={n_candidates} measures all "
            "without this warning.",
            stacklevel=2,
        )


def warn_of_unfinished_grid(n_measured: int, n_trials: int, space: Space) -> None:
    """Warn that the time limit has ended the search of a grid that was to be searched in full.

    Warns
    -----
    UserWarning
        If points of the grid were not measured.
    """
    if space.size is not None and n_measured < space.size <= n_trials:
        warnings.warn(
            f"The time limit ended the search after {n_measured} of the {space.size} points of the grid. They are "
            "measured in the order of the grid, so the best point may be among the others. A longer timeout measures "
            f"all; n_trials={max(1, n_measured)} lets the sampler choose that many from the whole grid.",
            stacklevel=2,
        )


def make_space(
    raw_space: RawSpace | Literal["auto"],
    estimator: Estimator,
    task: Task,
    enqueue: Sequence[Mapping[str, Any]] | Literal["auto"] | None,
) -> Space:
    """Read the space, and check it against the estimator before anything is fitted.

    Raises
    ------
    ValueError, TypeError
        If the space cannot be read, does not fit the estimator, or does not contain one of the enqueued candidates.
    """
    n_rows = min(len(fold.train) for fold in task.folds)
    space = read_space(fill_auto(raw_space, estimator, n_rows=n_rows, n_columns=count_columns(task.X)))
    space.check(estimator)
    for candidate in () if enqueue is None or isinstance(enqueue, str) else enqueue:
        space.encode(candidate)
    return space


def make_evaluation(
    search: Any, task: Task, searched: Collection[str], *, caller: Any = None, shares_steps: bool = True
) -> tuple[RungEvaluation | WholeFolds, FinalFit]:
    """Choose how a candidate is measured, fold after fold or all folds rung by rung, and how the winner is fitted.

    Parameters
    ----------
    search : OptunaSearchCV
    task : Task
    searched : collection of str
        The parameters in the space.
    caller : estimator or None, default=None
        The search, if it has scikit-learn's callbacks.
    shares_steps : bool, default=True
        Whether candidates may share the first steps of a Pipeline.

    Raises
    ------
    ValueError
        If the estimator does not have the resource, or the space contains it.
    """
    cache_bytes = search.step_cache // effective_n_jobs(search.n_jobs) if shares_steps else 0
    cache = StepCache(cache_bytes) if cache_bytes else None
    folds = WholeFolds(clone(search.estimator), task, search.verbose, caller, cache)
    if search.resource is None:
        return folds, PlainFit()
    rungs = make_rung_evaluation(
        folds,
        search.resource,
        min_resources=search.min_resources,
        max_resources=search.max_resources,
        factor=search.factor,
        metric=task.metric,
        searched=searched,
    )
    return rungs, RungFit(search.resource, task.metric)


def read_aims(search: Any) -> ObjectivePlan | None:
    """Read the objectives and limits of an `OptunaSearchCV`; None if there is one score, without limits.

    Raises
    ------
    ValueError, TypeError
        If they cannot be read, or something else in the search works with one objective only.
    """
    plan = read_objectives(search.objectives, search.limits, search.scoring, search.refit, search.estimator)
    if plan is None:
        return None
    check_front_refit(search.refit, plan)
    if search.resource is not None:
        raise ValueError(
            f"resource={search.resource!r} compares candidates by one score, and cannot be used with objectives or "
            "limits. Leave it at None: candidates race fold by fold."
        )
    if isinstance(search.refit, ComparesWithDefault):
        raise ValueError(
            f"{type(search.refit).__name__} compares by one score, and cannot be used with objectives or limits. Use "
            "True, the name of an objective, or a function."
        )
    if plan.limits and isinstance(search.sampler, CmaEsSampler):
        raise ValueError("CmaEsSampler does not know limits. Use None, GPSampler, ForestSampler or HypervolumeSampler.")
    if len(plan.objectives) < 2:
        return plan
    if search.target_score is not None:
        raise ValueError(
            f"target_score={search.target_score!r} stops a search by its best score, and cannot be used with several "
            "objectives. Give patience, n_trials or timeout."
        )
    if isinstance(search.sampler, SINGLE_OBJECTIVE_SAMPLERS):
        raise ValueError(
            f"{type(search.sampler).__name__} works for one objective only, but there are {len(plan.objectives)}. Use "
            "None, HypervolumeSampler, TPESampler, NSGAIISampler, NSGAIIISampler, GPSampler or ForestSampler."
        )
    return plan


def make_aim(plan: ObjectivePlan | None, refit: Any, folds: Sequence[Fold], confidence: float) -> Aim:
    """Return what a search optimises.

    Parameters
    ----------
    plan : ObjectivePlan or None
    refit : bool, str, callable or refit rule
    folds : sequence of Fold
    confidence : float
        Of the interval that has to meet a limit.
    """
    if plan is None:
        return Aim(get_refit_metric(refit))
    return Aim(plan.primary, plan, partial(_compute_violations, make_limit_check(plan, folds, confidence)))


def make_limit_check(plan: ObjectivePlan, folds: Sequence[Fold], confidence: float) -> LimitCheck:
    """Return what compares candidates with the limits."""
    sizes = [(len(get_positions(fold.test)), len(get_positions(fold.train))) for fold in folds]
    return LimitCheck(plan.limits, float(np.mean([test / train for test, train in sizes])), confidence)


def _compute_violations(check: LimitCheck, folds: Sequence[FoldScore]) -> np.ndarray:
    return check.compute_violations(collect_fold_scores(folds, [limit.key for limit in check.limits]))


def get_refit_metric(refit: object) -> str | None:
    """Return the name of the score that decides, if there are several."""
    if isinstance(refit, RefitRule):
        return refit.metric
    return refit if isinstance(refit, str) else None


def choose_pruning_rule(
    space: Space, scoring: Any, refit: Any, n_trials: int, pruner: Any, aim: Aim, *, resource: str | None, factor: float
) -> PruningRule:
    """Choose the rule that stops candidates; the parameters are those of `OptunaSearchCV`, and what it optimises.

    Raises
    ------
    ValueError
        If the parameters of the pruner or of the rule in ``refit`` are wrong, or the pruner does not fit the resource.
    """
    is_rule = isinstance(refit, RefitRule)
    if isinstance(refit, ComparesWithDefault):
        refit.check()
    is_single_metric = aim.objectives is not None or scoring is None or isinstance(scoring, str)
    request = PruningRequest(
        pruner=pruner,
        resource=resource,
        factor=factor,
        n_trials=n_trials,
        is_full_grid=is_measured_in_full(space, n_trials),
        one_score_decides=is_single_metric if refit is False else is_rule or not callable(refit),
        tolerance=refit.compute_tolerance if is_rule else None,
        objectives=aim.objectives,
        is_feasible=aim.is_feasible,
    )
    return choose_rule(request)


def add_racing_subsample(task: Task, rule: PruningRule, *, is_classification: bool) -> tuple[Task, PruningRule]:
    """Give the task the subsample on which the rule measures candidates before their first fold, if it wants one.

    Parameters
    ----------
    task : Task
    rule : PruningRule
    is_classification : bool

    Returns
    -------
    task, rule : Task and PruningRule
        The same objects if there is no subsample.
    """
    if not isinstance(rule, FoldRacingRule) or rule.racing.subsample is None:
        return task, rule
    task = add_subsample(task, rule.racing.subsample, is_classification=is_classification)
    if not task.subsamples:
        return task, rule
    train = task.folds[0].train
    n_train = train.sum() if train.dtype.kind == "b" else len(train)
    return task, replace(rule, subsample_share=len(task.subsamples[-1].train) / n_train)
