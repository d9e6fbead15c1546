"""The default, the estimator with its own parameters, is measured once, and no result but its own depends on it."""

import pickle

import numpy as np
import pytest
from optuna.distributions import FloatDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from scipy.stats import uniform
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import NoWorseThanDefault, OptunaSearchCV
from tests.toys import CountingClassifier, FailingClassifier, SleepingClassifier, read_log, statuses, table

APART = {"a": uniform(1, 8)}  # without the toy's own a = 0
AROUND = {"a": FloatDistribution(0, 9)}


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def search_toy(space, log=None, estimator=None, **changes):
    toy = CountingClassifier(log=None if log is None else str(log)) if estimator is None else estimator
    return OptunaSearchCV(toy, space, **({"n_trials": 4, "cv": 3, "random_state": 0} | changes))


def count_fits(log):
    return len(read_log(log))


def test_it_is_measured_once_on_the_same_folds(data, log):
    search = search_toy(APART, log, refit=False).fit(*data)

    assert search.default_score_ == cross_val_score(CountingClassifier(), *data, cv=3).mean()
    assert count_fits(log) == (4 + 1) * 3
    assert [entry["a"] for entry in read_log(log)].count("0.0") == 3


def test_nothing_else_depends_on_it(data):
    with_default, without = (search_toy(APART, measure_default=choice).fit(*data) for choice in (True, False))

    assert table(with_default) == table(without)
    assert with_default.trials_["number"].tolist() == without.trials_["number"].tolist()
    assert [trial.params for trial in with_default.study_.trials] == [trial.params for trial in without.study_.trials]


def test_the_score_of_a_candidate_with_the_same_parameters_is_used(data, log):
    search = search_toy(AROUND, log, refit=False).fit(*data)

    assert search.cv_results_["params"][0] == {"a": 0.0}
    assert search.default_score_ == search.cv_results_["mean_test_score"][0]
    assert count_fits(log) == 4 * 3


@pytest.mark.parametrize("choice", [True, False, "auto"])
def test_a_grid_that_has_it_measures_nothing_more(data, log, choice):
    search = search_toy({"a": [3.0, 0.0]}, log, measure_default=choice, refit=False).fit(*data)

    assert search.default_score_ == search.cv_results_["mean_test_score"][1]
    assert count_fits(log) == 2 * 3


def test_beside_a_grid_it_is_measured_if_asked(data, log):
    asked = search_toy({"a": [3.0, 1.0]}, log, measure_default=True, refit=False).fit(*data)
    assert count_fits(log) == 3 * 3
    assert asked.default_score_ == cross_val_score(CountingClassifier(), *data, cv=3).mean()

    plain = search_toy({"a": [3.0, 1.0]}, refit=False).fit(*data)
    with pytest.raises(AttributeError, match=r"no default_score_\. No candidate has .* measure_default=True does so"):
        _ = plain.default_score_
    with pytest.raises(AttributeError, match=r"no tuning_gain_\. No candidate has"):
        _ = plain.tuning_gain_


def test_before_fit_there_is_none():
    with pytest.raises(AttributeError, match="after fit"):
        _ = search_toy(APART).default_score_


def test_a_second_fit_forgets_the_first(data):
    search = search_toy(APART).fit(*data)
    search.set_params(measure_default=False).fit(*data)

    assert not hasattr(search, "default_score_")


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_gain_is_that_of_the_winner_over_it_for_any_n_jobs(data, n_jobs):
    search = search_toy(APART, n_trials=6, n_jobs=n_jobs).fit(*data)
    one = search_toy(APART, n_trials=6).fit(*data)

    assert search.default_score_ == one.default_score_
    assert search.tuning_gain_ == one.tuning_gain_
    assert search.tuning_gain_.mean == pytest.approx(search.best_score_ - search.default_score_)
    assert search.tuning_gain_.low <= search.tuning_gain_.mean <= search.tuning_gain_.high
    assert pickle.loads(pickle.dumps(search)).tuning_gain_ == one.tuning_gain_


