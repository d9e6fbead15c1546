"""Stored predictions as estimators: scikit-learn's scorers give what its metrics give."""

import numpy as np
import pytest
from sklearn.metrics import get_scorer, log_loss, root_mean_squared_error

from sklearn_autotune.evaluation._fixed_predictions import (
    FixedPredictionsClassifier,
    FixedPredictionsRegressor,
    compute_log_loss,
    compute_root_mean_squared_error,
    make_class_probabilities,
)

RANDOM = np.random.RandomState(0)
CODES = np.arange(60) % 3
PROBABILITIES = RANDOM.dirichlet([1, 1, 1], 60)
WEIGHTS = RANDOM.rand(60)


@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["plain", "weighted"])
def test_losses_are_those_of_scikit_learn(weight):
    binary, values = PROBABILITIES[:, 0], RANDOM.normal(size=60)

    assert compute_log_loss(CODES, PROBABILITIES, weight) == pytest.approx(
        log_loss(CODES, PROBABILITIES, sample_weight=weight), rel=1e-12
    )
    assert compute_log_loss(CODES % 2, binary, weight) == pytest.approx(
        log_loss(CODES % 2, binary, sample_weight=weight), rel=1e-12
    )
    assert compute_root_mean_squared_error(values, binary, weight) == pytest.approx(
        root_mean_squared_error(values, binary, sample_weight=weight), rel=1e-12
    )


def test_a_certain_mistake_costs_a_finite_loss_as_in_scikit_learn():
    certain = np.array([0.0, 1.0], dtype=np.float32)
    classes = np.array([1, 0])

    assert compute_log_loss(classes, certain, None) == pytest.approx(log_loss(classes, certain), rel=1e-6)


def test_the_probability_of_one_of_two_classes_becomes_two_columns():
    np.testing.assert_array_equal(make_class_probabilities(np.array([0.25, 1.0]), 2), [[0.75, 0.25], [0.0, 1.0]])
    assert make_class_probabilities(PROBABILITIES, 3) is PROBABILITIES


def never(X):
    raise AssertionError("these rows have stored predictions")


@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss", "roc_auc_ovr"])
def test_scorers_score_a_classifiers_stored_predictions(scoring):
    rows, labels = np.zeros((60, 1)), np.array(["a", "b", "c"])
    model = FixedPredictionsClassifier(rows, PROBABILITIES, never, labels)

    scorer = get_scorer(scoring)

    expected = scorer._score_func(
        labels[CODES],
        labels[PROBABILITIES.argmax(axis=1)] if scoring == "accuracy" else PROBABILITIES,
        **scorer._kwargs,
    )
    assert scorer(model, rows, labels[CODES]) == pytest.approx(scorer._sign * expected)


def test_rows_without_stored_predictions_are_predicted():
    model = FixedPredictionsRegressor(np.zeros((2, 1)), np.array([1.0, 2.0]), lambda X: X[:, 0] * 10)

    assert model.predict(model.rows).tolist() == [1.0, 2.0]
    assert model.predict(np.array([[0.5]])).tolist() == [5.0]
