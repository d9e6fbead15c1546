"""Where searches are configured, run, recorded and looked at; and arrays of the array API."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest
from optuna.distributions import FloatDistribution
from scipy.stats import loguniform
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

from sklearn_autotune import OptunaSearchCV
from tests.ecosystem.claims import Case, Claims, assert_same_tables, drop_times, make_data, skip_as_there
from tests.ecosystem.test_models import require

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.filterwarnings("default")


class TestMLflow:
    def test_the_search_and_its_model_are_logged_and_loaded(self, tmp_path):
        require("mlflow")
        import mlflow

        from tests.ecosystem.fitted import fit_pipeline

        search, X, _ = fit_pipeline()
        mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'runs.db'}")
        number = mlflow.create_experiment("ecosystem", artifact_location=(tmp_path / "artifacts").as_uri())
        with mlflow.start_run(experiment_id=number):  # `set_experiment` would write into `os.environ`
            logged = [
                mlflow.sklearn.log_model(model, name=name, serialization_format="cloudpickle", pip_requirements=[])
                for name, model in {"search": search, "model": search.best_estimator_}.items()
            ]

        for info in logged:
            np.testing.assert_array_equal(mlflow.sklearn.load_model(info.model_uri).predict(X), search.predict(X))

    def test_a_model_of_the_registry_is_served_by_its_alias(self, tmp_path):
        require("mlflow")
        import mlflow

        from tests.ecosystem.fitted import fit_pipeline

        search, X, _ = fit_pipeline()
        uri = f"sqlite:///{tmp_path / 'registry.db'}"
        mlflow.set_tracking_uri(uri)
        number = mlflow.create_experiment("registry", artifact_location=(tmp_path / "artifacts").as_uri())
        with mlflow.start_run(experiment_id=number):
            settings = {"serialization_format": "cloudpickle", "pip_requirements": [], "input_example": X[:2]}
            model = search.deployed_model()
            info = mlflow.sklearn.log_model(model, name="model", registered_model_name="svc", **settings)
        mlflow.MlflowClient(uri).set_registered_model_alias("svc", "champion", info.registered_model_version)

        served = mlflow.pyfunc.load_model("models:/svc@champion")

        np.testing.assert_array_equal(served.predict(X), search.predict(X))
        assert served.metadata.signature.inputs.input_names() == list(X.columns)

    def test_autologging_makes_one_run_of_a_search(self, tmp_path):
        require("mlflow")
        script = tmp_path / "autologged.py"
        script.write_text(AUTOLOGGED)
        answer = subprocess.run(
            [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, env=make_environment()
        )

        assert answer.stdout.split()[-2:] == ["1", "True"], answer.stderr


AUTOLOGGED = """
import mlflow
from sklearn.datasets import load_iris
from sklearn.svm import SVC
from sklearn_autotune import OptunaSearchCV

mlflow.set_tracking_uri("sqlite:///runs.db")
mlflow.sklearn.autolog(log_models=False, silent=True)
search = OptunaSearchCV(SVC(), {"C": [0.1, 1.0, 10.0]}, cv=3, refit=True).fit(*load_iris(return_X_y=True))
runs = mlflow.search_runs()
parents = runs[runs["tags.mlflow.parentRunId"].isna()] if "tags.mlflow.parentRunId" in runs else runs
print(len(parents), bool(abs(parents.filter(like="metrics.best").iloc[0, 0] - search.best_score_) < 1e-12))
"""


def make_environment():
    return os.environ | {"PYTHONPATH": str(ROOT)}


class TestOmegaConf:
    def test_a_configuration_is_a_space(self):
        require("omegaconf")
        from omegaconf import OmegaConf

        X, y = make_data()
        config = OmegaConf.create({"C": [0.1, 1, 10], "gamma": [0.01, "scale"]})
        try:
            GridSearchCV(SVC(), config, cv=3).fit(X, y)
        except ValueError as error:
            skip_as_there(error)
        Case(SVC(), X, y, config).search().fit(X, y)

    @pytest.mark.parametrize("plain", [False, True])
    def test_its_lists_are_values(self, plain):
        require("omegaconf")
        from omegaconf import OmegaConf

        X, y = make_data()
        config = OmegaConf.create({"C": [0.1, 1, 10], "gamma": [0.01, "scale"]})
        grid = OmegaConf.to_container(config) if plain else dict(config)

        search = Case(SVC(), X, y, grid).search(n_jobs=2).fit(X, y)

        assert_same_tables(
            drop_times(search.cv_results_), drop_times(GridSearchCV(SVC(), grid, cv=3).fit(X, y).cv_results_)
        )


class TestHydra:
    """With ``_convert_="all"``, as scikit-learn's searches take no other mapping than dicts."""

    def test_a_search_is_instantiated_from_a_configuration(self):
        require("hydra")
        from hydra.utils import instantiate

        X, y = make_data()
        config = {
            "_target_": "sklearn_autotune.OptunaSearchCV",
            "_convert_": "all",
            "estimator": {"_target_": "sklearn.svm.SVC", "kernel": "linear"},
            "param_distributions": {
                "C": {"_target_": "optuna.distributions.FloatDistribution", "low": 0.1, "high": 10, "log": True},
                "gamma": {"_target_": "scipy.stats.loguniform", "_args_": [0.001, 1]},
            },
            "scoring": ["accuracy", "f1"],
            "refit": "f1",
            "n_trials": 3,
            "cv": 3,
            "random_state": 0,
        }
        space = {"C": FloatDistribution(0.1, 10, log=True), "gamma": loguniform(0.001, 1)}

        search = instantiate(config).fit(X, y)

        expected = OptunaSearchCV(
            SVC(kernel="linear"), space, scoring=["accuracy", "f1"], refit="f1", n_trials=3, cv=3, random_state=0
        ).fit(X, y)
        assert_same_tables(drop_times(search.cv_results_), drop_times(expected.cv_results_))

    def test_a_configuration_that_is_not_converted(self):
        require("hydra")
        from hydra.utils import instantiate

        X, y = make_data()
        config = {"estimator": {"_target_": "sklearn.svm.SVC"}, "param_grid": {"C": [0.1, 1, 10]}, "cv": 3}
        try:
            instantiate({"_target_": "sklearn.model_selection.GridSearchCV", **config}).fit(X, y)
        except ValueError as error:
            skip_as_there(error)
        instantiate({"_target_": "sklearn_autotune.OptunaSearchCV", **config}).fit(X, y)


