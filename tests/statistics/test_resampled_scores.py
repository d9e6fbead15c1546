"""Scores on resampled rows: equal to scikit-learn's metrics on the rows themselves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from sklearn_autotune.evaluation._row_values import read_row_metric
from sklearn_autotune.statistics._resampled_scores import compute_resampled_scores, is_fast

RANDOM = np.random.RandomState(0)
N_ROWS = 40
LABELS = RANDOM.randint(2, size=N_ROWS)
WORDS = np.array(["no", "yes"])[LABELS]
NUMBERS = RANDOM.uniform(1, 3, size=N_ROWS)
PROBABILITIES = RANDOM.uniform(0.01, 0.99, size=N_ROWS)
ROUNDED = PROBABILITIES.round(1)  # with ties
PREDICTED = RANDOM.uniform(1, 3, size=N_ROWS)
COUNTS = np.array([np.bincount(RANDOM.randint(N_ROWS, size=N_ROWS), minlength=N_ROWS) for _ in range(5)])

CASES = {
    "accuracy": ("accuracy", WORDS, np.array(["no", "yes"])[RANDOM.randint(2, size=N_ROWS)]),
    "log loss": ("neg_log_loss", WORDS, np.column_stack([1 - PROBABILITIES, PROBABILITIES])),
    "Brier score": ("neg_brier_score", LABELS, PROBABILITIES),
    "Brier score of three classes": (
        "neg_brier_score",
        np.r_[0, 1, 2, RANDOM.randint(3, size=N_ROWS - 3)],
        RANDOM.dirichlet([1, 1, 1], size=N_ROWS),
    ),
    "area under the ROC curve": ("roc_auc", LABELS, PROBABILITIES),
    "area with ties": ("roc_auc", WORDS, ROUNDED),
    "average precision": ("average_precision", LABELS, ROUNDED),
    "F1 of three classes": ("f1_macro", RANDOM.randint(3, size=N_ROWS), RANDOM.randint(3, size=N_ROWS)),
    "F1": ("f1", LABELS, RANDOM.randint(2, size=N_ROWS)),
    "balanced accuracy": ("balanced_accuracy", LABELS, RANDOM.randint(2, size=N_ROWS)),
    "R2": ("r2", NUMBERS, PREDICTED),
    "R2 of two targets": ("r2", np.column_stack([NUMBERS, PREDICTED]), RANDOM.normal(size=(N_ROWS, 2))),
    "squared error": ("neg_mean_squared_error", NUMBERS, PREDICTED),
    "squared error of two targets": (
        "neg_mean_squared_error",
        np.column_stack([NUMBERS, PREDICTED]),
        RANDOM.normal(size=(N_ROWS, 2)),
    ),
    "root of the squared error": ("neg_root_mean_squared_error", NUMBERS, PREDICTED),
    "root of two targets": (
        "neg_root_mean_squared_error",
        np.column_stack([NUMBERS, PREDICTED]),
        RANDOM.normal(size=(N_ROWS, 2)),
    ),
    "absolute error": ("neg_mean_absolute_error", NUMBERS, PREDICTED),
    "percentage error": ("neg_mean_absolute_percentage_error", NUMBERS, PREDICTED),
    "squared log error": ("neg_mean_squared_log_error", NUMBERS, PREDICTED),
    "Poisson deviance": ("neg_mean_poisson_deviance", NUMBERS, PREDICTED),
    "gamma deviance": ("neg_mean_gamma_deviance", NUMBERS, PREDICTED),
    "median error": ("neg_median_absolute_error", NUMBERS, PREDICTED),
}


def read(scoring, y):
    return read_row_metric(metrics.get_scorer(scoring), None, None, y)


@pytest.mark.parametrize(("scoring", "y", "prediction"), CASES.values(), ids=CASES)
def test_a_resample_has_the_score_of_its_rows(scoring, y, prediction):
    metric = read(scoring, y)
    values = metric.compute_row_values(y, prediction)

    scores = compute_resampled_scores(metric, y, values, COUNTS.astype(float))

    rows = [np.repeat(np.arange(N_ROWS), count) for count in COUNTS]
    expected = [metric.sign * metric.function(y[one], prediction[one], **metric.settings) for one in rows]
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("scoring", ["accuracy", "roc_auc", "r2", "f1"])
def test_weights_count_as_in_the_metric(scoring):
    y, prediction = (
        (NUMBERS, PREDICTED) if scoring == "r2" else (LABELS, ROUNDED if scoring == "roc_auc" else LABELS[::-1])
    )
    weights = RANDOM.uniform(0.5, 2, size=(1, N_ROWS))
    metric = read(scoring, y)

    (score,) = compute_resampled_scores(metric, y, metric.compute_row_values(y, prediction), weights)

    assert score == pytest.approx(metric.function(y, prediction, sample_weight=weights[0]), rel=1e-5)


def test_a_score_that_is_not_defined_is_nan():
    metric = read("roc_auc", LABELS)
    only_one_class = (LABELS == 1)[np.newaxis].astype(float)

    assert np.isnan(compute_resampled_scores(metric, LABELS, PROBABILITIES, only_one_class)).all()


def test_a_constant_target_has_no_r2():
    metric = read("r2", NUMBERS)
    one_row = np.eye(1, N_ROWS)

    assert np.isnan(compute_resampled_scores(metric, NUMBERS, PREDICTED, one_row)).all()


def test_the_most_usual_scores_need_no_call_for_each_resample():
    assert is_fast(read("neg_log_loss", LABELS), PROBABILITIES)
    assert is_fast(read("roc_auc", LABELS), PROBABILITIES)
    assert not is_fast(read("roc_auc_ovr", LABELS), np.zeros((4, 3)))
    assert is_fast(read("f1", LABELS), LABELS)
    assert is_fast(read("average_precision", LABELS), PROBABILITIES)
    assert not is_fast(read("neg_median_absolute_error", NUMBERS), PREDICTED)


@given(st.integers(0, 2**31 - 1), st.sampled_from(["roc_auc", "neg_log_loss", "accuracy"]))
def test_all_rows_once_give_the_score_itself(seed, scoring):
    random = np.random.RandomState(seed)
    y = np.r_[0, 1, random.randint(2, size=10)]
    prediction = random.uniform(0.01, 0.99, size=12).round(2)
    if scoring == "accuracy":
        prediction = prediction > 0.5
    metric = read(scoring, y)

    (score,) = compute_resampled_scores(metric, y, metric.compute_row_values(y, prediction), np.ones((1, 12)))

    assert score == pytest.approx(metric.sign * metric.function(y, prediction), rel=1e-5)
