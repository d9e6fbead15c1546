"""Fold racing: which candidates are stopped when, how often the winner is, and that nothing else changes."""

import pickle
from itertools import product

import joblib
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from optuna.samplers import RandomSampler
from optuna.trial import TrialState
from scipy.stats import loguniform, uniform
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import PredefinedSplit, RepeatedKFold, ShuffleSplit, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import scale
from sklearn.svm import SVC

from sklearn_autotune import FoldRacing, OneStandardError, OptunaSearchCV
from sklearn_autotune.evaluation import FoldScore, NoPruningState, Progress
from sklearn_autotune.pruning._fold_racing import FoldRacingState
from tests.faults.nightly import at_night
from tests.toys import CountingClassifier, statuses, table

SPACE = {"C": loguniform(1e-3, 1e3), "gamma": loguniform(1e-6, 10)}


@pytest.fixture(scope="module")
def data():
    X, y = load_breast_cancer(return_X_y=True)
    return scale(X)[::2], y[::2]


def race(**params):
    fixed = {"n_trials": 30, "random_state": 0, "cv": 4}
    return OptunaSearchCV(SVC(), SPACE, **(fixed | params))


def progress(*scores, error=None, n_folds=5):
    folds = tuple(FoldScore(score, None, 0.0, 0.0, error) for score in scores)
    return Progress(len(scores) - 1, n_folds, folds)


# -- the rule --------------------------------------------------------------------------------------------------------


def first_stop(state, scores):
    """After how many folds a candidate is stopped; all of them if it is not."""
    for k in range(1, len(scores)):
        if not state.allows(progress(*scores[:k], n_folds=len(scores))):
            return k
    return len(scores)


# Every number of folds and every rate in turn; all pairs at night.
BY_DAY = {(0.1, 2), (0.02, 3), (0.1, 5)}


@pytest.mark.parametrize(
    ("error_rate", "n_folds"),
    [
        pytest.param(*case, marks=[] if case in BY_DAY else at_night)
        for case in product([0.02, 0.1, 0.3], [2, 3, 5, 10])
    ],
)
def test_the_winner_is_stopped_no_more_often_than_stated(n_folds, error_rate):
    random = np.random.RandomState(0)
    n_lost, n_searches = 0, 3000
    for _ in range(n_searches):
        # Candidates whose true means lie apart by as much as their folds do: the hardest case for a race.
        means = random.normal(scale=1.0, size=(13, 1))
        scores = means + random.normal(size=(13, n_folds)) + 3 * random.normal(size=n_folds)
        winner = scores.mean(axis=1).argmax()
        others = np.delete(scores, winner, axis=0)
        state = FoldRacing(error_rate=error_rate).make_state(others)
        n_lost += first_stop(state, scores[winner]) < n_folds
    # Three standard errors of a share measured on so many searches.
    assert n_lost / n_searches <= error_rate + 3 * np.sqrt(error_rate / n_searches)
    assert n_folds == 2 or n_lost > 0, "a rule that never errs is no test of its rate"


def test_hopeless_candidates_are_stopped_after_their_first_fold():
    random = np.random.RandomState(0)
    folds = random.normal(size=5)
    state = FoldRacing().make_state(folds + 0.1 * random.normal(size=(10, 5)))

    assert first_stop(state, folds - 1) == 1
    assert first_stop(state, folds + 1) == 5


def test_near_copies_of_the_best_do_not_stop_a_candidate_from_another_region():
    random = np.random.RandomState(0)
    diverse = 0.01 * random.normal(size=(8, 5))
    copies = diverse[0] + 0.02 + 1e-4 * random.normal(size=(40, 5))
    scores = np.vstack([diverse, copies])
    best = scores.mean(axis=1).max()

    noise = 0.01 * random.normal(size=(500, 5))
    winners = best + 1e-3 + noise - noise.mean(axis=1, keepdims=True)
    n_lost = sum(first_stop(FoldRacing().make_state(scores), winner) < 5 for winner in winners)
    assert n_lost / len(winners) < 0.3
    alone = [first_stop(FoldRacing().make_state(copies), winner) < 5 for winner in winners]
    assert np.mean(alone) > 0.5, "which is what the copies alone would do"


