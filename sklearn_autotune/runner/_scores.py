"""Score a model on unseen rows, with an interval and a baseline's score."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import get_scorer
from sklearn.model_selection import FixedThresholdClassifier, cross_val_score

from sklearn_autotune._compat.types import MatrixLike, Predictor, Splitter
from sklearn_autotune.evaluation import make_fixed_predictions
from sklearn_autotune.evaluation._defaults import make_log_loss_scorer
from sklearn_autotune.runner._data import LabelledRows
from sklearn_autotune.search._base_search import BaseSearch
from sklearn_autotune.search._front_attributes import get_objective_plan
from sklearn_autotune.statistics._intervals import compute_mean_interval

__all__ = ["make_run_scorer", "score_folds", "score_with_baseline", "score_with_interval"]

CONFIDENCE = 0.95
N_BOOTSTRAP_DRAWS = 500
# With more rows each draw takes longer, and fewer draws suffice.
MANY_ROWS, N_BOOTSTRAP_DRAWS_LARGE = 10_000, 200


class _Labelled(ClassifierMixin, BaseEstimator):
    """A classifier with fixed predictions, with other labels than the most probable classes."""

    def __init__(self, fixed: Any, labels: np.ndarray) -> None:
        self.fixed = fixed
        self.labels = labels
        self.classes_ = fixed.classes_

    def predict(self, X: MatrixLike) -> np.ndarray:
        return self.labels

    def predict_proba(self, X: MatrixLike) -> np.ndarray:
        found: np.ndarray = self.fixed.predict_proba(X)
        return found


def score_folds(search: BaseSearch, folds: Splitter, train: LabelledRows, scoring: str) -> dict[str, Any]:
    """Return the winner's scores over the folds, with an interval for their mean, and those of a baseline.

    The interval is that of `compare`, by the corrected resampled t-test.

    Parameters
    ----------
    search : estimator
        Fitted.
    folds : splitter
    train : LabelledRows
    scoring : str

    Returns
    -------
    scores : dict of str to object
        A blend has only a mean: it is chosen and scored on parts of the folds in turn.
    """
    placeholder = np.zeros((len(train.y), 1))
    baseline = _make_baseline(hasattr(search, "classes_"))
    baseline_scores = cross_val_score(baseline, placeholder, train.y, groups=train.groups, cv=folds, scoring=scoring)
    result: dict[str, Any] = {"mean": float(search.best_score_), "baseline": float(baseline_scores.mean())}
    if hasattr(search, "blend_weights_"):
        return result
    results, row, plan = search.cv_results_, search.best_index_, get_objective_plan(search)
    metric = "score" if plan is None else plan.primary
    scores = np.array([results[f"split{fold}_test_{metric}"][row] for fold in range(search.n_splits_)])
    ratios = [len(test) / len(rest) for rest, test in folds.split(placeholder, train.y, train.groups)]
    interval = compute_mean_interval(scores, test_over_train=float(np.mean(ratios)), confidence=CONFIDENCE)
    return result | {
        "scores": scores.tolist(),
        "interval": [interval.low, interval.high],
        "interval_is": f"{CONFIDENCE:.0%}, by the corrected resampled t-test (Nadeau and Bengio, 2003), since the "
        "training parts of the folds share rows; the winner was chosen by these scores, and the interval does not "
        "allow for that",
    }


def score_with_baseline(
    model: Predictor, train: LabelledRows, rows: LabelledRows, scoring: str, seed: int, n_draws: int | None = None
) -> dict[str, Any]:
    """Score a model on rows, and a baseline that predicts the training rows' class frequencies or mean."""
    baseline = _make_baseline(is_classifier(model)).fit(np.zeros((len(train.y), 1)), train.y)
    placeholder = np.zeros((len(rows.y), 1))
    labels = model.predict(rows.X) if isinstance(model, FixedThresholdClassifier) else None
    result = score_with_interval(_predict(model, rows.X), _get_classes(model), rows.y, scoring, seed, n_draws, labels)
    baseline_scores = score_with_interval(
        _predict(baseline, placeholder), _get_classes(baseline), rows.y, scoring, seed, n_draws=0
    )
    return result | {"baseline": baseline_scores["score"], "n_rows": len(rows.y)}


def _make_baseline(is_classification: bool) -> Any:
    return DummyClassifier(strategy="prior") if is_classification else DummyRegressor()


def _get_classes(model: Any) -> np.ndarray | None:
    return model.classes_ if is_classifier(model) else None


def _predict(model: Any, X: MatrixLike) -> np.ndarray:
    if not is_classifier(model):
        return np.asarray(model.predict(X), dtype=float)
    return np.asarray(model.predict_proba(X), dtype=float)


def score_with_interval(
    prediction: np.ndarray,
    classes: np.ndarray | None,
    y: np.ndarray,
    scoring: str,
    seed: int,
    n_draws: int | None = None,
    labels: np.ndarray | None = None,
) -> dict[str, Any]:
    """Return the score of predictions, and its bootstrap interval.

    Parameters
    ----------
    prediction : ndarray of shape (n_rows,) or (n_rows, n_classes)
    classes : ndarray of shape (n_classes,) or None
    y : ndarray of shape (n_rows,)
    scoring : str
    seed : int
    n_draws : int, default=None
        None goes by the number of rows; 0 gives no interval.
    labels : ndarray of shape (n_rows,), default=None
        What the model predicts, if that is not the most probable class.

    Returns
    -------
    result : dict of str to object
        Higher is better.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.arange(10.0)
    >>> score_with_interval(y + 1.0, None, y, "neg_root_mean_squared_error", 0)["interval"]
    [-1.0, -1.0]
    """
    scorer = make_run_scorer(scoring, classes)

    def score(rows: np.ndarray) -> float:
        placeholder = np.zeros((len(rows), 1))
        model: Any = make_fixed_predictions(placeholder, prediction[rows], classes)
        if labels is not None:
            model = _Labelled(model, labels[rows])
        return float(scorer(model, placeholder, y[rows]))

    all_rows = np.arange(len(y))
    result: dict[str, Any] = {"score": score(all_rows)}
    if n_draws is None:
        n_draws = N_BOOTSTRAP_DRAWS if len(y) <= MANY_ROWS else N_BOOTSTRAP_DRAWS_LARGE
    if n_draws and len(y) > 1:
        random = np.random.RandomState(seed)
        # Drawn within classes, so that no class is missing from a draw.
        parts = [all_rows] if classes is None else [np.flatnonzero(y == label) for label in np.unique(y)]
        draws = [score(np.concatenate([random.choice(part, len(part)) for part in parts])) for _ in range(n_draws)]
        low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        within = "" if classes is None else " within classes"
        result |= {"interval": [float(low), float(high)]}
        result |= {"interval_is": f"{CONFIDENCE:.0%}, by {n_draws} bootstrap draws of the rows{within}"}
    return result


def make_run_scorer(scoring: str, classes: np.ndarray | None) -> Any:
    """Return the scorer; that of the log loss gets all classes, since some rows may lack one."""
    return make_log_loss_scorer(classes) if scoring == "neg_log_loss" else get_scorer(scoring)
