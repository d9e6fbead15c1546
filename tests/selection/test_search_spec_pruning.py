"""Which candidates of AutoModelSelector are stopped: the first one of each family may be farther behind, or is not."""

import numpy as np
import optuna
import pytest

from sklearn_autotune.evaluation import FoldScore, NoPruningState, Outcome
from sklearn_autotune.pruning import FoldRacing
from sklearn_autotune.selection._search_spec import FEW_ROWS, SelectionPruningRule

N_FOLDS = 3


def make_states(n_rows, meets_limits=lambda outcome: True):
    """Return the states of two candidates of a family, after four candidates of others."""
    random = np.random.RandomState(0)
    luck = random.normal(scale=0.002, size=N_FOLDS)
    rule = SelectionPruningRule(
        FoldRacing(n_startup_trials=3), get_family=str, n_rows=n_rows, meets_limits=meets_limits
    )
    tracker = rule.start(optuna.create_study(), None)

    assert isinstance(tracker.make_pruner_state("a"), NoPruningState)
    for level in (0.5, 0.51, 0.52, 0.6):
        scores = -level + luck + random.normal(scale=0.001, size=N_FOLDS)
        tracker.add_outcome(Outcome("complete", tuple(FoldScore(score, None, 0.0, 0.0, None) for score in scores)))
    return tracker.make_pruner_state("b"), tracker.make_pruner_state("b")


def test_the_first_of_a_family_may_be_farther_behind():
    first, second = make_states(FEW_ROWS + 1)

    assert first.min_means[0] < second.min_means[0] < -0.5
    # A quarter of the best score in place of a tenth.
    assert second.min_means[0] - first.min_means[0] == pytest.approx(0.15 * 0.5, rel=0.02)


def test_of_few_rows_the_first_of_a_family_is_measured_in_full():
    first, second = make_states(FEW_ROWS)

    assert isinstance(first, NoPruningState)
    assert second.min_means[0] < -0.5


def test_a_candidate_that_may_be_in_no_blend_stops_no_other_one():
    _, bounded = make_states(FEW_ROWS + 1, lambda outcome: outcome.folds[0].test < -0.505)
    _, free = make_states(FEW_ROWS + 1, lambda outcome: False)

    assert bounded.min_means[0] < make_states(FEW_ROWS + 1)[1].min_means[0]
    assert not hasattr(free, "min_means") or not len(free.min_means)
