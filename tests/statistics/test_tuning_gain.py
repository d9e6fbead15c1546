"""How much better the winner is than the untuned estimator, in numbers and in words."""

import numpy as np
import pytest

from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.statistics._intervals import compute_paired_interval
from sklearn_autotune.statistics._tuning_gain import TuningGain, compute_tuning_gain, describe_tuning_gain

AUC, LOSS = Metric("roc_auc"), Metric("neg_log_loss")


def test_the_gain_is_a_paired_difference():
    winner, default = np.array([0.9, 0.8, 0.95]), np.array([0.85, 0.8, 0.9])

    gain = compute_tuning_gain(winner, default, test_over_train=0.5)

    expected = compute_paired_interval(winner - default, test_over_train=0.5)
    assert (gain.mean, gain.low, gain.high) == (expected.mean, expected.low, expected.high)
    assert not gain.is_corrected
    assert compute_tuning_gain(default, winner, test_over_train=0.5).mean == -gain.mean


@pytest.mark.parametrize(
    ("gain", "metric", "text"),
    [
        (
            TuningGain(0.013, 0.004, 0.022),
            AUC,
            "Tuning: +0.013 roc_auc [+0.004, +0.022] over the parameters you had. The winner was chosen on these "
            "folds, so the gain is too large on average.",
        ),
        (
            TuningGain(0.013, 0.004, 0.022),
            LOSS,
            "Tuning: -0.013 log loss [-0.022, -0.004] (lower is better) over the parameters you had. The winner was "
            "chosen on these folds, so the gain is too large on average.",
        ),
        (
            TuningGain(0.002, -0.006, 0.01),
            AUC,
            "There is no evidence that tuning helped: +0.002 roc_auc [-0.006, +0.01] over the parameters you had.",
        ),
        (
            TuningGain(0.002, -np.inf, np.inf),
            AUC,
            "There is no evidence that tuning helped: +0.002 roc_auc over the parameters you had.",
        ),
        (
            TuningGain(-0.02, -0.03, -0.01),
            AUC,
            "The parameters you had are better than the winner: -0.02 roc_auc [-0.03, -0.01].",
        ),
        (
            TuningGain(0.013, 0.004, 0.022, is_corrected=True),
            AUC,
            "Tuning: +0.013 roc_auc [+0.004, +0.022] over the parameters you had. The choice of the winner is taken "
            "into account.",
        ),
        (
            TuningGain(0.0, 0.0, 0.0),
            AUC,
            "Tuning changed nothing: roc_auc is that of the parameters you had.",
        ),
    ],
)
def test_the_sentence_says_whether_tuning_helped(gain, metric, text):
    assert describe_tuning_gain(gain, metric) == text
