"""Worker processes: the cost of one that dies, what remains at the end, and what a worker receives."""

import os
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import joblib
import numpy as np
import pytest
from optuna.distributions import FloatDistribution
from scipy.stats import uniform
from sklearn import config_context
from sklearn.exceptions import FitFailedWarning

from sklearn_autotune import FoldRacing, OptunaSearchCV
from sklearn_autotune.evaluation import WorkItem
from sklearn_autotune.exceptions import WorkerSetupError
from sklearn_autotune.execution._kept_workers import end_kept_workers
from sklearn_autotune.execution._processes import ProcessExecutor
from tests.faults.nightly import at_night
from tests.toys import (
    CountingClassifier,
    DyingClassifier,
    FailingClassifier,
    Foreign,
    Handle,
    HangingClassifier,
    PickyClassifier,
    ReportingClassifier,
    SleepingClassifier,
    make_evaluation,
    read_log,
    statuses,
    table,
    workers_of,
)
from tests.waiting import wait_until

quiet = pytest.mark.filterwarnings(
    "ignore:One or more of the .* scores are non-finite:UserWarning",
    "ignore::sklearn.exceptions.FitFailedWarning",
)


@pytest.fixture
def data():
    X = np.column_stack([np.arange(24.0), np.ones((24, 2))])
    return X, np.arange(24) % 2


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Where the temporary folders of this test go."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def left_behind(scratch):
    """What is left of workers and files when it is called, workers that are kept for the next search apart."""
    end_kept_workers()
    before = set(workers_of(os.getpid()))

    def look():
        end_kept_workers()
        return [*(set(workers_of(os.getpid())) - before), *scratch.iterdir()]

    return look


