"""A search that was interrupted and resumed ends like one that was not, with equal candidates, scores and stops."""

import numpy as np
import optuna
import pytest
from optuna.distributions import IntDistribution
from optuna.samplers import NSGAIISampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from scipy.stats import uniform
from sklearn.datasets import make_classification
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.samplers import RustTPESampler
from tests.toys import CountingClassifier, FailingClassifier, Interrupt, PeakingClassifier, read_log, table

quiet = pytest.mark.filterwarnings(
    "ignore:One or more of the .* scores are non-finite:UserWarning",
    "ignore::sklearn.exceptions.FitFailedWarning",
)

TWO = {"a": uniform(0, 9), "b": [0, 1, 2, 3]}


@pytest.fixture(scope="module")
def data():
    X = np.column_stack([np.arange(24.0), np.ones((24, 2))])
    return X, np.arange(24) % 2


def make_search(**changes):
    settings = {
        "estimator": CountingClassifier(),
        "param_distributions": TWO,
        "n_trials": 14,
        "cv": 3,
        "random_state": 0,
    }
    return OptunaSearchCV(**(settings | changes))


def interrupted(n_told, data, **changes):
    """A search that was interrupted after some candidates, and then resumed."""
    storage = optuna.storages.InMemoryStorage()
    with pytest.raises(KeyboardInterrupt):
        make_search(storage=storage, callbacks=[Interrupt(n_told)], **changes).fit(*data)
    return make_search(storage=storage, resume=True, **changes).fit(*data)


def ends(search):
    """How each trial ended, by its number."""
    rows = zip(search.trials_["number"].tolist(), search.trials_["status"], search.trials_["params"], strict=True)
    return [(number, status, repr(params)) for number, status, params in rows]


WAYS = {
    "plain": {},
    "one at a time": {"look_ahead": 1},
    "far ahead": {"look_ahead": 5},
    "racing": {"n_trials": 24, "param_distributions": {"a": uniform(0, 9)}},
    "optuna's pruner": {"pruner": optuna.pruners.MedianPruner(n_startup_trials=2)},
    "halving": {
        "estimator": PeakingClassifier(),
        "param_distributions": {"a": uniform(0, 3)},
        "resource": "iterations",
        "cv": 2,
    },
    "patience": {"patience": 4, "n_trials": 40},
    "failures": {"estimator": FailingClassifier(above=4)},
    "first candidates": {"enqueue": [{"a": 1.0}, {"a": 2.0, "b": 1}, {"a": 1.0}]},
    "repetitions": {"param_distributions": {"a": IntDistribution(0, 7), "b": [0, 1]}, "n_trials": 15},
    "alternatives": {"param_distributions": [{"a": uniform(0, 9)}, {"b": [0, 1, 2, 3, 4, 5, 6, 7]}], "n_trials": 12},
    "a function": {"param_distributions": lambda trial: {"a": trial.suggest_float("a", 0, 9)}},
    "a grid": {"param_distributions": {"a": [1, 2, 3, 4], "b": [0, 1, 2]}},
    "random": {"sampler": RandomSampler(seed=5)},
    "independent": {"sampler": TPESampler(seed=5, multivariate=False, n_startup_trials=4)},
    "genetic": {"sampler": NSGAIISampler(population_size=4, seed=5), "n_trials": 20},
    "rust": {"sampler": RustTPESampler(seed=5, n_startup_trials=4)},
}


@pytest.mark.few_by_day(20)
@quiet
@pytest.mark.parametrize("n_told", [1, 6, 11])
@pytest.mark.parametrize("way", WAYS)
def test_a_resumed_search_ends_like_one_that_was_not_interrupted(way, n_told, data):
    whole = make_search(**WAYS[way]).fit(*data)
    if len(whole.cv_results_["params"]) <= n_told:
        pytest.skip("ends before")

    search = interrupted(n_told, data, **WAYS[way])

    assert table(search) == table(whole)
    assert ends(search) == ends(whole)
    assert search.best_params_ == whole.best_params_
    assert [trial.params for trial in search.study_.trials] == [trial.params for trial in whole.study_.trials]


def test_a_search_without_a_seed_goes_on_with_the_one_it_had(data):
    storage = optuna.storages.InMemoryStorage()
    with pytest.raises(KeyboardInterrupt):
        make_search(storage=storage, random_state=None, callbacks=[Interrupt(4)]).fit(*data)
    copies = [copy_of(storage) for _ in range(2)]

    one, other = (
        make_search(storage=copied, random_state=None, resume=True).fit(*data).cv_results_["params"]
        for copied in copies
    )

    assert one == other
    assert len(one) == 14


