"""The resource of a search with rungs: which parameter of an estimator sets its amount, and the maximum amount."""

import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from sklearn.pipeline import Pipeline

from sklearn_autotune._compat.boosters import ROUNDS_PARAMS, ROUNDS_PARAMS_WITH_ALIASES, find_default_rounds

__all__ = [
    "EPOCHS",
    "ITERATIONS",
    "SAMPLES",
    "ResourceLocation",
    "check_not_searched",
    "get_default_amount",
    "is_positive_integer",
    "locate_resource",
]

SAMPLES = "n_samples"
ITERATIONS = "iterations"
EPOCHS = "epochs"

AUTO_EPOCHS = 100  # the maximum if neither max_resources nor the estimator's max_iter gives one


@dataclass(frozen=True, slots=True)
class ResourceLocation:
    """Where the amount of the resource is set: a part of an estimator, and a parameter of this part.

    Attributes
    ----------
    path : tuple of str
        The names of the Pipeline steps that lead to the part whose training is continued: the last step of a Pipeline,
        or of a Pipeline inside it. Empty if this part is the estimator itself.
    name : str
        The part's parameter that sets the amount; "epochs" for the number of calls of ``partial_fit``.
    """

    path: tuple[str, ...]
    name: str

    @property
    def parameter(self) -> str:
        """The name of this parameter in ``estimator.get_params()``."""
        return "__".join((*self.path, self.name))

    def get_part(self, estimator: Any) -> Any:
        """Return the part of an estimator whose training is continued."""
        for step in self.path:
            estimator = estimator.named_steps[step]
        return estimator


def locate_resource(estimator: Any, resource: str) -> ResourceLocation:
    """Find the part and the parameter that set the amount of a resource.

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
    path, last = _find_last_step(estimator)
    if resource == EPOCHS:
        if not hasattr(last, "partial_fit"):
            raise ValueError(
                f"Cannot use resource='epochs' which is not supported by estimator {estimator}: "
                f"{type(last).__name__} has no partial_fit. Use 'iterations', 'n_samples' or a parameter's name."
            )
        return ResourceLocation(path, EPOCHS)
    if resource == ITERATIONS:
        # CatBoost's get_params omits parameters that were not set, and its constructor has several names for this one.
        known = last.get_params() if hasattr(last, "get_params") else {}
        names = [name for name in ROUNDS_PARAMS_WITH_ALIASES if name in known] + [
            name for name in reversed(ROUNDS_PARAMS) if name in _get_constructor_parameters(last)
        ]
        if not names:
            raise ValueError(
                f"Cannot use resource='iterations' which is not supported by estimator {estimator}: "
                f"{type(last).__name__} has none of {', '.join(ROUNDS_PARAMS)}. "
                "Use 'n_samples', 'epochs' or a parameter's name."
            )
        return ResourceLocation(path, names[0])
    if resource not in estimator.get_params() and resource not in _get_constructor_parameters(estimator):
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


def _find_last_step(estimator: Any) -> tuple[tuple[str, ...], Any]:
    path: tuple[str, ...] = ()
    while isinstance(estimator, Pipeline):
        name, estimator = estimator.steps[-1]
        path = (*path, name)
    return path, estimator


def _get_constructor_parameters(estimator: Any) -> Mapping[str, Any]:
    return inspect.signature(type(estimator).__init__).parameters


def check_not_searched(location: ResourceLocation, searched: Collection[str]) -> None:
    """Raise ValueError if the space contains the parameter that the rungs set."""
    if location.parameter in searched:
        raise ValueError(
            f"Cannot use parameter {location.parameter} as the resource since it is part of the searched parameters. "
            "Remove it from the space: the search itself finds its best value."
        )


def get_default_amount(estimator: Any, location: ResourceLocation) -> int:
    """Return the amount of a resource that the estimator uses without rungs."""
    part = location.get_part(estimator)
    if location.name == EPOCHS:
        epochs = part.get_params().get("max_iter")
        return int(epochs) if is_positive_integer(epochs) else AUTO_EPOCHS
    amount = estimator.get_params().get(location.parameter)
    if amount is None:
        amount = find_default_rounds(part, location.name)
    if not is_positive_integer(amount):
        raise ValueError(
            f"max_resources='auto' uses the value that the estimator has, but {location.parameter} is {amount!r} in "
            f"{estimator}, which is not a positive integer. Set it to a positive integer, or give max_resources."
        )
    return int(amount)


def is_positive_integer(amount: Any) -> bool:
    """Whether a value is a positive integer, and not a bool."""
    return isinstance(amount, Integral) and not isinstance(amount, bool) and amount > 0  # type: ignore[operator]
