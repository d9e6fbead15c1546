"""The command compare: methods under the same folds and budgets, a whole folder or none, and clear refusals."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GroupKFold, StratifiedKFold, TimeSeriesSplit

from sklearn_autotune import runner
from sklearn_autotune.__main__ import main
from sklearn_autotune.runner._config import ConfigError, read_config
from sklearn_autotune.runner._data import read_run_data
from sklearn_autotune.runner._scores import make_run_scorer
from sklearn_autotune.runner._search import make_search
from tests.faults.nightly import at_night

ROOT = Path(__file__).parents[2]
NO_REPORT = "output: {report: false}\n"
QUICK = "model_type: logistic\nn_trials: 2\ncv: 2\nscoring: roc_auc\n"


@pytest.fixture(scope="module")
def table():
    random = np.random.RandomState(0)
    n_rows = 150
    frame = pd.DataFrame(
        {
            "size": random.normal(size=n_rows).round(4),
            "city": random.choice(["Bern", "Paris", "Rome"], n_rows),
            "shop": random.randint(0, 12, n_rows),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.permutation(n_rows), "D"),
        }
    )
    frame.loc[::11, "size"] = np.nan
    is_good = (frame["city"] == "Rome") | (frame["size"] > 0.6)
    return frame.assign(kind=np.where(is_good, "good", "bad"), price=frame["size"].fillna(0) * 2 + is_good)


@pytest.fixture
def write(table, tmp_path):
    """Writes a configuration beside its table, and returns its path."""
    table.to_parquet(tmp_path / "data.parquet")

    def config(text, target="kind", drop="[price, day]"):
        path = tmp_path / "config.yaml"
        path.write_text(f"data: data.parquet\ntarget: {target}\ndrop: {drop}\n{text}")
        return path

    return config


@pytest.fixture(scope="module")
def finished(table, tmp_path_factory):
    """A comparison's folder, and its configuration."""
    folder = tmp_path_factory.mktemp("compared")
    table.to_parquet(folder / "data.parquet")
    path = folder / "config.yaml"
    path.write_text(f"data: data.parquet\ntarget: kind\ndrop: [price, day]\n{QUICK}compare: {{cv: 3}}\n")
    return runner.compare(path, folder=folder / "cmp"), path


def load_metadata(folder):
    return json.loads((folder / "metadata.json").read_text())


def test_the_folder_has_tables_metadata_and_a_report(finished):
    folder, path = finished
    found = load_metadata(folder)

    names = ["config.yaml", "differences.csv", "metadata.json", "report.html", "rows.csv", "summary.csv"]
    assert sorted(os.listdir(folder)) == names
    assert found["kind"] == "comparison"
    assert found["report"] == {"file": "report.html", "missing_because": None}
    assert found["comparison"]["names"] == ["optuna", "random", "grid", "dummy", "untuned"]
    assert (folder / "config.yaml").read_text() == path.read_text()
    assert found["config_hash"]
    assert found["data"]["data"]["n_rows"] == 150
    assert found["versions"]["scikit-learn"]
    assert "roc_auc" in (folder / "report.html").read_text(encoding="utf-8")
    rows = pd.read_csv(folder / "rows.csv")
    assert len(rows) == 5 * 3
    assert rows["n_trials"].dropna().eq(2).all()
    assert pd.read_csv(folder / "summary.csv")["method"].tolist() == found["summary"]["method"]


def test_a_method_is_scored_as_the_run_with_it_on_the_same_rows(finished):
    folder, path = finished
    config = read_config(path)
    parts = read_run_data(config, path.parent)
    train, test = next(StratifiedKFold(3, shuffle=True, random_state=0).split(parts.train.X, parts.train.y))

    search = make_search(config, parts, path.parent).fit(parts.train.X.iloc[train], parts.train.y[train])

    score = make_run_scorer("roc_auc", None)(search, parts.train.X.iloc[test], parts.train.y[test])
    assert runner.load_comparison(folder).column("score", "optuna")[0] == score
    assert len(parts.holdout.y) == 30  # took no part: the folds are of the other 120
    assert len(train) + len(test) == 120


