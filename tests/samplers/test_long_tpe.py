"""Optuna's TPE with a limited history."""

import optuna
import pytest
from optuna.samplers import TPESampler
from optuna.trial import TrialState, create_trial

from sklearn_autotune.samplers import _long_tpe
from sklearn_autotune.samplers._long_tpe import LongTPESampler

MAX_HISTORY, N_BEST, N_LATEST = 40, 5, 25

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


@pytest.fixture(autouse=True)
def short_history(monkeypatch):
    monkeypatch.setattr(_long_tpe, "MAX_HISTORY", MAX_HISTORY)
    monkeypatch.setattr(_long_tpe, "N_BEST", N_BEST)
    monkeypatch.setattr(_long_tpe, "N_LATEST", N_LATEST)


def loss(trial):
    x = trial.suggest_float("x", -3, 3)
    if trial.suggest_categorical("kind", ["a", "b"]) == "a":
        return x**2 + trial.suggest_int("n", 0, 9)
    return abs(x) + 1


def optimize(sampler, n_trials, objective=loss, **study):
    made = optuna.create_study(sampler=sampler, **study)
    made.optimize(objective, n_trials=n_trials)
    return made


def test_up_to_the_limit_it_is_tpe():
    long = optimize(LongTPESampler(3, group=True), MAX_HISTORY + 1)
    usual = optimize(TPESampler(seed=3, multivariate=True, group=True), MAX_HISTORY + 1)

    assert [trial.params for trial in long.trials] == [trial.params for trial in usual.trials]


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_later_it_learns_from_the_best_and_the_latest(direction):
    sampler = LongTPESampler(0, group=True)
    sign = 1 if direction == "minimize" else -1

    study = optimize(sampler, 130, lambda trial: sign * loss(trial), direction=direction)

    history = sampler.history.open()
    values = [trial.value for trial in history.trials]
    assert MAX_HISTORY - N_LATEST < len(values) <= MAX_HISTORY
    told = sorted(sign * trial.value for trial in study.trials[:-1])
    assert set(told[:N_BEST]) <= {sign * value for value in values}
    assert values[-1] == study.trials[-2].value  # the last one was not told when it was proposed
    assert sign * study.best_value < 1.1


def test_the_same_seed_proposes_the_same():
    first, second = (
        optimize(LongTPESampler(1, group=False), 100, lambda trial: trial.suggest_float("x", 0, 1)) for _ in "ab"
    )

    assert [trial.params for trial in first.trials] == [trial.params for trial in second.trials]


def test_a_parameter_that_another_sampler_fixes_stays_fixed():
    sampler = optuna.samplers.PartialFixedSampler({"x": 0.5}, LongTPESampler(0, group=True))

    assert {trial.params["x"] for trial in optimize(sampler, 60).trials} == {0.5}


def test_several_objectives_keep_their_front():
    sampler = LongTPESampler(0, group=False)

    def both(trial):
        x = trial.suggest_float("x", 0, 1)
        return x, 1 - x + trial.suggest_float("y", 0, 1)

    study = optimize(sampler, 90, both, directions=["minimize", "minimize"])

    assert len(sampler.history.open().trials) <= MAX_HISTORY
    assert len(study.trials) == 90


def test_of_candidates_that_break_limits_the_best_are_kept_only_after_all_others():
    study = optuna.create_study(sampler=LongTPESampler(0, group=False))
    space = {"x": optuna.distributions.FloatDistribution(0, 1)}
    for number in range(60):
        trial = create_trial(params={"x": number / 60}, distributions=space, value=number / 60)
        trial.set_constraint("limit", 1.0 if number < 30 else -1.0)
        study.add_trial(trial)
    for _ in range(10):
        study.add_trial(create_trial(params={"x": 0.5}, distributions=space, state=TrialState.FAIL))

    study.ask(space)

    kept = [trial.params["x"] * 60 for trial in study.sampler.history.open().trials]
    assert [round(x) for x in kept] == [*range(30, 60)]
