"""What candidates are given little by little: where an estimator counts it, and how much of it there is."""

import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from sklearn.pipeline import Pipeline

__all__ = [
    "EPOCHS",
    "ITERATIONS",
    "SAMPLES",
    "ResourceLocation",
    "check_not_searched",
    "get_default_amount",
    "is_exact_class",
    "is_positive_integer",
    "is_xgboost_booster",
    "locate_resource",
]

SAMPLES = "n_samples"
ITERATIONS = "iterations"
EPOCHS = "epochs"

# What estimators call their number of iterations; the last three are CatBoost's.
COUNTS = ("n_estimators", "max_iter", "iterations", "num_boost_round", "num_trees")

AUTO_EPOCHS = 100  # the most where neither max_resources nor the estimator's max_iter says

BOOSTERS = ("XGBClassifier", "XGBRegressor", "XGBRanker")


@dataclass(frozen=True, slots=True)
class ResourceLocation:
    """Where in an estimator the resource is counted.

    Attributes
    ----------
    path : tuple of str
        The steps that lead to the part that grows: the last step of a Pipeline, perhaps of one inside another. Empty
        where the estimator grows as a whole.
    name : str
        What the part calls its count; "epochs" where it is the number of calls of ``partial_fit``.
    """

    path: tuple[str, ...]
    name: str

    @property
    def parameter(self) -> str:
        """The name of the count among the parameters of the whole estimator."""
        return "__".join((*self.path, self.name))

    def part(self, estimator: Any) -> Any:
        """Return the part of an estimator that grows."""
        for step in self.path:
            estimator = estimator.named_steps[step]
        return estimator


def locate_resource(estimator: Any, resource: str) -> ResourceLocation:
    """Find what a resource is for this estimator.

    Parameters
    ----------
    estimator : estimator
    resource : str
        "iterations", "epochs" or the name of a parameter.

    Returns
    -------
    location : ResourceLocation

    Raises
    ------
    ValueError
        If the estimator has no such resource.
    """
    path, last = _last_step(estimator)
    if resource == EPOCHS:
        if not hasattr(last, "partial_fit"):
            raise ValueError(
                f"Cannot use resource='epochs' which is not supported by estimator {estimator}: "
                f"{type(last).__name__} has no partial_fit. Use 'iterations', 'n_samples' or a parameter's name."
            )
        return ResourceLocation(path, EPOCHS)
    if resource == ITERATIONS:
        # CatBoost's get_params leaves out what was not set, and its constructor takes several names for the same.
        known = last.get_params() if hasattr(last, "get_params") else {}
        names = [name for name in COUNTS if name in known] + [
            name for name in COUNTS[2::-1] if name in _constructor(last)
        ]
        if not names:
            raise ValueError(
                f"Cannot use resource='iterations' which is not supported by estimator {estimator}: "
                f"{type(last).__name__} has none of {', '.join(COUNTS[:3])}. "
                "Use 'n_samples', 'epochs' or a parameter's name."
            )
        return ResourceLocation(path, names[0])
    if resource not in estimator.get_params() and resource not in _constructor(estimator):
        raise ValueError(
            f"Cannot use resource={resource} which is not supported by estimator {estimator}. "
            "Use 'n_samples', 'iterations', 'epochs' or one of its parameters; inside a Pipeline, 'step__parameter'."
        )
    before = "__".join((*path, ""))
    return (
        ResourceLocation(path, resource.removeprefix(before))
        if resource.startswith(before)
        else ResourceLocation((), resource)
    )


def _last_step(estimator: Any) -> tuple[tuple[str, ...], Any]:
    path: tuple[str, ...] = ()
    while isinstance(estimator, Pipeline):
        name, estimator = estimator.steps[-1]
        path = (*path, name)
    return path, estimator


def _constructor(estimator: Any) -> Mapping[str, Any]:
    return inspect.signature(type(estimator).__init__).parameters


def check_not_searched(location: ResourceLocation, searched: Collection[str]) -> None:
    """Raise ValueError if candidates set themselves what rungs are to settle."""
    if location.parameter in searched:
        raise ValueError(
            f"Cannot use parameter {location.parameter} as the resource since it is part of the searched parameters. "
            "Take it out of the space: measuring settles it."
        )


def get_default_amount(estimator: Any, location: ResourceLocation) -> int:
    """Return how much of a resource the estimator would be given without rungs."""
    part = location.part(estimator)
    if location.name == EPOCHS:
        epochs = part.get_params().get("max_iter")
        return int(epochs) if is_positive_integer(epochs) else AUTO_EPOCHS
    amount = estimator.get_params().get(location.parameter)
    if amount is None and is_xgboost_booster(part) and location.name == "n_estimators":
        amount = part.get_num_boosting_rounds()
    if not is_positive_integer(amount):
        raise ValueError(
            f"max_resources='auto' is what the estimator has set, but {location.parameter} is {amount!r} in "
            f"{estimator}, and not a positive integer. Set it there, or give max_resources."
        )
    return int(amount)


def is_positive_integer(amount: Any) -> bool:
    """Whether it is a positive integer."""
    return isinstance(amount, Integral) and not isinstance(amount, bool) and amount > 0  # type: ignore[operator]


def is_xgboost_booster(estimator: Any) -> bool:
    """Whether it is one of XGBoost's that count boosting rounds (the forests count trees in one round)."""
    return is_exact_class(estimator, "xgboost", BOOSTERS)


def is_exact_class(estimator: Any, package: str, names: Any) -> bool:
    """Whether it is of just this class, not of one derived from it; the package need not be imported."""
    kind = type(estimator)
    return kind.__module__.partition(".")[0] == package and kind.__name__ in names
