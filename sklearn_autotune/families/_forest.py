"""Random forests and extremely randomised trees.

The number of trees is not searched: more are better, and the user knows what they cost. Nor are the rows of a tree
(max_samples): beside the size of the leaves they brought nothing on four tables, and where rows have weights,
scikit-learn 1.9 takes the fraction of their sum, which can be any number.
"""

from functools import partial
from typing import Any

from optuna.distributions import FloatDistribution, IntDistribution

from sklearn_autotune.families._base import Branch, Family, Shape

__all__ = ["EXTRA_TREES", "FOREST"]


def _space(shape: Shape) -> Branch:
    space: Branch = {
        # Probst et al. 2019, "Tunability": the parameter that matters most. FLAML: log 0.1-1, lower for many features.
        "max_features": FloatDistribution(0.05 if shape.is_classifier else 0.1, 1.0, log=True),
        # AutoGluon's portfolio: 1-40; auto-sklearn: 1-20.
        "min_samples_leaf": IntDistribution(1, shape.divide_rows(20, max_value=40), log=True),
    }
    if shape.is_classifier:
        # auto-sklearn, FLAML, AutoGluon.
        space["criterion"] = ["gini", "entropy"]
    return space | shape.class_weight


N_TREES = 300  # as in AutoGluon's portfolio


def _make(shape: Shape) -> Any:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    return (RandomForestClassifier if shape.is_classifier else RandomForestRegressor)(N_TREES)


def _make_extra(shape: Shape) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    return (ExtraTreesClassifier if shape.is_classifier else ExtraTreesRegressor)(N_TREES)


def _square_root(shape: Shape) -> float:
    """Say the share of columns that scikit-learn's classifiers look at; its regressors look at all."""
    return shape.n_columns**-0.5 if shape.is_classifier else 1.0


# From so many rows on leaves of one row are too small: on 36,000 to 60,000 rows of three tables, five rows made a
# random forest's log loss 4 to 11 % less, two made that of extra trees 5 to 20 % less; and trees are that much smaller.
MANY_ROWS = 10_000


def _leaf(shape: Shape, *, of_few_rows: int = 1, of_many_rows: int) -> int:
    return of_few_rows if shape.n_rows < MANY_ROWS else of_many_rows


def _seconds_of_row(shape: Shape, of_column: float) -> float:
    looked_at = shape.n_columns * shape.params.get("max_features", _square_root(shape))
    return N_TREES * (5e-7 + of_column * looked_at)


# Leaves of one row, and the mean over all trees: what carries small tables. AutoGluon's portfolio has little else.
FOREST = Family(
    name="forest",
    estimators=("sklearn.RandomForestClassifier", "sklearn.RandomForestRegressor"),
    space=_space,
    make=_make,
    first=(
        {"max_features": _square_root, "min_samples_leaf": partial(_leaf, of_many_rows=5)},
        {"max_features": 0.75, "min_samples_leaf": partial(_leaf, of_few_rows=2, of_many_rows=5)},
    ),
    columns="coded",
    seconds=lambda shape: 0.2 + shape.n_rows * _seconds_of_row(shape, 1e-7),
    is_bagged=False,
)

EXTRA_TREES = Family(
    name="extra_trees",
    estimators=("sklearn.ExtraTreesClassifier", "sklearn.ExtraTreesRegressor"),
    space=_space,
    make=_make_extra,
    first=(
        {"max_features": _square_root, "min_samples_leaf": partial(_leaf, of_many_rows=2)},
        {"max_features": 0.75, "criterion": "entropy", "min_samples_leaf": partial(_leaf, of_many_rows=2)},
    ),
    columns="coded",
    seconds=lambda shape: 0.15 + shape.n_rows * _seconds_of_row(shape, 5e-8),
    is_bagged=False,
)
