import numpy as np
import optuna
import pytest
from optuna.testing.pytest_samplers import BasicSamplerTestCase, MultiObjectiveSamplerTestCase, RelativeSamplerTestCase

from sklearn_autotune.objectives._front import compute_hypervolume
from sklearn_autotune.samplers import HypervolumeSampler


@pytest.mark.few_by_day(2)
class TestOptunasContract(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self):
        return lambda: HypervolumeSampler(seed=0, n_startup_trials=0)


@pytest.mark.few_by_day(1)
class TestOptunasContractWithRandomStart(BasicSamplerTestCase, MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self):
        return lambda: HypervolumeSampler(seed=0, n_startup_trials=5)


def search_front(sampler, n_trials=30):
    """Candidates between two points: each is on the front if y is 0, and x is free."""
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler)
    for _ in range(n_trials):
        trial = study.ask()
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        study.tell(trial, [x**2 + y + 0.3, -((1 - x) ** 2) - y - 0.3])
    return study


def compute_volume(study):
    values = np.array([[-trial.values[0], trial.values[1]] for trial in study.trials])
    return compute_hypervolume(values, np.array([-2.0, -2.0]))


def test_its_front_has_more_volume_than_that_of_tpe():
    ours, theirs = (
        [compute_volume(search_front(make(seed=seed))) for seed in range(3)]
        for make in (HypervolumeSampler, optuna.samplers.TPESampler)
    )

    assert min(ours) > max(theirs)


def test_candidates_are_spread_over_the_front():
    late = [trial.params["x"] for trial in search_front(HypervolumeSampler(seed=0)).trials[10:]]

    assert np.histogram(late, bins=4, range=(0, 1))[0].min() >= 2


def test_limits_decide_which_part_of_the_front_is_looked_at():
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=HypervolumeSampler(seed=0))
    for _ in range(35):
        trial = study.ask()
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        trial.set_constraint("x", 0.6 - x)
        study.tell(trial, [x**2 + y, (1 - x) ** 2 + y])

    assert np.median([trial.params["x"] for trial in study.trials[15:]]) > 0.6


def test_as_long_as_no_trial_meets_the_limits_it_looks_for_one():
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=HypervolumeSampler(seed=0))
    for _ in range(25):
        trial = study.ask()
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        trial.set_constraint("corner", max(x, y) - 0.1)
        study.tell(trial, [x, -y])

    assert any(max(trial.params.values()) <= 0.1 for trial in study.trials[:20])


def test_objectives_may_be_constant_or_infinite():
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=HypervolumeSampler(seed=0))
    for number in range(14):
        trial = study.ask()
        x = trial.suggest_float("x", 0, 1)
        study.tell(trial, [float("inf") if number % 4 == 1 else x, 3.0])

    assert all(0 <= trial.params["x"] <= 1 for trial in study.trials)


def test_a_search_that_goes_on_proposes_what_it_would_have_proposed():
    """Kernels are found from trials that no trial under way comes before, so that they are the same again."""
    whole = search_front(HypervolumeSampler(seed=0), 32)
    parts = search_front(HypervolumeSampler(seed=0), 21)
    resumed = optuna.create_study(directions=parts.directions, sampler=HypervolumeSampler(seed=0))
    resumed.add_trials(parts.trials)
    trial = resumed.ask()

    assert (trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)) == tuple(whole.trials[21].params.values())
