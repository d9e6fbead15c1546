"""What scikit-learn's transformers are told to return changes nothing of a selection."""

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context

from sklearn_autotune import AutoModelSelector

CLASSIFIERS = ["logistic", "neighbors", "svm", "naive_bayes", "neural", "extra_trees", "xgboost"]
REGRESSORS = ["ridge", "elastic_net", "huber", "kernel_ridge", "gaussian_process", "splines", "svm", "neural"]


def make_rows():
    """A column of words before those of numbers, one with many words, gaps, and a text."""
    random = np.random.RandomState(0)
    n = 100
    X = pd.DataFrame(
        {
            "word": random.choice(["u", "v"], n),
            "place": [f"place {index % 30}" for index in range(n)],
            "a": random.normal(size=n),
            "b": np.where(random.rand(n) < 0.1, np.nan, random.normal(size=n)),
            "text": [" ".join(random.choice(list("abcdefghij"), 6)) for _ in range(n)],
        }
    )
    return X, 2 * X["a"] + (X["word"] == "u") + random.normal(size=n) / 10


def select(task, families, X, y):
    selector = AutoModelSelector(task, families, n_trials=len(families), cv=2, random_state=0).fit(X, y)
    assert set(selector.trials_["status"]) == {"complete"}
    return selector


@pytest.mark.parametrize(("task", "families"), [("classification", CLASSIFIERS), ("regression", REGRESSORS)])
def test_the_global_setting_changes_no_score_and_no_prediction(task, families):
    X, y = make_rows()
    y = y > y.median() if task == "classification" else y
    expected = select(task, families, X, y)

    for container in ("pandas", "polars"):
        with config_context(transform_output=container):
            found = select(task, families, X, y)
            predicted = found.predict(X)
            of_other = expected.predict(X)
        assert found.cv_results_["mean_test_score"].tolist() == expected.cv_results_["mean_test_score"].tolist()
        assert found.blend_weights_ == expected.blend_weights_
        assert predicted.tolist() == of_other.tolist() == expected.predict(X).tolist()
