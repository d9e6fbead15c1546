"""Loading a model without its search imports no Optuna, and few modules of this package."""

import json
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest

from sklearn_autotune import AutoModelSelector, TunedXGBClassifier, TunedXGBRegressor
from tests.faults.nightly import at_night

MAX_MODULES = 12

LOAD_AND_PREDICT = """
import json, sys
import joblib, pandas as pd

model = joblib.load(sys.argv[1])
predicted = model.predict(pd.read_pickle(sys.argv[2]))
ours = sorted(name for name in sys.modules if name.partition(".")[0] == "sklearn_autotune")
print(json.dumps({"predicted": predicted.tolist(), "optuna": "optuna" in sys.modules, "ours": ours}))
"""


@pytest.fixture(scope="module")
def table():
    random = np.random.RandomState(2)
    n_rows = 800
    X = pd.DataFrame({"size": random.normal(size=n_rows), "color": random.choice(["red", "green", None], n_rows)})
    X["angle"] = random.uniform(-3, 3, n_rows)
    X["many"] = random.choice([f"c{number}" for number in range(30)], n_rows)
    # Neither linear models nor trees alone are right, so that a second layer is worth its place.
    values = X["size"] + (X["color"] == "red") + np.sin(2 * X["angle"]) + random.normal(size=n_rows)
    return X, values


def load_and_predict(model, rows, folder):
    """Load a model in a fresh process, and return what it predicts and which modules that took."""
    joblib.dump(model, folder / "model.joblib")
    rows.to_pickle(folder / "rows.pkl")
    done = subprocess.run(
        [sys.executable, "-c", LOAD_AND_PREDICT, str(folder / "model.joblib"), str(folder / "rows.pkl")],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def make_selector(task):
    linear = "logistic" if task == "classification" else "ridge"
    families = [linear, "extra_trees", "hist_gradient_boosting", "xgboost"]
    return AutoModelSelector(task, families, n_trials=4, cv=3, random_state=0)


@pytest.mark.parametrize("kind", ["classification", pytest.param("regression", marks=at_night)])
def test_a_selectors_model_loads_without_optuna_and_with_few_of_our_modules(table, kind, tmp_path):
    X, values = table
    selector = make_selector(kind).fit(X, np.where(values > 0.3, "high", "low") if kind == "classification" else values)
    assert hasattr(selector.best_estimator_[-1], "final_estimator_")  # a second layer is part of the model

    loaded = load_and_predict(selector.deployed_model(), X.head(20), tmp_path)

    assert loaded["predicted"] == selector.predict(X.head(20)).tolist()
    assert not loaded["optuna"]
    assert len(loaded["ours"]) <= MAX_MODULES


@pytest.mark.parametrize("tuned_class", [TunedXGBClassifier, pytest.param(TunedXGBRegressor, marks=at_night)])
def test_a_tuned_boosters_model_loads_without_optuna_and_with_few_of_our_modules(table, tuned_class, tmp_path):
    X, values = table
    target = np.where(values > 0.3, "high", "low") if tuned_class is TunedXGBClassifier else values
    tuned = tuned_class(n_trials=1, cv=3, n_estimators=20, random_state=0).fit(X, target)

    loaded = load_and_predict(tuned.deployed_model(), X.head(20), tmp_path)

    assert loaded["predicted"] == tuned.predict(X.head(20)).tolist()
    assert not loaded["optuna"]
    assert len(loaded["ours"]) <= MAX_MODULES
