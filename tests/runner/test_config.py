"""A configuration that cannot be done is refused in one message, with its line and its key."""

import itertools
import json

import pytest
import yaml

from sklearn_autotune.cli._commands import EXAMPLE
from sklearn_autotune.runner._config import (
    Config,
    ConfigError,
    hash_config,
    make_raw_space,
    read_config,
    redact_config,
    redact_config_text,
)

GOOD = "data: sklearn:iris\ntarget: target\n"


@pytest.fixture
def read(tmp_path):
    def from_text(text):
        path = tmp_path / "config.yaml"
        path.write_text(text)
        return read_config(path)

    return from_text


REFUSED = {
    "unknown key": ("n_trails: 5", "line 3: n_trails: unknown key: did you mean n_trials?"),
    "unknown inner key": ("holdout:\n  shar: 0.1", "line 4: holdout.shar: unknown key: did you mean share?"),
    "unknown key of a range": ("model_type: svm\nspace:\n  C: {flat: [1, 2]}", "line 5: space.C.flat: unknown key"),
    "word for a number": ("n_trials: many", "line 3: n_trials: has to be a whole number, got 'many'"),
    "quoted number": ('n_trials: "5"', "line 3: n_trials: has to be a whole number, got '5'"),
    "out of range": ("n_trials: 0", "line 3: n_trials: has to be at least 1"),
    "wrong word": ("task: cluster", "line 3: task: has to be auto, classification or regression"),
    "yes is a word": ("resume: yes", "line 3: resume: has to be true or false, got 'yes'"),
    "twice": ("seed: 1\nseed: 2", "line 4: the key 'seed' is there twice, on lines 3 and 4"),
    "no YAML": ("seed: [1", "line"),
    "model": ("model_type: xgbost", "line 3: model_type: 'xgbost' is not known: did you mean xgboost?"),
    "scoring": ("scoring: acuracy", "line 3: scoring: 'acuracy' is not known: did you mean accuracy?"),
    "grid for auto": ("optimization_method: grid", "line 3: optimization_method: grid needs a model_type"),
    "automl for one": ("model_type: svm\noptimization_method: automl", "line 4: optimization_method: automl chooses"),
    "task": ("model_type: ridge\ntask: classification", "line 3: model_type: ridge is for regression"),
    "resume": ("model_type: svm\nresume: true", "line 4: resume: true needs storage"),
    "two ends": ("model_type: svm\nspace:\n  C: {float: [1]}", "line 5: space.C.float"),
    "upside down": ("model_type: svm\nspace:\n  C: {float: [2, 1]}", "space.C"),
    "group without column": ("holdout: {rule: group}", "line 3: holdout: rule: group needs column"),
    "two hold-outs": ("validation: b.csv\nholdout: {rule: random}", "line 3: validation: this file replaces holdout"),
    "artifacts of nothing": (
        "model_type: auto\nartifact_store: kept",
        "line 4: artifact_store: it needs storage",
    ),
    "generated columns of one": (
        "model_type: svm\ngenerate_features: true",
        "line 4: generate_features: it needs model_type: auto",
    ),
    "earlier runs of auto": (
        "warm_start_from: [a.db]",
        "line 3: warm_start_from: it needs a model_type other than auto and tuned_xgboost",
    ),
    "earlier runs of a grid": (
        "model_type: svm\noptimization_method: grid\nwarm_start_from: [a.db]",
        "line 5: warm_start_from: it needs optimization_method: optuna",
    ),
    "memory of a cluster": (
        'model_type: svm\nexecutor: "tcp://a:8786"\nmemory_limit: 1_000_000_000',
        "line 5: memory_limit: set it when you start the workers",
    ),
    "a word for seconds": ("trial_timeout: 2 min", "line 3: trial_timeout: has to be a number"),
}


