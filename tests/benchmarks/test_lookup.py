"""A search over looked-up scores does what the search with fits does."""

import warnings

import numpy as np
import optuna
import pytest

from benchmarks import racing
from benchmarks.counting import noted
from benchmarks.lookup import Table, find_subsamples, replay
from sklearn_autotune import FoldRacing, OptunaSearchCV

N_CANDIDATES = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


def measure_table(folder):
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of models that do not converge with some candidates
        patch.setattr(racing, "N_MEASURED", N_CANDIDATES)
        return racing.measure_table("diabetes, SVR", 500, 5, 1, folder)


@pytest.fixture(scope="module")
def table(folder):
    return measure_table(folder)


def test_a_replay_measures_the_folds_that_a_search_with_fits_measures(table):
    problem = racing.BY_NAME[table.problem]
    X, _, y, _ = problem.split(0)
    sampler = optuna.samplers.RandomSampler(seed=500)
    about = {"scoring": problem.scoring, "cv": table.folds, "sampler": sampler, "pruner": FoldRacing()}
    search = OptunaSearchCV(
        problem.make(0), problem.space, n_trials=N_CANDIDATES, refit=False, random_state=0, **about
    ).fit(X, y)

    found = replay(table, np.arange(N_CANDIDATES), np.arange(5))

    np.testing.assert_array_equal(found.n_folds, search.trials_["n_folds"])
    assert 0 < np.sum(found.n_folds < 5) < N_CANDIDATES


def test_the_order_of_candidates_and_folds_is_that_of_the_replay(table):
    order = np.arange(N_CANDIDATES)[::-1][:10]

    with noted() as fits:
        found = replay(table, order, np.array([2, 0, 1, 4, 3]))
        first = next(fit for fit in fits if fit.fold is not None)
        scores = {(fit.candidate[0], fit.fold): fit.score for fit in fits if fit.fold is not None}

    assert len(found.n_folds) == 10
    assert (first.candidate, first.fold) == ((0,), 2)
    assert all(score == table.scores[order[candidate], fold] for (candidate, fold), score in scores.items())


def test_the_cost_of_a_replay_is_that_of_whole_folds_and_of_shares_of_folds(table):
    found = replay(table, np.arange(N_CANDIDATES), np.arange(5))
    share = len(table.subsamples[0]) / len(table.folds[0][0])

    np.testing.assert_allclose(found.cost, found.n_folds + share * (found.n_fits - found.n_folds))


def test_what_was_kept_is_not_measured_again(table, folder, monkeypatch):
    for name in ("measure_folds", "score_subsamples"):
        monkeypatch.setattr(racing, name, None)

    again = measure_table(folder)

    np.testing.assert_array_equal(again.scores, table.scores)
    np.testing.assert_array_equal(again.subsample_scores, table.subsample_scores)


def test_nothing_is_fitted_on_parts_of_folds_that_are_small():
    rows = np.arange(20)
    folds = [(np.setdiff1d(rows, test), test) for test in rows.reshape(5, 4)]

    subsamples = find_subsamples(rows % 2, folds, is_classification=True)
    scores = np.random.RandomState(0).normal(size=(12, 5))
    table = Table("", rows % 2, folds, scores, np.ones(12), subsamples, scores)

    assert [len(found) for found in subsamples] == [0] * 5
    assert replay(table, np.arange(12), np.arange(5), FoldRacing(n_startup_trials=12)).cost.tolist() == [5.0] * 12
