"""The executor on a Dask cluster whose workers are threads of this process; tests.faults uses worker processes."""

import asyncio

import dask
import distributed
import distributed.diagnostics
import joblib
import numpy as np
import pytest

from sklearn_autotune.evaluation import FoldScore, Progress, WorkItem, measure
from sklearn_autotune.execution import ExecutionRequest, TrialLimits
from sklearn_autotune.execution._dask import DaskExecutor, find_dask_client
from tests.toys import CountingClassifier, FailingClassifier, make_evaluation


@pytest.fixture(scope="module")
def client():
    with distributed.Client(processes=False, n_workers=2, threads_per_worker=1, dashboard_address=":0") as client:
        yield client


@pytest.fixture
def evaluation():
    X = np.column_stack([np.arange(24.0), np.ones((24, 2))])
    return make_evaluation(CountingClassifier(), X, np.arange(24) % 2)


@pytest.fixture
def make_executor(evaluation):
    made = []

    def make(**asked):
        made.append(
            DaskExecutor.from_request(
                ExecutionRequest(**({"evaluation": evaluation, "allows_cluster": True, "look_ahead": 4} | asked))
            )
        )
        return made[-1]

    yield make
    for executor in made:
        executor.close()


def work(number):
    return WorkItem(number, number, 9, {"a": number})


def measure_all(executor, n_candidates):
    for number in range(n_candidates):
        executor.submit(work(number))
    arrived = {}
    while len(arrived) < n_candidates:
        arrived |= dict(executor.wait())
    return arrived


@pytest.mark.parametrize("n_jobs", [None, 1])
def test_a_cluster_gives_the_scores_of_this_process(client, make_executor, evaluation, n_jobs):
    executor = make_executor(executor=client, n_jobs=n_jobs)

    arrived = measure_all(executor, 5)

    for number, outcome in arrived.items():
        assert outcome.status == "complete"
        assert [fold.test for fold in outcome.folds] == [fold.test for fold in measure(evaluation, work(number)).folds]
    assert len(executor.used_addresses) == (n_jobs or 2)


class Prepared:
    """Counts how often it is prepared; the score is the number of times."""

    n_folds, n_prepared = 1, 0

    def prepare(self):
        self.n_prepared += 1

    def measure_steps(self, work):
        yield Progress(0, 1, (FoldScore(float(self.n_prepared), None, 0.0, 0.0),))


def test_a_worker_is_prepared_before_its_first_candidate(client, make_executor):
    arrived = measure_all(make_executor(executor=client, n_jobs=1, evaluation=Prepared()), 3)

    assert [outcome.folds[0].test for outcome in arrived.values()] == [1.0] * 3


def test_an_exception_arrives_as_it_was_raised(client, make_executor):
    X, y = np.ones((8, 2)), np.arange(8) % 2
    executor = make_executor(executor=client, evaluation=make_evaluation(FailingClassifier(mode="KeyError"), X, y))

    outcome = measure_all(executor, 5)[4]

    assert outcome.status == "failed"
    assert "KeyError: 'the toy fails on purpose'" in outcome.error


def test_killed_candidates_that_wait_are_not_measured(client, make_executor):
    executor = make_executor(executor=client, n_jobs=1)
    for number in range(4):
        executor.submit(work(number))

    executor.kill([1, 3])

    arrived = {}
    while len(arrived) < 2:
        arrived |= dict(executor.wait())
    assert sorted(arrived) == [0, 2]
    assert not executor.has_waiting


def test_a_client_an_address_or_joblibs_backend_name_the_cluster(client):
    assert find_dask_client(client) is client
    with client.as_current(), joblib.parallel_config("dask"):
        assert find_dask_client(None) is client
    with find_dask_client(client.scheduler.address) as other:
        assert set(other.nthreads()) == set(client.nthreads())


class CancelsWhileAClientConnects(distributed.diagnostics.SchedulerPlugin):
    """Tells all clients of a cancelled key at the moment at which the scheduler greets a new one."""

    name = "cancels while a client connects"

    def __init__(self, n_times):
        self.n_left = n_times

    def add_client(self, scheduler, client):
        if self.n_left:
            self.n_left -= 1
            message = {"op": "cancelled-keys", "keys": ["a"], "reason": "unknown", "msg": None}
            asyncio.get_running_loop().call_soon(scheduler.report, message)


def test_a_client_connects_while_others_cancel_their_work(client):
    scheduler, plugin = client.cluster.scheduler, CancelsWhileAClientConnects(n_times=3)
    scheduler.add_plugin(plugin)

    with find_dask_client(scheduler.address) as other:
        assert set(other.nthreads()) == set(client.nthreads())

    assert plugin.n_left == 0, "three attempts failed before one succeeded"
    scheduler.remove_plugin(plugin.name)


def test_without_a_cluster_there_is_none_and_anything_else_is_refused(evaluation):
    assert find_dask_client(None) is None
    with pytest.raises(TypeError, match="executor must be a dask"):
        find_dask_client(object())
    with pytest.raises(ValueError, match="no Dask cluster"):
        DaskExecutor.from_request(ExecutionRequest(evaluation=evaluation))


def test_an_address_where_no_scheduler_answers_is_named():
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(ConnectionError, match=r"executor='tcp://127.0.0.1:1': no Dask scheduler answers there"),
    ):
        find_dask_client("tcp://127.0.0.1:1")
    with pytest.raises(ValueError, match="executor='127:x' is not the address of a Dask scheduler"):
        find_dask_client("127:x")


def test_the_users_client_stays_open_and_one_that_was_made_of_an_address_is_closed(client, make_executor):
    for given in (client, client.scheduler.address):
        executor = make_executor(executor=given)
        measure_all(executor, 1)
        executor.close()

        assert (executor.client.status == "closed") == isinstance(given, str)


def test_a_memory_limit_is_refused(client, make_executor):
    with pytest.raises(ValueError, match="memory_limit cannot be enforced on a Dask cluster"):
        make_executor(executor=client, limits=TrialLimits(n_bytes=10**9))


@pytest.mark.parametrize(
    ("executor", "allows_cluster", "is_accepted"),
    [("tcp://127.0.0.1:9", True, True), ("tcp://127.0.0.1:9", False, False), (None, True, False)],
)
def test_a_cluster_is_used_where_one_is_named_and_allowed(evaluation, executor, allows_cluster, is_accepted):
    request = ExecutionRequest(evaluation=evaluation, executor=executor, allows_cluster=allows_cluster)

    assert DaskExecutor.accepts(request) == is_accepted
