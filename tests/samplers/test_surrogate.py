import math

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from sklearn_autotune.samplers._surrogate import Forest, compute_costs


def make_trial(value=None, reported=None):
    return create_trial(
        state=TrialState.PRUNED if value is None else TrialState.COMPLETE,
        value=value,
        params={"x": 0.5},
        distributions={"x": FloatDistribution(0, 1)},
        intermediate_values=reported or {},
    )


COMPLETE = [make_trial(value) for value in (0.0, 1.0, 2.0, 10.0)]


def test_costs_are_normal_quantiles_of_the_ranks():
    shuffled = [COMPLETE[index] for index in (2, 0, 3, 1)]
    costs = compute_costs(shuffled, np.array([1.0]), np.ones(1))

    np.testing.assert_allclose(costs, [0.3186, -1.1503, 1.1503, -0.3186], atol=1e-4)


def test_the_highest_value_costs_least_if_values_are_maximised():
    assert compute_costs(COMPLETE, np.array([-1.0]), np.ones(1)).argmin() == 3


def test_a_pruned_trial_counts_with_its_last_report_but_never_as_better_than_the_median():
    trials = [*COMPLETE, make_trial(reported={0: -5.0}), make_trial(reported={0: -5.0, 2: 5.0}), make_trial()]
    costs = compute_costs(trials, np.array([1.0]), np.ones(1))

    assert costs[1] < costs[4] < costs[2]  # the median of the complete trials
    assert costs[2] < costs[5] < costs[3]
    assert costs[6] == costs[3] == costs.max()


def test_trials_that_violate_a_constraint_count_as_the_worst():
    study = optuna.create_study()
    study.add_trials(COMPLETE)
    for value, excess in ((-100.0, 1.0), (1.0, -1.0)):
        trial = study.ask({"x": FloatDistribution(0, 1)})
        trial.set_constraint("limit", excess)
        study.tell(trial, value)
    costs = compute_costs(study.trials, np.array([1.0]), np.ones(1))

    assert costs[4] == costs[3] == costs.max()
    assert costs[5] == costs[1]


@pytest.mark.parametrize(
    "trials",
    [
        [make_trial(), make_trial(reported={0: 3.0})],
        [make_trial(1.0), make_trial(1.0)],
        [make_trial(math.inf), make_trial(1.0), make_trial(-math.inf), make_trial(2.0)],
        [make_trial(math.inf)],
        [make_trial(1.0), make_trial(reported={0: math.nan}), make_trial(reported={0: math.inf})],
    ],
    ids=["no complete trial", "equal values", "infinite values", "only an infinite value", "no finite report"],
)
def test_costs_are_always_finite(trials):
    for sign in (1.0, -1.0):
        assert np.isfinite(compute_costs(trials, np.array([sign]), np.ones(1))).all()


def test_the_trees_agree_where_a_candidate_was_measured_and_disagree_far_from_it():
    features = np.array([[0.0], [0.1], [0.9], [1.0]], dtype=np.float32)
    forest = Forest(features, np.array([0.0, 1.0, 2.0, 5.0]), seed=0)
    means, deviations = forest.predict(np.array([[0.1], [0.5]], dtype=np.float32))

    assert (means[0], deviations[0]) == (1.0, 0.0)
    assert 1.0 < means[1] < 2.0
    assert deviations[1] > 0.2


def test_improvement_is_expected_where_costs_are_low_or_unknown():
    features = np.array([[0.0], [0.4], [1.0]], dtype=np.float32)
    forest = Forest(features, np.array([0.0, 1.0, 5.0]), seed=0)
    improvements = forest.compute_expected_improvement(np.array([[0.1], [0.4], [0.9]], dtype=np.float32), best=0.5)

    assert improvements[0] > improvements[1]
    assert improvements[1] < 1e-6
    assert (improvements >= 0).all()


def test_weights_choose_which_point_of_the_front_is_best():
    values = [(0.0, 9.0), (5.0, 5.0), (9.0, 0.0), (9.0, 9.0)]
    trials = [create_trial(values=list(pair), params={}, distributions={}) for pair in values]
    signs = np.ones(2)

    best = [
        compute_costs(trials, signs, np.array(weights)).argmin() for weights in ((1.0, 0.0), (0.5, 0.5), (0.0, 1.0))
    ]

    assert best == [0, 1, 2]
    assert compute_costs(trials, -signs, np.array([0.5, 0.5])).argmin() == 3


def test_a_trial_that_breaks_a_constraint_is_the_worst_of_several_objectives():
    trials = [create_trial(values=[0.0, 0.0], params={}, distributions={}, constraints={"bytes": 0.5})]
    trials += [create_trial(values=[5.0, 5.0 - one], params={}, distributions={}) for one in range(3)]

    assert compute_costs(trials, np.ones(2), np.array([0.5, 0.5])).argmax() == 0
