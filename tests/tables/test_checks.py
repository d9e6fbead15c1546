"""Targets and metadata: what is refused with which message, and what is returned."""

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest
from scipy.sparse import csr_array
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold

from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier, compare
from sklearn_autotune.tables._checks import (
    check_classes,
    check_no_gaps,
    check_no_gaps_to_predict,
    check_target_and_metadata,
    check_weight_length,
    check_weighted_classes,
    index_rows,
    make_indexable,
    require_target,
)
from tests.toys import WeightedClassifier, read_log

X = np.zeros((4, 2))


@pytest.mark.parametrize("weight", [[1, 2], np.ones(5), pd.Series(np.ones(3))])
@pytest.mark.parametrize("table", [X, X.tolist(), pd.DataFrame(X), csr_array(X)])
def test_a_weight_for_each_row_is_asked_for(weight, table):
    with pytest.raises(ValueError, match=f"sample_weight has {len(weight)} entries, and X has 4 rows"):
        check_weight_length(table, {"sample_weight": weight})


@pytest.mark.parametrize("params", [{}, {"sample_weight": None}, {"sample_weight": np.ones(4)}, {"other": [1, 2]}])
def test_other_metadata_may_have_any_length(params):
    assert check_weight_length(X, params) is params


def test_a_search_with_too_few_weights_fits_nothing(tmp_path):
    log = tmp_path / "log"
    search = OptunaSearchCV(WeightedClassifier(log=log), {"a": [1, 2]}, cv=2)

    with pytest.raises(ValueError, match="sample_weight has 3 entries, and X has 4 rows"):
        search.fit(X, [0, 1, 0, 1], sample_weight=[1, 1, 1])

    assert read_log(log) == []


def test_a_missing_target_is_refused_by_the_estimators_name():
    with pytest.raises(ValueError, match="This Ridge estimator requires y to be passed"):
        require_target(Ridge(), None)

    require_target(Ridge(), [0])


SURVIVAL = np.array([(True, 2.0), (False, 3.5)], dtype=[("event", bool), ("time", float)])


@pytest.mark.parametrize(
    ("estimator", "y", "message"),
    [
        (LogisticRegression(), np.eye(3), r"array of shape \(3, 3\) instead. .* with MultiOutputClassifier"),
        (Ridge(), [[1, 2], [3, 4]], r"array of shape \(2, 2\) instead. .* with MultiOutputRegressor"),
        (Ridge(), pd.DataFrame({"a": [1, 2], "b": [3, 4]}), "Ridge predicts one target. Fit one for each column"),
        (Ridge(), csr_array(np.eye(2)), "Ridge predicts one target"),
        (Ridge(), SURVIVAL, "fields event, time, and Ridge predicts one class or number .* scikit-survival"),
    ],
)
def test_several_targets_and_times_until_an_event_are_refused_with_what_takes_them(estimator, y, message):
    with pytest.raises(ValueError, match=message):
        require_target(estimator, y)

    for single in (np.zeros((2, 1)), [0, 1], ["a", "b"], [[0], [0, 1]], pd.Series([0, 1]), polars.Series([0, 1])):
        require_target(estimator, single)


@pytest.mark.parametrize("estimator", [TunedXGBClassifier(), AutoModelSelector()])
def test_labels_of_numpys_stringdtype_are_refused_with_what_is_taken(estimator):
    with pytest.raises(ValueError, match=r"StringDType.* Pass y\.astype\(str\)"):
        estimator.fit(X, np.array(["a", "b", "a", "b"], dtype=np.dtypes.StringDType()))


def test_target_and_metadata_that_are_right_are_handed_on_without_what_is_none():
    groups = ["a", "a", "b", "b"]

    y, metadata = check_target_and_metadata(
        X, pd.Series([1, 2, 3, 4]), {"sample_weight": [0, 1, 2, 3], "groups": groups, "other": None}
    )

    np.testing.assert_array_equal(y, [1, 2, 3, 4])
    assert metadata.keys() == {"sample_weight", "groups"}
    assert metadata["groups"] is groups
    np.testing.assert_allclose(metadata["sample_weight"], [0.0, 0.5, 1.0, 1.5])


@pytest.mark.parametrize(
    ("y", "metadata", "message"),
    [
        ([1, 2, 3], {}, "inconsistent numbers of samples"),
        ([1, 2, 3, np.nan], {}, "y contains NaN"),
        ([None, "a", "b", "c"], {}, "missing value in 1 of 4 rows, first in row 0"),
        ([[1, 2], [1, 2], [1, 2], [1, 2]], {}, "y should be a 1d array"),
        ([1, 2, 3, 4], {"groups": [1, 2, 3]}, "inconsistent numbers of samples"),
        ([1, 2, 3, 4], {"sample_weight": [1, 1, 1, -1]}, "at least 0 for each row"),
        ([1, 2, 3, 4], {"sample_weight": [[1], [1], [1], [1]]}, "one number"),
        ([1, 2, 3, 4], {"sample_weight": [1, 1, 1, np.inf]}, "sample_weight contains infinity"),
        ([1, 2, 3, 4], {"sample_weight": [0, 0, 0, 0]}, "zero for all rows"),
    ],
)
def test_target_and_metadata_that_do_not_fit_are_refused(y, metadata, message):
    with pytest.raises(ValueError, match=message):
        check_target_and_metadata(X, y, metadata)


