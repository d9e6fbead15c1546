"""The mean of fitted models: its classes, its temperature, and that it is not fitted again."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_autotune.inference._averaging import (
    AveragedClassifier,
    AveragedRegressor,
    predict_all_classes,
    prepare_rows,
    share_preparation,
)
from sklearn_autotune.inference._temperature_scaling import apply_temperature
from sklearn_autotune.inference._text import TextLayout
from sklearn_autotune.inference._text_encoder import TextEncoder
from sklearn_autotune.tables._preparation import make_preparation

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


# -- without checks, and equal to the last bit -------------------------------------------------------------------------

# Numbers, a number without gaps, a constant, few categories of which some are rare, one that is always known, many.
KINDS = np.array([0, 0, 0, 12, 3, 40])


def make_encoded(n_rows, seed, gaps=0.2):
    """Return a table of the columns of `KINDS`, with gaps, and a target."""
    random = np.random.RandomState(seed)
    numbers = random.normal(size=(n_rows, 3)) * [1, 1e6, 0] + [0, 1e6, 7]
    few = np.minimum(random.geometric(0.4, n_rows) - 1, 11)
    codes = np.column_stack([few, random.randint(0, 3, n_rows), random.randint(0, 40, n_rows)])
    table = np.column_stack([numbers, codes]).astype(float)
    for column in (0, 3, 5):
        table[random.uniform(size=n_rows) < gaps, column] = np.nan
    return table, random.normal(size=n_rows)


def describe(values):
    """Return all that a result of NumPy's depends on: bits, type and order in memory."""
    return values.tobytes(), values.dtype, values.shape, values.flags["C_CONTIGUOUS"], values.flags["F_CONTIGUOUS"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_rows", [1, 2, 500])
@pytest.mark.parametrize("is_classification", [True, False])
@pytest.mark.parametrize("kind", ["scaled", "coded", "native"])
@pytest.mark.parametrize(
    "kinds", [KINDS, KINDS * (KINDS > 12), np.zeros(6, dtype=int)], ids=["mixed", "many", "numbers"]
)
def test_prepared_rows_are_those_of_the_steps_to_the_last_bit(kinds, kind, is_classification, n_rows, dtype):
    table, target = make_encoded(300, 0)
    table, before = table.astype(dtype), table.astype(dtype)
    y = (target > 0).astype(int) if is_classification else target
    model = make_pipeline(
        make_preparation(kind, kinds, 300, is_classification, dtype), HistGradientBoostingClassifier()
    )
    model[0].fit_transform(table, y)
    new = make_encoded(n_rows, 1)[0].astype(dtype)
    new[0, 3:] = [11, 2, 39]  # rare in training, or unknown

    prepared = model[0].transform(new.copy())
    assert prepared.dtype == dtype
    assert describe(prepare_rows(model, new)) == describe(prepared)
    np.testing.assert_array_equal(table, before)  # preparing changes no table


def test_steps_that_are_not_known_prepare_as_they_do():
    table, _ = make_encoded(50, 0, gaps=0.0)
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    model = Pipeline([("one", encoder), ("model", LinearRegression())])
    model[0].fit(table[:, 3:])

    assert describe(prepare_rows(model, table[:, 3:])) == describe(encoder.transform(table[:, 3:]))


@pytest.mark.parametrize("n_rows", [1, 2, 1000, 1001])
@pytest.mark.parametrize(
    "forest", [ExtraTreesClassifier, RandomForestClassifier, ExtraTreesRegressor, RandomForestRegressor]
)
def test_forests_predict_what_they_predict_themselves_to_the_last_bit(forest, n_rows):
    table, target = make_encoded(300, 0)
    is_classification = "Classifier" in forest.__name__
    codes = np.digitize(target, [-0.5, 0.5])
    model = Pipeline([("model", forest(20, random_state=0).fit(table, codes if is_classification else target))])
    new, _ = make_encoded(n_rows, 1, gaps=0.5)

    found = predict_all_classes(model, new, CLASSES if is_classification else None)

    assert describe(found) == describe(model.predict_proba(new) if is_classification else model.predict(new))


def test_a_forest_refuses_infinity():
    table, target = make_encoded(50, 0)
    model = Pipeline([("model", RandomForestRegressor(3, random_state=0).fit(table, target))])
    table[0, 0] = np.inf

    with pytest.raises(ValueError, match="Input X contains infinity"):
        predict_all_classes(model, table, None)


# -- prepared once for several models ----------------------------------------------------------------------------------


class CountingScaler(StandardScaler):
    """Counts its calls of transform."""

    n_calls = 0

    def transform(self, X):
        self.n_calls += 1
        return super().transform(X)


class Spoiler(LinearRegression):
    """Changes the rows that it predicts."""

    def predict(self, X):
        predicted = super().predict(X)
        X[:] = 0
        return predicted


def chain(steps, model):
    table = X
    for step in steps:
        table = step.transform(table)
    return Pipeline([*((str(index), step) for index, step in enumerate(steps)), ("model", model.fit(table, X[:, 0]))])


def test_steps_that_models_have_in_common_are_applied_once_while_they_share():
    first, second, other = (CountingScaler().fit(X[:rows]) for rows in (20, 30, 40))
    pipelines = [chain(steps, LinearRegression()) for steps in ([first], [first, second], [first, second], [other], [])]
    expected = [predict_all_classes(model, X, None) for model in pipelines]
    for step in (first, second, other):
        step.n_calls = 0

    with share_preparation(pipelines):
        shared = [predict_all_classes(model, X, None) for model in pipelines]

    assert [step.n_calls for step in (first, second, other)] == [1, 1, 1]
    assert [describe(values) for values in shared] == [describe(values) for values in expected]
    X_other = X + 1  # afterwards nothing is shared
    np.testing.assert_array_equal(predict_all_classes(pipelines[0], X_other, None), pipelines[0].predict(X_other))
    assert first.n_calls == 3


def test_what_is_shared_depends_on_the_table():
    scaler = StandardScaler().fit(X)
    pipelines = [chain([scaler], LinearRegression()) for _ in range(4)]
    tables = [X, X + 1, X + 2, X]

    with share_preparation(pipelines):
        shared = [predict_all_classes(*pair, None) for pair in zip(pipelines, tables, strict=True)]

    for model, table, values in zip(pipelines, tables, shared, strict=True):
        np.testing.assert_array_equal(values, model.predict(table))


def test_a_model_that_changes_its_rows_changes_those_of_no_other_one():
    scaler = StandardScaler().fit(X)
    pipelines = [chain([scaler], model) for model in (Spoiler(), Pipeline([("in", Spoiler())]), LinearRegression())]

    with share_preparation(pipelines):
        shared = [predict_all_classes(model, X, None) for model in pipelines]

    np.testing.assert_array_equal(shared[2], pipelines[2].predict(X))


def test_texts_are_described_to_the_last_bit_alone_and_shared():
    texts = [
        f"{word} {word[::-1]} number {index % 7}" for index, word in enumerate(["alpha", "beta", "gamma delta"] * 30)
    ]
    packed = TextLayout.find(texts).pack(texts)
    table = np.column_stack([np.arange(90.0), packed])
    target = np.arange(90) % 3
    encoders = [
        TextEncoder([(1, packed.shape[1])], True).fit(table[rows], target[rows]) for rows in (slice(60), slice(90))
    ]
    pipelines = [Pipeline([("texts", encoder), ("model", GaussianNB())]) for encoder in [*encoders, encoders[0]]]

    with share_preparation(pipelines):
        shared = [prepare_rows(model, table) for model in pipelines]

    assert [describe(values) for values in shared] == [describe(model[0].transform(table)) for model in pipelines]
    assert describe(prepare_rows(pipelines[0], table)) == describe(shared[0])
