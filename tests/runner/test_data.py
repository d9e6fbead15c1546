"""The table of a run: which rows are held out, and which errors its columns cause."""

import os

import numpy as np
import pytest

from sklearn_autotune.__main__ import main
from sklearn_autotune.runner._config import ConfigError
from sklearn_autotune.runner._data import TimeFolds, read_table
from tests.runs import parts_of


def test_the_rows_held_out_keep_to_their_rule(write, table):
    stratified = parts_of(write(""))
    assert stratified.rule == "stratified"
    assert len(stratified.holdout.y) == 32
    assert abs((stratified.holdout.y == "good").mean() - (table["kind"] == "good").mean()) < 0.03

    group = parts_of(write("holdout: {rule: group, column: shop, share: 0.3}"))
    assert set(group.train.groups).isdisjoint(group.holdout.groups)
    assert "shop" not in group.train.X

    late = parts_of(write("holdout: {rule: time, column: day}", drop="[price]"))
    assert "day" not in late.train.X
    assert len(late.holdout.y) == 32
    np.testing.assert_array_equal(late.holdout.y, table.sort_values("day", kind="stable")["kind"].to_numpy()[-32:])

    none = parts_of(write("holdout: {rule: none}"))
    assert none.holdout is None
    assert len(none.train.y) == len(table)


def test_groups_and_times_are_held_out_together_unless_the_hold_out_has_a_rule(write, table):
    grouped = parts_of(write("groups: shop"))
    assert grouped.rule == "group"
    assert set(grouped.train.groups).isdisjoint(grouped.holdout.groups)
    assert "shop" not in grouped.train.X

    mixed = parts_of(write("groups: shop\nholdout: {rule: random}"))
    assert mixed.rule == "random"
    assert set(mixed.train.groups) & set(mixed.holdout.groups)

    later = parts_of(write("groups: shop\nholdout: {rule: time, column: day}", drop="[price]"))
    assert not {"shop", "day"} & set(later.train.X)
    assert table["day"].iloc[later.train.numbers - 1].max() <= table["day"].iloc[later.holdout.numbers - 1].min()

    timed = parts_of(write("time: day", drop="[price]"))
    assert timed.rule == "time"
    assert timed.train.X["day"].max() <= timed.holdout.X["day"].min()
    assert (np.diff(timed.train.times) >= 0).all()
    assert "day" not in parts_of(write("time: day")).train.X


def test_rows_are_numbered_as_in_the_file(write, table, tmp_path):
    table.assign(kind=table["kind"].mask(table.index == 3)).to_csv(tmp_path / "data.csv", index=False)

    parts = parts_of(write("time: day", data="data.csv", drop="[price]"))

    numbers = np.concatenate([parts.train.numbers, parts.holdout.numbers])
    assert sorted(numbers) == [number for number in range(1, 161) if number != 4]
    sizes = table["size"].to_numpy()[parts.train.numbers - 1]
    np.testing.assert_array_equal(parts.train.X["size"].to_numpy(), sizes)


def test_weights_are_read_and_cut_with_the_rows(write, table, tmp_path):
    weight = np.arange(160) + 1.0
    table.assign(weight=weight).to_parquet(tmp_path / "weighted.parquet")

    parts = parts_of(write("sample_weight: weight", data="weighted.parquet"))

    assert "weight" not in parts.train.X
    np.testing.assert_array_equal(parts.train.sample_weight, weight[parts.train.numbers - 1])
    np.testing.assert_array_equal(parts.holdout.sample_weight, weight[parts.holdout.numbers - 1])
    taken = parts.train.take(np.array([3, 1]))
    assert taken.sample_weight.tolist() == parts.train.sample_weight[[3, 1]].tolist()
    assert taken.X.index.tolist() == [3, 1]
    assert list(parts.train.metadata) == ["sample_weight"]


@pytest.mark.parametrize(
    ("text", "changes", "message"),
    [
        ("sample_weight: weigth", {}, "data.parquet has no column 'weigth'"),
        ("sample_weight: size", {}, "sample_weight: 'size' has to hold a number of at least 0 in each row"),
        ("sample_weight: city", {}, "sample_weight: 'city' has to hold a number"),
        ("groups: size", {}, "groups: 'size' has a missing value in"),
        ("time: city", {}, "time: 'city' has to hold dates such as 2026-01-31 or 2026-01-31 13:45, or numbers"),
        ("time: size", {}, "time: The column of time='size' has a missing value"),
        ("groups: shops", {}, "has no column 'shops'"),
        ("groups: shop\ncv: 30", {}, "cv: "),
        ("cv: {stratified: {n_splits: 99}}", {}, "cv: "),
        ("cv: stratified\nmodel_type: ridge", {"target": "price", "drop": "[kind]"}, "cv: stratified is for classif"),
        ("sample_weight: code_\nmodel_type: neighbors", {"drop": "[price]"}, "has no column 'code_'"),
    ],
)
def test_columns_and_folds_that_cannot_be_used_are_refused_before_any_fit(text, changes, message, write, capsys):
    assert main(["run", str(write(text, **changes))]) == 2
    assert message in capsys.readouterr().err


def test_folds_in_time_keep_rows_of_one_time_together():
    times = np.repeat(np.arange(8.0), 3)
    folds = TimeFolds(3, times)
    pairs = list(folds.split(np.zeros((24, 1))))

    assert folds.get_n_splits() == len(pairs) == 3
    assert all(times[train].max() < times[test].min() for train, test in pairs)
    inner = list(folds.split(np.zeros((12, 1))))  # of the first rows, as inside an outer fold
    assert max(test.max() for _, test in inner) == 11


