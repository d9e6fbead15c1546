"""Scorers score stored predictions as they score the model that made them."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import LinearRegression
from sklearn.metrics import get_scorer
from sklearn.naive_bayes import GaussianNB

from sklearn_autotune.evaluation import make_fixed_predictions


@pytest.mark.parametrize("load", [load_iris, load_breast_cancer], ids=["three classes", "two classes"])
@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss", "roc_auc_ovr"])
def test_probabilities_are_scored_as_those_of_the_classifier(load, scoring):
    X, y = load(return_X_y=True)
    y = np.array(["no", "maybe", "yes"])[y]
    model = GaussianNB(var_smoothing=0.1).fit(X, y)

    fixed = make_fixed_predictions(X, model.predict_proba(X), model.classes_)

    assert get_scorer(scoring)(fixed, X, y) == pytest.approx(get_scorer(scoring)(model, X, y), abs=1e-12)


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

    with pytest.raises(ValueError, match="other rows"):
        make_fixed_predictions(rows, stored, None).predict(others)
    assert make_fixed_predictions(rows, stored, None, len).predict(others) == 3
