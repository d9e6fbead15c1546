"""The candidates of a search come from the user, a grid, a proposer, the sampler and random draws, in this order."""

import itertools

import optuna

from sklearn_autotune.proposals._candidate_source import CandidateSource
from sklearn_autotune.space._space import make_candidate_key, read_space
from sklearn_autotune.storage._outcomes import Source

RANGE = {"a": optuna.distributions.FloatDistribution(0, 1)}


def make_source(raw_space, *, sampler=None, n_trials=50, enqueue=(), propose=None):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=sampler or optuna.samplers.RandomSampler(seed=0))
    seen = set()
    space = read_space(raw_space)
    return CandidateSource(study, space, enqueue, propose, seed=0, n_trials=n_trials, seen_keys=seen)


def take(source, n_candidates):
    """Take each candidate that is new, as a search does."""
    taken = []
    while len(taken) < n_candidates:
        for trial, kind in source.iterate_proposals([], len(taken)):
            params = source.space.suggest(trial)
            key = make_candidate_key(params)
            if key not in source.seen_keys:
                source.seen_keys.add(key)
                taken.append((params["a"], kind))
                break
        else:
            break
    return taken


def test_the_users_candidates_come_first_and_then_the_samplers():
    source = make_source(RANGE, enqueue=[{"a": 0.25}, {"a": 0.5}])

    taken = take(source, 3)

    assert taken[:2] == [(0.25, Source.SAMPLER), (0.5, Source.SAMPLER)]
    assert taken[2][0] not in (0.25, 0.5)


def test_a_grid_is_proposed_in_its_order_and_then_nothing():
    source = make_source({"a": [3, 1, 2]}, enqueue=[{"a": 2}])

    assert source.is_grid
    assert take(source, 9) == [(2, Source.GRID), (3, Source.GRID), (1, Source.GRID)]


def test_a_proposer_is_asked_before_the_sampler():
    source = make_source(RANGE, propose=lambda records, index: {"a": 0.75} if index == 1 else None)

    taken = take(source, 3)

    assert taken[1] == (0.75, Source.PROPOSER)
    assert [kind for _, kind in taken[::2]] == [Source.SAMPLER] * 2


def test_candidates_that_are_enqueued_in_the_study_come_before_all_others():
    source = make_source(RANGE, enqueue=[{"a": 0.25}])
    source.study.enqueue_trial({"a": 0.125})

    assert [value for value, _ in take(source, 2)] == [0.125, 0.25]


class Stuck(optuna.samplers.RandomSampler):
    """Proposes the same candidate each time."""

    def sample_independent(self, study, trial, param_name, param_distribution):
        return 0.5


def test_a_sampler_that_repeats_itself_is_helped_out_by_random_draws_unless_it_may_limit_the_candidates():
    trapped = make_source({"a": [1, 2, 3]}, n_trials=2, sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=0))
    assert len({value for value, _ in take(trapped, 3)}) == 3

    limited = make_source(RANGE, sampler=Stuck())
    assert len(take(limited, 3)) == 1
    assert len(list(itertools.islice(limited.iterate_proposals([], 1), 200))) == 100
