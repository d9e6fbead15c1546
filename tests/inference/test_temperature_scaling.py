"""Temperature scaling: what it does to probabilities, which temperature is found, and the second layer's features."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from sklearn_autotune.inference._temperature_scaling import (
    MAX_TEMPERATURE,
    MIN_TEMPERATURE,
    apply_temperature,
    compute_log_odds,
    find_temperature,
    make_stacking_features,
)

CERTAIN = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


def draw_calibrated(n_rows, n_classes):
    """Draw probabilities, and classes with exactly these probabilities."""
    random = np.random.RandomState(0)
    probabilities = random.dirichlet(np.ones(n_classes), n_rows)
    return probabilities, (random.rand(n_rows, 1) > probabilities.cumsum(axis=1)).sum(axis=1)


@given(st.integers(2, 5), st.floats(MIN_TEMPERATURE, MAX_TEMPERATURE))
def test_scaled_probabilities_add_up_to_one_and_keep_the_order_of_the_classes(n_classes, temperature):
    probabilities, _ = draw_calibrated(20, n_classes)

    scaled = apply_temperature(probabilities, temperature)

    np.testing.assert_allclose(scaled.sum(axis=1), 1)
    np.testing.assert_array_equal(scaled.argmax(axis=1), probabilities.argmax(axis=1))


@pytest.mark.parametrize("temperature", [MIN_TEMPERATURE, 1.0, 2.0, MAX_TEMPERATURE])
def test_rows_keep_their_order_however_small_a_probability_is(temperature):
    rare = np.array([1e-300, 1e-100, 1e-12, 1e-7, 9e-7, 2e-6, 0.01, 0.5])

    scaled = apply_temperature(np.column_stack([1 - rare, rare]), temperature)

    assert (np.diff(scaled[:, 1]) > 0).all()
    assert (np.diff(scaled[:, 0]) < 0).all()
    assert scaled.min() > 0.98e-6


def test_a_temperature_divides_the_log_odds():
    probabilities, _ = draw_calibrated(50, 2)

    np.testing.assert_allclose(
        compute_log_odds(apply_temperature(probabilities, 2.5)), compute_log_odds(probabilities) / 2.5
    )


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("distortion", [0.5, 2.0])
def test_the_temperature_that_undoes_a_wrong_confidence_is_found(n_classes, distortion):
    probabilities, class_codes = draw_calibrated(20_000, n_classes)

    found = find_temperature(apply_temperature(probabilities, distortion), class_codes)

    assert found == pytest.approx(1 / distortion, rel=0.05)


def test_of_very_many_probabilities_a_part_of_the_rows_decides():
    probabilities, class_codes = draw_calibrated(6000, 200)
    probabilities = apply_temperature(probabilities, 0.5)
    third, weight = slice(None, None, 3), np.arange(6000.0)

    found = find_temperature(probabilities, class_codes)

    assert found == find_temperature(probabilities[third], class_codes[third]) == pytest.approx(2.0, rel=0.1)
    weighted = find_temperature(probabilities, class_codes, weight)
    assert weighted == find_temperature(probabilities[third], class_codes[third], weight[third])


def test_rows_without_weight_do_not_count():
    probabilities, class_codes = draw_calibrated(2000, 3)
    wrong = np.arange(2000) % 2 == 0
    targets = np.where(wrong, (class_codes + 1) % 3, class_codes)

    weighted = find_temperature(probabilities, targets, np.where(wrong, 0.0, 1.0))

    assert weighted == pytest.approx(find_temperature(probabilities[~wrong], class_codes[~wrong]))
    assert weighted < find_temperature(probabilities, targets)


def test_the_temperature_stays_in_its_range_however_right_or_wrong_the_model_is():
    assert find_temperature(CERTAIN, np.array([1, 1])) == pytest.approx(MAX_TEMPERATURE, rel=1e-3)
    right = np.tile([[0.6, 0.4], [0.4, 0.6]], (1000, 1))
    assert find_temperature(right, np.tile([0, 1], 1000)) == pytest.approx(MIN_TEMPERATURE, rel=1e-3)


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("n_rows", [10, 100, 1000])
def test_rows_that_are_all_predicted_right_ask_for_no_more_confidence_than_their_number_allows(n_rows, n_classes):
    class_codes = np.arange(n_rows) % n_classes
    probabilities = np.where(class_codes[:, None] == np.arange(n_classes), 0.9, 0.1 / (n_classes - 1))

    scaled = apply_temperature(probabilities, find_temperature(probabilities, class_codes))

    assert scaled.max() == pytest.approx((n_rows + 1) / (n_rows + 2), rel=1e-3)


def test_a_confidence_that_a_model_has_itself_is_not_taken_away():
    class_codes = np.arange(20) % 2
    probabilities = np.where(class_codes[:, None] == [0, 1], 0.99, 0.01)

    assert find_temperature(probabilities, class_codes) == 1


def test_probabilities_that_are_right_stay_about_as_they_are():
    assert find_temperature(np.array([[0.25, 0.75]] * 4), np.array([0, 1, 1, 1])) == pytest.approx(1, abs=1e-3)


@given(st.integers(2, 4), st.integers(0, 2**31))
def test_the_temperature_never_makes_the_loss_worse_on_the_rows_it_was_found_on(n_classes, seed):
    random = np.random.RandomState(seed)
    probabilities, class_codes = random.dirichlet(np.ones(n_classes), 30), random.randint(0, n_classes, 30)
    class_codes[:n_classes] = np.arange(n_classes)

    scaled = apply_temperature(probabilities, find_temperature(probabilities, class_codes))

    assert log_loss(class_codes, scaled) <= log_loss(class_codes, apply_temperature(probabilities, 1.0)) + 1e-9


def test_certain_predictions_give_finite_numbers():
    for values in (apply_temperature(CERTAIN, 0.2), compute_log_odds(CERTAIN), compute_log_odds(CERTAIN[:, :2])):
        assert np.isfinite(values).all()


def test_features_of_the_second_layer_are_values_or_log_odds_side_by_side():
    probabilities, _ = draw_calibrated(6, 3)
    binary, values = probabilities[:, :2] / probabilities[:, :2].sum(axis=1, keepdims=True), np.arange(6.0)

    np.testing.assert_array_equal(make_stacking_features([values, -values]), np.column_stack([values, -values]))
    features = make_stacking_features([binary, probabilities])
    assert features.shape == (6, 1 + 3)
    np.testing.assert_allclose(features[:, 0], np.log(binary[:, 1] / binary[:, 0]))
    np.testing.assert_allclose(features[:, 1:].sum(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(features[:, 3] - features[:, 1], np.log(probabilities[:, 2] / probabilities[:, 0]))
