"""Statistics of the target by category: what they are, and that a row's own target has no part in them."""

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_autotune.inference._target_statistics import TargetStatistics, draw_inner_folds


def test_of_each_category_there_are_the_mean_and_the_number_of_rows():
    codes = np.repeat([0.0, 1.0, 2.0], [300, 200, 100])[:, None]
    y = np.repeat([5.0, 1.0, 3.0], [300, 200, 100]) + np.random.RandomState(0).normal(size=600)
    encoded = TargetStatistics(False).fit(codes, y).transform([[0.0], [1.0], [2.0]] * np.ones(1))

    np.testing.assert_allclose(encoded[:, 0], [5, 1, 3], atol=0.25)
    np.testing.assert_allclose(encoded[:, 1], np.log1p([300, 200, 100]))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_means_of_rare_categories_are_drawn_towards_that_of_all_rows_whatever_the_unit(scale):
    random = np.random.RandomState(0)
    codes = np.concatenate([np.repeat(np.arange(20.0), 50), [20.0]])
    y = scale * (random.normal(size=21)[codes.astype(int)] + 3 * random.normal(size=1001))
    y[-1] = 50 * scale

    mean = TargetStatistics(False).fit(codes[:, None], y).transform(np.array([[20.0]]))[0, 0] / scale

    assert 0 < mean < 25


def test_unknown_and_missing_categories_have_values_too():
    codes = np.array([0.0, 1.0, np.nan] * 100)[:, None]
    y = np.array([0, 1, 1] * 100)
    statistics = TargetStatistics(True).fit(codes, y)

    unknown, missing = statistics.transform(np.array([[7.0], [np.nan]]))

    np.testing.assert_allclose(unknown, [2 / 3, 0])
    np.testing.assert_allclose(missing, [1, np.log1p(100)], atol=0.01)
    without_gaps = TargetStatistics(True).fit(codes[:2], y[:2])
    np.testing.assert_allclose(without_gaps.transform(np.array([[np.nan]])), [[0.5, 0]])


def test_for_more_classes_there_is_the_share_of_each():
    y = np.arange(300) % 3
    encoded = TargetStatistics(True).fit(y[:, None].astype(float), y).transform(np.arange(3.0)[:, None])

    np.testing.assert_allclose(encoded[:, :3], np.eye(3), atol=0.02)
    assert encoded.shape == (3, 4)


def test_of_very_many_classes_the_most_frequent_have_a_column():
    y = np.concatenate([np.repeat(np.arange(40), 5), np.repeat(np.arange(40, 60), 9)])
    codes = (y >= 40).astype(float)[:, None]

    encoded = TargetStatistics(is_classification=True).fit(codes, y).transform(codes)

    assert encoded.shape == (380, 31)
    frequent = encoded[y >= 40][0]
    assert (frequent[10:30] > 0.04).all()  # classes 40 to 59; before them the first ten of the equally rare
    assert (frequent[:10] < 0.01).all()


@pytest.mark.parametrize("is_classification", [True, False])
def test_a_category_of_noise_with_a_thousand_levels_says_nothing(is_classification):
    random = np.random.RandomState(0)
    codes, y = random.randint(0, 1000, (5000, 1)).astype(float), random.randint(0, 2, 5000)
    statistics = TargetStatistics(is_classification)

    train = statistics.fit_transform(codes[:3000], y[:3000])
    new = statistics.transform(codes[3000:])

    assert abs(np.corrcoef(train[:, 0], y[:3000])[0, 1]) < 0.05
    assert abs(np.corrcoef(new[:, 0], y[3000:])[0, 1]) < 0.05
    assert np.corrcoef(statistics.transform(codes[:3000])[:, 0], y[:3000])[0, 1] > 0.3


def test_a_constant_target_and_no_columns_are_no_hindrance():
    assert TargetStatistics(False).fit_transform(np.zeros((9, 1)), np.ones(9))[:, 0].tolist() == [1.0] * 9
    assert TargetStatistics(True).fit_transform(np.empty((4, 0)), np.arange(4) % 2).shape == (4, 0)


def test_it_can_be_cloned():
    assert clone(TargetStatistics(True)).is_classification


def test_inner_folds_are_stratified_where_each_class_has_enough_rows():
    y = np.repeat([0, 1], [40, 5])

    assert [int(y[test].sum()) for _, test in draw_inner_folds(y, True)] == [1] * 5
    assert len(draw_inner_folds(np.arange(3), True)) == 3
    assert draw_inner_folds(np.zeros(1), False) == []


def test_columns_have_names():
    codes = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    statistics = TargetStatistics(True).fit(codes, np.arange(4) % 2)

    assert statistics.get_feature_names_out(["kind", "place"]).tolist() == ["kind_0", "kind_1", "place_0", "place_1"]
    assert statistics.get_feature_names_out().tolist() == ["x0_0", "x0_1", "x1_0", "x1_1"]
    assert statistics.set_output(transform="pandas").transform(codes).shape == (4, 4)
