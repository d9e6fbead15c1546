"""Run folders are written whole or not at all, and only what was written is loaded."""

import json
import os
import pkgutil
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Protocol

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_autotune import AutoModelSelector, inference, runner
from sklearn_autotune.__main__ import main
from sklearn_autotune.inference._feature_generator import FeatureGenerator, GroupStatistic
from sklearn_autotune.inference._target_transform import TransformedTarget
from sklearn_autotune.runner import _folder, _sections
from sklearn_autotune.runner._config import hash_config, read_config
from sklearn_autotune.runner._folder import (
    TRUSTED_TYPES,
    RunFolderError,
    compute_sha256,
    describe_origin,
    load_model,
    make_mlflow_tags,
    read_git_commit,
    read_metadata,
    save_model,
    try_write_report,
    write_folder_atomically,
    write_json,
)
from sklearn_autotune.runner._search import make_search
from tests.runs import QUICK, SHORT, hide, load_metadata, parts_of
from tests.toys import CountingClassifier


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


def test_a_model_that_was_changed_is_not_loaded(copied, tmp_path, capsys):
    (copied / "model.joblib").write_bytes(b"something else")

    assert main(["predict", str(copied), str(tmp_path / "data.parquet"), "--trust"]) == 2
    assert "is not the file that the run wrote" in capsys.readouterr().err
    assert main(["verify", str(tmp_path)]) == 2
    assert "no run folder" in capsys.readouterr().err


def test_a_skops_file_with_types_of_other_packages_is_refused(write, tmp_path):
    folder = runner.run(write(SHORT + "output: {model: skops}"), folder=tmp_path / "run")
    skops.io.dump(make_pipeline(CountingClassifier()), folder / "model.skops")
    found = load_metadata(folder)
    found["model"]["sha256"] = compute_sha256(folder / "model.skops")
    write_json(folder / "metadata.json", found)

    with pytest.raises(runner.RunFolderError, match=r"not trusted: tests\.toys\.CountingClassifier"):
        runner.load(folder)


def test_a_folder_appears_whole_and_with_the_permissions_of_any_other(tmp_path):
    (tmp_path / "plain").mkdir()

    with write_folder_atomically(tmp_path / "runs" / "one") as folder:
        assert not (tmp_path / "runs" / "one").exists()
        (folder / "a.txt").write_text("a")

    assert os.listdir(tmp_path / "runs") == ["one"]
    assert (tmp_path / "runs" / "one").stat().st_mode == (tmp_path / "plain").stat().st_mode
    with pytest.raises(FileExistsError), write_folder_atomically(tmp_path / "plain"):
        raise AssertionError("nothing is to be written here")


def test_a_lone_surrogate_is_written_and_read_again(tmp_path):
    write_json(tmp_path / "file.json", {"\ud800": ["\udcff", "é"]})

    assert json.loads((tmp_path / "file.json").read_text(encoding="utf-8")) == {"\ud800": ["\udcff", "é"]}


def test_metadata_are_standard_json(tmp_path):
    content = {"score": np.float64("nan"), "rows": np.arange(2), 3: ("a", Path("b")), "inf": float("inf")}

    write_json(tmp_path / "metadata.json", content)

    text = (tmp_path / "metadata.json").read_text()
    assert json.loads(text) == {"score": None, "rows": [0, 1], "3": ["a", "b"], "inf": None}
    assert "NaN" not in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no run folder: there is no metadata.json"),
        ("{", "cannot be read"),
        ("[]", "is not of this package"),
        ('{"kind": "comparison"}', "the folder of a comparison, and it holds no model"),
    ],
)
def test_what_is_no_run_folder_is_refused(text, message, tmp_path):
    if text is not None:
        (tmp_path / "metadata.json").write_text(text)

    with pytest.raises(RunFolderError, match=message):
        read_metadata(tmp_path)


class Exploit:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def claim(folder, **entry):
    """Write the metadata of a folder whose model is said to be this."""
    path = folder / entry["file"]
    entry = {"format": "joblib", "sha256": compute_sha256(path)} | entry
    metadata = {"kind": "run", "model": entry, "script": {"file": "model.py", "missing_because": None}}
    write_json(folder / "metadata.json", metadata)
    return metadata


