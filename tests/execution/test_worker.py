"""What a worker process receives: the evaluation, with large arrays as files that all workers map."""

import os
import tempfile
import time
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
from scipy.stats import uniform

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune._compat import clock
from sklearn_autotune.evaluation import FoldScore, Progress, WorkItem
from sklearn_autotune.execution import TrialLimits
from sklearn_autotune.execution._processes import ProcessExecutor
from sklearn_autotune.execution._worker import EVALUATION_FILE, _run_step, loads, save_evaluation
from tests.toys import CountingClassifier, Handle, make_evaluation, note, read_log, table


def packed(tmp_path, X):
    folder = tmp_path / "packed"
    folder.mkdir()
    save_evaluation(make_evaluation(CountingClassifier(), X, np.arange(len(X)) % 2), folder)
    evaluation = loads((folder / EVALUATION_FILE).read_bytes())
    return evaluation.task.X, (folder / EVALUATION_FILE).stat().st_size, [file.name for file in folder.glob("*.npy")]


def is_mapped(array):
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return True
        array = array.base
    return False


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_large_array_is_written_once_and_mapped(tmp_path, order):
    X = np.asarray(np.random.RandomState(0).normal(size=(1000, 500)), order=order)

    received, size, files = packed(tmp_path, X)

    assert size < X.nbytes / 50
    assert len(files) == 1
    assert is_mapped(received)
    assert not received.flags.writeable
    assert received.flags.f_contiguous == (order == "F")
    np.testing.assert_array_equal(received, X)


def test_the_columns_of_a_large_frame_are_mapped(tmp_path):
    X = pd.DataFrame(np.random.RandomState(0).normal(size=(1000, 500)))

    received, size, files = packed(tmp_path, X)

    assert size < 4_000_000 / 50
    assert len(files) == 1
    pd.testing.assert_frame_equal(received, X)


def test_small_arrays_and_arrays_of_objects_travel_as_they_are(tmp_path):
    received, _, files = packed(tmp_path, np.array([["a", "b"]] * 100_000, dtype=object))

    assert files == []
    assert received.shape == (100_000, 2)


@pytest.mark.parametrize(
    ("mode", "part"),
    [
        ("r", "whole"),
        ("r", "slice"),
        ("r", "transposed"),
        ("r+", "whole"),
        ("r+", "transposed"),
        pytest.param("c", "whole"),
        ("c", "slice"),
    ],
)
def test_an_array_that_is_mapped_already_arrives_with_its_values(tmp_path, mode, part):
    np.save(tmp_path / "X.npy", np.random.RandomState(0).normal(size=(500, 500)))
    X = np.load(tmp_path / "X.npy", mmap_mode=mode)
    if mode == "c":
        X[:] += 1  # in memory alone
    X = {"whole": X, "slice": X[100:], "transposed": X.T}[part]

    received, _, _ = packed(tmp_path, X)

    np.testing.assert_array_equal(received, X)
    assert is_mapped(received)


def test_an_array_that_is_mapped_already_is_not_written_again(tmp_path):
    np.save(tmp_path / "X.npy", np.ones((500, 500)))

    _, size, files = packed(tmp_path, np.load(tmp_path / "X.npy", mmap_mode="r"))

    assert files == []
    assert size < 100_000


@pytest.mark.slow
def test_large_data_gives_the_same_table_in_worker_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(2000, 100)), rng.randint(2, size=2000)
    search = OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=6, cv=3, random_state=0)

    one = table(search.fit(X, y))

    assert table(search.set_params(n_jobs=2).fit(X, y)) == one
    assert list(tmp_path.iterdir()) == []


class Unpicklable(BaseException):
    def __init__(self, message):
        super().__init__(f"{message}, {1_000_000 * 'x'}")
        self.handle = Handle()


def test_an_exception_that_cannot_be_sent_is_sent_as_text_whatever_its_kind():
    def fail():
        raise Unpicklable("a failure in a fit")

    with pytest.raises(RuntimeError, match="Unpicklable: a failure in a fit") as raised:
        _run_step(fail)

    assert len(str(raised.value)) < 10_000


# -- what is done before the first candidate -------------------------------------------------------------------------


@dataclass
class Prepared:
    """Prepares for a second, with 200 MB, and returns the times of the work item that it is given."""

    log: str
    n_folds: int = 1
    prepared: list[bytes] = field(default_factory=list)

    def prepare(self):
        note(self.log, pid=os.getpid())
        time.sleep(1.0)
        self.prepared.append(bytes(200_000_000))

    def measure_steps(self, work):
        score = FoldScore(float(len(self.prepared)), None, 0.0, 0.0)
        yield Progress(0, 1, (score,), artifacts=(work.deadline, work.end_time))


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc"), reason="Linux keeps memory limits")
def test_preparing_is_done_once_in_each_worker_and_counts_for_no_limit(tmp_path):
    log = tmp_path / "log"
    deadline = clock.now() + 100
    executor = ProcessExecutor(Prepared(str(log)), 1, limits=TrialLimits(seconds=0.9, n_bytes=100_000_000))
    for number in range(2):
        executor.submit(WorkItem(number, number, 2, {}, deadline=deadline, end_time=deadline + 50))

    arrived = {}
    while len(arrived) < 2:
        arrived |= dict(executor.wait())
    executor.close()

    assert [outcome.status for outcome in arrived.values()] == ["complete"] * 2
    assert [outcome.folds[0].test for outcome in arrived.values()] == [1.0, 1.0]
    assert os.getpid() not in {entry["pid"] for entry in read_log(log)}
    assert len(read_log(log)) == 1
    # The first one waited for a second until the worker was prepared, and its times are those that it was given.
    assert [outcome.artifacts for outcome in arrived.values()] == [(deadline, deadline + 50)] * 2
