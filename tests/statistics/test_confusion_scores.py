"""Scores of labels from confusion matrices: equal to scikit-learn's."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    fbeta_score,
    get_scorer,
    jaccard_score,
    matthews_corrcoef,
    precision_score,
    recall_score,
)

from sklearn_autotune.statistics._confusion_scores import can_score_confusions, score_confusions
from sklearn_autotune.statistics._cost_scorer import mean_cost

CASES = [
    *(
        (function, {"average": average})
        for function in (f1_score, precision_score, recall_score)
        for average in ("macro", "micro", "weighted")
    ),
    *((fbeta_score, {"average": average, "beta": 2}) for average in ("macro", "micro", "weighted")),
    *((function, {}) for function in (accuracy_score, balanced_accuracy_score, matthews_corrcoef)),
]
BINARY = [
    (function, settings)
    for function in (f1_score, precision_score, recall_score)
    for settings in ({}, {"pos_label": 0})
]
BINARY += [(fbeta_score, {"beta": 0.5}), (fbeta_score, {"beta": 2, "pos_label": 0})]
BINARY += [(mean_cost, {}), (mean_cost, {"false_negative": 5, "true_positive": -2, "true_negative": 0.5})]


def get_id(value):
    """Name a function without its address, which differs from process to process."""
    return getattr(value, "__name__", str(value))


def check(function, settings, y, predicted, seed):
    counts = np.random.RandomState(seed).randint(3, size=(4, len(y)))
    counts[:, 0] += 1
    scores = score_confusions(function, settings, y, predicted, counts.astype(float))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes without rows
        expected = [function(np.repeat(y, count), np.repeat(predicted, count), **settings) for count in counts]
    np.testing.assert_allclose(scores, expected, atol=1e-12)


labels = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=3, max_size=20)


@pytest.mark.few_by_day(6)
@pytest.mark.parametrize(("function", "settings"), CASES, ids=get_id)
@given(labels, st.integers(0, 1000))
def test_scores_are_those_of_scikit_learn(function, settings, pairs, seed):
    y, predicted = np.array(pairs).T
    check(function, settings, y, predicted, seed)


@pytest.mark.parametrize(("function", "settings"), BINARY, ids=get_id)
@given(labels, st.integers(0, 1000))
def test_two_classes_have_a_positive_one(function, settings, pairs, seed):
    y, predicted = np.array(pairs).T % 2
    check(function, settings, np.r_[0, 1, y], np.r_[0, 1, predicted], seed)


def test_labels_may_be_words():
    y, predicted = np.array(["no", "yes", "yes"]), np.array(["no", "no", "yes"])

    (score,) = score_confusions(f1_score, {"pos_label": "yes"}, y, predicted, np.ones((1, 3)))

    assert score == f1_score(y, predicted, pos_label="yes")


@pytest.mark.parametrize(
    "name", ["f1", "f1_macro", "precision", "recall_weighted", "balanced_accuracy", "matthews_corrcoef"]
)
def test_scikit_learns_scorers_are_known(name):
    scorer = get_scorer(name)

    assert can_score_confusions(scorer._score_func, scorer._kwargs)


def test_other_metrics_and_settings_are_left_to_scikit_learn():
    assert not can_score_confusions(jaccard_score, {})
    assert not can_score_confusions(f1_score, {"labels": [1]})
    assert not can_score_confusions(f1_score, {"average": "samples"})
    assert not can_score_confusions(balanced_accuracy_score, {"adjusted": True})
