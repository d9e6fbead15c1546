"""Models of the second layer, which `AutoModelSelector` fits on predictions of the best candidate of each family.

There is little to search: with ten columns that each predict well, settings matter little, and choosing among many
would soon overfit, since the columns were chosen on the same rows.
"""

from typing import Any

from sklearn_autotune.families._base import Branch, Family, Shape
from sklearn_autotune.families._forest import EXTRA_TREES, count_trees

__all__ = ["STACKED_LINEAR", "STACKED_NAMES", "STACKED_TREES"]

N_TREES = 200

# Small leaves recognise rows that are close to each other, and infer the class of one from the prediction for the
# other, as with duplicates. With two classes, leaves of 3 rows reduced the log loss on the folds but increased it on
# new rows, by 0.3 to 2 % (wells, HMDA, telephone, taxi), leaves of 10 by 0 to 0.4 %; on covid and email 3 was better.
# With more classes, leaves of 3 reduced both, by 0.3 to 1.5 % (jobs, diamonds, loans), leaves of 10 by about half of
# that.
MIN_LEAF_TWO_CLASSES = 10
MIN_LEAF = 3


def _make_space(shape: Shape) -> Branch:
    return {}


def _make_linear_model(shape: Shape) -> Any:
    from sklearn.linear_model import LinearRegression, LogisticRegression

    # Without negative weights, as in Breiman's "Stacked regressions" (Machine Learning, 1996).
    return LogisticRegression(tol=1e-3, max_iter=500) if shape.is_classifier else LinearRegression(positive=True)


def _make_trees_model(shape: Shape) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    min_leaf = MIN_LEAF_TWO_CLASSES if shape.is_classifier and shape.n_classes == 2 else MIN_LEAF
    n_trees = count_trees(shape, N_TREES, min_leaf)
    if shape.is_classifier:
        return ExtraTreesClassifier(n_trees, min_samples_leaf=min_leaf)
    return ExtraTreesRegressor(n_trees, min_samples_leaf=min_leaf, max_features=1 / 3)


def _estimate_linear_seconds(shape: Shape) -> float:
    return 0.03 + 1e-7 * shape.cells * shape.n_outputs  # including its temperature


def _estimate_trees_seconds(shape: Shape) -> float:
    return 0.5 * EXTRA_TREES.seconds(shape)


STACKED_LINEAR = Family(
    name="stacked_linear",
    estimators=(),
    space=_make_space,
    make=_make_linear_model,
    first=({"C": 0.1}, {"C": 0.01}, {"C": 1.0}),  # a regression has no C, and uses one candidate
    columns="native",
    seconds=_estimate_linear_seconds,
    is_bagged=False,
)

# Uses the table beside the predictions, to learn on which rows which model is right.
STACKED_TREES = Family(
    name="stacked_trees",
    estimators=(),
    space=_make_space,
    make=_make_trees_model,
    first=({},),
    columns="coded",
    seconds=_estimate_trees_seconds,
    screens=True,
    is_bagged=False,
)

STACKED_NAMES = frozenset({STACKED_LINEAR.name, STACKED_TREES.name})
