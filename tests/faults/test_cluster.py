"""A Dask cluster of worker processes gives the same results, and a worker that dies or hangs costs one candidate."""

import os
import pickle
import signal
import threading
import time

import distributed
import joblib
import numpy as np
import pytest
from scipy.stats import uniform
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB

from sklearn_autotune import AutoModelSelector, FoldRacing, OptunaSearchCV, TunedXGBClassifier
from sklearn_autotune.exceptions import ClusterLostError
from sklearn_autotune.execution import _dask
from sklearn_autotune.families import Family
from sklearn_autotune.search import _engine
from tests.boosting import test_tuned_booster_workers as boosters
from tests.boosting.toys import NotingXGBoost
from tests.faults import test_boosters
from tests.faults.nightly import at_night
from tests.faults.test_limits import others_as_undisturbed
from tests.toys import (
    CountingClassifier,
    DyingClassifier,
    FailingClassifier,
    HangingClassifier,
    ReportingClassifier,
    SleepingClassifier,
    read_log,
    statuses,
    table,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        "ignore:One or more of the .* scores are non-finite:UserWarning",
        "ignore::sklearn.exceptions.FitFailedWarning",
        "ignore::ResourceWarning",
        "ignore::pytest.PytestUnraisableExceptionWarning",
    ),
]


def make_cluster(n_workers):
    return distributed.LocalCluster(
        n_workers=n_workers, processes=True, threads_per_worker=1, dashboard_address=":0", silence_logs=50
    )


class Clusters:
    """One cluster of two workers for all tests; another one if workers that a test has killed do not come back."""

    def __init__(self):
        self.cluster = self.client = None

    def get_client(self):
        """The client, once both workers are there: nannies do not always bring all of them back."""
        if self.client is not None:
            try:
                self.client.wait_for_workers(2, timeout=20)
            except TimeoutError:
                self.close()
        if self.client is None:
            self.cluster = make_cluster(2)
            self.client = distributed.Client(self.cluster)
            self.client.wait_for_workers(2, timeout=120)
        return self.client

    def close(self):
        if self.client is not None:
            self.client.close()
            self.cluster.close()
        self.cluster = self.client = None


@pytest.fixture(scope="module")
def clusters():
    clusters = Clusters()
    yield clusters
    clusters.close()


@pytest.fixture
def client(clusters):
    return clusters.get_client()


@pytest.fixture
def cluster(clusters, client):
    return clusters.cluster


@pytest.fixture
def workers(client):
    return client.nthreads()


@pytest.fixture
def data():
    X = np.column_stack([np.arange(24.0), np.ones((24, 2))])
    return X, np.arange(24) % 2


@pytest.mark.few_by_day(2)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"pruner": FoldRacing(), "look_ahead": 3},
        {"look_ahead": 1, "n_jobs": 1},
        {"pruner": "optuna's"},
    ],
    ids=["plain", "racing", "one worker", "optuna's pruner"],
)
def test_a_cluster_gives_the_table_of_one_job(client, workers, data, tmp_path, changes):
    import optuna

    if changes.get("pruner") == "optuna's":
        changes = {"pruner": optuna.pruners.MedianPruner(n_startup_trials=2)}
    log = tmp_path / "log"
    search = OptunaSearchCV(
        SleepingClassifier(log=str(log)), {"a": uniform(0, 9), "b": [0, 1]}, n_trials=14, cv=3, random_state=0
    ).set_params(**changes)
    one = table(search.set_params(refit=False, n_jobs=1).fit(*data))
    log.unlink()

    several = search.set_params(executor=client, n_jobs=changes.get("n_jobs")).fit(*data)

    assert table(several) == one
    pids = {entry["pid"] for entry in read_log(log)}
    assert os.getpid() not in pids
    assert len(pids) == (1 if "n_jobs" in changes else 2)


def test_joblibs_context_does_the_same(client, workers, data):
    search = OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=6, cv=2, random_state=0)
    one = table(search.fit(*data))

    with client.as_current(), joblib.parallel_config("dask"):
        assert table(search.fit(*data)) == one


def test_the_address_of_a_scheduler_will_do(cluster, client, workers, data):
    search = OptunaSearchCV(CountingClassifier(), {"a": [1, 2]}, cv=2, executor=cluster.scheduler_address)

    assert statuses(search.fit(*data)) == ["complete"] * 2


def test_what_is_no_client_is_refused(data):
    with pytest.raises(TypeError, match="executor must be a dask"):
        OptunaSearchCV(CountingClassifier(), {"a": [1, 2]}, cv=2, executor=object()).fit(*data)


def test_a_search_with_a_client_can_be_cloned_nested_and_pickled(client, workers, data, tmp_path):
    search = OptunaSearchCV(
        CountingClassifier(), {"a": [1, 2]}, cv=2, executor=client, storage=tmp_path / "study.db"
    ).fit(*data)

    cloned, loaded = clone(search), pickle.loads(pickle.dumps(search))

    assert cloned.executor is client
    assert cloned.storage == tmp_path / "study.db"
    assert loaded.executor is None
    assert loaded.predict(data[0]).tolist() == search.predict(data[0]).tolist()
    assert cross_val_score(cloned, *data, cv=2).shape == (2,)


