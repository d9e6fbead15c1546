"""Which targets are classes and which are amounts; nothing that looks like amounts is taken for classes silently."""

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine

from sklearn_autotune import AutoModelSelector, TunedXGBClassifier, TunedXGBRegressor
from sklearn_autotune.tables._target import (
    check_classes_are_plausible,
    choose_target_transform,
    read_amounts,
    read_target_values,
)

RANDOM = np.random.RandomState(0)
PRICES = RANDOM.randint(50_000, 900_000, 300)

CLASSES = {
    "strings": ["yes", "no", "yes"],
    "strings of digits": ["1", "2", "3", "4", "5"],
    "many strings": [f"street {number}" for number in range(100)],
    "booleans": [True, False, True],
    "objects that are booleans": np.array([True, False, True], dtype=object),
    "categories of numbers": pd.Series(PRICES).astype("category"),
    "a frame with a column of categories": pd.DataFrame({"price": pd.Series(PRICES).astype("category")}),
    "two numbers": [0, 1] * 5,
    "two numbers far apart": [0, 1000],
    "two floats": np.array([0.0, 1.0, 1.0]),
    "minus one and one": [-1, 1, -1],
    "a missing value among two": [0.0, 1.0, np.nan],
    "iris": load_iris().target,
    "breast cancer": load_breast_cancer().target,
    "wine": load_wine().target,
    "digits": load_digits().target,
    "digits as floats": load_digits().target.astype(float),
    "digits as objects": load_digits().target.astype(object),
    "ratings": RANDOM.randint(1, 11, 100),
    "thirty-two codes": np.arange(32).repeat(5),
    "codes that begin at one": np.arange(1, 27).repeat(20),
    "nothing": [],
}

AMOUNTS = {
    "prices": PRICES,
    "few prices": [180_000, 250_000, 320_000, 250_000],
    "prices in thousands": np.array([100_000, 200_000, 300_000]).repeat(100),
    "prices of a table of pandas": pd.Series(PRICES),
    "prices with gaps": pd.Series([100, 200, None, 300], dtype="Int64"),
    "prices of a frame": pd.DataFrame({"price": PRICES}),
    "prices of polars": pl.Series(PRICES),
    "prices as objects": PRICES.astype(object),
    "decimals": [Decimal(5), Decimal("7.5")],
    "diabetes": load_diabetes().target,
    "fractions": RANDOM.normal(size=50),
    "two fractions": [0.5, 1.5] * 10,
    "ages": RANDOM.randint(18, 91, 5000),
    "years": RANDOM.randint(1990, 2020, 1000),
    "counts": RANDOM.poisson(8, 2000),
    "a number for each row": np.arange(40),
    "large numbers": 2**62 + np.arange(40),
    "numbers of three kinds far apart": [200, 301, 404] * 20,
}


@pytest.mark.parametrize("case", CLASSES)
def test_labels_and_few_whole_numbers_are_classes(case):
    assert read_target_values(CLASSES[case]).task == "classification"
    check_classes_are_plausible(CLASSES[case], "Selector")


@pytest.mark.parametrize("case", AMOUNTS)
def test_fractions_and_many_or_distant_whole_numbers_are_amounts(case):
    assert read_target_values(AMOUNTS[case]).task == "regression"
    with pytest.raises(ValueError, match=r'write Selector\(task="regression"\)'):
        check_classes_are_plausible(AMOUNTS[case], "Selector")


def test_the_message_says_what_came_and_both_lines_to_write():
    with pytest.raises(ValueError, match="y holds") as caught:
        check_classes_are_plausible([180_000, 250_000, 320_000, 250_000], "Selector")

    assert str(caught.value) == (
        "y holds 3 different whole numbers from 180000 to 320000 in 4 rows, which may be amounts or the names of "
        'classes. To predict amounts, write Selector(task="regression"). To predict a class for each number, write '
        'Selector(task="classification").'
    )


def test_fractions_are_never_offered_as_classes():
    with pytest.raises(ValueError, match="Unknown label type: continuous") as caught:
        check_classes_are_plausible([0.5, 1.5, 2.5], "Selector")

    assert "classification" not in str(caught.value)


def test_whole_numbers_beyond_the_precision_of_floats_have_no_fractions():
    assert not read_target_values(2**62 + np.arange(40)).has_fractions


@pytest.mark.parametrize("y", [np.zeros((4, 2)), "yes", 3, [1j, 2j, 3j], np.array(["2024-01-01"], dtype="M8[D]")])
def test_targets_of_another_kind_are_left_to_later_checks(y):
    assert read_target_values(y).task == "classification"


def test_amounts_are_read_as_floats_and_a_word_is_named():
    np.testing.assert_array_equal(read_amounts(np.array([1, 2], dtype=object)), [1.0, 2.0])
    with pytest.raises(ValueError, match="A regression needs numbers, but y holds 'yes'"):
        read_amounts(np.array([1, "yes"], dtype=object))
    with pytest.raises(ValueError, match="infinity"):
        read_amounts([1.0, np.inf])


NORMAL = np.random.RandomState(1).normal(size=400)


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (NORMAL, None),
        (np.exp(NORMAL), "log"),
        (1e9 * np.exp(NORMAL), "log"),
        (1e-9 * np.exp(NORMAL), "log"),
        (RANDOM.poisson(np.exp(NORMAL)), "log"),
        (np.exp(NORMAL) - 5, "power"),
        (-np.exp(NORMAL), "power"),
        (10 - np.exp(NORMAL).clip(0, 9), "power"),
        (np.arange(400) % 50 == 0, None),
        (np.full(400, 7.0), None),
    ],
    ids=["normal", "prices", "large", "small", "counts", "negative", "left", "left of 0", "two values", "constant"],
)
def test_a_transformation_is_chosen_for_a_skewed_target_of_many_values(y, expected):
    assert choose_target_transform(y) == expected


@pytest.mark.parametrize("make", [AutoModelSelector, TunedXGBClassifier, TunedXGBRegressor])
@pytest.mark.parametrize(("unit", "word"), [("M8[D]", "dates"), ("m8[s]", "durations")])
def test_dates_and_durations_are_no_target(make, unit, word):
    y = np.repeat(np.arange(2).astype(unit), 20)

    with pytest.raises(ValueError, match=f"^y holds {word}. To predict them, convert them to numbers"):
        make(n_trials=1).fit(np.zeros((40, 1)), y)


@pytest.mark.parametrize("make", [AutoModelSelector, TunedXGBClassifier])
def test_booleans_among_objects_are_refused_with_what_to_write(make):
    with pytest.raises(ValueError, match=r"^Unknown label type: unknown. y holds True and False .* y.astype\(bool\)"):
        make(n_trials=1).fit(np.zeros((40, 1)), np.array([True, False] * 20, dtype=object))