def test_what_is_hard_about_a_fold_is_not_held_against_a_candidate():
    random = np.random.RandomState(0)
    hard_first = np.array([-5.0, 0, 0, 0, 0])
    state = FoldRacing().make_state(hard_first + 0.1 * random.normal(size=(10, 5)))

    assert first_stop(state, hard_first + 0.3) == 5


scores_of_candidates = arrays(
    float, st.tuples(st.integers(5, 12), st.integers(2, 8)), elements=st.floats(-1, 1).map(lambda x: round(x, 3))
)


@given(scores_of_candidates)
def test_the_best_so_far_would_never_be_stopped_for_being_equal_to_itself(scores):
    best = scores[scores.mean(axis=1).argmax()]
    state = FoldRacing(error_rate=1e-9).make_state(scores)

    assert first_stop(state, best + 1e-9) == len(best)


@given(scores_of_candidates, st.floats(0.001, 0.4), st.floats(0, 1))
def test_a_lower_error_rate_and_a_tolerance_stop_fewer(scores, error_rate, tolerance):
    state = FoldRacing(error_rate=error_rate).make_state(scores)
    if isinstance(state, NoPruningState):
        return
    stricter = FoldRacing(error_rate=error_rate / 2).make_state(scores)
    tolerant = FoldRacing(error_rate=error_rate).make_state(scores, tolerance=tolerance)
    if isinstance(stricter, NoPruningState):  # of scores without noise, more have to be complete
        stricter = FoldRacingState((-np.inf,) * len(state.min_means))

    assert all(low <= high for low, high in zip(stricter.min_means, state.min_means, strict=True))
    np.testing.assert_allclose(np.subtract(state.min_means, tolerant.min_means), tolerance, atol=1e-9)


@example(np.array([[-1.0, 1], [0, 0], [0, 1], [1, 0]]), 1.0, 1.3225059766104013)  # means that rounding tells apart
@given(scores_of_candidates, st.floats(0.1, 10), st.floats(-3, 3))
def test_the_unit_of_the_score_does_not_matter(scores, scale, shift):
    state, moved = FoldRacing().make_state(scores), FoldRacing().make_state(scores * scale + shift)
    if isinstance(state, NoPruningState) or isinstance(moved, NoPruningState):
        return
    np.testing.assert_allclose(np.multiply(state.min_means, scale) + shift, moved.min_means, rtol=1e-6, atol=1e-6)


def test_nothing_is_stopped_with_too_few_scores():
    scores = np.random.RandomState(0).normal(size=(10, 5))

    assert isinstance(FoldRacing(n_startup_trials=10).make_state(scores[:9]), NoPruningState)
    assert isinstance(FoldRacing(n_startup_trials=10).make_state(scores), FoldRacingState)
    assert isinstance(FoldRacing(n_startup_trials=1).make_state(scores[:2]), NoPruningState)
    assert isinstance(FoldRacing().make_state(scores[:, :1]), NoPruningState), "a single split"
    assert isinstance(FoldRacing().make_state(np.repeat(scores[:2], 5, axis=0)), NoPruningState), "constant predictors"
    assert isinstance(FoldRacing().make_state(scores[0] + np.arange(5.0)[:, np.newaxis]), NoPruningState), (
        "no noise at all"
    )


def test_without_noise_a_candidate_below_the_best_is_stopped_once_there_are_as_many_as_the_error_rate_needs():
    folds = np.random.RandomState(0).normal(size=5)
    scores = folds + np.arange(19.0)[:, np.newaxis]

    state = FoldRacing(error_rate=0.05).make_state(scores)

    assert [first_stop(state, folds + mean) for mean in (0.0, 17.9, 18.0, 18.1)] == [1, 1, 5, 5]
    assert isinstance(FoldRacing(error_rate=0.05).make_state(scores[:18]), NoPruningState)
    assert isinstance(FoldRacing(error_rate=0.04).make_state(scores), NoPruningState)
    assert isinstance(FoldRacing(error_rate=0.05).make_state(np.repeat(scores[:5], 9, axis=0)), NoPruningState)


def test_the_first_winner_with_noise_is_stopped_no_more_often_than_stated():
    random = np.random.RandomState(0)
    n_lost = 0
    for _ in range(400):
        scores = np.repeat(random.normal(size=(20, 1)), 5, axis=1)
        noise = random.normal(size=5)
        scores[random.randint(20)] = 5 + noise - noise.mean()  # the winner, and the only one with noise
        state = FoldRacing(error_rate=0.05).make_state(scores[:19])
        n_lost += first_stop(state, scores[19]) < 5 and scores[19].mean() > scores[:19].mean(axis=1).max()

    assert n_lost / 400 <= 0.05


