"""Which candidates may enter the blend, and what is kept of the others."""

from dataclasses import replace

import pytest

from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection._candidates import FAMILY
from sklearn_autotune.selection._cost_model import CostModel
from sklearn_autotune.selection._cross_fit import CrossFitResult
from sklearn_autotune.selection._ranking import MeasuredCandidates, release_results, select_blend_candidates
from tests.selection.toy_families import N_FOLDS, family, record, shape


def test_the_best_of_each_family_can_enter_the_blend():
    records = [record(number, "a", *(-0.1 - number / 1000,) * 3) for number in range(20)]
    records += [record(20, "b", -0.3, -0.3, -0.3), record(21, "b", -0.2, -0.2, -0.2)]
    found = [(one.params[FAMILY], one.number) for one in select_blend_candidates(records)]
    assert found == [("a", 0), ("a", 1), ("b", 21), ("b", 20)]


def test_of_many_families_the_best_alone_can_enter_the_blend():
    records = [record(number, name, *(-0.1 - number / 1000,) * 3) for number, name in enumerate("aabbccdde")]
    found = [one.params[FAMILY] for one in select_blend_candidates(records)]
    assert found == ["a", "a", "b", "b", "c", "c", "d", "e"]


def test_models_that_cannot_enter_the_blend_are_released_once_a_better_candidate_is_known():
    records = [
        TrialRecord(number, one.params, replace(one.outcome, artifacts=CrossFitResult(models=[f"model {number}"])))
        for number, one in enumerate(record(number, "a", *(-0.1 - number / 1000,) * 3) for number in range(3))
    ]
    release_results(records)

    assert [one.outcome.artifacts.models for one in records] == [["model 0"], ["model 1"], None]


def test_each_measured_candidate_corrects_the_cost_model_once():
    cost_model = CostModel({"a": family("a", 1.0)}, shape, 100, N_FOLDS)
    measured = MeasuredCandidates(cost_model)
    records = [record(0, "a", -0.1, -0.1, -0.1, seconds=8.0)]
    measured.update(records)
    records.append(record(1, "a", -0.1, -0.1, -0.1, seconds=2.0))
    measured.update(records)
    measured.update(records)

    # The second is nearer to the estimate, and brings the factor halfway down; counted again it would bring it further.
    assert cost_model.estimate_seconds({FAMILY: "a"}) == pytest.approx(3 * 5.0)
    assert measured.records is records
