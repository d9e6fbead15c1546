"""The key tracking of a configuration: a real store of MLflow, looked at first and filled at the end."""

import json
import os
import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_autotune import runner
from sklearn_autotune.__main__ import main
from sklearn_autotune._compat.optional import format_install_command
from sklearn_autotune.runner._config import FIRST_KEYS, ConfigError, hash_config, read_config
from tests.faults.nightly import at_night
from tests.runs import hide

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it says of its own dependencies
    import mlflow

# SQLAlchemy's, of what MLflow asks of it.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.usefixtures("requirements_once"),
]

CONFIG = "data: data.parquet\ntarget: kind\nn_trials: 2\ncv: 2\noutput: {report: false}\n"
TRACKING = "tracking:\n  uri: sqlite:///mlflow.db\n  experiment: shops\n"


@pytest.fixture(scope="module")
def table():
    random = np.random.RandomState(0)
    frame = pd.DataFrame({"size": random.normal(size=120), "city": random.choice(["Bern", "Rome"], 120)})
    frame.loc[20::7, ["size", "city"]] = None
    return frame.assign(kind=np.where(frame["size"].fillna(0) + (frame["city"] == "Rome") > 0.5, "good", "bad"))


@pytest.fixture
def write(table, tmp_path, monkeypatch):
    """Writes a configuration beside its table, in another folder than that of the process."""
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    table.to_parquet(tmp_path / "here" / "data.parquet")

    def config(text, name="config.yaml"):
        path = tmp_path / "here" / name
        path.write_text(CONFIG + text)
        return path

    return config


def load_metadata(folder):
    return json.loads((folder / "metadata.json").read_text())


def client_of(path):
    return mlflow.MlflowClient(tracking_uri=f"sqlite:///{path.parent / 'mlflow.db'}")


@at_night
def test_a_run_is_found_by_mlflows_queries_and_its_model_predicts_on_the_raw_table(write, table, tmp_path):
    more = "  run_name: first\n  tags: {team: risk}\n  registered_model: shops\n"
    path = write("model_type: xgboost\nspace: {n_estimators: 20}\n" + TRACKING + more)

    folder = runner.run(path)

    client, found = client_of(path), load_metadata(folder)
    experiment = client.get_experiment_by_name("shops").experiment_id
    by = f"tags.config_hash = '{hash_config(read_config(path))}' and tags.team = 'risk'"
    (run,) = client.search_runs(
        [experiment], f"{by} and metrics.holdout_score >= {found['scores']['holdout']['score']}"
    )
    assert run.info.run_id == found["tracking"]["run_id"]
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "first"
    assert run.data.metrics["best_score"] == found["scores"]["folds"]["mean"]
    assert run.data.metrics["holdout_low"] == found["scores"]["holdout"]["interval"][0]
    assert run.data.tags["data_sha256"] == found["data"]["data"]["sha256"]
    trials = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{run.info.run_id}'")
    assert len(trials) == found["trials"]["complete"] == 2
    files = {file.path for file in client.list_artifacts(run.info.run_id, "folder")}
    assert files == {
        f"folder/{name}" for name in ("config.yaml", "metadata.json", "model.py", "summary.json", "trials.csv")
    }
    mlflow.set_tracking_uri(f"sqlite:///{path.parent / 'mlflow.db'}")
    try:
        model = mlflow.pyfunc.load_model("models:/shops/1")
    finally:
        mlflow.set_tracking_uri(None)
    raw = table.drop(columns="kind")
    assert np.asarray(model.predict(raw)).tolist() == runner.predict(folder, raw, trust=True).table["kind"].tolist()
    assert sorted(os.listdir(path.parent)) == ["config.yaml", "data.parquet", "mlflow.db", "mlruns", "runs"]
    assert os.listdir(tmp_path / "there") == []
    assert runner.verify(folder, trust=True).matches