@pytest.mark.parametrize(
    ("classes", "counts", "message"),
    [
        (["yes"], [10], "only one class: 'yes'"),
        (["no", "yes"], [10, 2], r"'yes' has 2 members, fewer than the 3 folds. Pass cv=2, or your own splitter"),
        (["no", "yes"], [1, 10], r"'no' has 1 member, fewer than the 3 folds. Pass your own splitter"),
        (
            [1000, 2000, 4000],
            [1, 10, 10],
            r"drop it. y holds 3 different whole numbers from 1000 to 4000 in 21 rows: for amounts, take a regressor\.",
        ),
    ],
)
def test_classes_that_the_folds_cannot_hold_are_refused_with_a_way_out(classes, counts, message):
    with pytest.raises(ValueError, match=message):
        check_classes(np.array(classes), np.array(counts), 3)


def test_rare_classes_are_allowed_where_they_fill_the_folds_or_the_user_splits():
    check_classes(np.array(["no", "yes"]), np.array([10, 3]), 3)
    check_classes(np.array(["no", "yes"]), np.array([10, 1]), KFold(3))


def test_two_classes_need_weight():
    classes, codes = np.array(["no", "yes"]), np.array([0, 1, 1])

    check_weighted_classes(classes, codes, None)
    check_weighted_classes(classes, codes, np.array([0.1, 0.0, 5.0]))
    with pytest.raises(ValueError, match="those of one class, 'yes'"):
        check_weighted_classes(classes, codes, np.array([0.0, 0.0, 5.0]))
    with pytest.raises(ValueError, match="those of one class, 'no'"):
        check_weighted_classes(classes, codes[:1], None)


@pytest.mark.parametrize(
    "y",
    [
        ["a", None, "b", None],
        [1.0, np.nan, 2.0, None],
        np.array([1.0, np.nan, 2.0, np.nan]),
        np.array(["a", np.nan, "b", None], dtype=object),
        pd.Series(["a", None, "b", pd.NA], dtype="string"),
        pd.Series([1, None, 2, pd.NA], dtype="Int64"),
        pd.Series(pd.Categorical(["a", None, "b", None])),
        pd.to_datetime(pd.Series(["2024-01-01", None, "2024-01-02", None])),
        polars.Series(["a", None, "b", None]),
        polars.Series([1, None, 2, None]),
        np.array([[1.0, 1.0], [1.0, np.nan], [2.0, 1.0], [np.nan, np.nan]]),
    ],
)
def test_a_target_with_gaps_is_refused_with_their_number(y):
    with pytest.raises(
        ValueError, match="Input y contains NaN, None or another missing value in 2 of 4 rows, first in"
    ):
        check_no_gaps(y)


def test_a_target_without_gaps_is_accepted():
    for y in (["a", "nan", "", "None"], [1, 2], [True, False], pd.Series([1, 2], dtype="Int64"), [[1, 2], [3, 4]]):
        check_no_gaps(y)


def test_several_targets_and_estimators_that_predict_no_target_may_have_a_use_for_gaps():
    check_no_gaps_to_predict(PCA(), [1.0, np.nan])
    check_no_gaps_to_predict(Ridge(), [[1.0], [np.nan]])
    check_no_gaps_to_predict(Ridge(), None)
    with pytest.raises(ValueError, match="in 1 of 2 rows"):
        check_no_gaps_to_predict(Ridge(), [1.0, np.nan])


def test_rows_can_be_taken_of_what_is_indexed():
    search = GridSearchCV(Ridge(), {})

    rows, target = index_rows(search, [[1], [2]], (1, 2))
    assert (rows, target) == ([[1], [2]], (1, 2))
    with pytest.raises(ValueError, match="This GridSearchCV estimator requires y to be passed"):
        index_rows(search, [[1], [2]], None)
    with pytest.raises(ValueError, match="in 1 of 2 rows"):
        index_rows(search, [[1], [2]], [1, np.nan])
    assert index_rows(GridSearchCV(PCA(), {}), X, None)[1] is None


def test_a_table_that_arrow_makes_from_polars_can_be_searched_and_compared():
    """Its strings are views, of which Arrow cannot select rows."""
    frame = polars.DataFrame({"x": np.arange(40.0), "colour": ["red", "blue"] * 20})
    table, y = pyarrow.table(frame), pyarrow.array(["no", "yes"] * 20, pyarrow.string_view())
    assert "string_view" in map(str, table.schema.types)

    rows, labels = make_indexable(table, y)
    assert rows.take([1]).to_pylist() == [{"x": 1.0, "colour": "blue"}]
    assert labels.take([1]).to_pylist() == ["yes"]

    tuned = TunedXGBClassifier(n_estimators=5, n_trials=1, cv=2, random_state=0)
    search = OptunaSearchCV(tuned, {"learning_rate": [0.1, 0.3]}, cv=2, random_state=0, error_score="raise")
    selector = AutoModelSelector(families=["logistic"], n_trials=1, cv=2, random_state=0)
    for estimator in (search, selector):
        estimator.fit(table, y)
    comparison = compare({"tuned": tuned}, table, y, cv=2, baselines=False)

    assert (selector.predict(table) == np.asarray(y)).all()
    assert search.score(table, y) == selector.score(table, y) == 1
    assert comparison.column("score", "tuned").tolist() == [1, 1]


WORDS = ["b", None, "a"]


def test_rows_can_be_selected_of_views_in_a_table_of_arrow():
    columns = {"n": [1, 2, 3], "s": pyarrow.array(WORDS, pyarrow.string_view())}
    table = pyarrow.table(columns | {"b": pyarrow.array([b"x", None, b""], pyarrow.binary_view())})

    (cast,) = make_indexable(table)

    assert cast.take([2, 0]).to_pydict() == {"n": [3, 1], "s": ["a", "b"], "b": [b"", b"x"]}
    assert make_indexable(table.column("s"))[0].take([0]).to_pylist() == ["b"]
    assert make_indexable(cast)[0] is cast
    for other in (None, [1], pd.DataFrame({"s": WORDS}), polars.DataFrame({"s": WORDS}), np.zeros(2)):
        assert make_indexable(other)[0] is other
