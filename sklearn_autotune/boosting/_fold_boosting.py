"""Boosting fold after fold, on matrices that all candidates share.

The folds are binned once, each from its own training rows. A candidate has one booster per fold. The first booster is
trained until its score stops improving, then the next one. After each fold the candidate may be stopped, depending on
the best score of each fold so far. Later folds have at most as many rounds as the first fold, except if the mean score
over all folds is still improving at the end. The candidate's number of rounds is the one with the best mean score.

A booster in training holds a histogram of all bins for each node of a tree. For deep trees on many columns, this takes
far more memory than the data. If a candidate needs too much, its folds are trained one after the other: each fold has
as many rounds as the first one, and frees its histograms before the next fold begins.

Boosters are scored at points that are the same for all candidates if they are expressed as rounds times learning rate:
1,000 rounds at a learning rate of 0.01 are about as much progress as 100 rounds at 0.1.

Each booster is exactly equal to the one that ``fit`` gives with the same number of rounds. XGBoost draws its samples
from one generator per thread, so every booster is trained in its own thread.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from sklearn_autotune._compat import clock
from sklearn_autotune.boosting._binned_folds import BinnedFolds, Target
from sklearn_autotune.boosting._fold_booster import (
    FoldBooster,
    has_stopped_improving,
    make_round_grid,
)
from sklearn_autotune.boosting._library import FoldTraining, RoundTrainer
from sklearn_autotune.evaluation._base import (
    Fold,
    FoldCurve,
    FoldScore,
    Progress,
    Rung,
    average_scores,
)
from sklearn_autotune.evaluation._failures import Scored, attempt, read_score, select_score
from sklearn_autotune.evaluation._fixed_predictions import make_fixed_predictions
from sklearn_autotune.evaluation._ladder import choose_rung
from sklearn_autotune.evaluation._whole_folds import WholeFolds, split_fold_rows, take_test_rows
from sklearn_autotune.evaluation._work import DEFAULT_NUMBER, WorkItem
from sklearn_autotune.storage._outcomes import TrialRecord

__all__ = ["BoosterFit", "FoldBoosting", "collect_learning_curves"]

# The maximum size of the histograms of one candidate's boosters; if they need more, folds are trained one by one.
MAX_HISTOGRAM_BYTES = 2**26


@dataclass
class FoldBoosting:
    """Measures a candidate by training a booster on each fold until their mean score stops improving.

    It may be sent to other processes, each of which bins the folds once. All that the search needs of a candidate
    afterwards is in the scores of its folds: curves, predictions, and the seconds of training and binning.

    Parameters
    ----------
    folds : WholeFolds
        The folds, and an estimator of the library in which all parameters are set that are not searched.
    training : FoldTraining
        Bins and trains with the library.
    target : Target
    metric : str or None
        The score that guides the search, if there are several; None is the first one.
    max_rounds : int
        The maximum number of rounds.
    loss : callable or None
        `compute_log_loss` or `compute_root_mean_squared_error`, if the only score is the negative of it. It is faster:
        a curve has many points, and scikit-learn's checks at each point take as long as a few rounds.
    n_jobs : int
        The maximum number of boosters of a candidate to train at a time.
    has_final_fit : bool
        Whether the winner is fitted on all rows, so that time has to be left for this fit.
    n_fold_fits : int
        How many fits on the training rows of a fold follow, for which time has to be left too.
    """

    folds: WholeFolds
    training: FoldTraining
    target: Target
    metric: str | None = None
    max_rounds: int = 5000
    loss: Callable[[np.ndarray, np.ndarray, np.ndarray | None], float] | None = None
    n_jobs: int = 1
    has_final_fit: bool = True
    n_fold_fits: int = 0
    _binned_folds: BinnedFolds = field(init=False, repr=False)
    _max_fit_seconds: float = field(default=0.0, init=False, repr=False)

    def __post_init__(self) -> None:
        task = self.folds.task
        weight = task.score_params.get("sample_weight")
        self._test_weights = [None if weight is None else np.asarray(weight)[fold.test] for fold in task.folds]
        self._binned_folds = BinnedFolds(task, self.training, self.target)

    @property
    def n_folds(self) -> int:
        """The number of parts into which a candidate can be split: one, because its folds depend on each other."""
        return 1

    def measure_steps(self, work: WorkItem) -> Generator[Progress, None, None]:
        """Yield the progress after each fold; the last one has the scores of the best number of rounds."""
        return (self if work.number != DEFAULT_NUMBER else self._make_default())._measure_candidate(work)

    def _make_default(self) -> "FoldBoosting":
        """Return what measures the default: on the same bins. A failure is recorded, and never raised."""
        own = replace(self, folds=replace(self.folds, task=replace(self.folds.task, error_score=np.nan)))
        own._binned_folds = self._binned_folds
        return own

    def release(self) -> None:
        """Let go of the binned folds; they are binned again if they are needed."""
        self._binned_folds.release()

    def prepare(self) -> None:
        """Bin the folds as the estimator itself bins them, and so most candidates."""
        attempt(lambda: self._binned_folds.bin(self.folds.estimator), np.nan)

    def _measure_candidate(self, work: WorkItem) -> Generator[Progress, None, None]:
        model, error = self.folds.clone_with_params(work.params)
        fold_boosters = None
        if error is None:
            start_boosters = partial(self._start_boosters, model, work.deadline, work.end_time)
            fold_boosters, error = attempt(start_boosters, self.folds.task.error_score)
        if fold_boosters is None:
            yield Progress(0, 1, (self.make_fold_score(error, None, None, 0.0, 0.0),))
            return
        is_large = self._is_large(model)
        n_folds, n_started = len(fold_boosters), 0
        fold_scores: list[FoldScore] = []
        try:
            for index, fold_booster in enumerate(fold_boosters):
                # With several jobs, folds are started before it is known whether they are needed.
                while n_started < min(n_folds, index + self.n_jobs):
                    fold_boosters[n_started].end_time = self._compute_fold_end(work, n_folds - index)
                    fold_boosters[n_started].request(None)
                    n_started += 1
                fold_booster.wait(self.folds.task.error_score)
                if index == 0 and fold_booster.error is None:
                    for other in fold_boosters[1:]:
                        other.max_points = len(fold_booster.scores)
                if is_large:
                    self._train_to_point(fold_booster, len(fold_boosters[0].scores))
                if fold_booster.is_out_of_time:  # n_folds + 1, because this is never the last step
                    yield Progress(index, n_folds + 1, tuple(fold_scores), is_out_of_time=True)
                _keep_common_rounds(fold_boosters[: index + 1], fold_boosters[n_started:])
                fold_scores.append(fold_booster.best)
                self.folds.print_end(work, fold_booster.fold, fold_scores[-1])
                if index + 1 < n_folds:
                    yield Progress(index, n_folds, tuple(fold_scores))
            all_folds = Progress(n_folds - 1, n_folds, tuple(fold_scores))
            yield all_folds if all_folds.has_failed else self._train_to_common_point(work, fold_boosters)
        finally:
            for fold_booster in fold_boosters:
                fold_booster.close()

    def _compute_fold_end(self, work: WorkItem, n_left: int) -> float | None:
        """Divide the time that is left to a candidate without a deadline among its other folds and the final fit."""
        if work.end_time is None or work.deadline is not None:
            return None
        now, n_waves = clock.now(), -(-n_left // self.n_jobs)
        seconds_left = work.end_time - self.estimate_final_seconds(self._binned_folds.max_seconds) - now
        return now + max(0.0, seconds_left) / (n_waves + self._final_fit_in_folds)

    @property
    def _final_fit_in_folds(self) -> float:
        """How many times longer the fits after the search take than the fit of a fold; 0 if there are none."""
        if not self.has_final_fit:
            return float(self.n_fold_fits)
        return len(self.target.values) / min(len(fold.train) for fold in self.folds.task.folds) + self.n_fold_fits

    def estimate_final_seconds(self, fit_seconds: float) -> float:
        """Estimate the seconds of a candidate's final fit from those of its fit on a fold; both with binning."""
        return self._final_fit_in_folds * fit_seconds

    def _compute_latest_end(self, end_time: float | None, fit_seconds: float) -> float | None:
        """Return the time at which training has to end so that the final fit of any candidate ends in time."""
        if end_time is None:
            return None
        slowest = max(fit_seconds, self._max_fit_seconds) + self._binned_folds.max_seconds
        return end_time - self.estimate_final_seconds(slowest)

    def _train_to_point(self, fold_booster: "FoldBooster", n_points: int) -> None:
        """Train a booster to a point, and free the memory that only training needs."""
        fold_booster.request(n_points)
        fold_booster.wait(self.folds.task.error_score)
        fold_booster.release()

    def _train_to_common_point(self, work: WorkItem, fold_boosters: Sequence["FoldBooster"]) -> Progress:
        """Train all folds to the same point, and find the point with the best mean score."""
        n_points = min(len(fold_booster.scores) for fold_booster in fold_boosters)
        while True:
            for fold_booster in fold_boosters:
                fold_booster.request(n_points)
            for fold_booster in fold_boosters:
                fold_booster.wait(self.folds.task.error_score)
            has_failed = any(fold_booster.error is not None for fold_booster in fold_boosters)
            if has_failed or any(fold_booster.is_out_of_time for fold_booster in fold_boosters):
                return Progress(
                    len(fold_boosters) - 1,
                    len(fold_boosters) + (not has_failed),
                    tuple(fold_booster.best for fold_booster in fold_boosters),
                    is_out_of_time=not has_failed,
                )
            scored_rounds = fold_boosters[0].round_grid[
                : min(n_points, *(len(fold_booster.scores) for fold_booster in fold_boosters))
            ]
            curve = tuple(
                Rung(amount, tuple(fold_booster.scores[point] for fold_booster in fold_boosters))
                for point, amount in enumerate(scored_rounds)
            )
            if len(scored_rounds) < n_points or has_stopped_improving(
                [average_scores(rung.test, self.metric) for rung in curve]
            ):
                break
            n_points += 1
        best = choose_rung(curve, self.metric)
        for fold_booster in fold_boosters:
            fold_booster.max_points = len(curve)
        self._max_fit_seconds = max(self._max_fit_seconds, *(booster.fit_seconds for booster in fold_boosters))
        folds = tuple(
            replace(fold_booster.score_point(best), prediction=fold_booster.predictions[best])
            for fold_booster in fold_boosters
        )
        return Progress(len(folds) - 1, len(folds), folds, curve, {self.training.rounds_param: curve[best].resource})

    def predict_out_of_fold(self, params: Mapping[str, Any], curve: Sequence[Rung]) -> list[np.ndarray]:
        """Train a candidate's boosters again, and return their predictions for the test rows of each fold."""
        best = choose_rung(curve, self.metric)
        model = self.folds.clone_with_params(params)[0]
        fold_boosters = self._start_boosters(model, None, None, tuple(rung.resource for rung in curve))
        try:
            for fold_booster in fold_boosters:
                self._train_to_point(fold_booster, best + 1)
        finally:
            for fold_booster in fold_boosters:
                fold_booster.close()
        return [fold_booster.predictions[best] for fold_booster in fold_boosters]

    # -- boosters and their scores -------------------------------------------------------------------------------------

    def _start_boosters(
        self, model: Any, deadline: float | None, end_time: float | None, round_grid: tuple[int, ...] | None = None
    ) -> list["FoldBooster"]:
        if round_grid is None:
            round_grid = make_round_grid(self.training.get_learning_rate(model), self.max_rounds)
        # All trainers are made before the first thread is started, because making one may fail.
        settings = self.training.read_settings(model, self.target.classes)
        trainers = [binned.make_trainer(settings) for binned in self._binned_folds.bin(model)]
        return [
            FoldBooster(self, fold, trainer, round_grid, deadline, partial(self._compute_latest_end, end_time))
            for fold, trainer in zip(self.folds.task.folds, trainers, strict=True)
        ]

    def _is_large(self, model: Any) -> bool:
        """Whether training a candidate's boosters needs too much memory at once."""
        n_bytes = sum(binned.estimate_training_bytes(model) for binned in self._binned_folds.bin(model))
        return n_bytes > MAX_HISTOGRAM_BYTES

    def score_quickly(self, trainer: RoundTrainer, fold: Fold, prediction: np.ndarray) -> Scored:
        """Score a point of a curve like `score`, up to rounding errors, if possible without scikit-learn's checks."""
        if self.loss is None:
            return self.score(trainer, fold, prediction)
        weight = self._test_weights[fold.number]
        loss = self.loss(self.target.values[fold.test], prediction, weight)
        return read_score(-loss, error_score=self.folds.task.error_score)

    def score(self, trainer: RoundTrainer, fold: Fold, prediction: np.ndarray) -> Scored:
        """Score a booster's predictions for a fold's test rows."""
        X_test, y_test = take_test_rows(self.folds.task, fold)
        return self.folds.score_fold(self._make_fixed_predictions(trainer, X_test, prediction), X_test, y_test, fold)

    def score_training_rows(self, trainer: RoundTrainer, n_rounds: int, fold: Fold) -> Scored | None:
        """Score a number of rounds on a fold's training rows, or return None if training scores are not wanted."""
        if not self.folds.task.return_train_score:
            return None
        X_train, y_train = split_fold_rows(self.folds.estimator, self.folds.task, fold)[0]
        prediction = trainer.predict_training_rows(n_rounds)
        return self.folds.score(
            self._make_fixed_predictions(trainer, X_train, prediction), X_train, y_train, fold.train
        )

    def make_fold_score(
        self,
        error: str | None,
        test: Scored | None,
        train: Scored | None,
        fit_seconds: float,
        score_seconds: float,
        curve: FoldCurve | None = None,
    ) -> FoldScore:
        """Make the result of a fold from its scores, or from the error if the fit failed."""
        made = self.folds.make_fold_score(error, test, train, fit_seconds, score_seconds)
        return replace(made, curve=curve, shared_seconds=self._binned_folds.max_seconds)

    def _make_fixed_predictions(self, trainer: RoundTrainer, rows: Any, prediction: np.ndarray) -> Any:
        return make_fixed_predictions(rows, prediction, self.target.classes, trainer.predict_rows)


