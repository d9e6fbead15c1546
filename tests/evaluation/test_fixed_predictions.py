"""Estimators with stored predictions: scikit-learn's scorers give the values of its metrics."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    get_scorer,
    log_loss,
    make_scorer,
    root_mean_squared_error,
)
from sklearn.naive_bayes import GaussianNB

from sklearn_autotune.evaluation import Failure, Fold, Task, make_fixed_predictions, score_predictions
from sklearn_autotune.evaluation._fixed_predictions import (
    FixedPredictionsClassifier,
    FixedPredictionsRegressor,
    compute_log_loss,
    compute_root_mean_squared_error,
    make_class_probabilities,
)
from sklearn_autotune.evaluation._row_values import RowKeeper, RowMetric
from sklearn_autotune.statistics._cross_thresholds import add_thresholds

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
    np.testing.assert_array_equal(make_class_probabilities(np.array([0.25, 1.0])), [[0.75, 0.25], [0.0, 1.0]])
    assert make_class_probabilities(PROBABILITIES) is PROBABILITIES


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


@pytest.mark.parametrize("load", [load_iris, load_breast_cancer], ids=["three classes", "two classes"])
@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss", "roc_auc_ovr"])
def test_probabilities_are_scored_as_those_of_the_classifier(load, scoring):
    X, y = load(return_X_y=True)
    y = np.array(["no", "maybe", "yes"])[y]
    model = GaussianNB(var_smoothing=0.1).fit(X, y)

    fixed = make_fixed_predictions(X, model.predict_proba(X), model.classes_)

    assert get_scorer(scoring)(fixed, X, y) == pytest.approx(get_scorer(scoring)(model, X, y), abs=1e-12)


def test_small_probabilities_of_the_first_class_are_scored_as_they_are():
    rows, labels = np.zeros((4, 1)), np.array(["no", "yes"])
    rare = np.array([1e-30, 1e-20, 1e-25, 1e-40])
    scorer = make_scorer(average_precision_score, response_method="predict_proba", pos_label="no")

    fixed = make_fixed_predictions(rows, np.column_stack([rare, 1 - rare]), labels)

    assert scorer(fixed, rows, labels[[1, 0, 0, 1]]) == 1.0


def test_probabilities_of_the_second_class_are_enough():
    rows, classes = np.zeros((3, 1)), np.array(["no", "yes"])
    both = np.array([[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]])

    short, whole = (make_fixed_predictions(rows, prediction, classes) for prediction in (both[:, 1], both))

    np.testing.assert_array_equal(short.predict_proba(rows), both)
    np.testing.assert_array_equal(whole.predict_proba(rows), both)
    assert short.predict(rows).tolist() == whole.predict(rows).tolist() == ["no", "no", "yes"]


def test_values_are_scored_as_those_of_the_regressor():
    X, y = load_diabetes(return_X_y=True)
    model = LinearRegression().fit(X, y)

    assert get_scorer("r2")(make_fixed_predictions(X, model.predict(X), None), X, y) == model.score(X, y)


def test_other_rows_are_refused_unless_they_can_be_predicted():
    rows, others = np.zeros((2, 1)), np.ones((3, 1))
    stored = np.array([1.0, 2.0])

    with pytest.raises(ValueError, match="rows other than those"):
        make_fixed_predictions(rows, stored, None).predict(others)
    assert make_fixed_predictions(rows, stored, None, len).predict(others) == 3


BINARY = CODES % 2
ROWS = np.arange(10, 50)
RARE = np.column_stack([1 - 0.2 * PROBABILITIES[ROWS, 0], 0.2 * PROBABILITIES[ROWS, 0]])


def make_task(scorer, function, *, threshold=None):
    keeper = RowKeeper(RowMetric(function, 1, {}), (None,))
    task = Task(np.zeros((60, 1)), BINARY, (Fold(0, ROWS, ROWS),), scorer, {}, {}, np.nan, False, row_keeper=keeper)
    return task if threshold is None else add_thresholds(task, threshold, {}, LogisticRegression(), scorer)


def test_predictions_are_scored_for_some_rows_and_kept_for_a_fold():
    task = make_task(get_scorer("accuracy"), accuracy_score)

    scored = score_predictions(task, RARE, ROWS, np.array([0, 1]), 0)

    assert scored.score == (BINARY[ROWS] == 0).mean()
    np.testing.assert_array_equal(scored.row_values, np.zeros(40))
    assert score_predictions(task, RARE, ROWS, np.array([0, 1])).row_values is None


def test_a_score_of_labels_is_that_of_labels_by_thresholds():
    task = make_task(get_scorer("f1"), f1_score, threshold=get_scorer("f1"))

    scored = score_predictions(task, RARE, ROWS, np.array([0, 1]), 0)

    kept = task.thresholds.read_predictions(scored.row_values)
    assert scored.score == f1_score(BINARY[ROWS], kept) > f1_score(BINARY[ROWS], RARE[:, 1] > 0.5)
    assert score_predictions(task, RARE, ROWS, np.array([0, 1]))[:2] == scored[:2]


def test_a_threshold_that_cannot_be_chosen_is_a_failure_of_the_score():
    def fail(y, labels):
        raise ValueError("no labels")

    task = make_task(get_scorer("f1"), f1_score, threshold=make_scorer(fail))

    assert score_predictions(task, RARE, ROWS, np.array([0, 1]), 0).failure == Failure.SCORE
