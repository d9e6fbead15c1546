"""What a search delegates to its best estimator: methods, attributes, tags and its representation."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import is_classifier, is_regressor
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.utils import estimator_html_repr

from sklearn_autotune import OptunaSearchCV
from tests.search.small_search import knn_search

METHODS = ["predict", "predict_proba", "predict_log_proba", "decision_function", "transform", "inverse_transform"]
METHODS += ["score_samples", "get_feature_names_out", "set_output"]


@pytest.mark.parametrize("estimator", [KNeighborsClassifier(), LinearSVC(), StandardScaler(), SVC(), KMeans(), Ridge()])
def test_methods_exist_exactly_when_the_estimator_has_them(estimator):
    search = OptunaSearchCV(estimator, {})

    for method in METHODS:
        assert hasattr(search, method) == hasattr(estimator, method)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "score"])
def test_methods_of_an_unfitted_search_say_so(data, method):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(knn_search(), method)(data[0])


@pytest.mark.parametrize("name", ["predict", "predict_proba", "classes_", "score", "deployed_model"])
def test_without_refit_there_is_nothing_to_delegate_to_and_the_message_says_why(data, name):
    search = knn_search(refit=False).fit(*data)

    with pytest.raises(AttributeError) as caught:
        getattr(search, name)(*(() if name == "deployed_model" else data))

    # The reason may stand in the cause, as it does in scikit-learn.
    texts = [str(caught.value), str(caught.value.__cause__)]
    assert any("`refit=False`" in text and f"{name} is available only after refitting" in text for text in texts)
    assert search.best_params_["n_neighbors"] in (1, 3, 5)


def test_a_method_that_only_some_candidates_have_follows_the_best_one(data):
    pipeline = make_pipeline(StandardScaler(), LinearSVC())
    search = OptunaSearchCV(pipeline, {"linearsvc": [LogisticRegression()]}, cv=2)
    assert not hasattr(search, "predict_proba")

    search.fit(*data)

    assert search.predict_proba(data[0]).shape == (60, 2)


def test_predictions_and_attributes_are_those_of_the_best_estimator(data):
    X, y = data
    search = knn_search().fit(X, y)

    assert search.predict(X).tolist() == search.best_estimator_.predict(X).tolist()
    assert search.classes_.tolist() == [0, 1]
    assert search.n_features_in_ == 4
    assert search.score(X, y) == search.best_estimator_.score(X, y)


def test_set_output_and_feature_names_go_through(data):
    frame = pd.DataFrame(data[0], columns=list("abcd"))
    search = OptunaSearchCV(StandardScaler(), {"with_std": [True, False]}, cv=2, scoring=lambda *_: 0.0)

    out = search.set_output(transform="pandas").fit(frame).transform(frame)

    assert list(out.columns) == list("abcd") == list(search.get_feature_names_out())
    assert list(search.feature_names_in_) == list("abcd")
    assert isinstance(search.set_output(transform="default").transform(frame), np.ndarray)


def test_kind_and_tags_are_those_of_the_estimator():
    assert is_classifier(knn_search())
    assert is_regressor(OptunaSearchCV(Ridge(), {}))
    assert not is_classifier(OptunaSearchCV(Ridge(), {}))


def test_html_and_text_before_and_after_fit(data):
    search = knn_search(estimator=make_pipeline(StandardScaler(), KNeighborsClassifier()))
    search.set_params(param_distributions={"kneighborsclassifier__n_neighbors": [1, 3]})

    before = estimator_html_repr(search)
    assert "estimator: Pipeline" in before
    assert "StandardScaler" in before

    after = estimator_html_repr(search.fit(*data))
    assert "best_estimator_: Pipeline" in after
    assert search._repr_html_() is not None
    assert repr(search).startswith("OptunaSearchCV(")


@pytest.mark.parametrize(
    ("scoring", "scorer_name"),
    [
        (["accuracy", "neg_log_loss"], r"search.scorer_\['accuracy'\]\("),
        (lambda estimator, X, y: {"a": estimator.score(X, y), "b": 0.0}, r"search.scorer_\("),
    ],
    ids=["names", "function"],
)
def test_score_under_a_function_as_refit_says_that_it_cannot_tell_which_score_is_meant(data, scoring, scorer_name):
    search = OptunaSearchCV(
        KNeighborsClassifier(), {"n_neighbors": [3]}, cv=2, scoring=scoring, refit=lambda results: 0
    )
    search.fit(*data)

    with pytest.raises(ValueError, match=f"refit is a function, so score cannot tell which of .*: {scorer_name}"):
        search.score(*data)
