"""What is kept of a fold's test rows."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import get_scorer, make_scorer, mean_squared_error
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_autotune._compat.sklearn import (
    MultimetricScorer,
    PassthroughScorer,
    check_multimetric_scoring,
    record_predictions,
)
from sklearn_autotune.evaluation._row_values import RowKeeper, RowMetric, draw_kept_rows, read_row_metric

X, Y = load_iris(return_X_y=True)
MODEL = LogisticRegression(max_iter=500).fit(X, Y)
PIPELINE = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(X, Y)


def test_of_a_mean_over_rows_the_losses_are_kept():
    metric = read_row_metric(get_scorer("neg_log_loss"), None, MODEL, Y)
    probabilities = MODEL.predict_proba(X)

    values = metric.compute_row_values(Y, probabilities)

    assert (metric.is_mean, metric.sign, values.dtype, values.shape) == (True, -1, np.float32, (150,))
    np.testing.assert_allclose(values, -np.log(probabilities[np.arange(150), Y]), rtol=1e-5)


def test_of_other_scores_the_predictions_are_kept():
    metric = read_row_metric(get_scorer("roc_auc_ovr"), None, MODEL, Y)

    values = metric.compute_row_values(Y, MODEL.predict_proba(X))

    assert (metric.is_mean, values.dtype, values.shape) == (False, np.float32, (150, 3))


def test_labels_are_kept_as_labels():
    metric = read_row_metric(get_scorer("f1_macro"), None, MODEL, Y)

    assert metric.compute_row_values(Y, np.array(["a", "b"], dtype=object)).tolist() == ["a", "b"]


@pytest.mark.parametrize("estimator", [MODEL, PIPELINE], ids=["classifier", "pipeline"])
def test_the_own_score_of_a_classifier_is_its_accuracy(estimator):
    scorer, predictions = PassthroughScorer(estimator), []

    recorded = record_predictions(scorer, None, predictions)(estimator, X, Y)

    assert read_row_metric(scorer, None, estimator, Y).is_mean
    assert recorded == estimator.score(X, Y)
    assert np.array_equal(predictions[0], estimator.predict(X))


@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss", "roc_auc_ovr", "f1_macro"])
def test_a_score_is_the_same_to_the_last_bit_if_predictions_are_recorded(scoring):
    scorer, predictions = get_scorer(scoring), []

    assert record_predictions(scorer, None, predictions)(MODEL, X, Y) == scorer(MODEL, X, Y)
    assert len(predictions) == 1
    scorer(MODEL, X, Y)
    assert len(predictions) == 1  # the scorer itself records nothing


def test_of_several_scores_the_deciding_one_is_recorded():
    scorers = check_multimetric_scoring(MODEL, ["accuracy", "neg_log_loss"])
    scorer, predictions = MultimetricScorer(scorers=scorers), []

    scores = record_predictions(scorer, "neg_log_loss", predictions)(MODEL, X, Y)

    assert scores == scorer(MODEL, X, Y)
    assert [one.shape for one in predictions] == [(150, 3)]


@pytest.mark.parametrize(
    ("scorer", "y", "reason"),
    [
        (lambda estimator, X, y: 1.0, Y, "make_scorer"),
        (PassthroughScorer(StandardScaler()), Y, "make_scorer"),
        (get_scorer("accuracy"), None, "no target"),
    ],
    ids=["function", "no score of its own", "no target"],
)
def test_the_reason_is_told_if_a_score_is_no_function_of_predictions(scorer, y, reason):
    estimator = type("Scored", (LinearRegression,), {"score": lambda self, X, y: 0.0})()

    assert reason in read_row_metric(scorer, None, estimator, y)


def test_settings_that_the_losses_do_not_know_leave_the_metric_to_scikit_learn():
    scorer = make_scorer(mean_squared_error, greater_is_better=False, multioutput="raw_values")

    assert not read_row_metric(scorer, None, None, Y).is_mean


def test_many_rows_are_thinned_out_evenly_and_always_in_the_same_way():
    sizes = [len(test) for _, test in KFold(3).split(np.zeros(100))]

    positions = draw_kept_rows(sizes, max_rows=30)

    assert [len(one) for one in positions] == [10, 10, 10]
    assert all(np.array_equal(*pair) for pair in zip(positions, draw_kept_rows(sizes, max_rows=30), strict=True))
    keeper = RowKeeper(RowMetric(mean_squared_error, -1, {}, is_mean=True), positions)
    y = np.arange(34.0)
    assert keeper.compute_row_values(0, y, y + 1).tolist() == [1.0] * 10
