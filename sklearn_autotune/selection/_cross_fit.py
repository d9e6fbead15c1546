"""Measuring models of many families on the same folds, keeping what they predict for rows they were not fitted on."""

import time
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from traceback import format_exc
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from sklearn_autotune._compat.sklearn import get_threadpool_controller, take_metadata_rows, take_rows
from sklearn_autotune.boosting._early_stopping import (
    MIN_TIME_SHARE,
    allot_round_seconds,
    clone_with_rounds,
    fit_with_early_stopping,
    get_best_rounds,
    set_prediction_rounds,
)
from sklearn_autotune.evaluation import (
    FixedPredictionsClassifier,
    FixedPredictionsRegressor,
    Fold,
    FoldScore,
    Progress,
    Task,
    WorkItem,
)
from sklearn_autotune.families import Family, Shape, find_parameter_prefix
from sklearn_autotune.selection._candidates import FAMILY, get_settings
from sklearn_autotune.selection._temperature_scaling import apply_temperature, find_temperature
from sklearn_autotune.tables._preparation import make_preparation

__all__ = ["AveragedClassifier", "AveragedRegressor", "CrossFitEvaluation", "CrossFitResult"]


# So many rows are predicted on one thread; more, where threads have enough to do, on as many as there are.
MOST_ROWS_OF_A_THREAD = 100_000


@dataclass(slots=True)
class CrossFitResult:
    """What measuring a candidate leaves for the blend.

    Attributes
    ----------
    predictions : list of ndarray
        For each fold's test rows, probabilities of shape (n_rows, n_classes) or values of shape (n_rows,), as the
        model gave them.
    models : list of Pipeline or None
        The folds' models, if they are to be averaged; None once the candidate is too far behind.
    temperature : float
    rounds : list of int
        What early stopping found on each fold, where there is any.
    """

    predictions: list[np.ndarray] = field(default_factory=list)
    models: list[Any] | None = None
    temperature: float = 1.0
    rounds: list[int] = field(default_factory=list)


