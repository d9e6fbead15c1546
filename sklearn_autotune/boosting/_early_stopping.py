"""Boosters of XGBoost, LightGBM and CatBoost: fit them with early stopping, and change their number of rounds."""

import pickle
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone

from sklearn_autotune._compat import clock
from sklearn_autotune._compat.boosters import find_library, get_library
from sklearn_autotune.evaluation._ladder import draw_stratified_order

__all__ = [
    "MIN_TIME_SHARE",
    "allot_round_seconds",
    "clone_as_fitted",
    "clone_with_rounds",
    "clone_without_early_stopping",
    "drop_training_data",
    "fit_with_early_stopping",
    "get_best_rounds",
    "get_used_rounds",
    "has_early_stopping",
    "hold_out_rows",
    "set_prediction_rounds",
]

# A booster with too little time is still worth fitting if it has at least this share of the seconds that it needs.
MIN_TIME_SHARE = 0.3

# The share of a fold's seconds for its boosting rounds; the rest is for encoding, binning and predictions.
ROUNDS_TIME_SHARE = 0.8


def allot_round_seconds(
    max_seconds: float,
    seconds_left: float,
    n_folds: int,
    fold_seconds: Sequence[tuple[float, float]],
    round_seconds: Sequence[float],
) -> float:
    """Return how many seconds the next fold may spend on boosting rounds.

    The time left has to suffice for all remaining folds, including the time that they need outside of rounds, and for
    predicting the test rows of all folds once more.

    Parameters
    ----------
    max_seconds : float
        The seconds for the rounds of all folds.
    seconds_left : float
        The seconds until all folds have to be finished.
    n_folds : int
    fold_seconds : sequence of (float, float)
        For each fold so far, the seconds of fitting and of predicting.
    round_seconds : sequence of float
        For each fold so far, the seconds that it was allowed for rounds.

    Returns
    -------
    seconds : float
        Less than 0 if no time is left.

    Examples
    --------
    >>> allot_round_seconds(18.0, 100.0, 3, [], [])
    6.0
    >>> allot_round_seconds(18.0, 15.0, 3, [(6.5, 0.5)], [6.0])  # two folds left, 1 s outside rounds, 1.5 s at the end
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
    """Fit a booster until the loss on the evaluation rows stops improving, or the time is used up.

    Parameters
    ----------
    model : estimator
        One of its parameters sets for how many rounds the loss may fail to improve.
    X, y : array-like
    eval_rows : tuple of array-like
        X and y of the evaluation rows.
    seconds : float or None
        No round is started after this time; None sets no limit. One or two rounds are always fitted.
    fit_params : mapping of str to object

    Raises
    ------
    TypeError
        If the model is not an estimator of XGBoost, LightGBM or CatBoost.
    """
    end_time = float("inf") if seconds is None else clock.now() + seconds
    get_library(model).fit_until(model, X, y, eval_rows, end_time, fit_params)


def hold_out_rows(class_codes: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Draw rows for early stopping, about the same share of each class; each class keeps a row for training.

    Parameters
    ----------
    class_codes : ndarray of int of shape (n_rows,)
        The class of each row, from 0.
    share : float
        The share of the rows to draw.
    seed : int

    Returns
    -------
    rows : ndarray of int
        Empty if no class has more than one row.

    Examples
    --------
    >>> import numpy as np
    >>> class_codes = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2])
    >>> class_codes[hold_out_rows(class_codes, 0.4, seed=0)]
    array([0, 1, 0, 1])
    """
    n_left = np.bincount(class_codes)
    n_rows = max(1, round(share * len(class_codes)))
    rows: list[int] = []
    for row in draw_stratified_order(class_codes, np.random.RandomState(seed)):
        if len(rows) < n_rows and n_left[class_codes[row]] > 1:
            n_left[class_codes[row]] -= 1
            rows.append(int(row))
    return np.array(rows, dtype=int)


def has_early_stopping(model: Any) -> bool:
    """Whether a model is a booster whose parameters ask for early stopping."""
    library = find_library(model)
    return library is not None and model.get_params().get(library.patience_param) is not None


def get_best_rounds(model: Any) -> int:
    """Return the number of rounds that early stopping has chosen."""
    return get_library(model).get_best_rounds(model)


def get_used_rounds(model: Any) -> int:
    """Return the number of rounds with which a fitted booster predicts."""
    return get_library(model).get_used_rounds(model)


def drop_training_data(model: Any, booster: Any) -> Any:
    """Return a fitted model without the memory that its fit has left in it.

    Parameters
    ----------
    model : estimator
        The booster, or a model around it.
    booster : estimator

    Returns
    -------
    model : estimator
        A copy, where the copy takes less memory and can be made. It predicts the same, to the last bit.
    """
    if not get_library(booster).keeps_training_data:
        return model
    try:
        return pickle.loads(pickle.dumps(model))
    except Exception:  # any __reduce__ may raise anything
        return model


def set_prediction_rounds(model: Any, n_rounds: int) -> None:
    """Make a fitted booster predict with this number of rounds, or with all of them if it has fewer."""
    get_library(model).set_prediction_rounds(model, n_rounds)


def clone_without_early_stopping(model: Any) -> Any:
    """Return an unfitted copy that fits all its rounds."""
    params = model.get_params()
    # CatBoost's constructor drops a parameter that is None, and clone fails if the constructor drops a parameter.
    del params[get_library(model).patience_param]
    return type(model)(**params)


def clone_with_rounds(model: Any, n_rounds: int) -> Any:
    """Return an unfitted copy with a fixed number of rounds instead of early stopping."""
    return clone_without_early_stopping(model).set_params(**{get_library(model).rounds_params[0]: n_rounds})


def clone_as_fitted(model: Any) -> Any:
    """Return an unfitted copy that gives the same fitted booster again, without evaluation rows.

    Parameters
    ----------
    model : estimator
        A fitted estimator of XGBoost, LightGBM or CatBoost.

    Returns
    -------
    copy : estimator
        If early stopping chose the number of rounds, the copy has that number, and no early stopping.

    Raises
    ------
    ValueError
        If no number of rounds gives the same model.
    """
    changes = get_library(model).find_refit_params(model)
    if changes is None:
        raise ValueError(
            f"{type(model).__name__} was fitted with early stopping, and with this kind of boosting a fit of the same "
            "number of rounds gives another model"
        )
    if not changes:
        return clone(model)
    # CatBoost's constructor drops a parameter that is None, and clone fails if the constructor drops a parameter.
    kept = {name: value for name, value in model.get_params().items() if name not in changes}
    return type(model)(**kept, **{name: value for name, value in changes.items() if value is not None})
