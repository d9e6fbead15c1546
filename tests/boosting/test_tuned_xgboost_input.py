"""Tuned XGBoost refuses bad input before anything is fitted, and records failures of training."""

import numpy as np
import pytest
import xgboost
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import log_loss, make_scorer, mean_pinball_loss, mean_poisson_deviance, mean_tweedie_deviance
from sklearn.model_selection import cross_val_score

from sklearn_autotune import TunedXGBClassifier, TunedXGBRegressor
from sklearn_autotune.export import export_code
from tests.toys import statuses

PINBALL = make_scorer(mean_pinball_loss, alpha=0.9, greater_is_better=False)
TWEEDIE = make_scorer(mean_tweedie_deviance, power=1.3, greater_is_better=False)


def classifier(**params):
    return TunedXGBClassifier(**({"n_trials": 4, "cv": 3, "random_state": 0} | params))


def regressor(**params):
    return TunedXGBRegressor(**({"n_trials": 4, "cv": 3, "random_state": 0} | params))


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return X[::2], y[::2]


X4 = np.arange(24.0).reshape(12, 2)


Y4 = np.arange(12) % 2


BAD = {
    "one class": (classifier(), X4, np.zeros(12), "only one class"),
    "rare class": (classifier(), X4, np.array([0] * 10 + [1] * 2), r"has 2 members, fewer than the 3 folds"),
    "y with NaN": (regressor(), X4, np.where(Y4, np.nan, 1.0), "Input y contains NaN"),
    "infinite X": (classifier(), np.where(X4 == 3, np.inf, X4), Y4, "Input X contains infinity.* in column 1"),
    "too large X": (classifier(), np.where(X4 == 3, 1e39, X4), Y4, "too large for a 32-bit float in column 1"),
    "labels of an index": (classifier(cv=[([101, 102], [103])]), X4, Y4, "cv gives 102 as a training row of fold 0"),
    "rounds searched": (classifier(space={"n_estimators": [10, 20]}), X4, Y4, "n_estimators cannot be in the space"),
    "unknown parameter": (classifier(space={"depth": [2, 3]}), X4, Y4, "depth"),
    "unknown first": (classifier(enqueue=[{"depth": 2}]), X4, Y4, "'depth' is not in the space"),
    "n_trials": (classifier(n_trials=0), X4, Y4, "'n_trials' parameter of TunedXGBClassifier"),
    "lengths": (classifier(), X4, Y4[:-1], "inconsistent numbers of samples"),
    "weights": (classifier(), X4, Y4, "at least 0 for each row"),
    "weights of one class": (classifier(), X4, Y4, "all rows except those of one class, 1"),
    "class weight": (classifier(class_weight="light"), X4, Y4, "'class_weight' parameter"),
}


WEIGHTS = {"weights": -np.ones(12), "weights of one class": Y4.astype(float)}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_before_anything_is_fitted(case, monkeypatch):
    search, X, y, message = BAD[case]
    monkeypatch.setattr(xgboost, "Booster", None)

    with pytest.raises((ValueError, TypeError), match=message):
        search.fit(X, y, sample_weight=WEIGHTS.get(case))


def test_rare_classes_are_not_repeated():
    """FLAML repeats rows of rare classes before it splits, and reports an AUC of 0.945 on noise."""
    random = np.random.RandomState(0)
    X, y = random.normal(size=(300, 5)), np.zeros(300, dtype=int)
    y[random.permutation(300)[:8]] = 1

    search = classifier(n_trials=3, cv=4, scoring="roc_auc").fit(X, y)

    assert abs(search.cv_results_["mean_test_score"][0] - 0.5) < 0.3


def test_a_failure_of_training_is_recorded_or_raised(cancer):
    space = {"max_depth": [2, 3], "learning_rate": [0.3], "colsample_bylevel": [1.0, 7.0]}
    fixed = {"space": space, "enqueue": None, "n_trials": 4}
    with pytest.warns(FitFailedWarning, match="colsample_bylevel"), pytest.warns(UserWarning, match="non-finite"):
        search = classifier(**fixed).fit(*cancer)
    assert set(statuses(search)) == {"complete", "failed"}
    with pytest.raises(xgboost.core.XGBoostError, match="colsample_bylevel"):
        classifier(**fixed, error_score="raise").fit(*cancer)