def test_workers_run_nothing_in_parallel_inside_a_candidate(client, workers, data, tmp_path):
    log = tmp_path / "log"
    OptunaSearchCV(ReportingClassifier(log=str(log)), {"a": [1]}, cv=2, executor=client, refit=False).fit(*data)

    reports = [entry for entry in read_log(log) if "nested_pids" in entry]
    assert all(set(report["nested_pids"]) == {report["pid"]} for report in reports)


@pytest.mark.parametrize("kind", [OptunaSearchCV, TunedXGBClassifier])
def test_the_data_is_sent_once_to_each_worker(client, workers, data, monkeypatch, kind):
    class Counting:
        """A client that counts."""

        def __init__(self):
            self.n_sent = 0

        def scatter(self, *args, **settings):
            self.n_sent += 1
            return client.scatter(*args, **settings)

        def __getattr__(self, name):
            return getattr(client, name)

    counting = Counting()
    space = {"a": uniform(0, 9)} if kind is OptunaSearchCV else {"gamma": uniform(0, 9)}
    given = {"estimator": CountingClassifier(), "param_distributions": space}
    search = kind(**given if kind is OptunaSearchCV else {"space": space, "n_estimators": 5, "look_ahead": 2})
    search.set_params(n_trials=10, cv=2, refit=False)
    monkeypatch.setattr(
        _engine, "make_executor", lambda request: _dask.DaskExecutor(counting, request.evaluation, None, 2)
    )
    search.fit(*data)

    assert counting.n_sent == 2


@pytest.mark.parametrize(
    "end", ["sigkill", pytest.param("exit", marks=at_night), pytest.param("segfault", marks=at_night)]
)
def test_the_death_of_a_worker_costs_one_candidate(client, workers, data, end):
    space = {"a": [1, 2, 4, 3, 5]}
    undisturbed = OptunaSearchCV(CountingClassifier(), space, cv=2).fit(*data)
    dying = DyingClassifier(ends={4: end}, keep=os.getpid())

    search = OptunaSearchCV(dying, space, cv=2, executor=client).fit(*data)

    assert statuses(search) == ["complete", "complete", "failed", "complete", "complete"]
    assert "is gone" in search.trials_["error"][2]
    assert others_as_undisturbed(search, undisturbed, [2])
    assert search.best_params_ == {"a": 3}


def test_a_candidate_that_hangs_costs_one_candidate_and_its_worker_is_replaced(client, workers, data):
    """Without a limit this test would not end."""
    space = {"a": [1, 9, 2, 3]}
    undisturbed = OptunaSearchCV(CountingClassifier(), space, cv=2).fit(*data)

    search = OptunaSearchCV(HangingClassifier(above=5), space, cv=2, executor=client, trial_timeout=5).fit(*data)

    assert statuses(search) == ["complete", "failed", "complete", "complete"]
    assert "trial_timeout=5 s" in search.trials_["error"][1]
    assert others_as_undisturbed(search, undisturbed, [1])


@pytest.mark.parametrize(
    "case", [*(pytest.param(name, marks=at_night) for name in ("racing", "optuna's pruner")), "samples"]
)
def test_a_tuned_booster_is_the_same_on_a_cluster(client, workers, case, tmp_path):
    make = boosters.CASES[case]
    one = boosters.fit(make(look_ahead=2))

    several = boosters.fit(make(look_ahead=2, executor=client))

    assert boosters.collect(several) == boosters.collect(one)
    stored = {"look_ahead": 2, "executor": client, "storage": tmp_path / "study.db", "resume": True}
    boosters.fit(make(**stored).set_params(n_trials=3))
    assert boosters.collect(boosters.fit(make(**stored)))["predictions"] == boosters.collect(one)["predictions"]


def test_each_worker_of_a_cluster_bins_the_folds_once(client, workers, tmp_path, monkeypatch):
    log = tmp_path / "log"
    monkeypatch.setattr(TunedXGBClassifier, "_library", NotingXGBoost(str(log)))

    boosters.fit(boosters.CASES["racing"](look_ahead=2, executor=client))

    pids = [entry["pid"] for entry in read_log(log)]
    assert os.getpid() not in pids
    assert [pids.count(pid) for pid in set(pids)] == [3, 3]


@pytest.mark.parametrize(
    ("end", "error"), [("sigkill", "is gone"), pytest.param("hang", "trial_timeout=5 s", marks=at_night)]
)
def test_a_candidate_of_a_tuned_booster_that_ends_badly_costs_one_candidate(client, workers, end, error):
    search = test_boosters.make(end, executor=client, trial_timeout=5, look_ahead=2).fit(*test_boosters.load())

    lost = test_boosters.check_others(search)
    assert error in search.trials_["error"][lost]


