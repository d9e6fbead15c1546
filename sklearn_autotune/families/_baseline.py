"""The baseline, which ignores the columns: it predicts class frequencies, or the mean."""

from typing import Any

from sklearn_autotune.families._base import Family, Shape

__all__ = ["BASELINE"]


def _make_model(shape: Shape) -> Any:
    from sklearn.dummy import DummyClassifier, DummyRegressor

    return DummyClassifier(strategy="prior") if shape.is_classifier else DummyRegressor()


BASELINE = Family(
    name="baseline",
    estimators=(),  # there is nothing to search
    space=lambda shape: {},
    make=_make_model,
    first=({},),
    columns="native",
    seconds=lambda shape: 0.001,
    is_bagged=False,
)
