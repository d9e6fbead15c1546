"""The ratios of the page on time to a score, and a measurement that is taken up again after a cut."""

import math

import pytest

from benchmarks._measure import environment_of, geometric, measure_missing, read_rows, write_rows
from benchmarks.anytime import BY_NAME, CHOSEN, METHODS, SEEN, Trace
from benchmarks.anytime_report import report

USUAL = {"reached": True, "held_out": 0.5, "fit_ms": 10.0, "rival_reached": True}


def row(problem, seed, method, seconds, **more):
    usual = {"own_best_after": seconds, "whole_seconds": seconds, "rival_seconds": seconds}
    return USUAL | usual | {"problem": problem, "seed": seed, "method": method, "seconds": seconds} | more


def pair(problem, seed, ours, **more):
    return [
        row(problem, seed, "RandomizedSearchCV", 100.0, own_best_after=40.0),
        row(problem, seed, "optuna-integration", 80.0, whole_seconds=120.0, own_best_after=60.0),
        row(problem, seed, "OptunaSearchCV", ours, **more),
    ]


def cells(text, first):
    """Return the cells of each line of tables that begins with this cell."""
    return [line.strip("| ").split(" | ")[1:] for line in text.splitlines() if line.startswith(f"| {first} |")]


def test_both_ratios_are_geometric_means_over_problems_not_over_runs():
    # One problem has three seeds and the other has one; each counts once.
    rows = [run for seed in range(3) for run in pair("a", seed, 10.0)] + pair("b", 0, 40.0)

    whole, first, _ = cells(report(rows, (), list(METHODS)), "**all 2 problems**")

    assert whole[1].startswith("5.00 (")  # of 10 and 2.5
    assert first[1].startswith("2.00 (")  # of 4 and 1


def test_a_miss_counts_with_its_whole_time_and_is_named():
    trace = Trace([1.0, 2.0, 3.0], [0.1, math.nan, 0.4], {})
    text = report(pair("a", 0, 10.0) + pair("b", 0, 250.0, reached=False), (), list(METHODS))

    assert trace.seconds_to(0.5) == 3.0
    assert trace.reached(0.5) is None
    assert cells(text, "b")[0][1] == "0.40"
    assert cells(text, "reached the target")[0][0] == "1 of 2"


def test_the_other_package_is_measured_against_its_own_final_score():
    text = report(pair("a", 0, 10.0, rival_seconds=20.0), (), list(METHODS))

    assert cells(text, "a")[-1] == ["6.00", "3.00", "1 of 1"]  # 120 and 60 seconds to 20


def test_tables_that_defaults_were_chosen_on_are_marked_and_summed_up_apart():
    text = report(pair("a", 0, 10.0) + pair("b", 0, 40.0), ("a",), list(METHODS))

    assert cells(text, "a *")
    assert cells(text, "1 fresh")[0][1] == "2.50"
    assert cells(text, "1 looked at *")[0][1] == "10.00"


def test_problems_are_at_least_twelve_of_which_four_are_regression_and_most_are_fresh():
    chosen = [BY_NAME[name] for name in CHOSEN]

    assert len(chosen) >= 12
    assert sum(not problem.is_classification for problem in chosen) >= 4
    assert 2 * len(SEEN) < len(chosen)


def test_a_cut_measurement_goes_on_with_what_is_missing(tmp_path):
    measured = []

    def call(problem, seed):
        if measured == [("a", 0)]:
            raise KeyboardInterrupt
        measured.append((problem, seed))
        return [{"problem": problem, "seed": seed, "is_slow": seed > 0}]

    wanted = [("a", 0), ("b", 0), ("a", 1)]
    with pytest.raises(KeyboardInterrupt):
        measure_missing("table", call, wanted, is_resumed=True, is_quick=False, folder=tmp_path)
    measured.insert(0, "cut")
    rows = measure_missing("table", call, wanted, is_resumed=True, is_quick=False, folder=tmp_path)

    assert measured == ["cut", *wanted]
    assert read_rows("table", tmp_path) == rows
    assert [row["is_slow"] for row in rows] == [False, False, True]


def test_rows_of_an_earlier_format_are_not_mixed_with_new_ones(tmp_path):
    write_rows("table", [{"problem": "a", "seed": 0}], tmp_path)

    with pytest.raises(SystemExit, match=r"has no column whole_seconds.*without --resume"):
        measure_missing(
            "table", None, [], is_resumed=True, is_quick=False, columns=("seed", "whole_seconds"), folder=tmp_path
        )


def test_a_page_that_is_written_anew_keeps_the_versions_with_which_it_was_measured(tmp_path):
    (tmp_path / "table.md").write_text("# Title\n\nPython 3.9.1, numpy 1.0; 64 cores\n\nText\n")

    assert environment_of("table", folder=tmp_path) == "Python 3.9.1, numpy 1.0; 64 cores"
    assert environment_of("other", folder=tmp_path).startswith("Python 3.")


def test_a_single_ratio_has_no_range():
    assert geometric([math.log(3.0)]) == "3.00"
    assert geometric([math.log(3.0)] * 2) == "3.00 (3.00 to 3.00)"
