"""Fit and score one method on one outer fold, and read its results."""

import copy
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from inspect import Parameter, signature
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import get_scorer
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    get_routing_for_object,
    process_routing,
)

from sklearn_autotune._compat.messages import make_storable
from sklearn_autotune._compat.sklearn import accepts_sample_weight, is_routing_enabled, take_metadata_rows, take_rows
from sklearn_autotune._compat.types import ArrayLike, Fittable, MatrixLike, Scorer
from sklearn_autotune.analysis._trial_table import TrialTable, read_trial_table
from sklearn_autotune.evaluation import FOLD_FAILURES, read_score, select_score
from sklearn_autotune.objectives._costs import find_fit_seconds
from sklearn_autotune.objectives._plan import SINGLE, ObjectivePlan, read_objectives
from sklearn_autotune.search._base_search import BaseSearch, get_deployed_model
from sklearn_autotune.search._front_attributes import get_objective_plan
from sklearn_autotune.search._optuna_search_cv import OptunaSearchCV
from sklearn_autotune.search._setup import read_aims

__all__ = ["OuterFoldTask", "collect_aims", "measure_method", "route_metadata", "warn_about_failures"]

NUMERIC_COLUMNS = ("score", "inner_score", "own_score", "fit_seconds", "score_seconds", "n_fits", "n_trials")


@dataclass(frozen=True, slots=True)
class OuterFoldTask:
    """The data, scorer and settings that all methods share.

    Attributes
    ----------
    X, y, groups : object
        Of all rows.
    scorer : callable
    seed : int or None
        For whatever has none.
    error_score : "raise" or float
    params : dict of str to object
        Metadata for ``fit`` and the scorer.
    aims : dict of str to tuple of callable and int
        The objectives and limits of all methods: a scorer, and the sign from its score to the value that is shown.
    """

    X: Any
    y: Any
    groups: Any
    scorer: Any
    seed: int | None
    error_score: float | str
    params: Mapping[str, Any]
    aims: Mapping[str, tuple[Any, int]] = field(default_factory=dict)


def collect_aims(methods: Mapping[str, Any]) -> dict[str, tuple[Any, int]]:
    """Return what the searches among some methods optimise and limit, which is then measured on the models of all.

    The seconds of a fit are left out: those of a whole method are measured anyway.

    Returns
    -------
    aims : dict of str to tuple of callable and int
        By the names in ``best_scores_``; if two searches mean different things by a name, that of the first.

    Raises
    ------
    ValueError, TypeError
        If the objectives or limits of a search cannot be read.
    """
    found: dict[str, tuple[Any, int]] = {}
    for plan in map(_read_plan, methods.values()):
        for one in () if plan is None else plan.named:
            scorer = plan.scorers[one.key] if plan is not None else None
            if one.key != SINGLE and not find_fit_seconds({one.key: scorer}):
                found.setdefault(one.name, (get_scorer(scorer) if isinstance(scorer, str) else scorer, one.sign))
    return found


def _read_plan(method: Any) -> ObjectivePlan | None:
    """Return what a method optimises and limits; None if it is one score, or no search of this package."""
    if isinstance(method, OptunaSearchCV):
        return read_aims(method)
    params = method.get_params(deep=False) if isinstance(method, BaseSearch) else {}
    if "objectives" not in params:
        return None
    return read_objectives(params["objectives"], params["limits"], params["scoring"], params["refit"], method)


