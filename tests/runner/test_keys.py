"""Which search takes which keys; objectives and limits: read as people write them, and refused before any fit."""

import json
import re
from inspect import signature
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score
from xgboost import XGBClassifier

from sklearn_autotune import (
    AutoModelSelector,
    GroupDifference,
    OptunaSearchCV,
    PredictSeconds,
    TunedXGBClassifier,
    TunedXGBRegressor,
    runner,
)
from sklearn_autotune.__main__ import main
from sklearn_autotune.runner._config import Config, ConfigError, hash_config, read_config
from sklearn_autotune.runner._keys import (
    OTHER_NAMES,
    PYTHON_ONLY,
    PYTHON_ONLY_VALUES,
    SEARCHES,
    choose_search,
    get_deciding_metric,
    list_model_params,
    list_params,
    make_aims,
    read_scores,
)
from sklearn_autotune.runner._search import make_search
from sklearn_autotune.runner._sections import SearchKeys
from tests.faults.nightly import at_night
from tests.runs import NO_REPORT, load_metadata, parts_of

GOOD = "data: sklearn:breast_cancer\ntarget: target\nmodel_type: logistic\n"
RUN = f"data: sklearn:breast_cancer\ntarget: target\nmodel_type: forest\ncv: 3\nn_trials: 6\n{NO_REPORT}"
SMALL = "space: {n_estimators: {int: [2, 12]}}\n"


@pytest.fixture
def read(tmp_path):
    def from_text(text):
        path = tmp_path / "config.yaml"
        path.write_text(text)
        return read_config(path)

    return from_text


def test_both_ways_to_write_a_limit_are_the_same():
    aims = make_aims(None, {"bytes": "<= 1_000", "n_trees": "<=20", "recall": [">=", 0.5]}, "roc_auc")

    assert aims.limits == {"bytes": ("<=", 1000.0), "n_trees": ("<=", 20.0), "recall": (">=", 0.5)}
    assert (aims.objectives, aims.scoring, aims.scorers) == (None, None, ("recall",))


def test_a_list_and_a_section_of_objectives_with_settings():
    aims = make_aims(["neg_log_loss", {"predict_seconds": {"batch_size": 1}}], None, None)
    assert aims.objectives == ["neg_log_loss", PredictSeconds(batch_size=1)]
    assert aims.scoring == "neg_log_loss"

    gap = {"group_difference": {"scoring": "recall", "by": "site"}}
    aims = make_aims(
        {"size": "bytes", "quality": "roc_auc", "gap": gap}, {"fast": [{"predict_seconds": None}, "<=", 1]}, None
    )
    assert aims.objectives["gap"] == GroupDifference("recall", by="site")
    assert aims.limits == {"fast": (PredictSeconds(), "<=", 1)}
    assert (aims.scoring, aims.scorers) == ("roc_auc", ("roc_auc",))


def test_models_that_do_not_know_them_are_refused(read, tmp_path):
    for model, key, message in (
        ("tuned_xgboost", "objectives: [roc_auc]", "a model_type other than tuned_xgboost"),
        ("tuned_xgboost", "limits: {bytes: '<= 5'}", "a model_type other than tuned_xgboost"),
        ("tuned_xgboost", "threshold: f1", "a model_type other than tuned_xgboost"),
    ):
        with pytest.raises(ConfigError, match=f"line 4: {key.partition(':')[0]}: it needs {message}"):
            read(f"data: sklearn:iris\ntarget: target\nmodel_type: {model}\n{key}")
    read(f"{GOOD}return_train_score: true\ncompare: {{methods: [optuna, automl], cv: 2}}\n")
    with pytest.raises(ConfigError, match=r"compare.methods: automl: return_train_score: automl does not take it"):
        runner.compare(tmp_path / "config.yaml")


def test_scorers_that_do_not_fit_the_task_are_refused(write):
    for text, message in (
        ("objectives: [r2, bytes]", "objectives and limits: r2 is for regression"),
        ("limits: {recall: '>= 0.5'}", "objectives and limits: recall is for the classes 0 and 1"),
        ("threshold: r2", "threshold: r2 is for regression"),
        ("threshold: f1", "threshold: f1 is for the classes 0 and 1; take f1_macro or balanced_accuracy"),
        ("scoring: f1", "scoring: f1 is for the classes 0 and 1; take f1_macro or roc_auc"),
        ("scoring: average_precision", "scoring: average_precision is for the classes 0 and 1; take roc_auc"),
    ):
        with pytest.raises(ConfigError, match=message):
            runner.run(write(f"model_type: logistic\n{text}\n"))
    with pytest.raises(ConfigError, match="threshold: it is for two classes, but"):
        runner.run(write("model_type: logistic\nthreshold: f1_macro\n", target="city", drop="[price, day, kind]"))


