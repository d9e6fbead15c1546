"""AutoModelSelector: from a raw table to a model that can be trusted, within its budget."""

import os
import pickle
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import VotingClassifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer, log_loss
from sklearn.model_selection import (
    GroupKFold,
    ShuffleSplit,
    TimeSeriesSplit,
    TunedThresholdClassifierCV,
    cross_val_score,
    cross_validate,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_autotune import AutoModelSelector
from sklearn_autotune.families import FAMILIES, Family
from tests.faults.nightly import IS_NIGHT, at_night
from tests.names import parametrize_with_checks

INSTALLED = [family for family in FAMILIES if family.package != "catboost"]
# A user's own family may leave its categories to LightGBM.
NATIVE_LIGHTGBM = [
    replace(family, name="native_lightgbm", columns="native") for family in INSTALLED if family.name == "lightgbm"
]


def classifier(**params):
    """Families that are fitted quickly: forests take a hundred times as long."""
    return AutoModelSelector(
        **({"families": ["logistic", "naive_bayes"], "n_trials": 3, "cv": 3, "random_state": 0} | params)
    )


def regressor(**params):
    own = {"task": "regression", "families": ["ridge", "hist_gradient_boosting"], "n_trials": 3, "cv": 3}
    return AutoModelSelector(**(own | {"random_state": 0} | params))


@pytest.fixture(scope="module")
def raw():
    """A DataFrame as it comes from a database."""
    random = np.random.RandomState(0)
    n = 200
    frame = pd.DataFrame(
        {
            "size": random.normal(size=n),
            "colour": random.choice(["red", "green", "blue", None], size=n),
            "grade": pd.Categorical(random.choice([3, 1, 2], size=n)),
            "is_new": random.rand(n) < 0.5,
            "city": random.choice([f"city {number}" for number in range(60)], size=n),
            "day": [datetime(2024, 1, 1) + timedelta(days=int(days)) for days in random.randint(0, 900, n)],
            "constant": 1.0,
            "nothing": None,
        }
    )
    frame.loc[::7, "size"] = np.nan
    frame.loc[::9, "day"] = pd.NaT
    y = np.where((frame["colour"] == "red") ^ (frame["size"].fillna(0) > 0.3), "yes", "no")
    return frame, y


# -- scikit-learn's contracts -----------------------------------------------------------------------------------------

WEIGHTS = {
    "check_sample_weight_equivalence_on_dense_data": "a row that is there twice may stand in two folds",
}


@pytest.mark.filterwarnings("ignore:The least populated class in y has only")
@parametrize_with_checks(
    [
        AutoModelSelector(families=["logistic"], n_trials=1 + IS_NIGHT, random_state=0),
        AutoModelSelector("regression", families=["ridge"], n_trials=1 + IS_NIGHT, random_state=0),
    ],
    expected_failed_checks=lambda estimator: WEIGHTS,
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def test_it_nests():
    X, y = load_iris(return_X_y=True)
    selector = classifier()

    assert cross_val_score(selector, X, y, cv=3).mean() > 0.9
    assert make_pipeline(FunctionTransformer(), selector).fit(X, y).score(X, y) > 0.9
    assert CalibratedClassifierCV(selector, cv=2).fit(X, y).score(X, y) > 0.9
    assert TunedThresholdClassifierCV(selector, cv=2).fit(X, y > 0).score(X, y > 0) > 0.9


def test_it_pickles_and_a_second_fit_is_fresh():
    X, y = load_iris(return_X_y=True)
    selector = classifier().fit(X, y)

    again = pickle.loads(pickle.dumps(selector))
    np.testing.assert_array_equal(again.predict_proba(X), selector.predict_proba(X))
    first = selector.study_
    second = selector.fit(X[:, :2], y)
    assert second.study_ is not first
    assert second.n_features_in_ == 2
    np.testing.assert_array_equal(
        clone(selector).fit(X[:, :2], y).predict_proba(X[:, :2]), second.predict_proba(X[:, :2])
    )


def test_nothing_is_written_to_disk(tmp_path):
    code = (
        "from sklearn.datasets import load_breast_cancer\n"
        "from sklearn_autotune import AutoModelSelector\n"
        "X, y = load_breast_cancer(return_X_y=True)\n"
        "selector = AutoModelSelector(n_trials=16, cv=2, random_state=0).fit(X[::2], y[::2])\n"
        "print(selector.score(X[1::2], y[1::2]), *set(selector.leaderboard_['family']))\n"
    )
    here = os.environ | {"HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=here, capture_output=True, text=True, check=True
    )

    accuracy, *measured = done.stdout.split()
    assert float(accuracy) > 0.9
    assert {family.name for family in INSTALLED if "classification" in family.tasks} <= set(measured)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("make", [classifier, regressor])
def test_the_number_of_jobs_changes_nothing(make):
    X, y = (load_iris if make is classifier else load_diabetes)(return_X_y=True)
    families = ["logistic" if make is classifier else "ridge", "xgboost"]
    one, two = (make(families=families, n_jobs=n_jobs, n_trials=4).fit(X, y) for n_jobs in (1, 2))

    assert one.leaderboard_["params"].tolist() == two.leaderboard_["params"].tolist()
    np.testing.assert_array_equal(one.leaderboard_["mean_score"], two.leaderboard_["mean_score"])
    np.testing.assert_allclose(one.predict(X), two.predict(X))


# -- families ---------------------------------------------------------------------------------------------------------


@pytest.mark.few_by_day(16)
@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("family", [*INSTALLED, *NATIVE_LIGHTGBM], ids=lambda family: family.name)
def test_every_family_takes_a_raw_table_and_beats_nothing(family, task, raw):
    if task not in family.tasks:
        pytest.skip(f"{family.name} is not for {task}")
    X, y = raw
    y = y if task == "classification" else (y == "yes") + 0.1 * X["size"].fillna(0).to_numpy()
    selector = AutoModelSelector(task, ["baseline", family], n_trials=2, cv=3, random_state=0).fit(X, y)

    assert set(selector.leaderboard_["status"]) <= {"complete", "pruned"}
    assert family.name in selector.leaderboard_["family"]
    with pytest.warns(UserWarning, match="holds none of the categories of training"):
        predicted = selector.predict(X.assign(colour="violet", city="nowhere"))
    assert predicted.shape == (len(X),)


def test_a_family_of_ones_own_takes_five_lines():
    gaussian = Family(
        name="gaussian_process",
        estimators=("sklearn.GaussianProcessClassifier",),
        space=lambda shape: {"max_iter_predict": [50, 100]},
        make=lambda shape: GaussianProcessClassifier(),
        first=({},),
    )
    X, y = load_iris(return_X_y=True)
    selector = classifier(families=["logistic", gaussian]).fit(X[::2], y[::2])

    assert "gaussian_process" in selector.leaderboard_["family"]
    assert selector.score(X[1::2], y[1::2]) > 0.9


@pytest.mark.parametrize(
    ("families", "message"),
    [
        (["forrest"], "'forrest' is not known: did you mean forest?"),
        ("xgbost", "'xgbost' is not known: did you mean xgboost?"),
        (["ramdom_forest"], "did you mean random_forest?"),
        ("speedy", "'speedy' is not known; known are baseline, logistic"),
        ("xgboost, forest", r"write a list, families=\['xgboost', 'forest'\]"),
        (["auto"], "for all families, write families='auto'"),
        ([], "empty"),
        (["ridge"], "not for classification. For classification there are baseline, logistic"),
        ([3], "names and Family objects"),
        ([Family("own", (), lambda shape: {}, lambda shape: None, package="not_there")], "not_there is not installed"),
        (["logistic", Family("logistic", (), lambda shape: {}, lambda shape: None)], "two that are named 'logistic'"),
        ([Family("stacked_trees", (), lambda shape: {}, lambda shape: None)], "second layer"),
    ],
)
def test_families_that_cannot_be_used_are_refused(families, message):
    X, y = load_iris(return_X_y=True)

    with pytest.raises((ValueError, TypeError), match=message):
        classifier(families=families).fit(X, y)


class Failing(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        raise RuntimeError("out of order")


FAILING = Family("failing", (), lambda shape: {}, lambda shape: Failing(), first=({},))


def test_a_family_that_fails_costs_one_candidate():
    X, y = load_iris(return_X_y=True)
    selector = classifier(families=[FAILING, "logistic"])
    with pytest.warns(match="fits failed"), pytest.warns(match="non-finite"):
        selector.fit(X, y)

    failed = selector.leaderboard_["status"] == "failed"
    assert selector.leaderboard_["family"][failed].tolist() == ["failing"]
    assert "out of order" in selector.leaderboard_["error"][failed][0]
    assert selector.score(X, y) > 0.9


def test_an_error_is_raised_where_that_is_asked_for():
    X, y = load_iris(return_X_y=True)

    with pytest.raises(RuntimeError, match="out of order"):
        classifier(families=[FAILING, "logistic"], error_score="raise").fit(X, y)


# -- raw tables -------------------------------------------------------------------------------------------------------

# Columns scaled, coded, and left as they are.
PREPARED_DIFFERENTLY = ["logistic", "lightgbm", "xgboost"]


def test_columns_may_come_in_another_order_and_with_other_types(raw):
    X, y = raw
    selector = classifier(families=PREPARED_DIFFERENTLY).fit(X, y)
    expected = selector.predict_proba(X)

    np.testing.assert_allclose(selector.predict_proba(X[X.columns[::-1]]), expected)
    as_objects = X.astype({"grade": object, "colour": "category"})
    np.testing.assert_allclose(selector.predict_proba(as_objects), expected)
    with pytest.raises(ValueError, match="held numbers in training"):
        selector.predict(X.assign(size="large"))


def test_polars_gives_what_pandas_gives(raw):
    X, y = raw
    X = X.drop(columns="nothing").assign(grade=X["grade"].astype(int))
    frame = pl.DataFrame({name: X[name].astype(object).where(X[name].notna(), None).tolist() for name in X})
    selector = classifier(families=PREPARED_DIFFERENTLY)
    expected = clone(selector).fit(X, y).predict_proba(X)

    np.testing.assert_allclose(selector.fit(frame, y).predict_proba(frame), expected)


def test_target_means_are_learnt_inside_the_folds():
    """On a column of names that say nothing, a target mean of the row itself would say everything."""
    random = np.random.RandomState(0)
    X = pd.DataFrame({"name": [f"name {number}" for number in random.randint(0, 150, 300)]})
    y = random.randint(0, 2, 300)
    selector = classifier(families=["logistic", "forest", "xgboost"], n_trials=3, scoring="roc_auc").fit(X, y)

    assert 0.35 < selector.best_score_ < 0.62


# -- the score, the blend ---------------------------------------------------------------------------------------------


@at_night
def test_the_score_is_honest_on_noise_with_few_positives():
    scores = []
    for seed in range(4):
        random = np.random.RandomState(seed)
        y = np.zeros(300, dtype=int)
        y[random.permutation(300)[:8]] = 1
        families = ["logistic", "extra_trees", "xgboost", "neighbors"]
        selector = AutoModelSelector(families=families, n_trials=8, scoring="roc_auc", random_state=seed)
        scores.append(selector.fit(random.normal(size=(300, 10)), y).best_score_)

    assert 0.4 < np.mean(scores) < 0.6


def test_the_blend_is_an_ordinary_voting_ensemble():
    X, y = load_breast_cancer(return_X_y=True)
    selector = classifier(families=["logistic", "naive_bayes", "xgboost"], n_trials=5).fit(X, y)

    voting = selector.best_estimator_[-1]
    assert isinstance(voting, VotingClassifier)
    assert [name for name, _ in voting.estimators] == list(selector.blend_weights_)
    assert sum(selector.blend_weights_.values()) == pytest.approx(1)
    weights = selector.leaderboard_["blend_weight"]
    assert sorted(weights[weights > 0]) == pytest.approx(sorted(selector.blend_weights_.values()))


def test_without_a_blend_the_best_one_wins_alone():
    X, y = load_breast_cancer(return_X_y=True)
    selector = classifier(n_trials=4, blend=False).fit(X, y)

    assert len(selector.blend_weights_) == 1
    assert selector.leaderboard_["blend_weight"][0] == 1


class SlowlyPredicting(LogisticRegression):
    """Adds a day to ``skipped`` for each prediction; a test adds that to the clock, so that nothing has to wait."""

    skipped = 0.0

    def predict_proba(self, X):
        SlowlyPredicting.skipped += 24 * 60 * 60
        return super().predict_proba(X)


def test_slow_candidates_do_not_win_where_predicting_has_to_be_quick(monkeypatch):
    show_time = time.perf_counter
    monkeypatch.setattr(SlowlyPredicting, "skipped", 0.0)
    monkeypatch.setattr(time, "perf_counter", lambda: show_time() + SlowlyPredicting.skipped)
    slow = Family("slow", (), lambda shape: {}, lambda shape: SlowlyPredicting(), first=({},))
    X, y = load_iris(return_X_y=True)
    unlimited = classifier(families=["baseline", slow], n_trials=2).fit(X, y)
    limited = classifier(families=["baseline", slow], n_trials=2, limits={"predict_seconds": ("<=", 60)}).fit(X, y)

    assert any(label.startswith("slow") for label in unlimited.blend_weights_)
    assert unlimited.score(X, y) > 0.9
    assert limited.leaderboard_["family"].tolist() == ["slow", "baseline"]
    assert all(label.startswith("baseline") for label in limited.blend_weights_)
    assert limited.score(X, y) < 0.5


def test_weights_count_in_fit_and_score():
    X, y = load_breast_cancer(return_X_y=True)
    wrong = np.arange(len(y)) % 3 == 0
    y = np.where(wrong, 1 - y, y)
    weighted = classifier(families=["logistic"], n_trials=2).fit(X, y, sample_weight=np.where(wrong, 0.0, 1.0))
    plain = classifier(families=["logistic"], n_trials=2).fit(X, y)

    assert weighted.best_score_ > -0.2 > plain.best_score_
    assert weighted.score(X[~wrong], y[~wrong]) > 0.95


def test_metadata_is_routed_through_a_pipeline():
    X, y = load_breast_cancer(return_X_y=True)
    wrong = np.arange(len(y)) % 3 == 0
    y = np.where(wrong, 1 - y, y)
    metadata = {"sample_weight": np.where(wrong, 0.0, 1.0), "groups": np.arange(len(y)) // 10}
    selector = classifier(families=["logistic"], n_trials=2, cv=GroupKFold(3))
    with config_context(enable_metadata_routing=True):
        selector.set_fit_request(sample_weight=True, groups=True).set_score_request(sample_weight=True)
        pipeline = make_pipeline(FunctionTransformer(), selector)
        # scikit-learn 1.7 cannot route to the score method of a Pipeline, whatever is in it; to a scorer it can.
        accuracy = get_scorer("accuracy").set_score_request(sample_weight=True)
        scores = cross_validate(pipeline, X, y, scoring=accuracy, cv=3, params=metadata)["test_score"]

    assert scores.min() > 0.9  # without weights it would be about two thirds


@pytest.mark.parametrize("cv", [ShuffleSplit(1, random_state=0), TimeSeriesSplit(4), GroupKFold(3)], ids=str)
def test_any_splitter(cv):
    X, y = load_breast_cancer(return_X_y=True)
    groups = np.arange(len(y)) // 10
    params = {"groups": groups} if isinstance(cv, GroupKFold) else {}
    selector = classifier(families=["logistic", "xgboost"], n_trials=4, cv=cv).fit(X, y, **params)

    assert selector.n_splits_ == cv.get_n_splits()
    assert selector.best_score_ > -0.2


@pytest.mark.parametrize(("scoring", "n_splits"), [(None, 8), ("roc_auc_ovr", 2)])
def test_a_rare_class_does_not_cost_folds_where_scores_can_do_without_it(scoring, n_splits):
    X, y = load_iris(return_X_y=True)
    y[:2] = 3
    selector = AutoModelSelector(
        families=["logistic", "neighbors", "xgboost"], n_trials=3, scoring=scoring, random_state=0
    )
    selector.fit(X, y)

    assert selector.n_splits_ == n_splits
    assert set(selector.leaderboard_["status"]) == {"complete"}
    assert selector.predict_proba(X).shape == (150, 4)


def test_regression_is_blended_too():
    X, y = load_diabetes(return_X_y=True)
    selector = regressor(families=["ridge", "extra_trees", "xgboost", "svm"], n_trials=8).fit(X, y)

    assert selector.score(X, y) > 0.5
    assert -60 < selector.best_score_ < -50
    assert not hasattr(selector, "predict_proba")
    assert not hasattr(selector, "decision_function")


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
def test_decisions_are_those_of_predict(load):
    X, y = load(return_X_y=True)
    selector = classifier().fit(X, y)
    probabilities, decision = selector.predict_proba(X), selector.decision_function(X)

    places = decision.argmax(axis=1) if decision.ndim == 2 else (decision > 0).astype(int)
    np.testing.assert_array_equal(selector.classes_[places], selector.predict(X))
    chance = np.exp(decision) if decision.ndim == 2 else 1 / (1 + np.exp(-decision))
    np.testing.assert_allclose(chance, probabilities if decision.ndim == 2 else probabilities[:, 1])
    assert np.isfinite(decision).all()


# -- what is refused, what is reported ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(150), "only one class"),
        (np.r_[np.zeros(148), 1, 1], "has 2 members, fewer than the 3 folds"),
        (np.r_[np.zeros(149), np.nan], "NaN"),
    ],
)
def test_bad_targets_are_refused_before_anything_is_fitted(y, message):
    X, _ = load_iris(return_X_y=True)

    with pytest.raises(ValueError, match=message):
        classifier(families=[FAILING]).fit(X, y)


@at_night
def test_what_is_reported_is_near_what_comes_out():
    X, y = load_breast_cancer(return_X_y=True)
    ratios = []
    for seed in range(3 if IS_NIGHT else 1):
        X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=seed, stratify=y)
        selector = classifier(n_trials=6, families=["logistic", "extra_trees" if IS_NIGHT else "xgboost"], cv=5).fit(
            X_train, y_train
        )
        ratios.append(log_loss(y_test, selector.predict_proba(X_test)) / -selector.best_score_)

    assert 0.6 < np.exp(np.mean(np.log(ratios))) < 1.6


def test_a_single_model_is_what_it_says():
    X, y = load_iris(return_X_y=True)
    selector = classifier(families=["logistic"], n_trials=1, blend=False).fit(X, y)
    member = selector.best_estimator_[-1].estimators_[0].estimator

    assert len(member.models) == selector.n_splits_
    assert all(isinstance(model[-1], LogisticRegression) for model in member.models)
