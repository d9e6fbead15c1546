"""Gradient boosting on histograms."""

from functools import partial
from typing import Any

from optuna.distributions import FloatDistribution, IntDistribution

from sklearn_autotune._compat.boosters._scikit_learn import AUTO_STOPPING_ROWS
from sklearn_autotune.families._base import Branch, ByRows, Family, Shape, estimate_boosting_seconds

__all__ = ["HIST_GRADIENT_BOOSTING"]


# What `Shape` calls losses, and scikit-learn's histogram gradient boosting.
LOSSES = {
    "squared": "squared_error",
    "absolute": "absolute_error",
    "quantile": "quantile",
    "poisson": "poisson",
    "gamma": "gamma",
    "tweedie": "poisson",  # predictions are positive, too, and the target may be 0
}


def _make_space(shape: Shape) -> Branch:
    return (
        {
            # auto-sklearn: log 0.01-1; its portfolios end at 0.29.
            "learning_rate": FloatDistribution(0.01, 0.3, log=True),
            # auto-sklearn: log 3-2047; its portfolios hold 3-63, once 310.
            "max_leaf_nodes": IntDistribution(3, shape.divide_rows(8, max_value=255) + 3, log=True),
            # auto-sklearn: log 1-200; bounded so that small tables can still be split.
            "min_samples_leaf": IntDistribution(1, shape.divide_rows(8, max_value=200), log=True),
            # auto-sklearn: log 1e-10-1, where most of the range does nothing; TabArena's LightGBM: log 1e-4-2.
            "l2_regularization": FloatDistribution(1e-4, 10.0, log=True),
            # TabArena's LightGBM: feature fraction 0.4-1.
            "max_features": FloatDistribution(0.3, 1.0),
        }
        | _make_rounds_space(shape)
        | shape.make_loss_space(LOSSES, parameter="loss", level_parameters={"quantile": "quantile"})
        | shape.class_weight
    )


def _make_rounds_space(shape: Shape) -> Branch:
    # auto-sklearn: 512 at most.
    rounds: Branch = {"max_iter": IntDistribution(50, 500, log=True)}
    has_early_stopping = shape.params.get("early_stopping")
    if has_early_stopping is True:  # the user's own limit
        return {}
    if has_early_stopping == "auto":
        # The estimator would decide by the rows of each fit, on the folds and again on all rows.
        has_early_stopping = shape.n_rows > AUTO_STOPPING_ROWS
        if has_early_stopping:
            rounds = {"max_iter": [max(500, shape.params.get("max_iter", 0))]}
        rounds["early_stopping"] = [has_early_stopping]
    return rounds


def _make_model(shape: Shape) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if shape.is_classifier else HistGradientBoostingRegressor
    # The rows for early stopping are taken from the fold's training rows.
    return kind(max_iter=500, early_stopping=True, learning_rate=0.08, categorical_features="from_dtype")


HIST_GRADIENT_BOOSTING = Family(
    name="hist_gradient_boosting",
    generates=True,
    aliases=("histogram_gradient_boosting", "hist_gb", "hgb"),
    screens=True,
    estimators=("sklearn.HistGradientBoostingClassifier", "sklearn.HistGradientBoostingRegressor"),
    space=_make_space,
    make=_make_model,
    # The second after auto-sklearn's portfolio, which likes small trees and much shrinkage; large tables, larger ones.
    first=(
        {},
        {
            "learning_rate": ByRows(0.03, 0.05),
            "max_leaf_nodes": ByRows(15, 127),
            "l2_regularization": 1.0,
            "max_features": ByRows(0.6, 0.8),
        },
    ),
    known_good=(
        {"max_leaf_nodes": 4, "learning_rate": 0.2, "max_iter": 50, "max_features": 0.6},
        {"learning_rate": 0.1, "max_leaf_nodes": 15, "l2_regularization": 1.0, "max_features": 0.6},
    ),
    columns="native",
    seconds=partial(estimate_boosting_seconds, fixed_seconds=0.03, seconds_per_output=0.03, seconds_per_cell=1.7e-7),
)
