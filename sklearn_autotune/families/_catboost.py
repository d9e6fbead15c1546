"""CatBoost, where it is installed."""

from functools import partial
from typing import Any

from optuna.distributions import FloatDistribution, IntDistribution

from sklearn_autotune._compat.boosters._catboost import import_catboost
from sklearn_autotune.families._base import Branch, Family, Shape, estimate_boosting_seconds

__all__ = ["CATBOOST"]


# What `Shape` calls losses, and CatBoost. It has no gamma distribution: a Tweedie distribution comes close to it as its
# power, which has to be below 2, comes close to 2.
LOSSES = {
    "squared": "RMSE",
    "absolute": "MAE",
    "percentage": "MAPE",
    "quantile": "Quantile:alpha={}",
    "poisson": "Poisson",
    "gamma": "Tweedie:variance_power=1.99",
    "tweedie": "Tweedie:variance_power={}",
}


def _make_space(shape: Shape) -> Branch:
    rounds: Branch = {"iterations": IntDistribution(50, 500, log=True)}
    if shape.params.get("early_stopping_rounds") is not None:  # it chooses, up to the user's own limit
        rounds = {}
    losses = shape.make_loss_space(LOSSES, parameter="loss_function")
    return (
        losses
        | rounds
        | {
            # TabArena: log 0.005-0.1.
            "learning_rate": FloatDistribution(0.01, 0.3, log=True),
            # TabArena: 4-8.
            "depth": IntDistribution(3, 8),
            # TabArena: log 1e-4-5.
            "l2_leaf_reg": FloatDistribution(1e-2, 10.0, log=True),
        }
    )


def _make_model(shape: Shape) -> Any:
    catboost = import_catboost()
    kind = catboost.CatBoostClassifier if shape.is_classifier else catboost.CatBoostRegressor
    # CatBoost's default for two classes from 200 rounds on; below it is 1, so a final fit of fewer rounds would differ.
    fixed = {"leaf_estimation_iterations": 10} if shape.is_classifier and shape.n_classes == 2 else {}
    return kind(
        iterations=1000,
        learning_rate=0.08,
        early_stopping_rounds=40,
        thread_count=1,
        verbose=False,
        allow_writing_files=False,
        **fixed,
    )


CATBOOST = Family(
    name="catboost",
    generates=True,
    aliases=("cat",),
    estimators=("catboost.CatBoostClassifier", "catboost.CatBoostRegressor"),
    space=_make_space,
    make=_make_model,
    first=({},),
    columns="coded",
    package="catboost",
    known_good=(
        {"iterations": 300, "learning_rate": 0.1, "depth": 4},
        {"iterations": 500, "learning_rate": 0.05, "depth": 6},
    ),
    # CatBoost leaves unset parameters out of ``get_params``; its learning rate depends on the rows and the rounds.
    meanings={
        name: {None: value}
        for name, value in {
            "iterations": 1000,
            "learning_rate": 0.05,
            "depth": 6,
            "l2_leaf_reg": 3.0,
            "rsm": 1.0,
        }.items()
    },
    rounds="iterations",
    seconds=partial(estimate_boosting_seconds, fixed_seconds=0.05, seconds_per_output=0.15, seconds_per_cell=9e-7),
)