# -- deaths ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_death_costs_one_candidate(data):
    ends = {1: "sigkill", 3: "exit", 5: "segfault"}
    space = {"a": [0, 1, 2, 3, 4, 5, 6]}
    search = OptunaSearchCV(DyingClassifier(ends=ends), space, cv=2, n_jobs=2)
    undisturbed = OptunaSearchCV(DyingClassifier(), space, cv=2).fit(*data)

    with (
        pytest.warns(FitFailedWarning, match="6 fits failed out of a total of 14"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search.fit(*data)

    assert [a for a, status in enumerate(statuses(search)) if status == "failed"] == [1, 3, 5]
    assert [a for a, status in enumerate(statuses(search)) if status == "complete"] == [0, 2, 4, 6]
    assert all("worker process died" in error for error in search.trials_["error"][[1, 3, 5]])
    alive = [0, 2, 4, 6]
    for name in ("split0_test_score", "split1_test_score", "mean_test_score"):
        assert search.cv_results_[name][alive].tolist() == undisturbed.cv_results_[name][alive].tolist()
        assert np.isnan(search.cv_results_[name][[1, 3, 5]]).all()
    assert search.best_params_ == {"a": 2}


@at_night
@quiet
def test_a_worker_that_dies_while_it_waits_costs_nothing(data, tmp_path):
    """It has measured its candidate, and dies before it is given another."""
    log = tmp_path / "log"
    dying = DyingClassifier(ends={2: "late_exit"}, log=str(log))

    def count_watched():
        """The processes that loky has not seen end."""
        return sum("ExecutorManager" in thread.name for thread in threading.enumerate())

    def end_its_workers(study, trial):
        if trial.params["a"] == 2:
            gone.update(entry["pid"] for entry in read_log(log) if entry["a"] == "2")
            n_watched = count_watched() - len(gone)
            (tmp_path / "log.end").touch()
            assert wait_until(lambda: count_watched() <= n_watched)

    gone = set()
    search = OptunaSearchCV(
        dying, {"a": [1, 2, 3, 4]}, cv=2, n_jobs=2, look_ahead=1, refit=False, callbacks=[end_its_workers]
    )

    search.fit(*data)

    assert gone
    assert statuses(search) == ["complete"] * 4


@pytest.mark.slow
@quiet
def test_a_death_costs_one_candidate_where_candidates_are_cut_up(data):
    """With more workers than candidates under way, several workers share the folds of one."""
    search = OptunaSearchCV(
        DyingClassifier(ends={2: "exit"}, log=None), {"a": [1, 2, 3]}, cv=4, n_jobs=2, look_ahead=1
    ).fit(*data)

    assert statuses(search) == ["complete", "failed", "complete"]
    assert np.isnan([search.cv_results_[f"split{fold}_test_score"][1] for fold in range(4)]).all()
    assert search.best_params_ == {"a": 3}


@pytest.mark.slow
@quiet
def test_if_every_candidate_kills_its_worker_one_error_says_so(data):
    dying = DyingClassifier(ends={1: "exit", 2: "exit"})

    with pytest.raises(ValueError, match=r"All the 4 fits failed(.|\n)*The worker process died"):
        OptunaSearchCV(dying, {"a": [1, 2]}, cv=2, n_jobs=2).fit(*data)


# -- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:The time limit ended the search")
@pytest.mark.slow
@pytest.mark.parametrize(
    "look_ahead", [pytest.param(4, id="whole candidates"), pytest.param(1, id="parts", marks=at_night)]
)
def test_candidates_that_hang_are_ended_when_time_is_up(tmp_path, data, left_behind, look_ahead):
    """Without that this test would not end. On a busy machine workers take a while to start: then it is tried again."""
    log = tmp_path / "log"
    hanging = HangingClassifier(above=3, log=str(log))
    search = OptunaSearchCV(hanging, {"a": [3, 9, 8]}, cv=2, n_jobs=2, look_ahead=look_ahead)

    for timeout in (5, 20, 80):
        with suppress(ValueError):  # no candidate was complete in time
            search.set_params(timeout=timeout).fit(*data)
        assert left_behind() == []
        if hasattr(search, "best_estimator_") and len(statuses(search)) > 1:  # one that hangs was begun
            break

    assert statuses(search)[:2] == ["complete", "timeout"]
    assert search.best_estimator_.a == 3


# -- nothing is left behind ------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "mode",
    [
        "nothing",
        pytest.param("ZeroDivisionError"),
        pytest.param("KeyboardInterrupt"),
    ],
)
def test_no_process_and_no_file_is_left_behind(data, left_behind, mode):
    toy = FailingClassifier(above=3 if mode != "nothing" else 99, mode=mode)
    search = OptunaSearchCV(toy, {"a": [1, 2, 3, 4, 5]}, cv=2, n_jobs=2, error_score="raise")
    kept = None  # an exception that is kept keeps alive what was there when it was raised

    try:
        search.fit(*data)
    except (ZeroDivisionError, KeyboardInterrupt) as error:
        kept = error

    assert (kept is None) == (mode == "nothing")
    assert left_behind() == []


@at_night
def test_work_can_be_given_up_as_soon_as_it_is_begun(data, left_behind, monkeypatch):
    """The pool's own thread stumbled over the work it was about to send: a traceback on the user's screen."""
    failed_threads = []
    monkeypatch.setattr(threading, "excepthook", failed_threads.append)
    slots = ProcessExecutor(make_evaluation(CountingClassifier(), *data), 3)
    try:
        for attempt in range(2):
            numbers = [10 * attempt + slot for slot in range(3)]
            for number in numbers:
                slots.submit(WorkItem(number, number, 99, {"a": 1}))
            arrived = []
            while len(arrived) < 3:
                arrived += slots.wait()
            assert sorted(number for number, _ in arrived) == numbers
            for number in numbers:
                slots.submit(WorkItem(number + 5, number + 5, 99, {"a": 2}))
            slots.kill([number + 5 for number in numbers])
    finally:
        slots.close()

    assert failed_threads == []
    assert left_behind() == []


# -- what cannot be sent ---------------------------------------------------------------------------------------------


def test_an_estimator_that_cannot_be_sent_is_named_and_the_ways_out_too(data, scratch):
    search = OptunaSearchCV(CountingClassifier(b=Handle()), {"a": [1, 2]}, cv=2, n_jobs=2)

    with pytest.raises(WorkerSetupError, match=r"handle stays where it is.*n_jobs=1.*threading") as caught:
        search.fit(*data)

    assert isinstance(caught.value.__cause__, TypeError)
    assert list(scratch.iterdir()) == []


def test_an_estimator_that_cannot_be_sent_is_searched_in_this_process(data):
    search = OptunaSearchCV(CountingClassifier(b=Handle()), {"a": [1, 2]}, cv=2, n_jobs=2)

    alone = table(search.set_params(n_jobs=1).fit(*data))
    with joblib.parallel_config(backend="threading"):
        threads = table(search.set_params(n_jobs=2).fit(*data))

    assert alone == threads


@pytest.mark.slow
def test_an_estimator_that_cannot_be_received_is_an_error_and_not_a_failure_of_all_candidates(data, left_behind):
    search = OptunaSearchCV(CountingClassifier(b=Foreign(os.getpid())), {"a": [1, 2]}, cv=2, n_jobs=2)

    with pytest.raises(WorkerSetupError, match="the toy is not installed here"):
        search.fit(*data)

    assert left_behind() == []


def test_a_backend_that_is_not_known_is_refused_by_its_name(data):
    class ToyBackend(joblib.parallel.ParallelBackendBase):
        supports_sharedmem = False

        def effective_n_jobs(self, n_jobs):
            return 2

        def submit(self, func, callback=None):
            raise AssertionError("nothing is to be run here")

        apply_async = submit  # its name before joblib 1.5

    search = OptunaSearchCV(CountingClassifier(), {"a": [1, 2]}, cv=2)
    with (
        joblib.parallel_config(backend=ToyBackend(nesting_level=0), n_jobs=2),
        pytest.raises(ValueError, match="cannot run on joblib's ToyBackend"),
    ):
        search.fit(*data)


# -- what a worker is given ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """What fits in two worker processes found there."""
    log = tmp_path_factory.mktemp("reports") / "log"
    X, y = np.ones((24, 2)), np.arange(24) % 2
    search = OptunaSearchCV(
        ReportingClassifier(log=str(log)), {"a": uniform(0, 9)}, n_trials=12, cv=2, refit=False, random_state=0
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OMP_NUM_THREADS", raising=False)
        patch.setenv("OPENBLAS_NUM_THREADS", "7")
        with config_context(assume_finite=True, working_memory=77), joblib.parallel_config(n_jobs=2):
            search.fit(X, y)
    return read_log(log)


@pytest.mark.slow
def test_joblibs_n_jobs_is_used_where_none_is_given(reports):
    pids = {report["pid"] for report in reports if "nested_pids" in report}

    assert len(pids) == 2
    assert os.getpid() not in pids


@pytest.mark.slow
def test_workers_share_the_processors(reports):
    for report in reports:
        if "environ" in report:
            assert report["environ"]["OMP_NUM_THREADS"] == str(max(1, joblib.cpu_count() // 2))
            assert report["cpu_count"] == max(1, joblib.cpu_count() // 2)


@pytest.mark.slow
def test_thread_limits_that_the_user_has_set_are_left_alone(reports):
    assert {report["environ"]["OPENBLAS_NUM_THREADS"] for report in reports if "environ" in report} == {"7"}


@pytest.mark.slow
def test_scikit_learns_settings_reach_the_workers(reports):
    for report in reports:
        if "config" in report:
            assert report["config"]["assume_finite"] is True
            assert report["config"]["working_memory"] == 77


@pytest.mark.slow
def test_parallel_parts_inside_a_worker_start_no_processes(reports):
    for report in reports:
        if "nested_pids" in report:
            assert set(report["nested_pids"]) == {report["pid"]}


@pytest.mark.slow
def test_a_search_inside_a_worker_starts_no_processes(tmp_path, data):
    log = tmp_path / "log"
    inner = OptunaSearchCV(CountingClassifier(log=str(log)), {"a": [1, 2, 3]}, cv=2, n_jobs=2)
    outer = OptunaSearchCV(inner, {"estimator__b": [1, 2, 3, 4]}, cv=2, n_jobs=2, refit=False)

    outer.fit(*data)

    pids = {entry["pid"] for entry in read_log(log)}
    assert len(read_log(log)) == 4 * 2 * (3 * 2 + 1)
    assert len(pids) <= 2
    assert os.getpid() not in pids


# -- more workers than candidates under way --------------------------------------------------------------------------


@pytest.mark.parametrize("look_ahead", [1, 2, 3])
@pytest.mark.parametrize(
    "toy", [SleepingClassifier(seconds=0.01), PickyClassifier(above=4)], ids=["sleeping", "failing on some folds"]
)
@quiet
def test_workers_that_share_a_candidate_give_the_same_table(data, look_ahead, toy):
    search = OptunaSearchCV(
        toy, {"a": uniform(0, 9)}, n_trials=16, cv=5, look_ahead=look_ahead, random_state=0, return_train_score=True
    )

    one, ends = table(search.fit(*data)), statuses(search)
    with joblib.parallel_config(backend="threading"):
        several = table(search.set_params(n_jobs=7).fit(*data))

    assert several == one
    assert statuses(search) == ends


def test_workers_share_the_folds_of_one_candidate(tmp_path, data):
    class Where(CountingClassifier):
        def fit(self, X, y):
            together.wait(timeout=60)
            places.add(threading.get_ident())
            return super().fit(X, y)

    places, together = set(), threading.Barrier(4)
    search = OptunaSearchCV(Where(), {"a": [1]}, cv=4, n_jobs=4, look_ahead=1, refit=False)

    with joblib.parallel_config(backend="threading"):
        search.fit(*data)

    assert len(places) == 4


@pytest.mark.parametrize("n_jobs", [1, 4])
def test_an_exception_in_a_part_of_a_candidate_is_raised(data, n_jobs):
    search = OptunaSearchCV(
        PickyClassifier(above=2), {"a": [1, 3]}, cv=4, n_jobs=n_jobs, look_ahead=1, error_score="raise"
    )

    with (
        joblib.parallel_config(backend="threading"),
        pytest.raises(ValueError, match=r"^the toy fails on some folds$"),
    ):
        search.fit(*data)


class LateFailing(CountingClassifier):
    """Fails where a > 8 on every fold but the first, where it waits for that to have happened if others can do it."""

    has_failed = threading.Event()
    has_others = True

    def fit(self, X, y):
        if self.a > 8 and X[0, 0] == 0:
            self.has_failed.set()
            raise ValueError("the toy fails on the later folds")
        if self.a > 8 and self.has_others:
            self.has_failed.wait(timeout=60)
        return super().fit(X, y)

    def score(self, X, y):
        return super().score(X, y) + 0.01 * np.sin(1000 * self.a * X[0, 0])


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_an_exception_in_a_fold_that_racing_makes_needless_is_not_raised(data, n_jobs, monkeypatch):
    LateFailing.has_failed.clear()
    monkeypatch.setattr(LateFailing, "has_others", n_jobs > 1)
    search = OptunaSearchCV(
        LateFailing(),
        {"a": FloatDistribution(0, 9)},
        n_trials=5,
        enqueue=[{"a": 2.9}, {"a": 3.1}, {"a": 3.2}, {"a": 2.8}, {"a": 9.0}],
        pruner=FoldRacing(),
        cv=3,
        n_jobs=n_jobs,
        error_score="raise",
    )

    with joblib.parallel_config(backend="threading"):
        search.fit(*data)

    assert LateFailing.has_failed.is_set() == (n_jobs > 1)
    assert statuses(search)[-1] == "pruned"


class FailingAtOnce(CountingClassifier):
    """Fails where a > 8, and elsewhere waits for that to have happened if others can do it."""

    has_failed = threading.Event()
    has_others = True

    def fit(self, X, y):
        if self.a > 8:
            self.has_failed.set()
            raise ValueError("the toy fails at once")
        if self.has_others:
            self.has_failed.wait(timeout=60)
        return super().fit(X, y)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_exception_in_a_candidate_that_comes_after_the_last_is_not_raised(data, n_jobs, monkeypatch):
    FailingAtOnce.has_failed.clear()
    monkeypatch.setattr(FailingAtOnce, "has_others", n_jobs > 1)
    search = OptunaSearchCV(
        FailingAtOnce(),
        {"a": [3.0, 9.0]},
        enqueue=[{"a": 3.0}, {"a": 9.0}],
        target_score=-1.0,
        cv=3,
        n_jobs=n_jobs,
        error_score="raise",
    )

    with joblib.parallel_config(backend="threading"):
        search.fit(*data)

    assert statuses(search)[0] == "complete"
    assert search.best_params_ == {"a": 3.0}


def test_folders_are_removed_if_the_data_cannot_be_written(scratch, data):
    with pytest.raises(WorkerSetupError):
        ProcessExecutor(make_evaluation(CountingClassifier(b=Handle()), *data), 2)

    assert list(Path(scratch).iterdir()) == []
