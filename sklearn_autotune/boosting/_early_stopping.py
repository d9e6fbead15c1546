"""Boosters of XGBoost, LightGBM and CatBoost: fit them with early stopping, and change their number of rounds."""

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

# A booster that is cut short is still worth fitting if it gets this share of the seconds that it wants.
MIN_TIME_SHARE = 0.3

# The share of a fold's seconds that is for its rounds; the rest goes to encoding, binning and predictions.
ROUNDS_TIME_SHARE = 0.8


def allot_round_seconds(
    max_seconds: float,
    seconds_left: float,
    n_folds: int,
    fold_seconds: Sequence[tuple[float, float]],
    round_seconds: Sequence[float],
) -> float:
    """Return how many seconds of boosting rounds the next fold may have.

    The time left has to suffice for all remaining folds, including what they take beside their rounds, and for
    predicting their test rows once more.

    Parameters
    ----------
    max_seconds : float
        Seconds for the rounds of all folds.
    seconds_left : float
        Seconds until all folds have to be over.
    n_folds : int
    fold_seconds : sequence of (float, float)
        Seconds of fitting and of predicting, for each fold so far.
    round_seconds : sequence of float
        How many seconds of rounds each of them was allotted.

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
    n_folds_left = n_folds - len(fold_seconds)
    seconds = min(max_seconds / n_folds, ROUNDS_TIME_SHARE * seconds_left / n_folds_left)
    if not fold_seconds:
        return seconds
    other_seconds = max(
        0.0, *(sum(seconds_of_fold) - limit for seconds_of_fold, limit in zip(fold_seconds, round_seconds, strict=True))
    )
    prediction_seconds = n_folds * max(predicting for _, predicting in fold_seconds)
    return min(seconds, (seconds_left - prediction_seconds) / n_folds_left - other_seconds)


def fit_with_early_stopping(
    model: Any, X: Any, y: Any, eval_rows: tuple[Any, Any], *, seconds: float | None, fit_params: Mapping[str, Any]
) -> None:
    """Fit a booster until the loss on some rows stops improving, or time is up.

    Parameters
    ----------
    model : estimator
        Its parameters say how many rounds to wait for a better one.
    X, y : array-like
    eval_rows : tuple of array-like
        X and y of the rows whose loss decides.
    seconds : float or None
        After which no further round is started; None for no limit. One or two rounds are always fitted.
    fit_params : mapping of str to object

    Raises
    ------
    TypeError
        If the model is not of XGBoost, LightGBM or CatBoost.
    """
    end_time = float("inf") if seconds is None else time.perf_counter() + seconds
    _get_library(model).fit(model, X, y, eval_rows, end_time, fit_params)


def has_early_stopping(model: Any) -> bool:
    """Whether a model is a booster whose parameters ask for early stopping."""
    library = _find_library(model)
    return library is not None and model.get_params().get(library.patience_param) is not None


def get_best_rounds(model: Any) -> int:
    """Return how many rounds early stopping has found."""
    return _get_library(model).get_best_rounds(model)


def get_used_rounds(model: Any) -> int:
    """Return the number of rounds that a fitted booster predicts with."""
    return _get_library(model).get_used_rounds(model)


def set_prediction_rounds(model: Any, n_rounds: int) -> None:
    """Let a fitted booster predict with a number of rounds, or with all if it has fewer."""
    _get_library(model).set_prediction_rounds(model, n_rounds)


def clone_without_early_stopping(model: Any) -> Any:
    """Return an unfitted copy that fits all its rounds."""
    params = model.get_params()
    # CatBoost's constructor does not keep a None, and what it does not keep cannot be cloned.
    del params[_get_library(model).patience_param]
    return type(model)(**params)


def clone_with_rounds(model: Any, n_rounds: int) -> Any:
    """Return an unfitted copy with a fixed number of rounds instead of early stopping."""
    return clone_without_early_stopping(model).set_params(**{_get_library(model).rounds_param: n_rounds})


class BoosterLibrary(Protocol):
    """What differs between boosting libraries: parameter names, and how numbers of rounds are read and set."""

    patience_param: str
    rounds_param: str

    @staticmethod
    def fit(
        model: Any, X: Any, y: Any, eval_rows: tuple[Any, Any], end_time: float, fit_params: Mapping[str, Any]
    ) -> None:
        """Fit until ``time.perf_counter()`` reaches ``end_time``."""

    @staticmethod
    def get_best_rounds(model: Any) -> int:
        """Return the number of rounds with the lowest loss on the evaluation rows."""
        ...

    @staticmethod
    def get_used_rounds(model: Any) -> int:
        """Return the number of rounds that predictions are made with."""
        ...

    @staticmethod
    def set_prediction_rounds(model: Any, n_rounds: int) -> None:
        """Change the number of rounds that predictions are made with."""


class _XGBoost:
    patience_param = "early_stopping_rounds"
    rounds_param = "n_estimators"

    @staticmethod
    def fit(
        model: Any, X: Any, y: Any, eval_rows: tuple[Any, Any], end_time: float, fit_params: Mapping[str, Any]
    ) -> None:
        from xgboost.callback import TrainingCallback

        class StopAtEndTime(TrainingCallback):
            def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
                # A callback that ends training hides the round from XGBoost's early stopping, which has to see one.
                return epoch > 0 and time.perf_counter() > end_time

        model.set_params(callbacks=[StopAtEndTime()])
        model.fit(X, y, eval_set=[eval_rows], verbose=False, **fit_params)
        model.set_params(callbacks=None)

    @staticmethod
    def get_best_rounds(model: Any) -> int:
        return int(model.best_iteration) + 1

    get_used_rounds = get_best_rounds

    @staticmethod
    def set_prediction_rounds(model: Any, n_rounds: int) -> None:
        booster = model.get_booster()
        booster.set_attr(best_iteration=str(min(n_rounds, booster.num_boosted_rounds()) - 1))


class _LightGBM:
    patience_param = "early_stopping_round"
    rounds_param = "n_estimators"

    @staticmethod
    def fit(
        model: Any, X: Any, y: Any, eval_rows: tuple[Any, Any], end_time: float, fit_params: Mapping[str, Any]
    ) -> None:
        from lightgbm.callback import EarlyStopException

        patience = model.get_params()[_LightGBM.patience_param]
        losses: list[float] = []

        def stop_in_time(state: Any) -> None:
            _name, _metric, value, is_higher_better = state.evaluation_result_list[0][:4]
            losses.append(-value if is_higher_better else value)
            if len(losses) - np.argmin(losses) > patience or time.perf_counter() > end_time:
                raise EarlyStopException(state.iteration, state.evaluation_result_list)

        # LightGBM's own early stopping drops the rounds after the best one, which other folds may need.
        model.set_params(**{_LightGBM.patience_param: None})
        # LightGBM 4.7 has new parameters for the evaluation rows, and warns of the old one.
        has_eval_X = has_fit_parameter(model, "eval_X")
        eval_params = {"eval_X": eval_rows[0], "eval_y": eval_rows[1]} if has_eval_X else {"eval_set": [eval_rows]}
        model.fit(X, y, callbacks=[stop_in_time], **eval_params, **fit_params)
        model.set_params(**{_LightGBM.patience_param: patience})
        model.booster_.best_iteration = int(np.argmin(losses)) + 1

    @staticmethod
    def get_best_rounds(model: Any) -> int:
        return int(model.booster_.best_iteration)

    get_used_rounds = get_best_rounds

    @staticmethod
    def set_prediction_rounds(model: Any, n_rounds: int) -> None:
        model.booster_.best_iteration = min(n_rounds, model.booster_.current_iteration())


class _CatBoost:
    patience_param = "early_stopping_rounds"
    rounds_param = "iterations"

    @staticmethod
    def fit(
        model: Any, X: Any, y: Any, eval_rows: tuple[Any, Any], end_time: float, fit_params: Mapping[str, Any]
    ) -> None:
        class StopAtEndTime:
            def after_iteration(self, info: Any) -> bool:
                return time.perf_counter() <= end_time

        # Rounds after the best one are kept: other folds may need them.
        model.fit(X, y, eval_set=eval_rows, use_best_model=False, callbacks=[StopAtEndTime()], **fit_params)

    @staticmethod
    def get_best_rounds(model: Any) -> int:
        return int(model.best_iteration_) + 1

    @staticmethod
    def get_used_rounds(model: Any) -> int:
        return int(model.tree_count_)

    @staticmethod
    def set_prediction_rounds(model: Any, n_rounds: int) -> None:
        model.shrink(ntree_end=min(n_rounds, model.tree_count_))


LIBRARIES: Mapping[str, Any] = {"xgboost": _XGBoost, "lightgbm": _LightGBM, "catboost": _CatBoost}


def _find_library(model: Any) -> type[BoosterLibrary] | None:
    package_names = [ancestor.__module__.partition(".")[0] for ancestor in type(model).__mro__]
    return next((LIBRARIES[package] for package in package_names if package in LIBRARIES), None)


def _get_library(model: Any) -> type[BoosterLibrary]:
    library = _find_library(model)
    if library is None:
        raise TypeError(
            f"A family with rounds has to make a model of {', '.join(LIBRARIES)}, whose early stopping is known here; "
            f"this one makes a {type(model).__name__}. Leave out rounds."
        )
    return library
