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
from sklearn_autotune.runner._config import read_config
from sklearn_autotune.runner._data import make_run_splitter
from tests.faults.nightly import at_night
from tests.inference.test_loading import MAX_MODULES
from tests.runs import NO_REPORT, SHORT, load_metadata, parts_of

# -- a run ---------------------------------------------------------------------------------------------------------


def test_the_folder_has_the_model_and_its_papers(finished):
    folder, path = finished
    found = load_metadata(folder)

    files = ["config.yaml", "metadata.json", "model.joblib", "model.py", "report.html", "summary.json", "trials.csv"]
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


@at_night
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


@pytest.mark.parametrize("change", ["column gone", "words in numbers", "other class"])
def test_data_whose_columns_or_classes_changed_do_not_verify_with_a_reason(finished, table, tmp_path, change, capsys):
    folder, _ = finished
    changed = {
        "column gone": table.drop(columns="size"),
        "words in numbers": table.assign(size="large"),
        "other class": table.assign(kind=table["kind"].replace("good", "fine")),
    }[change]
    name = load_metadata(folder)["config"]["data"]
    changed.to_parquet(tmp_path / name)

    code = main(["verify", str(folder), "--base", str(tmp_path), "--trust", "--refit"])

    captured = capsys.readouterr()
    assert code == 1, captured.err
    assert "DIFFERS  data: " in captured.out
    verdict = runner.verify(folder, base=tmp_path, trust=True, refit=True)
    differing = {check["name"]: check["found"] for check in verdict.checks if not check["matches"]}
    assert "data" in differing
    if change != "other class":
        assert "cannot be computed: " in differing["train score"]
        assert differing["train score"] in captured.out


