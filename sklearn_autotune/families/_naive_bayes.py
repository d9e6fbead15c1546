"""Naive Bayes with normal distributions. Its probabilities are overconfident; the blend scales them."""

from typing import Any

from optuna.distributions import FloatDistribution

from sklearn_autotune.families._base import Branch, Family, Shape

__all__ = ["NAIVE_BAYES"]


def _make_space(shape: Shape) -> Branch:
    # scikit-learn's own value is 1e-9; larger ones smooth, and help where columns depend on one another.
    return {"var_smoothing": FloatDistribution(1e-9, 1.0, log=True)}


def _make_model(shape: Shape) -> Any:
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB()


def _estimate_seconds(shape: Shape) -> float:
    return 0.01 + 1.5e-9 * shape.cells * shape.n_classes


NAIVE_BAYES = Family(
    name="naive_bayes",
    aliases=("gaussian_naive_bayes", "nb"),
    estimators=("sklearn.GaussianNB",),
    space=_make_space,
    make=_make_model,
    first=({"var_smoothing": 0.01},),
    tasks=("classification",),
    seconds=_estimate_seconds,
    screens=True,
)
