"""The commands: what they print, their exit codes, and what an interrupt leaves."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pandas as pd
import pytest

from sklearn_autotune.__main__ import main
from sklearn_autotune.cli import _commands
from sklearn_autotune.runner._config import read_config
from tests.faults.nightly import at_night
from tests.runs import NO_REPORT, QUICK
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]


def test_verify_says_what_differs(copied, table, tmp_path, capsys):
    command = ["verify", str(copied), "--base", str(tmp_path), "--trust"]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "All recorded values were reproduced" in said
    assert re.search(r"same     holdout score: recorded log loss 0\.\d+, found log loss 0\.\d+\n", said)

    table.assign(size=table["size"] + 1).to_parquet(tmp_path / "data.parquet")
    assert main([*command, "--json"]) == 1
    checks = {check["name"]: check["matches"] for check in json.loads(capsys.readouterr().out)["checks"]}
    assert not checks["data"]
    assert not checks["holdout score"]
    assert checks["config"]


def test_predict_reports_columns_that_drifted(finished, table, tmp_path, capsys):
    folder, _ = finished
    new = table.drop(columns="kind").assign(note="x")
    new.loc[:39, "size"] = 99.0
    new.loc[:7, "city"] = "Oslo"
    new.to_csv(tmp_path / "new.csv", index=False)  # dates become words, codes become numbers
    command = ["predict", str(folder), str(tmp_path / "new.csv"), "--output", str(tmp_path / "out.csv"), "--trust"]

    assert main([*command, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [(one["column"], one["share"]) for one in said["drift"]] == [("size", 0.25), ("city", 0.05)]
    assert said["drift"][1]["examples"] == ["Oslo"]
    assert said["notes"] == ["columns not used: note"]
    assert len(pd.read_csv(tmp_path / "out.csv")) == len(table)

    assert main([*command, "--max-drift", "0.2"]) == 3
    error = capsys.readouterr().err
    assert "size: 25.0% outside the training range, for instance 99.0" in error
    assert main([*command, "--max-drift", "0.3"]) == 0


def test_a_model_that_runs_code_is_not_loaded_without_trust(finished, table, tmp_path, capsys):
    folder, _ = finished
    table.to_parquet(tmp_path / "data.parquet")

    for command in (["predict", str(folder), str(tmp_path / "data.parquet")], ["verify", str(folder)]):
        assert main(command) == 2
        assert "runs code when it is loaded" in capsys.readouterr().err


def test_what_is_written_does_not_follow_links(finished, table, tmp_path, capsys):
    folder, _ = finished
    table.to_csv(tmp_path / "new.csv", index=False)
    victim = tmp_path / "letter.txt"
    victim.write_text("dear reader")
    (tmp_path / ".out.csv.partial").symlink_to(victim)
    (tmp_path / "out.csv").symlink_to(victim)
    (tmp_path / "new.yaml").symlink_to(tmp_path / "nothing")
    predict = ["predict", str(folder), str(tmp_path / "new.csv"), "--output", str(tmp_path / "out.csv"), "--trust"]

    assert main(predict) == 0
    assert main(["init", str(tmp_path / "new.yaml")]) == 2

    assert victim.read_text() == "dear reader"
    assert len(pd.read_csv(tmp_path / "out.csv")) == len(table)
    assert not (tmp_path / "nothing").exists()
    assert "already exists" in capsys.readouterr().err


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
    assert "2 of 2 candidates (100 %), best log loss 0." in err


def test_a_run_prints_its_metric_with_the_sign_that_people_know(write, capsys):
    assert main(["run", str(write(QUICK))]) == 0
    said = capsys.readouterr().out

    assert said.startswith("log loss, lower is better:\n  folds    0.")
    (low, high), *_ = re.findall(r"\((\S+) to (\S+)\)", said)
    assert float(low) < float(high)


def test_a_run_prints_the_task_that_it_infers_from_numbers(write, table, tmp_path, capsys):
    path = write("model_type: ridge\nn_trials: 1\ncv: 2\n" + NO_REPORT, target="price", drop="[kind, day]")
    assert main(["run", str(path)]) == 0
    said = capsys.readouterr().out

    assert re.match(
        r"task: regression, since price holds \d+ different numbers, some with fractions, from \S+ to \S+ in 160 rows\n"
        "root mean squared error, lower is better:",
        said,
    )
    assert main(["run", str(write(QUICK, name="words.yaml"))]) == 0
    assert "task:" not in capsys.readouterr().out


def test_a_run_that_fails_says_why_in_a_line(write, capsys):
    path = write("model_type: xgboost\nn_trials: 1\ncv: 2\nspace: {max_depth: -5}\n")

    assert main(["run", str(path)]) == 1
    assert "Traceback" not in capsys.readouterr().err.splitlines()[0]


def count_complete(path):
    """The complete candidates in a database that another process writes."""
    if not path.exists():
        return 0
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT count(*) FROM trials WHERE state = 'COMPLETE'").fetchone()[0]
    return 0  # it is locked, or has no tables yet


@pytest.mark.parametrize(
    "model_type", ["random_forest", *(pytest.param(name, marks=at_night) for name in ("xgboost", "auto"))]
)
def test_ctrl_c_ends_with_130_and_the_run_can_go_on(write, tmp_path, model_type):
    text = f"model_type: {model_type}\nn_trials: {{}}\ncv: 2\nstorage: trials.db\n"
    path = write(text.format(1000) + NO_REPORT)
    command = [sys.executable, "-m", "sklearn_autotune", "run", str(path)]
    with subprocess.Popen([*command], stderr=subprocess.PIPE, text=True) as process:
        assert wait_until(lambda: count_complete(tmp_path / "trials.db") > 0)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)

    assert process.returncode == _commands.EXIT_INTERRUPTED == 130
    assert "run it again with --resume" in error
    assert not (tmp_path / "runs").exists()

    path = write(text.format(2) + NO_REPORT)
    folder = tmp_path / "run"
    assert main(["run", str(path), "--output", str(folder), "--resume", "--quiet"]) == 0
    assert len(pd.read_csv(folder / "trials.csv")) >= 2


def test_a_run_without_a_storage_cannot_be_resumed(write, capsys):
    assert main(["run", str(write(QUICK)), "--resume"]) == 2
    assert "storage: there is none" in capsys.readouterr().err


@at_night
def test_the_commands_of_the_guide_run_as_they_stand(tmp_path):
    page = (ROOT / "docs" / "guides" / "production.md").read_text(encoding="utf-8")
    commands = "\n".join(re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    assert commands.count("python -m sklearn_autotune") == 10
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}

    done = subprocess.run(["sh", "-e", "-c", commands], cwd=tmp_path, env=environment, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert re.findall("exit code ([0-9]+)", done.stdout) == ["2", "3", "2"]
    assert "wrong.yaml, line 3: n_trails: unknown key: did you mean n_trials?" in done.stderr
    assert "mean radius: 30.0% outside the training range" in done.stderr
    assert "bad.csv, row 42: column 'mean area' held numbers in training and now holds ['large']" in done.stderr
    assert len(pd.read_csv(tmp_path / "predicted.csv")) == len(pd.read_parquet(tmp_path / "predicted.parquet")) == 100


def test_the_scores_of_a_run_are_named_and_a_loss_has_its_own_sign():
    folds = {"mean": -0.3, "interval": [-0.41, -0.2], "baseline": -0.69}

    lines = _commands._describe_scores({"scoring": "neg_log_loss", "folds": folds, "holdout": None})

    assert lines == ["log loss, lower is better:", "  folds    0.3  (0.2 to 0.41)  baseline 0.69"]
