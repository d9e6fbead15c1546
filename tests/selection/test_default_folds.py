"""The folds that AutoModelSelector draws if the user names none."""

import numpy as np
import pytest
from sklearn.model_selection import KFold, StratifiedKFold

from sklearn_autotune.selection._default_folds import make_folds


@pytest.mark.parametrize(("n_rows", "expected"), [(5, 5), (2999, 8), (3000, 5), (19_999, 5), (20_000, 3)])
def test_there_are_fewer_folds_for_more_rows(n_rows, expected):
    folds = make_folds(None, np.arange(float(n_rows)), False, 0, may_lack_classes=True)

    assert isinstance(folds, KFold)
    assert folds.get_n_splits() == expected


@pytest.mark.parametrize(("rarest", "expected"), [(1, 2), (4, 4), (20, 8)])
def test_where_all_classes_have_to_be_in_a_fold_the_rarest_limits_their_number(rarest, expected):
    folds = make_folds(None, np.repeat([0, 1], [100, rarest]), True, 0, may_lack_classes=False)

    assert isinstance(folds, StratifiedKFold)
    assert folds.get_n_splits() == expected


def test_where_a_fold_may_lack_a_class_the_rarest_does_not_limit_their_number():
    assert len(make_folds(None, np.repeat([0, 1], [100, 3]), True, 0, may_lack_classes=True)) == 8


def test_groups_stay_together_in_a_number_of_folds_and_a_splitter_is_left_as_it_is():
    groups = np.repeat(np.arange(20), 10)
    y = np.arange(200) % 2

    for cv, n_folds in ((None, 8), (4, 4)):
        folds = make_folds(cv, y, True, 0, may_lack_classes=True, groups=groups)
        assert len(folds) == n_folds
        assert all(not set(groups[train]) & set(groups[test]) for train, test in folds)
    own = KFold(3)
    assert make_folds(own, y, True, 0, may_lack_classes=True, groups=None) is own
    assert make_folds(4, y, True, 0, may_lack_classes=True, groups=None) == 4