def test_a_search_that_is_resumed_does_not_measure_it_again(data, log, tmp_path):
    settings = {"storage": tmp_path / "study.db", "refit": False}
    first = search_toy(APART, log, **settings).fit(*data)
    resumed = search_toy(APART, log, resume=True, n_trials=6, **settings).fit(*data)

    assert resumed.default_score_ == first.default_score_
    assert count_fits(log) == (6 + 1) * 3


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_it_is_left_out_if_there_is_no_time(data, n_jobs):
    slow = SleepingClassifier(a=0.5, seconds=1.0)
    search = search_toy({"a": [1.0], "seconds": uniform(0.5, 0.1)}, estimator=slow, timeout=0.5, n_jobs=n_jobs)
    search.fit(*data)

    assert search.best_index_ == 0
    with pytest.raises(AttributeError, match="time"):
        _ = search.default_score_


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("error_score", [np.nan, "raise"])
def test_its_failure_never_costs_the_search(data, n_jobs, error_score):
    failing = FailingClassifier(a=9.0)
    search = search_toy({"a": uniform(0, 3)}, estimator=failing, error_score=error_score, n_jobs=n_jobs).fit(*data)

    assert statuses(search) == ["complete"] * 4
    with pytest.raises(AttributeError, match=r"(?s)ended as failed.*the toy fails on purpose"):
        _ = search.default_score_


def test_its_time_is_limited_like_that_of_a_candidate(data):
    slow = SleepingClassifier(seconds=300.0)
    search = search_toy({"seconds": [0.0, 0.001]}, estimator=slow, measure_default=True, trial_timeout=1.0).fit(*data)

    assert statuses(search) == ["complete", "complete"]
    with pytest.raises(AttributeError, match=r"trial_timeout=1 s"):
        _ = search.default_score_


def test_of_several_scores_the_one_that_decides_counts(data):
    tree = DecisionTreeClassifier(random_state=0)
    space = {"max_depth": [1, 2], "min_samples_leaf": uniform(0.1, 0.3)}
    scoring = ["accuracy", "neg_log_loss"]
    search = OptunaSearchCV(tree, space, n_trials=3, cv=3, scoring=scoring, refit="neg_log_loss").fit(*data)

    assert search.default_score_ == cross_val_score(tree, *data, cv=3, scoring="neg_log_loss").mean()
    assert search.tuning_gain_.mean == pytest.approx(search.corrected_score_ - search.default_score_)


def test_the_winner_of_a_function_is_compared_too(data):
    search = search_toy(APART, refit=lambda results: 2).fit(*data)

    gain = search.cv_results_["mean_test_score"][2] - search.default_score_
    assert search.tuning_gain_.mean == pytest.approx(gain)


def test_without_a_winner_there_is_no_gain(data):
    tree = DecisionTreeClassifier(random_state=0)
    search = OptunaSearchCV(
        tree, {"max_depth": uniform(1, 1)}, n_trials=2, cv=3, scoring=["accuracy", "roc_auc"], refit=False
    )
    search.set_params(param_distributions={"min_samples_leaf": uniform(0.1, 0.3)}).fit(*data)

    assert search.default_score_ == cross_val_score(tree, *data, cv=3, scoring="accuracy").mean()
    with pytest.raises(AttributeError, match="no winner"):
        _ = search.tuning_gain_


