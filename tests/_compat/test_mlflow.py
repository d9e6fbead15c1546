"""MLflow: the signature of a model accepts the same tables as the model."""

import json
import logging
import os
import subprocess
import sys
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from sklearn_autotune._compat.mlflow import infer_signature, silence_mlflow
from tests.faults.nightly import at_night

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


# In a process of its own: MLflow's autologging patches the classes of scikit-learn, XGBoost and LightGBM for good.
AUTOLOGGED = """
import json, sys, warnings
warnings.simplefilter("ignore")
from sklearn.datasets import load_iris
from sklearn.naive_bayes import GaussianNB
from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier, compare

X, y = load_iris(return_X_y=True)

def make_search(**changes):
    return OptunaSearchCV(GaussianNB(), {"var_smoothing": [1e-9, 1e-3, 1.0]}, cv=3, **changes)

def fail(*_):
    raise RuntimeError("the callback failed")

def fit_in_active_run():
    with mlflow.start_run() as run:
        make_search().fit(X, y)
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{run.info.run_id}'")
    assert len(children) == 1, children

def fit_that_fails():
    try:
        make_search(callbacks=[fail]).fit(X, y)
    except RuntimeError:
        pass

make_search().fit(X, y)
found = {"imports mlflow": "mlflow" in sys.modules}

import mlflow

mlflow.set_tracking_uri(sys.argv[1])
client, experiment = mlflow.MlflowClient(), mlflow.create_experiment("e", artifact_location=sys.argv[2])
mlflow.set_experiment("e")
mlflow.autolog(log_models=False, silent=True)
CASES = {
    "a search": lambda: make_search().fit(X, y),
    "a search with two workers": lambda: make_search(n_jobs=2).fit(X, y),
    "a search in a search": lambda: OptunaSearchCV(make_search(), {"cv": [2, 3]}, cv=2).fit(X, y),
    "a tuned booster": lambda: TunedXGBClassifier(n_trials=2, cv=2, n_estimators=5).fit(X, y),
    "a selector": lambda: AutoModelSelector(families=["naive_bayes", "xgboost"], n_trials=2, cv=2).fit(X, y),
    "a comparison": lambda: compare({"a": make_search(), "b": GaussianNB()}, X, y, cv=2),
    "a search that fails": fit_that_fails,
    "an estimator of scikit-learn": lambda: GaussianNB().fit(X, y),
    "a search in an active run": fit_in_active_run,
}
for name, fit in CASES.items():
    before = {run.info.run_id for run in client.search_runs([experiment])}
    fit()
    new = [run for run in client.search_runs([experiment]) if run.info.run_id not in before]
    found[name] = [[run.info.status, run.data.tags.get("search"), "best_score" in run.data.metrics] for run in new]
mlflow.autolog(log_models=True, silent=True)
search = make_search().fit(X, y)
run = client.search_runs([experiment], max_results=1)[0]
model = mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/model")
found["model"] = model.predict(X).tolist() == search.predict(X).tolist()
found["params"] = run.data.params
print(json.dumps(found))
"""


@at_night
def test_with_autologging_a_search_is_one_run_and_no_fit_inside_it_is_one(tmp_path):
    script = tmp_path / "autologged.py"
    script.write_text(AUTOLOGGED)

    done = subprocess.run(
        [sys.executable, str(script), f"sqlite:///{tmp_path}/mlflow.db", (tmp_path / "files").as_uri()],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )

    found = json.loads(done.stdout.splitlines()[-1])
    search = ["FINISHED", "OptunaSearchCV", True]
    assert found == {
        "imports mlflow": False,
        "a search": [search],
        "a search with two workers": [search],
        "a search in a search": [search],
        "a tuned booster": [["FINISHED", "TunedXGBClassifier", True]],
        "a selector": [["FINISHED", "AutoModelSelector", True]],
        "a comparison": [],
        "a search that fails": [["FAILED", "OptunaSearchCV", False]],
        "an estimator of scikit-learn": [["FINISHED", None, False]],
        "a search in an active run": [search, ["FINISHED", None, False]],
        "model": True,
        "params": {"best.var_smoothing": "1e-09"},
    }
