"""Measures models of many families on the same folds and keeps their out-of-fold predictions."""

import time
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from sklearn_autotune._compat import clock
from sklearn_autotune._compat.boosters import declare_categories
from sklearn_autotune._compat.boosters._scikit_learn import cannot_draw_validation_rows
from sklearn_autotune._compat.free_memory import release_mapped_pages, return_free_memory
from sklearn_autotune._compat.sklearn import (
    find_weight_parameter,
    is_rank_scorer,
    limit_to_one_thread,
    take_rows,
)
from sklearn_autotune.boosting._early_stopping import (
    MIN_TIME_SHARE,
    allot_round_seconds,
    clone_with_rounds,
    drop_training_data,
    fit_with_early_stopping,
    get_best_rounds,
    hold_out_rows,
    set_prediction_rounds,
)
from sklearn_autotune.evaluation import (
    Failure,
    Fold,
    FoldScore,
    Progress,
    Scored,
    Task,
    WorkItem,
    attempt,
    average_folds,
    score_predictions,
)
from sklearn_autotune.evaluation._base import is_forward
from sklearn_autotune.evaluation._metric import rewards_mean
from sklearn_autotune.families import Family, find_parameter_prefix
from sklearn_autotune.inference._averaging import AveragedClassifier, AveragedRegressor, predict_all_classes
from sklearn_autotune.inference._encoding import LabelEncodingClassifier, label_classes
from sklearn_autotune.inference._target_transform import TransformedTarget
from sklearn_autotune.inference._temperature_scaling import apply_temperature, find_temperature
from sklearn_autotune.objectives._costs import PredictSeconds
from sklearn_autotune.selection._candidates import (
    FAMILY,
    CrossFitResult,
    make_table_shape,
    split_target_transform,
    uses_generated,
)
from sklearn_autotune.tables._inner_folds import InnerFolds, use_inner_folds
from sklearn_autotune.tables._own_early_stopping import divide_as_model, limit_training
from sklearn_autotune.tables._preparation import prepare_rows
from sklearn_autotune.tables._prepared_rows import PreparedRows
from sklearn_autotune.tables._shared_steps import FittedSteps, SharedSteps, find_texts

__all__ = ["N_TABLE_COPIES", "CrossFitEvaluation"]

# The share of the training rows that early stopping gets if it can use none of a fold's test rows, and histogram
# gradient boosting cannot draw its own: rows of the rarest classes stay in training.
EARLY_STOPPING_SHARE = 0.1

LARGE_CELLS = 1_000_000  # rows times columns

# How many times the size of the table a fit takes at least: two thirds of the rows as they are prepared, with the
# table's own and one more copy of them. LightGBM took 3.0 times the size of the training rows, XGBoost 3.1.
N_TABLE_COPIES = 2.0


