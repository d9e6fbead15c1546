"""Gradient boosting with exact splits."""

from math import log2
from typing import Any

from optuna.distributions import FloatDistribution, IntDistribution

from sklearn_autotune.families._base import Branch, Family, Shape

__all__ = ["GRADIENT_BOOSTING", "make_boosting_space"]


# What `Shape` calls losses, and scikit-learn's gradient boosting.
LOSSES = {"squared": "squared_error", "absolute": "absolute_error", "quantile": "quantile"}


def make_boosting_space(shape: Shape) -> Branch:
    space: Branch = {
        "learning_rate": FloatDistribution(0.01, 0.3, log=True),
        # hyperopt-sklearn: 2-5, mostly 3. Deeper trees cost more than they gain here.
        "max_depth": IntDistribution(2, 8),
        # hyperopt-sklearn: log 1-50; bounded so that small tables can still be split.
        "min_samples_leaf": IntDistribution(1, shape.divide_rows(20, max_value=50), log=True),
        # scikit-learn's user guide, after Hastie et al. 2009: shrinkage needs subsampling to show what it can do.
        "subsample": FloatDistribution(0.5, 1.0),
        # TPOT: 0.01-1; hyperopt-sklearn: any fraction. Small fractions also make a fit faster.
        "max_features": FloatDistribution(0.1, 1.0, log=True),
    }
    if shape.params.get("n_iter_no_change") is None:  # else early stopping chooses, up to the user's own limit
        # hyperopt-sklearn: log 10-1000.
        space["n_estimators"] = IntDistribution(50, 500, log=True)
    space |= shape.make_loss_space(LOSSES, parameter="loss", level_parameters={"quantile": "alpha"})
    return space


def _make_model(shape: Shape) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

    kind = GradientBoostingClassifier if shape.is_classifier else GradientBoostingRegressor
    return kind(n_estimators=TYPICAL_SETTINGS["n_estimators"])


TYPICAL_SETTINGS: dict[str, Any] = {"n_estimators": 150, "max_depth": 4, "subsample": 0.7, "max_features": 0.5}


def _compute_relative_cost(
    n_estimators: int, max_depth: int, subsample: float, max_features: float, **_others: Any
) -> float:
    """Compute the relative cost of settings, as measured on 2,000 and 6,000 rows."""
    return n_estimators * max_depth * subsample * (max_features + 0.1)


def _estimate_seconds(shape: Shape) -> float:
    typical_seconds = 7e-7 * shape.cells * log2(shape.n_rows + 2) * shape.n_outputs
    cost = _compute_relative_cost(**(TYPICAL_SETTINGS | dict(shape.params)))
    return 0.05 + typical_seconds * cost / _compute_relative_cost(**TYPICAL_SETTINGS)


GRADIENT_BOOSTING = Family(
    name="gradient_boosting",
    generates=True,
    screens=True,
    estimators=("sklearn.GradientBoostingClassifier", "sklearn.GradientBoostingRegressor"),
    space=make_boosting_space,
    make=_make_model,
    first=({**TYPICAL_SETTINGS, "learning_rate": 0.05},),
    known_good=(
        {"max_depth": 2, "learning_rate": 0.2, "n_estimators": 50, "subsample": 0.6, "max_features": 0.6},
        {**TYPICAL_SETTINGS, "learning_rate": 0.05},
    ),
    meanings={"max_features": {None: 1.0}},
    columns="scaled",  # it takes no missing values
    seconds=_estimate_seconds,
)
