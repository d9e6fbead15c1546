"""The corrected score of a search."""

import pickle
import warnings

import numpy as np
import optuna
import pytest
from scipy.stats import binomtest, loguniform, randint
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GroupKFold, TimeSeriesSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sklearn_autotune import AutoModelSelector, NoWorseThanDefault, OneStandardError, OptunaSearchCV, TunedXGBClassifier
from tests.faults.nightly import at_night

X, Y = load_breast_cancer(return_X_y=True)
X, Y = X[:200], Y[:200]
TREE = DecisionTreeClassifier(random_state=0)
SPACE = {"max_depth": randint(1, 8), "min_samples_leaf": randint(1, 40)}


def search(estimator=TREE, space=None, **kwargs):
    return OptunaSearchCV(estimator, space or SPACE, **{"n_trials": 15, "random_state": 0, **kwargs})


def read(fitted):
    return fitted.corrected_score_, fitted.corrected_interval_


def test_the_corrected_score_is_below_the_best_one_and_inside_its_interval():
    fitted = search().fit(X, Y)
    low, high = fitted.corrected_interval_

    assert low < fitted.corrected_score_ <= fitted.best_score_
    assert fitted.corrected_score_ < high


def test_a_winner_without_mistakes_is_not_certain_to_make_none():
    labels = np.arange(60) % 2
    fitted = search(space={"max_depth": [1, 2]}, n_trials=2).fit(labels[:, np.newaxis], labels)

    low, high = fitted.corrected_interval_

    assert (fitted.best_score_, fitted.corrected_score_, high) == (1.0, 1.0, 1.0)
    assert low == pytest.approx(1 - binomtest(0, 60).proportion_ci().high)


@at_night
def test_noise_is_told_by_the_corrected_score():
    random = np.random.RandomState(0)
    best, corrected = [], []
    for seed in range(5):
        noise, labels = random.normal(size=(150, 4)), random.randint(2, size=150)
        fitted = search(n_trials=30, scoring="roc_auc", random_state=seed).fit(noise, labels)
        best.append(fitted.best_score_)
        corrected.append(fitted.corrected_score_)

    assert abs(np.mean(corrected) - 0.5) < abs(np.mean(best) - 0.5) / 2


@pytest.mark.parametrize("scoring", ["roc_auc", "neg_log_loss", "f1", ["accuracy", "roc_auc"]], ids=str)
def test_any_score_that_predictions_give_is_corrected(scoring):
    fitted = search(n_trials=8, scoring=scoring, refit="roc_auc" if isinstance(scoring, list) else True).fit(X, Y)

    assert np.isfinite([fitted.corrected_score_, *fitted.corrected_interval_]).all()


def test_regression_is_corrected():
    fitted = search(DecisionTreeRegressor(random_state=0), scoring="r2").fit(*load_diabetes(return_X_y=True))

    assert fitted.corrected_score_ <= fitted.best_score_


def test_the_own_score_of_a_pipeline_is_corrected():
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    fitted = search(model, {"logisticregression__C": loguniform(1e-3, 1e3)}, n_trials=6).fit(X, Y)

    assert np.isfinite(fitted.corrected_score_)


def test_it_is_the_same_for_any_number_of_workers_and_each_time():
    alone, together = search().fit(X, Y), search(n_jobs=2).fit(X, Y)

    assert read(alone) == read(together) == read(alone) == read(search().fit(X, Y))


def test_it_survives_storage_and_resume(tmp_path):
    storage = tmp_path / "study.db"
    whole = search().fit(X, Y)
    search(n_trials=9, storage=storage).fit(X, Y)

    resumed = search(storage=storage, resume=True).fit(X, Y)

    assert read(resumed) == read(whole)
    assert all(
        "rows" in str(trial.user_attrs)
        for trial in optuna.load_study(study_name="sklearn_autotune", storage=f"sqlite:///{storage}").trials
        if trial.value is not None
    )


def test_the_study_in_memory_does_not_hold_the_rows():
    fitted = search(n_trials=5).fit(X, Y)

    assert not any("rows" in name for trial in fitted.study_.trials for name in trial.user_attrs)


def test_it_survives_a_pickle():
    fitted = search(n_trials=6).fit(X, Y)

    assert read(pickle.loads(pickle.dumps(fitted))) == read(fitted)


def test_a_second_fit_has_its_own():
    fitted = search(n_trials=6).fit(X, Y)
    first = read(fitted)
    fitted.fit(X[:100], Y[:100])

    assert read(fitted) == read(clone(fitted).fit(X[:100], Y[:100])) != first


@pytest.mark.parametrize(
    ("kwargs", "reason"),
    [
        ({"scoring": lambda estimator, X, y: accuracy_score(y, estimator.predict(X))}, "make_scorer"),
        ({"refit": lambda results: int(np.nanargmax(results["mean_test_score"]))}, "refit is a function"),
    ],
    ids=["a function as scorer", "a function as refit"],
)
def test_the_reason_is_told_if_there_is_none(kwargs, reason, caplog):
    with caplog.at_level("INFO", "sklearn_autotune"):
        fitted = search(n_trials=3, **kwargs).fit(X, Y)

    assert "no corrected score" in caplog.records[0].message  # before the search
    with pytest.raises(AttributeError, match=reason):
        _ = fitted.corrected_score_
    assert not hasattr(fitted, "corrected_interval_")