@dataclass
class CrossFitEvaluation:
    """Fits a candidate's model on every fold and scores its out-of-fold predictions.

    The columns are prepared inside each fold, in the way that the family needs.

    Parameters
    ----------
    task : Task
        X as a `TableReader` returns it; y as the user passed it.
    families : mapping of str to Family
    n_categories : ndarray of int, of shape (n_columns,)
        As `ColumnEncoder` has them.
    classes : ndarray of shape (n_classes,) or None
        None in regression.
    seed : int
        Random state of all models.
    max_candidate_seconds : float or None, default=None
        Time limit of a candidate with early stopping: each fold ends after an equal part of it.
    estimate_min_seconds : callable or None, default=None
        Estimates the seconds below which a candidate is not worth starting.
    averages_folds : bool, default=True
        Whether the final model of a bagged family averages the folds' models. Otherwise it is fitted on all rows.
    reads_texts : bool, default=True
        Whether models get columns of texts.
    predict_seconds : PredictSeconds, default=PredictSeconds(n_calls=2)
        Measures in how many seconds the model of the last fold predicts a row. Without limits, few calls are enough.
    inner : InnerFolds, default=InnerFolds()
        How training rows are divided once more. With folds that follow time, it has the times.

    Attributes
    ----------
    steps : SharedSteps
    targets : ndarray of shape (n_rows,)
        What models are fitted on: codes of the classes, or the values of y.
    is_forward : bool
        Whether the folds follow time. Then what is learnt for a fold from other folds comes from earlier ones.
    """

    task: Task
    families: Mapping[str, Family]
    n_categories: np.ndarray
    classes: np.ndarray | None
    seed: int
    max_candidate_seconds: float | None = None
    estimate_min_seconds: Callable[[Mapping[str, Any]], float] | None = field(default=None, repr=False)
    averages_folds: bool = True
    reads_texts: bool = True
    predict_seconds: PredictSeconds = field(default_factory=partial(PredictSeconds, n_calls=2))
    inner: InnerFolds = field(default_factory=InnerFolds)
    steps: SharedSteps = field(init=False, repr=False)
    targets: np.ndarray = field(init=False, repr=False)
    is_forward: bool = field(init=False)

    def __post_init__(self) -> None:
        y = np.asarray(self.task.y)
        self.targets = y if self.classes is None else np.searchsorted(self.classes, y)
        self.is_forward = is_forward(self.task.folds)
        texts = find_texts(self.n_categories) if self.reads_texts else []
        self.steps = SharedSteps(self.task.X, self.n_categories, texts, self.classes is not None, self.inner)

    @property
    def is_large(self) -> bool:
        """Whether copies of the table are worth avoiding."""
        return bool(self.task.X.size >= LARGE_CELLS)

    @property
    def n_folds(self) -> int:
        """Number of parts that can be measured apart: one, since the temperature is found on all folds together."""
        return 1

    def can_generate(self, timeout: float | None) -> bool:
        """Whether columns can be generated in a small part of the timeout: for any fold, or the first one in time."""
        family = next(iter(self.families.values()))
        parts = [self._select_rows(family, fold.train) for fold in self.task.folds[: 1 if self.is_forward else None]]
        return self.steps.can_generate([(rows, y) for rows, _, y in parts], timeout)

    def measure_steps(self, work: WorkItem) -> Generator[Progress, None, None]:
        """Yield the progress after each fold, scored on predictions scaled by the temperature found so far."""
        folds = self.task.folds
        family = self.families[work.params[FAMILY]]
        result = CrossFitResult(models=[] if family.is_bagged or family.rounds is not None else None)
        times: list[tuple[float, float]] = []
        limits: list[float] = []
        step_means: tuple[float, ...] = ()  # temperature and rounds change with each fold, and so do all scores
        if self._would_miss_deadline(work):
            yield Progress(-1, len(folds), (), is_out_of_time=True)
            return
        for step in range(len(folds)):
            start = time.perf_counter()
            measured, error = attempt(
                partial(self._measure_fold, family, work, step, result, times, limits), self.task.error_score
            )
            scores = [Scored(float("nan"), error, Failure.FIT)] if measured is None else measured
            failed = next((scored for scored in scores if scored.error is not None), None)
            if failed is not None:
                seconds = time.perf_counter() - start
                fold_score = FoldScore(failed.score, None, seconds, 0.0, failed.error, failed.failure)
                yield Progress(len(folds) - 1, len(folds), (fold_score,) * len(folds), step_means=step_means)
                return
            fold_scores = tuple(
                FoldScore(scored.score, None, *spent, row_values=scored.row_values)
                for scored, spent in zip(scores, times, strict=True)
            )
            is_out_of_time = self._is_out_of_time(family, work, times)
            progress = Progress(step, len(folds), fold_scores, artifacts=result, is_out_of_time=is_out_of_time)
            yield replace(progress, step_means=step_means)
            step_means = (*step_means, average_folds(fold_scores, None))

    def _would_miss_deadline(self, work: WorkItem) -> bool:
        """Whether the estimate says that a candidate would end after the deadline."""
        if work.deadline is None or self.estimate_min_seconds is None:
            return False
        return clock.now() + self.estimate_min_seconds(work.params) > work.deadline

    def _is_out_of_time(self, family: Family, work: WorkItem, times: Sequence[tuple[float, float]]) -> bool:
        """Whether the next fold would end after the deadline if it took as long as the slowest so far."""
        expected = max(sum(spent) for spent in times) * (1.0 if family.rounds is None else MIN_TIME_SHARE)
        return work.deadline is not None and clock.now() + expected > work.deadline

    def _compute_time_limit(
        self, work: WorkItem, times: Sequence[tuple[float, float]], limits: Sequence[float]
    ) -> float | None:
        """Return the time limit of one fit with early stopping, or None."""
        if self.max_candidate_seconds is None:
            return None
        left = float("inf") if work.deadline is None else work.deadline - clock.now()
        return allot_round_seconds(self.max_candidate_seconds, left, len(self.task.folds), times, limits)

    def _measure_fold(
        self,
        family: Family,
        work: WorkItem,
        step: int,
        result: CrossFitResult,
        times: list[tuple[float, float]],
        limits: list[float],
    ) -> list[Scored]:
        """Fit and predict on the next fold, add predictions and times, and return the scores of all folds so far.

        Whatever fails here, the fit, the predictions or the scorer, costs this candidate alone. The times leave out the
        steps that all candidates share.
        """
        folds = self.task.folds
        self.fit_shared_steps(family, work.params, folds[step].train)
        start = time.perf_counter()
        seconds = self._compute_time_limit(work, times, limits) if family.rounds is not None else None
        limits.append(seconds or 0.0)
        fold = folds[step]
        if family.rounds is not None and self.is_forward and step == 0:
            result.rounds_before = self._find_rounds_within(family, work.params, fold.train, seconds)
        model = self.fit_on(family, work.params, fold.train, early_stopping_rows=fold.test, seconds=seconds)
        fitted = time.perf_counter()
        with limit_to_one_thread():
            prediction = predict_all_classes(model, take_rows(self.task.X, fold.test), self.classes)
        if not np.isfinite(prediction).all():
            raise ValueError("The predictions are not all finite.")
        times.append((fitted - start, time.perf_counter() - fitted))
        result.predictions.append(prediction)
        if family.rounds is not None:
            result.rounds.append(get_best_rounds(_get_booster(model)))
        if result.models is not None:
            drops = self.is_large and family.rounds is not None
            result.models.append(drop_training_data(model, _get_booster(model)) if drops else model)
        if family.rounds is not None and step + 1 == len(folds):
            self._predict_with_other_folds_rounds(result, times)
            result.models = result.models if family.is_bagged else None
        if step + 1 == len(folds):
            averaged = self.average_models([model], result.temperature)
            result.seconds_per_row = -self.predict_seconds(averaged, take_rows(self.task.X, fold.test))
            result.measure_size(averaged)
        release_mapped_pages(self.task.X)
        return self._score_folds(result, folds[: step + 1])

    def _predict_with_other_folds_rounds(self, result: CrossFitResult, times: list[tuple[float, float]]) -> None:
        """Predict each fold's test rows with as many rounds as were best, on average, on the other folds.

        With the number of rounds that was best on the rows themselves, scores would be too good, by several percent on
        small tables. If the folds follow time, the other folds are the earlier ones. The time of the first prediction
        counts as fitting: early stopping needed it.
        """
        for index, (fold, model) in enumerate(zip(self.task.folds, result.models or (), strict=True)):
            start = time.perf_counter()
            self._set_rounds(model, result, index)
            result.predictions[index] = predict_all_classes(model, take_rows(self.task.X, fold.test), self.classes)
            times[index] = (sum(times[index]), time.perf_counter() - start)

    def _score_folds(self, result: CrossFitResult, folds: Sequence[Fold]) -> list[Scored]:
        """Score the predictions of the first folds, scaled by the temperature that is best for all of them together.

        Where the score depends on the order of the predictions alone, it is that of the predictions as they are. Once
        all folds are measured, what the task's row keeper keeps is there too.
        """
        predictions = result.predictions
        if self.classes is not None:
            result.temperature = self._find_temperature(predictions)
            if not is_rank_scorer(self.task.scorer):
                predictions = self.scale_predictions(result)
        is_last = len(folds) == len(self.task.folds)
        return [
            self.score(values, fold.test, fold.number if is_last else None)
            for values, fold in zip(predictions, folds, strict=True)
        ]

    def scale_predictions(self, result: CrossFitResult) -> list[np.ndarray]:
        """Return a candidate's predictions for the folds measured so far, scaled by its temperature."""
        if self.classes is None:
            return result.predictions
        temperatures = self.list_temperatures(result)
        return [apply_temperature(*pair) for pair in zip(result.predictions, temperatures, strict=True)]

    def list_temperatures(self, result: CrossFitResult) -> list[float]:
        """Return the temperature of each fold measured so far: the candidate's.

        If the folds follow time, it is that of the earlier folds; 1 for the first.
        """
        n_folds = len(result.predictions)
        if not self.is_forward:
            return [result.temperature] * n_folds
        return [self._find_temperature(result.predictions[:fold]) if fold else 1.0 for fold in range(n_folds)]

    def _find_temperature(self, predictions: Sequence[np.ndarray]) -> float:
        """Return the temperature that is best for the predictions of the first folds."""
        rows = np.concatenate([fold.test for fold in self.task.folds[: len(predictions)]])
        weight = self._take_weights(rows, self.task.score_params)
        return find_temperature(np.concatenate(predictions), self.targets[rows], weight)

    def score(self, prediction: np.ndarray, rows: np.ndarray, fold_number: int | None = None) -> Scored:
        """Score predictions for some rows with the task's scorer; with a fold's number, keep what is kept of them."""
        scored = score_predictions(self.task, prediction, rows, self.classes, fold_number)
        if isinstance(scored.score, dict):
            raise TypeError(f"AutoModelSelector takes one score, and scoring returned {', '.join(scored.score)}.")
        return scored

    def average_models(self, models: Sequence[Any], temperature: float) -> Any:
        """Return the model that averages the predictions of fitted models."""
        if self.classes is None:
            return AveragedRegressor(models)
        return AveragedClassifier(models, temperature, np.arange(len(self.classes)))

    def _take_weights(self, rows: np.ndarray, params: Mapping[str, Any]) -> np.ndarray | None:
        weight = params.get("sample_weight")
        return None if weight is None else np.asarray(weight, dtype=float)[rows]

    def _set_rounds(self, model: Pipeline, result: CrossFitResult, fold: int) -> None:
        """Let a fold's model predict with as many rounds as were best, on average, on the other folds."""
        if self.is_forward:
            before = [] if result.rounds_before is None else [result.rounds_before]
            others = [*before, *result.rounds[:fold]] or result.rounds[:1]
        else:
            others = [found for other, found in enumerate(result.rounds) if other != fold] or result.rounds
        # The fold may have fewer rounds: early stopping ended it soon after its own best number.
        set_prediction_rounds(_get_booster(model), round(np.mean(others)))

    def _find_rounds_within(
        self, family: Family, params: Mapping[str, Any], rows: np.ndarray, seconds: float | None
    ) -> int | None:
        """Return the number of rounds that early stopping finds on the last of these rows; None of too few rows."""
        n_last = round(EARLY_STOPPING_SHARE * len(rows))
        if not n_last:
            return None
        first, last = rows[:-n_last], rows[-n_last:]
        if self.classes is not None and len(np.unique(self.targets[first])) < 2:
            return None
        model = self.fit_on(family, params, first, early_stopping_rows=last, seconds=seconds)
        return get_best_rounds(_get_booster(model))

    def fit_folds_again(self, params: Mapping[str, Any], result: CrossFitResult) -> list[Pipeline]:
        """Fit the models of all folds again, as they were when the candidate was measured."""
        family = self.families[params[FAMILY]]
        models = [self.fit_on(family, params, fold.train, early_stopping_rows=fold.test) for fold in self.task.folds]
        for index, model in enumerate(models if family.rounds is not None else ()):
            self._set_rounds(model, result, index)
        return models

    # -- fitting -------------------------------------------------------------------------------------------------------

    def fit_on(
        self,
        family: Family,
        params: Mapping[str, Any],
        rows: np.ndarray,
        *,
        early_stopping_rows: np.ndarray | None = None,
        seconds: float | None = None,
        rounds: int | None = None,
    ) -> Pipeline:
        """Fit a candidate's model on some rows.

        Parameters
        ----------
        family : Family
        params : mapping of str to object
            A candidate.
        rows : ndarray of int
            They may lack classes; the model gives those the probability 0.
        early_stopping_rows : ndarray of int or None, default=None
            Rows whose score decides about early stopping, if the family stops early.
        seconds : float or None, default=None
            Time limit for adding rounds, if the family stops early.
        rounds : int or None, default=None
            Number of rounds if there is no early stopping.

        Returns
        -------
        model : Pipeline
            Shared steps, the preparation and the model; a classifier predicts class codes.
        """
        rows, present_classes, y = self._select_rows(family, rows)
        generates = uses_generated(family, params)
        steps = self.steps.fit(rows, y, screens=family.screens, generates=generates, takes_numbers=False)
        model = self.make_model(family, params, y, is_classification=present_classes is not None)
        weight_name = find_weight_parameter(model)
        weight = None if weight_name is None else self._take_weights(rows, self.task.fit_params)
        with warnings.catch_warnings(), limit_to_one_thread():
            # A model that has not converged shows in its score.
            warnings.simplefilter("ignore")
            settings: dict[str, Any] = {
                "is_classification": self.classes is not None,
                "folds": self.inner.draw(rows, y),
            }
            preparation, X = prepare_rows(family.columns, steps, self.task.X, rows, y, **settings)
            train = PreparedRows(X, y, weight)
            steps = replace(steps, X=None)  # takes as much memory as the training rows
            del X  # so that they can be let go
            fit_params: dict[str, Any] = {}
            if family.columns == "native":
                columns = preparation.transformers_[0][2]
                categorical = np.flatnonzero(steps.n_categories[columns] > 0)
                fit_params = declare_categories(model, categorical, train.X.shape[1])
            limit_training(model, train, self.inner, rows, self.seed)
            stop = None
            if family.rounds is not None and early_stopping_rows is not None:
                stop = self._prepare_known_rows(steps, preparation, early_stopping_rows, present_classes)
            holds_out = cannot_draw_validation_rows(model, y) if stop is None else not len(stop.y)
            if holds_out:
                train, stop = self._hold_out(train, rows)
                if not len(stop.y) and cannot_draw_validation_rows(model, y):  # no class has a second row
                    model, stop = model.set_params(early_stopping=False), None
            elif self.is_large and stop is None:
                train, stop = divide_as_model(model, train)
            release_mapped_pages(self.task.X)
            if weight_name is not None and train.weight is not None:
                fit_params = fit_params | {weight_name: train.weight}
            if stop is not None and family.rounds is not None:
                fit_with_early_stopping(
                    model, train.X, train.y, (stop.X, stop.y), seconds=seconds, fit_params=fit_params
                )
            else:
                model = model if rounds is None else clone_with_rounds(model, rounds)
                if stop is not None:
                    fit_params |= {"X_val": stop.X, "y_val": stop.y, "sample_weight_val": stop.weight}
                if isinstance(model, TransformedTarget):
                    fit_params["inner_folds"] = self.inner.draw(rows, y, model.n_folds)
                with use_inner_folds(model, self.inner, rows, y):
                    model.fit(train.X, train.y, **fit_params)
        if self.is_large:
            return_free_memory()
        if present_classes is not None and (holds_out or len(present_classes) < len(self.classes)):  # type: ignore[arg-type]
            model = label_classes(model, present_classes)
        return Pipeline([*steps.steps, ("columns", preparation), ("model", model)])

    def fit_shared_steps(self, family: Family, params: Mapping[str, Any], rows: np.ndarray) -> None:
        """Fit the steps that families share on some rows, so that they are ready for the next fit."""
        generates = uses_generated(family, params)
        if self.steps.are_needed(screens=family.screens, generates=generates):
            rows, _, y = self._select_rows(family, rows)
            self.steps.fit(rows, y, screens=family.screens, generates=generates)

    def _select_rows(self, family: Family, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        """Return the rows that a model of the family can be fitted on, their classes, and the target.

        The target of a classification numbers the classes among these rows, as XGBoost needs it.
        """
        y = self.targets[rows]
        if self.classes is None:
            return rows, None, y
        present_classes, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
        has_enough_rows = counts >= family.min_class_rows
        if has_enough_rows.all() or has_enough_rows.sum() < 2:
            return rows, present_classes, codes
        return self._select_rows(family, rows[has_enough_rows[codes]])

    def _prepare_known_rows(
        self, steps: FittedSteps, preparation: Any, rows: np.ndarray, present_classes: np.ndarray | None
    ) -> PreparedRows:
        """Prepare rows for early stopping, without those of classes that the model does not know."""
        y = self.targets[rows]
        if present_classes is not None:
            is_known = np.isin(y, present_classes)
            rows, y = rows[is_known], np.searchsorted(present_classes, y[is_known])
        X = preparation.transform(steps.transform(take_rows(self.task.X, rows))) if len(rows) else np.empty((0, 0))
        return PreparedRows(X, y, None)

    def _hold_out(self, train: PreparedRows, rows: np.ndarray) -> tuple[PreparedRows, PreparedRows]:
        """Divide the rows into those for training and those for early stopping: groups, the last, or random ones."""
        codes = np.zeros(len(rows), dtype=int) if self.classes is None else train.y
        is_held_out = self.inner.hold_out(rows, codes, EARLY_STOPPING_SHARE, self.seed)
        if not is_held_out.any():
            is_held_out[hold_out_rows(codes, EARLY_STOPPING_SHARE, self.seed)] = True
        return train.split(is_held_out)

    def make_model(self, family: Family, params: Mapping[str, Any], y: np.ndarray, *, is_classification: bool) -> Any:
        """Make the unfitted model of a candidate for a training part with this target."""
        shape = make_table_shape(len(y), n_categories=self.n_categories, classes=self.classes)
        shape = family.adapt_shape(shape)
        if is_classification:
            shape = replace(shape, rarest_class_rows=int(np.bincount(y).min()))
        model = family.make(shape)  # type: ignore[misc]
        prefix = find_parameter_prefix(family, model)
        transform, own = split_target_transform(params, model, prefix)
        settings = {prefix + name: value for name, value in own.items()}
        model.set_params(**clone(settings, safe=False))
        if transform is not None:
            model = TransformedTarget(model, transform, smears=rewards_mean(self.task.scorer))
        seeds = [name for name in model.get_params() if name == "random_state" or name.endswith("__random_state")]
        return model.set_params(**dict.fromkeys(seeds, self.seed))


def _get_booster(model: Pipeline) -> Any:
    return model[-1].model_ if isinstance(model[-1], LabelEncodingClassifier) else model[-1]