@pytest.mark.parametrize("values", [np.inf, pd.Timedelta(seconds=5), b"x", [1, 2]])
@pytest.mark.parametrize("text", ["model_type: logistic", "model_type: tuned_xgboost"])
def test_a_column_that_no_model_reads_is_named_with_its_file_before_any_fit(write, tmp_path, table, values, text):
    path = write(text + "\ncv: 2\n" + NO_REPORT)
    name = read_config(path).data
    table.assign(odd=[values] * len(table)).to_parquet(path.parent / name)

    with pytest.raises(runner.ConfigError, match=f"{name}: .*'odd'"):
        runner.run(path, folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


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


# -- a run of each key ----------------------------------------------------------------------------------------------

FAST_BOOSTER = "n_estimators: 20, max_depth: {int: [2, 3]}"

RUNS = {
    "tuned boosting with its settings": (
        "model_type: tuned_xgboost\nsampler: {tpe: {n_startup_trials: 2}}\npruner: {fold_racing: {error_rate: 0.2}}\n"
        f"refine_learning_rate: false\nkeep: [estimators]\nspace: {{{FAST_BOOSTER}}}\n"
        "params: {class_weight: {good: 1, bad: 3}}\n",
        {"class": "TunedXGBClassifier", "files": {"oof.csv", "fold_models.joblib"}},
    ),
    "xgboost with limits": (
        "model_type: xgboost\nspace: {n_estimators: {int: [5, 20]}}\nlimits: {n_trees: '<= 20', accuracy: '>= 0.1'}\n",
        {"class": "OptunaSearchCV"},
    ),
    "several scores": (
        "model_type: logistic\nscoring: {area: roc_auc, loss: neg_log_loss}\nrefit: area\n",
        {"scoring": "roc_auc", "others": {"loss"}},
    ),
    "a rule for one of several scores": (
        "model_type: forest\nscoring: [roc_auc, f1_macro]\nspace: {n_estimators: [5, 10]}\n"
        "refit: {no_worse_than_default: {confidence: 0.6, metric: roc_auc}}\nmeasure_default: true\n"
        "error_score: raise\n",
        {"scoring": "roc_auc", "others": {"f1_macro"}},
    ),
    "the simplest of the best": (
        "model_type: logistic\nrefit: {one_standard_error: {by: C}}\nspace: {C: [0.1, 1, 10]}\n"
        "cv: {repeated_stratified: {n_splits: 2, n_repeats: 2, seed: 5}}\nreturn_train_score: true\n",
        {"folds": 4, "files": {"cv_results.csv"}},
    ),
    "weights": (
        "model_type: logistic\nsample_weight: weight\nscoring: roc_auc\nkeep: [predict_proba, estimators]\n"
        "corrected_score: true\n",
        {"files": {"oof.csv", "fold_models.joblib"}},
    ),
    "weights in skops": (
        "model_type: forest\nsample_weight: weight\nspace: {n_estimators: 5}\nkeep: [predict, estimators]\n"
        "output: {model: skops, report: false}\n",
        {"files": {"oof.csv", "fold_models.skops"}},
    ),
    "rungs": (
        "model_type: forest\nresource: iterations\nmin_resources: 5\nmax_resources: 20\nfactor: 2\nsampler: random\n",
        {},
    ),
    "rungs of a parameter": (
        "model_type: xgboost\nresource: n_estimators\nmin_resources: 5\nmax_resources: 20\n",
        {"class": "OptunaSearchCV"},
    ),
    "rungs of iterations": ("model_type: hist_gradient_boosting\nresource: iterations\nmax_resources: 20\n", {}),
    "candidates first": (
        "model_type: svm\nenqueue: [{C: 3.5, kernel: rbf}]\nspace: {kernel: [rbf], C: {float: [1, 10]}}\n"
        "pruner: {median: {n_startup_trials: 1}}\npatience: 3\ntarget_score: -0.01\nlook_ahead: 1\nstep_cache: 0\n",
        {"first": 3.5},
    ),
    "the knee of a front": (
        "model_type: forest\nobjectives: {area: roc_auc, trees: n_trees}\nrefit: knee\n"
        "sampler: {nsga2: {population_size: 4}}\nspace: {n_estimators: {int: [2, 9]}}\n",
        {"files": {"front.csv"}, "scoring": "roc_auc"},
    ),
    "groups": (
        "model_type: logistic\ngroups: shop\nholdout: {rule: random}\ncv: {group: {n_splits: 3}}\n",
        {"folds": 3, "rule": "random"},
    ),
    "each group once": (
        "model_type: logistic\ngroups: shop\ncv: leave_one_group_out\nscoring: accuracy\n",
        {"rule": "group"},
    ),
    "boosting by groups": (f"model_type: tuned_xgboost\ngroups: shop\nspace: {{{FAST_BOOSTER}}}\n", {"rule": "group"}),
    "time": ("model_type: svm\ntime: day\n", {"rule": "time", "folds": 2}),
    "time with a gap": (
        "model_type: svm\ntime: day\ncv: {time: {n_splits: 3, gap: 2}}\n",
        {"rule": "time", "folds": 3},
    ),
    "selection by families": (
        "model_type: auto\nfamilies: [logistic, random_forest]\nblend: false\nsample_weight: weight\n"
        "keep: [estimators]\n",
        {"class": "AutoModelSelector", "files": {"oof.csv", "front.csv", "fold_models.joblib"}},
    ),
    "selection with limits": (
        "model_type: auto\nfamilies: [logistic, forest]\nlimits: {predict_seconds: '<= 1', bytes: '<= 1e9', "
        "accuracy: '>= 0.2'}\nlimit_confidence: 0.8\ninfeasible: nearest\npatience: 2\nlook_ahead: 1\n",
        {
            "class": "AutoModelSelector",
            "best_scores": {"predict_seconds", "bytes", "accuracy"},
            "files": {"front.csv"},
        },
    ),
    "selection in time": (
        "model_type: auto\nfamilies: [logistic, forest]\ntime: day\n",
        {"rule": "time", "files": {"front.csv"}, "script": "differs"},
    ),
}


@pytest.fixture
def write_weighted(write, table, tmp_path):
    """Writes a configuration for the table with a column of weights."""
    weight = np.random.RandomState(2).uniform(0.2, 4, len(table)).round(3)
    table.assign(weight=weight).to_csv(tmp_path / "weighted.csv", index=False)

    def make(text, head="cv: 2\nn_trials: 3\noutput: {report: false}\n"):
        given = {line.partition(":")[0] for line in text.splitlines()}
        lines = [line for line in head.splitlines() if line.partition(":")[0] not in given]
        drop = "[price]" if "time" in given else "[price, day]"
        return write("\n".join([*lines, text]), data="weighted.csv", drop=drop)

    return make


# The others differ from these in what the tests of searches and of single keys look at.
RUNS_BY_DAY = {
    "tuned boosting with its settings",
    "several scores",
    "weights",
    "groups",
    "selection with limits",
}


@pytest.mark.parametrize("case", [pytest.param(name, marks=[] if name in RUNS_BY_DAY else at_night) for name in RUNS])
def test_every_key_gives_a_folder_that_verifies_and_predicts(case, write_weighted, tmp_path, capsys):
    text, expected = RUNS[case]
    folder = tmp_path / "run"

    assert main(["run", str(write_weighted(text)), "--output", str(folder), "--quiet"]) == 0, capsys.readouterr().err

    found, files = load_metadata(folder), set(os.listdir(folder))
    scores = found["scores"]
    assert found["model"]["kind"] == expected.get("class", found["model"]["kind"])
    assert expected.get("files", set()) <= files
    assert files & {"oof.csv", "front.csv", "cv_results.csv"} == expected.get("files", set()) & {
        "oof.csv",
        "front.csv",
        "cv_results.csv",
    }
    assert scores["scoring"] == expected.get("scoring", scores["scoring"])
    assert set(scores["others"]) == expected.get("others", set())
    assert scores["holdout"]["rule"] == expected.get("rule", "stratified")
    assert len(scores["folds"].get("scores", [])) in (expected.get("folds", 0), 0) or "folds" not in expected
    assert set(found["best_scores"] or ()) >= expected.get("best_scores", set())
    has_script = "script" not in expected
    assert (found["script"]["file"] == "model.py") == has_script
    assert expected.get("script", "") in (found["script"]["missing_because"] or "")
    assert expected.get("first") in (None, *pd.read_csv(folder / "trials.csv").iloc[0].tolist())
    verdict = runner.verify(folder, refit=has_script, trust=True)
    assert verdict.matches, verdict.checks
    pd.read_csv(tmp_path / "weighted.csv").drop(columns="kind").to_csv(tmp_path / "new.csv", index=False)
    predict = ["predict", str(folder), str(tmp_path / "new.csv"), "--output", str(tmp_path / "out.csv"), "--trust"]
    assert main(predict) == 0
    assert set(pd.read_csv(tmp_path / "out.csv")["kind"]) <= {"good", "bad"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model_type: svm\nenqueue: [{Cc: 1}]\n", "Cc"),
        ("model_type: svm\nspace: {C: {float: [1, 2]}}\nenqueue: [{C: 5.0}]\n", "C"),
        ("model_type: svm\nresource: iteration\n", "Cannot use resource="),
        (
            "model_type: forest\nobjectives: [roc_auc, n_trees]\nsampler: rust_tpe\n",
            "objectives: RustTPESampler works for",
        ),
        ("model_type: forest\nobjectives: [roc_auc, n_trees]\ntarget_score: 1\n", "objectives: target_score=1.0 stops"),
        ("model_type: forest\nlimits: {n_trees: '<= 9'}\nrefit: no_worse_than_default\n", "limits: NoWorseThanDefault"),
        ("model_type: auto\nlimits: {n_trees: '<= 9'}\n", "limits: "),
        ("model_type: auto\nfamilies: [ridge]\n", "families: The family 'ridge' cannot be used"),
        ("model_type: svm\nparams: {Cc: 1}\n", "params.Cc: svm has no such parameter: did you mean C?"),
        ("model_type: tuned_xgboost\nspace: {refit: false}\n", "space.refit: tuned_xgboost has no such parameter"),
        (
            "model_type: svm\nrefit: {one_standard_error: {by: gama}}\n",
            "by: 'gama' is not searched: did you mean gamma?",
        ),
    ],
)
def test_what_a_search_does_not_take_is_refused_before_any_fit(text, message, write_weighted, tmp_path, capsys):
    assert main(["run", str(write_weighted(text)), "--output", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "--traceback" not in said
    assert not (tmp_path / "run").exists()


def test_what_is_kept_of_the_folds_is_that_of_the_winner(write_weighted, table, tmp_path):
    path = write_weighted("model_type: logistic\nkeep: [predict, predict_proba, estimators]\n")
    folder, parts = runner.run(path, folder=tmp_path / "run"), parts_of(path)
    kept = pd.read_csv(folder / "oof.csv")
    models = runner.load(folder, trust=True, folds=True)
    config = read_config(path)

    assert list(kept) == ["row", "kind", "predict", "predict_proba_bad", "predict_proba_good"]
    assert kept["kind"].tolist() == table["kind"].to_numpy()[kept["row"] - 1].tolist()
    for model, (_, test) in zip(
        models, make_run_splitter(config, parts).split(parts.train.X, parts.train.y), strict=True
    ):
        expected = model.predict_proba(parts.train.X.iloc[test])[:, 1]
        np.testing.assert_allclose(kept["predict_proba_good"].to_numpy()[test], expected, rtol=1e-12)
    with pytest.raises(runner.RunFolderError, match="runs code when it is loaded"):
        runner.load(folder, folds=True)


def test_models_of_the_folds_that_were_not_kept_cannot_be_loaded(finished):
    with pytest.raises(runner.RunFolderError, match=r"there are no models of the folds; .* keep: \[estimators\]"):
        runner.load(finished[0], trust=True, folds=True)


def test_the_other_scores_are_those_of_the_model(write_weighted, tmp_path):
    path = write_weighted("model_type: logistic\nscoring: {area: roc_auc, share: accuracy}\nrefit: area\n")
    folder, parts = runner.run(path, folder=tmp_path / "run"), parts_of(path)
    others = load_metadata(folder)["scores"]["others"]
    model = runner.load(folder, trust=True)

    assert others["share"]["scoring"] == "accuracy"
    assert others["share"]["holdout"]["score"] == model.score(parts.holdout.X, parts.holdout.y)
    assert 0 < others["share"]["folds"] <= 1


RESUMED = {
    "pipeline": ("model_type: logistic\nsampler: forest\nsample_weight: weight\n", "cv: {stratified: {n_splits: 3}}\n"),
    "boosting": (f"model_type: tuned_xgboost\ngroups: shop\nspace: {{{FAST_BOOSTER}}}\n", "params: {gamma: 1.0}\n"),
    "selection": ("model_type: auto\nfamilies: [logistic, forest]\nlimits: {bytes: '<= 1e9'}\n", "seed: 5\n"),
}


@pytest.mark.parametrize(
    "case", ["pipeline", *(pytest.param(name, marks=at_night) for name in ("boosting", "selection"))]
)
def test_a_run_goes_on_with_the_same_settings_and_not_with_others(case, write_weighted, tmp_path, capsys):
    text, change = RESUMED[case]
    stored = "storage: trials.db\n" + text
    short, long = (f"cv: 2\nn_trials: {number}\noutput: {{report: false}}\n" for number in (2, 4))
    assert main(["run", str(write_weighted(stored, short)), "--output", str(tmp_path / "a"), "--quiet"]) == 0
    assert main(["run", str(write_weighted(stored, long)), "--output", str(tmp_path / "b"), "--quiet", "--resume"]) == 0
    first, second = (pd.read_csv(tmp_path / name / "trials.csv") for name in "ab")
    assert (len(first), len(second)) == (2, 4)
    assert first.filter(regex="split|score").iloc[0].tolist() == second.filter(regex="split|score").iloc[0].tolist()

    other = write_weighted(stored + change, long)
    assert main(["run", str(other), "--output", str(tmp_path / "c"), "--quiet", "--resume"]) == 2
    assert "storage: " in capsys.readouterr().err
    assert not (tmp_path / "c").exists()


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


# The others differ from these in what the tests of searches and folders look at.
BY_DAY = {"tuned xgboost", "svm grid", "groups", "time"}


@pytest.mark.parametrize("method", [pytest.param(name, marks=[at_night] * (name not in BY_DAY)) for name in METHODS])
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


@at_night
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