def test_there_is_none_before_the_fit():
    assert not hasattr(search(), "corrected_score_")


def test_a_scorer_made_of_a_function_is_corrected():
    fitted = search(n_trials=4, scoring=make_scorer(lambda y, predicted: float(np.mean(y == predicted)))).fit(X, Y)

    assert np.isfinite(fitted.corrected_score_)


def test_a_rule_is_repeated_on_resampled_rows():
    """A rule that does not choose by the score alone owes less of the winner's score to chance."""
    random = np.random.RandomState(0)
    noise, labels = random.normal(size=(150, 4)), random.randint(2, size=150)
    simple = OneStandardError("param_max_depth", n_errors=1.0)
    settings = {"scoring": "roc_auc", "n_trials": 30, "pruner": None}

    best, ruled = (search(refit=refit, **settings).fit(noise, labels) for refit in (True, simple))

    bias, rule_bias = (one.best_score_ - one.corrected_score_ for one in (best, ruled))
    assert ruled.best_score_ < best.best_score_
    assert 0 <= rule_bias < bias
    assert np.ptp(ruled.corrected_interval_) > 0
    # A copy has the same rows at other places in memory, where NumPy may add them in another order.
    np.testing.assert_allclose(np.hstack(read(ruled)), np.hstack(read(pickle.loads(pickle.dumps(ruled)))), rtol=1e-12)


def test_a_default_that_always_stays_has_not_been_chosen_by_chance():
    random = np.random.RandomState(0)
    noise, labels = random.normal(size=(150, 4)), random.randint(2, size=150)

    fitted = search(scoring="roc_auc", refit=NoWorseThanDefault(0.999999)).fit(noise, labels)

    assert fitted.best_score_ == fitted.default_score_
    assert fitted.corrected_score_ == pytest.approx(fitted.best_score_)
    assert (fitted.tuning_gain_.mean, fitted.tuning_gain_.low) == (0, 0)


def test_a_refit_rule_has_a_corrected_score_of_its_own_winner():
    fitted = search(refit=OneStandardError("param_max_depth")).fit(X, Y)

    assert fitted.corrected_score_ <= fitted.best_score_


def test_groups_make_the_interval_wider():
    groups = np.repeat(np.arange(40), 5)
    order = np.argsort(Y + 0.1 * X[:, 0], kind="stable")  # rows of a group are alike
    splitter = GroupKFold(4)
    folds = list(splitter.split(X[order], Y[order], groups))

    grouped = search(cv=splitter).fit(X[order], Y[order], groups=groups)
    single = search(cv=folds).fit(X[order], Y[order])

    assert np.ptp(grouped.corrected_interval_) > np.ptp(single.corrected_interval_)
    assert grouped.best_score_ == single.best_score_


def test_rows_that_follow_time_are_drawn_in_stretches():
    fitted = search(cv=TimeSeriesSplit(4)).fit(X, Y)

    units = fitted._candidate_rows.folds[0].units
    assert np.bincount(units).max() == 3  # the third root of 40 test rows
    assert np.isfinite(fitted.corrected_score_)


def test_weights_count():
    weights = np.where(Y == 1, 5.0, 1.0)

    weighted = search().fit(X, Y, sample_weight=weights)

    assert weighted.corrected_score_ <= weighted.best_score_
    assert weighted._candidate_rows.folds[0].weights is not None


def test_stopped_and_failed_candidates_do_not_disturb_it():
    fitted = search(SVC(), {"C": loguniform(1e-3, 1e3), "kernel": ["rbf", "no such kernel"]}, n_trials=25)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted.fit(X, Y)

    assert set(fitted.trials_["status"]) >= {"failed", "complete"}
    assert np.isfinite(fitted.corrected_score_)


def test_tuned_boosters_are_corrected_too():
    fitted = TunedXGBClassifier(n_trials=5, n_estimators=50, random_state=0).fit(X, Y)

    assert fitted.corrected_interval_[0] < fitted.corrected_score_ <= fitted.best_score_


# -- the selector ----------------------------------------------------------------------------------------------------

QUICK_FAMILIES = ["logistic", "naive_bayes", "neighbors"]


def select(X, y, **kwargs):
    settings = {"families": QUICK_FAMILIES, "n_trials": 9, "cv": 4, "scoring": "roc_auc", "random_state": 0, **kwargs}
    fit_params = {name: settings.pop(name) for name in ("groups", "sample_weight") if name in settings}
    return AutoModelSelector(**settings).fit(X, y, **fit_params)


@at_night
def test_a_selector_tells_noise():
    random = np.random.RandomState(0)
    best, corrected = [], []
    for seed in range(5):
        noise, labels = random.normal(size=(150, 4)), random.randint(2, size=150)
        fitted = select(noise, labels, random_state=seed)
        best.append(fitted.leaderboard_["mean_score"][0])
        corrected.append(fitted.corrected_score_)

    assert abs(np.mean(corrected) - 0.5) < abs(np.mean(best) - 0.5) / 2


