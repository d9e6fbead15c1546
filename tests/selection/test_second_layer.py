"""The second layer of AutoModelSelector: its features, its score, and when there is none."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import RepeatedKFold, TimeSeriesSplit, train_test_split

from sklearn_autotune import AutoModelSelector
from sklearn_autotune._compat import clock
from sklearn_autotune.selection import _auto_model_selector, _blends, _ensemble_choice, _second_layer
from sklearn_autotune.selection._ranking import MeasuredCandidates
from sklearn_autotune.selection._second_layer import MIN_ROWS
from tests.faults.nightly import IS_NIGHT, at_night

STACKED = {"stacked_linear", "stacked_trees"}


def selector(**params):
    own = {"families": ["logistic", "naive_bayes", "neighbors"], "n_trials": 3, "cv": 3, "random_state": 0}
    return AutoModelSelector(**(own | params))


def families_of(blend_weights):
    return {label.rpartition("_")[0] for label in blend_weights}


def make_data(n_classes):
    """Make a table on which one model is right here and another there."""
    X, y = make_classification(1600, 6, n_informative=5, n_redundant=0, n_classes=n_classes, flip_y=0.3, random_state=3)
    return train_test_split(X, np.array(["low", "middle", "high"])[y], test_size=0.5, random_state=0)


@pytest.fixture(scope="module", params=[pytest.param(2, marks=at_night), 3], ids=["two classes", "three classes"])
def data(request):
    return make_data(request.param)


@pytest.fixture(scope="module")
def two_classes():
    """For what does not depend on the number of classes."""
    return make_data(2)


@pytest.fixture(scope="module")
def fitted(data):
    X, _, y, _ = data
    return selector().fit(X, y)


def test_it_is_an_ordinary_stacking_ensemble(fitted, data):
    ensemble = fitted.best_estimator_[-1]
    assert isinstance(ensemble, StackingClassifier)
    assert families_of(fitted.blend_weights_) & STACKED
    assert sum(fitted.blend_weights_.values()) == pytest.approx(1)
    of_second = [label for label in fitted.blend_weights_ if label not in dict(ensemble.estimators)]
    assert families_of(of_second) <= STACKED
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(data[1]), fitted.predict_proba(data[1]))


def test_its_models_stand_in_the_leaderboard_but_are_no_trials(fitted):
    board = fitted.leaderboard_
    is_stacked = np.isin(board["family"], sorted(STACKED))
    assert is_stacked.sum() == 4  # three strengths of one, and the other
    assert len(set(board["number"])) == len(board["number"])
    assert not set(board["number"][is_stacked]) & set(fitted.trials_["number"])
    assert len(fitted.study_.trials) == len(fitted.trials_["number"]) == 3
    assert fitted.best_params_["family"] not in STACKED


def test_it_is_better_than_the_first_layer_and_worth_what_it_says(fitted, data):
    X, X_test, y, y_test = data
    first = AutoModelSelector(**(selector().get_params() | {"blend": False})).fit(X, y)
    loss = log_loss(y_test, fitted.predict_proba(X_test))

    assert loss < log_loss(y_test, first.predict_proba(X_test))
    assert 0.8 < loss / -fitted.best_score_ < 1.2


@at_night
def test_on_noise_it_is_worth_nothing():
    scores = []
    for seed in range(3 if IS_NIGHT else 2):
        random = np.random.RandomState(seed)
        X, y = random.normal(size=(800, 5)), random.randint(0, 2, 800)
        scores.append(selector(scoring="roc_auc", random_state=seed).fit(X, y).best_score_)

    assert np.mean(scores) == pytest.approx(0.5, abs=0.05)


def test_trees_do_not_learn_a_rows_target_from_its_twins_predictions():
    """What is predicted for a row rests on its twins' targets in other folds."""
    random = np.random.RandomState(0)
    X = random.randint(0, 5, (2000, 3)).astype(float)
    chance = random.beta(2, 2, 125)[(X @ [1, 5, 25]).astype(int)]
    y = (random.rand(len(X)) < chance).astype(int)
    found = selector(families=["logistic", "forest", "neighbors"]).fit(X[:1000], y[:1000])
    loss = log_loss(y[1000:], found.predict_proba(X[1000:]))

    assert set(found.leaderboard_["family"]) & STACKED == {"stacked_linear"}
    assert loss / -found.best_score_ < 1.15


