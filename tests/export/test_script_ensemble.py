"""A selector's second layer in a script learns from the same predictions as in the selector."""

import numpy as np
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import StackingClassifier

from sklearn_autotune import AutoModelSelector
from sklearn_autotune.export import export_code
from sklearn_autotune.export._check import find_difference, run_script
from tests.export.scripts import assert_same_predictions
from tests.faults.nightly import at_night


@at_night
def test_a_second_layer_learns_from_the_same_predictions(predictions):
    X, y = make_classification(900, n_features=6, n_informative=5, n_redundant=0, random_state=0)
    families = ["neighbors", "naive_bayes", "xgboost", "extra_trees"]
    selector = AutoModelSelector(families=families, n_trials=4, cv=3, random_state=0).fit(X, y)

    assert isinstance(selector.best_estimator_[-1], StackingClassifier)
    assert_same_predictions(predictions, selector, X, y)


@at_night
def test_a_second_layer_of_values_and_the_table_learns_from_the_same_predictions(predictions):
    X, y = make_regression(900, 8, n_informative=6, noise=30, random_state=0)
    y += 40 * np.sin(3 * X[:, 0])
    families = ["ridge", "neighbors", "extra_trees", "xgboost"]
    selector = AutoModelSelector("regression", families, n_trials=4, cv=3, random_state=0).fit(X, y)

    assert {"stacked_linear", "stacked_trees"} & {label.rpartition("_")[0] for label in selector.blend_weights_}
    assert_same_predictions(predictions, selector, X, y)


@at_night
def test_all_models_of_both_layers_that_take_weights_get_them():
    X, y = make_classification(900, n_features=6, n_informative=5, n_redundant=0, random_state=0)
    weight = np.where(y == 1, 5.0, 0.5) * np.random.RandomState(0).uniform(0.5, 2, len(y))
    families = ["neighbors", "naive_bayes", "xgboost", "extra_trees"]  # neighbors take none
    selector = AutoModelSelector(families=families, n_trials=4, cv=3, random_state=0).fit(X, y, sample_weight=weight)

    assert isinstance(selector.best_estimator_[-1], StackingClassifier)
    namespace = run_script(export_code(selector, check=(X, y, weight)))
    # Only the ratios of weights matter; a multiple of 2 keeps them to the last bit.
    assert find_difference(selector, namespace["fit"](X, y, 4 * weight), X) is None
