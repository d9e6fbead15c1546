"""The call that creates a value again uses public functions, and is tried before it is returned."""

import operator
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import make_scorer

from sklearn_autotune.export._values import find_call, find_public_value, is_same
from tests.export.values import Label, Named, Pair


class NamedWithState(Named):
    def __new__(cls, text, owner=None):
        new = super().__new__(cls, text)
        new.owner = owner
        return new


@pytest.mark.parametrize(
    ("value", "function", "args"),
    [
        (Named("a"), Named, ("a",)),
        (Pair(1, "b"), Pair, (1, "b")),
        (Fraction(1, 3), Fraction, (1, 3)),
        (operator.itemgetter(2), operator.itemgetter, (2,)),
        (pd.Timedelta("1D"), pd.Timedelta, ("P1DT0H0M0S",)),
    ],
)
def test_the_call_has_the_public_type_and_its_arguments(value, function, args):
    call = find_call(value)

    assert (call.function, call.args) == (function, args)


@pytest.mark.parametrize(
    "value", [NamedWithState("a", owner="b"), object(), np.random.RandomState(0), pd.SparseDtype("float"), len]
)
def test_there_is_no_call_for_what_it_would_not_bring_back(value):
    assert find_call(value) is None


def test_scorers_and_frozen_distributions_are_compared_by_their_arguments():
    scorer, distribution = find_call(make_scorer(max)), find_call(stats.uniform(1, scale=2))

    assert scorer.args == (max,)
    assert distribution.function is stats.uniform
    assert (distribution.args, distribution.kwargs) == ((1,), {"scale": 2})


def test_values_that_are_public_themselves():
    assert find_public_value(pd.NA) == ("pandas", "NA")
    assert find_public_value(stats.norm) == ("scipy.stats", "norm")
    assert find_public_value(Label.GOOD) is None
    assert find_public_value(3) is None


@pytest.mark.parametrize(
    ("value", "other", "expected"),
    [
        (1, True, False),
        (0.0, -0.0, False),
        (float("nan"), float("nan"), True),
        ([1.0, float("nan")], [1.0, float("nan")], True),
        ([1], [1, 2], False),
        ({"a": float("nan")}, {"a": float("nan")}, True),
        (np.array([1.0]), np.array([1]), False),
        (np.array([1.0, np.nan]), np.array([1.0, np.nan]), True),
        (Named("a"), "a", False),
        ("a", "b", False),
        (pd.Index(["a"]), pd.Index(["a"]), True),
        (operator.itemgetter(0), operator.itemgetter(1), False),
    ],
)
def test_values_are_the_same_if_type_and_content_are(value, other, expected):
    assert is_same(value, other) is expected
