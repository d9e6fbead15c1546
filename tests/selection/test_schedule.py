"""In which order AutoModelSelector tries models, what it has time for, and who may enter the blend."""

import time
from dataclasses import replace
from functools import partial
from typing import ClassVar

import numpy as np
import pytest
from optuna.distributions import FloatDistribution
from sklearn.datasets import load_wine
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.naive_bayes import GaussianNB

from sklearn_autotune import AutoModelSelector
from sklearn_autotune._compat.sklearn import get_threadpool_controller
from sklearn_autotune.evaluation import FoldScore, Outcome
from sklearn_autotune.families import Family, Shape
from sklearn_autotune.families._base import estimate_boosting_seconds
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection._candidates import FAMILY, add_family_prefix, make_candidate, make_first_candidates
from sklearn_autotune.selection._cost_model import CostModel
from sklearn_autotune.selection._schedule import (
    Schedule,
    SelectionBudget,
    select_blend_candidates,
)

N_FOLDS = 3


def family(name, seconds=0.001, rounds=None, n_first=2):
    """A family whose candidates differ in the smoothing alone."""
    return Family(
        name=name,
        estimators=("sklearn.GaussianNB",),
        space=lambda shape: {"var_smoothing": [10.0**-power for power in range(n_first)]},
        make=lambda shape: GaussianNB(),
        first=tuple({"var_smoothing": 10.0**-power} for power in range(n_first)),
        seconds=lambda shape: seconds,
        rounds=rounds,
    )


def shape(n_rows):
    return Shape(n_rows, is_classifier=True)


def record(number, name, *scores, status="complete", seconds=0.001):
    folds = tuple(FoldScore(score, None, seconds, 0.0, None) for score in scores)
    params = make_candidate(family(name), {"var_smoothing": 10.0**-number})
    return TrialRecord(number, params, Outcome(status, folds))


def make_schedule(families, deadline=None, max_candidate_seconds=None):
    cost_model = CostModel({one.name: one for one in families}, shape, 100, N_FOLDS, max_candidate_seconds)
    return Schedule(cost_model, deadline, 150, refits_all=False)


def drain(schedule, records=()):
    proposed = []
    while (candidate := schedule(records, 0)) is not None:
        proposed.append(candidate)
    return [one[FAMILY] for one in proposed]


def test_each_family_has_its_turn_before_any_has_a_second_one():
    assert drain(make_schedule([family("a"), family("b", n_first=3)])) == ["a", "b", "a", "b", "b"]


def test_with_a_time_limit_what_takes_next_to_nothing_comes_first():
    families = [family("slow", 0.5), family("slower", 1.0), family("quick", 0.002), family("quicker", 0.001)]
    schedule = make_schedule(families, time.time() + 100, max_candidate_seconds=10.0)
    assert drain(schedule)[:4] == ["quicker", "quick", "slow", "slower"]


def test_second_turns_belong_to_the_families_that_did_best():
    schedule = make_schedule([family("a"), family("b"), family("c")])
    records = [
        record(0, "a", -0.5, -0.5, -0.5),
        record(1, "b", -0.9, status="pruned"),
        record(2, "c", -0.1, -0.1, -0.1),
    ]
    assert [schedule(records[:number], 0)[FAMILY] for number in range(3)] == ["a", "b", "c"]
    assert drain(schedule, records) == ["c", "a", "b"]


def test_what_there_is_no_time_for_is_passed_over():
    schedule = make_schedule(
        [family("long", 50.0), family("short", 0.001)], time.time() + 60, max_candidate_seconds=200.0
    )
    assert drain(schedule) == ["short", "short"]


def test_a_booster_is_cut_short_where_another_model_is_passed_over():
    families = [family("long", 10.0), family("boosted", 10.0, rounds="n_estimators")]
    schedule = make_schedule(families, time.time() + 20, max_candidate_seconds=15.0)
    assert schedule.cost_model.estimate_seconds({FAMILY: "long"}) == 30.0
    assert schedule.cost_model.estimate_seconds({FAMILY: "boosted"}) == 15.0
    assert drain(schedule) == ["boosted", "boosted"]


def boosting(rounds="n_estimators"):
    """A family whose candidates take the longer the lower their learning rate is: at 0.08 ten seconds for each fold."""
    return Family(
        name="boosted",
        estimators=("sklearn.GradientBoostingClassifier",),
        space=lambda shape: {"learning_rate": FloatDistribution(0.05, 0.3)},
        make=lambda shape: GradientBoostingClassifier(),
        first=({"learning_rate": 0.08},),
        seconds=partial(estimate_boosting_seconds, fixed_seconds=0.0, seconds_per_output=10.0, seconds_per_cell=0.0),
        rounds=rounds,
    )


