"""Random forests and extremely randomised trees.

The number of trees is not searched: more are better, and the user knows what they cost. Nor are the rows of a tree
(max_samples): beside the size of the leaves they brought nothing on four tables, and where rows have weights,
scikit-learn 1.9 takes the fraction of their sum, which can be any number.
"""

from optuna.distributions import FloatDistribution, IntDistribution

from sklearn_autotune.families._base import Branch, Family, Shape

__all__ = ["FOREST"]


def _space(shape: Shape) -> Branch:
    space: Branch = {
        # Probst et al. 2019, "Tunability": the parameter that matters most. FLAML: log 0.1-1, lower for many features.
        "max_features": FloatDistribution(0.05 if shape.is_classifier else 0.1, 1.0, log=True),
        # AutoGluon's portfolio: 1-40; auto-sklearn: 1-20.
        "min_samples_leaf": IntDistribution(1, shape.one_row_in(20, at_most=40), log=True),
    }
    if shape.is_classifier:
        # auto-sklearn, FLAML, AutoGluon.
        space["criterion"] = ["gini", "entropy"]
    return space | shape.class_weight


FOREST = Family(
    name="forest",
    estimators=(
        "sklearn.RandomForestClassifier",
        "sklearn.RandomForestRegressor",
        "sklearn.ExtraTreesClassifier",
        "sklearn.ExtraTreesRegressor",
    ),
    space=_space,
)