def route_metadata(
    method: Fittable, scorer: Scorer, params: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the metadata for a method's ``fit``, and for a scorer.

    With scikit-learn's routing, what each asks for. Without, everything goes to ``fit``, and ``sample_weight`` also to
    a scorer that takes it.

    Raises
    ------
    TypeError, ValueError
        If the method does not take something; in scikit-learn's words where its routing is enabled.
    """
    if not params:
        return {}, {}
    if is_routing_enabled():
        router = MetadataRouter(owner="compare")
        router.add(estimator=method, method_mapping=MethodMapping().add(caller="fit", callee="fit"))
        router.add(scorer=scorer, method_mapping=MethodMapping().add(caller="fit", callee="score"))
        routed = process_routing(router, "fit", **params)
        return dict(routed.estimator.fit), dict(routed.scorer.score)
    for name in params:
        if not _accepts_metadata(method, name):
            raise TypeError(
                f"The fit of {type(method).__name__} takes no {name}. In a Pipeline write 'step__{name}', or let "
                "scikit-learn route it: set_config(enable_metadata_routing=True) and set_fit_request."
            )
    return dict(params), _select_score_metadata(scorer, params)


def _accepts_metadata(method: Fittable, name: str) -> bool:
    """Whether a method's ``fit`` does something with metadata of this name; a search asks its estimator."""
    parameters = signature(method.fit).parameters
    if name in parameters:
        return True
    if all(parameter.kind is not Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return False
    if isinstance(method, Pipeline):
        step, _, rest = name.partition("__")
        return bool(rest) and step in method.named_steps and _accepts_metadata(method.named_steps[step], rest)
    inner: Any = getattr(method, "estimator", None)
    return _accepts_metadata(inner, name) if hasattr(inner, "fit") and not isinstance(inner, type) else True


def measure_method(
    name: str, method: Fittable, number: int, fold: tuple[np.ndarray, np.ndarray], task: OuterFoldTask
) -> dict[str, Any]:
    """Fit and score a method on a fold; an error is recorded in the row.

    Returns
    -------
    row : dict
        As in ``Comparison.rows``.
    """
    train, test = fold
    row: dict[str, Any] = {"method": name, "fold": number, **dict.fromkeys(NUMERIC_COLUMNS)}
    row |= {"inner_metric": None, "best_params": None, "error": None, "trace": None, "aims": {}}
    begin, start = datetime.now(), time.perf_counter()
    X_test, y_test = take_rows(task.X, test), take_rows(task.y, test)
    try:
        fitted = _set_seed(_copy_method(method), task.seed)
        to_fit, to_score = route_metadata(fitted, task.scorer, task.params)
        extra = take_metadata_rows(task.X, params=to_fit, indices=train)
        if task.groups is not None and _accepts_groups(fitted):
            extra["groups"] = take_rows(task.groups, train)
        fitted.fit(take_rows(task.X, train), take_rows(task.y, train), **extra)
        row["fit_seconds"] = time.perf_counter() - start
        start = time.perf_counter()
        extra = take_metadata_rows(task.X, params=to_score, indices=test)
        row["score"] = _read_outer_score(task, task.scorer(fitted, X_test, y_test, **extra))
        row["score_seconds"] = time.perf_counter() - start
        row |= _describe_fitted(fitted, begin, row["fit_seconds"])
        row["aims"] = _measure_aims(fitted, X_test, y_test, task.aims)
        row["own_score"] = _score_by_own_scorer(
            fitted, X_test, y_test, take_metadata_rows(task.X, params=task.params, indices=test)
        )
    except FOLD_FAILURES:
        if task.error_score == "raise":
            raise
        row |= {"score": float(task.error_score), "error": make_storable(traceback.format_exc())}
    return row


def _measure_aims(
    fitted: Any, X: MatrixLike, y: ArrayLike, aims: Mapping[str, tuple[Any, int]]
) -> dict[str, float | None]:
    """Return what a fitted model reaches in the objectives and limits of all methods; None if it has no such score."""
    model = get_deployed_model(fitted) if hasattr(fitted, "best_estimator_") else fitted
    found: dict[str, float | None] = {}
    for name, (scorer, sign) in aims.items():
        try:
            found[name] = sign * float(scorer(model, X, y))
        except FOLD_FAILURES:  # such as that of a baseline without predict_proba
            found[name] = None
    return found


def warn_about_failures(rows: Sequence[Mapping[str, Any]]) -> None:
    """Warn of the methods that failed, with the first error of each."""
    failed: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["error"] is not None:
            failed.setdefault(row["method"], []).append(row)
    for method, failed_rows in failed.items():
        warnings.warn(
            f"The method {method!r} failed on {len(failed_rows)} of the outer folds; its scores there are "
            f"{failed_rows[0]['score']}. The first error:\n{failed_rows[0]['error']}",
            FitFailedWarning,
            stacklevel=4,
        )


def _read_outer_score(task: OuterFoldTask, raw: Any) -> float:
    """Return the score as a float; raise ValueError if it is no finite real number."""
    scored = read_score(raw, error_score=task.error_score, scorer=task.scorer)
    if scored.error is not None:
        raise ValueError(scored.error)
    return select_score(scored.score, None)


def _copy_method(method: Fittable) -> Any:
    return clone(method) if hasattr(method, "get_params") else copy.deepcopy(method)


def _set_seed(method: Any, seed: int | None) -> Any:
    """Set the seed as every ``random_state`` that is None."""
    if seed is None or not hasattr(method, "get_params"):
        return method
    params = method.get_params(deep=True)
    unseeded = [name for name in params if name.split("__")[-1] == "random_state" and params[name] is None]
    return method.set_params(**dict.fromkeys(unseeded, seed)) if unseeded else method


def _accepts_groups(method: Fittable) -> bool:
    parameters = signature(method.fit).parameters
    takes_any = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values())
    return "groups" in parameters or (takes_any and hasattr(method, "cv"))


def _score_by_own_scorer(fitted: Any, X: MatrixLike, y: ArrayLike, params: Mapping[str, Any]) -> float | None:
    """Score with the search's own scorer, if it has one; with sample weights if the search used them in its scores."""
    scorer = getattr(fitted, "scorer_", None)
    if isinstance(scorer, Mapping):
        plan = get_objective_plan(fitted)
        scorer = scorer.get(getattr(fitted, "refit", None) if plan is None else plan.primary)
    if not callable(scorer) or getattr(fitted, "best_score_", None) is None:
        return None
    # A score of the estimator's own takes weights, where that of the search around it does not.
    winner = fitted.best_estimator_ if hasattr(fitted, "estimator") else fitted
    score = scorer(winner, X, y, **_select_score_metadata(scorer, params))
    return float(score) if isinstance(score, int | float | np.number) else None


def _select_score_metadata(scorer: Scorer, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata that a scorer requests."""
    if not is_routing_enabled():
        return {
            name: parameter
            for name, parameter in params.items()
            if name == "sample_weight" and accepts_sample_weight(scorer)
        }
    consumed = {name: params[name] for name in get_routing_for_object(scorer).consumes("score", params)}
    router = MetadataRouter(owner="compare")
    router.add(scorer=scorer, method_mapping=MethodMapping().add(caller="fit", callee="score"))
    return dict(process_routing(router, "fit", **consumed).scorer.score) if consumed else {}


def _describe_fitted(fitted: Any, begin: datetime, seconds: float) -> dict[str, Any]:
    """Return the results of a fitted method; without ``cv_results_`` like scikit-learn's, its best parameters only."""
    try:
        trial_table = read_trial_table(fitted)
    except ValueError:
        return {"best_params": _get_best_params(fitted)}
    inner = getattr(fitted, "best_score_", None)
    return {
        "inner_score": None if inner is None else float(inner),
        "inner_metric": trial_table.described_metric.name,
        "n_fits": int(trial_table.n_folds.sum()) + hasattr(fitted, "best_estimator_"),
        "n_trials": len(trial_table),
        "best_params": _get_best_params(fitted),
        "trace": _make_trace(fitted, trial_table, begin, seconds),
    }


def _get_best_params(fitted: object) -> Any:
    """Return the best parameters, under scikit-learn's attribute or FLAML's."""
    found = getattr(fitted, "best_params_", None)
    return found if found is not None else getattr(fitted, "best_config", None)


def _make_trace(
    fitted: object, trial_table: TrialTable, begin: datetime, seconds: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return when each score was known: by the study's times, else by adding up the candidates' seconds."""
    complete = np.flatnonzero(np.isfinite(trial_table.eligible_score))  # of a complete candidate that may win
    if not len(complete):
        return None
    if hasattr(fitted, "study_") and hasattr(fitted.study_, "get_trials"):
        ends = {
            trial.number: (trial.datetime_complete - begin).total_seconds()
            for trial in fitted.study_.get_trials(deepcopy=False)
            if trial.datetime_complete is not None
        }
        # An estimator's own parameters that were measured apart are no trial; they count at the end.
        when = np.array([ends.get(number, seconds) for number in trial_table.number[complete]])
    else:
        total = float(np.nansum(trial_table.seconds))
        searching = max(0.0, seconds - float(getattr(fitted, "refit_time_", 0.0)))
        when = np.nancumsum(trial_table.seconds)[complete] * (searching / total if total > 0 else 0.0)
    order = np.argsort(when, kind="stable")
    return np.clip(when[order], 0.0, seconds), np.maximum.accumulate(trial_table.score[complete][order])
