"""The scorer and the folds of a search whose user gives none."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import log_loss, root_mean_squared_error
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from sklearn_autotune.evaluation._defaults import (
    draw_group_folds,
    limit_to_rarest_class,
    make_default_scorer,
    make_shuffled_folds,
)


def test_rows_that_lack_a_class_are_scored_with_all_classes():
    X, y = np.zeros((9, 1)), np.repeat(["a", "b", "c"], 3)
    model = DummyClassifier(strategy="prior").fit(X, y)
    some = y != "c"

    score = make_default_scorer(np.unique(y))(model, X[some], y[some])

    assert score == pytest.approx(-log_loss(y[some], model.predict_proba(X[some]), labels=["a", "b", "c"]))


def test_without_classes_the_score_is_the_negated_root_mean_squared_error():
    X, y = np.zeros((3, 1)), np.array([0.0, 1.0, 5.0])
    model = DummyRegressor().fit(X, y)

    assert make_default_scorer(None)(model, X, y) == pytest.approx(-root_mean_squared_error(y, model.predict(X)))


@pytest.mark.parametrize(("is_classification", "kind"), [(True, StratifiedKFold), (False, KFold)])
def test_folds_are_the_same_for_the_same_seed(is_classification, kind):
    y = np.arange(30) % 2

    first, second = (list(make_shuffled_folds(3, is_classification, 7).split(y, y)) for _ in range(2))

    assert type(make_shuffled_folds(3, is_classification, 7)) is kind
    assert all(np.array_equal(one[1], other[1]) for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize(("rarest", "expected"), [(1, 2), (4, 4), (50, 5)])
def test_there_are_no_more_folds_than_the_rarest_class_has_rows_but_two(rarest, expected):
    assert limit_to_rarest_class(5, np.array([100, rarest])) == expected


@given(
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=12),
    n_folds=st.integers(2, 8),
    seed=st.one_of(st.none(), st.integers(0, 99)),
    n_classes=st.integers(0, 3),
)
@example(sizes=[1, 1], n_folds=2, seed=None, n_classes=2)  # each class has one row
def test_group_folds_test_each_row_once_and_divide_no_group(sizes, n_folds, seed, n_classes):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    y = np.arange(len(groups)) % max(1, n_classes)

    folds = draw_group_folds(y, groups, n_folds, n_classes > 0, seed)

    assert 2 <= len(folds) <= max(2, min(n_folds, len(sizes)))
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(len(groups)))
    for train, test in folds:
        assert len(train) + len(test) == len(groups)
        assert not set(groups[train]) & set(groups[test])


def test_group_folds_have_all_classes_where_they_can_and_must():
    groups = np.repeat(np.arange(12), 5)
    y = (groups % 4 == 0).astype(int)  # three groups have the rare class

    assert len(draw_group_folds(y, groups, 6, True, 0)) == 6
    strict = draw_group_folds(y, groups, 6, True, 0, may_lack_classes=False)
    assert len(strict) == 3
    assert all(len(np.unique(y[test])) == 2 for _, test in strict)


def test_fewer_group_folds_than_were_asked_for_are_an_error_where_their_number_counts():
    with pytest.raises(ValueError, match="cv=5 folds are more than the groups allow: 3 groups make 3 folds"):
        draw_group_folds(np.zeros(6), np.repeat(np.arange(3), 2), 5, False, 0, is_exact=True)


@pytest.mark.parametrize(("is_classification", "kind"), [(True, StratifiedGroupKFold), (False, GroupKFold)])
def test_folds_by_groups_are_scikit_learns(is_classification, kind):
    assert type(make_shuffled_folds(3, is_classification, 7, has_groups=True)) is kind
