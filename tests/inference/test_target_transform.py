"""A regressor of a transformed target: what it predicts, how far predictions may go, and that it is an estimator."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_autotune.inference._target_transform import TransformedTarget

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(2000, 1))
Z = 1.0 + 0.5 * X[:, 0] + 0.8 * RANDOM.normal(size=2000)
Y = np.exp(Z)
MEDIAN = np.exp(1.0 + 0.5 * X[:, 0])
MEAN = MEDIAN * np.exp(0.8**2 / 2)
MIDDLE = np.abs(X[:, 0]) < 1.0


def predict(model, y=Y, **params):
    return model.fit(X, y, **params).predict(X)


@pytest.mark.parametrize("transform", ["log", "power"])
@pytest.mark.parametrize("regressor", [Ridge(), ExtraTreesRegressor(30, min_samples_leaf=20, random_state=0)], ids=repr)
def test_smearing_gives_the_mean_and_without_it_it_is_the_median(regressor, transform):
    mean = predict(TransformedTarget(regressor, transform, random_state=0))
    median = predict(TransformedTarget(regressor, transform, smears=False))

    assert (mean / MEAN)[MIDDLE].mean() == pytest.approx(1.0, abs=0.06)
    assert (median / MEDIAN)[MIDDLE].mean() == pytest.approx(1.0, abs=0.06)


def test_a_model_that_passes_through_its_training_rows_is_smeared_by_residuals_of_other_rows():
    interpolating = TransformedTarget(KNeighborsRegressor(1), random_state=0).fit(X, Y)

    assert np.std(interpolating.residuals_) > 0.8  # on its own rows they are all 0


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e9])
@pytest.mark.parametrize("transform", ["log", "power"])
def test_the_unit_of_the_target_does_not_matter(transform, unit):
    model = TransformedTarget(LinearRegression(), transform, random_state=0)

    np.testing.assert_allclose(predict(model, unit * Y) / unit, predict(model), rtol=1e-3)


def test_counts_with_zeros_have_a_logarithm_and_predictions_are_not_negative():
    counts = np.random.RandomState(1).poisson(MEDIAN)
    assert counts.min() == 0

    predicted = predict(TransformedTarget(Ridge(), random_state=0), counts)

    assert predicted.min() > 0
    assert predicted.mean() == pytest.approx(counts.mean(), rel=0.1)


@pytest.mark.parametrize("transform", ["log", "power"])
@pytest.mark.parametrize("sign", [1, -1])
def test_predictions_far_outside_stay_near_the_training_target(transform, sign):
    if transform == "log" and sign < 0:
        pytest.skip("negative values have no logarithm")
    model = TransformedTarget(LinearRegression(), transform, random_state=0).fit(X, sign * Y)

    predicted = model.predict(np.array([[-1e6], [1e6]]))

    assert np.isfinite(predicted).all()
    assert np.abs(predicted).max() < 2 * Y.max()


def test_weights_count_for_the_fit_and_for_the_residuals():
    """Rows of weight 0 are a thousand times larger."""
    is_real = np.arange(len(Y)) % 2 == 0
    y = np.where(is_real, Y, 1000 * Y)

    weighted = predict(TransformedTarget(Ridge(), random_state=0), y, sample_weight=is_real.astype(float))

    assert (weighted / MEAN)[MIDDLE].mean() == pytest.approx(1.0, abs=0.1)
    in_pipeline = TransformedTarget(make_pipeline(StandardScaler(), Ridge()), random_state=0)
    np.testing.assert_allclose(predict(in_pipeline, y, sample_weight=is_real.astype(float)), weighted, rtol=0.02)


def test_it_is_cloned_pickled_and_fitted_again_to_the_same_model():
    model = TransformedTarget(Ridge(alpha=3.0), "power", random_state=5)
    before = repr(model.get_params())

    predicted = predict(model)

    assert repr(model.get_params()) == before
    np.testing.assert_array_equal(predict(clone(model)), predicted)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), predicted)
    assert clone(model).set_params(regressor__alpha=1.0).regressor.alpha == 1.0


def test_a_table_with_named_columns_and_a_column_of_targets_are_taken():
    model = TransformedTarget(Ridge(), random_state=0)

    named = clone(model).fit(pd.DataFrame(X, columns=["size"]), Y[:, None])

    assert named.regressor_.feature_names_in_.tolist() == ["size"]
    np.testing.assert_allclose(named.predict(pd.DataFrame(X, columns=["size"])), predict(model))


def test_many_rows_are_predicted_in_parts():
    model = TransformedTarget(Ridge(), random_state=0).fit(X, Y)
    many = np.tile(X, (25, 1))

    np.testing.assert_array_equal(model.predict(many), np.tile(model.predict(X), 25))


@pytest.mark.parametrize(
    ("transform", "message"), [("log", "take transform='power'"), ("sqrt", "one of 'log', 'power', got 'sqrt'")]
)
def test_what_cannot_be_transformed_is_refused(transform, message):
    with pytest.raises(ValueError, match=message):
        TransformedTarget(DummyRegressor(), transform).fit(X, -Y)


def test_the_residuals_are_those_of_the_folds_that_are_given():
    """The second half has twice the noise, and is tested by a model of the first half."""
    noise = np.where(np.arange(2000) < 1000, 1.0, 2.0)
    y = np.exp(1.0 + noise * (Z - 1.0))
    folds = [(np.arange(1000), np.arange(1000, 2000))]

    given = TransformedTarget(Ridge()).fit(X, y, inner_folds=folds).residuals_
    half = TransformedTarget(Ridge(), random_state=0).fit(X, y).residuals_
    none = TransformedTarget(Ridge(), random_state=0).fit(X, y, inner_folds=[]).residuals_

    assert np.std(given) > 1.2 * np.std(half)
    np.testing.assert_array_equal(none, half)