# Objectives, limits and thresholds of one model.
REFUSED |= {
    case: (f"model_type: logistic\n{text}", message)
    for case, (text, message) in {
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
        "setting": (
            "objectives: [roc_auc, {predict_seconds: {batch: 1}}]",
            "predict_seconds: got an unexpected keyword",
        ),
        "settings": ("objectives: [roc_auc, {predict_second: {}}]", "'predict_second' takes no settings: did you mean"),
        "two in one": ("objectives: [roc_auc, {bytes: {}, n_trees: {}}]", "has to be one name with its settings"),
        "value": ("objectives: [r2, {predict_seconds: {batch_size: 0}}]", "batch_size must be an int of at least 1"),
        "scoring too": ("scoring: roc_auc\nobjectives: [roc_auc, bytes]", "line 4: scoring: the first score among the"),
        "first": ("objectives: {a: {group_ratio: {scoring: recall, by: 0}}}", "objectives: a is the first score"),
        "no limits": ("infeasible: nearest", "line 4: infeasible: it is for limits"),
        "confidence": (
            "limits: {bytes: '<= 5'}\nlimit_confidence: 2",
            "line 5: limit_confidence: has to be less than 1",
        ),
        "threshold": ("threshold: f2", "line 4: threshold: 'f2' is not known"),
    }.items()
}

