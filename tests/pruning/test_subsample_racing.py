"""When the score on a subsample stops a candidate, how often it stops the winner, and what a search makes of it."""

from math import inf
from typing import ClassVar

import numpy as np
import optuna
import pytest
from optuna.samplers import RandomSampler
from scipy.stats import loguniform, uniform
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import make_classification
from sklearn.svm import SVC

from sklearn_autotune import FoldRacing, OptunaSearchCV
from sklearn_autotune.evaluation import Failure, FoldScore, Outcome, Progress, SubsampleScore
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.pruning import FoldRacingRule
from sklearn_autotune.pruning._fold_racing import FoldRacingState
from sklearn_autotune.pruning._subsample_racing import WINDOW, SubsampleRecord, compute_min_subsample_score
from tests.toys import statuses, table


def subsample(score, failure=None):
    error = None if failure is None else "too few rows"
    return SubsampleScore(60, FoldScore(score, None, 0.0, 0.0, error, failure))


# -- the rule --------------------------------------------------------------------------------------------------------


def simulate(random, n_candidates, *, noise, distortion):
    """Fold scores, and scores on a subsample; ``distortion`` is how far the latter are from the former's mean."""
    means = random.normal(size=(n_candidates, 1))
    scores = means + noise * random.normal(size=(n_candidates, 5))
    return scores, scores[:, 0] - 1 + distortion * random.normal(size=n_candidates)


@pytest.mark.parametrize(("noise", "distortion"), [(0.3, 0.1), (0.3, 1.0), (1.0, 0.5)])
def test_the_winner_is_stopped_no_more_often_than_stated(noise, distortion):
    random = np.random.RandomState(0)
    n_lost, n_searches = 0, 2000
    for _ in range(n_searches):
        scores, subsample_scores = simulate(random, 15, noise=noise, distortion=distortion)
        winner = scores.mean(axis=1).argmax()
        others = np.arange(15) != winner
        best = scores[others].mean(axis=1).max()
        limit = compute_min_subsample_score(subsample_scores[others], scores[others], best, error_rate=0.05)
        n_lost += subsample_scores[winner] < limit

    assert n_lost / n_searches <= 0.05


def test_hopeless_candidates_are_stopped_unless_small_samples_mislead():
    random = np.random.RandomState(0)
    scores, telling = simulate(random, 30, noise=0.1, distortion=0.1)
    best = scores.mean(axis=1).max()

    def stopped(subsample_scores):
        return np.mean(subsample_scores < compute_min_subsample_score(subsample_scores, scores, best, 0.01))

    assert stopped(telling) > 0.5
    assert np.mean([stopped(random.permutation(telling)) for _ in range(50)]) < 0.05


def test_nothing_is_decided_by_less_than_three_candidates_with_a_score_on_the_subsample():
    scores, subsample_scores = simulate(np.random.RandomState(0), 5, noise=0.1, distortion=0.1)
    subsample_scores[:3] = np.nan

    assert compute_min_subsample_score(subsample_scores, scores, 1.0, 0.05) == -inf
    subsample_scores[0] = 0.0
    assert np.isfinite(compute_min_subsample_score(subsample_scores, scores, 1.0, 0.05))


def test_a_tolerance_and_a_lower_error_rate_stop_fewer():
    scores, subsample_scores = simulate(np.random.RandomState(0), 20, noise=0.3, distortion=0.1)

    def limit(error_rate=0.05, tolerance=0.0):
        state = FoldRacing(error_rate).make_state(scores, subsample_scores=subsample_scores, tolerance=tolerance)
        return state.min_subsample_score

    assert limit(0.01) < limit()
    assert limit(tolerance=0.5) < limit()


def test_a_candidate_that_cannot_be_fitted_on_the_subsample_goes_on():
    state = FoldRacingState((0.5, 0.5), min_subsample_score=0.4)

    def allows(*subsamples, folds=()):
        return state.allows(Progress(0, 4, folds, subsamples=subsamples))

    assert allows(subsample(0.4))
    assert not allows(subsample(0.3))
    assert allows(subsample(0.3, Failure.FIT))
    assert allows(subsample(np.nan, Failure.NOT_FINITE))
    assert allows(subsample(0.3), folds=(FoldScore(0.6, None, 0.0, 0.0),)), "the folds decide from the first one on"


def test_the_subsample_is_used_as_long_as_it_saves_more_than_it_costs():
    record = SubsampleRecord(share=0.1)
    for _ in range(WINDOW):
        assert record.is_wanted
        record.add_candidate(is_measured=True, is_stopped=False)
    wanted = []
    for _ in range(20):
        wanted.append(record.is_wanted)
        record.add_candidate(is_measured=record.is_wanted, is_stopped=True)

    assert wanted[0], "one in ten, because the answer may change"
    assert wanted[1:10] == [False] * 9
    assert wanted[11], "two of the last twenty were stopped"


# -- in a search -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data():
    return make_classification(400, n_features=4, n_informative=3, n_redundant=0, random_state=0)


