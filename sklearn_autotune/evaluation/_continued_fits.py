"""Continued fits: an estimator is fitted with a small amount of its resource, and then trained further with more.

There are three kinds. What the estimator, or the last step of a Pipeline, can do decides which one is used:

================== ================================================= =============================================
kind               for                                               how
================== ================================================= =============================================
`LibraryFit`       estimators whose library has an exact way:        a warm start, or one ``fit`` in a thread that
                   scikit-learn's forests, bagging and boosting,     waits at each rung (``_compat/boosters``)
                   XGBoost's classifier, regressor and ranker
`RefitFromScratch` every other estimator, and the ones above if      a new fit at each rung
                   their parameters forbid an exact continuation
`EpochFit`         ``resource="epochs"``                             ``partial_fit`` on all training rows
================== ================================================= =============================================

The first two give exactly the same model as one fit with the same amount. So the amount can be stored as a parameter of
the candidate. `LibraryFit` is used only for classes and parameters for which tests/evaluation/test_continued_fits.py
checks that the models are equal.

In a Pipeline, the steps before the last are fitted once. To do so without private names of scikit-learn, ``fit`` of the
last step is replaced by a function that records its arguments. Fitting the Pipeline then fits the earlier steps and
gives the arguments for the last step. Afterwards the replacement is removed.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sklearn.base import clone, is_classifier
from sklearn.utils.multiclass import unique_labels

from sklearn_autotune._compat.boosters import ContinuedPartFit, PartFit, start_exact_continued_fit
from sklearn_autotune.evaluation._resource import EPOCHS, ResourceLocation, locate_resource

__all__ = ["ContinuedFit", "fit_epochs", "start_continued_fit"]


class ContinuedFit(Protocol):
    """An estimator that is trained with more and more of its resource."""

    def continue_to(self, amount: int) -> Any:
        """Return the estimator trained with this amount of the resource; it must be more than in the last call."""
        ...

    def close(self) -> None:
        """End the thread, if there is one."""
        ...


@dataclass(frozen=True, slots=True)
class _PreparedFit:
    """An estimator with one part that is not fitted yet, and the arguments of ``fit`` for that part."""

    estimator: Any
    location: ResourceLocation
    args: tuple[Any, ...]
    fit_params: Mapping[str, Any]

    @property
    def part(self) -> Any:
        return self.location.get_part(self.estimator)

    def replace_part(self, part: Any) -> Any:
        """Put a part that was fitted separately into the estimator."""
        return self.estimator.set_params(**{"__".join(self.location.path): part}) if self.location.path else part


def start_continued_fit(
    estimator: Any, location: ResourceLocation, max_amount: int, args: tuple[Any, ...], fit_params: Mapping[str, Any]
) -> ContinuedFit:
    """Fit the steps before the part that is trained further, and choose how to continue the fit of this part.

    Parameters
    ----------
    estimator : estimator
        With the candidate's parameters; it may be changed and fitted.
    location : ResourceLocation
    max_amount : int
        The largest amount that will be requested.
    args : tuple
        The arguments of ``fit``: X, or X and y.
    fit_params : mapping of str to object

    Returns
    -------
    continued_fit : ContinuedFit
        The caller has to close it.
    """
    prepared = _fit_earlier_steps(estimator, location, args, fit_params)
    if location.name == EPOCHS:
        return EpochFit(prepared)
    part_fit = PartFit(prepared.part, location.name, prepared.args, prepared.fit_params)
    continued = start_exact_continued_fit(part_fit, max_amount)
    return RefitFromScratch(prepared) if continued is None else LibraryFit(prepared, continued)


def fit_epochs(estimator: Any, epochs: int, args: tuple[Any, ...], fit_params: Mapping[str, Any]) -> Any:
    """Fit an estimator in place by calling ``partial_fit`` on all rows several times, as was done on the folds.

    Parameters
    ----------
    estimator : estimator
        It has ``partial_fit``, or is a Pipeline whose last step has; the earlier steps are fitted as usual.
    epochs : int
    args : tuple
        X, or X and y.
    fit_params : mapping of str to object
        As for ``fit``.

    Returns
    -------
    estimator : estimator
        The same object.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import SGDClassifier
    >>> fit_epochs(SGDClassifier(random_state=0), 3, load_iris(return_X_y=True), {}).t_
    451.0
    """
    return EpochFit(_fit_earlier_steps(estimator, locate_resource(estimator, EPOCHS), args, fit_params)).continue_to(
        epochs
    )


def _fit_earlier_steps(
    estimator: Any, location: ResourceLocation, args: tuple[Any, ...], fit_params: Mapping[str, Any]
) -> _PreparedFit:
    """Fit the steps before the part that is trained further, and record the arguments of ``fit`` for this part."""
    if not location.path:
        return _PreparedFit(estimator, location, args, fit_params)
    part = location.get_part(estimator)
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def record_call(*args: Any, **fit_params: Any) -> Any:
        calls.append((args, fit_params))
        return part

    part.fit = record_call
    try:
        estimator.fit(*args, **fit_params)
    finally:
        del part.fit
    return _PreparedFit(estimator, location, *calls[0])


# -- the kinds -------------------------------------------------------------------------------------------------------


class RefitFromScratch:
    """Fits a new clone for each amount, which is exact for every estimator."""

    def __init__(self, prepared: _PreparedFit) -> None:
        self.prepared = prepared
        self.template = clone(prepared.part)

    def continue_to(self, amount: int) -> Any:
        """Return the estimator trained with this amount of the resource."""
        part = clone(self.template).set_params(**{self.prepared.location.name: amount})
        part.fit(*self.prepared.args, **self.prepared.fit_params)
        return self.prepared.replace_part(part)

    def close(self) -> None:
        """Do nothing: there is no thread."""


class LibraryFit:
    """Continues the fit of the part by an exact method of its library."""

    def __init__(self, prepared: _PreparedFit, part_fit: ContinuedPartFit) -> None:
        self.prepared = prepared
        self.part_fit = part_fit

    def continue_to(self, amount: int) -> Any:
        """Return the estimator trained with this amount of the resource."""
        return self.prepared.replace_part(self.part_fit.continue_to(amount))

    def close(self) -> None:
        """End the thread, if there is one."""
        self.part_fit.close()


class EpochFit:
    """Calls ``partial_fit`` on all training rows, once per epoch."""

    def __init__(self, prepared: _PreparedFit) -> None:
        self.prepared = prepared
        self.epochs = 0

    def continue_to(self, amount: int) -> Any:
        """Return the estimator after this number of epochs."""
        prepared = self.prepared
        for epoch in range(self.epochs, amount):
            classes = self._make_classes_argument() if epoch == 0 else {}
            prepared.part.partial_fit(*prepared.args, **prepared.fit_params, **classes)
        self.epochs = amount
        return prepared.estimator

    def close(self) -> None:
        """Do nothing: there is no thread."""

    def _make_classes_argument(self) -> dict[str, Any]:
        part, args = self.prepared.part, self.prepared.args
        takes = "classes" in inspect.signature(part.partial_fit).parameters and is_classifier(part)
        return {"classes": unique_labels(args[1])} if takes and len(args) > 1 else {}