# Keys that need another key, or are for another search.
REFUSED |= {
    "sampler of auto": ("model_type: auto\nsampler: tpe", "line 4: sampler: it needs a model_type other than auto"),
    "families of one": ("model_type: svm\nfamilies: [svm]", "line 4: families: it needs model_type: auto"),
    "unknown family": ("families: [forrest]", "line 3: families: 'forrest' is not known: did you mean forest?"),
    "blend of one": ("model_type: svm\nblend: false", "line 4: blend: it needs model_type: auto"),
    "refinement": (
        "model_type: svm\nrefine_learning_rate: true",
        "line 4: refine_learning_rate: it needs model_type: tuned_xgboost",
    ),
    "rule of a booster": (
        "model_type: tuned_xgboost\nrefit: no_worse_than_default",
        "line 4: refit: model_type: tuned_xgboost takes only the name of a score",
    ),
    "kept predictions": ("keep: [predict]", "line 3: keep: model_type: auto takes only estimators"),
    "random booster": (
        "model_type: tuned_xgboost\noptimization_method: random",
        "line 4: optimization_method: random needs another model_type, such as xgboost",
    ),
    "sampler of a grid": (
        "model_type: svm\noptimization_method: grid\nsampler: tpe",
        "line 5: sampler: it needs optimization_method: optuna",
    ),
    "patience": ("model_type: svm\npatience: auto", "line 4: patience: auto needs model_type: auto"),
    "word for patience": ("patience: never", "patience: has to be a whole number or auto or none, got 'never'"),
    "rungs of nothing": ("model_type: svm\nfactor: 3", "line 4: factor: it is for resource, and there is none"),
    "sampler": ("model_type: svm\nsampler: {tpe: {n_ei: 3}}", "line 4: sampler.tpe: 'n_ei' is none of its settings"),
    "setting below": (
        "model_type: svm\npruner:\n  median:\n    n_warmup_steps: x",
        "line 6: pruner.median.n_warmup_steps: has to be a whole number of at least 0, got 'x'",
    ),
    "scores without refit": ("model_type: svm\nscoring: [roc_auc, f1]", "refit: there are several scores"),
    "several scores of auto": ("scoring: [accuracy]", "line 3: scoring: model_type: auto takes one score"),
    "one score of several": ("model_type: svm\nscoring: [f1, f2]\nrefit: f1", "line 4: scoring: 'f2' is not known"),
    "score twice": ("model_type: svm\nscoring: [f1, f1]\nrefit: f1", "line 4: scoring: a score is there twice"),
    "refit": ("model_type: svm\nrefit: best", "line 4: refit: 'best' is not known: did you mean best_mean?"),
    "metric of a rule": (
        "model_type: svm\nscoring: {a: f1, b: recall}\nrefit: {best_mean: {metric: c}}",
        "line 5: refit.best_mean: needs metric, the score that decides: a, b",
    ),
    "metric of one": (
        "model_type: svm\nscoring: f1\nrefit: {best_mean: {metric: f1}}",
        "line 5: refit.best_mean: metric is for several scores",
    ),
    "error score": ("error_score: stop", "line 3: error_score: has to be a number or raise, got 'stop'"),
    "params of auto": ("params: {C: 1}", "line 3: params: it needs a model_type other than auto"),
    "params twice": ("model_type: svm\nparams: {C: 1}\nspace: {C: [1]}", "line 4: params: C is in space too"),
    "groups and time": ("groups: a\ntime: b", "line 4: time: groups says how the folds are drawn too"),
    "target": ("sample_weight: target", "line 3: sample_weight: 'target' is the target"),
    "no groups": ("cv: group", "line 3: cv: group needs groups, the column of the groups"),
    "folds that cut groups": ("groups: a\ncv: stratified", "line 4: cv: stratified does not keep groups together"),
    "no time": ("cv: {time: {gap: 1}}", "line 3: cv: time needs time, the column of the times"),
    "folds against time": ("time: a\ncv: random", "line 4: cv: random does not follow time; write a number, or time"),
    "one fold": ("cv: 1", "line 3: cv: has to be at least 2, got 1"),
    "folds in words": (
        "cv: five",
        "line 3: cv: has to be a whole number, got 'five'; or the name of folds: random, con",
    ),
    "folds in quotes": ("cv: '5'", "line 3: cv: has to be a whole number, got '5'; write it without quotes"),
    "folds by another name": ("cv: stratifed", "line 3: cv: 'stratifed' is not known: did you mean stratified?"),
    "true folds": ("cv: true", "line 3: cv: has to be a name, or one name with its settings"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_refused_with_its_line_and_key(case, read):
    text, message = REFUSED[case]

    with pytest.raises(ConfigError) as caught:
        read(GOOD + text)

    assert message in str(caught.value)
    assert "config.yaml" in str(caught.value)


def test_a_key_that_is_needed_and_a_file_that_is_not_there(read, tmp_path):
    with pytest.raises(ConfigError, match="target: this key is needed"):
        read("data: a.csv")
    with pytest.raises(ConfigError, match="a list of 'key: value' lines"):
        read("just words")
    with pytest.raises(ConfigError, match="No such file"):
        read_config(tmp_path / "other.yaml")


def test_code_in_yaml_is_not_run(read):
    with pytest.raises(ConfigError, match="line 3: a tag, which begins with '!', is not read"):
        read(GOOD + "seed: !!python/object/apply:os.getpid []")


def test_numbers_are_read_as_people_write_them(read):
    config = read(
        GOOD + "model_type: logistic\ntimeout: 1e3\nspace: {C: {float: [1e-3, 10], log: true}}\ndrop: [no, 12:30]"
    )

    assert config.timeout == 1000.0
    assert config.drop == ["no", "12:30"]
    low, high = make_raw_space(config)["C"].low, make_raw_space(config)["C"].high
    assert (low, high) == (0.001, 10.0)


def test_values_and_choices_and_ranges(read):
    space = read(
        GOOD + "model_type: random_forest\nspace: {a: 3, b: [1, x], c: {int: [1, 9], step: 2}, d: {choices: [null]}}"
    )
    raw_space = make_raw_space(space)

    assert space.model_type == "forest"
    assert (raw_space["a"], raw_space["b"], raw_space["d"]) == ([3], [1, "x"], [None])
    assert (raw_space["c"].low, raw_space["c"].high, raw_space["c"].step) == (1, 9, 2)


def test_the_hash_is_of_what_is_said_and_not_of_how(read):
    first = read(GOOD + "seed: 0\ncv: 5")

    assert hash_config(read("target: target  # y\n\ndata: sklearn:iris")) == hash_config(first)
    assert hash_config(read(GOOD + "seed: 1")) != hash_config(first)


def test_a_configuration_of_an_older_folder_keeps_its_hash(read):
    text = (
        "data: sklearn:iris\ntarget: target\nmodel_type: logistic\nseed: 3\ncv: 4\n"
        "space: {C: {float: [0.1, 1], log: true}}\nholdout: {rule: group, column: a}\n"
    )
    recorded = "bf2e6ead4ac08451850f05a613fd6ae487981dd2ad1e822bbc66e96c4d83f461"  # before keys were added

    assert hash_config(read(text)) == recorded
    assert hash_config(read(text + "patience: 5\n")) != recorded


def test_the_example_is_a_configuration_and_the_schema_knows_all_its_keys(read):
    read(EXAMPLE.format(name="config.yaml"))
    schema = Config.model_json_schema()
    commented = {line.lstrip("# ").partition(":")[0] for line in EXAMPLE.splitlines() if not line.startswith(" ")}

    assert json.loads(json.dumps(schema)) == schema
    assert set(schema["properties"]) - {"study_name"} <= commented
    assert schema["additionalProperties"] is False
    keys = [key for key in schema["properties"] if key in ("data", "model_type", "space", "n_trials", "seed", "output")]
    assert keys == ["data", "model_type", "space", "n_trials", "seed", "output"]


# What a line of the example that is commented out needs beside it, or in place of another line.
BESIDE = {
    "validation": {"holdout": None},
    "families": {"model_type": "auto", "optimization_method": "automl", "space": None},
    "refit": {"scoring": "[roc_auc, f1]"},
    "objectives": {"scoring": None},
    "limit_confidence": {"limits": '{bytes: "<= 5"}'},
    "infeasible": {"limits": '{bytes: "<= 5"}'},
    "min_resources": {"resource": "iterations"},
    "max_resources": {"resource": "iterations"},
    "factor": {"resource": "iterations"},
    "resume": {"storage": "a.db"},
    "refine_learning_rate": {"model_type": "tuned_xgboost", "space": None},
}
FOR_AUTO = ("artifact_store", "blend", "generate_features")
BESIDE |= {name: BESIDE["families"] | {"storage": "a.db"} for name in FOR_AUTO}


def list_commented_keys():
    """Return the text of each key that the example comments out, with the lines below it."""
    lines = EXAMPLE.format(name="config.yaml").splitlines()
    found = {}
    for number, line in enumerate(lines):
        key = line.removeprefix("# ").partition(":")[0]
        if line.startswith("# ") and key in Config.model_fields:
            below = itertools.takewhile(lambda other: other.startswith("#   "), lines[number + 1 :])
            found[key] = "\n".join(one.removeprefix("# ") for one in (line, *below))
    return found


@pytest.mark.parametrize("key", list_commented_keys())
def test_what_the_example_comments_out_can_be_written(key, read):
    text = EXAMPLE.format(name="config.yaml")
    content = yaml.safe_load(text)
    content |= {name: yaml.safe_load(other) if other else None for name, other in BESIDE.get(key, {}).items()}
    content |= yaml.safe_load(list_commented_keys()[key])

    config = read(yaml.safe_dump({name: one for name, one in content.items() if one is not None}))

    assert config.model_dump()[key] is not None
    assert hash_config(config) != hash_config(read(text))


def test_what_is_said_of_a_configuration_is_short(read):
    with pytest.raises(ConfigError) as caught:
        read(GOOD + "".join(f"key{number}: 1\n" for number in range(100)) + f"n_trials: {'x' * 5000}\n")

    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert lines[-1].endswith("and 81 more")
    assert max(map(len, lines)) < 500


SECRET = (
    GOOD
    + """model_type: logistic
storage: {url}
warm_start_from:
- {url}
# once postgresql://you:pa55word@host/db
tracking: {{uri: 'https://me:pa55word@host'}}
"""
)
URLS = [
    "postgresql://me:pa55word@host/db?sslpassword=pa55word",
    "'postgresql://me:pa55word and more@host/db'",
    '"postgresql://me:p\\x6155word@host/db"',
    '"postgresql://me:\\\n  pa55word@host/db"',
]


@pytest.mark.parametrize("url", URLS, ids=["plain", "spaces", "escaped", "over two lines"])
def test_the_secrets_of_a_configuration_are_left_out_of_what_is_written(read, url):
    text = SECRET.format(url=url)
    config = read(text)
    assert "pa55word" in config.storage

    written = redact_config_text(text, config)

    assert "55word" not in written + json.dumps(redact_config(config))
    assert redact_config(read(written)) == redact_config(config)
    assert hash_config(read(written)) == hash_config(config)


def test_a_configuration_without_secrets_is_written_as_it_is(read):
    text = GOOD + "model_type: logistic  # the plain one\nstorage: trials.db\n"

    assert redact_config_text(text, read(text)) == text


def test_a_password_is_in_no_message_about_a_configuration(read):
    with pytest.raises(ConfigError) as caught:
        read(GOOD + "tracking: https://me:pa55word@host\nstorage: [postgresql://me:pa55word@host/db]")

    assert "pa55word" not in str(caught.value)
    assert "me:***@host/db" in str(caught.value)
