"""ScoreScale: losses with their own sign, and limits that no bad score moves."""

import numpy as np
import pytest

from sklearn_autotune.plotting._score_scale import ScoreScale, compute_score_limits


def test_a_terrible_candidate_does_not_flatten_the_others():
    low, high = compute_score_limits([0.9, 0.91, 0.92, 0.93, 0.94, -1e6])

    assert 0.8 < low < 0.9 < 0.94 < high < 1


@pytest.mark.parametrize("scores", [[], [np.nan], [0.5], [0.0, 0.0], [1e-9, np.nan]])
def test_limits_are_apart_whatever_the_scores(scores):
    low, high = compute_score_limits(scores)

    assert low < high


def test_a_loss_is_shown_with_its_own_sign_and_its_worst_values_at_the_upper_end():
    scale = ScoreScale.from_scores([-0.30, -0.31, -0.32, -0.33, -50.0], "neg_log_loss")

    assert scale.label == "log loss (lower is better)"
    low, high = scale.limits
    assert 0.29 < low < 0.30 < 0.33 < high < 0.34
    assert scale.clip(np.array([-0.31, -50.0])).tolist() == [0.31, high]
    assert scale.colormap.endswith("_r")


def test_a_gain_is_shown_as_it_is():
    scale = ScoreScale.from_scores([0.8, 0.81, 0.82, 0.9, -7.0], "roc_auc")

    assert scale.label == "roc_auc (higher is better)"
    assert scale.limits == (scale.worst, scale.best)
    assert scale.clip(np.array([0.9, -7.0])).tolist() == [0.9, scale.worst]


def test_a_long_label_is_broken_before_the_direction():
    scale = ScoreScale.from_scores([-1.0], "neg_mean_absolute_percentage_error")

    assert scale.wrap_label(24) == "mean absolute percentage\nerror\n(lower is better)"
    assert scale.wrap_label(80) == scale.label
