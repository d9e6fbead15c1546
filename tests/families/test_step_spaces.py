"""Steps in front of a model: searched only where the user asks for it, by spaces of which no candidate fails."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectFromModel, SelectKBest, SelectPercentile
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune._compat.optuna import create_random_study
from sklearn_autotune.families import auto_space, fill_auto
from sklearn_autotune.families.spaces import STEP_SPACES
from sklearn_autotune.space._space import read_space
from tests.strategies import quick

X, Y = load_iris(return_X_y=True)
GAPS = np.where(np.random.RandomState(0).uniform(size=X.shape) < 0.1, np.nan, X)
WORDS = np.array([["a", "b", "c", "d"][i % 4] + str(y) for i, y in enumerate(Y)], dtype=object)[:, None]
TEXTS = np.array([f"flower {y} of width {int(x[1] * 10)} and length {int(x[2])}" for x, y in zip(X, Y, strict=True)])
NUMBERS = [
    StandardScaler(),
    RobustScaler(),
    QuantileTransformer(n_quantiles=50),
    PolynomialFeatures(),
    PolynomialFeatures(3),
    SplineTransformer(),
    KBinsDiscretizer(),
    SelectKBest(k=2),
    SelectKBest(k="all"),
    SelectPercentile(),
    SelectFromModel(ExtraTreesClassifier(5)),
    PCA(),
    PCA(0.9),
    PCA(3),
    PCA(n_components="mle"),
    PCA(svd_solver="randomized"),
    TruncatedSVD(),
]
STEPS = [
    *((step, X) for step in NUMBERS),
    (SimpleImputer(), GAPS),
    (SimpleImputer(strategy="most_frequent"), GAPS),
    (KNNImputer(), GAPS),
    (OneHotEncoder(handle_unknown="ignore"), WORDS),
    (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), WORDS),
    (TargetEncoder(), WORDS),
    (TfidfVectorizer(), TEXTS),
    (TfidfVectorizer(analyzer="char"), TEXTS),
    (TfidfVectorizer(vocabulary=["flower", "width", "1"]), TEXTS),
    (CountVectorizer(analyzer=str.split), TEXTS),
]


def draw(raw_space, n_candidates=8):
    study, space = create_random_study(seed=0), read_space(raw_space)
    return [space.suggest(study.ask()) for _ in range(n_candidates)]


def branches_of(raw_space):
    return [raw_space] if isinstance(raw_space, dict) else raw_space


# -- contracts over all steps --------------------------------------------------------------------------------------


def test_every_step_of_scikit_learn_is_tested_here():
    tested = {f"sklearn.{type(step).__name__}" for step, _ in STEPS}

    known = {name for known in STEP_SPACES for name in known.estimators}
    assert {name for name in known if name.startswith("sklearn.")} == tested


@pytest.mark.few_by_day(24)
@pytest.mark.parametrize("n_rows", [20, 100])
@pytest.mark.parametrize(("step", "table"), STEPS, ids=lambda value: repr(value)[:40].replace("\n", ""))
def test_no_random_candidate_of_a_step_fails_or_warns(step, table, n_rows):
    rows = np.linspace(0, 149, n_rows).astype(int)
    table, y = table[rows], Y[rows]
    model = make_pipeline(clone(step), LogisticRegression())
    raw_space = auto_space(model, n_rows=n_rows, n_columns=table.shape[1] if table.ndim > 1 else 1, steps=True)
    read_space(raw_space).check(model)

    for candidate in draw(raw_space):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", ConvergenceWarning)
            clone(model).set_params(**candidate).fit(table, y).predict(table)


@pytest.mark.parametrize("step", [step for step, _ in STEPS], ids=lambda step: repr(step)[:40].replace("\n", ""))
@given(n_rows=st.integers(1, 10**7), n_columns=st.integers(1, 10**5) | st.none())
@quick
def test_every_size_of_data_has_a_space_with_the_users_own_values(step, n_rows, n_columns):
    model = make_pipeline(step, LogisticRegression())

    raw_space = auto_space(model, n_rows=n_rows, n_columns=n_columns, steps=True)

    space = read_space(raw_space)
    own = {name: [value] for name, value in model.get_params().items()}
    space.encode(space.project(own))
    for values in (values for branch in branches_of(raw_space) for values in branch.values()):
        assert not isinstance(values, list) or values


# -- what is asked, and nothing else -------------------------------------------------------------------------------

PIPELINE = make_pipeline(SimpleImputer(), RobustScaler(), SVC())


def names_in(raw_space):
    return {name for branch in branches_of(raw_space) for name in branch}


def test_steps_are_not_searched_unless_the_user_asks():
    plain = names_in(auto_space(PIPELINE, n_rows=100))
    with_steps = names_in(auto_space(PIPELINE, n_rows=100, steps=True))

    assert {name.partition("__")[0] for name in plain} == {"svc"}
    assert with_steps - plain == {
        "simpleimputer__strategy",
        "simpleimputer__add_indicator",
        "robustscaler__quantile_range",
    }


def test_a_named_part_is_searched_alone():
    assert names_in(auto_space(PIPELINE, n_rows=100, steps=["robustscaler"])) == {"robustscaler__quantile_range"}


def test_a_named_part_brings_all_that_is_known_inside_it():
    columns = ColumnTransformer([("few", make_pipeline(SimpleImputer(), RobustScaler()), [0, 1])])
    model = Pipeline([("columns", columns), ("model", SVC())])

    asked = names_in(auto_space(model, n_rows=100, steps=["columns"]))

    assert asked == {
        "columns__few__simpleimputer__strategy",
        "columns__few__simpleimputer__add_indicator",
        "columns__few__robustscaler__quantile_range",
    }


def test_a_dict_mixes_ready_spaces_of_parts_with_ranges_of_the_user():
    alpha = FloatDistribution(0.1, 1.0)

    filled = fill_auto({"robustscaler": "auto", "svc": "auto", "svc__C": alpha}, PIPELINE, n_rows=100, n_columns=4)

    assert [branch["svc__kernel"] for branch in filled] == [["rbf"], ["poly"]]
    for branch in filled:
        assert branch["svc__C"] is alpha
        assert "robustscaler__quantile_range" in branch
        assert not any(name.startswith("simpleimputer") for name in branch)


def test_one_part_may_be_named_by_a_text_alone():
    assert auto_space(PIPELINE, n_rows=100, steps="svc") == auto_space(PIPELINE, n_rows=100, steps=["svc"])


@pytest.mark.parametrize("written", [["auto"], ["svc"], [1]])
def test_what_is_no_dict_in_a_list_is_refused_as_before(written):
    with pytest.raises(TypeError, match="Parameter distribution is not a dict"):
        OptunaSearchCV(PIPELINE, written).fit(X, Y)


def test_each_of_several_dicts_may_ask():
    written = [{"svc": "auto"}, {"robustscaler": "auto", "svc__kernel": ["linear"]}]

    filled = fill_auto(written, PIPELINE, n_rows=100, n_columns=4)

    assert [branch["svc__kernel"] for branch in filled] == [["rbf"], ["poly"], ["linear"]]


def space_of_trial(trial):
    return {}


@pytest.mark.parametrize("written", [{"svc__C": [1, 2]}, [{"svc__C": [1]}, {"svc__gamma": [1]}], space_of_trial])
def test_other_spaces_stay_as_they_are(written):
    assert fill_auto(written, PIPELINE, n_rows=100, n_columns=4) == written


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("svc__gamma", r"'svc__gamma' is no part of Pipeline: its parts are simpleimputer, robustscaler, svc"),
        ("scaler", r"'scaler' is no part of Pipeline"),
        ("minmaxscaler", r"No space is known for 'minmaxscaler', a MinMaxScaler"),
    ],
)
def test_auto_where_nothing_is_known_is_refused_before_anything_is_fitted(name, message):
    model = PIPELINE if name != "minmaxscaler" else make_pipeline(MinMaxScaler(), SVC())

    with pytest.raises(ValueError, match=message):
        OptunaSearchCV(model, {name: "auto"}).fit(X, Y)


def test_the_refusal_of_a_pipeline_of_which_only_a_step_is_known_says_how_to_search_it():
    from sklearn.linear_model import LinearRegression

    with pytest.raises(ValueError, match=r"A RobustScaler is known as a step: \{'robustscaler': 'auto'\} searches it"):
        auto_space(make_pipeline(RobustScaler(), LinearRegression()), n_rows=100)


# -- what a space depends on ---------------------------------------------------------------------------------------


def test_numbers_of_columns_are_limited_by_the_table_where_it_reaches_the_step():
    direct = make_pipeline(StandardScaler(), SelectKBest(), SVC())
    behind = make_pipeline(FunctionTransformer(), SelectKBest(), SVC())

    assert auto_space(direct, n_rows=100, n_columns=30, steps=["selectkbest"]) == {
        "selectkbest__k": [10, 2, 5, 20, "all"]
    }
    assert auto_space(behind, n_rows=100, n_columns=30, steps=["selectkbest"]) == {"selectkbest__k": [10, 2, 5, "all"]}


@pytest.mark.parametrize(("n_rows", "counts"), [(20, [2]), (100, [5]), (2000, [5, 20, 100])])
@pytest.mark.parametrize("encoder", [OneHotEncoder(), OrdinalEncoder()])
def test_an_encoder_has_a_space_for_any_number_of_rows(encoder, n_rows, counts):
    space = auto_space(Pipeline([("encoder", encoder), ("model", SVC())]), n_rows=n_rows, steps=["encoder"])

    assert space == {"encoder__min_frequency": [None, *counts]}


def test_a_scaler_that_takes_another_ones_place_returns_frames_as_that_does():
    model = make_pipeline(StandardScaler().set_output(transform="pandas"), SVC())
    space = auto_space(model, n_rows=100, steps=["standardscaler"])

    assert [type(one).__name__ for one in space["standardscaler"]] == [
        "StandardScaler",
        "RobustScaler",
        "QuantileTransformer",
    ]
    for scaler in space["standardscaler"]:
        assert isinstance(clone(scaler).fit_transform(pd.DataFrame(X, columns=list("abcd"))), pd.DataFrame)


def test_a_scaler_of_sparse_columns_stays():
    model = make_pipeline(StandardScaler(with_mean=False), SVC())

    with pytest.raises(ValueError, match="No space is known for 'standardscaler'"):
        auto_space(model, n_rows=100, steps=["standardscaler"])


# -- in use --------------------------------------------------------------------------------------------------------


def test_a_search_with_steps_begins_as_the_user_has_written_it_and_gives_the_same_table_again():
    model = make_pipeline(TfidfVectorizer(), TruncatedSVD(5, random_state=0), LogisticRegression())
    space = {"tfidfvectorizer": "auto", "truncatedsvd": "auto", "logisticregression": "auto"}

    first, second = (
        OptunaSearchCV(model, space, n_trials=6, cv=3, random_state=0, n_jobs=n_jobs).fit(TEXTS, Y) for n_jobs in (1, 2)
    )

    assert first.cv_results_["params"] == second.cv_results_["params"]
    np.testing.assert_array_equal(first.cv_results_["mean_test_score"], second.cv_results_["mean_test_score"])
    assert first.cv_results_["params"][0]["tfidfvectorizer__ngram_range"] == (1, 1)
    assert first.cv_results_["params"][0]["truncatedsvd__n_components"] == 5
    assert {"tfidfvectorizer", "truncatedsvd", "logisticregression"} == {
        name.partition("__")[0] for name in first.best_params_
    }


def test_a_search_among_scalers_fits_all_of_them():
    model = make_pipeline(StandardScaler(), SVC())

    search = OptunaSearchCV(model, {"standardscaler": "auto"}, n_trials=3, cv=3, random_state=0).fit(X, Y)

    chosen = {type(params["standardscaler"]).__name__ for params in search.cv_results_["params"]}
    assert chosen == {"StandardScaler", "RobustScaler", "QuantileTransformer"}
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("name", ["SMOTE", "BorderlineSMOTE", "RandomOverSampler", "RandomUnderSampler"])
def test_no_random_candidate_of_a_step_of_imbalanced_learn_fails(name):
    sampling = pytest.importorskip("imblearn", exc_type=ImportError)
    from imblearn import over_sampling, under_sampling

    kind = getattr(over_sampling, name, None) or getattr(under_sampling, name)
    model = sampling.pipeline.make_pipeline(kind(random_state=0), LogisticRegression(max_iter=500))
    rows = np.r_[0:50, 50:80, 100:112]

    raw_space = auto_space(model, n_rows=len(rows), n_columns=4, steps=True)

    assert any(kind.__name__.lower() in name for name in names_in(raw_space))
    for candidate in draw(raw_space):
        clone(model).set_params(**candidate).fit(X[rows], Y[rows]).predict(X)
