"""The sentences about objectives and limits say what was found."""

import numpy as np
import pytest

from sklearn_autotune import summarize
from sklearn_autotune.analysis._aim_words import describe_aims, describe_held_out_aims, describe_winner_aims
from sklearn_autotune.analysis._aims import read_aim_table
from tests.aimed_searches import X, Y, make_aimed, search_front, search_limits, search_three


def test_the_front_and_its_size():
    search = search_front()
    (sentence,) = describe_aims(read_aim_table(search), search.front_["index"])

    assert sentence.startswith(
        f"The front by bytes (lower is better) and log loss (lower is better) has {len(search.front_['index'])} "
    )


def test_the_limits_and_how_many_meet_them():
    table = read_aim_table(search_limits())
    (sentence,) = describe_aims(table, None)

    n_complete = np.isfinite(table.trial_table.score).sum()
    found = (
        f"{table.may_win.sum()} of {n_complete} complete candidates meet the limits bytes <= 2700 and recall >= 0.88"
    )
    assert sentence == f"{found}."


def test_the_winner_with_limits_behind_the_values():
    search = search_limits()
    (sentence,) = describe_winner_aims(read_aim_table(search))

    assert f"bytes {search.best_scores_['bytes']:.5g} (limit <= 2700)" in sentence


def test_rows_held_out_are_told_with_their_signs():
    table = read_aim_table(search_front())

    assert list(describe_held_out_aims(table, {})) == []
    assert list(describe_held_out_aims(table, {"bytes": 5000.0, "neg_log_loss": -0.2})) == [
        "There, it has bytes 5000 and log loss 0.2."
    ]


def test_a_winner_that_does_not_meet_the_limits_is_called_so():
    search = make_aimed(limits={"bytes": ("<=", 10)}, infeasible="nearest", n_trials=3)
    with pytest.warns(UserWarning, match="No candidate meets all limits"):
        search.fit(X, Y)

    text = str(summarize(search))

    assert "0 of 3 complete candidates meet the limit bytes <= 10 at 90% confidence." in text
    assert "It does not meet the limits" in text


def test_the_summary_of_all():
    search = search_three()
    summary = summarize(search, X, Y)

    assert summary.n_front == len(search.front_["index"])
    assert summary.n_meeting_limits == read_aim_table(search).may_win.sum()
    assert summary.best_scores == search.best_scores_
    assert set(summary.held_out_scores) == {"size", "loss", "accuracy", "n_features"}
    assert summary.held_out_scores["size"] > 0 > summary.held_out_scores["loss"]
    assert summary.metric.label == "roc_auc"
    assert "brought nothing better" not in str(summary)
    assert not any("NoWorseThanDefault" in step or "OneStandardError" in step for step in summary.next_steps)


def test_searches_with_one_score_say_nothing_of_it():
    summary = summarize(make_aimed(n_trials=3).fit(X, Y), X, Y)

    assert (summary.n_front, summary.n_meeting_limits, summary.best_scores) == (None, None, {})
    assert "limit" not in str(summary)


def test_a_better_candidate_that_breaks_a_limit_is_named():
    search = search_limits()

    text = str(summarize(search))

    assert f"The winner, candidate {search.best_index_}, has a mean roc_auc of " in text
    assert ", which does not meet the limits.\n" in text


def test_a_better_candidate_that_breaks_a_limit_only_on_all_rows_is_named():
    limits = {"bytes": ("<=", 2200), "recall": (">=", 0.8)}
    search = make_aimed(scoring="roc_auc", limits=limits, limit_confidence=0.5).fit(X, Y)

    assert ", which does not meet the limits when it is fitted on all rows.\n" in str(summarize(search))
