"""Models of the second layer, which `AutoModelSelector` fits on what the best of each family predict.

There is little to search: with ten columns that each predict well, settings matter little, and what has been chosen on
these rows before is soon fitted to them too well.
"""

from typing import Any

from sklearn_autotune.families._base import Family, Shape
from sklearn_autotune.families._forest import EXTRA_TREES

__all__ = ["STACKED_LINEAR", "STACKED_NAMES", "STACKED_TREES"]

N_TREES = 200

# Small leaves know rows again that are near each other, and read one's class from what was predicted for the other, as
# with twins. Of two classes, leaves of 3 rows made the log loss on the folds less and that on new rows more by 0.3 to
# 2 % (wells, HMDA, telephone, taxi), leaves of 10 by 0 to 0.4 %; covid and email would rather have 3. Of more classes
# leaves of 3 made both less, by 0.3 to 1.5 % (jobs, diamonds, loans), leaves of 10 by about half of that.
LEAF_OF_TWO_CLASSES = 10
LEAF = 3


def _make_linear(shape: Shape) -> Any:
    from sklearn.linear_model import LinearRegression, LogisticRegression

    # Without negative weights, as in Breiman's "Stacked regressions" (Machine Learning, 1996).
    return LogisticRegression(tol=1e-3, max_iter=500) if shape.is_classifier else LinearRegression(positive=True)


def _make_trees(shape: Shape) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    if shape.is_classifier:
        return ExtraTreesClassifier(N_TREES, min_samples_leaf=LEAF_OF_TWO_CLASSES if shape.n_classes == 2 else LEAF)
    return ExtraTreesRegressor(N_TREES, min_samples_leaf=LEAF, max_features=1 / 3)


STACKED_LINEAR = Family(
    name="stacked_linear",
    estimators=(),
    space=lambda shape: {},
    make=_make_linear,
    first=({"C": 0.1}, {"C": 0.01}, {"C": 1.0}),  # of the regression there is only one
    columns="native",
    seconds=lambda shape: 0.03 + 1e-7 * shape.cells * shape.n_outputs,  # with its temperature
    is_bagged=False,
)

# Sees the table beside the predictions: where which model is right.
STACKED_TREES = Family(
    name="stacked_trees",
    estimators=(),
    space=lambda shape: {},
    make=_make_trees,
    first=({},),
    columns="coded",
    seconds=lambda shape: 0.5 * EXTRA_TREES.seconds(shape),
    is_bagged=False,
)

STACKED_NAMES = frozenset({STACKED_LINEAR.name, STACKED_TREES.name})
