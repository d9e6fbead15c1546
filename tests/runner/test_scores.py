"""Scores of unseen rows: the metric's own value, an interval that holds it, and a baseline beside it."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

from sklearn_autotune.runner._data import LabelledRows
from sklearn_autotune.runner._scores import make_run_scorer, score_folds, score_with_baseline, score_with_interval


def cut(data, n_train):
    X, y = data
    order = np.random.RandomState(0).permutation(len(y))
    X, y = X[order], y[order]
    return LabelledRows(X[:n_train], y[:n_train]), LabelledRows(X[n_train:], y[n_train:])


@pytest.mark.parametrize("scoring", ["accuracy", "roc_auc_ovr", "neg_log_loss"])
def test_a_classifiers_score_is_the_scorers_and_lies_in_its_interval(scoring):
    train, rows = cut(load_iris(return_X_y=True), 90)
    model = LogisticRegression(max_iter=1000).fit(train.X[:, :2], train.y)
    rows = LabelledRows(rows.X[:, :2], rows.y)

    result = score_with_baseline(model, train, rows, scoring, seed=0, n_draws=100)

    low, high = result["interval"]
    assert result["score"] == pytest.approx(get_scorer(scoring)(model, rows.X, rows.y))
    assert low < result["score"] < high
    assert result["baseline"] < result["score"]
    assert result["n_rows"] == 60


def test_a_regressors_score_is_the_scorers_and_the_baseline_is_the_mean():
    train, rows = cut(load_diabetes(return_X_y=True), 300)
    model = Ridge().fit(train.X, train.y)

    result = score_with_baseline(model, train, rows, "neg_root_mean_squared_error", seed=0, n_draws=50)

    assert result["score"] == pytest.approx(get_scorer("neg_root_mean_squared_error")(model, rows.X, rows.y))
    assert result["baseline"] == pytest.approx(-np.sqrt(np.mean((rows.y - train.y.mean()) ** 2)))
    assert "50 bootstrap draws" in result["interval_is"]


def test_the_interval_depends_on_the_seed_alone():
    prediction, y = np.arange(20.0), np.arange(20.0) ** 1.1

    first, again, other = (
        score_with_interval(prediction, None, y, "r2", seed, n_draws=20)["interval"] for seed in (0, 0, 1)
    )

    assert first == again != other


def test_no_draws_and_a_single_row_have_no_interval():
    y = np.arange(3.0)

    assert "interval" not in score_with_interval(y, None, y, "neg_mean_absolute_error", 0, n_draws=0)
    assert "interval" not in score_with_interval(y[:1], None, y[:1], "neg_mean_absolute_error", 0)


def test_the_log_loss_of_rows_without_one_of_the_classes_is_computed():
    classes = np.array([0, 1, 2])
    model = DummyClassifier(strategy="prior").fit(np.zeros((3, 1)), classes)

    assert make_run_scorer("neg_log_loss", classes)(model, np.zeros((2, 1)), [0, 1]) == pytest.approx(-np.log(3))


def test_fold_scores_are_the_winners_with_the_corrected_interval_and_a_baseline():
    train, _ = cut(load_iris(return_X_y=True), 148)
    folds = KFold(4)
    search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": [0.001, 1.0]}, cv=folds).fit(train.X, train.y)

    scores = score_folds(search, folds, train, "accuracy")

    winner = cross_val_score(search.best_estimator_, train.X, train.y, cv=folds)
    assert scores["scores"] == winner.tolist()
    assert scores["mean"] == pytest.approx(winner.mean())
    low, high = scores["interval"]
    # Student's t with three degrees of freedom; a test part has a third of the rows of a training part.
    half = 3.182446 * winner.std(ddof=1) * np.sqrt(1 / 4 + 1 / 3)
    assert (low, high) == pytest.approx((winner.mean() - half, winner.mean() + half), rel=1e-6)
    assert "corrected resampled t-test" in scores["interval_is"]
    assert scores["baseline"] < 0.5
