"""All estimators for raw tables read them in the same way: the kinds of columns, missing values, and errors."""

import numpy as np
import pandas as pd
import polars
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression, Ridge

from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier, TunedXGBRegressor, compare

N_ROWS = 240


def make_tuned(**params):
    return TunedXGBClassifier(**{"n_trials": 1, "n_estimators": 40, "cv": 3, "random_state": 0, **params})


def make_selector(*families):
    families = list(families) or ["xgboost"]
    return AutoModelSelector(families=families, n_trials=1, cv=3, blend=False, random_state=0)


@pytest.fixture(params=[make_tuned, make_selector], ids=["tuned", "selector"])
def make_model(request):
    return request.param


@pytest.fixture(scope="module")
def table():
    random = np.random.RandomState(0)
    X = pd.DataFrame(
        {
            "zip": random.choice(["01067", "10115", "20095"], N_ROWS),
            "size": random.uniform(0, 3, N_ROWS),
            "nothing": [None] * N_ROWS,
        }
    )
    X["band"] = pd.cut(X["size"], [0, 1, 2, 3])
    return X, np.where((X["zip"] == "10115") ^ (X["size"] > 2), "yes", "no")


def probabilities(model, X):
    return model.predict_proba(X)


# -- dates -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_events_that_are_seconds_apart_are_told_apart(make_model, library):
    seconds = np.random.RandomState(0).permutation(600) * 5
    y = seconds // 120 % 2
    moments = pd.Timestamp("2025-11-03 23:40") + pd.to_timedelta(seconds, unit="s")
    pandas_table = pd.DataFrame({"moment": moments})
    X = pandas_table if library == "pandas" else polars.DataFrame({"moment": moments.to_pydatetime().tolist()})

    model = make_model().fit(X, y)

    assert model.score(X, y) > 0.9
    np.testing.assert_array_equal(model.deployed_model().predict(X), model.predict(X))


def test_linear_models_learn_from_days_and_from_the_time_of_the_day():
    moments = pd.Series(pd.date_range("2020-01-01", periods=400, freq="7h"))
    X = pd.DataFrame({"moment": moments})

    for y in (moments > moments[200], moments.dt.hour > 11):
        assert make_selector("logistic").fit(X, y.to_numpy()).score(X, y.to_numpy()) > 0.95


def test_the_importance_of_a_date_is_that_of_all_its_parts():
    moments = pd.date_range("2020-01-01", periods=N_ROWS, freq="7h")
    X = pd.DataFrame({"noise": np.random.RandomState(0).normal(size=N_ROWS), "moment": moments})

    model = make_tuned().fit(X, moments.hour > 11)

    assert model.best_estimator_.n_features_in_ == 3
    assert model.feature_importances_.shape == (2,)
    assert model.feature_importances_[1] > 0.8
    assert model.feature_importances_.sum() == pytest.approx(1)


# -- columns and categories --------------------------------------------------------------------------------------------


def test_an_empty_column_is_accepted_and_whatever_it_holds_later_changes_nothing(make_model, table):
    X, y = table
    model = make_model().fit(X, y)

    expected = probabilities(model, X)
    assert model.score(X, y) > 0.9
    for later in (3.0, "word", pd.Timestamp("2024-01-01")):
        np.testing.assert_array_equal(probabilities(model, X.assign(nothing=later)), expected)
    array = np.column_stack([X["size"], np.full(N_ROWS, np.nan)])
    assert make_model().fit(array, y).predict(array).shape == (N_ROWS,)


def test_columns_are_put_in_the_order_of_training(make_model, table):
    X, y = table
    model = make_model().fit(X, y)

    np.testing.assert_array_equal(probabilities(model, X[X.columns[::-1]]), probabilities(model, X))
    in_polars = polars.DataFrame({"size": X["size"].to_numpy(), "zip": X["zip"].tolist()})
    model.fit(in_polars, y)
    np.testing.assert_array_equal(probabilities(model, in_polars[["zip", "size"]]), probabilities(model, in_polars))


def test_categories_are_the_same_in_another_type(make_model, table):
    X, y = table
    model = make_model().fit(X, y)

    as_numbers = X.assign(zip=X["zip"].astype(int), band=X["band"].astype(str))
    np.testing.assert_array_equal(probabilities(model, as_numbers), probabilities(model, X))
    model.fit(X.assign(zip=pd.Categorical(X["zip"].astype(int))), y)
    np.testing.assert_array_equal(probabilities(model, X), probabilities(model, as_numbers))


