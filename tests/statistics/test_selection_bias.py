"""The choice among candidates, repeated on resampled rows."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, f1_score, log_loss, mean_squared_error, r2_score, roc_auc_score
from sklearn.model_selection import KFold, RepeatedKFold

from sklearn_autotune.evaluation._row_values import RowMetric
from sklearn_autotune.statistics._selection_bias import (
    BIAS_FACTOR,
    LEARNT_BIAS_FACTOR,
    ScoredRows,
    _compute_bias_factor,
    resample_choice,
)
from tests.faults.nightly import at_night

AUC = RowMetric(roc_auc_score, 1, {})
ACCURACY = RowMetric(accuracy_score, 1, {}, is_mean=True)
N_ROWS = 200


def draw_folds(seed, splitter=None):
    y = np.random.RandomState(seed).randint(2, size=N_ROWS)
    tests = [test for _, test in (splitter or KFold(4)).split(y)]
    return [ScoredRows(y[test], test) for test in tests]


def guess(folds, random, quality=0.0):
    """Return the predictions of a candidate that knows some of the truth, or nothing of it."""
    return {
        number: (quality * fold.y + random.normal(size=len(fold.y))).astype(np.float32)
        for number, fold in enumerate(folds)
    }


def test_guesses_are_corrected_to_chance():
    reported, corrected = [], []
    for seed in range(30):
        random, folds = np.random.RandomState(1000 + seed), draw_folds(seed)
        choice = resample_choice(AUC, folds, [guess(folds, random) for _ in range(20)])
        reported.append(choice.scores.max())
        corrected.append(choice.scores.max() - choice.estimate_bias() / choice.bias_factor)

    assert np.mean(reported) > 0.55
    assert abs(np.mean(corrected) - 0.5) < 0.02


def test_a_candidate_that_is_far_better_is_not_corrected():
    random, folds = np.random.RandomState(0), draw_folds(0)
    candidates = [guess(folds, random) for _ in range(10)] + [guess(folds, random, quality=10)]

    choice = resample_choice(AUC, folds, candidates)

    assert len(choice.scores) == 1  # the others are left out after a few resamples
    assert choice.scores[0] > 0.99
    assert choice.estimate_bias() == pytest.approx(0, abs=1e-9)


def test_one_candidate_has_no_bias_and_an_interval_somewhat_wider_than_its_rows_say():
    random, folds = np.random.RandomState(0), draw_folds(0)
    hits = {number: random.uniform(size=len(fold.y)) < 0.8 for number, fold in enumerate(folds)}
    choice = resample_choice(ACCURACY, folds, [{number: one.astype(np.float32) for number, one in hits.items()}])

    low, high = choice.estimate_spread()

    rate = np.mean([one.mean() for one in hits.values()])
    error = 1.31 * np.sqrt(rate * (1 - rate) / N_ROWS)  # 37 % of the rows are not drawn
    assert choice.estimate_bias() == pytest.approx(0, abs=1e-9)
    assert low == pytest.approx(-1.96 * error, rel=0.25)
    assert high == pytest.approx(1.96 * error, rel=0.25)


@pytest.mark.parametrize(("function", "is_mean"), [(accuracy_score, True), (f1_score, False), (roc_auc_score, False)])
def test_a_candidate_without_mistakes_has_the_interval_of_mistakes_that_were_not_seen(function, is_mean):
    folds = draw_folds(0)
    metric = RowMetric(function, 1, {}, is_mean)
    right = {number: np.ones(len(fold.y)) if is_mean else fold.y for number, fold in enumerate(folds)}
    n_units = N_ROWS if is_mean else np.bincount(np.concatenate([fold.y for fold in folds])).min()

    low, high = resample_choice(metric, folds, [right]).estimate_spread()

    assert low == pytest.approx(-binomtest(0, int(n_units)).proportion_ci().high)
    assert high == -low


def test_a_candidate_with_hard_probabilities_may_lose_all_that_the_log_loss_allows():
    folds = draw_folds(0)
    right = {number: np.zeros(len(fold.y), dtype=np.float32) for number, fold in enumerate(folds)}

    low, _ = resample_choice(RowMetric(log_loss, -1, {}, is_mean=True), folds, [right]).estimate_spread()

    assert low == pytest.approx(-log_loss([0, 1], [1.0, 0.0]) * binomtest(0, N_ROWS).proportion_ci().high)


def test_the_correction_is_larger_if_a_sampler_has_learnt():
    random, folds = np.random.RandomState(0), draw_folds(0)
    candidates = [guess(folds, random) for _ in range(10)]

    plain, learnt = (resample_choice(AUC, folds, candidates, is_learnt=learnt) for learnt in (False, True))

    assert learnt.estimate_bias() == pytest.approx(plain.estimate_bias() * LEARNT_BIAS_FACTOR / BIAS_FACTOR)


@pytest.mark.parametrize(
    ("function", "is_mean", "counts", "expected"),
    [
        (roc_auc_score, False, [150, 150], BIAS_FACTOR * (1 + 2 / 150)),
        (roc_auc_score, False, [292, 8], BIAS_FACTOR * 1.25),
        (f1_score, False, [4, 20], BIAS_FACTOR * 1.5),
        (f1_score, False, [4, 8, 8], BIAS_FACTOR * (1 + (1 / 2 + 1 / 4 + 1 / 4) / 3)),
        (accuracy_score, True, [292, 8], BIAS_FACTOR),
        (log_loss, True, [292, 8], BIAS_FACTOR),
        (r2_score, False, [1] * 40, 1.0),
        (mean_squared_error, True, [1] * 40, 1.0),
    ],
)
def test_the_correction_is_larger_if_a_class_has_few_rows_and_the_score_weighs_classes(
    function, is_mean, counts, expected
):
    y = np.repeat(np.arange(len(counts)), counts)
    random = np.random.RandomState(0)
    units = random.permutation(len(y))
    half = random.permutation(len(y)) % 2 == 0
    folds = [ScoredRows(y[rows], units[rows]) for rows in (half, ~half)]

    factor = _compute_bias_factor(RowMetric(function, 1, {}, is_mean), folds, is_learnt=False)

    assert factor == pytest.approx(expected)


def test_rows_of_a_group_count_as_one_in_the_size_of_a_class():
    y = np.repeat([0, 1], [200, 40])
    folds = [ScoredRows(y, np.arange(240) // 10)]

    factor = _compute_bias_factor(RowMetric(roc_auc_score, 1, {}), folds, is_learnt=True)

    assert factor == pytest.approx(LEARNT_BIAS_FACTOR * 1.5)


@at_night
def test_candidates_that_were_stopped_take_part_in_the_choice():
    """Without them, the first fold of those that were not stopped would be too good."""
    errors = {"all": [], "complete": []}
    for seed in range(30):
        random, folds = np.random.RandomState(2000 + seed), draw_folds(seed)
        candidates = [guess(folds, random) for _ in range(30)]
        first = [roc_auc_score(folds[0].y, one[0]) for one in candidates]
        stopped = np.argsort(first)[:-6]
        raced = [{0: one[0]} if number in stopped else one for number, one in enumerate(candidates)]
        for name, given in (("all", raced), ("complete", [one for one in raced if len(one) > 1])):
            choice = resample_choice(AUC, folds, given)
            errors[name].append(choice.scores.max() - choice.estimate_bias() / choice.bias_factor - 0.5)

    assert abs(np.mean(errors["all"])) < 0.02
    assert np.mean(errors["complete"]) > np.mean(errors["all"]) + 0.005


def test_rows_of_a_group_are_drawn_together():
    """With each row ten times, the interval is as wide as that of the single rows."""
    random, folds = np.random.RandomState(0), draw_folds(0)
    hits = {number: (random.uniform(size=len(fold.y)) < 0.7).astype(np.float32) for number, fold in enumerate(folds)}
    copied = [ScoredRows(np.repeat(fold.y, 10), np.repeat(fold.units, 10)) for fold in folds]
    copied_hits = {number: np.repeat(one, 10) for number, one in hits.items()}

    single = resample_choice(ACCURACY, folds, [hits]).estimate_spread()

    assert resample_choice(ACCURACY, copied, [copied_hits]).estimate_spread() == pytest.approx(single)


def test_a_row_that_is_tested_several_times_is_drawn_in_all_folds_or_in_none():
    random, folds = np.random.RandomState(0), draw_folds(0, RepeatedKFold(n_splits=4, n_repeats=3, random_state=0))
    hits = (random.uniform(size=N_ROWS) < 0.7).astype(np.float32)
    once = draw_folds(0)

    repeated = resample_choice(ACCURACY, folds, [{number: hits[fold.units] for number, fold in enumerate(folds)}])

    single = resample_choice(ACCURACY, once, [{number: hits[fold.units] for number, fold in enumerate(once)}])
    assert repeated.estimate_spread() == pytest.approx(single.estimate_spread(), rel=0.15)


def test_there_is_no_choice_if_no_resample_has_a_score():
    y = np.zeros(20, dtype=int)
    y[0] = 1
    folds = [ScoredRows(y, np.zeros(20, dtype=int))]  # one unit: it is always drawn

    assert resample_choice(AUC, folds, [{0: np.arange(20, dtype=np.float32)}]) is None


def test_the_result_is_the_same_each_time():
    random, folds = np.random.RandomState(0), draw_folds(0)
    candidates = [guess(folds, random) for _ in range(5)]
    np.random.seed(1)
    first = resample_choice(AUC, folds, candidates).estimate_bias()
    np.random.seed(2)

    assert resample_choice(AUC, folds, candidates).estimate_bias() == first


def test_a_model_that_cannot_be_chosen_is_compared_on_the_same_rows():
    random, folds = np.random.RandomState(0), draw_folds(0)
    worse, best = guess(folds, random), guess(folds, random, quality=2)
    close = {number: values + 0.1 * random.normal(size=len(values)) for number, values in best.items()}

    choice = resample_choice(AUC, folds, [worse, best], other=close)

    alone = resample_choice(AUC, folds, [worse, best])
    assert choice.chosen.tolist() == alone.chosen.tolist()
    assert choice.estimate_bias() == alone.estimate_bias()
    assert choice.estimate_spread() == alone.estimate_spread()
    assert np.ptp(choice.estimate_spread(from_other=True)) < np.ptp(alone.estimate_spread()) / 2


def test_gaps_are_filled_even_if_stopped_candidates_look_far_better():
    random, folds = np.random.RandomState(0), draw_folds(0)
    stopped = [{0: guess(folds, random, quality=10)[0]} for _ in range(30)]

    choice = resample_choice(AUC, folds, [guess(folds, random), *stopped])

    assert choice.estimate_bias() >= 0
