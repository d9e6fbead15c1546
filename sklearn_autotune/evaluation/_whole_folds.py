"""Whole folds: each step fits the candidate on one fold's training rows and scores it on the fold's test rows."""

import numbers
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from joblib.logger import short_format_time
from sklearn.base import clone
from sklearn.utils import get_tags

from sklearn_autotune._compat.messages import make_encodable
from sklearn_autotune._compat.sklearn import (
    MultimetricScorer,
    get_scorers,
    make_callback_arguments,
    set_params,
    split_rows,
    take_metadata_rows,
    take_rows,
)
from sklearn_autotune.evaluation._base import (
    Fold,
    FoldScore,
    Progress,
    Rung,
    SubsampleScore,
    Task,
    label_before_scoring,
)
from sklearn_autotune.evaluation._failures import Failure, Scored, attempt, call_scorer, require_scores
from sklearn_autotune.evaluation._step_cache import StepCache
from sklearn_autotune.evaluation._work import DEFAULT_NUMBER, Evaluation, WorkItem
from sklearn_autotune.objectives._costs import set_fit_seconds

__all__ = ["PlainFit", "WholeFolds", "WithDefault", "split_fold_rows", "take_test_rows"]


@dataclass(frozen=True, slots=True)
class WholeFolds:
    """Measures a candidate by fitting a clone of the estimator on every fold.

    Attributes
    ----------
    estimator : estimator
        It is never fitted: each fold fits a clone with the candidate's parameters.
    task : Task
    verbose : int
        As in scikit-learn's searches. The process that measures a fold prints the fold's lines.
    caller : estimator or None
        The search that is passed to scikit-learn's callbacks.
    step_cache : StepCache or None
        Holds the results of a pipeline's first steps on each fold, to be used for later candidates; None for no cache.
    """

    estimator: Any
    task: Task
    verbose: int = 0
    caller: Any = None
    step_cache: StepCache | None = None

    @property
    def n_folds(self) -> int:
        """The number of parts into which a candidate can be split."""
        return len(self.task.folds)

    def measure_steps(self, work: WorkItem) -> Generator[Progress, None, None]:
        """Yield the progress after each subsample and each fold."""
        numbers = work.fold_numbers or (*work.subsample_numbers, *range(self.n_folds))
        subsamples: list[SubsampleScore] = [] if work.measured is None else list(work.measured.subsamples)
        folds: list[FoldScore] = [] if work.measured is None else list(work.measured.folds)
        n_measured = len(subsamples) + len(folds)
        for step, number in enumerate(numbers, n_measured):
            if number < 0:
                subsamples.append(self.measure_subsample(work, self.task.subsamples[number]))
            else:
                fold = self.task.folds[number]
                self.print_start(work, fold)
                score = self.measure_fold(work, fold)
                self.print_end(work, fold, score)
                folds.append(score)
            yield Progress(step, n_measured + len(numbers), tuple(folds), subsamples=tuple(subsamples))

    def measure_subsample(self, work: WorkItem, subsample: Fold) -> SubsampleScore:
        """Fit and score the candidate on a subsample; few rows may be too few for it, so that it fails only there."""
        tolerant = replace(self, task=replace(self.task, error_score=np.nan, return_train_score=False))
        return SubsampleScore(
            len(subsample.train), tolerant.measure_fold(replace(work, callback_contexts=()), subsample)
        )

    def measure_fold(self, work: WorkItem, fold: Fold) -> FoldScore:
        """Fit and score the candidate on one fold. Every kind of pruning, metadata and failure uses this method."""
        task = self.task
        fit_params = take_metadata_rows(task.X, params=task.fit_params, indices=fold.train)
        start = time.perf_counter()
        estimator, error = self.clone_with_params(work.params)
        rows = None
        if error is None:
            rows, error = attempt(lambda: split_fold_rows(estimator, task, fold), task.error_score)
        if rows is None:
            return self.make_fold_score(error, None, None, time.perf_counter() - start, 0.0)
        (X_train, y_train), (X_test, y_test) = rows
        stop = False
        test = train = None
        score_seconds = 0.0
        with self.share_steps(work, fold, estimator, X_train, y_train, X_test):
            error, stop = self._fit(estimator, X_train, y_train, fit_params, work, fold)
            fit_seconds = time.perf_counter() - start
            if error is None:
                test = self.score_fold(estimator, X_test, y_test, fold)
                score_seconds = time.perf_counter() - start - fit_seconds
                if task.return_train_score:
                    train = self.score(estimator, X_train, y_train, fold.train)
        return self.make_fold_score(error, test, train, fit_seconds, score_seconds, stop)

    def make_fold_score(
        self,
        error: str | None,
        test: Scored | None,
        train: Scored | None,
        fit_seconds: float,
        score_seconds: float,
        stop_requested: bool = False,
    ) -> FoldScore:
        """Make the result of a fold from its scores, or from the error if the fit failed.

        A train score that is not finite is not a failure, because only test scores guide the search.
        """
        not_scored = Scored(self.make_failed_score(), error, Failure.FIT)
        test = test or not_scored
        if train is not None and train.failure == Failure.SCORE and test.failure is None:
            test = Scored(test.score, train.error, train.failure)
        train_score = (train or not_scored).score if self.task.return_train_score else None
        return FoldScore(
            set_fit_seconds(test.score, get_scorers(self.task.scorer), fit_seconds),
            train_score,
            fit_seconds,
            score_seconds,
            test.error,
            test.failure,
            stop_requested,
            test.row_values,
        )

    def share_steps(self, work: WorkItem, fold: Fold, estimator: Any, *rows: Any) -> AbstractContextManager[None]:
        """Share a pipeline's first steps with other candidates, except if callbacks have to see every step."""
        if self.step_cache is None or work.callback_contexts:
            return nullcontext()
        return self.step_cache.share_steps(estimator, fold, *rows)

    def clone_with_params(self, params: Mapping[str, Any]) -> tuple[Any, str | None]:
        """Clone the estimator and set the candidate's parameters; return the clone, and the traceback of a failure."""
        estimator = clone(self.estimator)
        # Parameters may be estimators. Each fit gets its own copies, so the user's objects stay unfitted.
        _, error = attempt(lambda: set_params(estimator, clone(params, safe=False)), self.task.error_score)
        return estimator, error

    def _fit(
        self, estimator: Any, X: Any, y: Any, fit_params: Mapping[str, Any], work: WorkItem, fold: Fold
    ) -> tuple[str | None, bool]:
        """Fit, calling scikit-learn's callbacks before and after; return the traceback and whether to stop."""
        args = (X,) if y is None else (X, y)
        context = work.callback_contexts[fold.number] if work.callback_contexts else None
        if context is None:
            return self._try_fit(estimator, args, fit_params), False
        arguments = make_callback_arguments(self.caller, X, y, fit_params)
        # Only the fit itself may fail: an exception in a callback is not a failure of the candidate.
        with context.propagate_callback_context(estimator):
            context.call_on_fit_task_begin(**arguments)
            error = self._try_fit(estimator, args, fit_params)
        return error, context.call_on_fit_task_end(**arguments)

    def _try_fit(self, estimator: Any, args: tuple[Any, ...], fit_params: Mapping[str, Any]) -> str | None:
        """Fit, and return the traceback if that failed."""
        return attempt(lambda: estimator.fit(*args, **fit_params), self.task.error_score)[1]

    def score(
        self, estimator: Any, X: Any, y: Any, rows: Any, scorer: Any = None, labelled: list[Any] | None = None
    ) -> Scored:
        """Score a fitted estimator on some rows of the task, by the task's scorer or another one.

        If thresholds are chosen, the estimator with the labels that they give is appended to ``labelled``.
        """
        task = self.task
        params = take_metadata_rows(task.X, params=task.score_params, indices=rows) if task.score_params else {}
        args = (estimator, X) if y is None else (estimator, X, y)
        failed = self.make_failed_score()
        scorer = task.scorer if scorer is None else scorer
        if task.thresholds is not None:
            scorer = label_before_scoring(task, scorer, rows, labelled)
        scored = call_scorer(
            scorer, args, params, error_score=task.error_score, metric=task.metric, failed_score=failed
        )
        return require_scores(scored, task.required)

    def score_fold(self, estimator: Any, X: Any, y: Any, fold: Fold) -> Scored:
        """Score a fitted estimator on a fold's test rows, and keep of them what the task's row keeper keeps."""
        keeper = self.task.row_keeper
        if self.task.thresholds is not None:
            labelled: list[Any] = []
            scored = self.score(estimator, X, y, fold.test, labelled=labelled)
            if fold.number < 0 or not labelled or labelled[0] is estimator:
                return scored
            row_values = self.task.thresholds.keep(labelled[0], fold.number)
            return Scored(scored.score, scored.error, scored.failure, row_values)
        if isinstance(keeper, str) or fold.number < 0:
            return self.score(estimator, X, y, fold.test)
        call = partial(self.score, estimator, X, y, fold.test)
        return keeper.score(fold.number, y, call, self.task.scorer, self.task.metric)

    def make_failed_score(self) -> Any:
        """Return the score that is recorded for a fold that could not be scored."""
        if isinstance(self.task.scorer, MultimetricScorer):
            return dict.fromkeys(get_scorers(self.task.scorer), self.task.error_score)
        return self.task.error_score

    def print_start(self, work: WorkItem, fold: Fold) -> None:
        if self.verbose > 9:
            message = f"[CV{self._format_progress(work, fold)}] START {_format_params(work.params)}"
            print(f"{message}{(80 - len(message)) * '.'}")

    def print_end(self, work: WorkItem, fold: Fold, score: FoldScore) -> None:
        """Print scikit-learn's line for a finished fold."""
        if self.verbose < 2:
            return
        params_text = _format_params(work.params)
        result = params_text + (";" if params_text else "")
        if self.verbose > 2:
            result += _format_scores(score)
        result += f" total time={short_format_time(score.fit_seconds + score.score_seconds)}"
        message = f"[CV{self._format_progress(work, fold)}] END "
        message += "." * (80 - len(message) - len(result))
        print(message + result)

    def _format_progress(self, work: WorkItem, fold: Fold) -> str:
        position = f" {fold.number + 1}/{len(self.task.folds)}" if self.verbose > 2 else ""
        if self.verbose > 9:
            position += f"; {work.candidate_index + 1}/{work.n_candidates}"
        return position


