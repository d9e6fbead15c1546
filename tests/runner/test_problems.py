"""What is wrong with a configuration or a path, and what to write in its place."""

from pathlib import Path

import pytest

from sklearn_autotune.__main__ import main
from sklearn_autotune.runner._config import Config, ConfigError, parse_config
from sklearn_autotune.runner._problems import (
    ADVICE,
    MAX_BYTES,
    MAX_DEPTH,
    MAX_NODES,
    YAMLFileError,
    explain_missing,
    explain_not_writable,
    parse_yaml,
    read_text,
)

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


# -- YAML: plain values, within limits; each mistake has a line -------------------------------------------------------

NESTED_ALIASES = "a0: &a0 [1, 1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 14))

REFUSED_YAML = {
    "nested aliases": (NESTED_ALIASES, 13, f"more than {MAX_NODES} values, counting what aliases stand for"),
    "an alias in itself": ("a: 1\nb: &b [*b]\n", 2, "an alias stands for what it is in"),
    "deep lists": (f"a: 1\nb: {'[' * MAX_DEPTH}{']' * MAX_DEPTH}", 2, f"nested more than {MAX_DEPTH} deep"),
    "very deep lists": ("a: " + "[" * 5000, 1, f"nested more than {MAX_DEPTH} deep"),
    "deep mappings": (
        "".join(f"{' ' * i}a:\n" for i in range(30)),
        MAX_DEPTH + 1,
        f"nested more than {MAX_DEPTH} deep",
    ),
    "many values": ("a:\n" + "- 1\n" * (MAX_NODES + 1), MAX_NODES - 1, f"more than {MAX_NODES} values"),
    "infinite": ("a: 1\nb: .inf", 2, ".inf is no finite number"),
    "not a number": ("a: [1, .nan]", 1, ".nan is no finite number"),
    "too large a number": ("a: 1e999", 1, "1e999 is no finite number"),
    "many digits": ("a: 1\n\nb: " + "9" * 5000, 3, "a whole number of more than 18 digits"),
    "tag": ("a: !!set {x, y}", 1, "a tag, which begins with '!', is not read"),
    "merge": ("a: &a {x: 1}\nb: {!!merge <<: *a}", 2, "a tag, which begins with '!', is not read"),
    "character": ("a: 1\nb: \x07", 2, "the character '\\x07' is not allowed"),
    "two documents": ("a: 1\n---\nb: 1", 2, "but found another document"),
    "an alias of nothing": ("a: *b", 1, "found undefined alias 'b'"),
    "a list as a key": ("[1, 2]: 3", 1, "a key has to be a word"),
    "a key twice": ("a: 1\na: 2", 2, "the key 'a' is there twice, on lines 1 and 2"),
}


@pytest.mark.parametrize(("text", "line", "message"), REFUSED_YAML.values(), ids=REFUSED_YAML)
def test_what_exceeds_a_limit_is_refused_by_its_line(text, line, message):
    with pytest.raises(YAMLFileError) as caught:
        parse_yaml(text)

    assert message in str(caught.value)
    assert caught.value.line == line


def test_what_is_just_within_the_limits_is_read():
    depth = MAX_DEPTH - 1
    text = f"a: {'[' * depth}{']' * depth}\nb: {'9' * 18}\nc: -{'9' * 18}\nd: &d [1, 2]\ne: [*d, *d]\nf: 1e308\n"

    document = parse_yaml(text)

    assert document.content["b"] == -document.content["c"] == 10**18 - 1
    assert document.content["e"] == [[1, 2], [1, 2]]
    assert document.lines["e", 1, 0] == 4
    assert parse_yaml("").content is None


def test_a_number_that_begins_with_zero_is_decimal():
    assert parse_yaml("[010, 08, -007, 1_000]").content == [10, 8, -7, 1000]


def test_a_large_file_is_refused_and_one_at_the_limit_is_not(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("#" * MAX_BYTES)
    assert len(read_text(path)) == MAX_BYTES

    path.write_text("#" * (MAX_BYTES + 1))
    with pytest.raises(YAMLFileError, match="larger than 100 kB"):
        read_text(path)
    path.write_bytes(b"a: \xff")
    with pytest.raises(YAMLFileError, match=r"cannot be read: .*utf-8"):
        read_text(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (NESTED_ALIASES, "config.yaml, line 15: more than"),
        ("n_jobs: 0", "config.yaml, line 3: n_jobs: 0 processes measure nothing"),
        ("timeout: .inf", "config.yaml, line 3: .inf is no finite number"),
        ("timeout: 1e300", "config.yaml, line 3: timeout: has to be at most"),
        ("seed: " + "1" * 5000, "config.yaml, line 3: a whole number"),
        ('storage: ""', "config.yaml, line 3: storage: string should have at least 1 character"),
    ],
    ids=["aliases", "n_jobs", "inf", "timeout", "digits", "storage"],
)
def test_the_command_says_so_in_one_line(tmp_path, capsys, text, message):
    path = tmp_path / "config.yaml"
    path.write_text(f"data: sklearn:iris\ntarget: target\n{text}")

    assert main(["run", str(path)]) == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
