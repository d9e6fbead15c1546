"""Boosters that stop early, of any library: fitting them, and predicting with another number of rounds."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from sklearn.utils.validation import has_fit_parameter

__all__ = [
    "MIN_TIME_SHARE",
    "allot_round_seconds",
    "clone_with_rounds",
    "clone_without_early_stopping",
    "fit_with_early_stopping",
    "get_best_rounds",
    "get_used_rounds",
    "has_early_stopping",
    "set_prediction_rounds",
]

# A booster cut short is still worth having if it gets this part of the seconds that it wants.
MIN_TIME_SHARE = 0.3

# The part of a fold's seconds that is for its rounds; the rest goes to columns, bins and predictions.
ROUNDS_PART = 0.8


def allot_round_seconds(
    most: float, left: float, n_folds: int, spent: Sequence[tuple[float, float]], limits: Sequence[float]
) -> float:
    """Return for how long rounds may be added on the next fold.

    What is left has to be enough for all folds, for what they take beside their rounds too, and for predicting their
    test rows once more.

    Parameters
    ----------
    most : float
        Seconds for the rounds of all folds.
    left : float
        Seconds until all folds have to be over.
    n_folds : int
    spent : sequence of (float, float)
        Seconds of fitting and of predicting, of each fold before.
    limits : sequence of float
        For how long rounds could be added on each of them.

    Returns
    -------
    seconds : float
        Less than 0 if there is no time.

    Examples
    --------
    >>> allot_round_seconds(18.0, 100.0, 3, [], [])
    6.0
    >>> allot_round_seconds(18.0, 15.0, 3, [(6.5, 0.5)], [6.0])  # two more folds, 1 s beside rounds, 1.5 in the end
    5.75
    """
    n_left = n_folds - len(spent)
    seconds = min(most / n_folds, ROUNDS_PART * left / n_left)
    if not spent:
        return seconds
    beside = max(0.0, *(sum(of_fold) - limit for of_fold, limit in zip(spent, limits, strict=True)))
    again = n_folds * max(predicting for _, predicting in spent)
    return min(seconds, (left - again) / n_left - beside)


def fit_with_early_stopping(
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
        After which no further round is begun; None for no limit. One or two rounds are always fitted.
    fit_params : mapping of str to object

    Raises
    ------
    TypeError
        If it is none of XGBoost's, LightGBM's and CatBoost's.
    """
    end = float("inf") if seconds is None else time.perf_counter() + seconds
    _get_library(model).fit(model, X, y, seen, end, fit_params)


def has_early_stopping(model: Any) -> bool:
    """Whether a model is a booster that stops early, or has."""
    library = _find_library(model)
    return library is not None and model.get_params().get(library.patience) is not None


def get_best_rounds(model: Any) -> int:
    """Return how many rounds early stopping has found."""
    return _get_library(model).get_best_rounds(model)


def get_used_rounds(model: Any) -> int:
    """Return the number of rounds that a fitted booster predicts with."""
    return _get_library(model).get_used_rounds(model)


def set_prediction_rounds(model: Any, rounds: int) -> None:
    """Let a fitted booster predict with so many rounds, as far as it has them."""
    _get_library(model).set_prediction_rounds(model, rounds)


def clone_without_early_stopping(model: Any) -> Any:
    """Return a booster like this one that fits all its rounds."""
    params = model.get_params()
    # CatBoost's constructor does not keep a None, and what it does not keep cannot be cloned.
    del params[_get_library(model).patience]
    return type(model)(**params)


def clone_with_rounds(model: Any, rounds: int) -> Any:
    """Return a booster like this one with a number of rounds in place of stopping early."""
    return clone_without_early_stopping(model).set_params(**{_get_library(model).rounds: rounds})


class BoosterLibrary(Protocol):
    """What differs between the makers of boosters: names of parameters, and what is done with the number of rounds."""

    patience: str
    rounds: str

    @staticmethod
    def fit(model: Any, X: Any, y: Any, seen: tuple[Any, Any], end: float, fit_params: Mapping[str, Any]) -> None:
        """Fit until ``time.perf_counter()`` says ``end``."""

    @staticmethod
    def get_best_rounds(model: Any) -> int:
        """Return the number of rounds that was best on the rows seen."""
        ...

    @staticmethod
    def get_used_rounds(model: Any) -> int:
        """Return the number of rounds that predictions are made with."""
        ...

    @staticmethod
    def set_prediction_rounds(model: Any, rounds: int) -> None:
        """Change the number of rounds that predictions are made with."""


