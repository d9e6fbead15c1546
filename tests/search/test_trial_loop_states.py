"""Which outcomes a candidate's pruner state is made from, whatever the timing."""

from dataclasses import dataclass

import joblib
import numpy as np
import pytest
from scipy.stats import uniform

from sklearn_autotune import FoldRacing, OptunaSearchCV, pruning
from sklearn_autotune.evaluation import NoPruningState
from sklearn_autotune.pruning._fold_racing import FoldRacingTracker
from tests.toys import CountingClassifier


class CountingTracker(FoldRacingTracker):
    """Notes for each candidate how many outcomes were told when its pruner state was made."""

    def __init__(self):
        super().__init__(FoldRacing())
        self.n_told = 0
        self.told = {}

    def add_outcome(self, outcome):
        self.n_told += 1

    def make_pruner_state(self, trial):
        self.told[trial.number] = self.n_told
        return NoPruningState()


@dataclass(frozen=True)
class CountingRule:
    tracker: CountingTracker

    def accept(self, request):
        return self

    def start(self, study, metric):
        return self.tracker


@pytest.mark.parametrize("n_jobs", [1, 3])
@pytest.mark.parametrize("look_ahead", [1, 2, 6, "auto"])
def test_a_candidate_races_against_all_but_an_eighth_of_those_before_it_whatever_the_look_ahead(
    n_jobs, look_ahead, monkeypatch
):
    def n_late(number):
        return 0 if look_ahead in (1, 2) else number // 8

    tracker = CountingTracker()
    monkeypatch.setattr(pruning, "RULES", (CountingRule(tracker),))
    search = OptunaSearchCV(
        CountingClassifier(), {"a": uniform(0, 1)}, n_trials=25, cv=2, n_jobs=n_jobs, look_ahead=look_ahead, refit=False
    )

    with joblib.parallel_config(backend="threading"):
        search.fit(np.ones((12, 2)), np.arange(12) % 2)

    n_least = 1 if look_ahead == 1 else 2
    assert tracker.told == {number: max(0, number + 1 - max(n_least, n_late(number))) for number in range(25)}
