"""What a comparison needs before anything is fitted: checks, baselines, outer folds and the score."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import check_scoring, get_scorer
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length
from sklearn.utils.multiclass import type_of_target

from sklearn_autotune._compat.scorer_names import check_scorer_names
from sklearn_autotune._compat.sklearn import describe_scorer, is_routing_enabled, take_metadata_rows, take_rows
from sklearn_autotune._compat.types import ArrayLike, CrossValidation, MatrixLike, Scorer
from sklearn_autotune.analysis._method_kind import (
    MethodKind,
    get_method_kind,
    name_method_score,
    score_by_own_method,
)
from sklearn_autotune.analysis._outer_fold import OuterFoldTask, route_metadata
from sklearn_autotune.evaluation import FOLD_FAILURES, Fold, make_fixed_predictions
from sklearn_autotune.evaluation._defaults import make_shuffled_folds
from sklearn_autotune.evaluation._metric import name_own_score
from sklearn_autotune.search._base_search import BaseSearch
from sklearn_autotune.search._optuna_search_cv import OptunaSearchCV
from sklearn_autotune.search._setup import check_positions, check_test_rows, read_positions
from sklearn_autotune.space._dimensions import describe_value
from sklearn_autotune.tables._groups import check_groups

__all__ = [
    "check_methods",
    "check_params",
    "check_scores",
    "draw_outer_folds",
    "make_baselines",
    "resolve_outer_scorer",
]

# Regressors of these modules predict amounts, never exactly the labels of classes. Trees and neighbours may.
AMOUNT_MODULES = (
    *(f"sklearn.{name}" for name in ("gaussian_process", "kernel_ridge", "linear_model", "neural_network", "svm")),
    *("lightgbm", "sklearn_autotune.boosting", "xgboost"),
)

SEARCHES = (GridSearchCV, OptunaSearchCV, RandomizedSearchCV)


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
        # A search without an estimator of its own, such as a tuned booster inside MultiOutputRegressor, is not untuned.
        is_search = isinstance(inner, BaseSearch) and not hasattr(inner, "estimator")
        if hasattr(inner, "fit") and not isinstance(inner, type) and has_same_score and not is_search:
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
        If ``cv`` gives other rows than those of ``X``, or a row has no group or more than one.
    """
    is_classification = kind == MethodKind.CLASSIFIER
    if groups is not None:
        check_groups(groups)
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


# -- whether the methods can be scored ---------------------------------------------------------------------------------


def check_scores(
    methods: Mapping[str, Any], task: OuterFoldTask, folds: Sequence[tuple[np.ndarray, np.ndarray]], metric: str
) -> None:
    """Refuse methods that surely fail on every fold, or that the scorer surely cannot score, before any fit.

    Simple predictions of the right kind are scored in the place of those of a method. Nothing is refused if the scorer
    is a function of the user, because only a fitted method shows what it does.

    Parameters
    ----------
    methods : dict of str to estimator
    task : OuterFoldTask
    folds : sequence of tuple of ndarray
    metric : str
        The name of the score.

    Raises
    ------
    ValueError
        If there is such a method.
    """
    described = describe_scorer(task.scorer)
    is_known = described is not None or task.scorer is score_by_own_method
    for name, method in methods.items():
        leaf, is_searched = _find_leaf(method)
        words = f"The method {name!r} ({type(method).__name__})"
        if is_known and getattr(method, "refit", True) is False and not hasattr(method, "predict"):
            raise ValueError(
                f"{words} is a search with refit=False. It has no model after fit that could be scored on held-out "
                "rows. Set refit=True, or refit to the name of a score."
            )
        kind = get_method_kind(method)
        if np.ndim(task.y) != 1 or kind not in (MethodKind.CLASSIFIER, MethodKind.REGRESSOR):
            continue
        _check_kind(words, kind, leaf, task.y)
        if described is None:
            continue
        response = described[2]["response_method"]
        needed = (response,) if isinstance(response, str) else tuple(response)
        if _surely_lacks(leaf, needed, is_searched=is_searched):
            raise ValueError(
                f"{words} cannot be scored by {metric}, which needs {' or '.join(needed)}: {type(leaf).__name__} has "
                "none. Leave this method out, or pass scoring= a score that all methods have."
            )
        if not {"predict", "predict_proba"} & set(needed):
            continue
        failure = _find_score_failure(method, kind, leaf, task, folds)
        if failure is not None:
            raise ValueError(
                f"{words} cannot be scored by {metric} on this target: {failure}. Pass scoring= a score of a "
                f"{kind} that suits the target{'' if len(methods) == 1 else ' and all methods'}, or, if the others "
                "can be scored, leave this method out."
            )


