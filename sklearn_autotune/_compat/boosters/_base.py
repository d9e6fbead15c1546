"""The methods that every library of estimators with rounds has, and the arguments of a fit that may be continued."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Protocol

import numpy as np

__all__ = ["BoosterLibrary", "ContinuedPartFit", "Library", "PartFit", "has_repeatable_seed", "is_exact_class"]


@dataclass(frozen=True, slots=True)
class PartFit:
    """An estimator that is not fitted yet, and the arguments of its ``fit``.

    Attributes
    ----------
    estimator : estimator
        The part of a candidate whose training is continued, such as the last step of a Pipeline.
    rounds_param : str
        The name of its parameter for the number of rounds.
    args : tuple
        X, or X and y.
    fit_params : mapping of str to object
    """

    estimator: Any
    rounds_param: str
    args: tuple[Any, ...]
    fit_params: Mapping[str, Any]


class ContinuedPartFit(Protocol):
    """An estimator that is trained with more and more rounds."""

    def continue_to(self, amount: int) -> Any:
        """Return the estimator trained with this number of rounds, which must be more than in the last call."""
        ...

    def close(self) -> None:
        """End the thread, if there is one."""
        ...


class Library(Protocol):
    """What differs between libraries of estimators that are trained in rounds.

    Attributes
    ----------
    package : str
        The top-level package of its estimators.
    rounds_params : tuple of str
        The names of its estimators' parameter for the number of rounds. For a booster, the first name is used to set
        it.
    rounds_aliases : tuple of str
        Other names that their constructors accept for this parameter.
    """

    package: str
    rounds_params: tuple[str, ...]
    rounds_aliases: tuple[str, ...]

    def find_default_rounds(self, model: Any, param: str) -> int | None:
        """Return how many rounds a model of this library fits if the parameter is None; None if this is not known."""
        ...

    def start_continued_fit(self, fit: PartFit, max_rounds: int) -> ContinuedPartFit | None:
        """Start a fit that can be continued; None if this would not give exactly the same model as one fit."""
        ...

    def declare_categories(self, model: Any, columns: np.ndarray, n_columns: int) -> dict[str, Any] | None:
        """Set which columns hold categories, and return arguments of ``fit``; None if the model cannot be told."""
        ...


class BoosterLibrary(Library, Protocol):
    """What differs between libraries of boosters that can stop early on evaluation rows.

    Attributes
    ----------
    patience_param : str
        The name of the parameter for the number of rounds to wait for a better one. If it is None, early stopping is
        off.
    keeps_training_data : bool
        Whether a fitted model holds more memory than the copy that it is once it has been pickled.
    """

    patience_param: str
    keeps_training_data: bool

    def fit_until(
        self,
        model: Any,
        X: Any,
        y: Any,
        eval_rows: tuple[Any, Any],
        end_time: float,
        fit_params: Mapping[str, Any],
    ) -> None:
        """Fit with early stopping until the time by `clock.now` reaches ``end_time``."""
        ...

    def get_best_rounds(self, model: Any) -> int:
        """Return the number of rounds with the lowest loss on the evaluation rows."""
        ...

    def get_used_rounds(self, model: Any) -> int:
        """Return the number of rounds that are used for predictions."""
        ...

    def set_prediction_rounds(self, model: Any, n_rounds: int) -> None:
        """Change the number of rounds that the model, and every copy of it, uses for predictions.

        Later rounds may be deleted.
        """
        ...

    def find_refit_params(self, model: Any) -> dict[str, Any] | None:
        """Return the parameters to change so that a fit without evaluation rows gives the same fitted model again.

        A parameter with the value None is to be left out. The result is ``{}`` if no change is needed, and None if no
        parameters give the same model.
        """
        ...


def is_exact_class(estimator: Any, package: str, names: Collection[str]) -> bool:
    """Whether the estimator's class is one of these, not a derived class; the package need not be imported."""
    kind = type(estimator)
    return kind.__module__.partition(".")[0] == package and kind.__name__ in names


def has_repeatable_seed(params: Mapping[str, Any]) -> bool:
    """Whether each fit draws the same random numbers. With a RandomState it does not: the first fit changes it."""
    return params.get("random_state") is None or isinstance(params["random_state"], Integral)
