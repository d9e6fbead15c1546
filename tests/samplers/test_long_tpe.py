"""Optuna's TPE with a limited history."""

import optuna
import pytest
from optuna.samplers import TPESampler
from optuna.trial import TrialState, create_trial
from scipy.stats import loguniform
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import Pipeline

from sklearn_autotune import OptunaSearchCV
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


def branched_loss(trial):
    kind = trial.suggest_categorical("kind", ["line", "curve", "constant", "switch"])
    if kind == "constant":  # one candidate
        return 5.0 + trial.suggest_categorical("added", [0])
    if kind == "switch":  # two candidates
        return 4.0 + trial.suggest_categorical("on", [True, False])
    return trial.suggest_float(f"{kind}_x", -1, 1) ** 2 + (kind == "curve")


def count_repeats(study):
    measured = [trial.number for trial in study.trials if trial.state == TrialState.COMPLETE]
    learnt = study.trials[measured[9] + 1 :]  # before ten are measured, all are drawn at random
    return sum(trial.state == TrialState.FAIL for trial in learnt)


class RepeatsFail:
    """As in a search, a candidate that was measured before is not measured again, and teaches a sampler nothing."""

    def __init__(self, objective):
        self.objective = objective

    def __call__(self, trial):
        value = self.objective(trial)
        if any(trial.params == other.params for other in trial.study.trials[: trial.number]):
            raise ValueError("repeated")
        return value


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_branch_whose_candidates_are_measured_is_not_proposed_again(direction):
    sign = 1 if direction == "minimize" else -1
    objective = RepeatsFail(lambda trial: sign * branched_loss(trial))
    study = optuna.create_study(sampler=LongTPESampler(0, group=True), direction=direction)
    plain = optuna.create_study(sampler=TPESampler(seed=0, multivariate=True, group=True), direction=direction)
    for made in (study, plain):
        for kind in ("constant", "line", "curve"):
            made.enqueue_trial({"kind": kind})
        made.optimize(objective, n_trials=120, catch=ValueError)

    assert count_repeats(study) == 0
    assert count_repeats(plain) > 20
    kinds = [trial.params["kind"] for trial in study.trials[-80:]]
    assert kinds.count("line") > kinds.count("curve") > 0


def test_where_all_candidates_of_a_space_are_measured_one_is_proposed_again():
    study = optuna.create_study(sampler=LongTPESampler(0, group=True))

    def objective(trial):
        return 0.0 if trial.suggest_categorical("kind", ["a", "b"]) == "a" else 1.0 + trial.suggest_int("n", 1, 2)

    study.optimize(RepeatsFail(objective), n_trials=30, catch=ValueError)

    assert len({tuple(trial.params.items()) for trial in study.trials}) == 3


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


def test_a_search_measures_a_model_without_parameters_once_and_then_others():
    X, y = load_iris(return_X_y=True)
    spaces = [
        {"model": [DummyClassifier()]},
        {"model": [RidgeClassifier()], "model__alpha": loguniform(0.01, 100)},
    ]
    model = Pipeline([("model", DummyClassifier())])

    search = OptunaSearchCV(model, spaces, n_trials=40, cv=2, look_ahead=1, random_state=0).fit(X, y)

    assert len(search.cv_results_["params"]) == 40
    assert count_repeats(search.study_) == 0
