"""What a comparison needs before anything is fitted: checks, baselines, outer folds and the score."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import check_scoring, get_scorer
from sklearn.model_selection import check_cv
from sklearn.utils import check_consistent_length
from sklearn.utils.multiclass import type_of_target

from sklearn_autotune._compat.scorer_names import check_scorer_names
from sklearn_autotune._compat.sklearn import is_routing_enabled
from sklearn_autotune._compat.types import ArrayLike, CrossValidation, MatrixLike, Scorer
from sklearn_autotune.analysis._method_kind import MethodKind, name_method_score
from sklearn_autotune.analysis._outer_fold import OuterFoldTask, route_metadata
from sklearn_autotune.evaluation import Fold
from sklearn_autotune.evaluation._defaults import make_shuffled_folds
from sklearn_autotune.evaluation._metric import name_own_score
from sklearn_autotune.search._setup import check_positions, check_test_rows, read_positions
from sklearn_autotune.space._dimensions import describe_value

__all__ = ["check_methods", "check_params", "draw_outer_folds", "make_baselines", "resolve_outer_scorer"]


def check_methods(methods: object) -> None:
    """Raise TypeError unless the methods are a dict of names to estimators."""
    if not isinstance(methods, Mapping) or not methods:
        raise TypeError(f"methods must be a dict of names to estimators, with one at least, got {methods!r}.")
    for name, method in methods.items():
        if not isinstance(name, str):
            raise TypeError(f"The names of methods are strings, got {name!r}.")
        if isinstance(method, type) or not hasattr(method, "fit"):
            raise TypeError(f"The method {name!r} has to be an estimator, an instance with fit; got {method!r}.")


def resolve_outer_scorer(methods: Mapping[str, Any], scoring: str | Scorer | None) -> Any:
    """Return the score of all as a callable."""
    check_scorer_names(scoring)
    return get_scorer(scoring) if isinstance(scoring, str) else check_scoring(next(iter(methods.values())), scoring)


def check_params(methods: Mapping[str, Any], task: OuterFoldTask) -> None:
    """Refuse metadata that cannot be routed, before anything is fitted."""
    if "groups" in task.params:
        raise ValueError("params holds groups; pass them as groups=, for the folds are drawn by them.")
    weight = task.params.get("sample_weight")
    if weight is not None:
        check_consistent_length(task.y, weight)
    for name, method in methods.items():
        try:
            route_metadata(method, task.scorer, task.params)
        except TypeError as error:
            raise TypeError(f"The method {name!r}: {error}") from error


def make_baselines(methods: Mapping[str, Any], kind: MethodKind, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the methods that all others should beat: a dummy, and the estimators without tuning."""
    baselines_by_name: dict[str, Any] = {}
    if kind != MethodKind.OTHER:
        dummy = DummyClassifier(strategy="prior") if kind == MethodKind.CLASSIFIER else DummyRegressor()
        if is_routing_enabled():
            dummy.set_fit_request(sample_weight="sample_weight" in params)
        baselines_by_name["dummy"] = dummy
    untuned: dict[str, Any] = {}
    for method in methods.values():
        inner = getattr(method, "estimator", None)
        # A wrapper of scikit-survival that replaces the score is no search: the score of what it wraps is another one.
        has_same_score = kind != MethodKind.OTHER or name_method_score(method) == name_own_score(inner)
        if hasattr(inner, "fit") and not isinstance(inner, type) and has_same_score:
            untuned.setdefault(describe_value(inner), inner)
    for index, inner in enumerate(untuned.values(), 1):
        baselines_by_name["untuned" if len(untuned) == 1 else f"untuned {type(inner).__name__} {index}"] = inner
    return {name: baseline for name, baseline in baselines_by_name.items() if name not in methods}


def draw_outer_folds(
    cv: CrossValidation, X: MatrixLike, y: ArrayLike, groups: ArrayLike | None, kind: MethodKind, seed: int | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw the outer folds, as positions of training and test rows.

    A number of folds is shuffled, and stratified by class for classifiers, and by event for times until an event.

    Raises
    ------
    ValueError
        If ``cv`` gives other rows than those of ``X``.
    """
    is_classification = kind == MethodKind.CLASSIFIER
    if isinstance(cv, int | np.integer):
        events = _find_events(y, int(cv)) if kind == MethodKind.OTHER else None
        is_classes = is_classification and type_of_target(y) in ("binary", "multiclass")
        strata, is_stratified = (y, is_classes) if events is None else (events, True)
        splitter = make_shuffled_folds(int(cv), is_stratified, seed, has_groups=groups is not None)
    else:
        strata, splitter = y, check_cv(cv, y, classifier=is_classification)
    folds = [(read_positions(train), read_positions(test)) for train, test in splitter.split(X, strata, groups)]
    for number, (train, test) in enumerate(folds):
        fold = Fold(number, train, test)
        check_positions(fold, X)
        check_test_rows(fold)
    return folds


def _find_events(y: ArrayLike, n_folds: int) -> np.ndarray | None:
    """Return which rows of a target of scikit-survival have had their event.

    None for any other target, and if each fold cannot have a row with an event and one without.
    """
    target = np.asarray(y)
    if target.dtype.names is None or target.dtype[0].kind != "b":
        return None
    events = np.asarray(target[target.dtype.names[0]])
    return events if min(events.sum(), (~events).sum()) >= n_folds else None
