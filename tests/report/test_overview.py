"""What comes first in a report: objectives, limits and what the winner reached."""

from sklearn_autotune.analysis._aims import read_aim_table
from sklearn_autotune.analysis._trial_table import read_trial_table
from sklearn_autotune.report import write_report
from sklearn_autotune.report._overview import make_overview
from tests.aimed_searches import search_front, search_limits, search_three
from tests.odd_searches import search_iris
from tests.report.test_write_report import read, read_candidates


def overview(search):
    return make_overview(search, read_trial_table(search), read_aim_table(search))


def test_one_score_has_neither_objectives_nor_limits():
    assert not {"objectives", "front", "limits", "winner"} & set(overview(search_iris()))


def test_objectives_and_the_front():
    search = search_front()
    found = overview(search)

    assert found["metric"] == "log loss (lower is better)"
    assert found["objectives"] == "bytes (lower is better), log loss (lower is better)"
    assert found["front"].startswith(f"{len(search.front_['index'])} candidates")
    assert f"bytes {search.best_scores_['bytes']:.5g}" in found["winner"]
    assert "limits" not in found


def test_limits_and_how_many_meet_them():
    found = overview(search_limits())

    assert found["limits"].startswith("bytes <= 2700, recall >= 0.88; ")
    assert "objectives" not in found


def test_the_report_has_both_figures_and_a_column_for_each_objective(tmp_path):
    search = search_three()
    path = write_report(search, tmp_path / "report.html")
    headings, _, not_drawn = " ".join(read(path).text).partition("Not drawn")
    rows = read_candidates(path)

    assert "Front:" not in not_drawn
    assert "Hypervolume:" not in not_drawn
    assert "Hypervolume" in headings
    assert float(rows[0]["size (bytes)"]) > 0
    assert rows[0]["meets limits"] == "yes"
    assert {row["meets limits"] for row in rows} >= {"yes", "no"}
