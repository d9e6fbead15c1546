import copy
import math
import pickle
import random
import subprocess
import sys

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    RelativeSamplerTestCase,
    SingleOnlySamplerTestCase,
)
from optuna.trial import TrialState

from sklearn_autotune.samplers import RustTPESampler
from sklearn_autotune.samplers._rust_tpe import _convert_sampled_value, count_best_trials, refine_parameter_groups
from tests.samplers.toy_studies import bowl, mixed_space, search

UNIT = FloatDistribution(0, 1)


# -- Optuna's own contract for samplers ----------------------------------------------------------------------------


class TestOptunasContract(BasicSamplerTestCase, RelativeSamplerTestCase, SingleOnlySamplerTestCase):
    @pytest.fixture
    def sampler(self):
        return lambda: RustTPESampler(seed=0, n_startup_trials=0)


class TestOptunasContractWithRandomStart(BasicSamplerTestCase, SingleOnlySamplerTestCase):
    @pytest.fixture
    def sampler(self):
        return lambda: RustTPESampler(seed=0, n_startup_trials=5)


def new_study(sampler=None, direction="maximize", **kwargs):
    return optuna.create_study(direction=direction, sampler=sampler or RustTPESampler(seed=0), **kwargs)


def mirrored(study):
    """What rustuna has been told, without what stands for trials under way."""
    study.ask()
    study.sampler.infer_relative_search_space(study, study.trials[-1])
    rust_study = study.sampler._rust_study
    return [
        t for t in rust_study.storage.get_trials(rust_study.study_id) if t._trial_id not in rust_study.provisional_ids
    ]


# -- Deterministic -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("look_ahead", [1, 3, 8])
def test_the_same_seed_gives_the_same_proposals_whatever_the_global_generators_say(look_ahead):
    first = search(new_study(RustTPESampler(seed=3)), mixed_space, 40, look_ahead)
    np.random.seed(99)
    random.seed(99)
    second = search(new_study(RustTPESampler(seed=3)), mixed_space, 40, look_ahead)
    other = search(new_study(RustTPESampler(seed=4)), mixed_space, 40, look_ahead)

    assert first == second
    assert first != other


def test_global_generators_are_left_alone():
    before = random.getstate(), np.random.get_state()[1].tolist()
    search(new_study(), mixed_space, 20)

    assert before == (random.getstate(), np.random.get_state()[1].tolist())


def test_without_a_seed_every_search_differs():
    searches = [search(new_study(RustTPESampler()), bowl, 3) for _ in range(2)]

    assert searches[0] != searches[1]


PROCESS = """
import sys
import optuna
from sklearn_autotune.samplers import RustTPESampler
RustTPESampler(seed=0)
assert "rustuna" not in sys.modules, "rustuna is to be imported when it is used"
optuna.logging.set_verbosity(optuna.logging.WARNING)
from tests.samplers.test_rust_tpe import RustTPESampler, new_study
from tests.samplers.toy_studies import mixed_space, search
print(search(new_study(RustTPESampler(seed=3)), mixed_space, 40, 8))
"""


