"""Random forests and extremely randomised trees.

The number of trees is not searched: more are better, at a cost that the user knows. ``max_samples`` is not searched
either: in addition to the size of the leaves it gained nothing on four tables, and with weights, scikit-learn 1.9 takes
a fraction of their sum, which can be any number.
"""

from functools import partial
from math import log2
from typing import Any

from optuna.distributions import FloatDistribution, IntDistribution

from sklearn_autotune.families._base import Branch, Family, Shape

__all__ = ["EXTRA_TREES", "FOREST", "MAX_FEATURES", "count_trees", "make_forest_space"]


def make_forest_space(shape: Shape) -> Branch:
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

# A classifier's trees hold a number for each node and class: 300 trees of 2,400 rows and 150 classes take 1.4 GB. There
# are fewer trees if they would hold more numbers than this, 320 MB.
MAX_NUMBERS = 40_000_000
MIN_TREES = 10


def count_trees(shape: Shape, max_trees: int, min_samples_leaf: int = 1) -> int:
    """Return how many trees a forest has: fewer if many rows and classes would make them large.

    Examples
    --------
    >>> count_trees(Shape(1000, True, n_classes=2), 300), count_trees(Shape(5000, True, n_classes=100), 300)
    (300, 40)
    """
    n_nodes = 2 * shape.n_rows / min_samples_leaf
    n_trees = MAX_NUMBERS / (n_nodes * (shape.n_classes if shape.is_classifier else 1))
    return max(MIN_TREES, min(max_trees, int(n_trees)))


def _make_model(shape: Shape) -> Any:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    return (RandomForestClassifier if shape.is_classifier else RandomForestRegressor)(count_trees(shape, N_TREES))


def _make_extra_trees(shape: Shape) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    return (ExtraTreesClassifier if shape.is_classifier else ExtraTreesRegressor)(count_trees(shape, N_TREES))


def _compute_default_max_features(shape: Shape) -> float:
    """Compute scikit-learn's default ``max_features`` as a share of the columns: all of them for a regressor."""
    return shape.n_columns**-0.5 if shape.is_classifier else 1.0


def _compute_root_max_features(shape: Shape) -> float:
    return 1.0 / shape.n_columns**0.5


# From this number of rows on, leaves of one row are too small. On 36,000 to 60,000 rows of three tables, leaves of
# five rows reduced a random forest's log loss by 4 to 11 %, leaves of two that of extra trees by 5 to 20 %, and the
# trees are smaller.
MANY_ROWS = 10_000


def _choose_min_samples_leaf(shape: Shape, *, few_rows_value: int = 1, many_rows_value: int) -> int:
    return few_rows_value if shape.n_rows < MANY_ROWS else many_rows_value


def _estimate_seconds_per_row(shape: Shape, seconds_per_column: float, classes_for_twice: int) -> float:
    """Estimate the seconds of all trees for a row; with so many classes more, they are twice as many."""
    n_searched_columns = shape.n_columns * shape.params.get("max_features", _compute_default_max_features(shape))
    factor = 1 + (shape.n_classes - 2) / classes_for_twice if shape.is_classifier else 1.0
    return factor * count_trees(shape, N_TREES) * (5e-7 + seconds_per_column * n_searched_columns)


# On 2,400 rows and 20 columns, 300 trees took 1.1, 2.8 and 5.6 s with 2, 50 and 150 classes, extremely randomised ones
# 0.4, 1.3 and 2.3 s.
def _estimate_forest_seconds(shape: Shape) -> float:
    return 0.2 + shape.n_rows * _estimate_seconds_per_row(shape, 1e-7, 30)


def _estimate_extra_trees_seconds(shape: Shape) -> float:
    return 0.15 + shape.n_rows * _estimate_seconds_per_row(shape, 5e-8, 60)


def _compute_log_max_features(shape: Shape) -> float:
    return log2(max(2, shape.n_columns)) / shape.n_columns


MAX_FEATURES = {None: 1.0, "sqrt": _compute_root_max_features, "log2": _compute_log_max_features}

# On small tables, leaves of one row, averaged over all trees, are best. AutoGluon's portfolio has little else.
FOREST = Family(
    name="forest",
    generates=True,
    aliases=("random_forest", "random_forests", "rf"),
    estimators=("sklearn.RandomForestClassifier", "sklearn.RandomForestRegressor"),
    space=make_forest_space,
    make=_make_model,
    first=(
        {
            "max_features": _compute_default_max_features,
            "min_samples_leaf": partial(_choose_min_samples_leaf, many_rows_value=5),
        },
        {
            "max_features": 0.75,
            "min_samples_leaf": partial(_choose_min_samples_leaf, few_rows_value=2, many_rows_value=5),
        },
    ),
    columns="coded",
    meanings={"max_features": MAX_FEATURES},
    seconds=_estimate_forest_seconds,
    is_bagged=False,
)

EXTRA_TREES = Family(
    name="extra_trees",
    generates=True,
    aliases=("extra_tree", "extremely_randomized_trees", "xt"),
    screens=True,
    estimators=("sklearn.ExtraTreesClassifier", "sklearn.ExtraTreesRegressor"),
    space=make_forest_space,
    make=_make_extra_trees,
    first=(
        {
            "max_features": _compute_default_max_features,
            "min_samples_leaf": partial(_choose_min_samples_leaf, many_rows_value=2),
        },
        {
            "max_features": 0.75,
            "criterion": "entropy",
            "min_samples_leaf": partial(_choose_min_samples_leaf, many_rows_value=2),
        },
    ),
    columns="coded",
    meanings={"max_features": MAX_FEATURES},
    seconds=_estimate_extra_trees_seconds,
    is_bagged=False,
)
