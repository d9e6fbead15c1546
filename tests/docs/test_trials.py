"""The page about ``trials_`` lists exactly the columns that searches of every kind have, with their types."""

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import AutoModelSelector, NoWorseThanDefault, OptunaSearchCV, TunedXGBClassifier
from sklearn_autotune.evaluation._status import Status
from tests import odd_searches
from tests.aimed_searches import search_front, search_three

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "trials.md"
ROW = re.compile(r"^\| `([^`]+)` \|([^|]*)\|([^|]*)\|([^|]*)\|$", re.MULTILINE)
IRIS = load_iris(return_X_y=True)
KINDS = {"int": "i", "float": "f"}


@cache
def select():
    return AutoModelSelector(families=["logistic", "naive_bayes"], n_trials=3, cv=3, random_state=0).fit(*IRIS)


@cache
def search_boosting():
    return TunedXGBClassifier(n_trials=2, cv=2, random_state=0).fit(*IRIS)


@cache
def keep_default():
    tree = DecisionTreeClassifier(random_state=0)
    return OptunaSearchCV(tree, {"max_depth": [1]}, cv=3, refit=NoWorseThanDefault(), random_state=0).fit(*IRIS)


OWN = [make for make in odd_searches.ODD if make is not odd_searches.search_grid]
each_search = pytest.mark.parametrize(
    "make", [*OWN, search_three, select, search_boosting, keep_default], ids=lambda make: make.__name__
)


def read_columns():
    """Columns on the page, with their types and units."""
    found = ROW.findall(PAGE.read_text(encoding="utf-8"))
    return {name: (kind.strip(), unit.strip()) for name, kind, unit, _ in found}


def expand_columns(search):
    """The columns that the page says a search has, in order, with their types."""
    columns = {name: kind for name, (kind, _) in read_columns().items()}
    split, mean = (columns.pop(name) for name in ("split{i}_test_{metric}", "mean_test_{metric}"))
    if not (hasattr(search, "best_resource_") or isinstance(search, TunedXGBClassifier)):
        del columns["resource"]
    for metric in dict.fromkeys(name.removeprefix("mean_test_") for name in search.cv_results_ if "mean_test_" in name):
        columns |= {f"split{fold}_test_{metric}": split for fold in range(search.n_splits_)}
        columns[f"mean_test_{metric}"] = mean
    return columns


def test_the_page_has_a_unit_for_what_is_measured():
    assert {name: unit for name, (_, unit) in read_columns().items() if unit} == {
        "seconds": "seconds",
        "n_folds": "folds",
        "resource": "that of `resource`",
        "split{i}_test_{metric}": "score",
        "mean_test_{metric}": "score",
    }


@each_search
def test_the_columns_are_those_of_the_page(make):
    search = make()

    assert list(search.trials_) == list(expand_columns(search))


@each_search
def test_the_types_are_those_of_the_page(make):
    search = make()
    for name, kind in expand_columns(search).items():
        column = search.trials_[name]
        assert len(column) == search.trials_.n_rows
        if kind in KINDS:
            assert column.dtype.kind == KINDS[kind], name
        else:
            allowed = {"str": str, "str or None": str | None, "dict": dict}[kind]
            assert all(isinstance(value, allowed) for value in column), name


@each_search
def test_trials_with_a_row_in_cv_results_have_the_same_order_there(make):
    search = make()
    text = PAGE.read_text(encoding="utf-8")
    has_row = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| (yes|no) \|$", text, re.MULTILINE))
    assert set(has_row) == set(Status)

    measured = [row for row, status in enumerate(search.trials_["status"]) if has_row[status] == "yes"]
    params = [search.trials_["params"][row] for row in measured]
    assert [{name: one[name] for name in search.cv_results_["params"][row]} for row, one in enumerate(params)] == list(
        search.cv_results_["params"]
    )


def test_the_means_and_directions_are_those_of_the_page():
    trials = search_front().trials_
    folds = np.column_stack([trials[f"split{fold}_test_neg_bytes"] for fold in range(3)])
    is_complete = trials["status"] == "complete"

    assert (folds[is_complete] < 0).all()  # a cost is negated
    np.testing.assert_allclose(trials["mean_test_neg_bytes"], folds.mean(axis=1))


def test_the_estimators_own_parameters_have_the_number_of_the_page():
    assert -1 in keep_default().trials_["number"]