def copy_of(storage):
    copied = optuna.storages.InMemoryStorage()
    optuna.copy_study(from_study_name="sklearn_autotune", from_storage=storage, to_storage=copied)
    return copied


def test_what_was_told_is_not_measured_again(data, tmp_path):
    log = tmp_path / "log"

    search = interrupted(6, data, estimator=CountingClassifier(log=str(log)), refit=False)

    fits = [(entry["a"], entry["b"]) for entry in read_log(log)]
    assert len(fits) == 3 * 14  # in this process nothing had been measured that was not told
    assert len(set(fits)) == 14
    assert len(search.cv_results_["params"]) == 14


def test_callbacks_are_not_called_again_for_what_is_stored(data):
    storage, seen = optuna.storages.InMemoryStorage(), []
    make_search(storage=storage, n_trials=5).fit(*data)

    make_search(storage=storage, n_trials=8, resume=True, callbacks=[lambda study, t: seen.append(t.number)]).fit(*data)

    assert seen == [5, 6, 7]


def test_what_a_callback_sets_on_the_study_is_stored(data):
    storage = optuna.storages.InMemoryStorage()
    make_search(storage=storage, callbacks=[lambda study, trial: study.set_user_attr("last", trial.number)]).fit(*data)

    (stored,) = optuna.get_all_study_summaries(storage)
    assert stored.user_attrs["last"] == 13


def test_a_time_limit_costs_no_candidate_of_the_resumed_search(data):
    """What time ran out for is measured when there is time."""
    storage = optuna.storages.InMemoryStorage()
    make_search(storage=storage, timeout=1e-3).fit(*data)

    search = make_search(storage=storage, resume=True).fit(*data)

    assert table(search) == table(make_search().fit(*data))
    assert set(search.trials_["status"]) == {"complete"}


@pytest.mark.parametrize(
    "changes",
    [
        {"random_state": 1},
        {"random_state": None, "sampler": RandomSampler()},
        {"look_ahead": 4},
        {"enqueue": [{"a": 3.0}]},
    ],
    ids=["another seed", "a sampler without a seed", "look_ahead", "enqueue"],
)
def test_where_candidates_do_not_come_up_again_the_stored_ones_are_kept(changes, data):
    storage = optuna.storages.InMemoryStorage()
    first = make_search(storage=storage, n_trials=12).fit(*data)

    search = make_search(storage=storage, n_trials=17, resume=True, **changes).fit(*data)
    again = make_search(storage=storage, n_trials=20, resume=True, **changes).fit(*data)

    params = [repr(candidate) for candidate in again.cv_results_["params"]]
    assert search.cv_results_["params"][:12] == first.cv_results_["params"]
    assert again.cv_results_["params"][:17] == search.cv_results_["params"]
    assert len(set(params)) == len(params) == 20


def test_a_smaller_budget_keeps_what_is_stored(data):
    storage = optuna.storages.InMemoryStorage()
    first = make_search(storage=storage).fit(*data)

    search = make_search(storage=storage, n_trials=5, resume=True).fit(*data)

    assert table(search) == table(first)
    assert len(optuna.load_study(study_name="sklearn_autotune", storage=storage).trials) == 14


def test_a_rule_for_stopping_that_would_have_stopped_earlier_keeps_what_is_stored(data):
    storage = optuna.storages.InMemoryStorage()
    first = make_search(storage=storage).fit(*data)

    search = make_search(storage=storage, n_trials=30, patience=1, resume=True).fit(*data)

    measured = {repr(candidate) for candidate in search.cv_results_["params"]}
    assert measured == {repr(candidate) for candidate in first.cv_results_["params"]}


@pytest.mark.parametrize("n_first", [5, 22, 25])
def test_a_search_in_a_journal_is_resumed_with_more_candidates(n_first, tmp_path):
    X, y = make_classification(90, 6, flip_y=0.1, random_state=0)
    settings = {
        "estimator": DecisionTreeClassifier(random_state=0),
        "param_distributions": {"max_depth": range(1, 11), "ccp_alpha": uniform(0, 0.1)},
        "n_trials": 30,
        "storage": JournalStorage(JournalFileBackend(str(tmp_path / "study.log"))),
        "resume": True,
    }
    undisturbed = make_search(**settings | {"storage": None, "resume": False}).fit(X, y)
    make_search(**settings | {"n_trials": n_first}).fit(X, y)

    resumed = make_search(**settings).fit(X, y)

    assert resumed.cv_results_["params"] == undisturbed.cv_results_["params"]
    assert resumed.best_params_ == undisturbed.best_params_
