"""Where a result came from, and its report."""

import os

import pytest

from sklearn_autotune import runner
from sklearn_autotune.__main__ import main
from sklearn_autotune.runner import _config, _provenance
from sklearn_autotune.runner._config import hash_config, read_config
from sklearn_autotune.runner._provenance import describe_origin, make_mlflow_tags, try_write_report
from tests.runs import QUICK, SHORT, hide, load_metadata, parts_of


def test_a_report_that_cannot_be_drawn_does_not_cost_the_run(write, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("no fonts")

    monkeypatch.setattr(_provenance, "write_report", fail)
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
    monkeypatch.setattr(_config, "find_spec", lambda name: None)

    assert try_write_report(config, None, tmp_path, "title", None) == {"file": None, "missing_because": because}
