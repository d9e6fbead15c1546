"""The search that a configuration describes: its folds, its space, and what it refuses."""

import numpy as np
import pandas as pd

from sklearn_autotune import runner
from sklearn_autotune.runner._config import read_config
from sklearn_autotune.runner._search import make_search
from tests.runs import NO_REPORT, papers, parts_of


def test_model_selection_takes_ranges_and_values_for_families(write, tmp_path):
    space = (
        "space:\n  random_forest__n_estimators: 7\n  random_forest__max_features: {float: [0.5, 0.6]}\n"
        "  svm__kernel: [rbf]\n  svm__C: [3, 4]\n  xgboost__max_depth: {int: [2, 3]}\n"
    )
    path = write(f"n_trials: 40\ncv: 2\n{space}{NO_REPORT}")

    folder = runner.run(path, folder=tmp_path / "run")

    trials = pd.read_csv(folder / "trials.csv")
    seen = trials["param_family"]
    assert {"forest", "svm", "xgboost", "logistic"} <= set(seen)
    assert set(trials.loc[seen == "forest", "param_forest__n_estimators"]) == {7}
    assert trials.loc[seen == "forest", "param_forest__max_features"].between(0.5, 0.6).all()
    assert set(trials.loc[seen == "svm", "param_svm__C"]) <= {3, 4}
    assert trials.loc[seen == "xgboost", "param_xgboost__max_depth"].between(2, 3).all()
    assert runner.verify(folder, refit=True).matches
    assert papers(folder)["script"]["file"] == "model.py"


def test_the_model_that_is_kept_predicts_as_the_search_does(write, table):
    path = write("model_type: xgboost\nn_trials: 1\nspace: {n_estimators: 20}\n")
    parts = parts_of(path)
    search = make_search(read_config(path), parts, path.parent).fit(parts.train.X, parts.train.y)

    kept = search.deployed_model()

    np.testing.assert_array_equal(kept.predict_proba(parts.holdout.X), search.predict_proba(parts.holdout.X))
    assert kept.predict(parts.holdout.X).tolist() == search.predict(parts.holdout.X).tolist()