def test_a_comparison_has_a_run_for_each_method(write, capsys):
    path = write("model_type: xgboost\nspace: {max_depth: -5}\ncompare: {methods: [grid, automl], cv: 2}\n" + TRACKING)

    assert main(["compare", str(path), "--json"]) == 0

    said = json.loads(capsys.readouterr().out)
    client, run_id = client_of(path), said["tracking"]["run_id"]
    run = client.get_run(run_id)
    assert run.info.run_name == os.path.basename(said["folder"])
    assert run.data.tags["verdict"] == said["verdict"]
    assert run.data.params == {"metric": "neg_log_loss", "n_folds": "2", "confidence": "0.95"}
    inside = client.search_runs([run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run_id}'")
    by_method = {one.data.tags["method"]: one for one in inside}
    assert set(by_method) == {"grid", "automl", "dummy", "untuned"}
    assert by_method["grid"].info.status == "FAILED"
    assert "max_depth" in by_method["grid"].data.tags["error"]
    comparison = runner.load_comparison(said["folder"])
    automl = by_method["automl"]
    assert automl.data.metrics["score"] == comparison.summary["score"][comparison.summary["method"].index("automl")]
    history = client.get_metric_history(automl.info.run_id, "fold_score")
    assert {point.step: point.value for point in history} == dict(enumerate(comparison.column("score", "automl")))
    files = {os.path.basename(file.path) for file in client.list_artifacts(run_id, "folder")}
    assert {"summary.csv", "rows.csv", "differences.csv", "metadata.json", "config.yaml"} == files


REFUSED = {
    "folder": ("sqlite:///gone/mlflow.db", "tracking.uri: there is no folder "),
    "no SQLite": ("sqlite:///config.yaml", "config.yaml is no SQLite file"),
    "silent": ("http://127.0.0.1:9", "tracking.uri: http://127.0.0.1:9: no answer from 127.0.0.1:9: "),
    "password": ("postgresql://me:secret@127.0.0.1:9/x", "tracking.uri: postgresql://…@127.0.0.1:9/x: no answer from"),
    "scheme": ("sqllite:///mlflow.db", "tracking.uri: sqllite:///mlflow.db: cannot be read: "),
    "key": ("x\n  experimnt: y", "line 9: tracking.experimnt: unknown key: did you mean experiment?"),
    "tags": ("x\n  tags: [a]", "line 9: tracking.tags: has to be a section"),
}


@pytest.mark.parametrize("command", ["run", "compare"])
@pytest.mark.parametrize("case", REFUSED)
def test_a_store_that_cannot_be_read_is_refused_and_nothing_is_written(case, command, write, capsys):
    uri, message = REFUSED[case]
    path = write(f"model_type: logistic\n{TRACKING.replace('sqlite:///mlflow.db', uri)}")
    before = sorted(os.listdir(path.parent))

    assert main([command, str(path)]) == 2

    error = capsys.readouterr().err
    assert message in error
    assert "secret" not in error
    assert sorted(os.listdir(path.parent)) == before


def test_a_deleted_experiment_and_a_model_of_a_comparison_are_refused(write):
    path = write("model_type: logistic\n" + TRACKING)
    client = client_of(path)
    client.delete_experiment(client.create_experiment("shops"))

    with pytest.raises(ConfigError, match=r"tracking\.experiment: 'shops' has been deleted"):
        runner.run(path)
    with pytest.raises(ConfigError, match=r"tracking\.registered_model: compare makes no model"):
        runner.compare(write("model_type: logistic\ntracking: {registered_model: shops}\n"))


@at_night
def test_a_store_that_breaks_on_the_way_does_not_cost_the_run(write, capsys):
    path = write("model_type: logistic\n" + TRACKING)

    def break_store(study, trial):
        (path.parent / "mlflow.db").write_bytes(b"no store any more " * 100)

    folder = runner.run(path, callbacks=[break_store])

    entry = load_metadata(folder)["tracking"]
    assert entry["run_id"] is None
    assert "not a database" in entry["missing_because"]
    assert runner.verify(folder, trust=True).matches


@at_night
def test_without_mlflow_it_says_what_to_install_and_older_runs_still_verify(write, tmp_path, monkeypatch, capsys):
    path = write("model_type: logistic\n" + TRACKING)
    folder = runner.run(path, folder=tmp_path / "run")
    new = write("model_type: logistic\n" + TRACKING, name="new.yaml")
    before = sorted(os.listdir(path.parent))
    capsys.readouterr()

    hide(monkeypatch, "mlflow")

    assert main(["run", str(new)]) == 2
    assert capsys.readouterr().err == f"error: tracking: needs mlflow: {format_install_command('mlflow')}\n"
    assert sorted(os.listdir(path.parent)) == before
    assert main(["verify", str(folder), "--trust"]) == 0


def test_a_configuration_without_the_later_sections_keeps_its_hash(write):
    with_section = read_config(write("model_type: logistic\n" + TRACKING))
    without = read_config(write("model_type: logistic\n"))

    # As it was before there were these keys.
    content = without.model_dump(mode="json", by_alias=True)
    later = [name for name, value in content.items() if value is None and name not in FIRST_KEYS]
    assert "tracking" in later
    for name in later:
        del content[name]
    assert hash_config(without) == hash_of(content)
    assert hash_config(with_section) != hash_config(without)


def hash_of(content):
    import hashlib

    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@at_night
def test_a_tuned_booster_with_weights_and_several_scores_is_logged(write, table, tmp_path):
    table.assign(weight=np.linspace(0.5, 2, len(table))).to_parquet(tmp_path / "here" / "data.parquet")
    path = write(
        "model_type: tuned_xgboost\nsample_weight: weight\nscoring: {area: roc_auc, loss: neg_log_loss}\nrefit: area\n"
        "space: {n_estimators: 20}\nkeep: [estimators]\n" + TRACKING
    )

    folder = runner.run(path)

    found = load_metadata(folder)
    assert found["tracking"]["missing_because"] is None
    run = client_of(path).get_run(found["tracking"]["run_id"])
    assert run.data.metrics["holdout_score"] == found["scores"]["holdout"]["score"]
    logged = {one.path for one in client_of(path).list_artifacts(run.info.run_id, "folder")}
    assert {"folder/oof.csv", "folder/metadata.json"} <= logged
    assert not {"folder/model.joblib", "folder/fold_models.joblib"} & logged