def test_a_failed_fold_does_not_stop_a_candidate():
    state = FoldRacingState((0.5, 0.5))

    assert not state.allows(progress(0.4, n_folds=3))
    assert state.allows(progress(0.4, error="Traceback", n_folds=3))
    assert state.allows(progress(float("nan"), n_folds=3))


def test_a_state_for_one_of_several_scores_uses_that_one():
    state = FoldRacingState((0.5,), "b")

    assert state.allows(progress({"a": 0.1, "b": 0.6}, n_folds=2))
    assert not state.allows(progress({"a": 0.9, "b": 0.4}, n_folds=2))


def test_states_are_picklable():
    state = FoldRacing().make_state(np.random.RandomState(0).normal(size=(10, 5)))

    assert state.is_picklable
    assert pickle.loads(pickle.dumps(state)) == state


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"error_rate": 0}, "error_rate must be a number between 0 and 1, got 0"),
        ({"error_rate": 1.0}, "between 0 and 1"),
        ({"error_rate": "low"}, "between 0 and 1"),
        ({"n_startup_trials": 0}, "n_startup_trials must be an int of at least 1, got 0"),
        ({"n_startup_trials": 2.5}, "n_startup_trials must be an int"),
        ({"subsample": 0}, "subsample must be a number between 0 and 1, or None, got 0"),
        ({"subsample": "small"}, "subsample must be a number between 0 and 1"),
    ],
)
def test_unusable_parameters_are_refused_before_anything_is_fitted(data, params, message, tmp_path):
    search = race(pruner=FoldRacing(**params))

    with pytest.raises(ValueError, match=message):
        search.fit(*data)

    assert not hasattr(search, "study_")


# -- in a search -----------------------------------------------------------------------------------------------------


def test_folds_race_by_default_and_the_winner_is_the_one_of_the_full_search(data):
    raced, full = race(sampler=RandomSampler(seed=0)).fit(*data), race(sampler=RandomSampler(seed=0), pruner=None)
    full.fit(*data)

    assert raced.trials_["n_folds"].sum() < 0.8 * full.trials_["n_folds"].sum()
    assert raced.best_params_ == full.best_params_
    assert raced.best_score_ == full.best_score_
    assert raced.cv_results_["params"] == full.cv_results_["params"]


def test_stopped_candidates_have_nan_for_the_folds_not_measured_and_rank_last(data):
    search = race().fit(*data)
    results, status = dict(search.cv_results_), np.array(statuses(search))
    scores = np.array([results[f"split{fold}_test_score"] for fold in range(4)])
    n_measured = np.isfinite(scores).sum(axis=0)

    stopped = status == "pruned"
    assert stopped.any()
    assert set(status) == {"complete", "pruned"}
    np.testing.assert_array_equal(n_measured, search.trials_["n_folds"])
    np.testing.assert_array_equal(n_measured == 4, ~stopped)
    assert np.isnan(results["mean_test_score"][stopped]).all()
    assert results["rank_test_score"][stopped].min() > results["rank_test_score"][~stopped].max()
    assert not stopped[search.best_index_]
    np.testing.assert_array_equal(np.isfinite(results["mean_fit_time"]), n_measured > 0)


def test_the_study_knows_how_far_a_stopped_candidate_came(data):
    search = race().fit(*data)

    pruned = search.study_.get_trials(states=(TrialState.PRUNED,))
    assert pruned
    for trial in pruned:
        row = list(search.trials_["number"]).index(trial.number)
        if search.trials_["n_folds"][row] == 0:
            assert not trial.intermediate_values, "samplers rank it below all that have one"
            continue
        (step,) = trial.intermediate_values
        measured = [search.trials_[f"split{fold}_test_score"][row] for fold in range(step + 1)]
        assert search.trials_["n_folds"][row] == step + 1
        assert trial.intermediate_values[step] == pytest.approx(np.mean(measured))


@pytest.mark.parametrize(("backend", "n_jobs"), [("threading", 2), ("threading", 5), ("threading", 12), ("loky", 2)])
def test_the_table_is_the_same_for_any_n_jobs(data, n_jobs, backend):
    one = race().fit(*data)
    with joblib.parallel_config(backend=backend):
        many = race(n_jobs=n_jobs).fit(*data)

    assert table(many) == table(one)
    assert "pruned" in statuses(one)


