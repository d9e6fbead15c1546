"""Objectives and limits of a configuration: read as people write them, and refused before anything is fitted."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from sklearn_autotune import GroupDifference, PredictSeconds, runner
from sklearn_autotune.__main__ import main
from sklearn_autotune.runner._aims import make_aims
from sklearn_autotune.runner._config import ConfigError, hash_config, read_config
from sklearn_autotune.runner._search import make_search
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


REFUSED = {
    "key": ("objective: [roc_auc]", "line 4: objective: unknown key: did you mean objectives?"),
    "scorer": (
        "objectives: [roc_auk, bytes]",
        "line 4: objectives: has 'roc_auk', which is neither a scorer nor a cost",
    ),
    "near scorer": ("objectives: [roc_auk, bytes]", "did you mean roc_auc?"),
    "cost": ("limits: {byte: '<= 5'}", "did you mean bytes?"),
    "only costs": ("objectives: [bytes]", "line 4: objectives: has only costs"),
    "no bound": ("limits: {bytes: '<= many'}", "line 4: limits.bytes: has to be like '<= 1000' or ['>=', 0.9]"),
    "operator": ("limits: {bytes: ['<', 5]}", "line 4: limits: limits['bytes'] is ('<', 5)"),
    "impossible": ("limits: {recall: '>= 1.5'}", "line 4: limits: No model can meet limits['recall']"),
    "setting": ("objectives: [roc_auc, {predict_seconds: {batch: 1}}]", "predict_seconds: got an unexpected keyword"),
    "settings": ("objectives: [roc_auc, {predict_second: {}}]", "'predict_second' takes no settings: did you mean"),
    "two in one": ("objectives: [roc_auc, {bytes: {}, n_trees: {}}]", "has to be one name with its settings"),
    "value": ("objectives: [r2, {predict_seconds: {batch_size: 0}}]", "batch_size must be an int of at least 1"),
    "scoring too": ("scoring: roc_auc\nobjectives: [roc_auc, bytes]", "line 4: scoring: the first score among the"),
    "first": ("objectives: {a: {group_ratio: {scoring: recall, by: 0}}}", "objectives: a is the first score"),
    "no limits": ("infeasible: nearest", "line 4: infeasible: it is for limits"),
    "confidence": ("limits: {bytes: '<= 5'}\nlimit_confidence: 2", "line 5: limit_confidence: has to be less than 1"),
    "threshold": ("threshold: f2", "line 4: threshold: 'f2' is not known"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_refused_with_its_line_and_key(case, read):
    text, message = REFUSED[case]

    with pytest.raises(ConfigError) as caught:
        read(GOOD + text)

    assert message in str(caught.value)


def test_models_that_do_not_know_them_are_refused(read, tmp_path):
    for model, key in (
        ("auto", "limits: {bytes: '<= 5'}"),
        ("xgboost", "objectives: [roc_auc]"),
        ("auto", "threshold: f1"),
    ):
        with pytest.raises(ConfigError, match="it needs a model_type other than auto"):
            read(f"data: sklearn:iris\ntarget: target\nmodel_type: {model}\n{key}")
    read(f"{GOOD}limits: {{bytes: '<= 9999'}}\ncompare: {{methods: [optuna, automl], cv: 2}}\n")
    with pytest.raises(ConfigError, match=r"compare.methods: automl: limits: automl does not take it"):
        runner.compare(tmp_path / "config.yaml")


def test_scorers_that_do_not_fit_the_task_are_refused(write):
    for text, message in (
        ("objectives: [r2, bytes]", "objectives and limits: r2 is for regression"),
        ("limits: {recall: '>= 0.5'}", "objectives and limits: recall is for the classes 0 and 1"),
        ("threshold: r2", "threshold: r2 is for regression"),
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


def test_random_and_grid_search_know_them_too(tmp_path):
    path = tmp_path / "config.yaml"
    for method in ("random", "grid"):
        path.write_text(
            f"{RUN}optimization_method: {method}\nspace: {{n_estimators: [2, 5, 9]}}\nobjectives: [accuracy, n_trees]\n"
        )
        folder = runner.run(path, folder=tmp_path / method)

        assert set(pd.read_csv(folder / "front.csv")["n_trees"]) <= {2, 5, 9}
