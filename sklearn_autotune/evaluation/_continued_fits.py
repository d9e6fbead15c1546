"""Continued fits: an estimator is fitted with a small amount of its resource, and then trained on with more.

There are four kinds. The choice depends on what the estimator, or the last step of a Pipeline, can do:

================== ================================================= =============================================
kind               for                                               how
================== ================================================= =============================================
`WarmStartFit`     scikit-learn's forests, bagging and boosting      ``warm_start=True`` adds iterations
`PausedBoosterFit` XGBoost's classifier, regressor and ranker        one ``fit`` in a thread that waits at each rung
`RefitFromScratch` every other estimator, and the above in settings  fits anew at each rung
                   in which they cannot be continued exactly
`EpochFit`         ``resource="epochs"``                             ``partial_fit`` on all training rows
================== ================================================= =============================================

The first three give the same model, to the last bit, as one fit with the same amount, so the amount can be written into
the parameters. The first two are used only for classes and settings for which
tests/evaluation/test_continued_fits.py checks this.

In a Pipeline, the steps before the last are fitted once, without any private name: ``fit`` of the last step is replaced
by a function that records its arguments, the Pipeline is fitted, and the replacement is removed. Then the earlier steps
are fitted, and the arguments for fitting the last step are known.
"""

import inspect
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from queue import SimpleQueue
from typing import Any, Protocol

from sklearn import config_context, get_config
from sklearn.base import clone, is_classifier
from sklearn.utils.multiclass import unique_labels

from sklearn_autotune.evaluation._resource import (
    EPOCHS,
    ResourceLocation,
    is_exact_class,
    is_xgboost_booster,
    locate_resource,
)

__all__ = ["ContinuedFit", "fit_epochs", "start_continued_fit"]

# scikit-learn's estimators whose warm start is exact, and the parameter that counts their iterations.
WARM_START_COUNTS = {
    "BaggingClassifier": "n_estimators",
    "BaggingRegressor": "n_estimators",
    "ExtraTreesClassifier": "n_estimators",
    "ExtraTreesRegressor": "n_estimators",
    "GradientBoostingClassifier": "n_estimators",
    "GradientBoostingRegressor": "n_estimators",
    "HistGradientBoostingClassifier": "max_iter",
    "HistGradientBoostingRegressor": "max_iter",
    "RandomForestClassifier": "n_estimators",
    "RandomForestRegressor": "n_estimators",
}
AUTO_STOPPING_ROWS = 10_000  # with more, "auto" means early stopping in histogram gradient boosting


class ContinuedFit(Protocol):
    """An estimator that is trained with more and more of its resource."""

    def continue_to(self, amount: int) -> Any:
        """Return the estimator trained with this amount of the resource, which is more than before."""
        ...

    def close(self) -> None:
        """End the thread, if there is one."""
        ...


@dataclass(frozen=True, slots=True)
class _PreparedFit:
    """An estimator of which one part is not fitted yet, and the arguments for fitting that part."""

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
    """Fit the steps before the part that is trained on, and choose how to continue its fit.

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
    if _can_warm_start(prepared):
        return WarmStartFit(prepared)
    if _can_be_paused(prepared):
        return PausedBoosterFit(prepared, max_amount)
    return RefitFromScratch(prepared)


def fit_epochs(estimator: Any, epochs: int, args: tuple[Any, ...], fit_params: Mapping[str, Any]) -> Any:
    """Fit an estimator in place by a number of passes of ``partial_fit``, as it was fitted on the folds.

    Parameters
    ----------
    estimator : estimator
        One with ``partial_fit``, or a Pipeline that ends in one; its earlier steps are fitted as usual.
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
    """Fit the steps before the part that is trained on, and record the arguments for fitting this part."""
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
    """Fits a clone anew each time, which is exact for every estimator."""

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


class WarmStartFit:
    """Adds iterations to the fitted estimator by ``warm_start=True``."""

    def __init__(self, prepared: _PreparedFit) -> None:
        self.prepared = prepared
        prepared.part.set_params(warm_start=True)

    def continue_to(self, amount: int) -> Any:
        """Return the estimator trained with this amount of the resource."""
        prepared = self.prepared
        with warnings.catch_warnings():
            # scikit-learn warns that class weights may change with the data; here the data stay the same.
            warnings.filterwarnings("ignore", "class_weight presets .* are not recommended for warm_start")
            prepared.part.set_params(**{prepared.location.name: amount}).fit(*prepared.args, **prepared.fit_params)
        return prepared.estimator

    def close(self) -> None:
        """Do nothing: there is no thread."""


