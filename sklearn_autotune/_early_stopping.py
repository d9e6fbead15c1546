"""Boosters that stop early, XGBoost's and LightGBM's: fitting them, and predicting with another number of rounds."""

import time
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

__all__ = ["best_rounds", "fit_stopping_early", "never_stop_early", "predict_with_rounds", "stops_early", "with_rounds"]


def fit_stopping_early(
    model: Any, X: Any, y: Any, seen: tuple[Any, Any], *, seconds: float | None, fit_params: Mapping[str, Any]
) -> None:
    """Fit a booster until some rows' loss gets no better, or time is up.

    Parameters
    ----------
    model : estimator
        Told by its parameters how many rounds to wait for a better one.
    X, y : array-like
    seen : tuple of array-like
        X and y of the rows that decide.
    seconds : float or None
        After which no further round is begun; None for no limit. The first round is always finished.
    fit_params : mapping of str to object

    Raises
    ------
    TypeError
        If it is neither XGBoost's nor LightGBM's.
    """
    end = float("inf") if seconds is None else time.perf_counter() + seconds
    _library_of(model).fit(model, X, y, seen, end, fit_params)


def stops_early(model: Any) -> bool:
    """Whether a fitted model is a booster that has stopped early."""
    return any(model.get_params().get(library.patience) is not None for library in LIBRARIES.values())


def best_rounds(model: Any) -> int:
    """Return the number of rounds that a fitted booster predicts with."""
    return _library_of(model).best_rounds(model)


def predict_with_rounds(model: Any, rounds: int) -> None:
    """Let a fitted booster predict with so many rounds, as far as it has them."""
    _library_of(model).predict_with_rounds(model, rounds)


def never_stop_early(model: Any) -> Any:
    """Set a booster to fit all its rounds; return it."""
    return model.set_params(**{_library_of(model).patience: None})


def with_rounds(model: Any, rounds: int) -> Any:
    """Set a booster to a number of rounds in place of stopping early; return it."""
    return never_stop_early(model).set_params(n_estimators=rounds)


class Library(Protocol):
    """What differs between the makers of boosters."""

    patience: str

    @staticmethod
    def fit(model: Any, X: Any, y: Any, seen: tuple[Any, Any], end: float, fit_params: Mapping[str, Any]) -> None:
        """Fit until ``time.perf_counter()`` says ``end``."""

    @staticmethod
    def best_rounds(model: Any) -> int:
        """Return the number of rounds that predictions are made with."""
        ...

    @staticmethod
    def predict_with_rounds(model: Any, rounds: int) -> None:
        """Change the number of rounds that predictions are made with."""


class _XGBoost:
    patience = "early_stopping_rounds"

    @staticmethod
    def fit(model: Any, X: Any, y: Any, seen: tuple[Any, Any], end: float, fit_params: Mapping[str, Any]) -> None:
        from xgboost.callback import TrainingCallback

        class Clock(TrainingCallback):
            def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
                return time.perf_counter() > end

        model.set_params(callbacks=[Clock()])
        model.fit(X, y, eval_set=[seen], verbose=False, **fit_params)
        model.set_params(callbacks=None)

    @staticmethod
    def best_rounds(model: Any) -> int:
        return int(model.best_iteration) + 1

    @staticmethod
    def predict_with_rounds(model: Any, rounds: int) -> None:
        booster = model.get_booster()
        booster.set_attr(best_iteration=str(min(rounds, booster.num_boosted_rounds()) - 1))


class _LightGBM:
    patience = "early_stopping_round"

    @staticmethod
    def fit(model: Any, X: Any, y: Any, seen: tuple[Any, Any], end: float, fit_params: Mapping[str, Any]) -> None:
        from lightgbm.callback import EarlyStopException

        losses: list[float] = []

        def stop_in_time(state: Any) -> None:
            _name, _metric, value, is_higher_better = state.evaluation_result_list[0][:4]
            losses.append(-value if is_higher_better else value)
            if time.perf_counter() > end:
                raise EarlyStopException(int(np.argmin(losses)), state.evaluation_result_list)

        # After LightGBM's own early stopping, whose place in the order is 30.
        stop_in_time.order = 40  # type: ignore[attr-defined]
        model.fit(X, y, eval_set=[seen], callbacks=[stop_in_time], **fit_params)

    @staticmethod
    def best_rounds(model: Any) -> int:
        return int(model.booster_.best_iteration)

    @staticmethod
    def predict_with_rounds(model: Any, rounds: int) -> None:
        model.booster_.best_iteration = min(rounds, model.booster_.current_iteration())


LIBRARIES: Mapping[str, Library] = {"xgboost": _XGBoost(), "lightgbm": _LightGBM()}


def _library_of(model: Any) -> Library:
    for ancestor in type(model).__mro__:
        package = ancestor.__module__.partition(".")[0]
        if package in LIBRARIES:
            return LIBRARIES[package]
    raise TypeError(
        f"A family with rounds has to make a model of {' or '.join(LIBRARIES)}, whose early stopping is known here; "
        f"this one makes a {type(model).__name__}. Leave out rounds."
    )