@pytest.mark.parametrize(
    ("max_candidate_seconds", "expected"),
    [
        (40.0, 0.08),  # three folds take 30 seconds: there is time
        (20.0, 0.08 * 1.5 / 0.9),
        (1.0, 0.3),  # the highest that is searched
        (None, 0.08),
    ],
)
@pytest.mark.parametrize("rounds", ["n_estimators", None])
def test_boosting_that_would_take_too_long_learns_faster(rounds, max_candidate_seconds, expected):
    family = boosting(rounds=rounds)
    cost_model = CostModel({family.name: family}, shape, 100, N_FOLDS, max_candidate_seconds)
    (candidate,) = make_first_candidates(family, shape(100))

    faster = cost_model.raise_learning_rate(candidate)
    assert faster[add_family_prefix(family.name, "learning_rate")] == pytest.approx(expected)
    assert faster[FAMILY] == family.name


def test_where_it_would_save_nothing_the_learning_rate_stays():
    family = replace(boosting(), seconds=lambda shape: 10.0)
    cost_model = CostModel({family.name: family}, shape, 100, N_FOLDS, 1.0)
    (candidate,) = make_first_candidates(family, shape(100))
    assert cost_model.raise_learning_rate(candidate) == candidate


def test_the_first_proposal_has_a_raised_learning_rate():
    schedule = make_schedule([boosting()], time.time() + 60, max_candidate_seconds=20.0)
    assert schedule([], 0) == {
        FAMILY: "boosted",
        add_family_prefix("boosted", "learning_rate"): pytest.approx(0.08 * 1.5 / 0.9),
    }


@pytest.mark.parametrize(
    ("rounds", "max_candidate_seconds", "expected"),
    [
        (None, 10.0, True),  # at a rate of 0.3 three folds take 8 seconds
        (None, 7.0, False),
        ("n_estimators", 7.0, True),  # cut short it is still worth something
        ("n_estimators", 2.0, False),
        (None, None, True),
    ],
)
def test_which_candidates_are_affordable(rounds, max_candidate_seconds, expected):
    family = boosting(rounds=rounds)
    cost_model = CostModel({family.name: family}, shape, 100, N_FOLDS, max_candidate_seconds)
    assert cost_model.is_affordable(make_first_candidates(family, shape(100))[0]) is expected


def test_costs_are_those_of_a_candidates_own_settings():
    cost_model = CostModel({"boosted": boosting()}, shape, 100, N_FOLDS)
    slow, quick = ({FAMILY: "boosted", add_family_prefix("boosted", "learning_rate"): rate} for rate in (0.08, 0.16))
    assert cost_model.estimate_seconds(slow) == pytest.approx(30.0)
    assert cost_model.estimate_seconds(quick) == pytest.approx(15.0)

    # It took twice what was foreseen of it: so will the other.
    cost_model.update(TrialRecord(0, quick, Outcome("complete", (FoldScore(-0.1, None, 10.0, 0.0, None),) * N_FOLDS)))
    assert cost_model.estimate_seconds(slow) == pytest.approx(60.0)


def test_the_final_fit_of_a_booster_has_the_rounds_that_were_found_and_no_more_for_more_rows():
    outcome = Outcome("complete", (FoldScore(-0.1, None, 2.0, 0.0, None),) * N_FOLDS)
    estimate_seconds = partial(
        estimate_boosting_seconds, fixed_seconds=0.0, seconds_per_output=0.0, seconds_per_cell=1.0
    )
    for rounds, expected in (("n_estimators", 8.0), (None, 16.0)):
        family = replace(boosting(rounds=rounds), seconds=estimate_seconds)
        cost_model = CostModel({"boosted": family}, shape, 100, N_FOLDS)
        (candidate,) = make_first_candidates(family, shape(100))
        assert cost_model.estimate_refit_seconds(TrialRecord(0, candidate, outcome), 400) == pytest.approx(expected)


def test_costs_rise_at_once_and_fall_slowly():
    cost_model = CostModel({"a": family("a", 1.0)}, shape, 100, N_FOLDS)
    cost_model.update(record(0, "a", -0.1, -0.1, -0.1, seconds=8.0))
    assert cost_model.estimate_seconds({FAMILY: "a"}) == pytest.approx(3 * 8.0)
    cost_model.update(record(1, "a", -0.1, -0.1, -0.1, seconds=2.0))
    assert cost_model.estimate_seconds({FAMILY: "a"}) == pytest.approx(3 * 5.0)


def test_what_the_baseline_takes_says_nothing_of_others():
    cost_model = CostModel(
        {"baseline": family("baseline"), "a": family("a", 1.0), "b": family("b", 1.0)}, shape, 100, N_FOLDS
    )
    cost_model.update(record(0, "baseline", -0.7, -0.7, -0.7, seconds=0.2))  # preparing and scoring: 200 times a fit
    assert cost_model.estimate_seconds({FAMILY: "b"}) == pytest.approx(3.0)
    cost_model.update(record(1, "a", -0.1, -0.1, -0.1, seconds=2.0))
    assert cost_model.estimate_seconds({FAMILY: "b"}) == pytest.approx(6.0)


def test_nothing_is_begun_after_several_in_a_row_for_which_there_was_no_time():
    budget = SelectionBudget(100, time.time() + 100)
    for status in ("timeout", "timeout", "pruned", "timeout", "timeout"):
        budget.add_outcome(Outcome(status, ()))
        assert not budget.is_spent
    budget.add_outcome(Outcome("timeout", ()))
    assert budget.is_spent
    assert budget.seconds_left > 90  # what is under way goes on


