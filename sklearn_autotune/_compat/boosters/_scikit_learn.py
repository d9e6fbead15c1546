"""scikit-learn's forests, bagging and boosting: exact warm starts, and categories of histogram gradient boosting."""

import warnings
from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from sklearn_autotune._compat.boosters._base import PartFit, has_repeatable_seed, is_exact_class

__all__ = [
    "AUTO_STOPPING_ROWS",
    "SCIKIT_LEARN",
    "WARM_START_PARAMS",
    "ScikitLearn",
    "WarmStartFit",
    "cannot_draw_validation_rows",
    "draw_validation_rows",
    "draws_validation_rows",
]

# The estimators whose warm start is exact, and their parameter for the number of rounds.
WARM_START_PARAMS = {
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
HISTOGRAM_BOOSTERS = ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor")
AUTO_STOPPING_ROWS = 10_000  # with more rows, early_stopping="auto" means True in histogram gradient boosting


class WarmStartFit:
    """Adds rounds to a fitted estimator by ``warm_start=True``."""

    def __init__(self, fit: PartFit) -> None:
        self.part_fit = fit
        fit.estimator.set_params(warm_start=True)

    def continue_to(self, amount: int) -> Any:
        """Return the estimator trained with this number of rounds."""
        fit = self.part_fit
        with warnings.catch_warnings():
            # scikit-learn warns because class weights may change with the data. Here the data are the same.
            warnings.filterwarnings("ignore", "class_weight presets .* are not recommended for warm_start")
            fit.estimator.set_params(**{fit.rounds_param: amount}).fit(*fit.args, **fit.fit_params)
        return fit.estimator

    def close(self) -> None:
        """Do nothing, because there is no thread."""


class ScikitLearn:
    """What scikit-learn's estimators with rounds can do."""

    package = "sklearn"
    rounds_params: tuple[str, ...] = ("n_estimators", "max_iter")
    rounds_aliases: tuple[str, ...] = ()

    def find_default_rounds(self, model: Any, param: str) -> int | None:
        """Return None, because the parameter is always a number."""
        return None

    def start_continued_fit(self, fit: PartFit, max_rounds: int) -> WarmStartFit | None:
        """Prepare a warm start if it is known to give the same model as one fit."""
        return WarmStartFit(fit) if _can_warm_start(fit) else None

    def declare_categories(self, model: Any, columns: np.ndarray, n_columns: int) -> dict[str, Any] | None:
        """Set ``categorical_features`` if the model has this parameter."""
        if "categorical_features" not in model.get_params():
            return None
        model.set_params(categorical_features=columns)
        return {}


def cannot_draw_validation_rows(model: Any, class_codes: np.ndarray) -> bool:
    """Whether histogram gradient boosting uses early stopping, but cannot draw its validation rows by class.

    To draw them, it needs two rows of each class, and in both parts at least as many rows as there are classes.
    Validation rows can be passed to its ``fit`` instead, as ``X_val`` and ``y_val``.
    """
    if not draws_validation_rows(model, len(class_codes)) or not is_classifier(model):
        return False
    share = model.get_params(deep=False)["validation_fraction"]
    counts = np.bincount(class_codes)
    n_validation = int(np.ceil(share * len(class_codes))) if isinstance(share, float) else share
    smaller_part = min(n_validation, len(class_codes) - n_validation)
    return bool(counts.min() < 2 or smaller_part < len(counts))


def draws_validation_rows(model: Any, n_rows: int) -> bool:
    """Whether a model is histogram gradient boosting that draws rows for early stopping itself, in one fit."""
    ancestors = [kind for kind in type(model).__mro__ if kind.__module__.startswith("sklearn.")]
    if all(kind.__name__ not in HISTOGRAM_BOOSTERS for kind in ancestors):
        return False
    params = model.get_params(deep=False)
    return params["validation_fraction"] is not None and _stops_early(params, n_rows)


def draw_validation_rows(model: Any, y: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Draw the rows by which histogram gradient boosting would stop early, as it draws them itself.

    Passed to its ``fit`` as ``X_val``, they give the same model in less memory: if it draws them, it holds all rows and
    both parts of them, in 64-bit floats.

    Parameters
    ----------
    model : estimator
    y : ndarray of shape (n_rows,)
        Codes of the classes, or numbers.

    Returns
    -------
    train, validation : ndarray of int
        Or None, if the model draws no rows or would be another one.
    """
    params = model.get_params(deep=False)
    if not is_exact_class(model, "sklearn", HISTOGRAM_BOOSTERS) or not draws_validation_rows(model, len(y)):
        return None
    if params["early_stopping"] is not True or not isinstance(params["random_state"], Integral):
        return None
    if params["warm_start"] or not isinstance(params["categorical_features"], str | None):
        return None  # it learns from all rows which categories there are
    if params.get("class_weight") is not None:  # which counts the rows of each class
        return None
    seed = check_random_state(params["random_state"]).randint(np.iinfo(np.uint32).max, dtype="u8")
    settings = {"test_size": params["validation_fraction"], "random_state": seed}
    stratify = y if is_classifier(model) else None
    train, validation = train_test_split(np.arange(len(y)), stratify=stratify, **settings)
    lacks_class = is_classifier(model) and len(np.unique(y[train])) < len(np.unique(y))
    return None if lacks_class else (train, validation)


def _stops_early(params: Mapping[str, Any], n_rows: int) -> bool:
    """Whether the parameter ``early_stopping`` switches early stopping on for this number of rows."""
    stops = params.get("early_stopping", False)
    return n_rows > AUTO_STOPPING_ROWS if stops == "auto" else bool(stops)


def _can_warm_start(fit: PartFit) -> bool:
    """Whether a warm start is known to give the same model as one fit."""
    name, params = type(fit.estimator).__name__, fit.estimator.get_params(deep=False)
    if not is_exact_class(fit.estimator, "sklearn", WARM_START_PARAMS) or WARM_START_PARAMS[name] != fit.rounds_param:
        return False
    if not has_repeatable_seed(params) or "monitor" in fit.fit_params:
        return False
    # With early stopping, the next fit would continue from the round at which this one stopped.
    X = fit.args[0]
    n_rows = np.shape(X)[0]
    if _stops_early(params, n_rows) or ("early_stopping" not in params and params.get("n_iter_no_change") is not None):
        return False
    return not (
        name.startswith("Bagging") and params["oob_score"]
    )  # scikit-learn refuses this together with warm_start


SCIKIT_LEARN = ScikitLearn()
