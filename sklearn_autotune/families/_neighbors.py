"""Nearest neighbours. They want scaled features."""

from typing import Any

from optuna.distributions import IntDistribution

from sklearn_autotune.families._base import Branch, Family, Shape

__all__ = ["NEIGHBORS"]


def _space(shape: Shape) -> Branch:
    space: Branch = {
        # auto-sklearn: log 1-100. Half the rows leave room for estimators that hold out rows themselves.
        "n_neighbors": IntDistribution(1, shape.one_row_in(2, at_most=100), log=True),
        "weights": ["uniform", "distance"],
    }
    if shape.params.get("metric") == "minkowski":
        space["p"] = [1, 2]  # auto-sklearn; TabArena adds 1.5, which is several times slower
    return space


def _make(shape: Shape) -> Any:
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    return KNeighborsClassifier() if shape.is_classifier else KNeighborsRegressor()


NEIGHBORS = Family(
    name="neighbors",
    estimators=("sklearn.KNeighborsClassifier", "sklearn.KNeighborsRegressor"),
    space=_space,
    make=_make,
    first=({"n_neighbors": 15, "weights": "distance"}, {"n_neighbors": 5, "weights": "distance", "p": 1}),
    seconds=lambda shape: 0.02 + 5e-11 * shape.n_rows * shape.cells,
    is_bagged=False,
)