@at_night
def test_a_selector_corrects_the_best_row_of_its_leaderboard_and_adds_what_the_blend_gains():
    alone, blended = select(X, Y, blend=False), select(X, Y)

    assert alone.corrected_score_ <= alone.leaderboard_["mean_score"][0]
    top = blended.leaderboard_["mean_score"][0]
    assert blended.corrected_score_ - alone.corrected_score_ == pytest.approx(
        blended._candidate_rows.best_score - top, abs=1e-12
    )
    low, high = blended.corrected_interval_
    assert low < blended.corrected_score_ < high
    assert read(blended) == read(pickle.loads(pickle.dumps(blended)))


def test_all_scores_and_targets_of_a_selector_are_corrected():
    names = np.array(["no", "yes"])[Y]
    for scoring in (None, "accuracy"):
        assert np.isfinite(select(X, names, scoring=scoring, n_trials=4).corrected_interval_).all()
    numbers = load_diabetes(return_X_y=True)

    fitted = select(*numbers, scoring=None, task="regression", families=["ridge", "neighbors"])

    assert np.isfinite(fitted.corrected_score_)


@pytest.mark.parametrize("cv", [4, GroupKFold(4)], ids=["folds", "splitter"])
def test_a_selector_draws_groups_as_a_whole(cv):
    groups = np.repeat(np.arange(20), 10)

    fitted = select(X, Y, groups=groups, n_trials=4, cv=cv)

    assert len(np.unique(np.concatenate([fold.units for fold in fitted._candidate_rows.folds]))) == 20


def test_a_selector_says_why_it_has_no_corrected_score():
    fitted = select(X, Y, scoring=lambda model, X, y: model.score(X, y), n_trials=2)

    with pytest.raises(AttributeError, match="cannot be computed from predictions alone"):
        _ = fitted.corrected_score_


# -- the gain of tuning ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kwargs", [{}, {"n_jobs": 2}], ids=["alone", "together"])
def test_the_gain_is_that_of_the_corrected_score(kwargs):
    fitted = search(scoring="roc_auc", **kwargs).fit(X, Y)

    gain = fitted.tuning_gain_
    assert gain.is_corrected
    assert gain.mean == pytest.approx(fitted.corrected_score_ - fitted.default_score_)
    assert gain.low < gain.mean < gain.high


def test_the_gain_survives_storage_and_resume(tmp_path):
    whole = search(scoring="roc_auc").fit(X, Y)
    search(scoring="roc_auc", n_trials=9, storage=tmp_path / "study.db").fit(X, Y)

    resumed = search(scoring="roc_auc", storage=tmp_path / "study.db", resume=True).fit(X, Y)

    assert resumed.tuning_gain_ == whole.tuning_gain_


def test_a_candidate_with_the_parameters_of_the_estimator_is_compared_too():
    space = {"max_depth": [None, 2, 4], "min_samples_leaf": [1, 10]}
    fitted = search(space=space, n_trials="auto", scoring="roc_auc").fit(X, Y)

    assert fitted.tuning_gain_.is_corrected
    assert fitted.tuning_gain_.mean == pytest.approx(fitted.corrected_score_ - fitted.default_score_)


def test_a_winner_that_is_the_default_has_gained_nothing():
    fitted = search(space={"max_depth": [None], "min_samples_leaf": [1]}, n_trials="auto").fit(X, Y)

    assert (fitted.tuning_gain_.mean, fitted.tuning_gain_.low, fitted.tuning_gain_.high) == (0, 0, 0)


def test_without_kept_rows_the_gain_is_that_of_the_folds():
    fitted = search(scoring=lambda estimator, X, y: accuracy_score(y, estimator.predict(X))).fit(X, Y)

    assert not fitted.tuning_gain_.is_corrected
    assert fitted.tuning_gain_.mean == pytest.approx(fitted.best_score_ - fitted.default_score_)


def test_a_notebook_does_not_wait_for_a_slow_correction():
    slow = search(n_trials=6, scoring="balanced_accuracy").fit(X, Y)
    quick = search(n_trials=6, scoring="neg_log_loss").fit(X, Y)

    assert {"corrected_score_", "tuning_gain_"} <= set(dir(slow))  # a name is completed without computing it
    assert all("parameters you had" in fitted._repr_html_() for fitted in (slow, quick))

    assert "_resampled_choice" not in vars(slow)
    assert vars(quick)["_resampled_choice"] is not None


def test_neighbours_are_scored_by_their_accuracy():
    fitted = search(KNeighborsClassifier(), {"n_neighbors": [1, 3, 5, 9]}, n_trials="auto").fit(X, Y)

    assert fitted.corrected_score_ <= fitted.best_score_


def test_groups_may_be_of_any_type():
    groups = np.array([None, "a", 3, 2.5] * 50, dtype=object)

    with pytest.warns(UserWarning, match="groups parameter is ignored"):
        fitted = search(n_trials=3).fit(X, Y, groups=groups)

    assert len(np.unique(np.concatenate([fold.units for fold in fitted._candidate_rows.folds]))) == 4
