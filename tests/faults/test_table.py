"""The table of faults in the documentation names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "explanation" / "faults.md").read_text(encoding="utf-8")


def test_every_test_in_the_table_of_faults_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)

    assert len(named) > 30
    for file, name in named:
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file} has no {name}"


def test_the_table_of_faults_has_all_rows():
    assert re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE) == [str(row) for row in range(1, 42)]
