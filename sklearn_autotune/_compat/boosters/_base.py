"""What a library of estimators that add rounds is asked for, and the arguments of a fit that may be continued."""

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
        The part of a candidate that is trained on, such as the last step of a Pipeline.
    rounds_param : str
        The parameter that counts its rounds.
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
        """Return the estimator trained with this number of rounds, which is more than before."""
        ...

    def close(self) -> None:
        """End the thread, if there is one."""
        ...


class Library(Protocol):
    """What differs between libraries of estimators that add rounds.

    Attributes
    ----------
    package : str
        The top-level package of its estimators.
    rounds_params : tuple of str
        What its estimators call their number of rounds; of a booster, the first name is the one that is set.
    rounds_aliases : tuple of str
        Other names that their constructors take for it.
    """

    package: str
    rounds_params: tuple[str, ...]
    rounds_aliases: tuple[str, ...]

    def find_default_rounds(self, model: Any, param: str) -> int | None:
        """Return how many rounds a model of this library fits where the parameter is None; None if not known."""
        ...

    def start_continued_fit(self, fit: PartFit, max_rounds: int) -> ContinuedPartFit | None:
        """Start a fit of this library that gives the same model as one fit, to the last bit; None if it would not."""
        ...

    def declare_categories(self, model: Any, columns: np.ndarray, n_columns: int) -> dict[str, Any] | None:
        """Set which columns hold categories, and return arguments of ``fit``; None if this is not the model's way."""
        ...


class BoosterLibrary(Library, Protocol):
    """What differs between libraries of boosters that stop early on rows that they are given.

    Attributes
    ----------
    patience_param : str
        The parameter that says how many rounds to wait for a better one; early stopping is off where it is None.
    """

    patience_param: str

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
        """Return the number of rounds that predictions are made with."""
        ...

    def set_prediction_rounds(self, model: Any, n_rounds: int) -> None:
        """Change the number of rounds that predictions are made with, by the model and by all copies of it.

        Later rounds may be dropped.
        """
        ...

    def find_refit_params(self, model: Any) -> dict[str, Any] | None:
        """Return the changed parameters with which a fit without evaluation rows gives a fitted model once more.

        A parameter with the value None is to be left out. There are no changes, ``{}``, if the model's own parameters
        give it; None if no parameters do.
        """
        ...


def is_exact_class(estimator: Any, package: str, names: Collection[str]) -> bool:
    """Whether the estimator's class is one of these, and not derived from one; the package need not be imported."""
    kind = type(estimator)
    return kind.__module__.partition(".")[0] == package and kind.__name__ in names


def has_repeatable_seed(params: Mapping[str, Any]) -> bool:
    """Whether each fit draws the same random numbers. A RandomState would change with the first fit."""
    return params.get("random_state") is None or isinstance(params["random_state"], Integral)
