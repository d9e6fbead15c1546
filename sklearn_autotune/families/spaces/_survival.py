"""Forests and gradient boosting of scikit-survival, for times until an event."""

from sklearn_autotune.families._base import EstimatorSpace
from sklearn_autotune.families._forest import MAX_FEATURES, make_forest_space
from sklearn_autotune.families._gradient_boosting import make_boosting_space

__all__ = ["SPACES"]

SPACES = (
    EstimatorSpace(
        ("sksurv.RandomSurvivalForest", "sksurv.ExtraSurvivalTrees"),
        make_forest_space,
        # Ishwaran et al. 2008: random forests for right-censored times need leaves with several events.
        known_good=({"max_features": 0.5, "min_samples_leaf": 10}, {"max_features": 0.3, "min_samples_leaf": 20}),
        meanings={"max_features": MAX_FEATURES},
    ),
    EstimatorSpace(
        ("sksurv.GradientBoostingSurvivalAnalysis",),
        make_boosting_space,
        known_good=({"max_depth": 2, "learning_rate": 0.05, "n_estimators": 100, "subsample": 0.7},),
        meanings={"max_features": {None: 1.0}},
    ),
)
