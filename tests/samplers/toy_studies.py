"""Toy objectives and a search, for the tests of all samplers."""

import math
from collections import deque

from optuna.trial import TrialState

__all__ = ["bowl", "mixed_space", "search"]


def mixed_space(trial):
    """Every kind of distribution, a condition, and candidates that fail or are cancelled."""
    kind = trial.suggest_categorical("kind", ["rbf", None, True, 3, 2.5])
    x = trial.suggest_float("x", 1e-4, 1, log=True)
    k = trial.suggest_int("k", 1, 200, log=True)
    stepped = trial.suggest_float("stepped", -1, 1, step=0.25) + trial.suggest_int("stepped_k", 0, 10, step=5)
    if kind is None:
        return -trial.suggest_float("only_none", 0, 1)
    if kind == "rbf":
        trial.suggest_int("only_rbf", 1, 3)
        return -abs(math.log10(x) + 2)
    if trial.number % 7 == 3:
        return TrialState.FAIL
    is_failure = x > 0.5 or trial.number % 7 == 5
    return TrialState.PRUNED if is_failure else -abs(math.log10(x) + 2) - k / 100 - abs(stepped)


def bowl(trial):
    near = [trial.suggest_float("u", 0, 1) - 0.3, math.log10(trial.suggest_float("l", 1e-5, 1, log=True)) + 3]
    return -sum(distance**2 for distance in near) - (trial.suggest_int("k", 1, 100) - 40) ** 2 / 1000


def tell(study, trial, outcome):
    if isinstance(outcome, TrialState):
        study.tell(trial, state=outcome)
    else:
        study.tell(trial, outcome)


def search(study, objective, n_trials, look_ahead=1):
    """Ask with a look-ahead, tell in trial order: as `TrialLoop` does."""
    under_way = deque()
    for _ in range(n_trials):
        trial = study.ask()
        under_way.append((trial, objective(trial)))
        if len(under_way) >= look_ahead:
            tell(study, *under_way.popleft())
    while under_way:
        tell(study, *under_way.popleft())
    return [trial.params for trial in study.trials]
