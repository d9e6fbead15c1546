"""What is wrong with a configuration or a path, and what to write in its place."""

from pathlib import Path

import pytest

from sklearn_autotune.runner._config import Config, ConfigError, parse_config
from sklearn_autotune.runner._problems import explain_missing, explain_not_writable
from sklearn_autotune.runner._yaml import ADVICE

GOOD = "data: a.csv\ntarget: kind\nmodel_type: logistic\n"

PROBLEMS = {
    "n_trials: '7'": "line 4: n_trials: has to be a whole number, got '7'; write it without quotes",
    "timeout: 1.5 h": "line 4: timeout: has to be a number, got '1.5 h'; write seconds: 5400",
    "timeout: 90 sec": "got '90 sec'; write seconds: 90",
    "timeout: soon": "line 4: timeout: has to be a number, got 'soon'",
    "resume: 'off'": "line 4: resume: has to be true or false, got 'off'; write false",
    "resume: maybe": "has to be true or false, got 'maybe'",
    "study_name: 3": 'line 4: study_name: has to be text, got 3; write it in quotes: "3"',
    "drop: id": "line 4: drop: has to be a list, got 'id'; write it in brackets: [id]",
    "holdout: time": "got 'time'; its keys stand below it, indented: rule, share, column",
    "holdout: {rule: grouped}": "group, time or none, got 'grouped': did you mean group?",
    "holdout: {share: 25}": "got 25; for 25 % write 0.25",
    "holdout: {share: 250}": "has to be less than 1, got 250",
    "space: C": "line 4: space: has to be a section with keys of its own, got 'C'",
    "output: {modle: skops}": "line 4: output.modle: unknown key: did you mean model?",
    "comparison: {}": "line 4: comparison: unknown key: did you mean compare?",
}


@pytest.mark.parametrize("text", PROBLEMS)
def test_a_problem_is_described_with_its_line_and_what_to_write(text):
    with pytest.raises(ConfigError) as caught:
        parse_config(GOOD + text, Path("config.yaml"))

    message = str(caught.value)
    assert message.startswith("config.yaml, line 4: ")
    assert message.endswith(PROBLEMS[text])


def test_a_key_that_is_needed_is_described():
    with pytest.raises(ConfigError, match=r"config.yaml: data: this key is needed: a CSV or Parquet file"):
        parse_config("target: kind\n", Path("config.yaml"))


def test_every_key_has_a_description_for_such_messages():
    assert [name for name, field in Config.model_fields.items() if not field.description] == [
        "holdout",
        "seed",
        "output",
    ]


BROKEN = {
    "seed:\n\t1": "indent with spaces, not with tabs",
    "seed 1\ncv: 2": "the line before may lack its ':'",
    "drop: [a, b\ncv: 2": "a bracket was opened and not closed",
    "holdout: {share: 0.1\ncv: 2": "a brace was opened and not closed",
    "target: 'a\ncv: 2": "a quote was opened and not closed",
    "cv: 2\nseed 1\n": "a line before may lack its ':'",
    "holdout:\n  share: 0.1\n rule: time": "keys of one section begin in the same column",
}


@pytest.mark.parametrize("text", BROKEN)
def test_broken_yaml_is_answered_with_what_to_do(text):
    with pytest.raises(ConfigError, match=", line ") as caught:
        parse_config(text, Path("config.yaml"))

    assert BROKEN[text] in str(caught.value)
    assert any(advice.startswith(BROKEN[text]) for advice in ADVICE.values())


# -- paths ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [("dta.csv", ": did you mean data.csv?"), ("DATA.CSV", ": did you mean data.csv?"), ("other.txt", "")],
)
def test_the_nearest_name_beside_a_missing_one_is_suggested(name, expected, tmp_path):
    (tmp_path / "data.csv").touch()
    (tmp_path / "dta.csv.d").mkdir()

    assert explain_missing(tmp_path / name, Path.is_file) == expected


def test_a_missing_folder_is_named(tmp_path):
    assert explain_missing(tmp_path / "gone" / "data.csv", Path.is_file) == f": there is no folder {tmp_path / 'gone'}"


def test_a_folder_that_can_be_made_is_writable_and_nothing_is_left_of_the_trial(tmp_path):
    assert explain_not_writable(tmp_path / "runs" / "first") is None
    assert list(tmp_path.iterdir()) == []


def test_a_file_on_the_way_and_a_folder_that_takes_nothing_are_named(tmp_path):
    (tmp_path / "data.csv").touch()

    assert explain_not_writable(tmp_path / "data.csv" / "run") == f"{tmp_path / 'data.csv'} is no folder"
    assert "in /proc nothing can be written" in explain_not_writable(Path("/proc/run"))
