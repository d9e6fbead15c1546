"""A few candidates of earlier searches, of which one is good in each."""

import numpy as np
from optuna.distributions import FloatDistribution

from sklearn_autotune.proposals._portfolio import MAX_PER_SOURCE, Source, choose_greedily, choose_portfolio
from sklearn_autotune.space._space import read_space

SPACE = read_space([{"a": FloatDistribution(0, 9), "kind": ["x", "y"]}, {"a": FloatDistribution(0, 9), "b": [1, 2]}])


def source(best, n_candidates=30, seed=0):
    """Candidates of which the one nearest to ``best`` has the highest score."""
    values = np.random.RandomState(seed).uniform(0, 9, n_candidates)
    return Source([{"a": value, "kind": "x"} for value in values], -np.abs(values - best))


def test_the_candidate_that_lowers_the_mean_of_the_best_ranks_most_comes_next():
    ranks = np.array([[0.0, 0.4, 0.9, 0.5], [0.8, 0.4, 0.0, 0.6], [0.9, 0.5, 0.8, 0.0]])

    assert choose_greedily(ranks, 4) == [3, 2, 0, 1]
    assert choose_greedily(ranks, 2) == [3, 2]


def test_one_of_the_candidates_is_good_in_each_search():
    found = choose_portfolio([source(1.0), source(8.0, seed=1), source(1.2, seed=2)], SPACE, 2)

    assert sorted(round(candidate["a"]) for candidate in found) == [1, 8]


def test_the_best_of_a_single_search_come_first_and_the_choice_is_always_the_same():
    found = choose_portfolio([source(5.0)], SPACE, 3)

    assert all(abs(candidate["a"] - 5.0) < 1.5 for candidate in found)
    assert choose_portfolio([source(5.0)], SPACE, 3) == found


def test_candidates_without_a_score_and_bad_ones_are_never_chosen():
    one = source(5.0, n_candidates=100)
    scores = np.where(np.arange(100) % 2, one.scores, np.nan)
    found = choose_portfolio([Source(one.candidates, scores)], SPACE, 100)

    assert len(found) == MAX_PER_SOURCE
    assert all(np.isfinite(scores[one.candidates.index(candidate)]) for candidate in found)
    assert choose_portfolio([], SPACE, 5) == []


def test_searches_of_different_branches_are_compared():
    other = Source([{"a": float(a), "b": 1 + a % 2} for a in range(9)], np.arange(9.0))
    found = choose_portfolio([source(1.0), other], SPACE, 2)

    assert {tuple(sorted(candidate)) for candidate in found} == {("a", "b"), ("a", "kind")}
