"""A configuration that cannot be done is refused in one message, with its line and its key."""

import json

import pytest

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
        "line 4: artifact_store: it needs model_type: auto",
    ),
    "generated columns of one": (
        "model_type: svm\ngenerate_features: true",
        "line 4: generate_features: it needs model_type: auto",
    ),
    "earlier runs of auto": (
        "warm_start_from: [a.db]",
        "line 3: warm_start_from: it needs optimization_method: optuna",
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


def test_the_example_is_a_configuration_and_the_schema_knows_all_its_keys(read):
    read(EXAMPLE.format(name="config.yaml"))
    schema = Config.model_json_schema()
    commented = {line.lstrip("# ").partition(":")[0] for line in EXAMPLE.splitlines() if not line.startswith(" ")}

    assert json.loads(json.dumps(schema)) == schema
    assert set(schema["properties"]) - {"study_name"} <= commented
    assert schema["additionalProperties"] is False


def test_what_is_said_of_a_configuration_is_short(read):
    with pytest.raises(ConfigError) as caught:
        read(GOOD + "".join(f"key{number}: 1\n" for number in range(100)) + f"cv: {'x' * 5000}\n")

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
