"""Which candidate wins, by objectives and limits, from a table of scores."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from sklearn_autotune import BestMean, OneStandardError
from sklearn_autotune.objectives._plan import read_objectives
from sklearn_autotune.statistics._front_rules import FrontRule, check_front_refit, find_broken_limits, make_front
from sklearn_autotune.statistics._limit_check import LimitCheck

AUC = [0.9, 0.8, 0.7, 0.85, np.nan]
BYTES = [900.0, 300.0, 100.0, 800.0, 1.0]


def make_table(auc=AUC, size=BYTES):
    columns = {"roc_auc": np.array(auc), "neg_bytes": -np.array(size)}
    table = {"params": [{"C": row} for row in range(len(auc))]}
    for name, means in columns.items():
        table[f"mean_test_{name}"] = means
        table |= {f"split{fold}_test_{name}": means for fold in range(2)}
    return table


def make_rule(limits=None, refit=True, **changes):
    plan = read_objectives(["roc_auc", "bytes"], limits, None, refit, LogisticRegression())
    return FrontRule(plan, LimitCheck(plan.limits, 0.25, 0.5), refit, **changes)


@pytest.mark.parametrize(
    ("refit", "limits", "expected"),
    [
        (True, None, 0),
        ("roc_auc", None, 0),
        ("bytes", None, 2),
        ("knee", None, 1),
        (True, {"bytes": ("<=", 850)}, 3),
        (True, {"bytes": ("<=", 100)}, 2),
        ("bytes", {"roc_auc": (">=", 0.75)}, 1),
        (BestMean("roc_auc"), {"bytes": ("<=", 850)}, 3),
        (OneStandardError("param_C", metric="roc_auc"), {"bytes": ("<=", 850)}, 3),
        (lambda table: int(np.nanargmin(table["mean_test_roc_auc"])), {"roc_auc": (">=", 0.75)}, 1),
    ],
)
def test_the_rule_chooses_among_those_that_meet_the_limits(refit, limits, expected):
    table = make_table() | {"param_C": np.arange(5)}

    assert make_rule(limits, refit)(table) == expected


def test_a_function_may_not_choose_what_breaks_a_limit():
    rule = make_rule({"bytes": ("<=", 850)}, refit=lambda table: 0)
    with pytest.raises(ValueError, match=r"candidate 0, which does not meet the limits \(bytes <= 850\)"):
        rule(make_table())


def test_a_row_may_be_excluded():
    rule = make_rule({"bytes": ("<=", 850)})

    assert rule.exclude(3)(make_table()) == 1
    assert rule.exclude(3).exclude(1)(make_table()) == 2
    with pytest.raises(ValueError, match="No candidate"):
        rule.exclude(3).exclude(1).exclude(2)(make_table())


def test_a_row_without_scores_is_not_the_nearest():
    rule = make_rule({"bytes": ("<=", 50), "roc_auc": (">=", 0.95)}, infeasible="nearest")
    with pytest.warns(UserWarning, match=r"candidate 2: bytes 100 \(limit <= 50\), roc_auc 0.7 \(limit >= 0.95\)"):
        assert rule(make_table()) == 2


def test_a_limit_that_only_the_mean_meets_is_explained():
    rule = make_rule({"roc_auc": (">=", 0.89)})
    rule = replace(rule, check=replace(rule.check, confidence=0.9))
    table = make_table() | {"split0_test_roc_auc": np.array(AUC) - 0.02, "split1_test_roc_auc": np.array(AUC) + 0.02}

    with pytest.raises(ValueError, match="means over the folds meet the limits, but not the ends"):
        rule(table)


def test_the_front_has_what_meets_the_limits():
    rule = make_rule({"roc_auc": (">=", 0.75)})
    front = make_front(make_table(), rule.plan, rule.check)

    assert front["index"].tolist() == [0, 3, 1]
    assert front["bytes"].tolist() == [900.0, 800.0, 300.0]
    assert front["params"] == [{"C": 0}, {"C": 3}, {"C": 1}]
    assert list(front) == ["index", "roc_auc", "bytes", "params"]


@pytest.mark.parametrize("refit", [True, False, "knee", "bytes", "roc_auc", BestMean()])
def test_refit_may_name_an_objective(refit):
    check_front_refit(refit, make_rule().plan)


def test_refit_may_not_name_anything_else():
    with pytest.raises(ValueError, match="none of the objectives"):
        check_front_refit("recall", make_rule().plan)


def test_a_model_that_is_too_large_is_described():
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])

    assert find_broken_limits(model, make_rule({"bytes": ("<=", 10_000)}).plan) == []
    assert find_broken_limits(model, make_rule({"bytes": ("<=", 10)}).plan)[0].startswith("bytes ")
