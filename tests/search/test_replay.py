"""A search ends in the same way whether or not it was interrupted, resumed, or given more trials."""

import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna import pruners, samplers
from optuna.distributions import IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from scipy.stats import uniform

from sklearn_autotune import FoldRacing, OptunaSearchCV
from sklearn_autotune.samplers import ForestSampler, RustTPESampler
from tests.faults.nightly import IS_NIGHT, scale_examples
from tests.toys import CountingClassifier, Interrupt, statuses, table

RANGE = {"a": uniform(0, 9)}
GRID = {"a": list(range(9)), "b": [0, 1, 2, 3]}  # 36 candidates
X = np.column_stack([np.arange(36.0), np.ones((36, 2))])
Y = np.arange(36) % 2


class NoisyClassifier(CountingClassifier):
    """Scores best at a = 3, as ``CountingClassifier``, with noise of each candidate's and fold's own."""

    def __init__(self, a=0.0, b=0, max_iter=27):
        super().__init__(a, b)
        self.max_iter = max_iter

    def fit(self, X, y):
        super().fit(X, y)
        self.n_passes_ = self.max_iter
        return self

    def partial_fit(self, X, y, classes=None):
        n_passes = getattr(self, "n_passes_", 0) + 1
        super().fit(X, y)
        self.n_passes_ = n_passes
        return self

    def score(self, X, y):
        noise = zlib.crc32(repr((self.a, self.b, self.n_passes_, float(X[:, 0].mean()))).encode()) / 2**32
        return super().score(X, y) + 2 * noise - 1 / self.n_passes_


def make_search(**changes):
    settings = {
        "estimator": NoisyClassifier(),
        "param_distributions": RANGE,
        "n_trials": 26,
        "cv": 4,
        "random_state": 0,
    }
    return OptunaSearchCV(**(settings | changes))


def stop_after(number, study, trial):
    """A callback that ends the search."""
    if trial.number == number:
        study.stop()


def enqueue_after(number, study, trial):
    """A callback that enqueues two candidates; one of them has been measured before."""
    if trial.number == number:
        study.enqueue_trial(study.trials[0].params)
        study.enqueue_trial(study.trials[0].params | {"a": 4})


def interrupt(n_told, **settings):
    """The storage of a search that was interrupted after so many candidates, if it came so far."""
    storage = optuna.storages.InMemoryStorage()
    try:
        callbacks = [*settings.pop("callbacks", ()), Interrupt(n_told)]
        make_search(storage=storage, callbacks=callbacks, **settings).fit(X, Y)
    except KeyboardInterrupt:
        pass
    return storage


def assert_equal(search, whole):
    assert table(search) == table(whole)
    assert statuses(search) == statuses(whole)
    assert search.best_params_ == whole.best_params_


SAMPLERS = {
    "default": lambda: None,
    "random": partial(samplers.RandomSampler, seed=5),
    "independent TPE": partial(samplers.TPESampler, seed=5, multivariate=False, n_startup_trials=4),
    "TPE": partial(samplers.TPESampler, seed=5, n_startup_trials=4, constant_liar=False),
    "forest": partial(ForestSampler, seed=5, n_startup_trials=4),
    "rust": partial(RustTPESampler, seed=5, n_startup_trials=4),
    "genetic": partial(samplers.NSGAIISampler, population_size=4, seed=5),
    "genetic III": partial(samplers.NSGAIIISampler, population_size=4, seed=5),
    "quasi-random": partial(samplers.QMCSampler, seed=5, scramble=True),
    "brute force": partial(samplers.BruteForceSampler, seed=5),
    "grid": partial(samplers.GridSampler, {"a": list(range(9)), "b": [0, 1, 2, 3]}, seed=5),
    "partly fixed": lambda: samplers.PartialFixedSampler({"b": 1}, samplers.TPESampler(seed=5, n_startup_trials=4)),
}
FINITE = ("brute force", "grid", "partly fixed")

PRUNERS = {
    "default": lambda: "auto",
    "none": lambda: None,
    "median": partial(pruners.MedianPruner, n_startup_trials=2),
    "percentile": partial(pruners.PercentilePruner, 60.0, n_startup_trials=2),
    "successive halving": partial(pruners.SuccessiveHalvingPruner, min_resource=1, reduction_factor=2),
    "successive halving, auto": pruners.SuccessiveHalvingPruner,
    "hyperband": partial(pruners.HyperbandPruner, min_resource=1, max_resource=4, reduction_factor=2),
    "hyperband, auto": pruners.HyperbandPruner,
    "threshold": partial(pruners.ThresholdPruner, lower=-9.0),
    "patient": lambda: pruners.PatientPruner(pruners.SuccessiveHalvingPruner(reduction_factor=2), patience=0),
    "wilcoxon": partial(pruners.WilcoxonPruner, p_threshold=0.4, n_startup_steps=1),
    "racing": lambda: FoldRacing(error_rate=0.4),
}