class _XGBoost:
    patience = "early_stopping_rounds"
    rounds = "n_estimators"

    @staticmethod
    def fit(model: Any, X: Any, y: Any, seen: tuple[Any, Any], end: float, fit_params: Mapping[str, Any]) -> None:
        from xgboost.callback import TrainingCallback

        class Clock(TrainingCallback):
            def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
                # What ends the training keeps XGBoost's early stopping from seeing the round; one it has to see.
                return epoch > 0 and time.perf_counter() > end

        model.set_params(callbacks=[Clock()])
        model.fit(X, y, eval_set=[seen], verbose=False, **fit_params)
        model.set_params(callbacks=None)

    @staticmethod
    def get_best_rounds(model: Any) -> int:
        return int(model.best_iteration) + 1

    get_used_rounds = get_best_rounds

    @staticmethod
    def set_prediction_rounds(model: Any, rounds: int) -> None:
        booster = model.get_booster()
        booster.set_attr(best_iteration=str(min(rounds, booster.num_boosted_rounds()) - 1))


class _LightGBM:
    patience = "early_stopping_round"
    rounds = "n_estimators"

    @staticmethod
    def fit(model: Any, X: Any, y: Any, seen: tuple[Any, Any], end: float, fit_params: Mapping[str, Any]) -> None:
        from lightgbm.callback import EarlyStopException

        patience = model.get_params()[_LightGBM.patience]
        losses: list[float] = []

        def stop_in_time(state: Any) -> None:
            _name, _metric, value, is_higher_better = state.evaluation_result_list[0][:4]
            losses.append(-value if is_higher_better else value)
            if len(losses) - np.argmin(losses) > patience or time.perf_counter() > end:
                raise EarlyStopException(state.iteration, state.evaluation_result_list)

        # LightGBM's own early stopping throws away what comes after the best round: other folds may want it.
        model.set_params(**{_LightGBM.patience: None})
        # LightGBM 4.7 has new names for the rows seen, and warns of the old one.
        is_new = has_fit_parameter(model, "eval_X")
        shown = {"eval_X": seen[0], "eval_y": seen[1]} if is_new else {"eval_set": [seen]}
        model.fit(X, y, callbacks=[stop_in_time], **shown, **fit_params)
        model.set_params(**{_LightGBM.patience: patience})
        model.booster_.best_iteration = int(np.argmin(losses)) + 1

    @staticmethod
    def get_best_rounds(model: Any) -> int:
        return int(model.booster_.best_iteration)

    get_used_rounds = get_best_rounds

    @staticmethod
    def set_prediction_rounds(model: Any, rounds: int) -> None:
        model.booster_.best_iteration = min(rounds, model.booster_.current_iteration())


class _CatBoost:
    patience = "early_stopping_rounds"
    rounds = "iterations"

    @staticmethod
    def fit(model: Any, X: Any, y: Any, seen: tuple[Any, Any], end: float, fit_params: Mapping[str, Any]) -> None:
        class Clock:
            def after_iteration(self, info: Any) -> bool:
                return time.perf_counter() <= end

        # What comes after the best round is not cut off: other folds may say that it is wanted.
        model.fit(X, y, eval_set=seen, use_best_model=False, callbacks=[Clock()], **fit_params)

    @staticmethod
    def get_best_rounds(model: Any) -> int:
        return int(model.best_iteration_) + 1

    @staticmethod
    def get_used_rounds(model: Any) -> int:
        return int(model.tree_count_)

    @staticmethod
    def set_prediction_rounds(model: Any, rounds: int) -> None:
        model.shrink(ntree_end=min(rounds, model.tree_count_))


LIBRARIES: Mapping[str, Any] = {"xgboost": _XGBoost, "lightgbm": _LightGBM, "catboost": _CatBoost}


def _find_library(model: Any) -> type[BoosterLibrary] | None:
    packages = [ancestor.__module__.partition(".")[0] for ancestor in type(model).__mro__]
    return next((LIBRARIES[package] for package in packages if package in LIBRARIES), None)


def _get_library(model: Any) -> type[BoosterLibrary]:
    library = _find_library(model)
    if library is None:
        raise TypeError(
            f"A family with rounds has to make a model of {', '.join(LIBRARIES)}, whose early stopping is known here; "
            f"this one makes a {type(model).__name__}. Leave out rounds."
        )
    return library
