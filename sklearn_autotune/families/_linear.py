"""Linear models with a ridge penalty. They need scaled features.

Only the strength of the penalty is searched. The kind of penalty and the solver, whose parameters change with
scikit-learn 1.8, stay as the user has set them.
"""

from typing import Any

from optuna.distributions import FloatDistribution

from sklearn_autotune.families._base import Branch, Family, Shape

__all__ = ["LOGISTIC", "RIDGE"]


def _make_logistic_space(shape: Shape) -> Branch:
    # The grid of scikit-learn's LogisticRegressionCV: log 1e-4-1e4.
    return {"C": FloatDistribution(1e-4, 1e4, log=True)} | shape.class_weight


def _make_ridge_space(shape: Shape) -> Branch:
    # auto-sklearn: log 1e-5-10. The squared errors are summed, not averaged: with more rows a larger alpha makes sense.
    return {"alpha": FloatDistribution(1e-4, 1e4, log=True)} | shape.class_weight


def _make_logistic(shape: Shape) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=300)


def _make_ridge(shape: Shape) -> Any:
    from sklearn.linear_model import Ridge

    return Ridge()


def _estimate_logistic_seconds(shape: Shape) -> float:
    return 0.02 + 1.2e-7 * shape.cells * shape.n_outputs


def _estimate_ridge_seconds(shape: Shape) -> float:
    # With more columns than rows, scikit-learn solves the dual problem.
    return 0.02 + shape.cells * (1.5e-7 + 3e-10 * min(shape.n_columns, shape.n_rows))


LOGISTIC = Family(
    name="logistic",
    generates=True,
    aliases=("logistic_regression", "logreg", "logit"),
    estimators=("sklearn.LogisticRegression",),
    space=_make_logistic_space,
    make=_make_logistic,
    first=({}, {"C": 0.03}),
    tasks=("classification",),
    seconds=_estimate_logistic_seconds,
)

RIDGE = Family(
    name="ridge",
    generates=True,
    aliases=("ridge_regression", "linear_regression"),
    estimators=("sklearn.Ridge", "sklearn.RidgeClassifier"),
    space=_make_ridge_space,
    make=_make_ridge,
    first=({}, {"alpha": 100.0}),
    tasks=("regression",),
    seconds=_estimate_ridge_seconds,
)
