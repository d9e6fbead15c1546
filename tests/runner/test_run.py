"""Runs write complete folders or none, can be repeated and verified, and predict."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from sklearn_autotune import runner
from sklearn_autotune.__main__ import main
from tests.inference.test_loading import MAX_MODULES
from tests.runs import NO_REPORT, SHORT, load_metadata, parts_of

# -- a run ---------------------------------------------------------------------------------------------------------


def test_the_folder_has_the_model_and_its_papers(finished):
    folder, path = finished
    found = load_metadata(folder)

    files = ["config.yaml", "metadata.json", "model.joblib", "model.py", "report.html", "trials.csv"]
    assert sorted(os.listdir(folder)) == files
    assert found["report"] == {"file": "report.html", "missing_because": None}
    assert "def make_model" in (folder / "report.html").read_text(encoding="utf-8")  # the script that was exported
    assert (folder / "config.yaml").read_text() == path.read_text()
    low, high = found["scores"]["holdout"]["interval"]
    assert low < found["scores"]["holdout"]["score"] < high
    assert found["scores"]["holdout"]["score"] > found["scores"]["holdout"]["baseline"]
    assert len(found["scores"]["folds"]["scores"]) == 2
    assert len(pd.read_csv(folder / "trials.csv")) == 2
    assert found["data"]["data"]["n_rows"] == 160
    assert found["versions"]["scikit-learn"]
    kinds = {column["name"]: column["kind"] for column in found["columns"]}
    assert kinds == {
        "size": "number",
        "city": "category",
        "code": "category",
        "day": "number",
        "shop": "number",
        "street": "category",
    }


def test_the_same_configuration_gives_the_same_parameters_and_scores(finished, tmp_path):
    folder, path = finished

    again = load_metadata(runner.run(path, folder=tmp_path / "again"))

    first = load_metadata(folder)
    for name in ("parameters", "scores", "data", "config_hash", "columns"):
        assert again[name] == first[name]


def edit(path):
    """Return a callback that changes a configuration, and commits the change."""

    def change(*_args):
        path.write_text("data: something else\n")
        git(path.parent, "commit", "--allow-empty", "-aqm", "changed")

    return change


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.mark.parametrize("command", [runner.run, runner.compare])
def test_the_folder_tells_of_what_was_run_though_the_file_changes_meanwhile(command, write, tmp_path):
    path = write(SHORT + ("compare: {methods: [random]}\n" if command is runner.compare else "") + NO_REPORT)
    text = path.read_text()
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "as it is run")
    commit = git(tmp_path, "rev-parse", "HEAD")

    folder = command(path, folder=tmp_path / "run", callbacks=[edit(path)])

    assert path.read_text() != text
    assert (folder / "config.yaml").read_text() == text
    found = load_metadata(folder)
    assert found["config"]["data"] == "data.parquet"
    assert found["git"] == {"commit": commit, "has_changes": False}


def test_a_configuration_that_was_edited_in_the_folder_does_not_verify(copied, finished):
    folder, path = finished
    assert runner.verify(folder, base=path.parent, trust=True).matches
    with (copied / "config.yaml").open("a") as file:
        file.write("n_trials: 100\n")

    failed = [
        check["name"] for check in runner.verify(copied, base=path.parent, trust=True).checks if not check["matches"]
    ]

    assert failed == ["config.yaml"]


def test_the_script_of_a_run_predicts_what_its_model_predicts(finished, table):
    folder, path = finished
    parts = parts_of(path)
    namespace = {"__name__": "script"}
    exec((folder / "model.py").read_text(), namespace)

    model = namespace["fit"](parts.train.X, parts.train.y)

    predicted = runner.predict(folder, table, trust=True).table["kind"]
    assert predicted.tolist() == namespace["predict"](model, table[namespace["COLUMNS"]]).tolist()


def test_a_folder_that_is_there_is_left_alone(finished, capsys):
    folder, path = finished

    assert main(["run", str(path), "--output", str(folder)]) == 2
    assert "is there already" in capsys.readouterr().err


METHODS = {
    "tuned xgboost": "model_type: xgboost\nn_trials: 2\nspace: {n_estimators: 30, max_depth: {int: [2, 3]}}",
    "xgboost at random": "model_type: xgboost\noptimization_method: random\nn_trials: 2\nspace: {n_estimators: 20}",
    "svm grid": "model_type: svm\noptimization_method: grid\nspace: {kernel: [linear, rbf], C: [0.1, 1]}",
    "grid of levels": "model_type: neighbors\noptimization_method: grid\nn_trials: 4",
    "hist": "model_type: hist_gradient_boosting\nn_trials: 1\nspace: {max_iter: 20}",
    "forest as skops": "model_type: random_forest\nn_trials: 1\nspace: {n_estimators: 10}\noutput: {model: skops}",
    "xgboost as skops": "model_type: xgboost\nn_trials: 1\nspace: {n_estimators: 10}\noutput: {model: skops}",
    "groups": "model_type: logistic\nn_trials: 1\nholdout: {rule: group, column: shop}",
    "time": "model_type: logistic\nn_trials: 1\nholdout: {rule: time, column: day}",
    "none": "model_type: logistic\nn_trials: 1\nscoring: accuracy\nholdout: {rule: none}",
}


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_a_model_that_verifies_and_predicts(method, write, tmp_path, table, monkeypatch):
    drop = "[price]" if method == "time" else "[price, day]"
    text = METHODS[method] + "\ncv: 2\n"
    path = write(text if "output" in text else text + NO_REPORT, drop=drop)

    folder = runner.run(path, folder=tmp_path / "run")

    verdict = runner.verify(folder, refit=True, trust=True)
    assert verdict.matches, verdict.checks
    namespace = {}
    monkeypatch.chdir(folder)
    exec(load_metadata(folder)["model"]["how_to_load"], namespace)
    assert namespace["model"].classes_.tolist() == ["bad", "good"]
    found = runner.predict(folder, table.drop(columns="kind"), trust=True)
    assert set(found.table["kind"]) <= {"good", "bad"}
    np.testing.assert_allclose(found.table[["probability_bad", "probability_good"]].sum(axis=1), 1, rtol=1e-6)


def list_modules_of_loading(folder):
    """Load a run's model in a fresh process; return the modules of Optuna and of ours that this imports."""
    code = "import sys, joblib; joblib.load(sys.argv[1]); print(*sys.modules)"
    command = [sys.executable, "-c", code, str(folder / "model.joblib")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [name for name in done.stdout.split() if name.partition(".")[0] in ("optuna", "sklearn_autotune")]


def test_the_model_of_a_run_loads_without_optuna_and_with_few_of_our_modules(finished):
    modules = list_modules_of_loading(finished[0])

    assert not any(name.startswith("optuna") for name in modules)
    assert len(modules) <= MAX_MODULES


def test_a_regression_by_model_selection(write, tmp_path, table):
    path = write("n_trials: 3\ncv: 3\n", target="price", drop="[kind]")

    folder = runner.run(path, folder=tmp_path / "run")

    found = load_metadata(folder)
    assert found["task"] == "regression"
    assert abs(sum(found["blend"].values()) - 1) < 1e-9
    assert runner.verify(folder, refit=True, trust=True).matches
    assert found["script"]["file"] == "model.py"
    modules = list_modules_of_loading(folder)
    assert not any(name.startswith("optuna") for name in modules)
    assert len(modules) <= MAX_MODULES


# -- verify -----------------------------------------------------------------------------------------------------------


def test_a_script_of_another_model_does_not_verify(finished, tmp_path):
    folder = shutil.copytree(finished[0], tmp_path / "run")
    script = folder / "model.py"
    script.write_text(
        script.read_text().replace("return make_model().fit(X, y)", "return make_model().fit(X, y[::-1])")
    )

    verdict = runner.verify(folder, refit=True, trust=True)

    (check,) = [check for check in verdict.checks if check["name"] == "predictions, fitted again"]
    assert not verdict.matches
    assert "differs in" in check["found"]