@dataclass
class CrossFitEvaluation:
    """Fits a candidate's model on every fold, inside the fold prepared as its family wants it.

    Parameters
    ----------
    task : Task
        X has been read by a `TableReader`; y as the user gave it.
    families : mapping of str to Family
    n_categories : ndarray of int, of shape (n_columns,)
    classes : ndarray of shape (n_classes,) or None
        None in regression.
    seed : int
        For all models.
    max_candidate_seconds : float or None, default=None
        What a candidate whose number of rounds is found may take: its folds end early, each after an equal part.
    estimate_min_seconds : callable or None, default=None
        From a candidate to the seconds that it has to have.
    """

    task: Task
    families: Mapping[str, Family]
    n_categories: np.ndarray
    classes: np.ndarray | None
    seed: int
    max_candidate_seconds: float | None = None
    estimate_min_seconds: Callable[[Mapping[str, Any]], float] | None = field(default=None, repr=False)
    class_codes: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        y = np.asarray(self.task.y)
        self.class_codes = y if self.classes is None else np.searchsorted(self.classes, y)

    @property
    def n_folds(self) -> int:
        """Into how many parts a candidate can be cut: its temperature belongs to all folds, so it cannot."""
        return 1

    def shape(self, n_rows: int) -> Shape:
        """Return what families go by, for so many rows."""
        n_columns = int(np.maximum(1, np.minimum(self.n_categories, 20)).sum())
        n_classes = 2 if self.classes is None else len(self.classes)
        return Shape(n_rows, self.classes is not None, n_columns=n_columns, n_classes=n_classes)

    def steps(self, work: WorkItem) -> Generator[Progress, None, None]:
        """Yield the progress after each fold; scores are of predictions scaled by the temperature found so far."""
        folds = self.task.folds
        family = self.families[work.params[FAMILY]]
        kept = CrossFitResult(models=[] if family.is_bagged or family.rounds is not None else None)
        times: list[tuple[float, float]] = []
        limits: list[float] = []
        if self._is_hopeless(work):
            yield Progress(-1, len(folds), (), is_out_of_time=True)
            return
        for step, fold in enumerate(folds):
            start = time.perf_counter()
            seconds = self._limit(work, times, limits) if family.rounds is not None else None
            limits.append(seconds or 0.0)
            error = self._measure(family, work.params, fold, seconds, kept, times)
            if error is not None:
                failed = FoldScore(float("nan"), None, time.perf_counter() - start, 0.0, error)
                yield Progress(len(folds) - 1, len(folds), (failed,) * len(folds))
                return
            if family.rounds is not None and step + 1 == len(folds):
                self._predict_with_rounds_of_others(kept, times)
                kept.models = kept.models if family.is_bagged else None
            scores = self._scores(kept, folds[: step + 1])
            found = tuple(FoldScore(score, None, *spent) for score, spent in zip(scores, times, strict=True))
            yield Progress(step, len(folds), found, kept=kept, is_out_of_time=self._is_late(family, work, times))

    def _is_hopeless(self, work: WorkItem) -> bool:
        """Whether a candidate would not be over before the deadline, as far as can be foreseen."""
        if work.deadline is None or self.estimate_min_seconds is None:
            return False
        return time.time() + self.estimate_min_seconds(work.params) > work.deadline

    def _is_late(self, family: Family, work: WorkItem, times: Sequence[tuple[float, float]]) -> bool:
        """Whether the next fold would end after the deadline, as the folds before it went."""
        expected = max(sum(spent) for spent in times) * (1.0 if family.rounds is None else MIN_TIME_SHARE)
        return work.deadline is not None and time.time() + expected > work.deadline

    def _limit(self, work: WorkItem, times: Sequence[tuple[float, float]], limits: Sequence[float]) -> float | None:
        """Return how many seconds a fit may take whose number of rounds is found as it goes."""
        if self.max_candidate_seconds is None:
            return None
        left = float("inf") if work.deadline is None else work.deadline - time.time()
        return allot_round_seconds(self.max_candidate_seconds, left, len(self.task.folds), times, limits)

    def _measure(
        self,
        family: Family,
        params: Mapping[str, Any],
        fold: Fold,
        seconds: float | None,
        kept: CrossFitResult,
        times: list[tuple[float, float]],
    ) -> str | None:
        """Fit and predict on one fold, and keep what comes out; return the traceback if that failed."""
        start = time.perf_counter()
        X_test = take_rows(self.task.X, fold.test)
        try:
            model = self.fit_on(family, params, fold.train, early_stopping_rows=fold.test, seconds=seconds)
            fitted = time.perf_counter()
            with _on_one_thread():
                prediction = predict(model, X_test, self.classes)
            if not np.isfinite(prediction).all():
                raise ValueError("The predictions are not all finite.")
        except (Exception, SystemExit):
            if self.task.error_score == "raise":
                raise
            return format_exc()
        times.append((fitted - start, time.perf_counter() - fitted))
        kept.predictions.append(prediction.astype(np.float32))
        if family.rounds is not None:
            kept.rounds.append(get_best_rounds(model[-1]))
        if kept.models is not None:
            kept.models.append(model)
        return None

    def _predict_with_rounds_of_others(self, kept: CrossFitResult, times: list[tuple[float, float]]) -> None:
        """Predict each fold's test rows with as many rounds as were best, on average, on the other folds.

        With those that were best on the rows themselves, scores would be too good by several percent on small tables.
        What was predicted before was a part of finding the rounds.
        """
        for place, (fold, model) in enumerate(zip(self.task.folds, kept.models or (), strict=True)):
            start = time.perf_counter()
            others = [rounds for other, rounds in enumerate(kept.rounds) if other != place] or kept.rounds
            # Early stopping ended this fold soon after its own best number of rounds: there may be fewer than that.
            set_prediction_rounds(model[-1], round(np.mean(others)))
            prediction = predict(model, take_rows(self.task.X, fold.test), self.classes)
            kept.predictions[place] = prediction.astype(np.float32)
            times[place] = (sum(times[place]), time.perf_counter() - start)

    def _scores(self, kept: CrossFitResult, folds: Sequence[Fold]) -> list[float]:
        """Score the predictions for some folds, at the temperature that is best for all of them."""
        predictions = kept.predictions
        if self.classes is not None:
            rows = np.concatenate([fold.test for fold in folds])
            weight = self._weight(rows, self.task.score_params)
            kept.temperature = find_temperature(np.concatenate(predictions), self.class_codes[rows], weight)
            predictions = [apply_temperature(values, kept.temperature) for values in predictions]
        return [self.score(values, fold.test) for values, fold in zip(predictions, folds, strict=True)]

    def score(self, prediction: np.ndarray, rows: np.ndarray) -> float:
        """Return what the scorer makes of predictions for some rows; higher is better."""
        shown = np.zeros((len(rows), 1))
        params = take_metadata_rows(self.task.X, params=self.task.score_params, indices=rows)
        y = take_rows(self.task.y, rows)
        return float(self.task.scorer(self._grown(shown, prediction), shown, y, **params))

    def _grown(self, shown: np.ndarray, prediction: np.ndarray) -> Any:
        if self.classes is None:
            return FixedPredictionsRegressor(shown, prediction, _only_known_rows)
        binary = prediction[:, 1] if prediction.shape[1] == 2 else prediction
        return FixedPredictionsClassifier(shown, binary, _only_known_rows, self.classes)

    def _weight(self, rows: np.ndarray, params: Mapping[str, Any]) -> np.ndarray | None:
        weight = params.get("sample_weight")
        return None if weight is None else np.asarray(weight, dtype=float)[rows]

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
        early_stopping_rows : ndarray of int or None, default=None
            Where a family stops early: the rows to go by.
        seconds : float or None, default=None
            Where a family stops early: for how long rounds may be added.
        rounds : int or None, default=None
            Else, how many rounds there are to be.

        Returns
        -------
        model : Pipeline
            The preparation and the model; it predicts the places of classes.
        """
        X, y = take_rows(self.task.X, rows), self.class_codes[rows]
        model = self.make(family, params, len(rows))
        preparation = make_preparation(family.columns, self.n_categories, len(rows), self.classes is not None)
        weight = self._weight(rows, self.task.fit_params)
        fit_params: dict[str, Any] = (
            {} if weight is None or not has_fit_parameter(model, "sample_weight") else {"sample_weight": weight}
        )
        with warnings.catch_warnings(), _on_one_thread():
            # A model that has not converged shows in its score.
            warnings.simplefilter("ignore")
            prepared = preparation.fit_transform(X, y)
            if family.columns == "native":
                fit_params |= _tell_categories(model, preparation, self.n_categories, prepared.shape[1])
            if family.rounds is not None and early_stopping_rows is not None:
                seen = preparation.transform(take_rows(self.task.X, early_stopping_rows))
                seen = (seen, self.class_codes[early_stopping_rows])
                fit_with_early_stopping(model, prepared, y, seen, seconds=seconds, fit_params=fit_params)
            else:
                if rounds is not None:
                    model = clone_with_rounds(model, rounds)
                model.fit(prepared, y, **fit_params)
        return Pipeline([("columns", preparation), ("model", model)])

    def make(self, family: Family, params: Mapping[str, Any], n_rows: int) -> Any:
        """Make a candidate's model."""
        model = family.make(self.shape(n_rows))  # type: ignore[misc]
        prefix = find_parameter_prefix(family, model)
        settings = {prefix + name: value for name, value in get_settings(params).items()}
        seeds = [name for name in model.get_params() if name == "random_state" or name.endswith("__random_state")]
        return model.set_params(**clone(settings, safe=False), **dict.fromkeys(seeds, self.seed))


