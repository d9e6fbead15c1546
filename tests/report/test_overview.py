"""What comes first in a report: objectives, limits and what the winner reached."""

import pytest

from sklearn_autotune.analysis._aims import read_aim_table, read_blend_aim_table
from sklearn_autotune.analysis._trial_table import read_trial_table
from sklearn_autotune.report import write_report
from sklearn_autotune.report._overview import make_overview
from tests.aimed_searches import search_front, search_limits, search_three, select_front, select_plain
from tests.odd_searches import search_iris
from tests.report.test_write_report import read, read_candidates


def overview(search):
    return make_overview(search, read_trial_table(search), read_aim_table(search), read_blend_aim_table(search))


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


def test_a_selector_has_the_front_of_its_blends_and_what_the_final_model_has():
    found = overview(select_front())

    assert found["objectives"].startswith("roc_auc (higher is better), size (bytes) (lower is better)")
    assert found["front"].startswith(f"{select_front().front_.n_rows} of ")
    assert found["limits"].startswith("recall >= 0.9; ")
    assert f"size (bytes) {select_front().best_scores_['size']:.5g}" in found["final model"]
    assert "winner" not in found
    plain = overview(select_plain())
    assert plain["front"].startswith(f"{select_plain().front_.n_rows} of ")
    assert not {"objectives", "limits", "final model"} & set(plain)


def test_the_report_of_a_selector_has_a_table_of_its_blends(tmp_path):
    path = write_report(select_front(), tmp_path / "report.html")
    rows = read(path).rows
    first = next(index for index, row in enumerate(rows) if "fitted models" in row)
    blends = [dict(zip(rows[first], row, strict=True)) for row in rows[first + 1 :][: select_front().front_.n_rows]]
    _, _, not_drawn = " ".join(read(path).text).partition("Not drawn")

    assert [float(row["roc_auc"]) for row in blends] == pytest.approx(select_front().front_["auc"], abs=1e-3)
    assert [int(row["fitted models"]) for row in blends] == select_front().front_["n_models"]
    assert {row["meets limits"] for row in blends} == {"yes"}
    assert [row[""] for row in blends].count("chosen") == 1
    assert "logistic_3 0.85, extra_trees_2 0.15" in blends[0]["weights"]
    assert "Hypervolume: AutoModelSelector compares its blends once" in not_drawn
    assert "Front:" not in not_drawn