STOPS = {
    "budget": {},
    "patience": {"patience": 6},
    "target": {"target_score": 0.8},
    "a callback": {"callbacks": [partial(stop_after, 12)]},
    "enqueued": {"callbacks": [partial(enqueue_after, 2), partial(enqueue_after, 7)]},
}

RESOURCES = (None, "n_samples", "iterations", "epochs")


def make_settings(sampler, pruner, resource, stop, look_ahead):
    """The arguments of a search; without the pruner if it cannot go with the resource."""
    space = GRID if sampler in FINITE else RANGE
    if sampler in FINITE:
        space = {"a": IntDistribution(0, 8), "b": IntDistribution(0, 3)}
    chosen = PRUNERS[pruner]() if resource is None or pruner != "racing" else "auto"
    return {
        "param_distributions": space,
        "sampler": SAMPLERS[sampler](),
        "pruner": chosen,
        "resource": resource,
        "look_ahead": look_ahead,
        **STOPS[stop],
    }


combinations = {
    "sampler": st.sampled_from(sorted(SAMPLERS)),
    "pruner": st.sampled_from(sorted(PRUNERS)),
    "resource": st.sampled_from(RESOURCES),
    "stop": st.sampled_from(sorted(STOPS)),
    "look_ahead": st.sampled_from([1, 2, 5]),
}


@settings(max_examples=scale_examples(100), deadline=None, derandomize=not IS_NIGHT)
@given(n_told=st.integers(1, 20), n_trials=st.sampled_from([14, 22, 30]), n_more=st.integers(0, 12), **combinations)
@pytest.mark.filterwarnings("ignore")
def test_an_interrupted_search_that_gets_more_trials_ends_like_one_that_was_not_interrupted(
    n_told, n_trials, n_more, **combination
):
    arguments = make_settings(**combination)
    storage = interrupt(n_told, n_trials=n_trials, **arguments)

    whole = make_search(n_trials=n_trials + n_more, **arguments).fit(X, Y)
    search = make_search(n_trials=n_trials + n_more, storage=storage, resume=True, **arguments).fit(X, Y)

    assert_equal(search, whole)


@pytest.mark.parametrize(
    ("n_trials", "n_more", "changes"),
    [
        (15, 25, {}),
        (15, 25, {"look_ahead": 5}),
        (30, 6, {"param_distributions": GRID}),
        (8, 40, {"param_distributions": GRID}),
        (30, 6, {"param_distributions": GRID, "pruner": pruners.SuccessiveHalvingPruner(1, 2)}),
        (30, 6, {"param_distributions": GRID, "resource": "iterations"}),
        (30, 6, {"param_distributions": GRID, "resource": "iterations", "pruner": pruners.HyperbandPruner(1, 27)}),
    ],
    ids=[
        "into racing",
        "into racing, far ahead",
        "into a full grid",
        "a few of a grid",
        "a full grid with a pruner",
        "a full grid with rungs",
        "a full grid with brackets",
    ],
)
def test_a_finished_search_that_gets_more_trials_ends_like_one_that_had_them_from_the_beginning(
    n_trials, n_more, changes
):
    storage = optuna.storages.InMemoryStorage()
    make_search(storage=storage, n_trials=n_trials, **changes).fit(X, Y)
    whole = make_search(n_trials=n_trials + n_more, **changes).fit(X, Y)

    search = make_search(storage=storage, n_trials=n_trials + n_more, resume=True, **changes).fit(X, Y)
    again = make_search(storage=storage, n_trials=n_trials + n_more, resume=True, **changes).fit(X, Y)

    assert_equal(search, whole)
    assert_equal(again, whole)
    assert len(whole.cv_results_["params"]) == min(n_trials + n_more, 36 if changes.get("param_distributions") else 99)


def test_racing_stops_candidates_that_a_smaller_search_has_measured_in_full():
    storage = optuna.storages.InMemoryStorage()
    first = make_search(storage=storage, n_trials=15).fit(X, Y)

    search = make_search(storage=storage, n_trials=40, resume=True).fit(X, Y)

    assert set(first.trials_["status"]) == {"complete"}
    assert "pruned" in search.trials_["status"][:15]


