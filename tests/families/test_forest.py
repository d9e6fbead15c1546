"""Forests whose trees would take much memory have fewer of them."""

import pytest
from sklearn.datasets import make_blobs

from sklearn_autotune.families import Shape, select_families
from sklearn_autotune.families._forest import MAX_NUMBERS, MIN_TREES, N_TREES, count_trees

FAMILIES = select_families("classification")


@pytest.mark.parametrize("name", ["forest", "extra_trees"])
def test_trees_are_as_many_as_memory_allows(name):
    family = FAMILIES[name]
    few, many, huge = (
        family.make(Shape(n_rows, True, n_classes=n_classes))
        for n_rows, n_classes in ((2000, 2), (2400, 150), (50_000, 500))
    )

    assert few.n_estimators == N_TREES
    assert MIN_TREES < many.n_estimators < N_TREES / 4
    assert huge.n_estimators == MIN_TREES
    assert family.make(Shape(10**5, False)).n_estimators == 200


def test_a_fitted_forest_takes_no_more_than_that():
    n_rows, n_classes = 1500, 100
    X, y = make_blobs(n_rows, 5, centers=n_classes, cluster_std=20.0, random_state=0)
    model = FAMILIES["forest"].make(Shape(n_rows, True, n_classes=n_classes))
    n_numbers = sum(tree.tree_.value.size for tree in model.set_params(random_state=0).fit(X, y).estimators_)

    assert model.n_estimators == count_trees(Shape(n_rows, True, n_classes=n_classes), N_TREES) < N_TREES
    assert MAX_NUMBERS / 4 < n_numbers < MAX_NUMBERS


def test_more_classes_are_estimated_to_take_longer():
    for name in ("forest", "extra_trees", "svm", "neural"):
        seconds = [FAMILIES[name].seconds(Shape(2400, True, n_columns=20, n_classes=k)) for k in (2, 10, 20)]
        assert seconds == sorted(seconds)
