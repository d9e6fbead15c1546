"""Decision trees, and ensembles of any models.

The number of models of a bagging ensemble is not searched: more are better, at a cost that the user knows.
"""

from optuna.distributions import FloatDistribution, IntDistribution

from sklearn_autotune.families._base import Branch, EstimatorSpace, Shape
from sklearn_autotune.families._forest import MAX_FEATURES

__all__ = ["SPACES"]


def _make_tree_space(shape: Shape) -> Branch:
    space: Branch = {
        # auto-sklearn: up to twice the number of columns; Kuehn et al. 2018, rpart: 1-30.
        "max_depth": IntDistribution(1, 30, log=True),
        # auto-sklearn: 1-20; Kuehn et al. 2018, rpart: 1-60.
        "min_samples_leaf": IntDistribution(1, shape.divide_rows(10, max_value=60), log=True),
        # For single trees chosen for this package: with fewer columns a tree differs more from the best one.
        "max_features": FloatDistribution(0.3, 1.0),
    }
    if shape.is_classifier:
        # auto-sklearn; Bischl et al. 2021, rpart: the complexity parameter log 1e-4-0.1. In regression it has the unit
        # of the squared target.
        space |= {"criterion": ["gini", "entropy"], "ccp_alpha": FloatDistribution(1e-5, 0.03, log=True)}
    return space | shape.class_weight


def _make_boosting_space(shape: Shape) -> Branch:
    # auto-sklearn: 50-500 models, learning rate log 0.01-2, depth 1-10.
    space: Branch = {
        "n_estimators": IntDistribution(30, 300, log=True),
        "learning_rate": FloatDistribution(0.03, 2.0, log=True),
    }
    if not shape.is_classifier:
        space["loss"] = shape.add_own("loss", "linear", "square", "exponential")
    if shape.params.get("estimator") is None:
        # None has the depth 1 in classification and 3 in regression.
        depths = (2, 3, 5, 8) if shape.is_classifier else (2, 5, 8)
        space["estimator"] = [None, *_make_trees(shape, "max_depth", depths)]
    return space


def _make_bagging_space(shape: Shape) -> Branch:
    # hyperopt-sklearn has shares of the columns too. With weights, scikit-learn 1.9 takes a share of the rows of their
    # sum, which can be any number, so it is not searched.
    space: Branch = {"max_features": FloatDistribution(0.3, 1.0)}
    if shape.params.get("estimator") is None:
        leaves = sorted({shape.divide_rows(20, max_value=rows) for rows in (2, 5, 10)} - {1})
        space["estimator"] = [None, *_make_trees(shape, "min_samples_leaf", leaves)]
    return space


def _make_trees(shape: Shape, parameter: str, values: list[int] | tuple[int, ...]) -> list[object]:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    kind = DecisionTreeClassifier if shape.is_classifier else DecisionTreeRegressor
    return [kind(**{parameter: value}) for value in values]


SPACES = (
    EstimatorSpace(
        (
            *("sklearn.DecisionTreeClassifier", "sklearn.DecisionTreeRegressor"),
            *("sklearn.ExtraTreeClassifier", "sklearn.ExtraTreeRegressor"),
        ),
        _make_tree_space,
        known_good=({"max_depth": 5, "min_samples_leaf": 5}, {"max_depth": 3, "min_samples_leaf": 10}),
        meanings={"max_features": MAX_FEATURES},
    ),
    EstimatorSpace(
        ("sklearn.AdaBoostClassifier", "sklearn.AdaBoostRegressor"),
        _make_boosting_space,
        known_good=({"n_estimators": 200, "learning_rate": 0.1},),
    ),
    EstimatorSpace(("sklearn.BaggingClassifier", "sklearn.BaggingRegressor"), _make_bagging_space),
)
