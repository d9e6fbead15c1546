"""What a search measures before its sampler is asked: ``enqueue`` and ``warm_start_from`` of OptunaSearchCV."""

import pickle

import joblib
import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.samplers import RandomSampler
from sklearn.base import clone
from sklearn.svm import SVC

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.proposals._plan import PORTFOLIO_ATTRIBUTE
from tests.toys import CountingClassifier, SleepingClassifier, table

SPACE = {"a": FloatDistribution(0, 9), "b": IntDistribution(0, 8)}


@pytest.fixture(scope="module")
def data():
    return np.random.RandomState(0).normal(size=(24, 2)), np.arange(24) % 2


def search(data, estimator=None, space=SPACE, **changes):
    settings = {"n_trials": 12, "cv": 2, "random_state": 0, "refit": False}
    return OptunaSearchCV(estimator or CountingClassifier(a=8.0, b=3), space, **(settings | changes)).fit(*data)


def candidates(fitted):
    return fitted.cv_results_["params"]


@pytest.fixture(scope="module")
def good(data):
    """A search that has found good candidates: near a = 3."""
    return search(data, n_trials=30, random_state=1)


@pytest.fixture(scope="module")
def bad():
    """A study whose best candidates are the worst ones here."""
    study = optuna.create_study(direction="maximize")
    for a in np.linspace(0, 9, 30):
        trial = optuna.trial.create_trial(
            params={"a": float(a)}, distributions={"a": FloatDistribution(0, 9)}, value=abs(a - 3)
        )
        study.add_trial(trial)
    return study


# -- enqueue -----------------------------------------------------------------------------------------------------------


def test_the_estimators_own_parameters_are_measured_first(data):
    assert candidates(search(data))[0] == {"a": 8.0, "b": 3}


def test_known_good_settings_are_measured_next(data):
    found = candidates(search(data, SVC(C=2.0), {"C": FloatDistribution(0.01, 10, log=True)}))

    assert [each["C"] for each in found[:4]] == [2.0, 1.0, 0.1, 10.0]


def test_a_list_or_none_or_a_sampler_of_the_user_replaces_them(data):
    assert candidates(search(data, enqueue=[{"a": 1.0, "b": 1}]))[0] == {"a": 1.0, "b": 1}
    assert candidates(search(data, enqueue=None))[0]["a"] != 8.0
    assert candidates(search(data, sampler=RandomSampler(seed=0)))[0]["a"] != 8.0


def test_a_grid_that_is_measured_in_full_keeps_its_order(data):
    grid = {"a": [1.0, 8.0, 2.0]}

    assert [each["a"] for each in candidates(search(data, space=grid, n_trials="auto"))] == [1.0, 8.0, 2.0]
    assert candidates(search(data, space=grid, n_trials=2))[0] == {"a": 8.0}


@pytest.mark.parametrize("n_told", [3, 12])
def test_a_search_that_was_stored_without_them_is_resumed(data, tmp_path, n_told):
    arguments = {"storage": tmp_path / "study.db", "resume": True}
    before = candidates(search(data, n_trials=n_told, enqueue=None, **arguments))
    after = candidates(search(data, n_trials=14, **arguments))

    assert after[:n_told] == before
    assert len(after) == 14


# -- warm_start_from ---------------------------------------------------------------------------------------------------


def test_the_best_candidates_of_an_earlier_search_come_after_the_own_parameters(data, good):
    found = candidates(search(data, warm_start_from=good))

    assert found[0] == {"a": 8.0, "b": 3}
    assert good.best_params_ in found[1:4]
    assert all(abs(each["a"] - 3) < 1 for each in found[1:4])


def test_the_portfolio_has_less_than_a_third_of_the_trials(data, good):
    for n_trials in (3, 8, 30):
        found = candidates(search(data, n_trials=n_trials, warm_start_from=good))
        n_old = sum(each in candidates(good) for each in found[1:])

        assert n_old == min(10, n_trials // 4)


def test_candidates_that_mislead_are_given_up(data, bad):
    found = candidates(search(data, CountingClassifier(a=3.5), n_trials=40, warm_start_from=[bad]))

    assert all(each["a"] > 8 for each in found[1:4])
    assert sum(each["a"] in np.linspace(0, 9, 30) for each in found) < 8


@pytest.mark.parametrize("n_told", [2, 5, 12])
def test_a_resumed_search_proposes_the_portfolio_that_it_had(data, good, bad, tmp_path, n_told):
    whole = search(data, n_trials=16, warm_start_from=good)
    arguments = {"storage": tmp_path / "study.db", "resume": True}
    first = search(data, n_trials=n_told, warm_start_from=good, **arguments)
    later = search(data, n_trials=16, warm_start_from=bad if n_told == 2 else None, **arguments)

    assert PORTFOLIO_ATTRIBUTE in first.study_.user_attrs
    assert table(later) == table(whole)


def test_the_same_seed_gives_the_same_table_for_any_n_jobs(data, good):
    with joblib.parallel_config(backend="threading"):
        threads = search(data, SleepingClassifier(a=8.0, b=3, seconds=0.01), warm_start_from=good, n_jobs=3)

    assert table(threads) == table(search(data, warm_start_from=good))


def test_fit_and_clone_and_pickle_leave_the_earlier_searches_as_they_are(data, good):
    given = [good]
    unfitted = OptunaSearchCV(CountingClassifier(), SPACE, warm_start_from=given)

    assert clone(unfitted).warm_start_from is given
    assert hasattr(pickle.loads(pickle.dumps(unfitted)).warm_start_from[0], "cv_results_")
    before = table(good)
    search(data, warm_start_from=given)
    assert given == [good]
    assert table(good) == before


def test_a_full_grid_begins_with_the_points_that_were_good(data, good):
    grid = {"a": [1.0, 8.0, 2.5, good.best_params_["a"]], "b": [good.best_params_["b"]]}
    found = candidates(search(data, space=grid, n_trials="auto", warm_start_from=good))

    assert found[0] == good.best_params_
    assert len(found) == 4


def test_earlier_searches_are_read_before_anything_is_fitted(data, tmp_path):
    log = tmp_path / "log"

    with pytest.raises(TypeError, match="warm_start_from takes"):
        search(data, CountingClassifier(log=log), warm_start_from=7)
    assert not log.exists()
