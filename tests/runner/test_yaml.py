"""YAML is read in plain values, within limits; each mistake has a line."""

import pytest

from sklearn_autotune.__main__ import main
from sklearn_autotune.runner._yaml import MAX_BYTES, MAX_DEPTH, MAX_NODES, YAMLFileError, parse_yaml, read_text

NESTED_ALIASES = "a0: &a0 [1, 1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 14))

REFUSED = {
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


@pytest.mark.parametrize(("text", "line", "message"), REFUSED.values(), ids=REFUSED)
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