def test_the_same_seed_gives_the_same_proposals_in_another_process(pytestconfig):
    printed = subprocess.run(
        [sys.executable, "-c", PROCESS],
        env={"PYTHONHASHSEED": "5", "PATH": ""},
        cwd=pytestconfig.rootpath,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert printed.strip() == str(search(new_study(RustTPESampler(seed=3)), mixed_space, 40, 8))


def test_maximizing_and_minimizing_the_opposite_is_the_same():
    up = search(new_study(), bowl, 30, 4)
    down = search(new_study(direction="minimize"), lambda trial: -bowl(trial), 30, 4)

    assert up == down


# -- Exact in what it is told --------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize("look_ahead", [1, 8])
def test_rustuna_is_told_the_trials_of_the_study(look_ahead, direction):
    study = new_study(direction=direction)
    study.enqueue_trial({"x": 0.25, "k": 7})
    study.enqueue_trial({"x": 5.0, "k": 500})  # beyond the ranges: Optuna measures it all the same
    with pytest.warns(UserWarning, match="out of range"):
        search(study, mixed_space, 60, look_ahead)
    trials, told = study.trials, mirrored(study)
    worst = -sys.float_info.max if direction == "maximize" else sys.float_info.max

    assert {trial.state for trial in trials} == {TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL}
    assert trials[1].params["x"] == 5.0
    assert len(told) == len(trials)
    for trial, row in zip(trials, told, strict=True):
        in_rust = {name: trial.distributions[name].to_internal_repr(value) for name, value in trial.params.items()}
        assert dict(row.internal_params) == in_rust
        assert row.distributions.keys() == trial.distributions.keys()
        assert row.state.name == {"PRUNED": "COMPLETE"}.get(trial.state.name, trial.state.name)
        assert row.value == (worst if trial.state == TrialState.PRUNED else trial.value)


def test_trials_told_in_any_order_are_told_once():
    study = new_study()
    asked = [study.ask({"x": UNIT}) for _ in range(6)]
    for place in (4, 1, 5, 0):
        study.tell(asked[place], float(place))
        told = [row.value for row in mirrored(study)]
        study.tell(study.trials[-1].number, state=TrialState.FAIL)  # the trial that `mirrored` asked

    assert [value for value in told if value is not None] == [4.0, 1.0, 5.0, 0.0]


def test_rustuna_is_told_the_ranges_of_the_study():
    study = new_study()
    search(study, mixed_space, 20)
    spaces = {}
    for row in mirrored(study):
        spaces.update({name: space.to_dict() for name, space in row.distributions.items()})

    assert spaces["kind"]["choices"] == [0, 1, 2, 3, 4]  # places, so that choices may be anything
    for name, (low, high, log, step) in {
        "x": (1e-4, 1, True, None),
        "k": (1, 200, True, 1),
        "stepped": (-1, 1, False, 0.25),
        "stepped_k": (0, 10, False, 5),
    }.items():
        assert spaces[name]["low"] == low
        assert spaces[name]["high"] == high
        assert spaces[name]["log"] is log
        assert spaces[name]["step"] == step


def test_an_infeasible_trial_is_told_as_worst():
    study = new_study()
    study.tell(study.ask({"x": UNIT}), 1.0)
    infeasible = study.ask({"x": UNIT})
    infeasible.set_constraint("memory", 2.0)
    study.tell(infeasible, 5.0)

    assert [row.value for row in mirrored(study)] == [1.0, -sys.float_info.max]


# -- Resuming, copying ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda sampler: pickle.loads(pickle.dumps(sampler))])
@pytest.mark.parametrize("n_before", [4, 25])
def test_a_copied_sampler_goes_on_as_the_original_would_have(duplicate, n_before):
    whole = search(new_study(), mixed_space, 40)
    study = new_study()
    search(study, mixed_space, n_before)
    study.sampler = duplicate(study.sampler)

    assert study.sampler._rust_study is None
    assert search(study, mixed_space, 40 - n_before) == whole


def test_a_copy_made_while_trials_are_under_way_goes_on_as_the_original_would_have():
    studies = [new_study(), new_study()]
    for study in studies:
        search(study, bowl, 20)
        for _ in range(5):
            bowl(study.ask())
    studies[1].sampler = copy.deepcopy(studies[1].sampler)
    proposals = [study.ask() for study in studies]

    assert bowl(proposals[0]) == bowl(proposals[1])


def test_a_stored_study_is_resumed_where_it_stopped(tmp_path):
    whole = search(new_study(RustTPESampler(seed=7)), mixed_space, 24)
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "study.log")))
    search(new_study(RustTPESampler(seed=7), storage=storage, study_name="s"), mixed_space, 14)
    resumed = optuna.load_study(study_name="s", storage=storage, sampler=RustTPESampler(seed=7))

    assert search(resumed, mixed_space, 10) == whole
    assert len(mirrored(resumed)) == 24


