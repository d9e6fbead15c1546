"""What objectives and limits may be, and what the errors say."""

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer, make_scorer, precision_score

from sklearn_autotune import GroupDifference, GroupRatio, PredictSeconds
from sklearn_autotune.objectives._limits import Limit
from sklearn_autotune.objectives._plan import Objective, read_objectives

MODEL = LogisticRegression()


def read(objectives=None, limits=None, scoring=None, refit=True):
    return read_objectives(objectives, limits, scoring, refit, MODEL)


def test_a_search_by_one_score_has_no_plan():
    assert read() is None


def test_a_list_has_the_names_of_scorers_and_costs():
    plan = read(["roc_auc", "bytes", PredictSeconds(batch_size=1)])

    assert plan.objectives == (
        Objective("roc_auc", "roc_auc"),
        Objective("bytes", "neg_bytes", -1),
        Objective("predict_seconds", "neg_predict_seconds", -1),
    )
    assert (plan.primary, plan.measured, plan.limits) == ("roc_auc", {"predict_seconds"}, ())
    assert plan.cost_keys == {"neg_bytes", "neg_predict_seconds"}


def test_a_dict_has_names_of_its_own():
    plan = read({"size": "bytes", "auc": get_scorer("roc_auc"), "gap": GroupDifference("recall", by="site")})

    assert [one.key for one in plan.objectives] == ["neg_size", "auc", "neg_gap"]
    assert plan.primary == "auc"


@pytest.mark.parametrize(
    ("name", "scoring", "key", "sign"),
    [
        ("bytes", None, "neg_bytes", -1),
        ("recall", None, "recall", 1),
        ("log_loss", None, "neg_log_loss", -1),
        ("neg_log_loss", None, "neg_log_loss", 1),
        ("roc_auc", "roc_auc", "score", 1),
        ("log_loss", "neg_log_loss", "score", -1),
        ("score", "roc_auc", "score", 1),
        ("mine", {"mine": "recall"}, "mine", 1),
    ],
)
def test_a_limit_names_a_score_or_a_cost(name, scoring, key, sign):
    bound = -0.5 if name == "neg_log_loss" else 0.5
    operator = ">=" if sign > 0 else "<="
    plan = read(
        limits={name: (operator, bound)}, scoring=scoring, refit="mine" if scoring == {"mine": "recall"} else True
    )

    assert plan.limits == (Limit(name, key, sign, operator == "<=", bound),)
    assert key in plan.scorers


def test_a_limit_may_bring_its_own_scorer():
    precision = make_scorer(precision_score, pos_label=0)
    plan = read(
        limits={"precision of 0": [precision, ">=", 0.5], "gap": (GroupDifference("recall", by="s"), "<=", 0.1)}
    )

    assert plan.scorers["precision of 0"] is precision
    assert [limit.key for limit in plan.limits] == ["precision of 0", "neg_gap"]


def test_without_objectives_scoring_decides():
    plan = read(limits={"bytes": ("<=", 10)}, scoring=["roc_auc", "recall"], refit="recall")

    assert (plan.objectives, plan.primary, plan.is_listed) == ((Objective("recall", "recall"),), "recall", False)
    assert list(plan.scorers) == ["roc_auc", "recall", "neg_bytes"]


def test_a_scorer_of_a_loss_under_the_name_of_the_loss_is_limited_as_the_loss():
    weighted = get_scorer("neg_log_loss")
    plan = read(limits={"log_loss": (weighted, "<=", 0.5)}, scoring="roc_auc")

    assert plan.limits == read(limits={"log_loss": ("<=", 0.5)}, scoring="roc_auc").limits
    assert plan.scorers["neg_log_loss"] is weighted
    other_name = read(limits={"loss": (weighted, ">=", -0.5)}, scoring="roc_auc").limits[0]
    assert (other_name.key, other_name.sign) == ("loss", 1)


def test_costs_alone_may_be_optimised_under_a_limit_on_a_score():
    plan = read(["bytes"], {"recall": (">=", 0.5)})

    assert (plan.objectives, plan.primary) == ((Objective("bytes", "neg_bytes", -1),), "neg_bytes")
    by_scoring = read(None, {"recall": (">=", 0.5)}, scoring=GroupDifference("recall", by=0))
    assert by_scoring.primary in by_scoring.scorers


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"objectives": []}, ValueError, "objectives is empty"),
        ({"objectives": "roc_auc"}, TypeError, "a list of scorers and costs"),
        ({"objectives": ["roc_acu", "bytes"]}, ValueError, "did you mean roc_auc"),
        ({"objectives": ["roc_auc", "byte"]}, ValueError, "did you mean bytes"),
        ({"objectives": ["roc_auc", "rmse"]}, ValueError, "did you mean neg_root_mean_squared_error"),
        ({"objectives": ["bytes", "n_trees"]}, ValueError, "only costs"),
        ({"objectives": {"index": "roc_auc"}}, ValueError, "not a column of front_"),
        ({"objectives": {1: "roc_auc"}}, ValueError, "Names are str"),
        ({"objectives": ["f1"], "limits": {"f1": (get_scorer("recall"), ">=", 0.1)}}, ValueError, "another score"),
        ({"limits": {"score": (get_scorer("recall"), ">=", 0.1)}, "scoring": "f1"}, ValueError, "another score"),
        ({"objectives": ["f1"], "scoring": {"f1": "roc_auc"}}, ValueError, "another score"),
        ({"limits": {"bytes": ([], 100)}}, ValueError, "has to be"),
        ({"objectives": {"auc": "roc_auc", "r": GroupRatio("neg_log_loss", by=0)}}, ValueError, "positive scores"),
        ({"objectives": ["roc_auc", "roc_auc"]}, ValueError, "more than once"),
        ({"objectives": [get_scorer("roc_auc")]}, ValueError, "no name"),
        ({"objectives": {"a": 3}}, TypeError, "of type int"),
        ({"objectives": ["roc_auc", PredictSeconds(n_calls=0)]}, ValueError, "n_calls"),
        ({"limits": {}}, ValueError, "limits is empty"),
        ({"limits": [("bytes", 3)]}, TypeError, "a dict"),
        ({"limits": {3: ("<=", 1)}}, TypeError, "names of scorers"),
        ({"limits": {"recal": (">=", 0.5)}}, ValueError, "did you mean recall"),
        ({"limits": {"bytes": ("<", 5)}}, ValueError, "has to be"),
        ({"limits": {"bytes": 5}}, ValueError, "has to be"),
        ({"limits": {"bytes": ("<=", "5 MB")}}, ValueError, "finite number"),
        ({"limits": {"bytes": ("<=", float("nan"))}}, ValueError, "finite number"),
        ({"limits": {"bytes": ("<=", -5)}}, ValueError, "No model can meet"),
        ({"limits": {"recall": (">=", 1.5)}}, ValueError, "No model can meet"),
        ({"limits": {"log_loss": ("<=", -0.1)}}, ValueError, "No model can meet"),
        ({"limits": {"bytes": ("<=", 5)}, "scoring": ["roc_auc", "recall"]}, ValueError, "refit has to name"),
    ],
)
def test_what_cannot_be_read_is_refused(changes, error, message):
    with pytest.raises(error, match=message):
        read(**changes)
