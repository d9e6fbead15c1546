"""Optuna's objects in a search: samplers, pruners, callbacks, the study, and enqueued candidates."""

import os
import threading

import joblib
import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.samplers import BruteForceSampler, CmaEsSampler, GridSampler, QMCSampler, RandomSampler, TPESampler
from optuna.trial import TrialState
from scipy.stats import uniform
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.svm import SVC

from sklearn_autotune import OptunaSearchCV
from tests.toy_samplers import SensitiveSampler
from tests.toys import CountingClassifier, SleepingClassifier, read_log, statuses, table

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


@pytest.fixture(scope="module")
def data():
    rng = np.random.RandomState(0)
    return rng.normal(size=(40, 3)), np.arange(40) % 2


def sleepy_search(**changes):
    """Fits that end in another order than they begin."""
    settings = {
        "estimator": SleepingClassifier(seconds=0.01),
        "param_distributions": {"a": FloatDistribution(0, 9), "b": IntDistribution(1, 8)},
        "n_trials": 20,
        "cv": KFold(4),
        "random_state": 0,
        "refit": False,
    }
    return OptunaSearchCV(**(settings | changes))


def fit_in_threads(search, data, n_jobs):
    with joblib.parallel_config(backend="threading"):
        return search.set_params(n_jobs=n_jobs).fit(*data)


# -- samplers --------------------------------------------------------------------------------------------------------


def cma_es():
    pytest.importorskip("cmaes")
    return CmaEsSampler(seed=0, n_startup_trials=4)


SAMPLERS = {
    "random": lambda: RandomSampler(seed=0),
    "tpe": lambda: TPESampler(seed=0, n_startup_trials=5),
    "univariate tpe": lambda: TPESampler(seed=0, n_startup_trials=5, multivariate=False, constant_liar=False),
    "quasi-random": lambda: QMCSampler(seed=0),
    "cma-es": cma_es,
    "sensitive": SensitiveSampler,
}


@pytest.mark.filterwarnings("ignore:The parameter .* in Trial#:UserWarning")  # QMC: the first trial is not its own
@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_every_sampler_searches_and_gives_the_same_table_for_any_n_jobs(data, sampler):
    search = sleepy_search(sampler=sampler(), n_trials=16)

    one = table(fit_in_threads(search, data, 1))
    assert statuses(search) == ["complete"] * 16

    assert table(fit_in_threads(search, data, 3)) == one


@pytest.mark.parametrize(
    "sampler",
    [lambda: GridSampler({"a": [1.0, 2.0, 3.0, 4.0]}, seed=0), lambda: BruteForceSampler(seed=0)],
    ids=["grid", "brute force"],
)
def test_samplers_that_run_out_of_proposals_do_not_cost_the_search(data, sampler):
    space = {"a": FloatDistribution(1, 4, step=1.0)}
    search = OptunaSearchCV(CountingClassifier(), space, n_trials=4, cv=2, sampler=sampler()).fit(*data)

    assert sorted(params["a"] for params in search.cv_results_["params"]) == [1.0, 2.0, 3.0, 4.0]


def test_the_default_sampler_finds_better_candidates_than_chance(data):
    """Of all seeds, not of a lucky one."""

    def best(sampler, seed):
        space = {"a": FloatDistribution(-50, 50)}
        settings = {"n_trials": 40, "cv": 2, "refit": False, "look_ahead": 2, "random_state": seed, "pruner": None}
        return OptunaSearchCV(CountingClassifier(), space, sampler=sampler, **settings).fit(*data).best_score_

    ours = [best(None, seed) for seed in range(5)]
    chance = [best(RandomSampler(seed=seed), seed) for seed in range(5)]
    assert np.median(ours) > np.median(chance)


def test_look_ahead_is_part_of_the_result_and_n_jobs_is_not(data):
    def candidates(look_ahead, n_jobs):
        search = sleepy_search(look_ahead=look_ahead, cv=2, n_trials=18, sampler=SensitiveSampler())
        return table(fit_in_threads(search, data, n_jobs))["params"]

    assert candidates(1, 3) == candidates(1, 1)
    assert candidates(5, 3) == candidates(5, 1)
    assert candidates(1, 1) != candidates(5, 1)


# -- pruners ---------------------------------------------------------------------------------------------------------


def median():
    return optuna.pruners.MedianPruner(n_startup_trials=3)


def hyperband():
    return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=4, reduction_factor=2)


def threshold():
    return optuna.pruners.ThresholdPruner(lower=-4.0)


PRUNERS = {
    "median": median,
    "percentile": lambda: optuna.pruners.PercentilePruner(50.0, n_startup_trials=3),
    "successive halving": lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2),
    "hyperband": hyperband,
    "hyperband, auto": lambda: optuna.pruners.HyperbandPruner(min_resource=1, reduction_factor=2),
    "wilcoxon": lambda: optuna.pruners.WilcoxonPruner(p_threshold=0.6),
    "threshold": threshold,
    "patient": lambda: optuna.pruners.PatientPruner(threshold(), patience=0),
}


