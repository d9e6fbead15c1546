"""Scripts that are exported run in one process that cannot import the package."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from sklearn_autotune.export import export_code

# Runs scripts one after the other, each in a namespace of its own, and sees to it that the package stays out. One
# process for all of them: that scikit-learn is imported takes longer than all the rest.
SERVE = """
import pickle, sys
sys.modules["sklearn_autotune"] = None
while True:
    code, X, y, method = pickle.load(sys.stdin.buffer)
    namespace = {"__name__": "script"}
    try:
        exec(compile(code, "script.py", "exec"), namespace)
        model = namespace["fit"](X, y)
        answer = namespace["predict"](model, X), getattr(model, method)(X)
    except Exception as error:
        answer = repr(error)
    pickle.dump(answer, sys.stdout.buffer)
    sys.stdout.buffer.flush()
"""


@pytest.fixture(scope="session")
def predictions(tmp_path_factory):
    """What a script predicts in another process."""
    folder = tmp_path_factory.mktemp("scripts")
    command = [sys.executable, "-W", "error", "-c", SERVE]
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:

        def run(code, X, y, method="predict"):
            pickle.dump((code, X, y, method), process.stdin)
            process.stdin.flush()
            answer = pickle.load(process.stdout)
            assert not isinstance(answer, str), f"{answer}\n{code}"
            return answer

        yield run
        process.stdin.close()
        process.kill()


def assert_same_predictions(predictions, fitted, X, y):
    method = "predict_proba" if hasattr(fitted, "predict_proba") else "predict"
    predicted, more = predictions(export_code(fitted), X, y, method)

    if method == "predict_proba":
        np.testing.assert_array_equal(predicted, fitted.predict(X))
    np.testing.assert_allclose(more, getattr(fitted, method)(X), rtol=1e-6, atol=1e-9)


@pytest.fixture
def mixed():
    """A table with numbers, strings, categories, dates and gaps, and labels that are strings."""
    random = np.random.RandomState(0)
    n_rows = 150
    table = pd.DataFrame(
        {
            "size": random.normal(size=n_rows),
            "city": random.choice(["Bern", "Paris", "Rome"], n_rows),
            "kind": pd.Categorical(random.choice(["a", "b"], n_rows)),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(random.randint(0, 900, n_rows), "D"),
            "is_new": random.rand(n_rows) < 0.5,
            "street": random.choice([f"street {number}" for number in range(22)], n_rows),
        }
    )
    table.loc[::7, "size"] = np.nan
    table.loc[::9, "city"] = None
    is_good = (table["city"] == "Rome") ^ (table["size"].fillna(0) > 0.5)
    return table, np.where(is_good, "good", "bad")
