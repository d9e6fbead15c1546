"""Kinds of X: sparse matrices, texts, data frames and lists; and the results of searches over pipelines for them."""

from importlib import import_module

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.utils.fixes import parse_version

from sklearn_autotune import OptunaSearchCV

SPARSE = [sparse.coo_array, sparse.coo_matrix, sparse.csr_array, sparse.csc_matrix]


@pytest.fixture
def data():
    rng = np.random.RandomState(0)
    y = np.arange(36) % 2
    return rng.normal(size=(36, 3)) + y[:, np.newaxis], y


@pytest.mark.parametrize("kind", SPARSE)
def test_sparse_rows_give_what_dense_rows_give(data, kind):
    X, y = np.abs(data[0]).round(), data[1]
    search = OptunaSearchCV(MultinomialNB(), {"alpha": [0.1, 1.0, 10.0]}, cv=3)

    dense = search.fit(X, y).cv_results_["mean_test_score"].tolist()
    search.fit(kind(X), y)

    assert search.cv_results_["mean_test_score"].tolist() == dense
    assert search.predict(kind(X)).shape == (36,)


def test_a_list_of_texts_is_vectorised_inside_the_folds():
    texts = [f"{'good fine' if i % 2 else 'bad poor'} word{i}" for i in range(24)]
    y = [i % 2 for i in range(24)]
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression())
    space = {"tfidfvectorizer__ngram_range": [(1, 1), (1, 2)], "logisticregression__C": [0.1, 10.0]}

    search = OptunaSearchCV(pipeline, space, cv=3).fit(texts, y)

    assert search.best_score_ == 1.0
    assert len(search.cv_results_["params"]) == 4
    assert search.predict(["good word", "poor word"]).tolist() == [1, 0]
    # Words of the test rows are unknown to the fold's vectoriser, which would give one column per row more.
    assert len(search.best_estimator_[0].vocabulary_) >= 24 + 4


def test_lists_of_lists_and_texts_as_labels(data):
    X, y = data
    labels = ["yes" if label else "no" for label in y]
    search = OptunaSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 3]}, cv=3).fit(X.tolist(), labels)

    assert search.classes_.tolist() == ["no", "yes"]
    assert set(search.predict(X.tolist())) <= {"no", "yes"}


def frame(kind, X):
    package = import_module(kind)
    if kind == "polars" and parse_version(sklearn.__version__) < parse_version("1.9"):
        pytest.skip("scikit-learn before 1.9 does not find columns of polars 2 by their names")
    columns = {
        "size": [None if row == 5 else float(value) for row, value in enumerate(X[:, 0])],
        "colour": ["red" if value > 0 else "blue" for value in X[:, 1]],
        "weight": X[:, 2],
    }
    return package.DataFrame(columns)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_data_frames_with_texts_go_through_column_transformers(data, kind, n_jobs):
    X, y = frame(kind, data[0]), data[1]
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["size", "weight"]),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["colour"]),
    )
    pipeline = make_pipeline(columns, LogisticRegression())
    space = {
        "columntransformer__pipeline__simpleimputer__strategy": ["mean", "median"],
        "logisticregression__C": [0.1, 1.0],
    }

    search = OptunaSearchCV(pipeline, space, cv=3, n_jobs=n_jobs, error_score="raise").fit(X, y)

    assert search.feature_names_in_.tolist() == ["size", "colour", "weight"]
    assert search.n_features_in_ == 3
    assert search.predict(X).shape == (36,)
    assert search.best_score_ > 0.6


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_a_series_of_labels_and_selectors_of_columns(data, kind):
    package = import_module(kind)
    X, y = frame(kind, data[0]), package.Series("y", data[1]) if kind == "polars" else package.Series(data[1])
    selected = make_column_selector(dtype_include=float) if kind == "pandas" else ["weight"]
    columns = make_column_transformer((StandardScaler(), selected), (OneHotEncoder(), ["colour"]))
    pipeline = make_pipeline(columns, SimpleImputer(), SVC())

    search = OptunaSearchCV(pipeline, {"svc__C": [0.1, 1.0]}, cv=3, error_score="raise").fit(X, y)

    assert search.predict(X).shape == (36,)


def test_a_pandas_index_does_not_matter(data):
    X, y = data
    search = OptunaSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 3]}, cv=3)
    index = np.random.RandomState(1).permutation(36) * 7

    plain = search.fit(X, y).cv_results_["mean_test_score"].tolist()
    search.fit(pd.DataFrame(X, index=index), pd.Series(y, index=index[::-1]))

    assert search.cv_results_["mean_test_score"].tolist() == plain


def test_a_transformer_that_is_searched_gives_frames_where_asked_to(data):
    X = pd.DataFrame(data[0], columns=list("abc"))
    search = OptunaSearchCV(StandardScaler(), {"with_mean": [True, False]}, cv=2, scoring=lambda *_: 1.0)

    out = search.set_output(transform="pandas").fit_transform(X)

    assert isinstance(out, pd.DataFrame)
    assert list(out.columns) == list(search.get_feature_names_out())


def test_several_targets(data):
    X, y = data[0], np.column_stack([data[0].sum(axis=1), data[0][:, 0]])
    search = OptunaSearchCV(MultiOutputRegressor(Ridge()), {"estimator__alpha": [0.1, 100.0]}, cv=3).fit(X, y)

    assert search.best_params_ == {"estimator__alpha": 0.1}
    assert search.predict(X).shape == (36, 2)


def test_a_precomputed_kernel_is_cut_in_rows_and_columns(data):
    X, y = data
    search = OptunaSearchCV(SVC(kernel="precomputed"), {"C": [0.1, 1.0]}, cv=3).fit(X @ X.T, y)
    linear = OptunaSearchCV(SVC(kernel="linear"), {"C": [0.1, 1.0]}, cv=3).fit(X, y)

    assert search.cv_results_["mean_test_score"].tolist() == linear.cv_results_["mean_test_score"].tolist()


def test_rows_of_different_number_are_refused(data):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        OptunaSearchCV(KNeighborsClassifier(), {"n_neighbors": [1]}).fit(data[0], data[1][:-1])