@pytest.mark.few_by_day(4)
@pytest.mark.parametrize("pruner", PRUNERS.values(), ids=PRUNERS)
def test_every_pruner_prunes_and_gives_the_same_table_for_any_n_jobs(data, pruner):
    search = sleepy_search(pruner=pruner(), look_ahead=4, n_trials=30)

    one = table(fit_in_threads(search, data, 1))
    ends = statuses(search)
    assert "pruned" in ends
    assert set(ends) == {"complete", "pruned"}
    assert len(ends) == 30

    assert table(fit_in_threads(search, data, 3)) == one
    assert statuses(search) == ends


@pytest.mark.slow
def test_pruning_is_the_same_in_worker_processes(data):
    search = sleepy_search(pruner=median(), look_ahead=4)

    one = table(search.fit(*data))
    assert "pruned" in statuses(search)

    assert table(search.set_params(n_jobs=2).fit(*data)) == one


@pytest.mark.parametrize("pruner", [median(), hyperband()], ids=["median", "hyperband"])
def test_pruned_candidates_are_not_measured_further_and_rank_last(data, pruner, tmp_path):
    log = tmp_path / "log"
    toy = CountingClassifier(log=str(log))
    search = sleepy_search(estimator=toy, pruner=pruner, look_ahead=2, measure_default=False).fit(*data)

    results = search.cv_results_
    folds = np.column_stack([results[f"split{fold}_test_score"] for fold in range(4)])
    measured = np.isfinite(folds)
    pruned = np.array(statuses(search)) == "pruned"
    assert 0 < pruned.sum() < 20
    assert measured.sum() == len(read_log(log))
    np.testing.assert_array_equal(measured.all(axis=1), ~pruned)
    assert measured[:, 0].all()
    for row in measured[pruned]:  # folds are measured in their order, and none after the first that is not
        assert row.tolist() == sorted(row, reverse=True)
    assert np.isnan(results["mean_test_score"]).tolist() == pruned.tolist()
    assert results["rank_test_score"][pruned].min() > results["rank_test_score"][~pruned].max()
    assert not pruned[search.best_index_]
    assert search.best_score_ == np.nanmax(results["mean_test_score"])


def test_a_pruner_that_prunes_nothing_changes_nothing(data):
    never = optuna.pruners.ThresholdPruner(lower=-1e9)

    found = [table(sleepy_search(pruner=pruner, look_ahead=3).fit(*data)) for pruner in (never, None)]
    assert found[0] == found[1]


def test_pruning_is_told_to_the_study_with_what_was_measured(data):
    search = sleepy_search(pruner=threshold(), cv=3).fit(*data)

    for trial, status in zip(search.study_.trials, statuses(search), strict=True):
        if status == "pruned":
            assert trial.state == TrialState.PRUNED
            assert list(trial.intermediate_values) == [0]  # stopped by its first fold, or by none
        else:
            assert trial.state == TrialState.COMPLETE
            assert np.isfinite(trial.value)


# -- candidates that are asked for -----------------------------------------------------------------------------------


def test_enqueued_candidates_are_the_first_rows(data):
    wanted = [{"a": 4.5, "b": 2}, {"a": 1.0, "b": 7}]
    search = sleepy_search(enqueue=wanted, n_trials=5, cv=2).fit(*data)

    assert search.cv_results_["params"][:2] == wanted
    assert len(search.cv_results_["params"]) == 5


def test_what_an_enqueued_candidate_leaves_out_is_left_to_the_sampler(data):
    search = sleepy_search(enqueue=[{"a": 4.5}, {"b": 3}, {}], n_trials=3, cv=2).fit(*data)

    first, second, third = search.cv_results_["params"]
    assert first["a"] == 4.5
    assert second["b"] == 3
    assert 1 <= first["b"] <= 8
    assert third.keys() == {"a", "b"}


def test_enqueued_candidates_of_a_grid_are_measured_once_and_first(data):
    search = OptunaSearchCV(CountingClassifier(), {"a": [1, 2, 3, 4]}, cv=2, enqueue=[{"a": 3}]).fit(*data)

    assert [params["a"] for params in search.cv_results_["params"]] == [3, 1, 2, 4]


def test_equal_enqueued_candidates_are_measured_once(data):
    search = sleepy_search(enqueue=[{"a": 1.0, "b": 1}] * 3, n_trials=4, cv=2).fit(*data)

    measured = [(params["a"], params["b"]) for params in search.cv_results_["params"]]
    assert len(set(measured)) == len(measured) == 4


