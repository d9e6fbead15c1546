"""MLflow: the signature of a model accepts the tables that the model does."""

import logging
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from sklearn_autotune._compat.mlflow import infer_signature, silence_mlflow

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it says of its own dependencies
    import mlflow

N_ROWS = 9
DATES = pd.Series(pd.date_range("2024-01-01", periods=N_ROWS))


class CountingRegressor:
    """Predicts each row's number."""

    def predict(self, X):
        return np.arange(len(X), dtype=float)


COLUMNS = {
    "Int64 with gaps": pd.array([1, None, 3] * 3, dtype="Int64"),
    "Int64 without gaps": pd.array([1, 2, 3] * 3, dtype="Int64"),
    "UInt8 with gaps": pd.array([1, None, 3] * 3, dtype="UInt8"),
    "boolean with gaps": pd.array([True, None, False] * 3, dtype="boolean"),
    "Float64 with gaps": pd.array([1.5, None, 3.0] * 3, dtype="Float64"),
    "string with gaps": pd.array(["a", None, "b"] * 3, dtype="string"),
    "dates": DATES,
    "dates with gaps": DATES.where(DATES.index % 2 == 0),
    "dates with a time zone": DATES.dt.tz_localize("Europe/Paris"),
    "dates with a time zone and gaps": DATES.dt.tz_localize("UTC").where(DATES.index % 2 == 0),
    "categories": pd.Categorical(["a", None, "b"] * 3),
    "categories of numbers": pd.Categorical([3, None, 1] * 3),
    "objects": pd.Series(["a", np.nan, "b"] * 3, dtype=object),
    "objects that are booleans": pd.Series([True, None, False] * 3, dtype=object),
    "decimals": [Decimal("1.5")] * N_ROWS,
    "uint64": np.arange(N_ROWS, dtype="uint64"),
    "float16": np.arange(N_ROWS, dtype="float16"),
    "sparse": pd.arrays.SparseArray([0.0, 0.0, 1.0] * 3),
}


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_the_signature_accepts_the_training_table_and_each_of_its_rows(column):
    X = pd.DataFrame({"column": column, "other": np.arange(N_ROWS) / 2})

    signature = infer_signature(CountingRegressor(), X)

    assert [(spec.name, spec.required) for spec in signature.inputs.inputs] == [
        ("column", not X["column"].isna().any()),
        ("other", True),
    ]
    assert str(signature.inputs.inputs[1].type) == "DataType.double"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas on the conversions of MLflow
        for rows in (X, *(X.iloc[[row]] for row in range(3))):
            mlflow.models.validate_schema(rows, signature.inputs)


def test_columns_of_nullable_types_may_have_gaps_that_training_did_not_have():
    X = pd.DataFrame({"a": pd.array([1, 2, 3], dtype="Int64")}, index=["x", "x", "y"])
    signature = infer_signature(CountingRegressor(), X)

    mlflow.models.validate_schema(pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}), signature.inputs)


@pytest.mark.parametrize("X", [pl.DataFrame({"a": [1.0, 2.0]}), [[1.0], [2.0]]], ids=["polars", "lists"])
def test_without_a_schema_for_a_table_there_is_no_signature_and_a_warning(X):
    with pytest.warns(UserWarning, match="without a signature.*Pass X as an array of NumPy or a DataFrame of pandas"):
        assert infer_signature(CountingRegressor(), X) is None


def test_mlflow_logs_only_errors_for_a_while():
    level = logging.getLogger("mlflow").level

    with silence_mlflow():
        assert not logging.getLogger("mlflow").isEnabledFor(logging.WARNING)

    assert logging.getLogger("mlflow").level == level