@dataclass(frozen=True, slots=True)
class WithDefault:
    """Measures candidates by an evaluation, and the default, the estimator with its own parameters, on whole folds.

    Attributes
    ----------
    evaluation : Evaluation
    folds : WholeFolds
        Measures the default.
    """

    evaluation: Evaluation
    folds: WholeFolds

    @property
    def n_folds(self) -> int:
        """The number of parts into which a candidate can be split."""
        return self.evaluation.n_folds

    def measure_steps(self, work: WorkItem) -> Generator[Progress, None, None]:
        """Yield the progress after each step. A failure of the default is recorded, and never raised."""
        if work.number != DEFAULT_NUMBER:
            return self.evaluation.measure_steps(work)
        return replace(self.folds, task=replace(self.folds.task, error_score=np.nan)).measure_steps(work)


@dataclass(frozen=True, slots=True)
class PlainFit:
    """The final fit of a candidate that was measured on whole folds: one call of ``fit``."""

    def fit(self, estimator: Any, X: Any, y: Any, fit_params: Mapping[str, Any], curve: Sequence[Rung]) -> Any:
        """Fit the winner in place."""
        return estimator.fit(*((X,) if y is None else (X, y)), **fit_params)

    def get_resource_amount(self, curve: Sequence[Rung]) -> None:
        """Return None, because there is no resource."""


