"""The scorer of what errors cost."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import cross_val_score

from sklearn_autotune import make_cost_scorer
from sklearn_autotune.statistics._cost_scorer import average_costs, mean_cost

Y = np.array([0, 0, 0, 1, 1])
LABELS = np.array([0, 1, 1, 0, 1])  # two false positives and one false negative


def test_the_mean_cost_of_a_row_counts_each_kind_of_label():
    assert mean_cost(Y, LABELS, false_positive=2, false_negative=10) == (2 * 2 + 10) / 5
    assert mean_cost(Y, LABELS, true_positive=-3, true_negative=1) == (1 + 2 + 1 - 3) / 5


def test_rows_are_weighted():
    weight = np.array([0, 1, 0, 3, 0])

    assert mean_cost(Y, LABELS, false_negative=5, sample_weight=weight) == (1 * 1 + 3 * 5) / 4


def test_the_scorer_negates_the_cost():
    model = DummyClassifier(strategy="constant", constant=0).fit(np.zeros((5, 1)), Y)

    assert make_cost_scorer(false_negative=10)(model, np.zeros((5, 1)), Y) == -(2 * 10) / 5


def test_pos_label_names_the_positive_class():
    y, labels = np.array(["bad", "good"])[Y], np.array(["bad", "good"])[LABELS]

    assert mean_cost(y, labels, false_negative=10, pos_label="good") == (2 + 10) / 5
    assert mean_cost(y, labels, false_negative=10, pos_label="bad") == (1 + 20) / 5


def test_a_single_class_is_positive_only_if_it_is_pos_label():
    assert mean_cost(["no", "no"], ["no", "no"], true_negative=2, true_positive=3, pos_label="yes") == 2
    assert mean_cost([1, 1], [1, 1], true_negative=2, true_positive=3) == 3


@pytest.mark.parametrize(
    ("y", "message"),
    [([0, 1, 2], r"needs two classes, got 3: \[0, 1, 2\]"), (["a", "b"], r"none of the classes .* pos_label='b'")],
)
def test_other_classes_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        mean_cost(y, y)


def test_confusion_matrices_cost_what_their_rows_cost():
    confusion = np.array([[1.0, 2.0], [1.0, 1.0]])
    costs = {"false_positive": 2.0, "false_negative": 10.0, "true_positive": -1.0}

    (cost,) = average_costs(np.array([0, 1]), confusion[np.newaxis], **costs)

    assert cost == mean_cost(Y, LABELS, **costs)


def test_amounts_are_weights_that_are_routed():
    amount = np.array([1.0, 2, 3, 4, 5])
    with config_context(enable_metadata_routing=True):
        scorer = make_cost_scorer(false_negative=2).set_score_request(sample_weight="amount")
        model = DummyClassifier(strategy="constant", constant=0)

        (score,) = cross_val_score(
            model, np.zeros((5, 1)), Y, scoring=scorer, cv=[(np.arange(5), np.arange(5))], params={"amount": amount}
        )

    assert score == pytest.approx(-2 * (4 + 5) / 15)
