"""The nearest of scikit-learn's scorers to a name that it does not know."""

import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import get_scorer_names

from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBRegressor, compare
from sklearn_autotune._compat.scorer_names import OFTEN_USED, USUAL_NAMES, check_scorer_names, suggest_scorer


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


@pytest.mark.parametrize(
    "scoring",
    ["rmse", ["r2", "rmse"], {"r2", "rmse"}, {"loss": "rmse", "own": lambda *args: 0.0}],
    ids=lambda scoring: type(scoring).__name__,
)
def test_an_unknown_scorer_is_refused_wherever_it_stands(scoring):
    with pytest.raises(ValueError, match="scoring='rmse' is not known: did you mean neg_root_mean_squared_error"):
        check_scorer_names(scoring)


@pytest.mark.parametrize("scoring", [None, "r2", ["r2"], {"a": "r2"}, lambda *args: 0.0, 3])
def test_other_values_are_left_to_later_checks(scoring):
    check_scorer_names(scoring)


RIDGE = Ridge()
FITS = {
    "OptunaSearchCV": lambda X, y: OptunaSearchCV(RIDGE, {"alpha": [1, 2]}, scoring="rmse").fit(X, y),
    "AutoModelSelector": lambda X, y: AutoModelSelector("regression", scoring="rmse").fit(X, y),
    "TunedXGBRegressor": lambda X, y: TunedXGBRegressor(scoring="rmse").fit(X, y),
    "compare": lambda X, y: compare({"ridge": RIDGE}, X, y, scoring="rmse"),
}


@pytest.mark.parametrize("case", FITS)
def test_every_entry_suggests_the_scorer_that_is_meant(case):
    with pytest.raises(ValueError, match="scoring='rmse' is not known: did you mean neg_root_mean_squared_error"):
        FITS[case](*load_diabetes(return_X_y=True))
