"""The migration tables are complete: each argument of the other class has a line, and each name of ours exists."""

import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

import sklearn_autotune

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "migration.md"
TABLE = re.compile(r"^\| `(?P<theirs>[\w.]+)` \| `(?P<ours>\w+)` \|.*\n\|[-|]+\n(?P<rows>(?:\|.*\n)+)", re.MULTILINE)

# A heading's name, and where the arguments come from: constructors, and methods whose arguments stand in the table too.
SOURCES = {
    "GridSearchCV": ("sklearn.model_selection", ["GridSearchCV"]),
    "RandomizedSearchCV": ("sklearn.model_selection", ["RandomizedSearchCV"]),
    "BayesSearchCV": ("skopt", ["BayesSearchCV"]),
    "optuna_integration.OptunaSearchCV": ("optuna_integration", ["OptunaSearchCV"]),
    "flaml.AutoML": ("flaml", ["AutoML.fit"]),
    "tpot.TPOTEstimator": ("tpot", ["TPOTEstimator", "TPOTClassifier"]),
}


def read_tables():
    tables = {}
    for table in TABLE.finditer(PAGE.read_text(encoding="utf-8")):
        rows = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table["rows"].splitlines()]
        tables[table["theirs"]] = (table["ours"], rows)
    return tables


def arguments(module, path):
    thing = module
    for part in path.split("."):
        thing = getattr(thing, part)
    return [name for name in inspect.signature(thing).parameters if name != "self"]


def test_there_is_a_table_for_each_search():
    assert set(read_tables()) == set(SOURCES)


@pytest.mark.parametrize("theirs", SOURCES)
def test_every_argument_of_theirs_has_one_line(theirs):
    module, paths = SOURCES[theirs]
    if module in ("flaml", "tpot"):  # which the extra test does not bring
        pytest.importorskip(module, reason="its table is held against its signature where it is installed")
    there = {name for path in paths for name in arguments(import_module(module), path)}
    _, rows = read_tables()[theirs]
    said = [row[0].strip("`") for row in rows]

    assert len(said) == len(set(said))
    assert set(said) == there


@pytest.mark.parametrize("theirs", SOURCES)
def test_every_name_of_ours_is_a_parameter(theirs):
    ours, rows = read_tables()[theirs]
    known = inspect.signature(getattr(sklearn_autotune, ours)).parameters
    for row in rows:
        assert len(row) == 3, row
        named = re.findall(r"`(\w+)`", row[1])
        assert row[1] == "–" or named, row
        assert set(named) <= set(known), row
