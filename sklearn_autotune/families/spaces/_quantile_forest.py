"""Quantile regression forests of quantile-forest."""

from sklearn_autotune.families._base import EstimatorSpace
from sklearn_autotune.families._forest import MAX_FEATURES, make_forest_space

__all__ = ["SPACES"]

SPACES = (
    EstimatorSpace(
        ("quantile_forest.RandomForestQuantileRegressor", "quantile_forest.ExtraTreesQuantileRegressor"),
        make_forest_space,
        # Meinshausen 2006: leaves of several rows, so that a leaf has a distribution.
        known_good=({"max_features": 0.5, "min_samples_leaf": 5}, {"max_features": 0.75, "min_samples_leaf": 10}),
        meanings={"max_features": MAX_FEATURES},
    ),
)
