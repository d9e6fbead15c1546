"""The package's own exceptions: each is raised for its reason, and is a subclass of a built-in exception."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import optuna
import pytest
from scipy.stats import uniform

from sklearn_autotune import OptunaSearchCV, exceptions
from sklearn_autotune.exceptions import (
    ClusterLostError,
    SearchTerminated,
    StudyInUseError,
    StudyMismatchError,
    StudyStorageError,
    WorkerSetupError,
)
from sklearn_autotune.execution._worker import save_evaluation
from tests.toys import CountingClassifier, Handle, make_evaluation

ROOT = Path(__file__).parents[1]
X, Y = np.arange(24.0).reshape(12, 2), np.arange(12) % 2

KINDS = {
    ClusterLostError: RuntimeError,
    SearchTerminated: KeyboardInterrupt,
    StudyInUseError: RuntimeError,
    StudyMismatchError: ValueError,
    StudyStorageError: RuntimeError,
    WorkerSetupError: RuntimeError,
}


def search(**params):
    return OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=2, cv=2, random_state=0, **params)


def test_all_exceptions_of_the_module_are_public():
    defined = {name for name, value in vars(exceptions).items() if isinstance(value, type)}

    assert sorted(defined) == exceptions.__all__ == sorted(kind.__name__ for kind in KINDS)


@pytest.mark.parametrize(("kind", "known"), KINDS.items(), ids=lambda kind: kind.__name__)
def test_each_is_caught_as_the_exception_of_python_that_it_is_a_kind_of(kind, known):
    with pytest.raises(known, match="what happened"):
        raise kind("what happened")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_comes_back_from_another_process_as_it_was(kind):
    received = pickle.loads(pickle.dumps(kind("what happened")))

    assert type(received) is kind
    assert str(received) == "what happened"


def test_only_the_end_of_the_process_is_not_caught_as_an_error():
    assert [kind for kind in KINDS if not issubclass(kind, Exception)] == [SearchTerminated]


# -- raised for their reasons ------------------------------------------------------------------------------------------


def test_a_study_of_another_task_is_a_mismatch():
    storage = optuna.storages.InMemoryStorage()
    search(storage=storage).fit(X, Y)

    with pytest.raises(StudyMismatchError, match="other data"):
        search(storage=storage, resume=True).fit(X + 1, Y)


def test_a_study_that_a_search_of_this_process_is_at_is_in_use(tmp_path):
    stored = {"storage": tmp_path / "study.db", "resume": True}
    seen = []

    def resume_inside(study, trial):
        with pytest.raises(StudyInUseError, match=f"process {os.getpid()}"):
            search(**stored).fit(X, Y)
        seen.append(trial.number)

    search(callbacks=[resume_inside], **stored).fit(X, Y)

    assert seen == [0, 1]


def test_a_study_in_a_file_that_is_no_database_cannot_be_stored(tmp_path):
    path = tmp_path / "study.db"
    path.write_text("no database " * 100)

    with pytest.raises(StudyStorageError, match=r"study\.db"):
        search(storage=path).fit(X, Y)
    assert path.read_text() == "no database " * 100


def test_what_a_worker_cannot_be_sent_is_an_error_of_its_setup(tmp_path):
    with pytest.raises(WorkerSetupError, match=r"handle stays where it is.*n_jobs=1"):
        save_evaluation(make_evaluation(CountingClassifier(b=Handle()), X, Y), tmp_path)


TERMINATED = """
import signal
import numpy as np
from scipy.stats import uniform
from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.exceptions import SearchTerminated
from tests.toys import CountingClassifier


def terminate(study, trial):
    if trial.number == 1:
        signal.raise_signal(signal.SIGTERM)


search = OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=9, cv=2, callbacks=[terminate])
try:
    search.fit(np.arange(24.0).reshape(12, 2), np.arange(12) % 2)
except SearchTerminated as end:
    print(end, len(search.cv_results_["params"]))
"""


def test_a_process_told_to_end_leaves_the_search_with_its_results_so_far():
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", TERMINATED], env=environment, capture_output=True, text=True)

    assert done.stdout == "the process was told to end (SIGTERM) 2\n", done.stderr
    assert done.returncode == 0
