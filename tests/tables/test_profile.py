"""Profiles of training tables: their content, how new tables are aligned to them, and what counts as drift."""

import datetime
import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from sklearn_autotune.tables._profile import MAX_CATEGORIES, align_to_profile, make_profile, measure_drift

TABLE = pd.DataFrame(
    {
        "size": [1.0, 3.0, np.nan, 2.0],
        "color": ["red", "green", None, "red"],
        "code": ["1", "2", "10", "2"],
        "day": pd.to_datetime(["2024-01-01", "2024-01-03", "2024-01-02", "2024-01-02"]),
    }
)
PROFILE = make_profile(TABLE)


def drift_of(table, profile=PROFILE):
    return {entry["column"]: entry for entry in measure_drift(table, profile)}


# -- profiles ------------------------------------------------------------------------------------------------------


def test_a_profile_survives_json():
    categorical = TABLE.assign(grade=pd.Categorical(np.array([3, 1, 2, 1])), flag=[True, False, True, True])
    profile = make_profile(categorical)

    assert json.loads(json.dumps(profile)) == profile
    assert [entry["name"] for entry in profile] == list(categorical.columns)
    assert [entry["kind"] for entry in profile] == ["number", "category", "category", "number", "category", "number"]


def test_an_empty_column_has_no_range_and_never_drifts_out_of_it():
    empty = pd.DataFrame({"size": [np.nan, np.nan]})
    profile = make_profile(empty)

    assert (profile[0]["low"], profile[0]["high"], profile[0]["missing"]) == (None, None, 1.0)
    assert drift_of(pd.DataFrame({"size": [1.0, 2.0]}), profile) == {}


def test_of_too_many_categories_only_their_number_is_kept():
    names = [f"name {number}" for number in range(MAX_CATEGORIES + 1)]
    profile = make_profile(pd.DataFrame({"name": names}))

    assert profile[0]["categories"] is None
    assert profile[0]["n_categories"] == MAX_CATEGORIES + 1
    assert drift_of(pd.DataFrame({"name": ["nobody"]}), profile) == {}
    assert make_profile(pd.DataFrame({"name": names[1:]}))[0]["categories"] == sorted(names[1:])


# -- new tables ----------------------------------------------------------------------------------------------------


def test_columns_come_in_training_order_and_others_are_noted():
    new = TABLE.assign(more=1, kind="a")[["more", "kind", "day", "code", "color", "size"]]

    X, notes = align_to_profile(new, PROFILE, left_out=["kind"])

    pd.testing.assert_frame_equal(X, TABLE)
    assert notes == ["columns not used: more"]
    assert align_to_profile(TABLE, PROFILE)[1] == []


def test_a_table_read_from_text_is_what_it_was_in_training():
    text = TABLE.assign(code=[1, 2, 10, 2], day=TABLE["day"].astype(str))

    X, _ = align_to_profile(text, PROFILE)

    pd.testing.assert_series_equal(X["day"], TABLE["day"])
    assert X["code"].tolist() == ["1", "2", "10", "2"]


def test_codes_that_were_read_as_numbers_with_gaps_are_strings_again():
    X, _ = align_to_profile(TABLE.assign(code=[1.0, np.nan, 10.0, 2.5]), PROFILE)

    assert X["code"].tolist()[::2] == ["1", "10"]
    assert X["code"].isna().tolist() == [False, True, False, False]
    assert X["code"].iloc[3] == "2.5"


def test_the_table_that_was_passed_stays_as_it_was():
    new = TABLE.assign(code=[1, 2, 10, 2])
    before = new.copy()
    align_to_profile(new, PROFILE)

    pd.testing.assert_frame_equal(new, before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns=["size", "day"]), "columns are missing: size, day; the model needs size, "),
        (lambda table: table.assign(size="large"), r"'size' held numbers in training and now holds \['large'"),
        (lambda table: table.assign(day="soon"), "'day' held dates in training"),
    ],
)
def test_tables_that_the_model_cannot_read_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        align_to_profile(change(TABLE), PROFILE)


def test_a_column_without_any_value_is_no_reason_to_refuse():
    X, _ = align_to_profile(TABLE.assign(size=None), PROFILE)

    assert X["size"].isna().all()


# -- drift ---------------------------------------------------------------------------------------------------------


def test_a_table_does_not_drift_from_itself():
    assert measure_drift(TABLE, PROFILE) == []


def test_another_distribution_within_the_training_range_is_drift():
    random = np.random.RandomState(0)
    table = pd.DataFrame({"size": random.uniform(size=500), "kind": random.choice(["a", "b"], 500, p=[0.99, 0.01])})
    profile = json.loads(json.dumps(make_profile(table)))
    new = pd.DataFrame({"size": table["size"].max() * np.linspace(0.97, 1, 200), "kind": ["b"] * 200})

    found = drift_of(new, profile)

    assert found["size"]["share"] == found["size"]["shift"] > 0.9
    assert found["kind"]["share"] == found["kind"]["shift"] > 0.9
    assert drift_of(new.head(3), profile) == {}  # too few rows to tell
    old = [{name: value for name, value in entry.items() if name != "n_known"} for entry in profile]
    assert drift_of(new, old) == {}  # a profile without distributions


