"""Linear models with a penalty that makes coefficients zero. They need scaled features and a scaled target."""

from typing import Any

from optuna.distributions import FloatDistribution

from sklearn_autotune.families._base import Branch, Family, Shape, scale_target

__all__ = ["ELASTIC_NET"]


def _make_space(shape: Shape) -> Branch:
    # For a target and columns with a spread of 1, the largest alpha that leaves a coefficient is 1 / l1_ratio at most.
    space: Branch = {"alpha": FloatDistribution(1e-4, 10.0, log=True)}
    if "l1_ratio" in shape.params:  # Lasso has none
        space["l1_ratio"] = FloatDistribution(0.05, 1.0)
    return space


def _make_model(shape: Shape) -> Any:
    from sklearn.linear_model import ElasticNet

    return scale_target(ElasticNet(tol=1e-3, max_iter=2000))


def _estimate_seconds(shape: Shape) -> float:
    # Measured on 300, 3,000 and 20,000 rows of 10 and 60 columns: 0.002 to 0.01 s.
    return 0.01 + 1e-8 * shape.cells


ELASTIC_NET = Family(
    name="elastic_net",
    generates=True,
    aliases=("enet", "sparse_linear"),
    estimators=("sklearn.ElasticNet", "sklearn.Lasso"),
    space=_make_space,
    make=_make_model,
    first=({"alpha": 0.03, "l1_ratio": 0.5}, {"alpha": 0.003, "l1_ratio": 0.9}),
    known_good=({"alpha": 0.1}, {"alpha": 0.01}),
    seconds=_estimate_seconds,
    tasks=("regression",),
    is_named_only=True,
)
