"""What candidates reached in objectives and limits: named with units, with the signs that readers know."""

import numpy as np

from sklearn_autotune.analysis._aims import flatten_params, read_aim_table, read_blend_aim_table
from sklearn_autotune.analysis._trial_table import read_trial_table
from tests.aimed_searches import (
    search_front,
    search_limits,
    search_seconds,
    search_three,
    select_front,
    select_plain,
)
from tests.odd_searches import search_grid, search_iris


def test_a_search_with_one_score_has_no_aims():
    assert read_aim_table(search_iris()) is None
    assert read_aim_table(search_grid()) is None  # of scikit-learn


def test_costs_and_losses_are_positive():
    search = search_front()
    table = read_aim_table(search)
    best = table.trial_table.best

    assert [aim.name for aim in table.aims] == ["bytes", "neg_log_loss"]
    assert [aim.label for aim in table.aims] == ["bytes", "log loss"]
    assert all(aim.direction == "lower is better" for aim in table.aims)
    assert table.aims[0].values[best] == search.best_scores_["bytes"] > 0
    assert table.aims[1].values[best] == -search.best_score_ > 0
    assert [aim.factor for aim in table.aims] == [1, -1]
    assert table.aims[0].is_cost
    assert not table.aims[1].is_cost
    assert len(table.objectives) == 2


def test_a_cost_under_a_name_of_the_user_has_its_unit():
    aims = {aim.name: aim for aim in read_aim_table(search_three()).aims}

    assert list(aims) == ["size", "roc_auc", "loss", "accuracy", "n_features"]
    assert aims["size"].label == "size (bytes)"
    assert aims["loss"].direction == "lower is better"
    assert aims["accuracy"].direction == "higher is better"
    assert not aims["n_features"].is_objective


def test_seconds_say_of_what_they_are():
    aims = read_aim_table(search_seconds()).aims

    assert [aim.label for aim in aims] == ["accuracy", "seconds to predict a row", "seconds to fit"]


def test_a_limit_stands_behind_the_value():
    table = read_aim_table(search_limits())

    assert [aim.is_objective for aim in table.aims] == [True, False, False]
    assert table.aims[1].format(12_345.0) == "bytes 12,345 (limit <= 2700)"
    assert table.aims[2].format(0.9) == "recall 0.9 (limit >= 0.88)"


def test_a_limit_on_a_negated_score_is_turned_around_with_its_values():
    from tests.aimed_searches import X, Y, make_aimed

    search = make_aimed(scoring="accuracy", limits={"neg_log_loss": (">=", -9.5)}, limit_confidence=0.5, n_trials=3)
    aim = read_aim_table(search.fit(X, Y)).aims[1]

    assert aim.format(0.5) == "log loss 0.5 (limit <= 9.5)"


def test_who_may_win_is_complete_and_meets_the_limits():
    search = search_limits()
    table = read_aim_table(search)
    size, recall = table.aims[1].values, table.aims[2].values
    complete = np.isfinite(table.trial_table.score)

    assert 0 < table.may_win.sum() < complete.sum()
    assert (table.may_win == complete & (size <= 2700) & (recall >= 0.88)).all()
    assert table.may_win[table.trial_table.best]


def test_the_best_so_far_and_the_leading_leave_out_who_breaks_a_limit():
    table = read_trial_table(search_limits())
    eligible = table.score[table.meets_limits]

    assert np.nanmax(table.score) > eligible.max()  # a better one does not meet the limits
    assert table.best_so_far[-1] == eligible.max() == table.score[table.best]
    leading = table.find_leading(len(table))
    n = len(eligible)
    assert table.meets_limits[leading[:n]].all()
    assert not table.meets_limits[leading[n:]].any()
    assert table.select_complete().meets_limits.sum() == n


def test_the_score_that_decides_is_that_of_the_best_score():
    for search, label in ((search_front(), "log loss"), (search_limits(), "roc_auc"), (search_three(), "roc_auc")):
        table = read_trial_table(search)

        assert table.described_metric.label == label
        assert table.score[table.best] == search.best_score_


# -- blends of a selector ----------------------------------------------------------------------------------------------


def test_blends_have_the_objectives_and_limits_of_the_selector_with_positive_costs_and_losses():
    table = read_blend_aim_table(select_front())
    front = table.blends.find_front()

    assert [aim.name for aim in table.aims] == ["auc", "size", "loss", "recall"]
    assert [aim.label for aim in table.aims] == ["roc_auc", "size (bytes)", "loss", "recall"]
    assert [aim.is_objective for aim in table.aims] == [True, True, True, False]
    assert table.aims[1].values[front].tolist() == select_front().front_["size"].tolist()
    assert table.aims[2].values[front].tolist() == (-select_front().front_["loss"]).tolist()
    assert (table.aims[2].values > 0).all()
    assert str(table.aims[3].bounds[0]) == ">= 0.9"


def test_without_objectives_blends_have_those_of_the_front_and_other_searches_have_no_blends():
    table = read_blend_aim_table(select_plain())

    assert [aim.label for aim in table.aims] == ["log loss", "seconds to predict a row", "bytes"]
    assert read_blend_aim_table(search_front()) is None
    assert read_blend_aim_table(search_grid()) is None


def test_a_front_for_a_file_has_a_column_for_each_parameter_or_blended_model():
    assert "param_max_depth" in flatten_params(search_front().front_)
    front = flatten_params(select_front().front_)

    assert front["weight_logistic_3"].tolist() == [one["logistic_3"] for one in select_front().front_["members"]]
    assert front["weight_extra_trees_2"].isna().tolist() == [
        "extra_trees_2" not in one for one in select_front().front_["members"]
    ]
    assert "members" not in front