def split_fold_rows(estimator: Any, task: Task, fold: Fold) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Return the training and the test rows; of a precomputed kernel, select the columns too."""
    if get_tags(estimator).input_tags.pairwise:
        train = split_rows(estimator, task.X, task.y, fold.train)
        return train, split_rows(estimator, task.X, task.y, fold.test, fold.train)
    return (_take_rows(task.X, fold.train), _take_rows(task.y, fold.train)), take_test_rows(task, fold)


def take_test_rows(task: Task, fold: Fold) -> tuple[Any, Any]:
    """Return the test rows, for data that are not a precomputed kernel."""
    return _take_rows(task.X, fold.test), _take_rows(task.y, fold.test)


def _take_rows(data: Any, rows: np.ndarray) -> Any:
    if data is None:
        return None
    # For arrays, scikit-learn's function does the same after checks for other types.
    return data[rows] if isinstance(data, np.ndarray) else take_rows(data, rows)


def _format_params(params: Mapping[str, Any]) -> str:
    return make_encodable(", ".join(f"{name}={params[name]}" for name in sorted(params)))


def _format_scores(score: FoldScore) -> str:
    if isinstance(score.test, dict):
        train = score.train if isinstance(score.train, dict) else {}
        return "".join(f" {name}: {_format_pair(train.get(name), score.test[name])}" for name in sorted(score.test))
    if score.train is None:
        return f", score={_format_number(score.test)}"
    return f", score={_format_pair(score.train, score.test)}"


def _format_pair(train: Any, test: Any) -> str:
    shown = "" if train is None else f"train={_format_number(train)}, "
    return f"({shown}test={_format_number(test)})"


def _format_number(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, numbers.Number) else str(value)