def test_each_kind_of_drift_is_measured_as_a_share_of_the_rows():
    new = TABLE.assign(
        size=[0.9, 3.1, 1.0, 3.0],
        color=["violet", "red", "red", "green"],
        day=pd.to_datetime(["2025-01-01"] * 4),
        code=[None, None, None, "1"],
    )

    found = drift_of(new)

    assert (found["size"]["outside"], found["size"]["examples"]) == (0.5, ["0.9", "3.1"])
    assert (found["color"]["unseen"], found["color"]["examples"]) == (0.25, ["violet"])
    assert (found["code"]["more_missing"], found["code"]["examples"]) == (0.75, [])
    assert found["day"]["outside"] == 1.0
    assert found["color"]["more_missing"] == 0.0  # fewer missing values are no drift
    assert [entry["column"] for entry in measure_drift(new, PROFILE)] == ["day", "code", "size", "color"]


def test_a_few_more_missing_values_are_chance():
    profile = make_profile(pd.DataFrame({"size": np.arange(100.0)}))

    for n_missing, share in ((2, None), (3, 0.03)):
        new = pd.DataFrame({"size": np.where(np.arange(100) < n_missing, np.nan, np.arange(100.0))})
        assert drift_of(new, profile).get("size", {}).get("share") == share


def test_no_more_than_three_different_examples_are_given():
    new = TABLE.assign(size=[9.0, 9.0, 8.0, 9.0])
    many = pd.concat([new, TABLE.assign(size=[7.0, 6.0, 5.0, 4.0])])

    assert drift_of(many)["size"]["examples"] == ["9.0", "8.0", "7.0"]


def test_categories_do_not_drift_into_another_type():
    profile = make_profile(pd.DataFrame({"zip": pd.Categorical([1067, 10115]), "band": pd.cut([0.5, 1.5], [0, 1, 2])}))

    same = pd.DataFrame({"zip": ["01067", "10115"], "band": ["(0, 1]", "(1, 2]"]})
    assert measure_drift(same, profile) == []
    assert drift_of(same.assign(zip=[1067, 7]), profile)["zip"]["unseen"] == 0.5


def test_columns_are_described_by_what_they_hold():
    table = pd.DataFrame(
        {"day": [datetime.date(2024, 1, 1)], "sold": [True], "price": [1], "kind": ["a"], "no": [None]}
    )
    profile = make_profile(table)

    assert [entry["holds"] for entry in profile] == ["dates", "booleans", "numbers", "categories", "nothing"]
    assert (profile[0]["low"], profile[0]["high"]) == (19723, 19723)
    as_text, _ = align_to_profile(table.assign(day="2024-01-01"), profile)
    assert measure_drift(as_text, profile) == []
    with pytest.raises(ValueError, match=r"column 'sold' held booleans in training and now holds \['maybe'\]"):
        align_to_profile(table.assign(sold="maybe"), profile)


@pytest.mark.parametrize(
    ("missing", "dtype"), [(None, object), (np.nan, object), (pd.NA, object), (None, "str"), (None, "float")]
)
def test_rows_in_which_a_column_of_words_has_no_value_drift_by_missing_values_only(missing, dtype):
    table = TABLE.iloc[:2].assign(color=pd.Series([missing, missing], dtype=dtype))

    found = drift_of(align_to_profile(table, PROFILE)[0])

    assert found["color"]["more_missing"] == 0.75
    assert (found["color"]["unseen"], found["color"]["examples"]) == (0.0, [])


@pytest.mark.parametrize(
    ("values", "others"),
    [
        ([Decimal("1.5"), None, Decimal("3.25")], [1.5, np.nan, 3.25]),
        ([datetime.time(8, 30), datetime.time(9), None], [datetime.time(9), None, None]),
        ([True, None, False], [1, 0, 1]),
        ([None, None, None], ["a", "b", None]),
    ],
    ids=["decimals", "times of the day", "booleans with gaps", "nothing"],
)
def test_objects_that_the_model_reads_as_in_training_stay_as_they_are(values, others):
    profile = make_profile(pd.DataFrame({"x": pd.Series(values, dtype=object)}))

    for new in (values, others):
        table = pd.DataFrame({"x": pd.Series(new, dtype=object)})
        X, notes = align_to_profile(table, profile)
        pd.testing.assert_frame_equal(X, table)
        assert notes == []
        measure_drift(X, profile)
    if profile[0]["holds"] != "nothing":
        with pytest.raises(ValueError, match=r"'x' held .* and now holds \['2024-01-01"):
            align_to_profile(pd.DataFrame({"x": pd.Series([datetime.date(2024, 1, 1)] * 3, dtype=object)}), profile)