@at_night
def test_trees_hardly_learn_a_rows_target_from_its_neighbours_predictions():
    """Where labels are noise, nothing can be less than chance; with leaves of 3 rows the mean was 0.006 less."""
    losses = []
    families = ["neighbors", *["forest"] * IS_NIGHT, "extra_trees"]
    for seed in range(2):
        random = np.random.RandomState(seed)
        X, y = random.uniform(size=(1500, 2)), random.randint(0, 2, 1500)
        board = selector(families=families, cv=None if IS_NIGHT else 3, n_trials=len(families)).fit(X, y).leaderboard_
        scores = dict(zip(board["family"], board["mean_score"], strict=True))
        losses.append(-scores["stacked_trees"])

    assert np.mean(losses) > np.log(2) - 0.003


def test_values_are_stacked_too():
    X, y = make_regression(800, 6, n_informative=5, noise=20, random_state=0)
    y = y + 40 * np.sin(3 * X[:, 0])
    families = ["ridge", "neighbors", "hist_gradient_boosting"]
    found = AutoModelSelector("regression", families, n_trials=3, cv=3, random_state=0).fit(X, y)

    assert isinstance(found.best_estimator_[-1], StackingRegressor)
    assert families_of(found.blend_weights_) & STACKED
    alone = found.leaderboard_["mean_score"][~np.isin(found.leaderboard_["family"], sorted(STACKED))]
    assert found.best_score_ > alone.max()
    assert found.predict(X).shape == (800,)
    # Units do not matter.
    tiny = clone(found).fit(X, y * 1e-3)
    assert tiny.best_score_ / 1e-3 == pytest.approx(found.best_score_, rel=0.05)


def test_the_number_of_jobs_changes_nothing(fitted, data):
    X, X_test, y, _ = data
    two = clone(fitted).set_params(n_jobs=2).fit(X, y)

    assert two.blend_weights_ == fitted.blend_weights_
    np.testing.assert_allclose(two.predict_proba(X_test), fitted.predict_proba(X_test))


def test_weights_count_in_the_second_layer():
    X, y = make_classification(800, 6, n_informative=5, n_redundant=0, random_state=0)
    wrong = np.arange(len(y)) % 3 == 0
    y = np.where(wrong, 1 - y, y)
    found = selector().fit(X, y, sample_weight=np.where(wrong, 0.0, 1.0))

    assert found.score(X[~wrong], y[~wrong]) > 0.9
    assert found.best_score_ > selector().fit(X, y).best_score_ + 0.1


# -- where there is none ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {"blend": False},
        {"families": ["naive_bayes"]},
        {"cv": TimeSeriesSplit(3)},  # too few folds that follow time
        {"cv": RepeatedKFold(n_splits=2, n_repeats=2, random_state=0)},  # each row is predicted twice
    ],
    ids=["unwanted", "one family", "time", "repeated"],
)
def test_there_is_none(params):
    X, y = make_classification(800, 6, random_state=0)
    found = selector(**params).fit(X, y)

    assert not set(found.leaderboard_["family"]) & STACKED
    assert isinstance(found.best_estimator_[-1], VotingClassifier)


def test_there_is_none_of_few_rows():
    X, y = make_classification(MIN_ROWS - 1, 6, random_state=0)
    assert not set(selector().fit(X, y).leaderboard_["family"]) & STACKED


def test_where_predicting_has_to_be_quick_what_it_looks_at_counts(two_classes, monkeypatch):
    X, _, y, _ = two_classes
    of_first_layer = {"logistic": 1.0, "naive_bayes": 2.0, "neighbors": 5.0}
    # What was measured differs from fit to fit.
    monkeypatch.setattr(_blends, "get_seconds_per_row", lambda record: of_first_layer.get(record.params["family"], 0.1))
    slow = selector(limits={"predict_seconds": ("<=", 8.3)}).fit(X, y)
    # Each may take so much alone, but not what looks at them all.
    quick = selector(limits={"predict_seconds": ("<=", 7.9)}).fit(X, y)

    assert families_of(slow.blend_weights_) & STACKED
    assert not families_of(quick.blend_weights_) & STACKED