def test_trials_added_by_hand_are_learned_from():
    added = [optuna.create_trial(params={"x": x}, distributions={"x": UNIT}, value=-abs(x - 0.8)) for x in GRID]
    study = new_study()
    study.add_trials(added)

    assert len(mirrored(study)) == len(GRID)
    assert np.median([study.ask().suggest_float("x", 0, 1) for _ in range(5)]) > 0.6


GRID = [place / 20 for place in range(21)]


def test_a_sampler_used_for_a_second_study_knows_nothing_of_the_first():
    sampler = RustTPESampler(seed=0)
    first = search(new_study(sampler), bowl, 20)
    second = search(new_study(sampler), bowl, 20)

    assert first == second


# -- Failures, trials under way, conditions ------------------------------------------------------------------------


@pytest.mark.parametrize("look_ahead", [1, 8])
@pytest.mark.parametrize("seed", range(3))
def test_it_steers_away_from_failures(seed, look_ahead):
    def fails_in_the_upper_half(trial):
        x = trial.suggest_float("x", 0, 1)
        return TrialState.PRUNED if x > 0.5 else -abs(x - 0.25)

    proposed = search(new_study(RustTPESampler(seed=seed)), fails_in_the_upper_half, 80, look_ahead)

    assert sum(params["x"] > 0.5 for params in proposed) <= 20


def spread_of_eight(seed, close):
    """Smallest gap between eight proposals in a row."""
    study = new_study(RustTPESampler(seed=seed))
    search(study, lambda trial: -((trial.suggest_float("x", 0, 1) - 0.3) ** 2), 30)
    xs = []
    for _ in range(8):
        trial = study.ask()
        xs.append(trial.suggest_float("x", 0, 1))
        if close:  # FAIL teaches nothing: as if trials under way were ignored
            study.tell(trial, state=TrialState.FAIL)
    return np.diff(np.sort(xs)).min()


def test_it_keeps_away_from_trials_under_way():
    seeds = range(8)
    shown, hidden = (np.mean([spread_of_eight(seed, close) for seed in seeds]) for close in (False, True))

    assert shown > 5 * hidden


def test_a_trial_under_way_is_never_imitated_even_if_little_is_complete():
    study = new_study(RustTPESampler(seed=0, n_startup_trials=2))
    search(study, lambda trial: (trial.suggest_float("x", 0, 1), TrialState.PRUNED)[1], 12)
    under_way = [study.ask() for _ in range(3)]
    for trial in under_way:
        trial.suggest_float("x", 0, 1)
    mirrored(study)
    rust_study = study.sampler._rust_study
    values = [rust_study.storage.get_trial(row).value for row in rust_study.provisional_ids]

    assert values.count(-math.inf) == 3
    assert all(value == math.inf for value in values if value != -math.inf)


@pytest.mark.parametrize(("n_told", "n_under_way"), [(10, 7), (13, 8), (20, 1), (30, 0), (99, 25), (249, 12), (300, 8)])
def test_as_many_are_imitated_as_without_trials_under_way(n_told, n_under_way):
    study = new_study()
    told = optuna.create_trial(params={"x": 0.5}, distributions={"x": UNIT}, value=0.0)
    study.add_trials([told] * n_told)
    for _ in range(n_under_way):
        study.ask({"x": UNIT})
    mirrored(study)
    n_fill = len(study.sampler._rust_study.provisional_ids) - n_under_way

    assert count_best_trials(n_told + n_under_way + n_fill) - n_fill == count_best_trials(n_told)


def test_a_trial_that_has_only_some_of_its_parameters_yet_does_no_harm():
    study = new_study()
    search(study, bowl, 15)
    halfway = study.ask()
    halfway.suggest_float("u", 0, 1)
    search(study, bowl, 3)
    rest = halfway.suggest_float("l", 1e-5, 1, log=True), halfway.suggest_int("k", 1, 100)
    study.tell(halfway, 0.0)
    search(study, bowl, 3)

    assert 1e-5 <= rest[0] <= 1
    assert len(study.trials) == 22


