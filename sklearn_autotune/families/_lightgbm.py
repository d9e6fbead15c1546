"""LightGBM, where it is installed."""

from functools import partial
from typing import Any

from optuna.distributions import FloatDistribution, IntDistribution

from sklearn_autotune.families._base import Branch, ByRows, Family, Shape, estimate_boosting_seconds

__all__ = ["LIGHTGBM"]


# What `Shape` calls losses, and LightGBM objectives.
OBJECTIVES = {
    "squared": "regression",
    "absolute": "regression_l1",
    "percentage": "mape",
    "quantile": "quantile",
    "poisson": "poisson",
    "gamma": "gamma",
    "tweedie": "tweedie",
}
LEVEL_PARAMETERS = {"quantile": "alpha", "tweedie": "tweedie_variance_power"}


def _make_space(shape: Shape) -> Branch:
    # TabArena: log 0.005-0.1; the slowest need more rounds than can be searched.
    slowest = 0.01
    rounds: Branch = {"n_estimators": IntDistribution(50, 500, log=True)}
    if shape.params.get("early_stopping_round") is not None:  # it chooses, up to the user's own limit
        slowest, rounds = 0.005, {}
    space: Branch = (
        shape.make_loss_space(OBJECTIVES, parameter="objective", level_parameters=LEVEL_PARAMETERS)
        | rounds
        | {
            "learning_rate": FloatDistribution(slowest, 0.3, log=True),
            # TabArena: log 2-200.
            "num_leaves": IntDistribution(3, shape.divide_rows(8, max_value=200) + 3, log=True),
            # TabArena: log 1-64; bounded so that small tables can still be split.
            "min_child_samples": IntDistribution(1, shape.divide_rows(8, max_value=64), log=True),
            # TabArena: 0.4-1.
            "colsample_bytree": FloatDistribution(0.4, 1.0),
            # TabArena: log 1e-4-2.
            "reg_lambda": FloatDistribution(1e-4, 2.0, log=True),
        }
    )
    if "extra_trees" in shape.params:  # get_params has it only if it was passed to the constructor
        # AutoGluon: half of its portfolio has random splits.
        space["extra_trees"] = [False, True]
    return space


def _make_model(shape: Shape) -> Any:
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMClassifier if shape.is_classifier else LGBMRegressor
    # XGBoost's regularisation, where LightGBM has none: measured on seven tables, better on six. Without it, many
    # classes and a high learning rate make it diverge.
    return kind(
        n_estimators=2000,
        learning_rate=0.08,
        early_stopping_round=40,
        reg_lambda=1.0,
        extra_trees=False,
        n_jobs=1,
        verbose=-1,
    )


LIGHTGBM = Family(
    name="lightgbm",
    generates=True,
    aliases=("lgbm", "lgb"),
    screens=True,
    estimators=("lightgbm.LGBMClassifier", "lightgbm.LGBMRegressor"),
    space=_make_space,
    make=_make_model,
    # AutoGluon has the default and, as r96, the one with random splits and few leaves. Measured on nine tables, small
    # trees had the least log loss on five, random splits on three; but the default needs the fewest rounds. On large
    # tables, AutoGluon's large trees take the place of random splits.
    first=(
        {},
        {
            "extra_trees": ByRows(True, False),
            "num_leaves": ByRows(16, 128),
            "colsample_bytree": ByRows(0.56, 0.9),
            "min_child_samples": 20,
        },
        {"num_leaves": 8, "colsample_bytree": 0.6},
        {"num_leaves": 5, "colsample_bytree": 0.6},
        {"extra_trees": True, "num_leaves": 64},
    ),
    # LightGBM's own handling of categories is meant for large tables (min_data_per_group 100, cat_smooth and cat_l2
    # 10): on thirteen tables of 1,000 to 7,000 rows it was worse on nine, ten times as bad on one, better on three.
    columns="coded",
    # Without early stopping.
    known_good=(
        {"num_leaves": 4, "learning_rate": 0.2, "n_estimators": 50, "colsample_bytree": 0.6},
        {"num_leaves": 8, "learning_rate": 0.1, "colsample_bytree": 0.6, "reg_lambda": 1.0},
        {"num_leaves": 31, "learning_rate": 0.05, "colsample_bytree": 0.6, "min_child_samples": 10},
    ),
    meanings={"max_depth": {-1: float("inf")}},
    package="lightgbm",
    seconds=partial(estimate_boosting_seconds, fixed_seconds=0.02, seconds_per_output=0.03, seconds_per_cell=2e-7),
    rounds="n_estimators",
)