def test_no_code_of_a_folder_is_run_without_trust(tmp_path):
    folder, trace = tmp_path / "run", tmp_path / "trace"
    folder.mkdir()
    joblib.dump(Exploit(trace), folder / "model.joblib")
    joblib.dump(Exploit(trace), folder / "model.skops")
    (folder / "model.py").write_text(f"import os; os.mkdir({str(trace)!r})")

    metadata = claim(folder, file="model.joblib")
    for use in (runner.load, runner.verify, lambda path: runner.verify(path, refit=True)):
        with pytest.raises(RunFolderError, match=r"If you trust whoever wrote this folder, say so: "):
            use(folder)
    for trust in (False, True):  # whatever the metadata say of a file, it is not read in another way
        with pytest.raises(RunFolderError, match="no skops file"):
            load_model(folder, claim(folder, file="model.skops", format="skops"), trust=trust)
        with pytest.raises(RunFolderError, match=r"the model is .model\.skops., but a run folder.s is model"):
            load_model(folder, claim(folder, file="model.skops"), trust=trust)
        with pytest.raises(RunFolderError, match="the model's format is 'pickle'; known are joblib, skops"):
            load_model(folder, claim(folder, file="model.joblib", format="pickle"), trust=trust)
    assert not trace.exists()

    load_model(folder, metadata, trust=True)

    assert trace.exists()


