"""The baseline, which ignores the columns: it predicts class frequencies, or the mean."""

from typing import Any

from sklearn_autotune.families._base import Branch, Family, Shape

__all__ = ["BASELINE"]


def _make_space(shape: Shape) -> Branch:
    return {}  # there is nothing to search


def _make_model(shape: Shape) -> Any:
    from sklearn.dummy import DummyClassifier, DummyRegressor

    return DummyClassifier(strategy="prior") if shape.is_classifier else DummyRegressor()


def _estimate_seconds(shape: Shape) -> float:
    return 0.001


BASELINE = Family(
    name="baseline",
    aliases=("dummy",),
    estimators=(),
    space=_make_space,
    make=_make_model,
    first=({},),
    columns="native",
    seconds=_estimate_seconds,
    is_bagged=False,
)