class FailingAt:
    """Scores below zero; does or returns ``what`` at the calls with these numbers."""

    def __init__(self, what, calls):
        self.what = what
        self.calls = calls
        self.n_calls = 0

    def __call__(self, estimator, X, y):
        self.n_calls += 1
        if self.n_calls not in self.calls:
            return -log_loss(y, estimator.predict_proba(X))
        if isinstance(self.what, type):
            raise self.what("on purpose")
        return self.what


@pytest.mark.few_by_day(6)
@pytest.mark.parametrize("what", [LookupError, SystemExit, np.nan, 1j, 1e308, "good"], ids=str)
@pytest.mark.parametrize("error_score", [0.0, np.nan])
@pytest.mark.filterwarnings("ignore:Scoring failed:UserWarning", "ignore:One or more of the test:UserWarning")
def test_a_candidate_whose_score_fails_is_failed_and_does_not_win(cancer, what, error_score):
    search = classifier(n_trials=3, n_estimators=20, scoring=FailingAt(what, range(3, 6)), error_score=error_score)
    search.fit(*cancer)

    assert statuses(search) == ["failed", "complete", "complete"]
    assert search.best_index_ > 0
    assert "on purpose" in search.trials_["error"][0] or "score" in search.trials_["error"][0].lower()
    assert search.best_score_ == search.cv_results_["mean_test_score"][search.best_index_] < 0


@pytest.mark.parametrize("refit", [True, False])
def test_if_no_candidate_has_a_score_one_error_says_why_and_nothing_is_fitted(cancer, refit):
    search = classifier(n_trials=2, scoring=FailingAt(LookupError, range(10_000)), error_score=0.0, refit=refit)

    with pytest.raises(ValueError, match=r"No candidate has a score[\s\S]*LookupError: on purpose"):
        search.fit(*cancer)

    assert statuses(search) == ["failed", "failed"]
    assert not hasattr(search, "best_estimator_")


def test_a_candidate_for_which_the_rows_cannot_be_binned_is_failed(cancer):
    space = {"max_depth": [2], "learning_rate": [0.3], "tree_method": ["hist", "nonsense"], "max_bin": [16, -1]}

    with pytest.warns(FitFailedWarning), pytest.warns(UserWarning, match="non-finite"):
        search = classifier(space=space, enqueue=None, n_trials=4, n_estimators=10).fit(*cancer)

    complete = [
        params for params, end in zip(search.trials_["params"], statuses(search), strict=True) if end != "failed"
    ]
    assert [(params["tree_method"], params["max_bin"]) for params in complete] == [("hist", 16)]


