"""The nearest of scikit-learn's scorers to a name that it does not know."""

import pytest
from sklearn.metrics import get_scorer_names

from sklearn_autotune.evaluation._scorer_names import OFTEN_USED, USUAL_NAMES, suggest_scorer


def test_every_name_that_is_suggested_is_a_scorer_and_no_usual_name_is_one():
    known = set(get_scorer_names())

    assert {*USUAL_NAMES.values(), *OFTEN_USED} <= known
    assert not known & USUAL_NAMES.keys()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("RMSE", ": did you mean neg_root_mean_squared_error?"),
        ("log loss", ": did you mean neg_log_loss?"),
        ("logloss", ": did you mean neg_log_loss?"),
        ("AUC", ": did you mean roc_auc?"),
        ("roc-auc", ": did you mean roc_auc?"),
        ("f1-macro", ": did you mean f1_macro?"),
        ("profit", "; known are accuracy, balanced_accuracy, roc_auc"),
    ],
)
def test_the_nearest_scorer_is_suggested(name, expected):
    assert suggest_scorer(name).startswith(expected)