def test_metadata_lead_to_no_file_outside_of_the_folder(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    joblib.dump("outside", tmp_path / "model.joblib")
    for name in ("../model.joblib", str(tmp_path / "model.joblib"), "./model.joblib"):
        with pytest.raises(RunFolderError, match=r"but a run folder's is model\.joblib"):
            load_model(folder, {"model": {"file": name, "format": "joblib", "sha256": ""}}, trust=True)

    (folder / "model.joblib").symlink_to(tmp_path / "model.joblib")

    with pytest.raises(RunFolderError, match="the model is a link; copy the file itself"):
        load_model(folder, claim(folder, file="model.joblib"), trust=True)


def test_trusted_types_are_there_and_functions_that_do_something_are_not_among_them():
    for name in TRUSTED_TYPES:
        module, _, kind = name.rpartition(".")
        assert callable(getattr(import_module(module), kind))
    for name in ("numpy.load", "sklearn.datasets.fetch_openml", "sklearn_autotune.runner.run", "builtins.eval"):
        assert name not in TRUSTED_TYPES


def test_every_part_of_a_kept_model_is_a_trusted_type():
    not_kept = {"ColumnValues", "RepeatedValues", "GramReader"}  # made while a column is read, and an abstract class
    for module in pkgutil.iter_modules(inference.__path__, "sklearn_autotune.inference."):
        for name, kind in vars(import_module(module.name)).items():
            if (
                isinstance(kind, type)
                and kind.__module__ == module.name
                and not name.startswith("_")
                and name not in not_kept
            ):
                assert f"{module.name}.{name}" in TRUSTED_TYPES or issubclass(kind, Protocol)


FAMILIES = {
    "auto": "n_trials: 4\ntimeout: 30\nspace: {}\n",
    "hist_gradient_boosting": "n_trials: 1\nspace: {max_iter: 10}\n",
    "lightgbm": "n_trials: 1\nspace: {n_estimators: 10}\n",
    "gradient_boosting": "n_trials: 1\nspace: {n_estimators: 10}\n",
    "neighbors": "n_trials: 1\nspace: {p: 3}\n",
    "neural": "n_trials: 1\n",
    "svm": "n_trials: 1\n",
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_of_each_kind_is_loaded_without_running_code(family, write, tmp_path, table):
    path = write(f"model_type: {family}\ncv: 2\n{FAMILIES[family]}")
    data = parts_of(path)
    search = make_search(read_config(path), data, tmp_path).fit(data.train.X, data.train.y)
    model = search.deployed_model()

    loaded = load_model(tmp_path, {"model": save_model(model, tmp_path, "skops")})

    assert loaded.predict(data.holdout.X).tolist() == model.predict(data.holdout.X).tolist()


@pytest.mark.parametrize("family", ["splines", "gaussian_process", "kernel_ridge", "elastic_net", "huber", "svm"])
def test_a_model_of_numbers_is_loaded_without_running_code(family, write, tmp_path, table):
    path = write(f"model_type: {family}\ncv: 2\nn_trials: 2\n", target="price", drop="[kind]")
    data = parts_of(path)
    search = make_search(read_config(path), data, tmp_path).fit(data.train.X, data.train.y)
    model = search.deployed_model()

    loaded = load_model(tmp_path, {"model": save_model(model, tmp_path, "skops")})

    assert loaded.predict(data.holdout.X).tolist() == model.predict(data.holdout.X).tolist()


@pytest.mark.parametrize("transform", ["log", "power"])
def test_a_model_of_a_transformed_target_is_loaded_without_running_code(transform, tmp_path):
    X, y = np.arange(30.0)[:, None], np.exp(np.arange(30.0) / 10)
    model = TransformedTarget(Ridge(), transform, random_state=0).fit(X, y)

    loaded = load_model(tmp_path, {"model": save_model(model, tmp_path, "skops")})

    assert loaded.predict(X).tolist() == model.predict(X).tolist()


@pytest.mark.parametrize("kind", ["joblib", "skops"])
def test_a_model_is_loaded_as_it_was_saved(kind, tmp_path):
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit([[0.0], [1.0], [2.0]], [0, 0, 1])

    entry = save_model(model, tmp_path, kind)

    loaded = load_model(tmp_path, {"model": entry}, trust=kind == "joblib")
    assert loaded.predict_proba([[0.3]]).tolist() == model.predict_proba([[0.3]]).tolist()
    (tmp_path / entry["file"]).unlink()
    with pytest.raises(RunFolderError, match="the model is missing"):
        load_model(tmp_path, {"model": entry}, trust=True)


def test_a_selectors_model_that_reads_text_is_loaded_without_running_code(tmp_path):
    X = pd.DataFrame({"title": [f"{'good' if row % 2 else 'poor'} thing number {row}x" for row in range(120)]})
    selector = AutoModelSelector(families=["logistic"], n_trials=1, cv=2).fit(X, np.arange(120) % 2)
    assert selector.text_columns_ == ["title"]

    loaded = load_model(tmp_path, {"model": save_model(selector.deployed_model(), tmp_path, "skops")})

    np.testing.assert_array_equal(loaded.predict(X), selector.predict(X))


def test_a_model_of_generated_columns_is_loaded_without_running_code(tmp_path):
    random = np.random.RandomState(0)
    X = np.column_stack([random.normal(size=(600, 2)), random.randint(0, 9, 600), random.randint(0, 6, 600)])
    y = random.normal(size=(9, 6))[X[:, 2].astype(int), X[:, 3].astype(int)] + X[:, 0] * X[:, 1]
    y += np.sin(2 * (X[:, 0] - X[:, 2]))
    made = FeatureGenerator([0, 0, 9, 6], is_classification=False)
    model = make_pipeline(made, HistGradientBoostingRegressor(max_iter=5)).fit(X, y)
    assert {"Arithmetic", "Cross"} <= {type(column).__name__ for column in made.generated_}
    made.generated_.append(GroupStatistic.fit(X, "distance", 0, 2))
    model[-1].fit(made.transform(X), y)

    loaded = load_model(tmp_path, {"model": save_model(model, tmp_path, "skops")})

    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def test_the_commit_of_a_folder_and_its_changes_are_known(tmp_path):
    assert read_git_commit(tmp_path) is None
    for command in ("init -q", "-c user.name=x -c user.email=x commit -q --allow-empty -m x"):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)

    clean = read_git_commit(tmp_path)
    (tmp_path / "new").touch()

    assert len(clean["commit"]) == 40
    assert not clean["has_changes"]
    assert read_git_commit(tmp_path) == clean | {"has_changes": True}


# -- where a result came from, and its report --------------------------------------------------------------------------


def test_a_report_that_cannot_be_drawn_does_not_cost_the_run(write, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("no fonts")

    monkeypatch.setattr(_folder, "write_report", fail)
    folder = runner.run(write(SHORT), folder=tmp_path / "run")

    assert load_metadata(folder)["report"] == {"file": None, "missing_because": "OSError: no fonts"}
    assert (folder / "model.joblib").exists()


def test_without_matplotlib_a_report_is_refused_if_asked_for_and_else_left_out(write, tmp_path, monkeypatch, capsys):
    hide(monkeypatch, "matplotlib")
    asked = write(SHORT + "output: {report: true}", name="asked.yaml")
    before = sorted(os.listdir(tmp_path))
    assert main(["run", str(asked)]) == 2
    assert "output.report: true needs matplotlib: pip install 'matplotlib>=" in capsys.readouterr().err
    assert sorted(os.listdir(tmp_path)) == before

    assert main(["run", str(write(SHORT)), "--output", str(tmp_path / "run")]) == 0
    assert "no report: matplotlib is not installed" in capsys.readouterr().out


def test_the_origin_identifies_configuration_data_and_versions(write):
    path = write(QUICK)
    config, parts = read_config(path), parts_of(path)

    origin = describe_origin("run", config, parts, path.parent)

    assert origin["config_hash"] == hash_config(config)
    assert origin["data"]["data"] == parts.fingerprint["data"]
    assert origin["config"]["n_trials"] == 2
    assert "seed" not in origin["config"], "only what was written"
    assert origin["versions"]["optuna"]
    tags = make_mlflow_tags(origin | {"git": None})
    assert tags == {
        "config_hash": origin["config_hash"],
        "target": "kind",
        "task": "classification",
        "data_sha256": parts.fingerprint["data"]["sha256"],
    }
    assert make_mlflow_tags(origin | {"git": {"commit": "abc"}}) == tags | {"git_commit": "abc"}


@pytest.mark.parametrize(
    ("text", "because"), [("output: {report: false}", "output.report is false"), ("", "matplotlib is not installed")]
)
def test_a_report_that_is_not_written_has_a_reason(text, because, write, tmp_path, monkeypatch):
    config = read_config(write(SHORT + text))
    monkeypatch.setattr(_sections, "find_spec", lambda name: None)

    assert try_write_report(config, None, tmp_path, "title", None) == {"file": None, "missing_because": because}