def test_a_column_of_new_categories_alone_brings_a_warning(make_model, table):
    X, y = table
    model = make_model().fit(X, y)

    with pytest.warns(UserWarning, match="Column 'zip' holds none of the categories of training"):
        model.predict(X.assign(zip="elsewhere"))


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_number_for_missing_values_is_no_categorys_code(missing):
    random = np.random.RandomState(0)
    word = random.choice(["low", "mid", "top", None], N_ROWS)
    X = pd.DataFrame({"word": word, "count": random.randint(0, 5, N_ROWS)})
    y = word == "low"

    model = make_tuned(missing=missing).fit(X, y)

    assert model.score(X, y) == 1.0
    assert np.isnan(model.best_estimator_.missing)
    known = X.assign(count=missing)
    gaps = known.assign(count=np.nan)
    np.testing.assert_array_equal(probabilities(model, known), probabilities(model, gaps))


# -- weights -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1 / 1024, 1024])
def test_the_scale_of_weights_changes_nothing(make_model, table, scale):
    X, y = table
    weight = np.random.RandomState(0).uniform(0.5, 2, N_ROWS)

    expected = probabilities(make_model().fit(X, y, sample_weight=weight), X)
    scaled = probabilities(make_model().fit(X, y, sample_weight=weight * scale), X)

    assert np.ptp(expected) > 0.5
    np.testing.assert_array_equal(scaled, expected)


def test_weights_that_add_up_to_one_teach_a_regressor_too(table):
    X, _ = table
    model = TunedXGBRegressor(n_trials=1, n_estimators=40, cv=3, random_state=0)

    model.fit(X, X["size"], sample_weight=np.full(N_ROWS, 1 / N_ROWS))

    assert model.score(X, X["size"]) > 0.9


def test_the_scale_of_class_weights_changes_nothing(table):
    X, y = table
    one, other = (make_tuned(class_weight={"yes": scale, "no": 2 * scale}).fit(X, y) for scale in (1, 2**-20))

    np.testing.assert_array_equal(probabilities(one, X), probabilities(other, X))


def test_optuna_search_passes_weights_on_as_they_are(table):
    X, y = table
    weight = np.full(N_ROWS, 1 / N_ROWS)
    search = OptunaSearchCV(LogisticRegression(), {"C": [1.0]}, cv=3).fit(X[["size"]], y, sample_weight=weight)

    expected = LogisticRegression().fit(X[["size"]], y, sample_weight=weight)
    np.testing.assert_allclose(search.best_estimator_.coef_, expected.coef_)


# -- sparse and dense --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sparse():
    random = np.random.RandomState(0)
    X = csr_matrix(random.binomial(1, 0.3, (N_ROWS, 6)) * random.choice([-1.0, 1.0, 2.0], (N_ROWS, 6)))
    return X, (X[:, [0]].toarray() + X[:, [1]].toarray() > 0).ravel()


@pytest.mark.parametrize("fitted_on", ["sparse", "dense"])
def test_tuned_xgboost_predicts_the_same_for_sparse_and_dense_rows(sparse, fitted_on):
    X, y = sparse
    model = make_tuned().fit(X if fitted_on == "sparse" else X.toarray(), y)

    expected = probabilities(model, X if fitted_on == "sparse" else X.toarray())
    assert model.score(X, y) > 0.9
    for rows in (X, X.toarray(), X.tocsc(), pd.DataFrame(X.toarray())):
        np.testing.assert_array_equal(probabilities(model, rows), expected)
        np.testing.assert_array_equal(model.deployed_model().predict_proba(rows), expected)


def test_the_selector_refuses_sparse_rows(sparse):
    X, y = sparse
    with pytest.raises(TypeError, match=r"Use X.toarray\(\)"):
        make_selector().fit(X, y)
    model = make_selector().fit(X.toarray(), y)
    with pytest.raises(TypeError, match=r"Use X.toarray\(\)"):
        model.predict(X)


# -- the target --------------------------------------------------------------------------------------------------------


GAPS = {
    "classes": np.where(np.arange(60) % 20, "yes", None),
    "numbers": np.where(np.arange(60) % 20, 1.0, np.nan),
    "nullable": pd.array(np.where(np.arange(60) % 20, 1, None), dtype="Int64"),
}
LEARNERS = {
    "tuned classifier": make_tuned(),
    "tuned regressor": TunedXGBRegressor(n_trials=1),
    "selector": make_selector(),
    "selector of regressors": AutoModelSelector("regression", n_trials=1),
    "search of a classifier": OptunaSearchCV(LogisticRegression(), {"C": [1.0]}),
    "search of a regressor": OptunaSearchCV(Ridge(), {"alpha": [1.0]}),
}


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("gaps", GAPS)
def test_gaps_in_the_target_are_counted_and_refused(learner, gaps):
    with pytest.raises(ValueError, match="Input y contains NaN, None or another missing value in 3 of 60 rows, first"):
        LEARNERS[learner].fit(np.zeros((60, 1)), GAPS[gaps])


@pytest.mark.parametrize("gaps", GAPS)
def test_a_comparison_refuses_gaps_in_the_target(gaps):
    with pytest.raises(ValueError, match="in 3 of 60 rows, first in row 0"):
        compare({"ridge": Ridge()}, np.zeros((60, 1)), GAPS[gaps])
