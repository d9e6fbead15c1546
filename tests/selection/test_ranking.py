"""Which candidates may enter the ensemble, and what is kept of the others."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection._candidates import FAMILY, CrossFitResult
from sklearn_autotune.selection._cost_model import CostModel
from sklearn_autotune.selection._ranking import (
    Leaderboard,
    MeasuredCandidates,
    make_leaderboard,
    release_results,
    select_blend_candidates,
)
from tests.html_page import Page, read_view
from tests.selection.toy_families import N_FOLDS, family, record, shape


def test_the_best_of_each_family_can_enter_the_blend():
    records = [record(number, "a", *(-0.1 - number / 1000,) * 3) for number in range(20)]
    records += [record(20, "b", -0.3, -0.3, -0.3), record(21, "b", -0.2, -0.2, -0.2)]
    found = [(one.params[FAMILY], one.number) for one in select_blend_candidates(records)]
    assert found == [("a", 0), ("a", 1), ("b", 21), ("b", 20)]


def test_those_that_keep_to_limits_come_first_and_none_of_them_is_released():
    records = [record(number, "a", *(-0.1 - number / 1000,) * 3) for number in range(4)]
    records = [replace(one, outcome=replace(one.outcome, artifacts=CrossFitResult([np.zeros(1)]))) for one in records]

    assert [one.number for one in select_blend_candidates(records, lambda one: one.number > 1)] == [2, 3]
    release_results(records, lambda one: one.number > 1)
    assert [len(one.outcome.artifacts.predictions) for one in records] == [0, 0, 1, 1]


def test_of_many_families_the_best_alone_can_enter_the_blend():
    records = [record(number, name, *(-0.1 - number / 1000,) * 3) for number, name in enumerate("aabbccdde")]
    found = [one.params[FAMILY] for one in select_blend_candidates(records)]
    assert found == ["a", "a", "b", "b", "c", "c", "d", "e"]


def test_models_that_cannot_enter_the_blend_are_released_once_a_better_candidate_is_known():
    records = [
        TrialRecord(number, one.params, replace(one.outcome, artifacts=CrossFitResult(models=[f"model {number}"])))
        for number, one in enumerate(record(number, "a", *(-0.1 - number / 1000,) * 3) for number in range(3))
    ]
    release_results(records)

    assert [one.outcome.artifacts.models for one in records] == [["model 0"], ["model 1"], None]


def test_the_worst_of_many_families_is_kept_because_it_can_come_back_into_the_blend():
    """Better candidates of other families push second ones out, and there are more places for the worst."""
    names = ["a", "a", "b", "b", "c", "c", *"defghijkl"]
    made = [record(number, name, *(-0.1 - number / 1000,) * 3) for number, name in enumerate(names)]
    made += [record(20 + number, name, -0.05, -0.05, -0.05) for number, name in enumerate("def")]
    records = [
        TrialRecord(one.number, one.params, replace(one.outcome, artifacts=CrossFitResult(models=["model"])))
        for one in made
    ]
    for n_known in range(1, len(records) + 1):
        release_results(records[:n_known])

    chosen = select_blend_candidates(records)
    assert [one.params[FAMILY] for one in chosen] == list("defaabcghijk")
    assert all(one.outcome.artifacts.models == ["model"] for one in chosen)


def test_each_measured_candidate_corrects_the_cost_model_once():
    cost_model = CostModel({"a": family("a", 1.0)}, shape, 100, N_FOLDS)
    measured = MeasuredCandidates(cost_model)
    records = [record(0, "a", -0.1, -0.1, -0.1, seconds=8.0)]
    measured.update(records)
    records.append(record(1, "a", -0.1, -0.1, -0.1, seconds=2.0))
    measured.update(records)
    measured.update(records)

    # The second is nearer to the estimate, and brings the factor halfway down; counted again it would bring it further.
    assert cost_model.estimate_seconds({FAMILY: "a"}) == pytest.approx(3 * 5.0)
    assert measured.records is records


# -- the leaderboard as a table ------------------------------------------------------------------------------------


@pytest.fixture
def board():
    columns = {
        "rank": np.arange(1, 13),
        "number": np.arange(12)[::-1],
        "family": np.array(["forest", "<b>"] * 6, dtype=object),
        "params": np.array([{"min_samples_leaf": 0.123456789}, {}] * 6, dtype=object),
        "mean_score": np.array([-0.5] * 11 + [np.nan]),
        "std_error": np.array([0.0123] * 11 + [np.nan]),
        "fit_seconds": np.full(12, 1.23456),
        "status": np.array(["complete"] * 11 + ["failed"], dtype=object),
        "blend_weight": np.array([0.25, 0.75] + [0.0] * 10),
    }
    return Leaderboard(columns, Metric("neg_log_loss"))


def test_a_leaderboard_prints_ten_rows_with_the_metric(board):
    lines = repr(board).splitlines()

    assert lines[0].split("  ")[0] == "rank"
    assert "log loss" in lines[0]
    assert lines[1].split() == [
        "1",
        "forest_11",
        "0.5",
        "0.012",
        "0.25",
        "1.23",
        "complete",
        "min_samples_leaf=0.12346",
    ]
    assert len(lines) == 12
    assert lines[-1] == "… 2 more"
    assert board.preview(12)[1][-1][2:4] == ["-", "-"]


def test_a_leaderboard_is_a_table_in_a_notebook_and_becomes_a_data_frame(board):
    page = read_view(board._repr_html_())

    assert page.texts().startswith("Leaderboard: 12 rows")
    assert page.rows[2][1] == "<b>_10"
    pd.testing.assert_frame_equal(board.to_frame(), pd.DataFrame(dict(board)))


def test_a_leaderboard_can_be_copied_and_stored(board):
    for copied in (copy.deepcopy(board), pickle.loads(pickle.dumps(board))):
        assert type(copied) is Leaderboard
        assert repr(copied) == repr(board)


def test_a_blend_has_the_largest_weight_first_and_scores_with_their_own_sign(board):
    page = Page(board.render_blend({"forest_11": 0.25, "<b>_10": 0.75}))

    assert page.rows == [
        ["model", "weight", "log loss", "parameters"],
        ["<b>_10", "0.75", "0.5", "defaults"],
        ["forest_11", "0.25", "0.5", "min_samples_leaf=0.12346"],
    ]


# -- the leaderboard -----------------------------------------------------------------------------------------------


def test_the_leaderboard_has_the_best_first_and_incomplete_candidates_last():
    records = [
        record(0, "a", -0.2, status="pruned", seconds=2.0),
        record(1, "b", -0.5, -0.7, seconds=1.0),
        record(2, "a", -0.3, -0.3),
        record(3, "b", status="timeout"),
        record(4, "b", np.nan, status="failed"),
    ]

    board = make_leaderboard(records, {"b_1": 0.4, "a_2": 0.6, "a_0": 0.5}, Metric("neg_log_loss"), 0.5)

    assert board["rank"].tolist() == [1, 2, 3, 4]
    assert board["number"].tolist() == [2, 1, 0, 4]  # what was running when time was up was not measured
    assert board["status"].tolist() == ["complete", "complete", "pruned", "failed"]
    np.testing.assert_allclose(board["mean_score"], [-0.3, -0.6, np.nan, np.nan])
    error = np.sqrt((1 / 2 + 0.5) * np.var([-0.5, -0.7], ddof=1))  # corrected for training rows that folds share
    np.testing.assert_allclose(board["std_error"], [0.0, error, np.nan, np.nan], atol=1e-12)
    np.testing.assert_allclose(board["fit_seconds"][1:3], [2.0, 2.0])
    assert board["blend_weight"].tolist() == [0.6, 0.4, 0.0, 0.0]
    assert board["family"].tolist() == ["a", "b", "a", "b"]
    assert board["params"][1] == {"var_smoothing": 0.1}