def test_enqueued_candidates_may_be_estimators_and_choose_their_branch(data):
    space = [
        {"base": [LogisticRegression(), SVC()], "base__C": uniform(0.1, 1)},
        {"base": [CountingClassifier()], "base__a": uniform(0, 9)},
    ]

    class Wrap(CountingClassifier):
        def __init__(self, base=None):
            self.base = base
            self.log = None
            self.a = 0.0
            self.b = 0

    wanted = [{"base": SVC(), "base__C": 0.5}, {"base__a": 7.0}]
    search = OptunaSearchCV(Wrap(), space, n_trials=4, cv=2, enqueue=wanted).fit(*data)

    first, second = search.cv_results_["params"][:2]
    assert isinstance(first["base"], SVC)
    assert first["base__C"] == pytest.approx(0.5)
    assert isinstance(second["base"], CountingClassifier)
    assert second["base__a"] == pytest.approx(7.0)


def test_enqueued_candidates_do_not_exceed_the_budget(data):
    search = sleepy_search(enqueue=[{"a": float(a)} for a in range(9)], n_trials=3, cv=2).fit(*data)

    assert [params["a"] for params in search.cv_results_["params"]] == [0.0, 1.0, 2.0]


# -- Optuna's callbacks ----------------------------------------------------------------------------------------------


class Recorder:
    """Notes what it is called with, and where."""

    def __init__(self, stop_after=None):
        self.numbers = []
        self.states = []
        self.places = set()
        self.stop_after = stop_after

    def __call__(self, study, trial):
        self.numbers.append(trial.number)
        self.states.append(trial.state)
        self.places.add((os.getpid(), threading.get_ident()))
        if self.stop_after is not None and len(self.numbers) == self.stop_after:
            study.stop()


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_callbacks_are_called_in_order_in_the_thread_that_fits(data, n_jobs):
    first, second = Recorder(), Recorder()
    search = sleepy_search(callbacks=[first, second], pruner=median(), look_ahead=4)

    fit_in_threads(search, data, n_jobs)

    assert first.numbers == second.numbers == list(range(20))
    assert first.places == {(os.getpid(), threading.get_ident())}
    assert [state.name.lower() for state in first.states] == statuses(search)


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_callbacks_see_the_trials_told_so_far_and_the_best_of_them(data, n_jobs):
    best = []
    search = sleepy_search(callbacks=[lambda study, trial: best.append(study.best_value)], cv=2)

    fit_in_threads(search, data, n_jobs)

    scores = search.cv_results_["mean_test_score"]
    assert best == pytest.approx(np.maximum.accumulate(scores).tolist())


@pytest.mark.parametrize("n_jobs", [1, 2, 3])
@pytest.mark.parametrize("stop_after", [1, 7])
def test_a_callback_stops_the_search_at_the_same_place_for_any_n_jobs(data, n_jobs, stop_after):
    recorder = Recorder(stop_after)
    search = sleepy_search(callbacks=[recorder], refit=True, look_ahead=4)

    fit_in_threads(search, data, n_jobs)

    assert recorder.numbers == list(range(stop_after))
    assert len(search.cv_results_["params"]) == stop_after
    whole = sleepy_search(look_ahead=4, n_trials=20).fit(*data).cv_results_["params"]
    assert search.cv_results_["params"] == whole[:stop_after]
    assert all(trial.state.is_finished() for trial in search.study_.trials)
    assert search.best_estimator_.a == search.best_params_["a"]


# -- the study -------------------------------------------------------------------------------------------------------


def test_the_study_holds_every_trial_with_its_score(data):
    search = sleepy_search(cv=2).fit(*data)

    assert [trial.value for trial in search.study_.trials] == pytest.approx(
        search.cv_results_["mean_test_score"].tolist()
    )
    assert [trial.params for trial in search.study_.trials] == search.cv_results_["params"]
    assert search.study_.best_params == search.best_params_
    assert search.study_.direction == optuna.study.StudyDirection.MAXIMIZE


def test_the_study_can_be_drawn_with_matplotlib(data):
    search = sleepy_search(pruner=median(), look_ahead=2).fit(*data)

    axes = optuna.visualization.matplotlib.plot_optimization_history(search.study_)

    assert axes.collections or axes.lines
    optuna.visualization.matplotlib.plot_intermediate_values(search.study_)


def test_the_study_can_be_drawn_with_plotly(data):
    search = sleepy_search(cv=2).fit(*data)

    figure = optuna.visualization.plot_optimization_history(search.study_)

    assert list(figure.data[0].y) == pytest.approx(search.cv_results_["mean_test_score"].tolist())
    assert optuna.visualization.plot_slice(search.study_).data


def test_the_importance_of_parameters_can_be_asked_for(data):
    search = sleepy_search(cv=2, n_trials=30).fit(*data)

    importances = optuna.importance.get_param_importances(
        search.study_, evaluator=optuna.importance.PedAnovaImportanceEvaluator()
    )

    assert importances["a"] > importances["b"]  # b does nothing


def test_a_study_in_threads_can_be_used_after_the_fit(data):
    search = fit_in_threads(sleepy_search(n_trials=4, cv=2), data, 2)

    search.study_.optimize(lambda trial: trial.suggest_float("a", 0, 9), n_trials=1)

    assert len(search.study_.trials) == 5
