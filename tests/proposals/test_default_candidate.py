"""What the estimator's own parameters are, and whether they are measured."""

import pytest
from scipy.stats import uniform
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_autotune.evaluation import DEFAULT_NUMBER, FoldScore, Outcome
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.proposals._default_candidate import DefaultPlan, plan_default
from sklearn_autotune.space._space import read_space
from sklearn_autotune.storage._outcomes import TrialRecord

RANGE = {"C": uniform(0, 9)}


def make_plan(choice="auto", space=RANGE, estimator=None, **changes):
    estimator = SVC() if estimator is None else estimator
    return plan_default(choice, estimator, read_space(space), **({"n_trials": 5} | changes))


def make_outcome(status=Status.COMPLETE, score=0.5):
    return Outcome(status, (FoldScore(score, None, 1.0, 0.0),), None if status == Status.COMPLETE else "an error")


@pytest.mark.parametrize(
    ("choice", "space", "is_measured"),
    [
        ("auto", RANGE, True),
        ("auto", {"C": [1, 2, 3]}, False),
        ("auto", {"C": [1, 2, 3, 4, 5, 6]}, True),  # not in full
        (True, {"C": [1, 2, 3]}, True),
        (False, RANGE, False),
    ],
)
def test_it_is_measured_unless_a_grid_is_searched_in_full(choice, space, is_measured):
    assert make_plan(choice, space).is_measured == is_measured


def test_a_rule_that_needs_it_has_it_measured():
    assert make_plan("auto", {"C": [1, 2, 3]}, is_needed=True).is_measured
    with pytest.raises(ValueError, match="measure_default=False"):
        make_plan(False, is_needed=True)


def test_a_grid_that_has_it_measures_it_later():
    assert make_plan(True, {"C": [2.0, 1.0]}).comes_later
    assert not make_plan(True, {"C": [2.0, 1]}).comes_later


@pytest.mark.parametrize(
    ("params", "is_own"),
    [
        ({"C": 1.0}, True),
        ({"C": 1.0, "kernel": "rbf"}, True),
        ({}, True),
        ({"C": 1}, False),  # of max_features, 1 and 1.0 are not the same
        ({"C": 1.0, "kernel": "poly"}, False),
        ({"no such": 1}, False),
    ],
)
def test_parameters_are_compared_with_their_types(params, is_own):
    assert make_plan().has_own_parameters(params) == is_own


def test_parts_are_compared_by_their_parameters():
    plan = make_plan(space={"svc__C": uniform(0, 9)}, estimator=make_pipeline(StandardScaler(), SVC(C=3)))

    assert plan.has_own_parameters({"svc": SVC(C=3), "svc__C": 3})
    assert not plan.has_own_parameters({"svc": SVC(C=4)})


def test_a_candidate_with_the_same_parameters_is_found_by_its_row():
    plan = DefaultPlan({"C": 1.0, "kernel": "rbf"})
    records = [
        TrialRecord(0, {"C": 1.0}, make_outcome(Status.DUPLICATE)),
        TrialRecord(1, {"C": 2.0}, make_outcome()),
        TrialRecord(2, {"C": 1.0}, make_outcome(Status.PRUNED)),
        TrialRecord(3, {"C": 1.0}, make_outcome()),
    ]

    found = plan.conclude(records, None)

    assert found.record is records[3]
    assert found.row == 2


def test_one_that_was_measured_apart_has_its_values_of_the_searched_parameters():
    plan = DefaultPlan({"C": 1.0, "kernel": "rbf", "gamma": "scale"})
    outcome = make_outcome()
    records = [TrialRecord(0, {"C": 2.0}, make_outcome()), TrialRecord(1, {"kernel": "poly", "degree": 2}, outcome)]

    found = plan.conclude(records, outcome)

    assert found.record == TrialRecord(DEFAULT_NUMBER, {"C": 1.0, "kernel": "rbf"}, outcome)
    assert found.row is None


@pytest.mark.parametrize(
    ("plan", "outcome", "reason"),
    [
        (DefaultPlan({}), None, "ended before"),
        (DefaultPlan({}, is_measured=False), None, "measure_default=True"),
        (DefaultPlan({}), make_outcome(Status.FAILED), "failed: an error"),
    ],
)
def test_the_reason_is_told_if_there_is_no_score(plan, outcome, reason):
    found = plan.conclude([TrialRecord(0, {"C": 1.0}, make_outcome())], outcome)

    assert found.record is None
    assert reason in found.reason