def _on_one_thread() -> Any:
    """Keep histogram gradient boosting to one thread of OpenMP, as other boosters are by their parameters.

    It has no parameter for it, and on a few thousand rows threads are no help. On processors that have something else
    to do they wait for each other, as scikit-learn's issue 30662 tells: a fit of 0.3 seconds took 13, predicting one
    row 6 seconds in place of 0.02.
    """
    return get_threadpool_controller().limit(limits=1, user_api="openmp")


def _only_known_rows(X: Any) -> Any:
    raise ValueError("This scorer asks for predictions of other rows than those to be scored.")


def _tell_categories(model: Any, preparation: Any, n_categories: np.ndarray, n_columns: int) -> dict[str, Any]:
    """Tell a model which of its columns hold categories; return what its ``fit`` is to be told."""
    kept = preparation.transformers_[0][2]
    class_codes = np.flatnonzero(n_categories[kept] > 0)
    params = model.get_params()
    if not len(class_codes):
        return {}
    if "categorical_features" in params:
        model.set_params(categorical_features=class_codes)
    elif "feature_types" in params:
        model.set_params(feature_types=["c" if place in class_codes else "q" for place in range(n_columns)])
    elif has_fit_parameter(model, "categorical_feature"):
        return {"categorical_feature": class_codes.tolist()}
    return {}


def predict(model: Any, X: Any, classes: np.ndarray | None) -> np.ndarray:
    """Return a model's values, or its probabilities with a column for each class, those it has not seen too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # categories that were not seen are expected
        if classes is None:
            return np.asarray(model.predict(X), dtype=float).reshape(len(X))
        found = np.asarray(model.predict_proba(X), dtype=float)
    seen = np.asarray(model[-1].classes_, dtype=int)
    if len(seen) == len(classes):
        return found
    whole = np.zeros((len(found), len(classes)))
    whole[:, seen] = found
    return whole


class _Member(BaseEstimator):
    """Models that are fitted already, averaged."""

    def __init__(self, models: Sequence[Any]) -> None:
        self.models = models

    def fit(self, X: Any, y: Any = None) -> "_Member":
        """Do nothing: the models are fitted."""
        return self

    def _mean(self, X: Any, classes: np.ndarray | None) -> np.ndarray:
        with _on_one_thread() if len(X) <= MOST_ROWS_OF_A_THREAD else nullcontext():
            return np.mean([predict(model, X, classes) for model in self.models], axis=0)

    def __sklearn_is_fitted__(self) -> bool:
        return True


class AveragedClassifier(ClassifierMixin, _Member):
    """Fitted classifiers averaged, their probabilities scaled by a temperature.

    Parameters
    ----------
    models : sequence of Pipeline
    temperature : float
    classes : ndarray of int
        The places of the classes.
    """

    def __init__(self, models: Sequence[Any], temperature: float, classes: np.ndarray) -> None:
        super().__init__(models)
        self.temperature = temperature
        self.classes = classes

    @property
    def classes_(self) -> np.ndarray:
        """The places of the classes."""
        return self.classes

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the scaled mean of the models' probabilities, of shape (n_rows, n_classes)."""
        return apply_temperature(self._mean(X, self.classes), self.temperature)

    def predict(self, X: Any) -> np.ndarray:
        """Return the place of the most probable class."""
        return self.classes[self.predict_proba(X).argmax(axis=1)]


class AveragedRegressor(RegressorMixin, _Member):
    """Fitted regressors averaged."""

    def predict(self, X: Any) -> np.ndarray:
        """Return the mean of what the models predict."""
        return self._mean(X, None)
