"""Sparse linear models of skglm. They need scaled features, and in regression a scaled target."""

from optuna.distributions import FloatDistribution

from sklearn_autotune.families._base import Branch, EstimatorSpace, Shape

__all__ = ["SPACES"]


def _make_space(shape: Shape) -> Branch:
    # As of scikit-learn's ElasticNet. A classifier's penalty is the same next to a mean of losses; from 0.5 on no
    # coefficient is left.
    space: Branch = {"alpha": FloatDistribution(1e-4, 0.5 if shape.is_classifier else 10.0, log=True)}
    if "l1_ratio" in shape.params:
        space["l1_ratio"] = FloatDistribution(0.05, 1.0)
    if "gamma" in shape.params:  # Zhang 2010: larger than 1; the penalty is that of Lasso for an infinite one
        space["gamma"] = FloatDistribution(1.5, 20.0, log=True)
    return space


SPACES = (
    EstimatorSpace(
        (
            *("skglm.Lasso", "skglm.ElasticNet", "skglm.MCPRegression"),
            "skglm.SparseLogisticRegression",
        ),
        _make_space,
        known_good=({"alpha": 0.03}, {"alpha": 3e-3}),
    ),
)
