"""The page on tuned XGBoost: what is measured on a table, and what is written about it."""

import math

import numpy as np
import pytest

from benchmarks._measure import read_rows, write_rows
from benchmarks.xgboost import Clock, measure, report
from benchmarks.xgboost_tables import BY_NAME, FRESH, SEEN, XGBoostTable


def tiny(is_classification):
    """Return a table of 60 rows."""
    X = np.random.RandomState(0).normal(size=(60, 3))
    return XGBoostTable(
        "tiny", lambda: (X, np.where(X[:, 0] > 0, "b", "a") if is_classification else X[:, 0]), is_classification
    )


def row(problem, seed, to_40, to_100, **more):
    usual = {"task": "classification", "rows": 500, "columns": 4, "is_fresh": True, "seconds": 20.0, "score": -0.5}
    usual |= {"naive_seconds_40": 40.0, "naive_score_40": -0.5, "naive_seconds_100": 100.0, "naive_score_100": -0.4}
    usual |= {"ours_held_out": 0.5, "naive_held_out": 0.5, "default_held_out": 1.0}
    return usual | {"problem": problem, "seed": seed, "seconds_to_40": to_40, "seconds_to_100": to_100} | more


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning", "ignore::FutureWarning")  # of optuna's
@pytest.mark.parametrize("is_classification", [True, False])
def test_one_naive_search_gives_both_targets(is_classification, tmp_path):
    found = measure(tiny(is_classification), 1, (2, 4))

    assert found["task"] == ("classification" if is_classification else "regression")
    assert (found["rows"], found["columns"]) == (60, 3)
    assert 0 < found["naive_seconds_40"] < found["naive_seconds_100"]
    assert found["naive_score_40"] <= found["naive_score_100"]
    for number in (40, 100):
        assert math.isnan(found[f"seconds_to_{number}"]) == (found["score"] < found[f"naive_score_{number}"])
    assert all(found[f"{method}_held_out"] > 0 for method in ("ours", "naive", "default"))

    write_rows("table", [found, row("a", 0, math.nan, 5.0)], tmp_path)

    np.testing.assert_equal(read_rows("table", tmp_path)[0], found)


def test_a_clock_tells_when_a_score_was_first_reached():
    clock = Clock()
    clock.curve = [(1.0, -3.0), (2.0, -2.0), (3.0, -2.0)]

    assert [clock.seconds_to(score) for score in (-4.0, -2.5, -2.0)] == [1.0, 2.0, 2.0]
    assert math.isnan(clock.seconds_to(-1.0))
    assert clock.after(2) == (2.0, -2.0)
    assert clock.after(100) == (3.0, -2.0)


def test_each_table_counts_once_and_a_miss_with_the_whole_time():
    rows = [row("a", 0, 4.0, 10.0), row("a", 1, 4.0, 10.0), row("b", 0, 10.0, math.nan)]

    text = report(rows, "")

    assert "40 naive candidates: 6.32 (" in text  # of 10 and 4
    assert "100 naive candidates: 7.07 (" in text  # of 10 and 100 / 20
    assert "missed in 0 of 3 runs" in text
    assert "missed in 1 of 3 runs" in text
    assert "0.50 (0.50 to 0.50), 0.50 at most, more than 1 in 0 of 3 runs" in text
    assert "of the untuned model: 0.5000" in text


def test_fresh_tables_and_tasks_are_apart():
    rows = [
        row("old", 0, 4.0, 10.0, is_fresh=False),
        row("new", 0, 4.0, 10.0),
        row("price", 0, 4.0, 10.0, task="regression"),
    ]

    titles = [line for line in report(rows, "").splitlines() if line.startswith("## ")]

    assert titles == [
        "## Classification, 1 fresh table",
        "## Regression, 1 fresh table",
        "## Classification, 1 table seen before",
    ]


def test_tables_are_as_many_as_the_page_says():
    assert len(BY_NAME) == len(FRESH) + len(SEEN)
    assert sum(one.is_classification for one in FRESH) >= 12
    assert sum(not one.is_classification for one in FRESH) >= 8
