"""What all displays share: limits that no bad score flattens, and names that tell choices apart."""

import numpy as np
import pytest

from sklearn_autotune.plotting._style import compute_score_limits, encode_choices, format_value


def test_a_terrible_candidate_does_not_flatten_the_others():
    low, high = compute_score_limits([0.9, 0.91, 0.92, 0.93, 0.94, -1e6])

    assert 0.8 < low < 0.9 < 0.94 < high < 1


@pytest.mark.parametrize("scores", [[], [np.nan], [0.5], [0.0, 0.0], [1e-9, np.nan]])
def test_limits_are_apart_whatever_the_scores(scores):
    low, high = compute_score_limits(scores)

    assert low < high


def test_choices_with_the_same_name_get_numbers():
    places, labels = encode_choices(["a" * 40, "a" * 39 + "b", "x", "a" * 40, None, 3, True])

    assert len(set(labels)) == 6
    assert places[0] == places[3] != places[1]


def test_labels_have_no_lone_surrogates():
    assert format_value("\ud800 and more") == "\\ud800 and more"