@pytest.mark.parametrize(
    ("params", "objective"),
    [
        ({"scoring": "neg_mean_absolute_error"}, "reg:absoluteerror"),
        ({"scoring": make_scorer(mean_poisson_deviance, greater_is_better=False)}, "count:poisson"),
        ({"scoring": "neg_mean_gamma_deviance"}, "reg:gamma"),
        ({"scoring": {"a": "neg_median_absolute_error", "b": "r2"}, "refit": "a"}, "reg:absoluteerror"),
        ({"scoring": ["r2", "neg_mean_absolute_error"], "refit": "r2"}, "reg:squarederror"),
        ({"scoring": "neg_mean_absolute_error", "objective": "reg:pseudohubererror"}, "reg:pseudohubererror"),
        ({"scoring": "neg_mean_absolute_percentage_error"}, "reg:absoluteerror"),
        ({"scoring": PINBALL}, "reg:quantileerror"),
        ({"scoring": TWEEDIE}, "reg:tweedie"),
        ({"scoring": PINBALL, "objective": "reg:squarederror"}, "reg:squarederror"),
        ({"quantile_alpha": 0.8}, "reg:quantileerror"),
        ({}, "reg:squarederror"),
    ],
    ids=["absolute", "poisson", "gamma", "decisive", "not decisive", "given", "percentage", "quantile", "tweedie"]
    + ["given for a quantile", "quantile without a score", "default"],
)
def test_the_objective_of_a_regression_follows_the_score_unless_it_is_given(params, objective):
    X, y = load_diabetes(return_X_y=True)
    search = TunedXGBRegressor(n_trials=1, cv=2, random_state=0, learning_rate=0.3, n_estimators=20, **params)

    search.fit(X[:150], y[:150])

    assert search.best_estimator_.objective == objective
    assert search.objective == params.get("objective")
    if not isinstance(search.scoring, dict | list):
        again = cross_val_score(clone(search.best_estimator_), X[:150], y[:150], cv=2, scoring=search.scorer_)
        assert again.mean() == pytest.approx(search.best_score_, rel=1e-5)


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"scoring": PINBALL}, {"quantile_alpha": 0.9}),
        ({"scoring": PINBALL, "quantile_alpha": 0.8}, {"quantile_alpha": 0.8}),
        ({"scoring": PINBALL, "objective": "reg:quantileerror"}, {"quantile_alpha": 0.9}),
        ({"scoring": TWEEDIE}, {"tweedie_variance_power": 1.3}),
        ({"objective": "reg:tweedie", "tweedie_variance_power": 1.2}, {"tweedie_variance_power": 1.2}),
    ],
    ids=["of the score", "given", "of the score, objective given", "power", "given power"],
)
def test_the_quantile_or_power_is_that_of_the_score_unless_it_is_given(params, found):
    X, y = load_diabetes(return_X_y=True)
    search = TunedXGBRegressor(n_trials=2, cv=2, random_state=0, n_estimators=20, **params).fit(X[:150], y[:150])

    trained = search.best_estimator_.get_xgb_params()
    assert {name: trained[name] for name in found} == found
    assert clone(search).get_params()["quantile_alpha"] == params.get("quantile_alpha")
    export_code(search, check=(X[:150], y[:150]))


def test_a_quantile_of_new_rows_covers_its_share_and_weights_move_it():
    random = np.random.RandomState(0)
    X = random.normal(size=(1500, 2))
    y = X[:, 0] + (1 + np.abs(X[:, 1])) * random.normal(size=1500)
    new = slice(1000, None)
    settings = {"n_trials": 3, "cv": 3, "random_state": 0, "n_estimators": 100}

    def cover(quantile, **params):
        search = TunedXGBRegressor(quantile_alpha=quantile, **settings).fit(X[:1000], y[:1000], **params)
        return np.mean(y[new] <= search.predict(X[new]))

    assert cover(0.1) == pytest.approx(0.1, abs=0.06)
    assert cover(0.9) == pytest.approx(0.9, abs=0.06)
    heavy_above = np.where(y[:1000] > X[:1000, 0], 9.0, 1.0)  # the weighted median is the quantile 0.5 + 0.5 * 4 / 9
    assert cover(0.5, sample_weight=heavy_above) > 0.65


def test_the_default_score_of_a_quantile_is_its_loss():
    X, y = load_diabetes(return_X_y=True)
    one, other = (
        TunedXGBRegressor(n_trials=2, cv=2, random_state=0, quantile_alpha=0.9, n_estimators=20, scoring=scoring).fit(
            X[:150], y[:150], sample_weight=1.0 + np.arange(150) % 3
        )
        for scoring in (None, PINBALL)
    )

    np.testing.assert_allclose(one.cv_results_["mean_test_score"], other.cv_results_["mean_test_score"], rtol=1e-5)
    np.testing.assert_array_equal(one.predict(X), other.predict(X))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"objective": "reg:quantileerror"}, "Set quantile_alpha, such as quantile_alpha=0.9"),
        ({"quantile_alpha": 1.0}, "quantile_alpha"),
        ({"tweedie_variance_power": 2.5}, "tweedie_variance_power"),
    ],
    ids=["no quantile", "not a quantile", "not a power"],
)
def test_what_an_objective_lacks_is_said_before_the_search(params, message):
    with pytest.raises(ValueError, match=message):
        TunedXGBRegressor(n_trials=1, **params).fit(np.eye(20), np.arange(20.0))


def test_an_unknown_score_is_refused_as_everywhere():
    with pytest.raises(ValueError, match="neg_mean_absolute_errors"):
        TunedXGBRegressor(n_trials=1, scoring="neg_mean_absolute_errors").fit(np.eye(20), np.arange(20.0))