@pytest.mark.parametrize(
    ("resource", "model"),
    [
        ("n_samples", DecisionTreeClassifier(random_state=0)),
        ("iterations", LogisticRegression(max_iter=150)),
        ("epochs", SGDClassifier(max_iter=30, random_state=0)),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_with_a_resource_it_is_measured_as_it_is(resource, model):
    X, y = load_breast_cancer(return_X_y=True)
    X, y = StandardScaler().fit_transform(X)[::3], y[::3]
    space = {"C": uniform(1e-4, 1e-4)} if resource == "iterations" else {"alpha": uniform(0.5, 1)}
    space = {"min_samples_leaf": uniform(0.3, 0.1)} if resource == "n_samples" else space
    search = OptunaSearchCV(
        model, space, n_trials=4, cv=3, resource=resource, refit=NoWorseThanDefault(), random_state=0
    ).fit(X, y)

    assert search.default_score_ == cross_val_score(model, X, y, cv=3).mean()
    assert search.best_score_ == search.default_score_
    assert np.array_equal(search.predict(X), clone(model).fit(X, y).predict(X))


# -- the rule that keeps it ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_rule_keeps_it_in_a_row_of_its_own(data, n_jobs):
    good = CountingClassifier(a=3.0)
    search = search_toy({"a": uniform(4, 5)}, estimator=good, refit=NoWorseThanDefault(), n_jobs=n_jobs).fit(*data)

    assert search.best_params_ == search.cv_results_["params"][-1] == {"a": 3.0}
    assert search.best_index_ == 4
    assert search.best_score_ == search.default_score_ == search.cv_results_["mean_test_score"][4]
    assert search.trials_["number"].tolist() == [0, 1, 2, 3, -1]
    assert search.tuning_gain_.mean == 0.0
    assert search.best_estimator_.get_params() == good.get_params()


def test_a_rule_takes_a_candidate_that_the_folds_show_to_be_better(data):
    search = search_toy(APART, refit=NoWorseThanDefault()).fit(*data)

    assert search.best_index_ == np.argmax(search.cv_results_["mean_test_score"][:-1])
    assert search.cv_results_["params"][-1] == {"a": 0.0}


def test_a_candidate_that_has_the_parameters_is_its_row(data):
    search = search_toy(AROUND, estimator=CountingClassifier(a=3.0), refit=NoWorseThanDefault()).fit(*data)

    assert search.best_index_ == 0
    assert len(search.cv_results_["params"]) == 4


def suggest_kernel(trial):
    if trial.suggest_categorical("kernel", ["rbf", "poly"]) == "poly":
        return {"kernel": "poly", "degree": trial.suggest_int("degree", 4, 9)}
    return {"kernel": "rbf", "gamma": trial.suggest_float("gamma", 50, 100)}


@pytest.mark.parametrize(
    ("estimator", "space"),
    [
        (
            Pipeline([("scale", StandardScaler()), ("model", SVC())]),
            [
                {"scale": ["passthrough"], "model": [SVC()], "model__gamma": uniform(50, 50)},
                {"model": [LogisticRegression()], "model__C": uniform(1e-7, 1e-7)},
            ],
        ),
        (SVC(), [{"kernel": ["rbf"], "gamma": uniform(50, 50)}, {"kernel": ["poly"], "degree": [8, 9]}]),
        (SVC(), suggest_kernel),
    ],
    ids=["steps", "alternatives", "function"],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more of the test scores")
def test_spaces_of_every_kind_can_lose_to_it(estimator, space):
    X, y = load_breast_cancer(return_X_y=True)
    X, y = StandardScaler().fit_transform(X)[::3], y[::3]
    search = OptunaSearchCV(estimator, space, n_trials=5, cv=3, refit=NoWorseThanDefault(), random_state=0).fit(X, y)

    assert search.best_index_ == len(search.cv_results_["params"]) - 1
    assert search.best_score_ == cross_val_score(estimator, X, y, cv=3).mean()
    assert np.array_equal(search.predict(X), clone(estimator).fit(X, y).predict(X))
    assert set(search.best_params_) <= set(estimator.get_params())


def test_without_its_score_the_base_rule_chooses(data):
    search = search_toy({"a": uniform(0, 3)}, estimator=FailingClassifier(a=9.0), refit=NoWorseThanDefault()).fit(*data)

    assert search.best_index_ == np.argmax(search.cv_results_["mean_test_score"])
    assert len(search.cv_results_["params"]) == 4


def test_a_rule_that_needs_it_and_a_search_without_it_are_refused(data, log):
    search = search_toy(APART, log, refit=NoWorseThanDefault(), measure_default=False)

    with pytest.raises(ValueError, match="measure_default=False, but the rule in refit compares"):
        search.fit(*data)
    assert count_fits(log) == 0


# -- where it is measured ------------------------------------------------------------------------------------------


def test_a_cluster_measures_it(data):
    distributed = pytest.importorskip("distributed")
    one = search_toy(APART).fit(*data)

    with distributed.Client(processes=False, n_workers=2, threads_per_worker=1, dashboard_address=":0") as client:
        search = search_toy(APART, executor=client).fit(*data)

    assert search.default_score_ == one.default_score_
    assert search.tuning_gain_ == one.tuning_gain_


def test_processes_that_share_a_study_measure_it_once(data, log, tmp_path):
    def open_storage():
        return JournalStorage(JournalFileBackend(str(tmp_path / "study.log")))

    first = search_toy(APART, log, storage=open_storage(), refit=False).fit(*data)
    second = search_toy(APART, log, storage=open_storage(), resume=True, refit=False).fit(*data)

    assert second.default_score_ == first.default_score_
    assert count_fits(log) == (4 + 1) * 3
