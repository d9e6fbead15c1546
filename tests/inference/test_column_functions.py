"""Functions of columns: what becomes of missing codes and of outliers, and how a kept model finds them."""

import pickle

import numpy as np

from sklearn_autotune.inference._column_functions import clip_outliers, fill_missing_codes


def test_missing_codes_become_a_category_that_no_known_code_has():
    np.testing.assert_array_equal(fill_missing_codes(np.array([[0.0, np.nan], [np.nan, 2.0]])), [[0, -1], [-1, 2]])


def test_values_beyond_five_standard_deviations_are_clipped_and_all_others_stay():
    values = np.array([[-100.0, -5.0, 0.3, 5.0, 100.0]])

    np.testing.assert_array_equal(clip_outliers(values), [[-5, -5, 0.3, 5, 5]])
    np.testing.assert_array_equal(values, [[-100, -5, 0.3, 5, 100]])  # the argument stays as it was


def test_a_kept_model_refers_to_them_by_name():
    for function in (clip_outliers, fill_missing_codes):
        assert b"sklearn_autotune.inference._column_functions" in pickle.dumps(function)
        assert pickle.loads(pickle.dumps(function)) is function
