"""Which candidates are stopped early."""

import numpy as np
import pytest

from sklearn_autotune.evaluation import FoldScore, NoPruningState, Outcome
from sklearn_autotune.pruning._fold_racing import FoldRacing
from sklearn_autotune.selection._pruning_rule import SelectionPruningRule
from tests.selection.toy_families import N_FOLDS


def test_the_first_of_a_family_may_be_farther_behind():
    random = np.random.RandomState(0)
    luck = random.normal(scale=0.002, size=N_FOLDS)
    pruning_rule = SelectionPruningRule(FoldRacing(n_startup_trials=3), get_family=str)

    assert isinstance(pruning_rule.take_snapshot("a"), NoPruningState)
    for level in (0.5, 0.51, 0.52, 0.6):
        scores = -level + luck + random.normal(scale=0.001, size=N_FOLDS)
        pruning_rule.add_outcome(Outcome("complete", tuple(FoldScore(score, None, 0.0, 0.0, None) for score in scores)))
    first, second = pruning_rule.take_snapshot("b"), pruning_rule.take_snapshot("b")
    assert first.min_means[0] < second.min_means[0] < -0.5
    # A quarter of the best score in place of a tenth.
    assert second.min_means[0] - first.min_means[0] == pytest.approx(0.15 * 0.5, rel=0.02)