def test_the_best_of_each_family_can_enter_the_blend():
    records = [record(number, "a", *(-0.1 - number / 1000,) * 3) for number in range(20)]
    records += [record(20, "b", -0.3, -0.3, -0.3), record(21, "b", -0.2, -0.2, -0.2)]
    found = [(one.params[FAMILY], one.number) for one in select_blend_candidates(records)]
    assert found == [("a", 0), ("a", 1), ("b", 21), ("b", 20)]


def test_of_many_families_the_best_alone_can_enter_the_blend():
    records = [record(number, name, *(-0.1 - number / 1000,) * 3) for number, name in enumerate("aabbccdde")]
    found = [one.params[FAMILY] for one in select_blend_candidates(records)]
    assert found == ["a", "a", "b", "b", "c", "c", "d", "e"]


def test_boosters_without_time_end_with_a_round_and_are_complete():
    X, y = load_wine(return_X_y=True)
    selector = AutoModelSelector(families=["xgboost"], timeout=60, n_trials=1, cv=3, random_state=0)
    schedules = []
    make = selector._make_schedule

    def make_in_no_time(*args):
        schedules.append(make(*args))
        schedules[0].cost_model.max_candidate_seconds = 1e-9
        return schedules[0]

    selector._make_schedule = make_in_no_time
    selector.fit(X, y)
    assert selector.leaderboard_["status"].tolist() == ["complete"]
    (member,) = [frozen.estimator for frozen in selector.best_estimator_[-1].estimators_]
    assert {model[-1].best_iteration for model in member.models} == {0}
    assert np.isfinite(selector.best_score_)


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (None, 9.0),  # all that may be fitted
        (5.0, 5.0),  # no more than a candidate may take
        (2.0, 4.0),  # but the best one in any case
    ],
)
def test_time_is_kept_for_the_best_ones_final_fit_and_no_more_than_a_candidates_for_others(most, expected):
    records = [record(0, "a", -0.1, seconds=4.0), record(1, "a", -0.2, seconds=3.0), record(2, "a", -0.3, seconds=2.0)]
    cost_model = CostModel({"a": family("a")}, shape, 100, N_FOLDS, most)
    schedule = Schedule(cost_model, time.time() + 100, 100, refits_all=True)

    assert schedule.estimate_seconds_after_search(records) - schedule.estimate_seconds_after_search(
        []
    ) == pytest.approx(expected)


@pytest.mark.parametrize(("most", "expected"), [(None, 0.5), (3.0, 0.5), (0.3, 0.06)])
def test_of_a_short_budget_not_half_is_kept_for_blending(most, expected):
    schedule = Schedule(
        CostModel({"a": family("a")}, shape, 100, N_FOLDS, most), time.time() + 100, 100, refits_all=False
    )
    assert schedule.estimate_seconds_after_search([]) == pytest.approx(expected)


def test_blending_has_its_seconds_even_where_a_candidate_took_longer_than_foreseen(monkeypatch):
    now = 1000.0
    monkeypatch.setattr("sklearn_autotune.selection._schedule.time.time", lambda: now)
    cost_model = CostModel({"a": family("a")}, shape, 100, N_FOLDS, 3.0)
    assert Schedule(cost_model, None, 100, refits_all=False).blend_deadline is None
    assert Schedule(cost_model, now + 5, 100, refits_all=False).blend_deadline == now + 5
    assert Schedule(cost_model, now - 5, 100, refits_all=False).blend_deadline == now + 0.5


def n_threads():
    openmp = [one["num_threads"] for one in get_threadpool_controller().info() if one["user_api"] == "openmp"]
    return max(openmp)


class Threaded(GaussianNB):
    """Notes how many threads OpenMP would give it."""

    seen: ClassVar[list[int]] = []

    def fit(self, X, y, sample_weight=None):
        self.seen.append(n_threads())
        return super().fit(X, y, sample_weight)

    def predict_proba(self, X):
        self.seen.append(n_threads())
        return super().predict_proba(X)


@pytest.mark.parametrize("is_bagged", [True, False])
def test_candidates_are_measured_and_fitted_on_one_thread_each(is_bagged):
    threaded = replace(family("threaded"), make=lambda shape: Threaded(), is_bagged=is_bagged)
    with get_threadpool_controller().limit(limits=2, user_api="openmp"):
        selector = AutoModelSelector(families=[threaded], n_trials=1, cv=3, random_state=0)
        Threaded.seen.clear()
        selector.fit(*load_wine(return_X_y=True))
        assert Threaded.seen == [1] * (6 if is_bagged else 7)
        assert n_threads() == 2

        X = np.zeros((100_001, 13))
        for n_rows, expected in ((5, 1), (100_000, 1), (100_001, 2)):
            Threaded.seen.clear()
            selector.predict_proba(X[:n_rows])
            assert set(Threaded.seen) == {expected}