def _find_leaf(method: Any) -> tuple[Any, bool]:
    """Return the estimator to which searches and Pipelines hand predictions on, and whether a search sets parameters.

    None is returned as the estimator if it may be replaced by the search.
    """
    leaf, keys, is_searched = method, set[str](), False
    while isinstance(leaf, (*SEARCHES, Pipeline)):
        if isinstance(leaf, Pipeline):
            name, inner = leaf.steps[-1]
        else:
            is_searched, name, inner = True, "estimator", leaf.estimator
        if name in keys or "*" in keys:
            return None, True
        if not isinstance(leaf, Pipeline):
            keys |= _list_searched(leaf)
        leaf = inner
    return leaf, is_searched


def _list_searched(search: Any) -> set[str]:
    """Return the last parts of the names of the parameters in the space of a search; "*" if they are not known."""
    params = search.get_params(deep=False)
    space = params.get("param_grid") or params.get("param_distributions") or {}
    if space == "auto":
        return set()
    branches = [space] if isinstance(space, Mapping) else space
    if not isinstance(branches, Sequence) or not all(isinstance(branch, Mapping) for branch in branches):
        return {"*"}
    return {str(name).rpartition("__")[2] for branch in branches for name in branch}


def _surely_lacks(leaf: Any, needed: Sequence[str], *, is_searched: bool) -> bool:
    """Whether an estimator of scikit-learn has none of some methods, whatever it is fitted on.

    What one of several estimators inside it has, and what depends on a searched parameter, is seen when it is fitted.
    """
    if not type(leaf).__module__.startswith("sklearn.") or not hasattr(leaf, "get_params"):
        return False
    if not any(hasattr(type(leaf), name) for name in needed):
        return True
    has_parts = {"estimator", "estimators", "final_estimator"} & leaf.get_params(deep=False).keys()
    return not has_parts and not is_searched and not any(hasattr(leaf, name) for name in needed)


def _check_kind(words: str, kind: MethodKind, leaf: Any, y: ArrayLike) -> None:
    """Raise ValueError if an estimator of scikit-learn cannot be fitted with a target, since it is of another kind."""
    if not type(leaf).__module__.startswith("sklearn.") or isinstance(leaf, DummyClassifier):
        return
    if kind == MethodKind.CLASSIFIER and type_of_target(y) == "continuous":
        raise ValueError(f"{words} is a classifier, but the target holds amounts. Take a regressor, or leave it out.")
    if kind == MethodKind.REGRESSOR:
        try:
            np.asarray(y, dtype=float)
        except (TypeError, ValueError):
            found = np.asarray(y, dtype=object)[0]
            raise ValueError(
                f"{words} is a regressor, but the target does not hold numbers: its first value is {found!r}. Take a "
                "classifier, or leave this method out."
            ) from None


def _find_score_failure(
    method: Any, kind: MethodKind, leaf: Any, task: OuterFoldTask, folds: Sequence[tuple[np.ndarray, np.ndarray]]
) -> str | None:
    """Return with which error the scorer fails on all folds for all simple predictions; None if it does not."""
    first = None
    params = route_metadata(method, task.scorer, task.params)[1]
    for train, test in folds:
        y_test, extra = take_rows(task.y, test), take_metadata_rows(task.X, params=params, indices=test)
        rows = np.zeros((len(y_test), 1))
        models = _make_simple_models(rows, take_rows(task.y, train), y_test, kind, leaf)
        try:
            for model in models:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    try:
                        task.scorer(model, rows, y_test, **extra)
                        return None
                    except FOLD_FAILURES as error:
                        first = first or (str(error).strip().rstrip(".") or type(error).__name__)
        except TypeError:  # a target of mixed types, whose classes cannot be sorted
            return None
    return first


def _make_simple_models(
    rows: np.ndarray, y_train: ArrayLike, y_test: ArrayLike, kind: MethodKind, leaf: Any
) -> Iterator[Any]:
    """Make models that need no columns: one predicts the same for all rows, the other nearly the target itself."""
    dummy = DummyClassifier(strategy="prior") if kind == MethodKind.CLASSIFIER else DummyRegressor()
    target = np.asarray(y_test)
    is_number = target.dtype.kind in "biuf"
    if kind == MethodKind.CLASSIFIER or is_number:
        yield dummy.fit(np.zeros((len(np.asarray(y_train)), 1)), y_train)
    if kind == MethodKind.CLASSIFIER:
        classes = np.unique(np.concatenate([np.asarray(y_train), target]))
        shares = 0.8 * (classes == target[:, None]) + 0.2 / len(classes)
        yield make_fixed_predictions(rows, shares, classes)
    elif is_number and type(leaf).__module__.startswith(AMOUNT_MODULES):
        yield make_fixed_predictions(rows, 0.9 * target + 0.1 * target.mean(), None)
    else:
        yield make_fixed_predictions(rows, target, None)