# -- time ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def schedules(monkeypatch):
    """The schedules of all searches to come, in order."""
    made = []
    make = _auto_model_selector.make_schedule

    def watched(*args, **kwargs):
        made.append(make(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(_auto_model_selector, "make_schedule", watched)
    return made


@pytest.fixture
def searches(monkeypatch):
    """The measured candidates of all searches to come, in order."""
    made = []

    class Watched(MeasuredCandidates):
        def __init__(self, *args):
            super().__init__(*args)
            made.append(self)

    monkeypatch.setattr(_auto_model_selector, "MeasuredCandidates", Watched)
    return made


def test_time_is_kept_for_it(schedules, searches, two_classes):
    X, _, y, _ = two_classes
    found = selector(timeout=600).fit(X, y)
    (reserve,) = (schedule.time_reserve for schedule in schedules)
    records = searches[0].records

    assert len(records) == 3
    assert reserve.second_layer.estimate_seconds(records) > 0
    assert reserve.estimate_seconds_after_search(records) == pytest.approx(
        reserve.estimate_blend_and_refit_seconds(records) + reserve.second_layer.estimate_seconds(records)
    )
    assert families_of(found.blend_weights_) & STACKED


def test_what_would_take_too_long_is_left_out(schedules, two_classes):
    X, _, y, _ = two_classes
    selector().fit(X, y)
    (schedule,) = schedules
    # How busy the machine was is not to decide which of the two takes longer.
    schedule.cost_model.correction_factors.clear()
    linear, trees = list(schedule.time_reserve.second_layer.select_affordable_families(3))
    assert trees[1] > linear[1]

    for max_seconds, expected in ((1.01 * linear[1], ["stacked_linear"]), (0.99 * linear[1], [])):
        estimate = replace(schedule.time_reserve.second_layer, max_seconds=max_seconds)
        assert [family.name for family, _ in estimate.select_affordable_families(3)] == expected


def test_its_time_is_estimated_from_the_most_similar_models(schedules, two_classes):
    X, _, y, _ = two_classes
    selector().fit(X, y)
    (schedule,) = schedules
    correction_factors = dict(schedule.cost_model.correction_factors)

    def estimate(**changed):
        schedule.cost_model.correction_factors.clear()
        schedule.cost_model.correction_factors.update(correction_factors | changed)
        return [seconds for _, seconds in schedule.time_reserve.second_layer.select_affordable_families(3)]

    linear = estimate()[0]
    assert estimate(logistic=2 * correction_factors["logistic"])[0] == pytest.approx(2 * linear)
    assert estimate(extra_trees=2.0)[1] == pytest.approx(2 * estimate(extra_trees=1.0)[1])
    assert estimate(naive_bayes=1e3 * correction_factors["naive_bayes"])[0] == linear


def test_without_time_nothing_of_it_is_begun(monkeypatch, two_classes):
    X, _, y, _ = two_classes
    measure = _ensemble_choice.measure_second_layer
    monkeypatch.setattr(_ensemble_choice, "measure_second_layer", lambda *args: measure(*args[:-2], 0.0))
    found = selector(timeout=600).fit(X, y)

    assert not set(found.leaderboard_["family"]) & STACKED


@pytest.mark.parametrize("n_fitted", [0, 1])
def test_where_time_is_up_before_the_final_fits_something_simpler_is_left(monkeypatch, two_classes, n_fitted):
    """One neighbours' model is all there is to fit; the others' models of the folds are there."""
    from sklearn_autotune.selection._final_fits import FinalFits

    X, X_test, y, _ = two_classes
    asked = []

    def has_time(self, seconds):
        asked.append(clock.now())
        return len(asked) <= n_fitted

    monkeypatch.setattr(FinalFits, "_has_time", has_time)
    found = selector().fit(X, y)

    assert not families_of(found.blend_weights_) & STACKED
    assert sum(found.blend_weights_.values()) == pytest.approx(1)
    assert np.isfinite(found.predict_proba(X_test)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_share_of_duplicates_is_that_of_equal_rows(dtype):
    X = np.random.RandomState(0).randint(0, 4, size=(500, 4)).astype(dtype)
    X[3:6, 1] = np.nan
    _, counts = np.unique([row.tobytes() for row in X], return_counts=True)

    assert 0.1 < _second_layer._compute_duplicate_share(X) < 1
    assert _second_layer._compute_duplicate_share(X) == counts[counts > 1].sum() / 500