def _can_warm_start(prepared: _PreparedFit) -> bool:
    """Whether a warm start is known to give the same model as one fit."""
    part, params = prepared.part, prepared.part.get_params(deep=False)
    if (
        not is_exact_class(part, "sklearn", WARM_START_COUNTS)
        or WARM_START_COUNTS[type(part).__name__] != prepared.location.name
    ):
        return False
    if not _has_repeatable_seed(params) or "monitor" in prepared.fit_params:
        return False
    # With early stopping, the next fit would continue from the iteration at which this one stopped.
    stops = params.get("early_stopping", False)
    if stops == "auto":
        X = prepared.args[0]
        stops = (X.shape[0] if hasattr(X, "shape") else len(X)) > AUTO_STOPPING_ROWS
    if stops or ("early_stopping" not in params and params.get("n_iter_no_change") is not None):
        return False
    return not (type(part).__name__.startswith("Bagging") and params["oob_score"])  # refused with warm_start


class EpochFit:
    """Passes over all training rows, one call of ``partial_fit`` each."""

    def __init__(self, prepared: _PreparedFit) -> None:
        self.prepared = prepared
        self.epochs = 0

    def continue_to(self, amount: int) -> Any:
        """Return the estimator after this number of passes."""
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


class PausedBoosterFit:
    """One fit of XGBoost, in a thread of its own, that waits at each rung.

    At a rung, the booster is copied into a clone of the estimator. The thread makes the result exact: XGBoost draws its
    samples from one generator per thread, which several boosters in one thread would share.
    """

    def __init__(self, prepared: _PreparedFit, max_amount: int) -> None:
        self.prepared = prepared
        self.template = clone(prepared.part)
        self.max_amount = max_amount
        self.requests: SimpleQueue[int | None] = SimpleQueue()
        self.results: SimpleQueue[bytearray | BaseException] = SimpleQueue()
        # A daemon thread does not keep Python from ending if a search is abandoned.
        self.thread = threading.Thread(target=self._fit, args=(get_config(),), daemon=True)
        self.thread.start()

    def continue_to(self, amount: int) -> Any:
        """Return the estimator fitted with this number of rounds."""
        self.requests.put(amount)
        result = self.results.get()
        if isinstance(result, BaseException):
            raise result
        part = clone(self.template).set_params(**{self.prepared.location.name: amount})
        part.load_model(result)
        return self.prepared.replace_part(part)

    def close(self) -> None:
        """End the thread, after the round that is being computed."""
        self.requests.put(None)
        self.thread.join()

    def _fit(self, config: dict[str, Any]) -> None:
        """Fit until the last round or until asked to stop; put an exception among the results if the fit fails."""
        try:
            self._fit_with_pauses(config)
            self.results.put(RuntimeError("XGBoost ended its training before the round that was asked for"))
        except BaseException as error:
            self.results.put(error)

    def _fit_with_pauses(self, config: dict[str, Any]) -> None:
        from xgboost.callback import TrainingCallback

        requests, results, wanted = self.requests, self.results, self.requests.get()
        if wanted is None:
            return

        class PauseAtRungs(TrainingCallback):
            def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
                nonlocal wanted
                if epoch + 1 == wanted:
                    results.put(model.save_raw("ubj"))
                    wanted = requests.get()
                return wanted is None

        rounds = {self.prepared.location.name: self.max_amount}
        part = clone(self.template).set_params(**rounds, callbacks=[PauseAtRungs()])
        with config_context(**config):  # settings are each thread's own
            part.fit(*self.prepared.args, **self.prepared.fit_params)


def _can_be_paused(prepared: _PreparedFit) -> bool:
    """Whether a paused fit is known to give the same model as a fit with fewer rounds."""
    if not is_xgboost_booster(prepared.part) or prepared.location.name != "n_estimators":
        return False
    params = prepared.part.get_params(deep=False)
    return (
        _has_repeatable_seed(params)
        and params.get("booster") in (None, "gbtree")
        and params.get("early_stopping_rounds") is None
        and not params.get("callbacks")
        and not callable(params.get("objective"))
        and prepared.fit_params.get("xgb_model") is None
    )


def _has_repeatable_seed(params: Mapping[str, Any]) -> bool:
    """Whether each fit draws the same random numbers. A RandomState would change with the first rung."""
    return params.get("random_state") is None or isinstance(params["random_state"], Integral)