def test_a_comparison_is_read_again_as_it_was(finished):
    folder, _ = finished

    comparison = runner.load_comparison(folder)

    assert comparison.metric == "roc_auc"
    assert comparison.verdict() == load_metadata(folder)["verdict"]
    assert set(comparison.anytime) == {"optuna", "random", "grid"}
    assert str(comparison).splitlines()[0].split()[:2] == ["method", "roc_auc"]


def test_the_same_configuration_gives_the_same_scores(finished, tmp_path):
    folder, path = finished

    again = load_metadata(runner.compare(path, folder=tmp_path / "again"))

    kept = ("score", "low", "high", "inner_score", "optimism", "n_fits", "n_trials", "n_failed")
    assert {name: again["summary"][name] for name in kept} == {
        name: load_metadata(folder)["summary"][name] for name in kept
    }


def test_the_folder_of_a_comparison_is_not_taken_for_that_of_a_run(finished, tmp_path, capsys):
    folder, path = finished

    for command in (["verify", str(folder)], ["predict", str(folder), "x.csv"]):
        assert main(command) == 2
        assert "it is the folder of a comparison, and it holds no model" in capsys.readouterr().err
    with pytest.raises(runner.RunFolderError, match="folder of a comparison"):
        runner.load(folder)
    assert main(["compare", str(path), "--output", str(folder)]) == 2
    assert "is there already" in capsys.readouterr().err
    (tmp_path / "metadata.json").write_text('{"kind": "run"}')
    with pytest.raises(runner.RunFolderError, match="no comparison folder: it is the folder of a run"):
        runner.load_comparison(tmp_path)


@pytest.mark.parametrize(
    ("holdout", "drop", "outer"),
    [
        ("{rule: group, column: shop}", "[price, day]", None),
        ("{rule: time, column: day}", "[price]", TimeSeriesSplit(3)),
    ],
)
def test_outer_folds_are_by_groups_or_in_time_where_the_hold_out_is(holdout, drop, outer, write, monkeypatch):
    seen = {}
    real = runner.compare.__globals__["compare_methods"]

    def noting(methods, X, y, **settings):
        seen.update(settings, rows=len(y))
        return real(methods, X, y, **settings)

    monkeypatch.setitem(runner.compare.__globals__, "compare_methods", noting)
    text = f"{QUICK}holdout: {holdout}\ncompare: {{methods: [optuna, random], cv: 3, baselines: false}}\n{NO_REPORT}"
    folder = runner.compare(write(text, drop=drop))

    assert load_metadata(folder)["comparison"]["names"] == ["optuna", "random"]
    if outer is not None:
        expected = list(outer.split(np.zeros(seen["rows"])))
        assert [fold[1].tolist() for fold in seen["cv"]] == [fold[1].tolist() for fold in expected]
    else:
        assert all(set(seen["groups"][train]).isdisjoint(seen["groups"][test]) for train, test in seen["cv"])
        assert len(seen["groups"]) == seen["rows"]


def test_inner_folds_keep_groups_together_too(write, monkeypatch):
    splits = []
    real = GroupKFold.split

    def noting(self, X, y=None, groups=None):
        splits.append(groups is not None and len(groups) == len(y))
        return real(self, X, y, groups)

    monkeypatch.setattr(GroupKFold, "split", noting)
    text = "model_type: ridge\nn_trials: 1\ncv: 2\nholdout: {rule: group, column: shop}\n"
    runner.compare(
        write(text + f"compare: {{methods: [optuna], cv: 2, baselines: false}}\n{NO_REPORT}", "price", "[kind, day]")
    )

    assert all(splits)
    assert len(splits) == 1 + 1 + 2 + 2  # of all rows; outer; those of the check; those of the searches


def test_boosters_and_model_selection_take_part(write):
    text = (
        "model_type: xgboost\nn_trials: 2\ncv: 2\nspace: {n_estimators: 10}\n"
        f"compare: {{methods: [optuna, grid, automl], cv: 2, baselines: false}}\n{NO_REPORT}"
    )

    found = load_metadata(runner.compare(write(text, "price", "[kind, day]")))

    assert found["comparison"]["metric"] == "neg_root_mean_squared_error"
    assert sorted(found["summary"]["method"]) == ["automl", "grid", "optuna"]
    assert found["summary"]["n_failed"] == [0, 0, 0]
    assert [row["n_trials"] for row in found["comparison"]["rows"] if row["method"] != "grid"] == [2] * 4


