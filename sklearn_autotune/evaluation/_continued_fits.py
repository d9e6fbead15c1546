"""Growing one estimator: fitted with a little of its resource, then with more, each time as if fitted afresh.

Four kinds, chosen by what the estimator, or the last step of a Pipeline, can do:

=============== ==================================================== ==================================================
kind            for                                                  how
=============== ==================================================== ==================================================
`WarmStartFit`     scikit-learn's forests, bagging and boosting         ``warm_start=True`` adds to what is there
`PausedBoosterFit` XGBoost's classifier, regressor and ranker           one ``fit`` in a thread, held up at each rung
`RefitFromScratch`       every other estimator, and the above in a setting    fitted afresh each time
                in which they cannot be continued exactly
`Epochs`        ``resource="epochs"``                                ``partial_fit`` on all training rows
=============== ==================================================== ==================================================

The first three give, to the last bit, what one fit with that count gives, so that the count can be written into the
parameters. The first two do so for the classes and settings they are known to be exact for, and for no others:
tests/test_growth.py goes through them.

In a Pipeline the steps before the last are fitted once. No private name is needed for that: the last step's ``fit`` is
shadowed by one that keeps what it is handed, the Pipeline is fitted, and the shadow taken away. What the last step is
to be fitted on is known then, and the steps before it are fitted.
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

__all__ = ["Growth", "fit_epochs", "start_continued_fit"]

# scikit-learn's estimators that continue exactly, by what they count.
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


class Growth(Protocol):
    """An estimator that is given more and more."""

    def continue_to(self, amount: int) -> Any:
        """Return the fitted estimator with so much of its resource, more than before."""
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...


@dataclass(frozen=True, slots=True)
class _Soil:
    """An estimator in which only one part is left to be fitted, and what that part is to be fitted on."""

    whole: Any
    location: ResourceLocation
    args: tuple[Any, ...]
    fit_params: Mapping[str, Any]

    @property
    def part(self) -> Any:
        return self.location.part(self.whole)

    def with_part(self, part: Any) -> Any:
        """Put a part, fitted elsewhere, in its place."""
        return self.whole.set_params(**{"__".join(self.location.path): part}) if self.location.path else part


def start_continued_fit(
    estimator: Any, location: ResourceLocation, most: int, args: tuple[Any, ...], fit_params: Mapping[str, Any]
) -> Growth:
    """Fit what comes before the part that grows, and make ready to grow it.

    Parameters
    ----------
    estimator : estimator
        With the candidate's parameters; it may be changed and fitted.
    location : ResourceLocation
    most : int
        The largest amount that will be asked for.
    args : tuple
        What ``fit`` is to be called with: X, or X and y.
    fit_params : mapping of str to object

    Returns
    -------
    growth : Growth
        To be closed.
    """
    soil = _prepare(estimator, location, args, fit_params)
    if location.name == EPOCHS:
        return Epochs(soil)
    if _continues(soil):
        return WarmStartFit(soil)
    if _can_be_held_up(soil):
        return PausedBoosterFit(soil, most)
    return RefitFromScratch(soil)


def fit_epochs(estimator: Any, epochs: int, args: tuple[Any, ...], fit_params: Mapping[str, Any]) -> Any:
    """Fit an estimator in place by so many passes of ``partial_fit``, as it was fitted on the folds.

    Parameters
    ----------
    estimator : estimator
        One with ``partial_fit``, or a Pipeline that ends in one: the steps before are fitted as ever.
    epochs : int
    args : tuple
        X, or X and y.
    fit_params : mapping of str to object
        As for ``fit``.

    Returns
    -------
    estimator : estimator
        The same.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import SGDClassifier
    >>> fit_epochs(SGDClassifier(random_state=0), 3, load_iris(return_X_y=True), {}).t_
    451.0
    """
    return Epochs(_prepare(estimator, locate_resource(estimator, EPOCHS), args, fit_params)).continue_to(epochs)


def _prepare(estimator: Any, location: ResourceLocation, args: tuple[Any, ...], fit_params: Mapping[str, Any]) -> _Soil:
    """Fit the steps before the part that grows, and find out what it is to be fitted on."""
    if not location.path:
        return _Soil(estimator, location, args, fit_params)
    part = location.part(estimator)
    caught: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def catch(*args: Any, **fit_params: Any) -> Any:
        caught.append((args, fit_params))
        return part

    part.fit = catch
    try:
        estimator.fit(*args, **fit_params)
    finally:
        del part.fit
    return _Soil(estimator, location, *caught[0])


# -- the kinds -------------------------------------------------------------------------------------------------------


class RefitFromScratch:
    """Fits afresh each time: exact for every estimator."""

    def __init__(self, soil: _Soil) -> None:
        self.soil = soil
        self.seed = clone(soil.part)

    def continue_to(self, amount: int) -> Any:
        """Return the fitted estimator with so much of its resource."""
        part = clone(self.seed).set_params(**{self.soil.location.name: amount})
        part.fit(*self.soil.args, **self.soil.fit_params)
        return self.soil.with_part(part)

    def close(self) -> None:
        """There is nothing to let go of."""


class WarmStartFit:
    """Adds to what has been fitted."""

    def __init__(self, soil: _Soil) -> None:
        self.soil = soil
        soil.part.set_params(warm_start=True)

    def continue_to(self, amount: int) -> Any:
        """Return the fitted estimator with so much of its resource."""
        soil = self.soil
        with warnings.catch_warnings():
            # It warns of weights that would change with the data; the data stay the same.
            warnings.filterwarnings("ignore", "class_weight presets .* are not recommended for warm_start")
            soil.part.set_params(**{soil.location.name: amount}).fit(*soil.args, **soil.fit_params)
        return soil.whole

    def close(self) -> None:
        """There is nothing to let go of."""


def _continues(soil: _Soil) -> bool:
    """Whether a warm start is known to give what one fit gives."""
    part, params = soil.part, soil.part.get_params(deep=False)
    if (
        not is_exact_class(part, "sklearn", WARM_START_COUNTS)
        or WARM_START_COUNTS[type(part).__name__] != soil.location.name
    ):
        return False
    if not _can_be_drawn_again(params) or "monitor" in soil.fit_params:
        return False
    # Stopping early, it would go on from where it stopped.
    stops = params.get("early_stopping", False)
    if stops == "auto":
        X = soil.args[0]
        stops = (X.shape[0] if hasattr(X, "shape") else len(X)) > AUTO_STOPPING_ROWS
    if stops or ("early_stopping" not in params and params.get("n_iter_no_change") is not None):
        return False
    return not (type(part).__name__.startswith("Bagging") and params["oob_score"])  # refused with warm_start


class Epochs:
    """Passes over all training rows, one call of ``partial_fit`` each."""

    def __init__(self, soil: _Soil) -> None:
        self.soil = soil
        self.epochs = 0

    def continue_to(self, amount: int) -> Any:
        """Return the estimator after so many passes."""
        soil = self.soil
        for epoch in range(self.epochs, amount):
            soil.part.partial_fit(*soil.args, **soil.fit_params, **(self._classes() if epoch == 0 else {}))
        self.epochs = amount
        return soil.whole

    def close(self) -> None:
        """There is nothing to let go of."""

    def _classes(self) -> dict[str, Any]:
        part, args = self.soil.part, self.soil.args
        takes = "classes" in inspect.signature(part.partial_fit).parameters and is_classifier(part)
        return {"classes": unique_labels(args[1])} if takes and len(args) > 1 else {}


class PausedBoosterFit:
    """One fit of XGBoost in a thread of its own, held up at each rung.

    What comes out at a rung is the booster as it is then, loaded into a clone. A thread of its own makes it exact:
    XGBoost draws its samples from one generator per thread, which boosters grown in turn would share.
    """

    def __init__(self, soil: _Soil, most: int) -> None:
        self.soil = soil
        self.seed = clone(soil.part)
        self.most = most
        self.asked: SimpleQueue[int | None] = SimpleQueue()
        self.given: SimpleQueue[bytearray | BaseException] = SimpleQueue()
        # A daemon, so that a search abandoned half-way cannot keep Python from ending.
        self.thread = threading.Thread(target=self._fit, args=(get_config(),), daemon=True)
        self.thread.start()

    def continue_to(self, amount: int) -> Any:
        """Return the fitted estimator with so many rounds."""
        self.asked.put(amount)
        given = self.given.get()
        if isinstance(given, BaseException):
            raise given
        part = clone(self.seed).set_params(**{self.soil.location.name: amount})
        part.load_model(given)
        return self.soil.with_part(part)

    def close(self) -> None:
        """End the thread; a round that is being computed is waited for."""
        self.asked.put(None)
        self.thread.join()

    def _fit(self, config: dict[str, Any]) -> None:
        """Fit until the last round or until asked to stop; what goes wrong is given instead of a booster."""
        try:
            self._fit_held_up(config)
            self.given.put(RuntimeError("XGBoost ended its training before the round that was asked for"))
        except BaseException as error:
            self.given.put(error)

    def _fit_held_up(self, config: dict[str, Any]) -> None:
        from xgboost.callback import TrainingCallback

        asked, given, wanted = self.asked, self.given, self.asked.get()
        if wanted is None:
            return

        class HoldUp(TrainingCallback):
            def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
                nonlocal wanted
                if epoch + 1 == wanted:
                    given.put(model.save_raw("ubj"))
                    wanted = asked.get()
                return wanted is None

        part = clone(self.seed).set_params(**{self.soil.location.name: self.most}, callbacks=[HoldUp()])
        with config_context(**config):  # settings are each thread's own
            part.fit(*self.soil.args, **self.soil.fit_params)


def _can_be_held_up(soil: _Soil) -> bool:
    """Whether a fit that is held up is known to give what one with fewer rounds gives."""
    if not is_xgboost_booster(soil.part) or soil.location.name != "n_estimators":
        return False
    params = soil.part.get_params(deep=False)
    return (
        _can_be_drawn_again(params)
        and params.get("booster") in (None, "gbtree")
        and params.get("early_stopping_rounds") is None
        and not params.get("callbacks")
        and not callable(params.get("objective"))
        and soil.fit_params.get("xgb_model") is None
    )


def _can_be_drawn_again(params: Mapping[str, Any]) -> bool:
    """Whether each fit draws the same: a generator would be used up by the first rung."""
    return params.get("random_state") is None or isinstance(params["random_state"], Integral)
