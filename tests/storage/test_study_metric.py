"""A study says which score it maximises: to what shows it, and to Optuna's figures and dashboard."""

import optuna
import pytest
from optuna.distributions import FloatDistribution
from sklearn.datasets import load_iris
from sklearn.naive_bayes import GaussianNB

from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier
from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.storage._study import DEFAULT_STUDY_NAME, METRIC_ATTRIBUTE, read_study_metric

SPACE = {"var_smoothing": FloatDistribution(1e-9, 1)}


@pytest.fixture(scope="module")
def data():
    return load_iris(return_X_y=True)


@pytest.fixture
def storage():
    return optuna.storages.InMemoryStorage()


def make_search(storage=None, **settings):
    return OptunaSearchCV(GaussianNB(), SPACE, n_trials=3, cv=2, random_state=0, storage=storage, **settings)


def load(storage):
    return optuna.load_study(study_name=DEFAULT_STUDY_NAME, storage=storage)


@pytest.mark.parametrize(
    ("scoring", "refit", "name"),
    [
        (None, True, "accuracy"),
        ("neg_log_loss", True, "neg_log_loss"),
        ({"loss": "neg_log_loss", "hits": "accuracy"}, "loss", "neg_loss"),
        ({"loss": "neg_log_loss", "hits": "accuracy"}, False, "score"),
        (lambda estimator, X, y: {"a": 1.0, "b": 2.0}, "b", "b"),
    ],
)
def test_the_study_of_a_search_names_the_score_that_decides(data, scoring, refit, name):
    study = make_search(scoring=scoring, refit=refit).fit(*data).study_

    assert read_study_metric(study) == Metric(name)


def test_other_estimators_name_their_default_scores(data):
    for search in (
        TunedXGBClassifier(n_trials=2, cv=2, random_state=0),
        AutoModelSelector(families=["naive_bayes"], n_trials=2, cv=2, random_state=0),
    ):
        assert read_study_metric(search.fit(*data).study_) == Metric("neg_log_loss")


def test_a_stored_study_has_the_name_where_optuna_looks_for_it(data, storage):
    make_search(storage, scoring="neg_log_loss").fit(*data)

    assert load(storage).metric_names == ["neg_log_loss"]


def test_the_study_on_the_search_has_optunas_own_columns(data, storage):
    search = make_search(storage).fit(*data)

    frame = search.study_.trials_dataframe()

    assert frame["value"].max() == search.best_score_  # with Optuna's names of metrics the column would be another


def test_a_study_that_was_stored_without_the_name_gets_it_when_it_is_resumed(data, storage):
    make_search(storage).fit(*data)
    study = load(storage)
    study.set_user_attr(METRIC_ATTRIBUTE, None)

    resumed = make_search(storage, resume=True).set_params(n_trials=5).fit(*data)

    assert len(resumed.cv_results_["params"]) == 5
    assert load(storage).user_attrs[METRIC_ATTRIBUTE] == "accuracy"


def test_another_of_several_scores_may_decide_when_a_study_is_resumed(data, storage):
    scoring = {"loss": "neg_log_loss", "hits": "accuracy"}
    make_search(storage, scoring=scoring, refit="loss").fit(*data)

    resumed = make_search(storage, scoring=scoring, refit="hits", resume=True).fit(*data)

    assert read_study_metric(resumed.study_) == Metric("hits")
    assert load(storage).metric_names == ["hits"]


def test_a_study_of_another_program_is_read_by_optunas_name_and_otherwise_called_score():
    study = optuna.create_study()
    assert read_study_metric(study) == Metric("score")

    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        study.set_metric_names(["roc_auc"])
    assert read_study_metric(study) == Metric("roc_auc")