class Unmoved(CountingClassifier):
    """Its score is the same on all rows."""

    def score(self, X, y):
        return -((self.a - 3.0) ** 2)


def test_hopeless_candidates_are_stopped_where_scores_do_not_depend_on_the_rows(data):
    search = OptunaSearchCV(Unmoved(), {"a": uniform(0, 9)}, n_trials=40, cv=5, random_state=0).fit(*data)

    means = search.cv_results_["split0_test_score"]
    stopped = search.trials_["status"] == "pruned"
    assert stopped.sum() > 10
    assert not stopped[:19].any()
    assert means[stopped].max() < search.best_score_ == means.max()


def test_small_searches_run_in_full(data):
    assert set(statuses(race(n_trials=20).fit(*data))) == {"complete"}
    assert "pruned" in statuses(race(n_trials=20, pruner=FoldRacing()).fit(*data)), "asked for"


def test_a_grid_that_is_covered_runs_in_full_unless_racing_is_asked_for(data):
    grid = {"n_neighbors": list(range(1, 120, 3))}
    model = KNeighborsClassifier()

    assert set(statuses(OptunaSearchCV(model, grid).fit(*data))) == {"complete"}
    assert "pruned" in statuses(OptunaSearchCV(model, grid, pruner=FoldRacing()).fit(*data))


@pytest.mark.parametrize(
    "params",
    [
        {"pruner": None},
        {"refit": lambda results: int(np.argmax(results["mean_test_score"]))},
        {"scoring": ["accuracy", "roc_auc"], "refit": False},
    ],
    ids=["pruner=None", "a function that chooses", "several scores and none decides"],
)
def test_every_candidate_runs_in_full_where_all_scores_may_be_wanted(data, params):
    assert set(statuses(race(**params).fit(*data))) == {"complete"}


def test_with_several_scores_the_one_that_decides_is_raced_on(data):
    scoring = {"low": "balanced_accuracy", "auc": "roc_auc"}
    several = race(scoring=scoring, refit="auc").fit(*data)
    one = race(scoring="roc_auc").fit(*data)

    of_several, of_one = dict(several.cv_results_), dict(one.cv_results_)
    assert of_several["params"] == of_one["params"]
    np.testing.assert_array_equal(of_several["mean_test_auc"], of_one["mean_test_score"])
    assert "pruned" in statuses(several)


def test_candidates_within_one_standard_error_are_measured_in_full(data):
    rule = OneStandardError("param_C")
    raced = race(refit=rule, sampler=RandomSampler(seed=1), n_trials=60).fit(*data)
    full = race(refit=rule, sampler=RandomSampler(seed=1), n_trials=60, pruner=None).fit(*data)

    assert "pruned" in statuses(raced)
    assert raced.best_params_ == full.best_params_
    assert raced.best_score_ == full.best_score_


@pytest.mark.parametrize("cv", [ShuffleSplit(1, random_state=0), PredefinedSplit([0, -1, 0] * 95)], ids=["one", "own"])
def test_with_a_single_split_nothing_can_race(data, cv):
    X, y = data

    assert set(statuses(race(cv=cv).fit(X, y[: len(X)]))) == {"complete"}


def test_repeated_folds_race(data):
    search = race(cv=RepeatedKFold(n_splits=4, n_repeats=3, random_state=0)).fit(*data)

    assert search.trials_["n_folds"].sum() < 0.7 * 12 * 30


def test_the_winner_can_be_measured_again(data):
    search = race().fit(*data)

    again = cross_validate(SVC().set_params(**search.best_params_), *data, cv=4)

    results = dict(search.cv_results_)  # a copy that does not warn of gaps
    found = [results[f"split{fold}_test_score"][search.best_index_] for fold in range(4)]
    np.testing.assert_array_equal(again["test_score"], found)


def test_racing_resumes_with_the_candidates_measured_before(data, tmp_path):
    storage = tmp_path / "study.db"
    race(n_trials=15, storage=storage).fit(*data)
    search = race(n_trials=40, storage=storage, resume=True).fit(*data)

    status = statuses(search)
    assert len(status) == 40
    assert "pruned" in status[15:19], "the pruner state knows the candidates of the first part"