class Learner(RegressorMixin, BaseEstimator):
    """Its score is better near a=3, and with more rows; there is noise by fold, and by value of ``a``."""

    fits: ClassVar[list[tuple[float, int]]] = []

    def __init__(self, a=0.0, fails_below=0):
        self.a = a
        self.fails_below = fails_below

    def fit(self, X, y):
        Learner.fits.append((self.a, len(X)))
        if len(X) < self.fails_below:
            raise ValueError("too few rows")
        self.n_rows_ = len(X)
        return self

    def score(self, X, y):
        noise = np.sin(1e4 * self.a + X[:, 0].sum())
        return -((self.a - 3.0) ** 2) - 100.0 / self.n_rows_ + 0.05 * noise


SPACE = {"a": uniform(0, 9)}


def race(learner=None, **params):
    fixed = {"n_trials": 40, "random_state": 0, "cv": 4, "sampler": RandomSampler(seed=0)}
    return OptunaSearchCV(learner or Learner(), SPACE, **(fixed | params))


def test_hopeless_candidates_are_fitted_on_a_few_rows_only_and_the_winner_is_the_one_of_the_full_search(data):
    Learner.fits.clear()
    raced = race().fit(*data)
    fits, n_without = list(Learner.fits), np.sum(raced.trials_["n_folds"] == 0)
    full = race(pruner=None).fit(*data)
    whole_folds = race(pruner=FoldRacing(subsample=None)).fit(*data)

    assert n_without > 15
    assert sum(n_rows for _, n_rows in fits if n_rows < 400) < 0.8 * 300 * whole_folds.trials_["n_folds"].sum()
    assert sum(n_rows == 60 for _, n_rows in fits) == 40
    assert raced.best_params_ == full.best_params_
    assert raced.best_score_ == full.best_score_
    assert whole_folds.trials_["n_folds"].min() > 0


def test_a_candidate_stopped_on_the_subsample_has_a_row_without_scores(data):
    search = race().fit(*data)
    results, stopped = dict(search.cv_results_), search.trials_["n_folds"] == 0

    assert set(np.array(statuses(search))[stopped]) == {"pruned"}
    for name in ("split0_test_score", "mean_test_score", "mean_fit_time"):
        assert np.isnan(results[name][stopped]).all()
    assert results["rank_test_score"][stopped].min() > results["rank_test_score"][search.best_index_]
    assert (search.trials_["seconds"][stopped] > 0).all()


def test_few_rows_in_a_subsample_are_no_failure_of_the_candidate(data):
    search = race(Learner(fails_below=100), error_score="raise").fit(*data)

    assert set(statuses(search)) == {"complete", "pruned"}
    assert search.trials_["n_folds"].min() > 0, "nobody has a score on the subsample"


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_resumed_search_ends_like_one_that_was_not_interrupted(data, n_jobs):
    storage = optuna.storages.InMemoryStorage()
    race(n_trials=25, storage=storage).fit(*data)
    Learner.fits.clear()
    resumed = race(storage=storage, resume=True, n_jobs=n_jobs).fit(*data)
    n_fits = len(Learner.fits)
    whole = race().fit(*data)

    assert table(resumed) == table(whole)
    assert statuses(resumed) == statuses(whole)
    assert n_jobs > 1 or n_fits < len(Learner.fits) / 2, "stored candidates are not measured again"


def test_candidates_that_were_stored_without_a_subsample_are_kept_and_those_stopped_on_one_are_measured_again(data):
    storage = optuna.storages.InMemoryStorage()
    race(n_trials=25, storage=storage, pruner=FoldRacing(subsample=None)).fit(*data)
    Learner.fits.clear()
    race(n_trials=25, storage=storage, resume=True).fit(*data)
    assert {n_rows for _, n_rows in Learner.fits} == {400}, "only the final fit"

    storage = optuna.storages.InMemoryStorage()
    n_stopped = np.sum(race(n_trials=25, storage=storage).fit(*data).trials_["n_folds"] == 0)
    again = race(n_trials=25, storage=storage, resume=True, pruner=FoldRacing(subsample=None)).fit(*data)
    assert n_stopped > 0
    assert again.trials_["n_folds"].min() > 0


def test_a_search_whose_small_samples_mislead_stops_using_them(data):
    class Misled(Learner):
        def score(self, X, y):
            if self.n_rows_ < 100:
                return np.sin(1e4 * self.a)
            return super().score(X, y)

    Learner.fits.clear()
    search = race(Misled(), n_trials=80).fit(*data)

    assert sum(n_rows == 60 for _, n_rows in Learner.fits) < 60
    assert np.sum(search.trials_["n_folds"] == 0) < 8


def test_the_tracker_chooses_no_subsample_if_the_task_has_none():
    study = optuna.create_study()

    assert FoldRacingRule(FoldRacing()).start(study, None).choose_subsamples() == ()
    tracker = FoldRacingRule(FoldRacing(), subsample_share=0.1).start(study, None)
    assert tracker.choose_subsamples() == (-1,)
    tracker.add_outcome(Outcome(Status.DUPLICATE))
    assert tracker.subsample_record.n_candidates == 0


def test_models_of_scikit_learn_lose_nothing(data):
    space = {"C": loguniform(1e-3, 1e3), "gamma": loguniform(1e-6, 10)}
    params = {"n_trials": 40, "sampler": RandomSampler(seed=1), "random_state": 0}
    raced = OptunaSearchCV(SVC(), space, **params).fit(*data)
    full = OptunaSearchCV(SVC(), space, pruner=None, **params).fit(*data)

    assert np.sum(raced.trials_["n_folds"] == 0) > 5
    assert raced.best_score_ == full.best_score_
