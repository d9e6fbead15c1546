"""The choice of a threshold: as good as any other, in the middle of equal ones, and on other rows than it labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    balanced_accuracy_score,
    cohen_kappa_score,
    f1_score,
    jaccard_score,
    precision_score,
    recall_score,
)

from sklearn_autotune.evaluation._row_values import RowMetric
from sklearn_autotune.statistics._cost_scorer import mean_cost
from sklearn_autotune.statistics._threshold_choice import ScoredLabels, _split, choose_threshold, label_by_other_rows

CLASSES = np.array([0, 1])
F1 = RowMetric(f1_score, 1, {})
RECALL, PRECISION = RowMetric(recall_score, 1, {}), RowMetric(precision_score, 1, {})
METRICS = [F1, RowMetric(balanced_accuracy_score, 1, {}), RowMetric(mean_cost, -1, {"false_negative": 5})]
CALLED = RowMetric(jaccard_score, 1, {"zero_division": 0})  # is called for each threshold

table = st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=30)


def make_rows(is_positive, scores, **changes):
    return ScoredLabels(np.array(is_positive, dtype=bool), np.array(scores, dtype=float), CLASSES, **changes)


def make_noise(n_rows, share, seed):
    random_state = np.random.RandomState(seed)
    return make_rows(random_state.rand(n_rows) < share, random_state.rand(n_rows))


def score(metric, rows, threshold, **params):
    y = rows.is_positive.astype(int)
    return metric.sign * metric.function(y, (rows.scores >= threshold).astype(int), **metric.settings, **params)


@pytest.mark.parametrize("metric", [*METRICS, CALLED], ids=lambda metric: metric.function.__name__)
@given(table)
def test_no_threshold_scores_better(metric, pairs):
    pairs = [(True, 3), (False, 4), *pairs]
    rows = make_rows(*zip(*pairs, strict=True))
    rows = make_rows(rows.is_positive, rows.scores / 8)

    chosen = score(metric, rows, choose_threshold(rows, metric))

    assert chosen >= max(score(metric, rows, step / 8 - 1 / 16) for step in range(10)) - 1e-12


def test_weights_choose_too():
    rows = make_rows([False, True, False, True], [0.2, 0.4, 0.6, 0.8])
    weighted = make_rows(rows.is_positive, rows.scores, params={"sample_weight": np.array([1, 1, 9, 1])})

    assert choose_threshold(rows, F1) == pytest.approx(0.3)
    assert choose_threshold(weighted, F1) == pytest.approx(0.7)


def test_metadata_reach_a_metric_that_is_called():
    def gain(y_true, y_pred, *, amount):
        return float(np.sum(amount * np.where(y_true == 1, 1, -1) * y_pred))

    rows = make_rows([False, True, False, True], [0.2, 0.4, 0.6, 0.8], params={"amount": np.array([1, 1, 9, 1])})

    assert choose_threshold(rows, RowMetric(gain, 1, {})) == pytest.approx(0.7)


def test_of_equal_thresholds_it_is_the_middle_of_the_widest_range():
    rows = make_rows([False, False, True, True], [0.1, 0.2, 0.8, 0.9])

    assert choose_threshold(rows, F1) == pytest.approx(0.5)
    assert choose_threshold(make_rows([False, True], [-3, 1], is_probability=False), F1) == pytest.approx(-1)


@pytest.mark.parametrize(("is_probability", "default"), [(True, 0.5), (False, 0.0)])
def test_if_all_are_equal_it_is_the_one_of_scikit_learn(is_probability, default):
    assert choose_threshold(make_rows([False] * 3, [0.1, 0.2, 0.9], is_probability=is_probability), F1) == default
    assert choose_threshold(make_rows([], [], is_probability=is_probability), F1) == default


def test_all_rows_or_none_may_be_positive():
    rows = make_rows([True, False, True, False], [0.0, 0.5, 0.5, 1.0])
    never = RowMetric(mean_cost, -1, {"false_positive": 9, "false_negative": 1})
    always = RowMetric(mean_cost, -1, {"false_positive": 1, "false_negative": 9})

    assert not (rows.scores >= choose_threshold(rows, never)).any()
    assert (rows.scores >= choose_threshold(rows, always)).all()


def test_neighbouring_floats_are_separated():
    low, high = 0.3, np.nextafter(0.3, 1)

    assert choose_threshold(make_rows([False, True], [low, high]), F1) == high


def test_a_metric_is_called_for_few_thresholds_and_finds_rare_positives():
    calls = []

    def count(y_true, y_pred):
        calls.append(None)
        return cohen_kappa_score(y_true, y_pred)

    scores = np.linspace(0, 1, 2000)
    rows = make_rows(scores > 0.99, scores)

    threshold = choose_threshold(rows, RowMetric(count, 1, {}))

    assert len(calls) <= 52
    assert score(F1, rows, threshold) == 1


def test_limits_are_kept_where_they_can_be():
    rows = make_noise(300, 0.3, seed=0)
    best = choose_threshold(rows, RECALL)

    limited = choose_threshold(rows, RECALL, [(PRECISION, ">=", 0.4)])

    assert score(PRECISION, rows, best) < 0.4 <= score(PRECISION, rows, limited)
    assert score(RECALL, rows, limited) < score(RECALL, rows, best)


def test_limits_that_cannot_be_kept_are_violated_least():
    rows = make_rows([False, True, False, True, False], [0.1, 0.3, 0.5, 0.7, 0.9])

    threshold = choose_threshold(rows, RECALL, [(PRECISION, ">=", 0.99)])

    assert score(PRECISION, rows, threshold) == 0.5  # the best there is
    assert score(RECALL, rows, threshold) == 1.0


def test_an_upper_limit_is_one_too():
    rows = make_noise(200, 0.5, seed=1)

    threshold = choose_threshold(rows, RECALL, [(RECALL, "<=", 0.5)])

    assert score(RECALL, rows, threshold) == 0.5 or 0.45 < score(RECALL, rows, threshold) < 0.5


def test_a_side_that_is_unknown_is_refused():
    with pytest.raises(ValueError, match="'<=' or '>=', got '<'"):
        choose_threshold(make_noise(20, 0.5, seed=0), F1, [(RECALL, "<", 0.5)])


def test_the_class_of_a_row_does_not_choose_its_own_threshold():
    rows = make_rows([False] * 6 + [True] * 6, np.linspace(0.1, 0.9, 12))
    numbers = _split(rows.is_positive)
    part = numbers == 0
    scores = np.where(part, 1 - rows.scores, rows.scores)  # the part's scores are upside down

    labels = label_by_other_rows(make_rows(rows.is_positive, scores), F1)

    threshold = choose_threshold(rows.take(~part), F1)
    np.testing.assert_array_equal(labels[part], scores[part] >= threshold)
    assert 0.4 < threshold < 0.6


def test_labels_of_noise_score_as_chance_does_and_the_best_threshold_more():
    crossed, best = [], []
    for seed in range(40):
        rows = make_noise(200, 0.2, seed)
        y = rows.is_positive.astype(int)
        crossed.append(balanced_accuracy_score(y, label_by_other_rows(rows, METRICS[1])))
        best.append(score(METRICS[1], rows, choose_threshold(rows, METRICS[1])))

    assert abs(np.mean(crossed) - 0.5) < 2.5 * np.std(crossed) / np.sqrt(40)
    assert np.mean(best) > 0.54


@pytest.mark.parametrize("n_positive", [0, 1, 2, 3])
def test_few_rows_of_a_class_are_enough(n_positive):
    scores = np.linspace(0, 1, 12)

    labels = label_by_other_rows(make_rows(np.arange(12) >= 12 - n_positive, scores), F1)

    assert labels.shape == (12,)
    assert label_by_other_rows(make_rows([True], [0.7]), F1).tolist() == [True]