def test_a_validation_file_is_the_hold_out(write, table, tmp_path):
    table.tail(40).to_csv(tmp_path / "later.csv", index=False)

    parts = parts_of(write("validation: later.csv"))

    assert len(parts.train.y) == len(table)
    np.testing.assert_array_equal(parts.holdout.y, table["kind"].to_numpy()[-40:])


@pytest.mark.parametrize(
    ("text", "changes", "message"),
    [
        ("", {"data": "gone.csv"}, "gone.csv: no such file"),
        ("", {"target": "kin"}, "no column 'kin'"),
        ("", {"drop": "[colour]"}, "no column 'colour'"),
        ("", {"data": "sklearn:moons"}, "known are"),
        ("validation: gone.csv", {}, "gone.csv: no such file"),
        ("task: regression", {}, "regression needs numbers"),
        ("holdout: {rule: group, column: kinds}", {}, "no column 'kinds'"),
        ("model_type: ridge", {}, "ridge is for regression"),
        ("scoring: r2", {}, "r2 is for regression"),
        ("scoring: f1", {}, "f1_macro"),
        ("model_type: svm\nspace: {Cc: [1]}", {}, "space.Cc: svm has no such parameter: did you mean C?"),
        ("model_type: svm\nn_trials: 2\noptimization_method: grid\nspace: {C: [1, 2, 3]}", {}, "3 candidates"),
        ("model_type: svm\noptimization_method: grid\nspace: {C: {float: [1, 2]}}", {}, "a grid needs choices"),
        ("model_type: svm\nstorage: gone/a.db", {}, "there is no folder"),
        ("space: {max_features: 1}", {}, "the family comes first, as in forest__max_features"),
        ("space: {ridge__alpha: 1}", {}, "space.ridge__…: no such family for this classification; known are"),
        (
            "space: {forest__max_feature: 1}",
            {},
            "space.forest__max_feature: forest has no such parameter: did you mean",
        ),
        ("space: {xgboost__n_estimators: 1}", {}, "early stopping finds this number"),
    ],
)
def test_what_the_data_show_to_be_impossible_is_refused_and_nothing_is_written(
    text, changes, message, write, tmp_path, capsys
):
    path = write(text, **changes)
    before = sorted(os.listdir(tmp_path))

    assert main(["run", str(path)]) == 2

    assert message in capsys.readouterr().err
    assert sorted(os.listdir(tmp_path)) == before


def test_a_doubled_header_is_refused_by_its_name(tmp_path):
    for header in ("kind,size,kind", "kind,size,size", 'kind,"size","size"'):
        (tmp_path / "table.csv").write_text(f"{header}\na,1,2\nb,3,4\n")

        with pytest.raises(ConfigError, match="more than one column is called"):
            read_table("table.csv", tmp_path, "kind")
    (tmp_path / "table.csv").write_text("kind,size,size.1\na,1,2\n")
    assert list(read_table("table.csv", tmp_path, "kind")) == ["kind", "size", "size.1"]


def test_a_target_of_words_keeps_those_that_look_missing(tmp_path):
    words = ["NA", "null", "None", "nan", "n/a", "EU"]
    (tmp_path / "table.csv").write_text("kind,feature\n" + "".join(f"{word},{word}\n" for word in words) + ",1\n")

    table = read_table("table.csv", tmp_path, "kind")

    assert table["kind"].tolist()[:-1] == words
    assert table["kind"].isna().tolist() == [False] * 6 + [True]
    assert table["feature"].isna().tolist() == [True] * 5 + [False, False]


def test_a_target_of_numbers_or_flags_has_gaps_where_it_says_so(tmp_path):
    (tmp_path / "table.csv").write_text("price,sold\n1.5,True\nNA,NA\n,\n")

    table = read_table("table.csv", tmp_path, "price")

    assert table["price"].isna().tolist() == [False, True, True]
    assert read_table("table.csv", tmp_path, "sold")["sold"].tolist()[0] is True


def test_a_task_that_is_inferred_from_numbers_is_explained(write):
    codes = parts_of(write("", target="shop", drop="[kind, price, day]"))
    assert codes.task == "classification"
    assert codes.task_inferred_from == (
        "shop holds 12 different whole numbers from 0 to 11 in 160 rows; if these are amounts, write task: regression"
    )
    words = parts_of(write(""))
    assert (words.task, words.task_inferred_from) == ("classification", None)
    named = parts_of(write("task: regression", target="shop", drop="[kind, price, day]"))
    assert (named.task, named.task_inferred_from) == ("regression", None)


def test_whole_numbers_that_look_like_amounts_are_a_regression(write, table, tmp_path):
    path = write("", target="price", drop="[kind, day]", data="rounded.csv")
    table.assign(price=(table["price"] * 1000).round().astype(int)).to_csv(tmp_path / "rounded.csv", index=False)

    parts = parts_of(path)

    assert parts.task == "regression"
    assert parts.task_inferred_from.endswith("if these are classes, write task: classification")


def test_a_score_for_the_task_that_was_not_inferred_is_answered_with_the_line_that_names_it(write, capsys):
    for text in ("model_type: ridge\n", "scoring: r2\n"):
        assert main(["run", str(write(text, target="shop", drop="[kind, price, day]"))]) == 2

        assert (
            "is for regression, but this is a classification, since shop holds 12 different whole numbers from 0 to 11 "
            "in 160 rows; if these are amounts, write task: regression"
        ) in capsys.readouterr().err
