"""What blends cost, which limits there can be, and which blends are on the front."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import make_scorer, mean_absolute_error

from sklearn_autotune import AutoModelSelector, GroupDifference, PredictSeconds
from sklearn_autotune.evaluation import Outcome
from sklearn_autotune.selection._blends import (
    BlendCosts,
    make_blend_table,
    make_violation_finder,
    read_blend_aims,
)
from sklearn_autotune.selection._ranking import Blend, BlendFront
from sklearn_autotune.selection._second_layer import STACKED_NAMES
from sklearn_autotune.selection._tasks import score_on_fold
from tests.selection.toy_families import N_FOLDS, family, make_cross_fit, predicted

N_ROWS = 90
CODES = np.arange(N_ROWS) % 2
NOTHING = {"predict_seconds": 0.0, "bytes": 0.0}


def make_candidates(*costs):
    cross_fit = make_cross_fit([family("a"), family("b")], np.zeros((N_ROWS, 1)), CODES)
    guess = np.full((N_ROWS, 2), 0.5)
    return cross_fit, [
        predicted(number, "ab"[number % 2], cross_fit, guess, seconds=seconds, n_bytes=n_bytes)
        for number, (seconds, n_bytes) in enumerate(costs)
    ]


def blend(score, *records, single_fits=()):
    return Blend(tuple((one, 1 / len(records)) for one in records), score, frozenset(single_fits))


def test_a_blend_costs_what_its_models_and_reading_the_table_cost():
    cross_fit, (first, second) = make_candidates((1.0, 10.0), (2.0, 30.0))
    costs = BlendCosts(cross_fit, {"predict_seconds": 0.5, "bytes": 5.0})

    assert costs.estimate([first, second], frozenset()) == {
        "predict_seconds": 0.5 + N_FOLDS * 3,
        "bytes": 5 + N_FOLDS * 40,
    }
    assert costs.estimate([first, second], frozenset({1})) == {
        "predict_seconds": 0.5 + N_FOLDS * 1 + 2,
        "bytes": 5 + N_FOLDS * 10 + 30,
    }
    assert costs.estimate_lowest([first, second]) == {"predict_seconds": 3.5, "bytes": 45.0}
    assert costs.count_fits([first, second], frozenset({1})) == {0: N_FOLDS, 1: 1}


def test_estimates_are_raised_to_what_was_measured_and_not_lowered():
    cross_fit, (first,) = make_candidates((1.0, 10.0))
    costs = BlendCosts(cross_fit, NOTHING)

    costs.correct(blend(0.0, first), {"predict_seconds": np.array([5.0, 7.0]), "bytes": np.array([3.0])})

    assert costs.estimate([first], frozenset()) == {"predict_seconds": 6.0, "bytes": 30.0}


def test_models_are_fitted_once_one_after_the_other_the_slowest_first():
    cross_fit, (first, second) = make_candidates((1.0, 10.0), (2.0, 30.0))
    variants = BlendCosts(cross_fit, NOTHING).list_variants(blend(0.0, first, second))

    assert [set(one.single_fits) for one in variants] == [set(), {1}, {0, 1}]


# -- the front -----------------------------------------------------------------------------------------------------


def test_the_front_has_the_blends_that_no_other_one_beats_the_best_score_first():
    cross_fit, (small, large, slow) = make_candidates((1.0, 10.0), (1.0, 100.0), (9.0, 1.0))
    costs = BlendCosts(cross_fit, NOTHING)
    blends = [blend(-0.3, small), blend(-0.2, large), blend(-0.4, slow), blend(-0.4, large), blend(-0.1, small, large)]

    front = make_blend_table(blends, costs).make_front()

    assert front["score"].tolist() == [-0.1, -0.2, -0.3, -0.4]
    assert front["members"] == [{"a_0": 0.5, "b_1": 0.5}, {"b_1": 1.0}, {"a_0": 1.0}, {"a_2": 1.0}]
    assert front["predict_seconds"].tolist() == [6.0, 3.0, 3.0, 27.0]
    assert front["n_models"] == [6, 3, 3, 3]
    assert "a_0 0.5, b_1 0.5" in repr(BlendFront(front))


def test_of_the_same_blend_those_with_more_models_stay_on_the_front_if_no_better_one_is_as_cheap():
    cross_fit, (first, _) = make_candidates((1.0, 10.0), (0.5, 5.0))
    costs = BlendCosts(cross_fit, NOTHING)
    variants = costs.list_variants(blend(-0.2, first))

    assert make_blend_table(variants, costs).make_front()["n_models"] == [N_FOLDS, 1]
    better = blend(-0.1, first, single_fits={0})
    assert make_blend_table([*variants, better], costs).make_front()["score"].tolist() == [-0.1]


def test_a_model_that_cannot_be_pickled_is_on_the_front_without_a_size():
    cross_fit, (first,) = make_candidates((1.0, np.inf))

    front = make_blend_table([blend(-0.2, first)], BlendCosts(cross_fit, NOTHING)).make_front()

    assert np.isinf(front["bytes"]).tolist() == [True]


# -- limits --------------------------------------------------------------------------------------------------------


def test_a_candidate_is_compared_with_the_limits_on_costs_alone():
    cross_fit, (small, large) = make_candidates((1.0, 10.0), (9.0, 300.0))
    costs = BlendCosts(cross_fit, {"predict_seconds": 0.5, "bytes": 5.0})
    aims = read_blend_aims(AutoModelSelector(limits={"bytes": ("<=", 61), "recall": (">=", 0.9)}))
    find_violations = make_violation_finder(costs, aims)

    assert find_violations(small.outcome) == {"bytes": (15 - 61) / 61}
    assert find_violations(large.outcome) == {"bytes": 4.0}
    assert find_violations(Outcome("pruned")) == {}
    scores = read_blend_aims(AutoModelSelector(limits={"recall": (">=", 0.9)}))
    assert make_violation_finder(costs, scores) is None
    assert make_violation_finder(costs, None) is None


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"byte": ("<=", 1000)}, "did you mean bytes"),
        ({"bytes": ("<=", -1)}, "No model can meet"),
        ({"recall": (">=", 1.5)}, "No model can meet"),
        ({"bytes": (">=", 1000)}, "has to be '<='"),
        ({"n_trees": ("<=", 10)}, "does not measure"),
        (
            {"one": (PredictSeconds(batch_size=1), "<=", 1), "many": (PredictSeconds(), "<=", 1)},
            "in several ways: one, many",
        ),
    ],
)
def test_limits_that_cannot_be_met_or_measured_are_errors_before_any_fit(limits, message):
    selector = AutoModelSelector(limits=limits, families=["naive_bayes"])

    with pytest.raises(ValueError, match=message):
        selector.fit(np.zeros((N_ROWS, 1)), CODES)
    assert not hasattr(selector, "study_")


def test_no_limits_are_none_and_seconds_are_measured_as_the_limit_says():
    way = PredictSeconds(batch_size=1)

    assert read_blend_aims(AutoModelSelector()) is None
    slow = read_blend_aims(AutoModelSelector(limits={"predict_seconds": ("<=", 0.01)}))
    assert slow.max_measurement_seconds == pytest.approx(3 * 6 * 100 * 0.01)
    assert read_blend_aims(AutoModelSelector(limits={"latency": (way, "<=", 1)})).predict_seconds == way
    assert read_blend_aims(AutoModelSelector(limits={"bytes": ("<=", 1)})).predict_seconds == PredictSeconds()


def test_a_limit_has_to_be_met_by_the_end_of_the_interval_and_by_repeated_measurements_of_the_final_model():
    cross_fit, _ = make_candidates((1.0, 1.0))
    limits = read_blend_aims(AutoModelSelector(limits={"predict_seconds": ("<=", 1.0), "recall": (">=", 0.5)}))
    X = cross_fit.task.X
    strict, mean = limits.start(cross_fit, X, 0.9), limits.start(cross_fit, X, 0.5)
    recalls = {"recall": np.array([0.4, 0.6, 0.56])}
    seconds = {"predict_seconds": np.array([0.7, 0.9, 1.3])}

    assert (mean.compute_violations(seconds, recalls, is_final=True) <= 0).all()
    assert (strict.compute_violations(seconds, recalls, is_final=True) > 0).all()
    assert strict.compute_violations({"predict_seconds": 0.9}, recalls)[0] < 0  # an estimate has no interval


def test_scores_are_limited_by_their_names_and_those_of_the_search_by_its_own_scorer():
    error = make_scorer(mean_absolute_error, greater_is_better=False)
    cross_fit = make_cross_fit([family("a")], np.zeros((N_ROWS, 1)), np.arange(float(N_ROWS)), scoring="r2")
    limits = read_blend_aims(
        AutoModelSelector("regression", scoring="r2", limits={"r2": (">=", 0.1), "mine": (error, ">=", -9)})
    ).start(cross_fit, cross_fit.task.X, 0.5)
    folds = cross_fit.task.folds

    scores = limits.score(folds, [np.asarray(cross_fit.task.y)[fold.test] + 2 for fold in folds])

    assert list(scores) == ["score", "mine"]
    np.testing.assert_allclose(scores["mine"], -2.0)
    assert limits.list_values({}, scores)["r2"] == pytest.approx(scores["score"].mean())


@pytest.mark.parametrize("as_frame", [True, False])
def test_groups_of_rows_are_compared_by_a_column_of_the_raw_table(as_frame):
    cross_fit, _ = make_candidates((1.0, 1.0))
    site = np.array(["north", "south"])[np.arange(N_ROWS) // 2 % 2]
    X = pd.DataFrame({"site": site}, index=np.arange(N_ROWS) + 7) if as_frame else site.reshape(-1, 1)
    fold = cross_fit.task.folds[1]
    right = site[fold.test] == "north"  # all rows of the north are right, those of the south wrong
    second = np.where(right, CODES[fold.test], 1 - CODES[fold.test]).astype(float)
    gap = GroupDifference("accuracy", by="site" if as_frame else 0)

    assert score_on_fold(cross_fit, X, np.column_stack([1 - second, second]), fold, gap) == -1.0


def test_weights_count_in_limited_scores():
    weight = np.where(np.arange(N_ROWS) % 3 == 0, 0.0, 1.0)
    cross_fit = make_cross_fit([family("a")], np.zeros((N_ROWS, 1)), CODES, weight=weight)
    fold = cross_fit.task.folds[0]
    second = np.where(weight[fold.test] > 0, CODES[fold.test], 1 - CODES[fold.test]).astype(float)
    limits = read_blend_aims(AutoModelSelector(limits={"accuracy": (">=", 0.5)})).start(
        cross_fit, cross_fit.task.X, 0.5
    )

    assert limits.score([fold], [np.column_stack([1 - second, second])])["accuracy"].tolist() == [1.0]


def test_the_second_layer_needs_the_models_that_it_looks_at():
    cross_fit, (first, second) = make_candidates((1.0, 10.0), (2.0, 30.0))
    stacked = predicted(7, "a", cross_fit, np.full((N_ROWS, 2), 0.5), seconds=0.5, n_bytes=1.0)
    stacked.params["family"] = next(iter(STACKED_NAMES))
    costs = BlendCosts(cross_fit, NOTHING, [first, second])

    assert costs.estimate([stacked], frozenset({0})) == {"predict_seconds": 0.5 + 1 + 6, "bytes": 1 + 10.0 + 90}
    assert costs.count_fits([stacked, first], frozenset()) == {7: 1, 0: N_FOLDS, 1: N_FOLDS}
