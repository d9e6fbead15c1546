"""Resolve the scorer, and route metadata to the estimator, the splitter and the scorer."""

import warnings
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from sklearn.metrics import check_scoring
from sklearn.utils import Bunch
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

from sklearn_autotune._compat.sklearn import (
    MultimetricScorer,
    accepts_sample_weight,
    check_multimetric_scoring,
    get_scorers,
    is_routing_enabled,
    take_rows,
)
from sklearn_autotune._compat.types import CrossValidation, Estimator, Refit, Scorer, Scoring
from sklearn_autotune.objectives._plan import ObjectivePlan, read_objectives
from sklearn_autotune.statistics._cross_thresholds import resolve_threshold

__all__ = [
    "check_refit_names_score",
    "make_router",
    "resolve_aimed_scorer",
    "resolve_scorer",
    "route_metadata",
    "route_metadata_by_name",
    "take_routed_rows",
]


class RoutedSearch(Protocol):
    """A search, as far as scikit-learn's routing needs to know it; parameters as of `OptunaSearchCV`."""

    estimator: Estimator
    scoring: Scoring
    refit: Refit
    error_score: float | str
    cv: CrossValidation


def resolve_scorer(
    estimator: Estimator, scoring: Scoring, *, refit: Refit = True, error_score: float | str = "raise"
) -> Any:
    """Return the scorer that ``scoring`` asks for; a multi-metric one if it names several.

    The names of a set come in alphabetical order, because its own order differs from process to process.

    Raises
    ------
    ValueError
        If there are several scores and ``refit`` does not say which one decides.
    """
    if callable(scoring):
        return scoring
    if scoring is None or isinstance(scoring, str):
        return check_scoring(estimator, scoring)
    if isinstance(scoring, set) and all(isinstance(name, str) for name in scoring):
        scoring = sorted(scoring)
    scorers = check_multimetric_scoring(estimator, scoring)
    check_refit_names_score(refit, scorers)
    return MultimetricScorer(scorers=scorers, raise_exc=error_score == "raise")


def resolve_aimed_scorer(search: RoutedSearch, plan: ObjectivePlan | None) -> Any:
    """Return the scorer of a search: of its objectives and limits too, if it has any.

    Parameters
    ----------
    search : estimator
    plan : ObjectivePlan or None
        Its objectives and limits.
    """
    scoring, refit = (search.scoring, search.refit) if plan is None else (plan.scorers, False)
    return resolve_scorer(search.estimator, scoring, refit=refit, error_score=search.error_score)


def _read_plan(search: Any) -> ObjectivePlan | None:
    if not hasattr(search, "objectives"):
        return None
    return read_objectives(search.objectives, search.limits, search.scoring, search.refit, search.estimator)


def check_refit_names_score(refit: Refit, scores: Mapping[str, Any]) -> None:
    """Raise ValueError, in scikit-learn's words, if there are several scores and none is chosen."""
    if refit is False or callable(refit) or (isinstance(refit, str) and refit in scores):
        return
    raise ValueError(
        "For multi-metric scoring, the parameter refit must be set to a scorer key or a callable to refit an "
        "estimator with the best parameter setting on the whole data and make the best_* attributes available for "
        f"that metric. If this is not needed, refit should be set to False explicitly. {refit!r} was passed."
    )


def route_metadata(search: Estimator, params: Mapping[str, Any], scorer: Scorer) -> Bunch:
    """Split ``fit``'s metadata among the estimator, the splitter and the scorer.

    Without scikit-learn's routing, ``groups`` goes to the splitter, ``sample_weight`` to the estimator and to scorers
    that take it, and everything else to the estimator.
    """
    return (
        process_routing(search, "fit", **params)
        if is_routing_enabled()
        else route_metadata_by_name(search, params, scorer)
    )


def route_metadata_by_name(search: Estimator, params: Mapping[str, Any], scorer: Scorer) -> Bunch:
    """Split ``fit``'s metadata by its names, without scikit-learn's routing."""
    to_fit = dict(params)
    groups = to_fit.pop("groups", None)
    to_score = {}
    weight = to_fit.get("sample_weight")
    if weight is not None and _check_sample_weight_support(scorer, search):
        to_score["sample_weight"] = weight
    threshold = getattr(search, "threshold", None)
    takes_weight = weight is not None and threshold is not None and accepts_sample_weight(resolve_threshold(threshold))
    return Bunch(
        estimator=Bunch(fit=to_fit),
        splitter=Bunch(split={"groups": groups}),
        scorer=Bunch(score=to_score),
        threshold=Bunch(score={"sample_weight": weight} if takes_weight else {}),
    )


def take_routed_rows(routed: Bunch, rows: np.ndarray) -> Bunch:
    """Cut routed metadata, all of which have an entry for each row, to some rows."""

    def take(params: Mapping[str, Any]) -> dict[str, Any]:
        return {name: None if value is None else take_rows(value, rows) for name, value in params.items()}

    return Bunch(
        estimator=Bunch(fit=take(routed.estimator.fit)),
        splitter=Bunch(split=take(routed.splitter.split)),
        scorer=Bunch(score=take(routed.scorer.score)),
        threshold=Bunch(score=take(routed.threshold.score)),
    )


def make_router(search: RoutedSearch) -> MetadataRouter:
    """Build the router that scikit-learn's own searches have."""
    router = (
        MetadataRouter(owner=search)
        .add(estimator=search.estimator, method_mapping=MethodMapping().add(caller="fit", callee="fit"))
        .add(
            scorer=resolve_aimed_scorer(search, _read_plan(search)),
            method_mapping=MethodMapping().add(caller="score", callee="score").add(caller="fit", callee="score"),
        )
        .add(splitter=search.cv, method_mapping=MethodMapping().add(caller="fit", callee="split"))
    )
    threshold = getattr(search, "threshold", None)
    if threshold is not None:
        mapping = MethodMapping().add(caller="fit", callee="score")
        router.add(threshold=resolve_threshold(threshold), method_mapping=mapping)
    return router


def _check_sample_weight_support(scorer: Scorer, search: object) -> bool:
    """Whether any of the scorers accepts sample weights; warn for each that does not."""
    scorers = get_scorers(scorer)
    if isinstance(scorers, dict):
        named = {f"{name}={single_scorer}": single_scorer for name, single_scorer in scorers.items()}
    else:
        named = {str(scorer): scorer}
    accepted = []
    for name, single_scorer in named.items():
        is_accepted = accepts_sample_weight(single_scorer)
        if not is_accepted:
            warnings.warn(
                f"The scoring {name} does not support sample_weight, which may lead to statistically incorrect "
                f"results when fitting {search} with sample_weight. ",
                stacklevel=4,
            )
        accepted.append(is_accepted)
    return any(accepted)
