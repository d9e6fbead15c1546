"""The text of a comparison says what is shown and what is not, and shows a loss with its own sign."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import Comparison, compare
from sklearn_autotune.analysis._comparison_words import format_inner_score
from sklearn_autotune.evaluation._metric import Metric


def made(scores, metric="accuracy", **settings):
    """A comparison with these held-out scores: method to one for each fold."""
    numbers = ("inner_score", "own_score", "fit_seconds", "score_seconds", "n_fits", "n_trials")
    rows = [
        {"method": name, "fold": fold, "score": score, "error": None, "trace": None, **dict.fromkeys(numbers)}
        for name, ones in scores.items()
        for fold, score in enumerate(ones)
    ]
    return Comparison(rows, list(scores), [], metric, test_over_train=0.25, **settings)


def test_a_draw_says_how_far_apart_the_methods_are_and_what_would_have_been_seen():
    comparison = made({"a": [0.90, 0.85, 0.92], "b": [0.89, 0.87, 0.88], "c": [0.10, 0.05, 0.11]})

    differences = comparison.differences
    width = (differences["high"][0] - differences["low"][0]) / 2
    assert comparison.verdict() == (
        "No clear winner: a and b cannot be told apart. Their means of accuracy differ by 0.01 at most; on 3 folds, "
        f"differences of less than about {width:.2g} do not show. c is worse than a."
    )


def test_equal_scores_are_called_equal():
    comparison = made({"a": [0.9, 0.8, 0.7], "b": [0.9, 0.8, 0.7]})

    assert comparison.verdict().endswith("They have the same accuracy on each of 3 folds.")


def test_one_fold_says_nothing_about_noise():
    assert "1 fold cannot show how large the noise is" in made({"a": [0.9], "b": [0.1]}).verdict()


def test_a_loss_has_its_own_sign_in_table_and_verdict():
    comparison = made({"a": [-0.30, -0.31, -0.32], "b": [-0.90, -0.92, -0.91]}, "neg_log_loss")

    heading, first, *_ = str(comparison).splitlines()
    assert heading.split("  ")[1:3] == ["log loss (lower is better)", "95% interval"]
    low, high = read_interval(first)
    assert 0.2 < low < 0.31 < high < 0.4
    assert comparison.verdict().endswith("its mean log loss is 0.3100; the next is b 0.9100.")
    assert "-0." not in str(comparison)


def test_with_a_region_of_practical_equivalence_each_method_is_equal_worse_or_open():
    first = np.array([0.90, 0.91, 0.92, 0.90, 0.93])
    scores = {
        "a": first,
        "b": first - [0.001, 0.002, 0.001, 0.0, 0.001],
        "c": first - [0.03, -0.02, 0.03, 0.02, -0.01],
        "d": first - [0.30, 0.31, 0.29, 0.30, 0.32],
    }

    verdict = made(scores, rope=0.01).verdict()

    sure = "with a probability of at least 95%"
    assert verdict.endswith(
        f"b is practically equivalent to a: {sure}, the difference is no more than 0.01 of accuracy. "
        f"a is better than d by more than 0.01 of accuracy, {sure}. "
        "Whether a and c are practically equivalent, up to 0.01 of accuracy, is open."
    )
    assert "equivalent" not in made(scores).verdict()


def test_a_clear_winner_may_be_practically_equivalent_and_a_loss_has_its_name():
    first = np.array([0.300, 0.310, 0.290, 0.300, 0.320])
    scores = {"a": -first, "b": -first - [0.0010, 0.0011, 0.0010, 0.0009, 0.0010], "c": -first - 0.001}

    verdict = made(scores, "neg_log_loss", rope=0.01).verdict()

    assert verdict.startswith("No clear winner")  # c has the same difference on each of few folds
    assert "b is practically equivalent to a" in verdict
    assert "no more than 0.01 of log loss" in verdict
    assert "Whether a and c are practically equivalent" in verdict
    alone = made({name: scores[name] for name in "ab"}, "neg_log_loss", rope=0.01).verdict()
    assert alone.startswith("a is better than all others at 95% confidence")
    assert "b is practically equivalent to a" in alone


def test_one_method_alone_is_equivalent_to_none():
    assert made({"a": [0.9, 0.8]}, rope=0.01).verdict() == "No winner: a had nobody to beat."


def read_interval(line):
    low, _, high = line.partition(" to ")
    return float(low.split()[-1]), float(high.split()[0])


def test_a_search_that_goes_by_another_score_has_it_named_in_the_table():
    tree = DecisionTreeClassifier(random_state=0)
    methods = {
        name: GridSearchCV(tree, {"max_depth": [1, 2]}, cv=2, scoring=scoring)
        for name, scoring in (("loss", "neg_log_loss"), ("own", None))
    }

    comparison = compare(methods, *load_iris(return_X_y=True), cv=2, random_state=0)

    lines = {line.split()[0]: line for line in str(comparison).splitlines() if line}
    summary = comparison.summary
    loss = summary["inner_score"][summary["method"].index("loss")]
    assert f"  log loss {-loss:.4f}  " in lines["loss"]
    assert "log loss" not in lines["own"]


@pytest.mark.parametrize(
    ("metric", "text"),
    [(Metric("accuracy"), "0.5000"), (Metric("r2"), "r2 0.5000"), (Metric("neg_log_loss"), "log loss -0.5000")],
)
def test_an_inner_score_is_named_unless_it_is_the_comparisons(metric, text):
    assert format_inner_score(0.5, metric, Metric("accuracy")) == text
    assert format_inner_score(np.nan, metric, Metric("accuracy")) == "–"
