"""The sampler of a search is a copy, and random draws stay within what it lists or fixes."""

import optuna
import pytest
from optuna.distributions import IntDistribution
from optuna.samplers import GridSampler, PartialFixedSampler, RandomSampler, TPESampler
from sklearn.datasets import make_classification

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.samplers import ForestSampler, RustTPESampler
from sklearn_autotune.samplers._long_tpe import LongTPESampler
from sklearn_autotune.space._space import read_space
from sklearn_autotune.storage._samplers import covers_space, make_random_study, make_sampler
from tests.toy_samplers import SensitiveSampler
from tests.toys import CountingClassifier, statuses

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

RANGES = {"a": IntDistribution(1, 8), "b": IntDistribution(1, 8)}
LISTS = {"a": [1, 2, 3, 4], "b": [1, 2, 3]}
LISTED = [(1, 2), (1, 3), (2, 2), (2, 3)]


class OddSampler(SensitiveSampler):
    """Keeps to odd numbers, which nobody else knows."""

    def sample_independent(self, study, trial, param_name, param_distribution):
        value = super().sample_independent(study, trial, param_name, param_distribution)
        return value if value % 2 else value - 1


@pytest.fixture(scope="module")
def data():
    return make_classification(n_samples=20, n_features=4, random_state=0)


def search_with(sampler, data, space=RANGES, **changes):
    settings = {"n_trials": 12, "cv": 2, "refit": False, "random_state": 0} | changes
    return OptunaSearchCV(CountingClassifier(), space, sampler=sampler, **settings).fit(*data)


def candidates(search):
    return [tuple(params.values()) for params in search.cv_results_["params"]]


def listing():
    return GridSampler({"a": [1, 2], "b": [2, 3]}, seed=0)


def test_the_users_sampler_is_copied():
    mine = TPESampler(seed=0)
    sampler = make_sampler(mine, read_space({"a": [1]}), seed=1)

    assert sampler is not mine
    assert type(sampler) is TPESampler


@pytest.mark.parametrize("raw", [{"a": [1]}, [{"a": [1]}, {"b": [1]}]], ids=["plain", "conditional"])
def test_the_default_sampler_is_tpe_and_is_made_without_a_warning(raw):
    assert type(make_sampler(None, read_space(raw), seed=0)) is LongTPESampler


@pytest.mark.parametrize("space", [RANGES, LISTS], ids=["ranges", "lists"])
@pytest.mark.parametrize("look_ahead", [1, 2, 5])
def test_a_grid_sampler_measures_what_it_lists_and_nothing_else(data, space, look_ahead):
    assert sorted(candidates(search_with(listing(), data, space, look_ahead=look_ahead))) == LISTED


@pytest.mark.parametrize("look_ahead", [1, 2, 5])
@pytest.mark.parametrize("enqueued", [[(2, 2)], [(4, 1)], [(1, 2), (1, 3), (2, 2)], LISTED])
def test_candidates_that_are_enqueued_come_before_those_of_a_grid_sampler(data, enqueued, look_ahead):
    enqueue = [{"a": a, "b": b} for a, b in enqueued]

    found = candidates(search_with(listing(), data, enqueue=enqueue, look_ahead=look_ahead))

    assert found[: len(enqueued)] == enqueued
    assert sorted(found) == sorted({*LISTED, *enqueued})


@pytest.mark.parametrize("space", [RANGES, LISTS], ids=["ranges", "lists"])
@pytest.mark.parametrize("inner", [lambda: TPESampler(seed=0), lambda: RandomSampler(seed=0)], ids=["tpe", "random"])
def test_a_parameter_that_the_sampler_fixes_is_fixed_in_all_candidates(data, inner, space):
    found = candidates(search_with(PartialFixedSampler({"b": 2}, inner()), data, space))

    assert sorted(found) == [(a, 2) for a in range(1, 5 if space is LISTS else 9)]


def test_fixed_parameters_are_fixed_around_every_sampler(data):
    twice = PartialFixedSampler({"b": 2}, PartialFixedSampler({"a": 3}, TPESampler(seed=0)))

    assert candidates(search_with(twice, data)) == [(3, 2)]
    assert sorted(candidates(search_with(PartialFixedSampler({"b": 2}, listing()), data, enqueue=[{"a": 2}]))) == [
        (1, 2),
        (2, 2),
    ]


@pytest.mark.parametrize(("space", "odd"), [(RANGES, 16), (LISTS, 4)], ids=["ranges", "lists"])
def test_a_sampler_of_the_users_own_gets_no_candidates_beside_its_own(data, space, odd):
    found = candidates(search_with(OddSampler(), data, space, n_trials=30))

    assert len(set(found)) == len(found) == odd
    assert all(a % 2 and b % 2 for a, b in found)


def test_a_whole_finite_space_is_measured_where_the_sampler_may_propose_all_of_it(data):
    assert len(candidates(search_with(optuna.samplers.BruteForceSampler(seed=0), data, LISTS))) == 12
    assert len(candidates(search_with(RandomSampler(seed=0), data, RANGES, n_trials=64))) == 64


def test_it_is_known_of_optunas_samplers_and_ours_that_they_cover_the_space():
    assert covers_space(TPESampler(seed=0))
    assert covers_space(ForestSampler(seed=0))
    assert covers_space(RustTPESampler(seed=0))
    assert not covers_space(listing())
    assert not covers_space(OddSampler())


def test_random_draws_are_those_of_the_seed():
    one, again, other = (make_random_study(TPESampler(), seed).ask().suggest_float("a", 0, 1) for seed in (0, 0, 1))

    assert one == again != other
    assert make_random_study(listing(), 0) is None


class Interrupted(CountingClassifier):
    def fit(self, X, y):
        if self.a == 2:
            raise KeyboardInterrupt
        return super().fit(X, y)


def test_an_interrupt_arrives_when_the_sampler_has_no_candidates_left(data):
    search = OptunaSearchCV(Interrupted(), {"a": IntDistribution(1, 9)}, sampler=GridSampler({"a": [1, 2]}), cv=2)

    with pytest.raises(KeyboardInterrupt):
        search.fit(*data)

    assert statuses(search)[-1] == "cancelled"
