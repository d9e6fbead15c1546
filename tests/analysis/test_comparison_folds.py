"""Which folds a fitted search was measured on, as far as it tells."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    PredefinedSplit,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier
from sklearn_autotune.analysis._comparison_folds import find_unchecked_folds, read_search_folds
from sklearn_autotune.search._base_search import get_fold_digest

TREE = DecisionTreeClassifier(random_state=0)
SPACE = {"max_depth": [1, 2]}


def fit(cv, kind=GridSearchCV, estimator=TREE, data=None):
    return kind(estimator, SPACE, cv=cv).fit(*(data or load_iris(return_X_y=True)))


def is_same(one, other):
    return read_search_folds(one).is_same(read_search_folds(other))


def test_a_number_stands_for_scikit_learns_splitter():
    assert is_same(fit(3), fit(StratifiedKFold(3)))
    assert is_same(fit(None), fit(5, OptunaSearchCV))
    assert not is_same(fit(3), fit(KFold(3)))
    regression = {"estimator": DecisionTreeRegressor(), "data": load_diabetes(return_X_y=True)}
    assert is_same(fit(3, **regression), fit(KFold(3), **regression))


def test_a_target_of_several_outputs_is_not_stratified_and_nothing_is_said():
    data = make_multilabel_classification(60, random_state=0)

    assert is_same(fit(3, data=data), fit(KFold(3), data=data)) is None


@pytest.mark.parametrize(
    "cv",
    [KFold(3), KFold(3, shuffle=True, random_state=0), RepeatedKFold(n_splits=2, n_repeats=2, random_state=0)],
    ids=repr,
)
def test_splitters_that_repeat_themselves_are_compared_by_their_settings(cv):
    assert is_same(fit(cv), fit(cv, OptunaSearchCV))


def test_other_settings_are_other_folds():
    split = [TimeSeriesSplit(3), TimeSeriesSplit(3, test_size=10), ShuffleSplit(3, random_state=0)]
    split += [PredefinedSplit(np.arange(150) % 3), PredefinedSplit(np.arange(150) // 50)]

    for number, cv in enumerate(split):
        for other in split[:number]:
            assert is_same(fit(cv), fit(other)) is False


@pytest.mark.parametrize(
    "cv",
    [KFold(3, shuffle=True), ShuffleSplit(3), KFold(3, shuffle=True, random_state=np.random.RandomState(0))],
    ids=["shuffle", "ShuffleSplit", "RandomState"],
)
def test_splitters_that_draw_anew_each_time_tell_nothing(cv):
    assert is_same(fit(cv), fit(cv)) is None


def test_searches_of_this_package_know_their_rows():
    cv = KFold(3, shuffle=True)

    assert is_same(fit(cv, OptunaSearchCV), fit(cv, OptunaSearchCV)) is False
    assert is_same(fit(KFold(3), OptunaSearchCV), fit(list(KFold(3).split(np.zeros(150))), OptunaSearchCV))


def test_a_list_of_splits_is_known_for_every_search():
    folds = list(KFold(3, shuffle=True, random_state=0).split(np.zeros(150)))
    masks = [(~np.isin(np.arange(150), test), np.isin(np.arange(150), test)) for _, test in folds]

    found = read_search_folds(fit(folds))

    assert found.is_same(read_search_folds(fit(folds, OptunaSearchCV)))
    assert found.test_over_train == pytest.approx(0.5)
    assert read_search_folds(fit(masks)).test_over_train == pytest.approx(0.5)
    assert not found.is_same(read_search_folds(fit(folds[::-1])))


def test_a_booster_may_have_kept_groups_together_so_its_number_of_folds_tells_nothing():
    booster = TunedXGBClassifier(n_trials=1, cv=3, random_state=0).fit(*load_iris(return_X_y=True))

    assert is_same(booster, fit(3)) is None


def test_a_selector_may_have_its_rows_in_order_of_time():
    X, y = load_iris(return_X_y=True)
    selector = AutoModelSelector(families=["naive_bayes"], n_trials=1, cv=2, time=0, random_state=0).fit(X, y)

    assert get_fold_digest(selector) is not None
    assert read_search_folds(selector).digest is None


@pytest.mark.parametrize(
    ("cv", "ratio"),
    [
        (4, 1 / 3),
        (KFold(20), 1 / 19),
        (RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0), 1 / 2),
        (KFold(3, shuffle=True), None),
        (TimeSeriesSplit(3), None),
    ],
    ids=str,
)
def test_the_ratio_of_rows_is_that_of_the_splitter(cv, ratio):
    assert read_search_folds(fit(cv)).test_over_train == (None if ratio is None else pytest.approx(ratio))


def test_only_what_is_not_known_is_named():
    known = {"a": read_search_folds(fit(3)), "b": read_search_folds(fit(StratifiedKFold(3)))}

    assert find_unchecked_folds(known) == []
    assert find_unchecked_folds({**known, "c": read_search_folds(fit(KFold(3, shuffle=True)))}) == ["a", "b", "c"]
    with pytest.raises(ValueError, match=r"'a' and 'd' .* 3 folds of StratifiedKFold.* and 3 folds of KFold"):
        find_unchecked_folds({**known, "d": read_search_folds(fit(KFold(3)))})


def test_folds_by_groups_are_compared_by_their_splitter():
    X, y = load_iris(return_X_y=True)
    one, other = (GridSearchCV(TREE, SPACE, cv=GroupKFold(3)).fit(X, y, groups=np.arange(150) % 9) for _ in range(2))

    assert is_same(one, other)