def make_notebook():
    import nbformat

    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_code_cell(
            "from sklearn.datasets import load_iris\nfrom sklearn.svm import SVC\n"
            "from sklearn_autotune import OptunaSearchCV\nC = [0.1, 1.0]",
            metadata={"tags": ["parameters"]},
        ),
        nbformat.v4.new_code_cell(
            "search = OptunaSearchCV(SVC(), {'C': C}, cv=3, n_jobs=2, verbose=1)\n"
            "search.fit(*load_iris(return_X_y=True))"
        ),
        nbformat.v4.new_code_cell("search.trials_"),
    ]
    return notebook


class TestNotebook:
    def test_a_notebook_fits_and_shows_a_search(self, tmp_path, monkeypatch):
        require("nbclient", "nbformat", "ipykernel")
        import nbclient

        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        notebook = nbclient.NotebookClient(
            make_notebook(), timeout=120, resources={"metadata": {"path": tmp_path}}
        ).execute()

        shown = notebook.cells[1].outputs[-1]
        assert "OptunaSearchCV" in shown["data"]["text/html"]
        assert "text/html" in notebook.cells[2].outputs[-1]["data"]
        assert all(output["output_type"] != "error" for cell in notebook.cells for output in cell.outputs)
        assert all(output.get("name") != "stderr" for output in notebook.cells[2].outputs)

    def test_papermill_sets_the_parameters(self, tmp_path, monkeypatch):
        require("papermill", "nbformat", "ipykernel")
        import nbformat
        import papermill

        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        notebook = make_notebook()
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, tmp_path / "in.ipynb")

        papermill.execute_notebook(
            tmp_path / "in.ipynb", tmp_path / "out.ipynb", {"C": [1.0, 3.0, 9.0]}, cwd=tmp_path, progress_bar=False
        )

        last = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[-1]
        assert "C=9" in last.outputs[-1]["data"]["text/html"]


class TestOptunaDashboard:
    def test_it_serves_a_stored_study(self, tmp_path):
        require("optuna_dashboard")
        X, y = make_data()
        url = f"sqlite:///{tmp_path / 'study.db'}"
        search = Case(SVC(), X, y, {"C": [0.1, 1, 10]}).search(storage=url, study_name="svc").fit(X, y)

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-c", "from optuna_dashboard._cli import main; main()", url, "--port", str(port)]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            studies = json.loads(wait_for(f"http://127.0.0.1:{port}/api/studies"))
            assert [study["study_name"] for study in studies["study_summaries"]] == ["svc"]
            number = studies["study_summaries"][0]["study_id"]
            detail = json.loads(wait_for(f"http://127.0.0.1:{port}/api/studies/{number}?after=0"))
        finally:
            server.terminate()
            server.wait(10)
        values = [trial["values"][0] for trial in detail["trials"] if trial["state"] == "Complete"]
        assert sorted(values) == sorted(search.cv_results_["mean_test_score"])


def wait_for(url, seconds=60):
    """What a server answers once it is up."""
    end = time.monotonic() + seconds
    while True:
        try:
            with urlopen(url, timeout=10) as answer:
                return answer.read()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


class TestArrayAPI(Claims):
    """Arrays of `array_api_strict`, which refuse all that is not in the standard."""

    modules = ("array_api_strict",)

    @pytest.fixture(autouse=True)
    def _dispatch(self, _partner):
        import sklearn

        if os.environ.get("SCIPY_ARRAY_API") != "1":
            pytest.skip("needs SCIPY_ARRAY_API=1, which SciPy reads when it is imported")
        with sklearn.config_context(array_api_dispatch=True):
            yield

    def make_case(self):
        import array_api_strict as xp
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        X, y = make_data(names=False)
        model = LinearDiscriminantAnalysis()
        grid = {"tol": [1e-4, 1e-3, 1e-2], "n_components": [None, 1]}
        return Case(model, xp.asarray(X), xp.asarray(y), grid, scoring="accuracy")
