"""One method on one outer fold: fitted, scored, and asked what it did."""

import copy
import time
import traceback
from collections.abc import Mapping
from datetime import datetime
from inspect import Parameter, signature
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.metrics import check_scoring

from sklearn_autotune._finished import Finished, read_finished
from sklearn_autotune._sklearn import take_rows

__all__ = ["measure_method"]

NUMBERS = ("score", "inner_score", "own_score", "fit_seconds", "score_seconds", "n_fits", "n_trials")


def measure_method(
    name: str,
    method: Any,
    number: int,
    fold: tuple[np.ndarray, np.ndarray],
    X: Any,
    y: Any,
    groups: Any,
    scoring: Any,
    seed: int | None,
    error_score: float | str,
) -> dict[str, Any]:
    """Fit and score; what goes wrong is the row's own.

    Returns
    -------
    row : dict
        As in ``Comparison.rows``.
    """
    train, test = fold
    row: dict[str, Any] = {"method": name, "fold": number, **dict.fromkeys(NUMBERS)}
    row |= {"best_params": None, "error": None, "trace": None}
    begin, start = datetime.now(), time.perf_counter()
    try:
        fitted = _seeded(_copied(method), seed)
        extra = {"groups": take_rows(groups, train)} if groups is not None and _takes_groups(fitted) else {}
        fitted.fit(take_rows(X, train), take_rows(y, train), **extra)
        row["fit_seconds"] = time.perf_counter() - start
        start = time.perf_counter()
        row["score"] = float(check_scoring(fitted, scoring)(fitted, take_rows(X, test), take_rows(y, test)))
        row["score_seconds"] = time.perf_counter() - start
        row |= _told_by(fitted, begin, row["fit_seconds"])
        row["own_score"] = _own_score(fitted, take_rows(X, test), take_rows(y, test))
    except Exception:
        if error_score == "raise":
            raise
        row |= {"score": float(error_score), "error": traceback.format_exc()}
    return row


def _copied(method: Any) -> Any:
    return clone(method) if hasattr(method, "get_params") else copy.deepcopy(method)


def _seeded(method: Any, seed: int | None) -> Any:
    """Give the seed to whatever has none."""
    if seed is None or not hasattr(method, "get_params"):
        return method
    params = method.get_params(deep=True)
    open_ = [name for name in params if name.split("__")[-1] == "random_state" and params[name] is None]
    return method.set_params(**dict.fromkeys(open_, seed)) if open_ else method


def _takes_groups(method: Any) -> bool:
    parameters = signature(method.fit).parameters
    takes_any = any(one.kind is Parameter.VAR_KEYWORD for one in parameters.values())
    return "groups" in parameters or (takes_any and hasattr(method, "cv"))


def _own_score(fitted: Any, X: Any, y: Any) -> float | None:
    """Score by what a search itself goes by, if it says what that is."""
    scorer = getattr(fitted, "scorer_", None)
    if isinstance(scorer, Mapping):
        scorer = scorer.get(getattr(fitted, "refit", None))
    if not callable(scorer) or getattr(fitted, "best_score_", None) is None:
        return None
    score = scorer(fitted, X, y)
    return float(score) if isinstance(score, int | float | np.number) else None


def _told_by(fitted: Any, begin: datetime, seconds: float) -> dict[str, Any]:
    """Read what a fitted method says of itself; only those with scikit-learn's table of results say much."""
    if not isinstance(getattr(fitted, "cv_results_", None), Mapping):
        return {"best_params": _params_of(fitted)}
    finished = read_finished(fitted)
    inner = getattr(fitted, "best_score_", None)
    return {
        "inner_score": None if inner is None else float(inner),
        "n_fits": int(finished.n_folds.sum()) + hasattr(fitted, "best_estimator_"),
        "n_trials": len(finished),
        "best_params": _params_of(fitted),
        "trace": _trace(fitted, finished, begin, seconds),
    }


def _params_of(fitted: Any) -> Any:
    """Return the best parameters by scikit-learn's name for them, or by FLAML's."""
    found = getattr(fitted, "best_params_", None)
    return found if found is not None else getattr(fitted, "best_config", None)


def _trace(fitted: Any, finished: Finished, begin: datetime, seconds: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Say when each score was known, from the study's clock, else from the candidates' seconds one after another."""
    complete = finished.having("complete")
    if not len(complete):
        return None
    if hasattr(fitted, "study_") and hasattr(fitted.study_, "get_trials"):
        ends = {one.number: one.datetime_complete for one in fitted.study_.get_trials(deepcopy=False)}
        when = np.array([(ends[number] - begin).total_seconds() for number in finished.number[complete]])
    else:
        total = float(np.nansum(finished.seconds))
        searching = max(0.0, seconds - float(getattr(fitted, "refit_time_", 0.0)))
        when = np.nancumsum(finished.seconds)[complete] * (searching / total if total > 0 else 0.0)
    order = np.argsort(when, kind="stable")
    return np.clip(when[order], 0.0, seconds), np.maximum.accumulate(finished.score[complete][order])
