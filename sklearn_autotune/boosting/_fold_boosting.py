"""Boosting XGBoost fold after fold, on matrices that all candidates share.

The folds are binned once, each from its own training rows. A candidate is one booster per fold. The first one grows
until it gets no better, then the next: after each the candidate may be stopped, going by the best that each fold came
to. Later folds grow no further than the first, unless the mean of all is still getting better then. The number of
rounds with the best mean is the candidate's.

A booster that can still grow holds a histogram of all bins for each node of a tree: for deep trees on many columns that
is far more than the data. There each fold grows as far as the first did, and gives them back before the next begins.

Boosters are scored at points that are the same for all candidates in units of *progress*, rounds times learning rate: a
slow learner after 1,000 rounds has come about as far as one ten times as fast after 100.

Each booster is the one that ``fit`` with so many rounds gives, to the last bit. XGBoost draws its samples from one
generator per thread, so every booster lives in a thread of its own.
"""

import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_sample_weight

from sklearn_autotune._compat.sklearn import take_metadata_rows
from sklearn_autotune.boosting._fold_booster import (
    FoldBooster,
    FoldMatrices,
    estimate_histogram_bytes,
    get_learning_rate,
    has_stopped_improving,
    make_round_grid,
    make_training_params,
)
from sklearn_autotune.evaluation._base import Fold, FoldScore, Progress, Rung, Task, WorkItem, average_scores
from sklearn_autotune.evaluation._fixed_predictions import (
    FixedPredictionsClassifier,
    FixedPredictionsRegressor,
    predict_rows,
)
from sklearn_autotune.evaluation._ladder import choose_rung
from sklearn_autotune.evaluation._whole_folds import WholeFolds, split_fold_rows, take_test_rows

__all__ = ["FoldBoosting", "Target", "average_over_folds"]

# What the boosters of one candidate may hold in histograms; from there on only those growing at the moment do.
MAX_HISTOGRAM_BYTES = 2**26

# What the final fit takes, on all rows, in terms of a fold: of three folds each has two thirds of them.
FINAL_FIT_IN_FOLDS = 1.5


@dataclass(frozen=True, slots=True)
class Target:
    """What XGBoost is trained on.

    Attributes
    ----------
    values : ndarray of shape (n_samples,)
        Of classes, their places in ``classes``.
    classes : ndarray of shape (n_classes,) or None
        None in regression.
    class_weight : dict, "balanced" or None
        As of scikit-learn's classifiers; "balanced" goes by the rows that are trained on.
    """

    values: np.ndarray
    classes: np.ndarray | None = None
    class_weight: Any = None

    def weights(self, rows: Any, sample_weight: Any) -> np.ndarray | None:
        """Return the weights of some rows in training; None where all are alike."""
        if self.class_weight is None or self.classes is None:
            return None if sample_weight is None else np.asarray(sample_weight, dtype=float)
        weights = compute_sample_weight(self.class_weight, self.classes[self.values[rows].astype(int)])
        return weights if sample_weight is None else weights * sample_weight