def test_older_configurations_keep_their_hash(read):
    assert hash_config(read(GOOD + "seed: 0")) == hash_config(read(GOOD))
    assert hash_config(read(GOOD + "limits: {bytes: '<= 99999'}")) != hash_config(read(GOOD))


def test_a_run_with_objectives_writes_its_front_and_can_be_verified(tmp_path, capsys):
    path = tmp_path / "config.yaml"
    path.write_text(
        RUN + SMALL + "objectives:\n  size: bytes\n  quality: roc_auc\n"
        'limits:\n  size: "<= 200_000"\n  recall: [">=", 0.5]\nthreshold: f1\n'
    )

    assert main(["run", str(path), "--output", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    metadata, front = load_metadata(tmp_path / "run"), pd.read_csv(tmp_path / "run" / "front.csv")

    assert "roc_auc, higher is better:" in said
    assert f"size = {metadata['best_scores']['size']:.6g}  (limit <= 200_000)" in said
    assert "(limit >= 0.5)" in said
    assert metadata["n_front"] == len(front) > 0
    assert {"index", "size", "quality", "recall", "param_model__n_estimators"} <= set(front)
    assert front["quality"].max() == metadata["best_scores"]["quality"] == metadata["scores"]["folds"]["mean"]
    assert f"threshold: {metadata['threshold']:.6g}" in said
    assert runner.verify(tmp_path / "run", refit=True, trust=True).matches


@at_night
def test_a_score_of_labels_is_that_of_the_threshold(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(RUN + SMALL + "scoring: f1\nthreshold: f1\n")
    folder, parts = runner.run(path, folder=tmp_path / "run"), parts_of(path)
    model = runner.load(folder, trust=True)
    recorded = load_metadata(folder)["scores"]["holdout"]

    assert recorded["score"] == f1_score(parts.holdout.y, model.predict(parts.holdout.X))
    assert recorded["interval"][0] < recorded["score"] < recorded["interval"][1] + 1e-9
    labels = model.predict_proba(parts.holdout.X)[:, 1] >= model.threshold
    assert np.array_equal(labels.astype(int), model.predict(parts.holdout.X))


def test_limits_alone_and_their_settings_reach_the_search(read, tmp_path):
    text = f"{RUN}scoring: roc_auc\nlimits: {{n_trees: '<= 9'}}\nlimit_confidence: 0.5\ninfeasible: nearest\n"
    config = read(text)
    search = make_search(config, parts_of(tmp_path / "config.yaml"), tmp_path)

    assert search.limits == {"n_trees": ("<=", 9.0)}
    assert (search.limit_confidence, search.infeasible, search.objectives) == (0.5, "nearest", None)


@at_night
def test_random_and_grid_search_know_them_too(tmp_path):
    path = tmp_path / "config.yaml"
    for method in ("random", "grid"):
        path.write_text(
            f"{RUN}optimization_method: {method}\nspace: {{n_estimators: [2, 5, 9]}}\nobjectives: [accuracy, n_trees]\n"
        )
        folder = runner.run(path, folder=tmp_path / method)

        assert set(pd.read_csv(folder / "front.csv")["n_trees"]) <= {2, 5, 9}


# -- every parameter has a key, or a reason ------------------------------------------------------------------------


def find_uncovered(params, keys, reasons):
    """Return the parameters without a key of their name, another name, or a reason."""
    return [name for name in params if OTHER_NAMES.get(name, name) not in keys and name not in reasons]


@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: search.__name__)
def test_every_parameter_of_a_search_can_be_written_or_is_for_python_only(search):
    params = list_params(search)

    assert find_uncovered(params, Config.model_fields, PYTHON_ONLY) == []
    assert find_uncovered([*params, "n_new"], Config.model_fields, PYTHON_ONLY) == ["n_new"]
    assert set(params) | set(list_model_params(search)) | {"self"} == set(signature(search.__init__).parameters)


def test_nothing_is_said_of_parameters_that_are_not_there_or_have_a_key():
    params = {name for search in SEARCHES for name in list_params(search)}

    assert set(PYTHON_ONLY) <= params - set(Config.model_fields)
    assert set(PYTHON_ONLY_VALUES) <= params - set(PYTHON_ONLY)
    assert set(OTHER_NAMES) <= params
    assert {key for key in SearchKeys.model_fields if key not in params} == set()


def test_the_parameters_of_the_model_are_those_of_xgboost():
    own = set(TunedXGBClassifier().get_params()) & set(XGBClassifier().get_params())

    assert own - {"n_jobs", "random_state", "callbacks"} <= set(list_model_params(TunedXGBClassifier))
    assert {"class_weight", "n_estimators"} <= set(list_model_params(TunedXGBClassifier))
    assert {"quantile_alpha", "tweedie_variance_power"} <= set(list_model_params(TunedXGBRegressor))
    assert list_model_params(OptunaSearchCV) == []


def test_the_page_has_the_sentence_about_everything_that_is_for_python_only():
    page = (Path(__file__).parents[2] / "docs" / "guides" / "production.md").read_text(encoding="utf-8")

    for name, reason in (PYTHON_ONLY | PYTHON_ONLY_VALUES).items():
        assert f"| `{name}` | {reason} |\n" in page
    section = page.partition("### For Python only")[2].partition("\n#")[0]
    assert section.count("\n| `") == len(PYTHON_ONLY | PYTHON_ONLY_VALUES)
    listed = set(re.findall(r"`(\w+)`", page.partition("## What a configuration says")[2].partition("\n#")[0]))
    assert set(Config.model_fields) - {"version"} <= listed


# -- which search --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "search"),
    [
        ("model_type: auto", AutoModelSelector),
        ("model_type: svm", OptunaSearchCV),
        ("model_type: tuned_xgboost", TunedXGBClassifier),
        ("model_type: Tuned-XGBoost", TunedXGBClassifier),
        ("model_type: xgboost", TunedXGBClassifier),
        ("model_type: xgboost\noptimization_method: random", OptunaSearchCV),
        ("model_type: xgboost\nrefine_learning_rate: false", TunedXGBClassifier),
        ("model_type: xgboost\nkeep: [estimators]", TunedXGBClassifier),
        ("model_type: xgboost\nkeep: [predict]", OptunaSearchCV),
        ("model_type: xgboost\nlimits: {bytes: '<= 5e6'}", OptunaSearchCV),
        ("model_type: xgboost\nrefit: no_worse_than_default", OptunaSearchCV),
        ("model_type: xgboost\nscoring: [roc_auc, f1]\nrefit: f1", TunedXGBClassifier),
    ],
)
def test_xgboost_is_tuned_unless_a_key_is_for_the_other_search(text, search, read):
    assert choose_search(read(f"data: sklearn:breast_cancer\ntarget: target\n{text}\n")) is search


def test_the_score_that_decides_is_named_by_refit_or_its_rule(read):
    several = f"{GOOD}scoring: {{a: roc_auc, b: f1}}\n"

    assert get_deciding_metric(read(several + "refit: b")) == "b"
    assert get_deciding_metric(read(several + "refit: {no_worse_than_default: {metric: a}}")) == "a"
    assert get_deciding_metric(read(GOOD + "scoring: f1\nrefit: no_worse_than_default")) is None
    assert read_scores(["roc_auc", "f1"]) == {"roc_auc": "roc_auc", "f1": "f1"}


def test_a_selector_takes_objectives_and_a_threshold(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(
        "data: sklearn:breast_cancer\ntarget: target\nmodel_type: auto\nfamilies: [logistic, naive_bayes]\ncv: 3\n"
        f"n_trials: 2\nobjectives: [neg_log_loss, bytes]\nrefit: bytes\nthreshold: f1\n{NO_REPORT}"
    )

    folder = runner.run(path)
    metadata, front = load_metadata(folder), pd.read_csv(folder / "front.csv")
    summary = json.loads((folder / "summary.json").read_text())

    assert list(metadata["best_scores"]) == ["neg_log_loss", "bytes"]
    assert metadata["n_front"] == summary["n_front"] == len(front) > 0
    assert {"neg_log_loss", "bytes", "n_models"} < set(front)
    assert set(metadata["blend"]) <= {name.removeprefix("weight_") for name in front}
    assert [one["direction"] for one in summary["objectives"]] == ["maximize", "minimize"]
    assert 0 < metadata["threshold"] < 1
    path.write_text(
        path.read_text().replace("neg_log_loss, bytes", "neg_log_loss, n_trees").replace("refit: bytes\n", "")
    )
    with pytest.raises(ConfigError, match="objectives: has 'n_trees', a cost that AutoModelSelector does not measure"):
        runner.run(path)
