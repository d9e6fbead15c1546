"""Studies on real servers of PostgreSQL and MySQL, which these tests start."""

import threading
import time

import numpy as np
import pytest
from scipy.stats import uniform

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.exceptions import StudyStorageError
from sklearn_autotune.storage import _claims, _recorder
from tests.faults.nightly import at_night
from tests.faults.servers import MySQL, PostgreSQL
from tests.toys import CountingClassifier, table

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]


@pytest.fixture(scope="module", params=[PostgreSQL, MySQL])
def server(request):
    server = request.param()
    yield server
    server.close()


@pytest.fixture
def data():
    X = np.column_stack([np.arange(24.0), np.ones((24, 2))])
    return X, np.arange(24) % 2


def make_search(server, name, **changes):
    settings = {"n_trials": 8, "cv": 2, "random_state": 0, "study_name": name}
    settings["storage"] = None if server is None else server.url
    return OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, **(settings | changes))


def numbers(server, name):
    return [trial.user_attrs["sklearn_autotune:outcome"]["number"] for trial in server.trials(name)]


def test_a_study_is_stored_and_resumed(server, data):
    make_search(server, "plain", n_trials=3).fit(*data)

    search = make_search(server, "plain", resume=True).fit(*data)

    assert table(search) == table(make_search(None, "plain").fit(*data))
    assert numbers(server, "plain") == list(range(8))


@pytest.mark.parametrize("down_seconds", [0, 2])
def test_a_server_that_is_started_again_costs_nothing(server, data, down_seconds):
    name = f"restarted after {down_seconds} s"

    def restart():
        time.sleep(down_seconds)
        server.start()

    def stop(study, trial):
        if trial.number == 2:
            server.stop()
            threads.append(threading.Thread(target=restart))
            threads[0].start()

    threads = []
    search = make_search(server, name, callbacks=[stop]).fit(*data)
    threads[0].join()

    assert table(search) == table(make_search(None, name).fit(*data))
    assert numbers(server, name) == list(range(8))


@at_night
def test_a_server_that_stays_away_costs_no_result(server, data, monkeypatch):
    monkeypatch.setattr(_recorder, "RETRY_SECONDS", 1.0)
    monkeypatch.setattr(_claims, "CLAIM_TIMEOUT_SECONDS", 2.0)  # nobody could take back what had been claimed

    def stop(study, trial):
        if trial.number == 2:
            server.stop()

    search = make_search(server, "away", callbacks=[stop])
    try:
        with pytest.raises(StudyStorageError, match=r"could not be written to '(postgresql|mysql).*@127\.0\.0\.1"):
            search.fit(*data)
    finally:
        server.start()

    assert len(search.cv_results_["params"]) >= 3
    resumed = make_search(server, "away", resume=True).fit(*data)
    assert table(resumed) == table(make_search(None, "away").fit(*data))
