"""The mean of fitted models: its classes, its temperature, and that it is not fitted again."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sklearn_autotune.inference._averaging import AveragedClassifier, AveragedRegressor, predict_all_classes
from sklearn_autotune.inference._temperature_scaling import apply_temperature

X = np.random.RandomState(0).normal(size=(60, 3))
CODES = np.arange(60) % 3
CLASSES = np.arange(3)


def fit_classifier(rows):
    return make_pipeline(GaussianNB()).fit(X[rows], CODES[rows])


@pytest.fixture
def models():
    """A model of all classes, and one that has not seen class 1."""
    return [fit_classifier(CODES >= 0), fit_classifier(CODES != 1)]


def test_a_class_that_a_model_does_not_know_has_probability_zero(models):
    completed = predict_all_classes(models[1], X, CLASSES)

    assert completed.shape == (60, 3)
    np.testing.assert_array_equal(completed[:, 1], 0)
    np.testing.assert_array_equal(completed[:, [0, 2]], models[1].predict_proba(X))
    np.testing.assert_array_equal(predict_all_classes(models[0], X, CLASSES), models[0].predict_proba(X))


def test_the_warnings_of_models_about_unknown_categories_are_not_shown():
    words = np.array([["a"], ["b"]] * 10)
    encoder = OneHotEncoder(handle_unknown="warn", sparse_output=False)
    model = make_pipeline(encoder, GaussianNB()).fit(words, np.arange(20) % 2)
    with pytest.warns(UserWarning, match="unknown categories"):
        model.predict_proba([["c"]])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert predict_all_classes(model, [["c"]], np.arange(2)).shape == (1, 2)


def test_values_have_one_dimension_whatever_the_model_returns():
    model = make_pipeline(LinearRegression()).fit(X, X[:, :1])
    assert model.predict(X).shape == (60, 1)

    np.testing.assert_allclose(predict_all_classes(model, X, None), X[:, 0])


def test_a_classifier_is_the_scaled_mean_of_its_models(models):
    averaged = AveragedClassifier(models, 2.0, CLASSES)

    mean = (models[0].predict_proba(X) + predict_all_classes(models[1], X, CLASSES)) / 2
    np.testing.assert_allclose(averaged.predict_proba(X), apply_temperature(mean, 2.0))
    np.testing.assert_array_equal(averaged.predict(X), mean.argmax(axis=1))
    np.testing.assert_array_equal(averaged.classes_, CLASSES)


def test_a_regressor_is_the_mean_of_its_models():
    models = [make_pipeline(LinearRegression()).fit(X, X[:, column]) for column in (0, 1)]

    np.testing.assert_allclose(AveragedRegressor(models).predict(X), (X[:, 0] + X[:, 1]) / 2)


def test_it_counts_as_fitted_and_fitting_it_changes_nothing(models):
    averaged = AveragedClassifier(models, 1.0, CLASSES)
    before = averaged.predict_proba(X)

    again = pickle.loads(pickle.dumps(averaged)).fit(X[:5], CODES[:5])

    np.testing.assert_array_equal(again.predict_proba(X), before)
    assert isinstance(averaged, BaseEstimator)
    np.testing.assert_array_equal(FrozenEstimator(averaged).predict_proba(X), before)
