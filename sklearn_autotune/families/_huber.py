"""Robust linear regression. It needs scaled features and a scaled target."""

from typing import Any

from optuna.distributions import FloatDistribution

from sklearn_autotune.families._base import Branch, Family, Shape, scale_target

__all__ = ["HUBER"]


def _make_space(shape: Shape) -> Branch:
    return {
        # Residuals beyond this multiple of their spread count by their absolute value. scikit-learn: 1.35, which loses
        # 5 % efficiency where they are normal.
        "epsilon": FloatDistribution(1.01, 4.0, log=True),
        "alpha": FloatDistribution(1e-5, 1e3, log=True),
    }


def _make_model(shape: Shape) -> Any:
    from sklearn.linear_model import HuberRegressor

    return scale_target(HuberRegressor(max_iter=300))


def _estimate_seconds(shape: Shape) -> float:
    # Measured on 300, 3,000 and 20,000 rows of 10 and 60 columns: 0.004 to 0.035 s.
    return 0.01 + 3e-8 * shape.cells


HUBER = Family(
    name="huber",
    aliases=("robust_linear",),
    estimators=("sklearn.HuberRegressor",),
    space=_make_space,
    make=_make_model,
    first=({"epsilon": 1.35, "alpha": 1e-3}, {"epsilon": 2.0, "alpha": 10.0}),
    seconds=_estimate_seconds,
    tasks=("regression",),
    is_named_only=True,
)
