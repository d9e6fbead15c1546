"""Candidates that are boosted fold by fold: how they are scored, and how much memory they hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import log_loss, root_mean_squared_error
from sklearn.model_selection import cross_validate

from sklearn_autotune import TunedXGBClassifier
from sklearn_autotune.boosting import _fold_boosting
from sklearn_autotune.boosting._fold_booster import FoldBooster
from sklearn_autotune.evaluation import compute_log_loss, compute_root_mean_squared_error

# -- the scores ------------------------------------------------------------------------------------------------------


@given(st.integers(2, 5), st.integers(0, 2**32 - 1), st.booleans())
def test_quick_losses_are_those_of_scikit_learn(n_classes, seed, is_weighted):
    random = np.random.RandomState(seed)
    grid = np.concatenate([np.arange(n_classes), random.randint(0, n_classes, size=20)])
    weight = random.uniform(0.1, 2, size=len(grid)) if is_weighted else None
    proba = random.dirichlet(np.full(n_classes, 0.1), size=len(grid)).astype(np.float32)
    prediction = proba[:, 1] if n_classes == 2 else proba
    shown = np.column_stack([1 - prediction, prediction]) if n_classes == 2 else proba

    expected = log_loss(grid, shown, labels=range(n_classes), sample_weight=weight)

    assert compute_log_loss(grid, prediction, weight) == pytest.approx(expected, rel=1e-5)
    values = random.normal(size=len(grid))
    expected = root_mean_squared_error(values, prediction if n_classes == 2 else proba[:, 0], sample_weight=weight)
    single = prediction if n_classes == 2 else proba[:, 0]
    assert compute_root_mean_squared_error(values, single, weight) == pytest.approx(expected)


# -- what is held ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_large_boosters_are_let_go_fold_by_fold_and_score_the_same(monkeypatch, n_jobs):
    X, y = load_breast_cancer(return_X_y=True)
    monkeypatch.setattr(_fold_boosting, "MAX_HISTOGRAM_BYTES", 0)
    held = []
    release = FoldBooster.release

    def watched(fold_booster):
        assert fold_booster.thread.is_alive()
        release(fold_booster)
        held.append((fold_booster.fold.number, fold_booster.thread.is_alive(), fold_booster.trainer.n_rounds))

    monkeypatch.setattr(FoldBooster, "release", watched)
    scoring = ["neg_log_loss", "roc_auc"]
    search = TunedXGBClassifier(
        n_trials=2,
        cv=3,
        n_jobs=n_jobs,
        scoring=scoring,
        refit="neg_log_loss",
        return_train_score=True,
        measure_default=False,
        subsample=0.7,
        random_state=0,
    ).fit(X, y)

    assert [fold for fold, _, _ in held] == [0, 1, 2] * 2
    assert not any(alive for _, alive, _ in held)
    for first in (0, 3):  # all folds come as far as the first did, or further if they were begun beside it
        assert min(rounds for _, _, rounds in held[first : first + 3]) == held[first][2]
    again = cross_validate(clone(search.best_estimator_), X, y, cv=3, scoring=scoring, return_train_score=True)
    for name in ("test_neg_log_loss", "test_roc_auc", "train_neg_log_loss"):
        kind, metric = name.split("_", 1)
        row = [search.cv_results_[f"split{fold}_{kind}_{metric}"][search.best_index_] for fold in range(3)]
        np.testing.assert_allclose(row, again[name], rtol=1e-6)