def test_model_selection_alone_is_held_against_a_dummy(write):
    text = f"n_trials: 2\ncv: 2\ncompare: {{cv: 2}}\n{NO_REPORT}"

    assert load_metadata(runner.compare(write(text)))["comparison"]["names"] == ["automl", "dummy"]


REFUSED = {
    "storage": ("storage: trials.db", "storage: compare keeps no trials"),
    "grid of ranges": ("space: {C: {float: [1, 2]}}\ncompare: {methods: [grid]}", "compare.methods: grid: space.C"),
    "large grid": ("space: {C: [1, 2, 3]}", "compare.methods: grid: n_trials: the grid has 3 candidates"),
    "folds": ("compare: {cv: 90}", "compare.cv: 90 outer folds with cv: 2 in each cannot be: cv: 90 folds, but"),
    "unknown": ("compare: {method: [grid]}", "line 8: compare.method: unknown key: did you mean methods?"),
    "no method": ("compare: {methods: []}", "line 8: compare.methods"),
    "wrong method": ("compare: {methods: [tpe]}", "line 8: compare.methods.0: has to be optuna"),
    "scoring": ("scoring: r2", "line 8: the key 'scoring' is there twice"),
    "FLAML without a time": ("compare: {methods: [flaml]}", "compare.methods: flaml: timeout: it searches for so many"),
    "limits for TPOT": (
        "timeout: 5\nlimits: {bytes: '<= 9e9'}\ncompare: {methods: [tpot]}",
        "compare.methods: tpot: limits: it searches by one score alone",
    ),
    "one fold": ("compare: {cv: 1}", "line 8: compare.cv: has to be at least 2"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_compared_is_refused_and_nothing_is_written(case, write, tmp_path, capsys):
    text, message = REFUSED[case]
    path = write(QUICK + text + "\n")
    before = sorted(os.listdir(tmp_path))

    assert main(["compare", str(path)]) == 2

    assert message in capsys.readouterr().err
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("package", ["flaml", "tpot"])
def test_packages_that_are_not_there_or_take_no_groups_and_weights_are_refused(
    package, write, table, tmp_path, monkeypatch
):
    table.assign(weight=1.0).to_parquet(tmp_path / "data.parquet")
    monkeypatch.setitem(sys.modules, package, None)
    methods = f"timeout: 5\ncompare: {{methods: [automl, {package}]}}"

    for text, message in (
        (methods, f"{package}: This method needs {package}: pip install {package}"),
        (f"groups: shop\n{methods}", f"{package}: groups and times: its own folds do not keep to them"),
        (f"time: day\n{methods}", f"{package}: groups and times: its own folds do not keep to them"),
        (f"sample_weight: weight\n{methods}", f"{package}: sample_weight: it takes no weights here"),
    ):
        with pytest.raises(ConfigError, match=f"compare.methods: {message}"):
            runner.compare(write(text, drop="[]"))


def test_a_score_that_flaml_does_not_have_is_refused(write):
    with pytest.raises(
        ConfigError, match=r"flaml: scoring: FLAML has no balanced_accuracy; write one of accuracy, neg_"
    ):
        runner.compare(write("scoring: balanced_accuracy\ntimeout: 5\ncompare: {methods: [flaml]}"))


def test_methods_that_need_a_model_are_refused_for_auto(write):
    with pytest.raises(ConfigError, match=r"line 4: compare\.methods: random needs a model_type other than auto"):
        runner.compare(write("compare: {methods: [automl, random]}"))


def test_a_method_that_fails_is_said_to_have_failed(write, capsys):
    text = f"model_type: xgboost\nn_trials: 1\ncv: 2\nspace: {{max_depth: -5}}\ncompare: {{cv: 2}}\n{NO_REPORT}"
    path = write(text)

    assert main(["compare", str(path)]) == 1
    assert "every method failed on every outer fold; the first, optuna, with " in capsys.readouterr().err
    assert not (path.parent / "runs").exists()

    path = write(text.replace("{cv: 2}", "{cv: 2, methods: [optuna, automl], baselines: false}"))
    assert main(["compare", str(path)]) == 0
    out, err = capsys.readouterr()
    assert "optuna failed on 2 of 2 folds: xgboost.core.XGBoostError: value -5 for Parameter max_depth" in out
    assert "Traceback" not in out + err
    with pytest.warns(FitFailedWarning, match="'optuna' failed on 2"):
        runner.compare(path, folder=path.parent / "again")


def test_progress_is_lines_in_a_log_and_json_is_for_machines(write, capsys):
    path = write(f"{QUICK}compare: {{methods: [optuna], cv: 2}}\n{NO_REPORT}")

    assert main(["compare", str(path), "--json"]) == 0
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert os.listdir(path.parent / "runs") == [os.path.basename(said["folder"])]
    assert sorted(said["summary"]["method"]) == ["dummy", "optuna", "untuned"]
    assert err.splitlines()[0].startswith("1 of 6 fits: optuna, fold 1: roc_auc 0.")
    assert len(err.splitlines()) == 6

    assert main(["compare", str(path), "--quiet", "--output", str(path.parent / "quiet")]) == 0
    assert capsys.readouterr() == ("", "")


@at_night
def test_ctrl_c_ends_with_130_and_leaves_nothing(write, tmp_path):
    path = write("model_type: random_forest\nn_trials: 10\ncv: 2\ncompare: {methods: [optuna], cv: 5}\n")
    command = [sys.executable, "-m", "sklearn_autotune", "compare", str(path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    before = sorted(os.listdir(tmp_path))
    with subprocess.Popen([*command], stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr.readline().startswith("1 of 15 fits")  # four searches are still to come
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)

    assert process.returncode == 130
    assert error.splitlines()[-1] == "error: interrupted; nothing was written"
    assert sorted(os.listdir(tmp_path)) == before


def test_weights_count_in_the_fits_and_scores_of_a_comparison(table, tmp_path):
    weight = np.where(table["kind"] == "good", 5.0, 1.0)
    table.assign(weight=weight).to_parquet(tmp_path / "data.parquet")
    path = tmp_path / "config.yaml"
    path.write_text(
        "data: data.parquet\ntarget: kind\ndrop: [price, day]\nsample_weight: weight\nscoring: accuracy\ncv: 2\n"
        "n_trials: 2\nmodel_type: logistic\nsampler: random\nholdout: {rule: none}\n"
        f"compare: {{methods: [optuna, random, automl], cv: 2}}\n{NO_REPORT}"
    )

    comparison = runner.load_comparison(runner.compare(path, folder=tmp_path / "compared"))

    assert {row["error"] for row in comparison.rows} == {None}
    folds = StratifiedKFold(2, shuffle=True, random_state=0).split(table, table["kind"])
    for (_, test), row in zip(folds, (row for row in comparison.rows if row["method"] == "dummy"), strict=True):
        share = weight[test][table["kind"].iloc[test] == "good"].sum() / weight[test].sum()
        assert row["score"] == pytest.approx(share)  # it predicts the class of most weight, which has fewer rows
    assert (table["kind"] == "good").mean() < 0.6


@pytest.mark.parametrize("text", ["model_type: tuned_xgboost\nspace: {n_estimators: 8}\ngroups: shop\n", "time: day\n"])
def test_groups_and_times_divide_the_outer_folds_too(text, write, tmp_path):
    families = "" if "model_type" in text else "model_type: auto\nfamilies: [logistic]\n"
    path = write(
        f"{text}{families}n_trials: 1\ncv: 2\nscoring: accuracy\ncompare: {{cv: 2}}\n{NO_REPORT}", drop="[price]"
    )

    comparison = runner.load_comparison(runner.compare(path, folder=tmp_path / "compared"))

    assert comparison.names[0] == ("optuna" if "model_type" in text else "automl")
    assert {row["error"] for row in comparison.rows} == {None}
