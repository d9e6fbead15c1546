"""The front of a table of blends."""

import numpy as np

from sklearn_autotune.objectives._blend_table import BlendTable
from sklearn_autotune.objectives._limits import Limit
from sklearn_autotune.objectives._plan import Objective

SCORES = {"auc": np.array([0.9, 0.8, 0.8, 0.7]), "neg_bytes": np.array([-50.0, -20.0, -10.0, -30.0])}


def make_table(**changes):
    settings = {
        "objectives": (Objective("auc", "auc"), Objective("size", "neg_bytes", -1)),
        "limits": (Limit("size", "neg_bytes", -1, True, 40.0),),
        "primary": "auc",
        "is_listed": True,
        "scores": SCORES,
        "scorers": {"auc": None, "neg_bytes": None},
        "n_single_fits": np.array([0, 0, 1, 0]),
        "n_models": [6, 3, 1, 3],
        "members": [{"a_0": 0.5, "b_1": 0.5}, {"a_0": 1.0}, {"a_0": 1.0}, {"b_1": 1.0}],
        "meets_limits": np.array([False, True, True, True]),
        "best": 1,
    }
    return BlendTable(**settings | changes)


def test_the_front_has_what_meets_the_limits_and_no_other_blend_beats():
    front = make_table().make_front()

    assert front["auc"].tolist() == [0.8, 0.8]  # of the same score, the one that averages more models is better
    assert front["size"].tolist() == [20.0, 10.0]
    assert front["n_models"] == [3, 1]
    assert make_table(limits=(), meets_limits=np.ones(4, dtype=bool)).make_front()["auc"].tolist() == [0.9, 0.8, 0.8]


def test_the_nearest_is_the_front_if_no_blend_meets_the_limits():
    assert make_table(meets_limits=np.zeros(4, dtype=bool)).find_front().tolist() == [1]


def test_what_is_only_limited_comes_behind_the_objectives():
    limits = (Limit("recall", "recall", 1, False, 0.5), Limit("size", "neg_bytes", -1, True, 40.0))
    table = make_table(limits=limits, scores=SCORES | {"recall": np.ones(4)})

    assert [one.name for one in table.named] == ["auc", "size", "recall"]
    assert list(table.make_front()) == ["auc", "size", "recall", "n_models", "members"]