@dataclass
class FoldBoosting:
    """Grows a booster on each fold, all of them together, until they no longer get better.

    Parameters
    ----------
    folds : WholeFolds
        Of an `XGBClassifier` or `XGBRegressor` with everything set that is not searched.
    target : Target
    metric : str or None
        Which of several scores decides.
    most : int
        The largest number of rounds.
    loss : callable or None
        Where the only score is the negated `compute_log_loss` or `compute_root_mean_squared_error`, that: the points of
        a curve are many, and scikit-learn's checks take as long as a few rounds.
    n_jobs : int
        How many boosters may grow at a time.
    ends : float or None
        ``time.time()`` at which ``fit`` has to be over. A candidate that has no deadline, as the first one, is
        finished in any case; it grows no longer than leaves time for its other folds and the final fit.
    """

    folds: WholeFolds
    target: Target
    metric: str | None = None
    most: int = 5000
    loss: Callable[[np.ndarray, np.ndarray, np.ndarray | None], float] | None = None
    n_jobs: int = 1
    ends: float | None = None
    _matrices: dict[Any, tuple[FoldMatrices, ...]] = field(default_factory=dict, init=False, repr=False)
    _predicted: dict[int, tuple[float, Sequence[np.ndarray]]] = field(default_factory=dict, init=False, repr=False)
    _curves: dict[int, list[Any]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        task = self.folds.task
        weight = task.score_params.get("sample_weight")
        self._test_weights = [None if weight is None else np.asarray(weight)[fold.test] for fold in task.folds]
        self._lock = threading.Lock()

    @property
    def n_folds(self) -> int:
        """Into how many parts a candidate can be cut: folds grow together, so it cannot."""
        return 1

    def steps(self, work: WorkItem) -> Generator[Progress, None, None]:
        """Yield the progress after each fold; the last one has the scores of the best number of rounds."""
        model, error = self.folds.clone_with_params(work.params)
        if error is not None:
            yield Progress(0, 1, (FoldScore(self.folds.make_failed_score(), None, 0.0, 0.0, error),))
            return
        growths = self._start_boosters(model, work.deadline)
        is_large = self._is_large(model)
        n_folds, n_begun = len(growths), 0
        found: list[FoldScore] = []
        try:
            for place, growth in enumerate(growths):
                # With more than one job folds are begun before it is known whether they will be needed.
                while n_begun < min(n_folds, place + self.n_jobs):
                    growths[n_begun].ends = self._end_of_fold(work, n_folds - place)
                    growths[n_begun].ask(None)
                    n_begun += 1
                growth.wait(self.folds.task.error_score)
                if place == 0 and growth.error is None:
                    for other in growths[1:]:
                        other.max_points = len(growth.scores)
                if is_large:
                    self._finish(growth, len(growths[0].scores))
                if growth.is_out_of_time:  # not the last step, whichever fold it is: there is no time left for it
                    yield Progress(place, n_folds + 1, tuple(found))
                found.append(growth.best)
                self.folds.report(work, growth.fold, found[-1])
                if place + 1 < n_folds:
                    yield Progress(place, n_folds, tuple(found))
            failed = any(score.error is not None for score in found)
            yield Progress(n_folds - 1, n_folds, tuple(found)) if failed else self._settle(work, growths)
        finally:
            self._curves[work.number] = [(growth.reached, growth.visible) for growth in growths]
            for growth in growths:
                growth.close()

    def _end_of_fold(self, work: WorkItem, n_left: int) -> float | None:
        """Divide the time that is left among the folds that are left, and the final fit."""
        if self.ends is None or work.deadline is not None:
            return None
        now, n_waves = time.time(), -(-n_left // self.n_jobs)
        return now + max(0.0, self.ends - now) / (n_waves + FINAL_FIT_IN_FOLDS)

    def _finish(self, growth: "FoldBooster", n_points: int) -> None:
        """Grow a booster as far as its candidate will come, and let go of what it held for that."""
        growth.ask(n_points)
        growth.wait(self.folds.task.error_score)
        growth.release()

    def _settle(self, work: WorkItem, growths: Sequence["FoldBooster"]) -> Progress:
        """Bring all folds to the same point, and find the best one."""
        n_points = min(len(growth.scores) for growth in growths)
        while True:
            for growth in growths:
                growth.ask(n_points)
            for growth in growths:
                growth.wait(self.folds.task.error_score)
            if any(growth.is_out_of_time for growth in growths):
                return Progress(len(growths) - 1, len(growths) + 1, tuple(growth.best for growth in growths))
            reached = growths[0].amounts[: min(n_points, *(len(growth.scores) for growth in growths))]
            curve = tuple(
                Rung(amount, tuple(growth.scores[point] for growth in growths)) for point, amount in enumerate(reached)
            )
            if len(reached) < n_points or has_stopped_improving(
                [average_scores(rung.test, self.metric) for rung in curve]
            ):
                break
            n_points += 1
        best = choose_rung(curve, self.metric)
        for growth in growths:
            growth.max_points = len(curve)
        self._keep(work.number, average_scores(curve[best].test, self.metric), [g.predictions[best] for g in growths])
        folds = tuple(growth.at(best) for growth in growths)
        return Progress(len(folds) - 1, len(folds), folds, curve, {"n_estimators": curve[best].resource})

    def fit(self, estimator: Any, X: Any, y: Any, fit_params: Mapping[str, Any], curve: Sequence[Rung]) -> Any:
        """Fit the winner on all rows, in place; its number of rounds is among its parameters."""
        weights = self.target.weights(slice(None), fit_params.get("sample_weight"))
        return estimator.fit(X, self.target.values, sample_weight=weights)

    def get_resource_amount(self, curve: Sequence[Rung]) -> int:
        """Return the number of rounds that the scores belong to."""
        return curve[choose_rung(curve, self.metric)].resource

    def predict_out_of_fold(
        self, number: int, params: Mapping[str, Any], curve: Sequence[Rung]
    ) -> Sequence[np.ndarray]:
        """Return what a candidate's boosters predicted on their folds; of one measured in an earlier run, once more."""
        if number not in self._predicted:
            best = choose_rung(curve, self.metric)
            growths = self._start_boosters(self.folds.clone_with_params(params)[0], None)
            try:
                for growth in growths:
                    self._finish(growth, best + 1)
            finally:
                for growth in growths:
                    growth.close()
            mean = average_scores(curve[best].test, self.metric)
            self._predicted = {number: (mean, [growth.predictions[best] for growth in growths])}
        return self._predicted[number][1]

    def get_curves(self, number: int) -> list[tuple[Sequence[int], Sequence[Any]]]:
        """Return, for each fold of a candidate, after how many rounds it was scored, and the scores."""
        return self._curves.get(number, [])

    # -- growing -------------------------------------------------------------------------------------------------------

    def _start_boosters(self, model: Any, deadline: float | None) -> list["FoldBooster"]:
        params, objective = make_training_params(model, self.target.classes)
        amounts = make_round_grid(get_learning_rate(model), self.most)
        return [
            FoldBooster(self, fold, matrices, params, objective, amounts, deadline)
            for fold, matrices in zip(self.folds.task.folds, self._binned(model), strict=True)
        ]

    def _is_large(self, model: Any) -> bool:
        """Say whether a candidate's boosters would hold too much if all of them could still grow."""
        held = [
            estimate_histogram_bytes(model, matrices.n_bins, matrices.train.num_row())
            for matrices in self._binned(model)
        ]
        return sum(held) > MAX_HISTOGRAM_BYTES

    def score_quickly(self, booster: Any, fold: Fold, prediction: np.ndarray) -> tuple[Any, str | None]:
        """Score a point of a curve: as `score` does, to within rounding, but without its checks where they can be."""
        if self.loss is None:
            return self.score(booster, fold, prediction)
        weight = self._test_weights[fold.number]
        return -self.loss(self.target.values[fold.test], prediction, weight), None

    def score(self, booster: Any, fold: Fold, prediction: np.ndarray) -> tuple[Any, str | None]:
        """Score what a booster predicts on a fold's test rows; return the traceback if that failed."""
        X_test, y_test = take_test_rows(self.folds.task, fold)
        return self.folds.score(self._model(booster, X_test, prediction), X_test, y_test, fold.test)

    def score_training_rows(self, booster: Any, train: Any, amount: int, fold: Fold) -> Any:
        """Score a booster with so many rounds on a fold's training rows, if that is wanted."""
        if not self.folds.task.return_train_score:
            return None
        X_train, y_train = self._rows(fold)[0]
        prediction = booster.predict(train, iteration_range=(0, amount))
        return self.folds.score(self._model(booster, X_train, prediction), X_train, y_train, fold.train)[0]

    def _model(self, booster: Any, rows: Any, prediction: np.ndarray) -> Any:
        predict = partial(predict_rows, booster, self.folds.estimator)
        if self.target.classes is None:
            return FixedPredictionsRegressor(rows, prediction, predict)
        return FixedPredictionsClassifier(rows, prediction, predict, self.target.classes)

    def _keep(self, number: int, mean: float, predictions: Sequence[np.ndarray]) -> None:
        """Keep the predictions of the best candidates: of those that none was better than."""
        with self._lock:
            self._predicted[number] = mean, predictions
            best = max(kept for kept, _ in self._predicted.values())
            self._predicted = {number: kept for number, kept in self._predicted.items() if kept[0] >= best}

    # -- the data ------------------------------------------------------------------------------------------------------

    def _rows(self, fold: Fold) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
        return split_fold_rows(self.folds.estimator, self.folds.task, fold)

    def _binned(self, model: Any) -> tuple[FoldMatrices, ...]:
        """Bin the folds, once for each number of bins."""
        key = model.max_bin, model.tree_method
        with self._lock:
            if key not in self._matrices:
                self._matrices[key] = tuple(self._bin(model, fold) for fold in self.folds.task.folds)
            return self._matrices[key]

    def _bin(self, model: Any, fold: Fold) -> FoldMatrices:
        import xgboost

        (X_train, _), (X_test, _) = self._rows(fold)
        task = self.folds.task
        fit_params = take_metadata_rows(task.X, params=task.fit_params, indices=fold.train)
        weight = self.target.weights(fold.train, fit_params.get("sample_weight"))
        shared = {
            "missing": model.missing,
            "nthread": 1,
            "feature_types": model.feature_types,
            "enable_categorical": model.enable_categorical,
        }
        labels = {"label": self.target.values[fold.train], "weight": weight, "feature_weights": model.feature_weights}
        if model.tree_method not in (None, "auto", "hist"):
            return FoldMatrices(xgboost.DMatrix(X_train, **labels, **shared), xgboost.DMatrix(X_test, **shared))
        bins = {} if model.max_bin is None else {"max_bin": model.max_bin}
        train = xgboost.QuantileDMatrix(X_train, **labels, **bins, **shared)
        n_bins = len(train.get_quantile_cut()[1])
        return FoldMatrices(train, xgboost.QuantileDMatrix(X_test, ref=train, **bins, **shared), n_bins)


def average_over_folds(task: Task, predictions: Sequence[np.ndarray]) -> np.ndarray:
    """Put what was predicted on the folds' test rows in the rows' order: the mean for those in several, else NaN."""
    total = np.zeros((task.X.shape[0], *predictions[0].shape[1:]), dtype=predictions[0].dtype)
    n_times = np.zeros(len(total), dtype=total.dtype)
    for fold, values in zip(task.folds, predictions, strict=True):
        np.add.at(total, fold.test, values)
        np.add.at(n_times, fold.test, 1)
    with np.errstate(invalid="ignore"):
        return (total.T / n_times).T
