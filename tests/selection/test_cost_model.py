"""How long candidates take, by estimate and by measured times, and which ones are affordable."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from sklearn.datasets import load_wine

from sklearn_autotune import AutoModelSelector
from sklearn_autotune.evaluation import FoldScore, Outcome
from sklearn_autotune.families._base import estimate_boosting_seconds
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection import _cost_model
from sklearn_autotune.selection._candidates import FAMILY, add_family_prefix, make_first_candidates
from sklearn_autotune.selection._cost_model import CostModel
from tests.selection.toy_families import N_FOLDS, boosting, family, record, shape


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


@pytest.mark.parametrize(("rounds", "expected"), [("n_estimators", 0.5), (None, 1.0)])
def test_a_quick_booster_makes_no_other_model_quick_that_nothing_would_end(rounds, expected):
    families = {name: family(name, 2.0, rounds=rounds) for name in ("a", "b")}
    cost_model = CostModel(families, shape, 100, N_FOLDS)

    cost_model.update(record(0, "a", -0.5, seconds=1.0))

    assert cost_model.get_correction_factor("a") == 0.5
    assert cost_model.get_correction_factor("b") == expected


def test_costs_are_those_of_a_candidates_own_settings():
    cost_model = CostModel({"boosted": boosting()}, shape, 100, N_FOLDS)
    slow, quick = ({FAMILY: "boosted", add_family_prefix("boosted", "learning_rate"): rate} for rate in (0.08, 0.16))
    assert cost_model.estimate_seconds(slow) == pytest.approx(30.0)
    assert cost_model.estimate_seconds(quick) == pytest.approx(15.0)

    # It took twice what was estimated for it: so will the other.
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


def test_boosters_without_time_end_with_a_round_and_are_complete(monkeypatch):
    X, y = load_wine(return_X_y=True)
    monkeypatch.setattr(_cost_model, "MAX_FAMILY_SHARE", 1e-11)
    selector = AutoModelSelector(families=["xgboost"], timeout=60, n_trials=1, cv=3, random_state=0).fit(X, y)
    assert selector.leaderboard_["status"].tolist() == ["complete"]
    (member,) = [frozen.estimator for frozen in selector.best_estimator_[-1].estimators_]
    assert {model[-1].best_iteration for model in member.models} == {0}
    assert np.isfinite(selector.best_score_)


def test_a_candidate_on_a_transformed_target_takes_longer():
    cost_model = CostModel({"a": family("a", 1.0)}, shape, 100, N_FOLDS)

    plain, logged = (cost_model.estimate_seconds({FAMILY: "a", "a__target": name}) for name in ("unchanged", "log"))

    assert logged == pytest.approx(3 * plain)


def test_a_candidate_with_generated_columns_takes_longer_by_the_columns():
    one = replace(family("a"), generates=True, seconds=lambda shape: float(shape.n_columns))
    cost_model = CostModel({"a": one}, shape, 100, N_FOLDS)

    given, generated = (
        cost_model.estimate_seconds({FAMILY: "a", "a__features": name}) for name in ("given", "generated")
    )

    assert (given, generated) == (3 * 10.0, 3 * 22.0)
