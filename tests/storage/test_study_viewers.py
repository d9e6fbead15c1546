"""What other tools show of a study: Optuna's plotly figures, and optuna-dashboard for a stored one."""

import json
import threading
from urllib.request import urlopen
from wsgiref.simple_server import WSGIRequestHandler, make_server

import optuna
import optuna_dashboard
import pytest
from scipy.stats import loguniform
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from sklearn_autotune import OptunaSearchCV


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    path = tmp_path_factory.mktemp("studies") / "study.db"
    space = {"C": loguniform(1e-2, 1e3), "gamma": loguniform(1e-4, 10), "kernel": ["rbf", "sigmoid"]}
    search = OptunaSearchCV(SVC(), space, n_trials=25, storage=path, study_name="svc on iris", random_state=0)
    return search.fit(*load_iris(return_X_y=True)), path


@pytest.mark.parametrize(
    "plot",
    [
        "plot_optimization_history",
        "plot_intermediate_values",
        "plot_param_importances",
        "plot_parallel_coordinate",
        "plot_slice",
        "plot_contour",
        "plot_edf",
        "plot_rank",
        "plot_timeline",
    ],
)
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_optuna_draws_the_study(stored, plot):
    search, _ = stored

    figure = getattr(optuna.visualization, plot)(search.study_)

    assert len(figure.data) > 0
    assert json.loads(figure.to_json())["data"]


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture(scope="module")
def dashboard(stored):
    """The address of a dashboard that shows the stored study, over loopback."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{stored[1]}")
    with make_server("127.0.0.1", 0, optuna_dashboard.wsgi(storage), handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
    storage.engine.dispose()


def load(address):
    with urlopen(address, timeout=20) as answer:
        return answer.read().decode()


def test_optuna_dashboard_shows_its_page(dashboard):
    assert "Optuna Dashboard" in load(f"{dashboard}/dashboard/")


def test_optuna_dashboard_has_the_trials_of_a_stored_search(dashboard, stored):
    search, _ = stored

    studies = json.loads(load(f"{dashboard}/api/studies"))["study_summaries"]
    assert [study["study_name"] for study in studies] == ["svc on iris"]
    study = json.loads(load(f"{dashboard}/api/studies/{studies[0]['study_id']}"))

    values = [trial["values"][0] for trial in study["trials"] if trial["state"] == "Complete"]
    assert max(values) == pytest.approx(search.best_score_)
    assert len(study["trials"]) == len(search.study_.trials)
    assert study["objective_names"] == ["accuracy"]
    names = {parameter["name"] for parameter in study["union_search_space"]}
    assert names == {"C", "gamma", "kernel"}