def _keep_common_rounds(finished: Sequence[FoldBooster], to_start: Sequence[FoldBooster]) -> None:
    """Score all folds with the rounds that all of them have, if one ran out of time before its first point."""
    if not any(fold_booster.is_cut for fold_booster in finished):
        return
    n_rounds = min(fold_booster.round_grid[-1] for fold_booster in finished if fold_booster.is_cut)
    for fold_booster in finished:
        fold_booster.keep_rounds(n_rounds)
    for fold_booster in to_start:
        fold_booster.round_grid = (n_rounds,)


@dataclass(frozen=True, slots=True)
class BoosterFit:
    """The final fit of a candidate that `FoldBoosting` has measured.

    Attributes
    ----------
    target : Target
    metric : str or None
        The score that guides the search, if there are several; None is the first one.
    """

    target: Target
    metric: str | None = None

    def fit(self, estimator: Any, X: Any, y: Any, fit_params: Mapping[str, Any], curve: Sequence[Rung]) -> Any:
        """Fit the winner on some rows or all; its number of rounds is among its parameters."""
        values = self.target.encode(y)
        return estimator.fit(
            X, values, sample_weight=self.target.compute_weights(values, fit_params.get("sample_weight"))
        )

    def get_resource_amount(self, curve: Sequence[Rung]) -> int:
        """Return the number of rounds to which the candidate's scores belong."""
        return curve[choose_rung(curve, self.metric)].resource


def collect_learning_curves(records: Iterable[TrialRecord], metric: str | None) -> list[list[dict[str, np.ndarray]]]:
    """Return the curve of each fold for each row of ``cv_results_``.

    Parameters
    ----------
    records : iterable of TrialRecord
        In the order of their numbers.
    metric : str or None
        Which of several scores the curves show; None is the first one.
    """
    return [
        [
            {
                "n_estimators": np.array(fold.curve.resources, dtype=int),
                "score": np.array([select_score(score, metric) for score in fold.curve.scores], dtype=float),
            }
            for fold in record.outcome.folds
            if fold.curve is not None
        ]
        for record in records
        if record.is_measured
    ]
