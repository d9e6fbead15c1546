"""What a notebook shows of a search: the named score, the winner, how the candidates ended, and then the diagram."""

import pickle

import numpy as np
import pytest
import sklearn
from optuna.distributions import FloatDistribution
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import TransformedTargetRegressor

from sklearn_autotune import OptunaSearchCV, TunedXGBClassifier, TunedXGBRegressor
from tests.html_page import read_view
from tests.search.small_search import knn_search
from tests.toys import CountingClassifier, FailingClassifier, MisbehavingClassifier

NASTY = "<script>alert('x')</script> & more"


class NastyClassifier(ClassifierMixin, BaseEstimator):
    """Takes any parameter, and fails with HTML in its message."""

    def __init__(self, text=""):
        self.text = text

    def fit(self, X, y):
        if "fail" in self.text:
            raise ValueError(NASTY)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


@pytest.fixture(scope="module")
def X_y():
    return np.column_stack([np.arange(20.0), np.ones(20)]), np.arange(20) % 2


def test_the_view_names_the_score_and_shows_the_winners_parameters_above_the_diagram(data):
    search = knn_search().fit(*data)

    html = search._repr_html_()
    page = read_view(html)

    text = page.texts()
    assert text.startswith(f"OptunaSearchCV: accuracy {search.best_score_:.5g} (higher is better) ")
    assert f"The winner is candidate {search.best_index_}; its score is the mean over 2 folds." in text
    assert page.rows == [["n_neighbors", str(search.best_params_["n_neighbors"])]]
    assert "3 candidates, all complete, in " in text
    assert html.index("autotune-view") < html.index("best_estimator_: KNeighborsClassifier")


def test_a_loss_has_its_own_sign_and_direction(data):
    search = knn_search(scoring="neg_log_loss").fit(*data)

    text = read_view(search._repr_html_()).texts()

    assert f"log loss {-search.best_score_:.5g} (lower is better)" in text


def test_the_score_that_decides_is_shown_of_several(data):
    search = knn_search(scoring=["accuracy", "roc_auc_ovr", "neg_log_loss"], refit="neg_log_loss").fit(*data)

    assert f"log loss {-search.best_score_:.5g} (lower" in read_view(search._repr_html_()).texts()


def test_without_a_winner_or_a_score_the_view_says_what_there_is(data):
    several = knn_search(scoring=["accuracy", "f1_macro"], refit=False).fit(*data)
    by_function = knn_search(refit=lambda results: 1).fit(*data)

    assert read_view(several._repr_html_()).texts().startswith("OptunaSearchCV There is no winner. 3 candidates")
    text = read_view(by_function._repr_html_()).texts()
    assert text.startswith("OptunaSearchCV The winner is candidate 1; refit has chosen it.")


@pytest.mark.parametrize("values", [[4, 1], [1, 4]], ids=["at the first candidate", "at the second"])
def test_a_search_that_was_interrupted_shows_what_it_has(X_y, values):
    classifier = MisbehavingClassifier(where="fit", what=KeyboardInterrupt)
    search = OptunaSearchCV(classifier, {"a": values}, cv=2)
    with pytest.raises(KeyboardInterrupt):
        search.fit(*X_y)

    html = search._repr_html_()

    assert "sk-top-container" in html
    assert ("There is no winner." if values[0] == 4 else "The winner is candidate 0") in html


@pytest.mark.parametrize("kind", [TunedXGBClassifier, TunedXGBRegressor])
def test_a_tuned_booster_has_a_view(kind, X_y):
    booster = kind(n_trials=2, cv=2, n_estimators=5, random_state=0).fit(*X_y)

    page = read_view(booster._repr_html_())

    assert page.texts().startswith(f"{kind.__name__}: ")
    assert ["n_estimators", str(booster.n_estimators_)] in page.rows


def test_failed_candidates_are_counted_and_the_first_error_is_shown(X_y):
    with pytest.warns(Warning, match="fits failed|non-finite"):
        search = OptunaSearchCV(FailingClassifier(above=1), {"a": [1, 2, 3]}, cv=2).fit(*X_y)

    text = read_view(search._repr_html_()).texts()

    assert "3 candidates: 1 complete, 2 failed, in " in text
    assert "The first that failed is candidate 1: ValueError: the toy fails on purpose" in text


def test_names_values_and_errors_are_text(X_y):
    with pytest.warns(Warning, match="fits failed|non-finite"):
        search = OptunaSearchCV(NastyClassifier(), {"text": [NASTY, f"{NASTY}, fail"]}, cv=2).fit(*X_y)

    page = read_view(search._repr_html_())

    assert page.rows == [["text", repr(NASTY)]]
    assert f"ValueError: {NASTY}" in page.texts()


def test_many_and_long_parameters_are_shown_in_little_room(X_y):
    class Wide(CountingClassifier):
        def set_params(self, **params):
            return self

    space = {f"a_parameter_with_a_long_name_{index}": ["x" * 200] for index in range(40)}
    search = OptunaSearchCV(Wide(), space, n_trials=1, cv=2, refit=False).fit(*X_y)

    page = read_view(search._repr_html_())

    assert "28 more parameters" in page.texts()
    assert len(page.rows) == 40
    assert all(len(cell) <= 60 for row in page.rows for cell in row)
    assert ("details", {}) in page.tags


def test_before_fit_and_inside_another_estimator_there_is_the_diagram_alone(data):
    search = knn_search()

    for shown in (search, TransformedTargetRegressor(search), TransformedTargetRegressor(knn_search().fit(*data))):
        assert "autotune-view" not in shown._repr_html_()
        assert "sk-top-container" in shown._repr_html_()


def test_a_notebook_gets_text_where_scikit_learns_configuration_asks_for_text(data):
    search = pickle.loads(pickle.dumps(knn_search().fit(*data)))

    assert "autotune-view" in search._repr_mimebundle_()["text/html"]
    with sklearn.config_context(display="text"):
        assert not hasattr(search, "_repr_html_")
        assert search._repr_mimebundle_() == {"text/plain": repr(search)}


def test_the_text_of_a_fitted_search_is_that_of_an_unfitted_one(data):
    assert repr(knn_search().fit(*data)) == repr(knn_search())


def test_the_view_says_whether_tuning_helped(X_y):
    search = OptunaSearchCV(CountingClassifier(), {"a": FloatDistribution(1, 9)}, n_trials=4, cv=2, random_state=0)

    text = read_view(search.fit(*X_y)._repr_html_()).texts()

    assert "Tuning: +" in text or "no evidence that tuning helped: +" in text
    assert (
        "parameters you had" not in read_view(search.set_params(measure_default=False).fit(*X_y)._repr_html_()).texts()
    )


class UnfinishedClassifier(NastyClassifier):
    """Has an attribute that raises another error than AttributeError, as forests of scikit-survival do."""

    @property
    def feature_importances_(self):
        raise NotImplementedError


def test_an_estimator_that_scikit_learn_cannot_draw_is_shown_as_text(X_y):
    search = OptunaSearchCV(UnfinishedClassifier(), {"text": ["<blink>"]}, cv=2).fit(*X_y)

    page = read_view(search._repr_html_())

    assert page.texts().startswith("OptunaSearchCV: accuracy ")
    assert "UnfinishedClassifier" in page.texts()
    assert "blink" not in [tag for tag, _ in page.tags]
