"""Means over the folds of a candidate, of the score that guides the search."""

from sklearn_autotune.evaluation import FoldScore, average_folds


def make_folds(*scores):
    return [FoldScore(score, None, 0.0, 0.0) for score in scores]


def test_the_mean_over_the_folds_is_that_of_the_named_score():
    folds = make_folds({"a": 1.0, "b": 0.25}, {"a": 0.0, "b": 0.75})

    assert average_folds(folds, "b") == 0.5
    assert average_folds(folds[:1], None) == 1.0
    assert average_folds(make_folds(0.25, 0.5), None) == 0.375
