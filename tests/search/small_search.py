"""A search that takes almost no time, for tests of a search as an estimator."""

from sklearn.neighbors import KNeighborsClassifier

from sklearn_autotune import OptunaSearchCV

__all__ = ["knn_search"]


def knn_search(**changes):
    settings = {
        "estimator": KNeighborsClassifier(),
        "param_distributions": {"n_neighbors": [1, 3, 5]},
        "n_trials": 3,
        "cv": 2,
        "random_state": 0,
    }
    return OptunaSearchCV(**(settings | changes))