def test_candidates_that_racing_has_stopped_are_measured_in_full_where_a_full_grid_wants_every_score():
    storage = optuna.storages.InMemoryStorage()
    first = make_search(storage=storage, n_trials=30, param_distributions=GRID).fit(X, Y)

    search = make_search(storage=storage, n_trials=36, param_distributions=GRID, resume=True).fit(X, Y)

    assert "pruned" in first.trials_["status"]
    assert list(search.trials_["status"]) == ["complete"] * 36


def test_a_smaller_search_keeps_the_candidates_of_a_larger_one_as_they_are():
    storage = optuna.storages.InMemoryStorage()
    first = make_search(storage=storage, n_trials=30).fit(X, Y)

    search = make_search(storage=storage, n_trials=10, resume=True).fit(X, Y)

    assert "pruned" in first.trials_["status"]
    assert_equal(search, first)


def test_a_search_that_a_callback_has_stopped_stays_stopped():
    storage = optuna.storages.InMemoryStorage()
    callbacks = [partial(stop_after, 7)]
    first = make_search(storage=storage, n_trials=30, callbacks=callbacks).fit(X, Y)

    search = make_search(storage=storage, n_trials=40, callbacks=callbacks, resume=True).fit(X, Y)

    assert len(first.cv_results_["params"]) == 8
    assert_equal(search, first)


def test_a_search_that_a_callback_has_stopped_goes_on_without_callbacks():
    storage = optuna.storages.InMemoryStorage()
    make_search(storage=storage, callbacks=[partial(stop_after, 7)]).fit(X, Y)

    assert_equal(make_search(storage=storage, resume=True).fit(X, Y), make_search().fit(X, Y))


@pytest.mark.parametrize("n_told", [3, 5, 9])
@pytest.mark.parametrize("space", [RANGE, {"a": [1, 2, 3, 4], "b": [0, 1, 2]}], ids=["range", "grid"])
def test_what_a_callback_has_enqueued_comes_up_again_at_the_same_place(space, n_told):
    arguments = {"param_distributions": space, "n_trials": 12, "callbacks": [partial(enqueue_after, 2)]}
    storage = interrupt(n_told, **arguments)

    search = make_search(storage=storage, resume=True, **arguments).fit(X, Y)

    assert_equal(search, make_search(**arguments).fit(X, Y))


def test_every_point_of_a_grid_is_measured_whatever_a_callback_enqueues():
    callbacks = [partial(enqueue_after, number) for number in (0, 2, 5)]

    search = make_search(param_distributions=GRID, n_trials=36, callbacks=callbacks).fit(X, Y)

    assert len(search.cv_results_["params"]) == 36
    assert set(search.trials_["status"]) == {"complete", "duplicate"}


@pytest.mark.parametrize("resource", [None, "iterations"])
def test_the_name_of_a_study_does_not_decide_which_candidates_hyperband_stops(resource):
    storage = optuna.storages.InMemoryStorage()
    pruner = pruners.HyperbandPruner(min_resource=1, max_resource=4 if resource is None else 27, reduction_factor=2)
    settings = {"pruner": pruner, "resource": resource}

    whole = make_search(**settings).fit(X, Y)
    first, second = (make_search(storage=storage, **settings).fit(X, Y) for _ in range(2))
    named = make_search(study_name="another", **settings).fit(X, Y)

    assert "pruned" in whole.trials_["status"]
    assert second.study_.study_name != first.study_.study_name
    for search in (first, second, named):
        assert_equal(search, whole)


@pytest.mark.parametrize("callback", [partial(stop_after, 7), partial(enqueue_after, 7)], ids=["stop", "enqueue"])
def test_searches_that_share_a_study_know_what_callbacks_have_done_in_the_other(callback, tmp_path):
    """Two threads stand for two processes: each has a connection of its own to the journal."""

    def search_together(_):
        storage = JournalStorage(JournalFileBackend(str(tmp_path / "journal.log")))
        barrier.wait()
        return make_search(storage=storage, resume=True, n_trials=14, callbacks=[callback]).fit(X, Y)

    barrier = Barrier(2)
    with ThreadPoolExecutor(2) as threads:
        searches = list(threads.map(search_together, range(2)))

    whole = make_search(n_trials=14, callbacks=[callback]).fit(X, Y)
    assert len(whole.cv_results_["params"]) == (8 if callback.func is stop_after else 14)
    for search in searches:
        assert_equal(search, whole)
