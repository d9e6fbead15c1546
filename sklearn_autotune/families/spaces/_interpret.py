"""Explainable boosting machines of interpret."""

from optuna.distributions import FloatDistribution, IntDistribution

from sklearn_autotune.families._base import Branch, EstimatorSpace, Shape

__all__ = ["SPACES"]


def _make_space(shape: Shape) -> Branch:
    # Chosen for this package around the defaults of interpret 0.7: a learning rate of 0.015 or 0.04, 2 leaves of at
    # least 4 rows, 75 or 500 smoothed rounds. Early stopping finds the number of rounds.
    return {
        "learning_rate": FloatDistribution(0.005, 0.1, log=True),
        "max_leaves": IntDistribution(2, 4),
        "min_samples_leaf": IntDistribution(1, shape.divide_rows(20, max_value=20), log=True),
        "smoothing_rounds": shape.add_own("smoothing_rounds", 0, 75, 500),
    }


SPACES = (
    EstimatorSpace(("interpret.ExplainableBoostingClassifier", "interpret.ExplainableBoostingRegressor"), _make_space),
)
