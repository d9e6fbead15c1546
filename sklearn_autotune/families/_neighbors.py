"""Nearest neighbours. They need scaled features."""

from typing import Any

from optuna.distributions import IntDistribution

from sklearn_autotune.families._base import Branch, Family, Shape

__all__ = ["NEIGHBORS"]


def _make_space(shape: Shape) -> Branch:
    space: Branch = {
        # auto-sklearn: log 1-100. Half the rows leave room for estimators that hold out rows themselves.
        "n_neighbors": IntDistribution(1, shape.divide_rows(2, max_value=100), log=True),
        "weights": ["uniform", "distance"],
    }
    if shape.params.get("metric") == "minkowski":
        space["p"] = [1, 2]  # auto-sklearn; TabArena adds 1.5, which is several times slower
    return space


def _make_model(shape: Shape) -> Any:
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    return KNeighborsClassifier() if shape.is_classifier else KNeighborsRegressor()


def _estimate_seconds(shape: Shape) -> float:
    """Estimate the seconds of finding the neighbours of half as many rows.

    Measured on 2,000 to 20,000 rows of 5 to 60 columns. Sums of squares come from a matrix product; sums of absolute
    differences do not.
    """
    seconds_per_pair = 3.5e-10 * shape.n_columns if shape.params.get("p") == 1 else 1.4e-9 + 2.7e-11 * shape.n_columns
    return 0.02 + seconds_per_pair * shape.n_rows**2


NEIGHBORS = Family(
    name="neighbors",
    aliases=("nearest_neighbors", "k_neighbors", "knn", "neighbours"),
    estimators=("sklearn.KNeighborsClassifier", "sklearn.KNeighborsRegressor"),
    space=_make_space,
    make=_make_model,
    first=({"n_neighbors": 15, "weights": "distance"}, {"n_neighbors": 5, "weights": "distance", "p": 1}),
    seconds=_estimate_seconds,
    screens=True,
    is_bagged=False,
)