def test_parameters_of_new_conditions_may_turn_up_at_any_time():
    def objective(trial):
        names = [name for place, name in enumerate("abcd") if (trial.number // 5 + place) % 3]
        return sum(trial.suggest_float(name, 0, 1) for name in names)

    study = new_study()
    search(study, objective, 45, look_ahead=8)

    assert {group_name for group in study.sampler._rust_study.groups for group_name in group} == set("abcd")


@given(st.lists(st.sets(st.sampled_from("abcdef")), max_size=8))
def test_each_trial_has_all_of_a_group_or_nothing(trials):
    groups = []
    for names in trials:
        groups = refine_parameter_groups(groups, dict.fromkeys(names, UNIT))

    grouped = [name for group in groups for name in group]
    assert sorted(grouped) == sorted(set().union(*trials))
    for group in groups:
        assert all(group.keys() <= names or not group.keys() & names for names in trials)


# -- What it proposes ----------------------------------------------------------------------------------------------


def test_choices_keep_their_types():
    choices = [None, True, 3, 2.5, "rbf"]
    study = new_study()
    search(study, lambda trial: float(trial.suggest_categorical("c", choices) in (True, 2.5)), 40)
    proposed = [trial.params["c"] for trial in study.trials]

    assert {type(value) for value in proposed} == {type(choice) for choice in choices}
    assert sum(value in (True, 2.5) for value in proposed[10:]) > 15


SPACES = {
    "float": FloatDistribution(-2.5, 3.5),
    "log": FloatDistribution(1e-7, 1e3, log=True),
    "step": FloatDistribution(0, 1, step=0.1),
    "int": IntDistribution(-5, 5),
    "int_log": IntDistribution(1, 1000, log=True),
    "int_step": IntDistribution(0, 30, step=10),
}


def test_a_value_rounded_beyond_its_range_is_put_back():
    space = FloatDistribution(1e-7, 10, log=True)

    assert math.exp(math.log(10)) > 10
    assert _convert_sampled_value(space, math.exp(math.log(10))) == 10


@pytest.mark.parametrize("name", SPACES)
def test_proposals_lie_in_range_on_step_and_have_plain_types(name):
    space = SPACES[name]
    kind = int if isinstance(space, IntDistribution) else float
    study = new_study()
    for _ in range(40):
        trial = study.ask(SPACES)
        study.tell(trial, sum(trial.params.values()))  # the best lie at the edges
    proposed = [trial.params[name] for trial in study.trials]

    assert {type(value) for value in proposed} == {kind}
    assert min(proposed) >= space.low
    assert max(proposed) <= space.high
    if space.step:
        steps = (np.array(proposed) - space.low) / space.step
        np.testing.assert_allclose(steps, np.round(steps), atol=1e-9)


@pytest.mark.parametrize("look_ahead", [1, 8])
def test_it_finds_better_candidates_than_random_search(look_ahead):
    def best(sampler):
        study = new_study(sampler)
        search(study, bowl, 60, look_ahead)
        return study.best_value

    seeds = range(5)
    ours = np.mean([best(RustTPESampler(seed=seed)) for seed in seeds])
    at_random = np.mean([best(optuna.samplers.RandomSampler(seed=seed)) for seed in seeds])

    assert ours > at_random / 3  # both are negative


def test_the_first_trials_are_drawn_at_random():
    study = new_study(RustTPESampler(seed=0, n_startup_trials=50))
    xs = [params["x"] for params in search(study, lambda trial: trial.suggest_float("x", 0, 1), 50)]

    assert min(xs) < 0.1
    assert np.mean(xs) == pytest.approx(0.5, abs=0.12)


def test_hyperband_shows_it_one_bracket_at_a_time():
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        for step in range(9):
            trial.report(-abs(x - 0.3), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return -abs(x - 0.3)

    pruner = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=9, reduction_factor=3)
    study = new_study(RustTPESampler(seed=0), pruner=pruner)
    study.optimize(objective, n_trials=45)

    assert study.best_value > -0.05