@at_night
def test_a_selector_is_the_same_on_a_cluster(client, workers, tmp_path):
    X, y = make_classification(150, 5, flip_y=0.2, random_state=0)
    settings = {"families": ["logistic", "naive_bayes", "extra_trees"], "n_trials": 5, "cv": 3, "random_state": 0}
    one = AutoModelSelector(**settings).fit(X, y)
    stored = settings | {"executor": client, "storage": tmp_path / "study.db", "resume": True}

    AutoModelSelector(**(stored | {"n_trials": 3})).fit(X, y)
    several = clone(AutoModelSelector(**stored)).fit(X, y)

    assert several.executor is client
    assert table(several) == table(one)
    assert several.blend_weights_ == one.blend_weights_
    assert several.predict_proba(X).tolist() == pickle.loads(pickle.dumps(one)).predict_proba(X).tolist()
    assert pickle.loads(pickle.dumps(several)).executor is None


class DyingBayes(GaussianNB):
    """Ends the process of a worker that fits it with smoothing above 1."""

    def fit(self, X, y, sample_weight=None):
        if self.var_smoothing > 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().fit(X, y, sample_weight)


@at_night
def test_a_worker_that_dies_costs_a_selector_one_candidate(client, workers):
    X, y = make_classification(150, 5, flip_y=0.2, random_state=0)
    smoothings = [0.1, 2.0, 0.01, 0.001]
    dying = Family(
        "dying",
        (),
        lambda shape: {"var_smoothing": smoothings},
        lambda shape: DyingBayes(),
        first=tuple({"var_smoothing": one} for one in smoothings),
        seconds=lambda shape: 0.01,
    )

    with pytest.warns(match="fits failed"):
        selector = AutoModelSelector(families=[dying], n_trials=4, cv=3, executor=client, patience=None).fit(X, y)

    assert statuses(selector) == ["complete", "failed", "complete", "complete"]
    assert "is gone" in selector.trials_["error"][1]
    assert selector.score(X, y) > 0.6


@at_night
def test_workers_that_are_all_lost_are_waited_for(data):
    """And get the data again. A cluster of its own: nannies do not always bring all workers back."""
    with make_cluster(2) as cluster, distributed.Client(cluster) as client:

        def kill_all(study, trial):
            if trial.number == 1:
                for pid in client.run(os.getpid).values():
                    os.kill(pid, signal.SIGKILL)

        search = OptunaSearchCV(
            CountingClassifier(), {"a": [1, 2, 3, 4, 5]}, cv=2, executor=client, look_ahead=1, callbacks=[kill_all]
        ).fit(*data)

    assert statuses(search).count("complete") >= 4
    assert statuses(search)[-1] == "complete"


def test_the_users_own_exception_arrives(client, workers, data):
    search = OptunaSearchCV(FailingClassifier(above=1), {"a": [1, 2]}, cv=2, executor=client, error_score="raise")

    with pytest.raises(ValueError, match=r"^the toy fails on purpose$"):
        search.fit(*data)


def test_failures_are_reported_as_ever(client, workers, data):
    search = OptunaSearchCV(FailingClassifier(above=1), {"a": [1, 2]}, cv=2, executor=client)

    with pytest.warns(FitFailedWarning, match="2 fits failed out of a total of 4"):
        search.fit(*data)


def test_a_cluster_without_workers_is_an_error_and_the_results_are_kept(data, monkeypatch):
    monkeypatch.setattr(_dask, "WORKER_TIMEOUT_SECONDS", 1.0)
    with make_cluster(1) as small, distributed.Client(small) as client:

        def leave(study, trial):
            if trial.number == 1:
                small.scale(0)
                while client.nthreads():
                    time.sleep(0.1)

        search = OptunaSearchCV(
            CountingClassifier(), {"a": [1, 2, 3]}, cv=2, executor=client, look_ahead=1, callbacks=[leave]
        )
        with pytest.raises(ClusterLostError, match="has had no worker"):
            search.fit(*data)

    assert search.best_params_ == {"a": 2}


def test_a_memory_limit_is_the_clusters_to_keep(client, workers, data):
    with pytest.raises(ValueError, match="memory_limit cannot be enforced on a Dask cluster"):
        OptunaSearchCV(CountingClassifier(), {"a": [1]}, cv=2, executor=client, memory_limit=2**30).fit(*data)


def test_two_searches_can_share_a_cluster(client, workers, data):
    def fit(seed):
        search = OptunaSearchCV(SleepingClassifier(), {"a": uniform(0, 9)}, n_trials=8, cv=2, random_state=seed)
        tables[seed] = table(search.set_params(executor=client, refit=False).fit(*data))

    tables = {}
    threads = [threading.Thread(target=fit, args=(seed,)) for seed in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for seed in range(2):
        alone = OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=8, cv=2, random_state=seed)
        assert tables[seed]["params"] == table(alone.set_params(refit=False).fit(*data))["params"]
