"""The final fits of the chosen candidates, the scikit-learn ensemble made of them, and its predictions."""

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import joblib
import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score, r2_score
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_autotune._compat import clock
from sklearn_autotune._compat.types import ArrayLike, MatrixLike
from sklearn_autotune.inference._second_layer import (
    BlendStackingClassifier,
    BlendStackingRegressor,
    BlendVotingClassifier,
    BlendVotingRegressor,
    SecondLayerClassifier,
    SecondLayerRegressor,
)
from sklearn_autotune.inference._table_reader import TableReader
from sklearn_autotune.search._final_fit import average_over_folds
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection._candidates import FAMILY
from sklearn_autotune.selection._cross_fit import CrossFitEvaluation
from sklearn_autotune.selection._ensemble_choice import BlendChoice, ChosenEnsemble
from sklearn_autotune.selection._ranking import make_label
from sklearn_autotune.selection._schedule import TimeReserve
from sklearn_autotune.selection._second_layer import SecondLayer, is_second_layer, uses_passthrough
from sklearn_autotune.storage._artifacts import Artifacts

__all__ = ["FINAL_FIT", "BlendPredictor", "FinalFits", "is_classification_task", "unify_steps"]

FINAL_FIT = "final fit"  # the name of this stage, as it is shown

logger = logging.getLogger(__name__)


class FinalFits:
    """Fits the chosen candidates on all rows, or takes their fold models, as far as time allows.

    Parameters
    ----------
    time_reserve : TimeReserve
    full_fit : CrossFitEvaluation
        Fits models on all rows.
    cross_fit : CrossFitEvaluation
        The evaluation that measured the candidates.
    second_layer : SecondLayer
    rows : ndarray of int
        The rows that the candidates were measured on.
    artifacts : Artifacts, default=None
        Where a stored search keeps what has been fitted.

    Attributes
    ----------
    threshold : float or None
        That of the final model, if the task has thresholds.
    """

    def __init__(
        self,
        time_reserve: TimeReserve,
        full_fit: CrossFitEvaluation,
        cross_fit: CrossFitEvaluation,
        second_layer: SecondLayer,
        rows: np.ndarray,
        artifacts: Artifacts | None = None,
    ) -> None:
        self.time_reserve = time_reserve
        self.full_fit = full_fit
        self.cross_fit = cross_fit
        self.second_layer = second_layer
        self.rows = rows
        self.artifacts = artifacts or Artifacts()
        self.fitted: dict[int, Any] = {}
        self.single_fits: frozenset[int] = frozenset()
        self.threshold: float | None = None
        self._models: dict[tuple[int, bool], Any] = {}

    def fit(
        self,
        chosen: Sequence[tuple[TrialRecord, float]],
        best: TrialRecord,
        single_fits: frozenset[int] = frozenset(),
    ) -> list[tuple[TrialRecord, float]]:
        """Fit candidates, those with the largest weights first. What was fitted before is not fitted again.

        Parameters
        ----------
        chosen : sequence of (TrialRecord, float)
            Chosen candidates and their weights.
        best : TrialRecord
            Best candidate of the first layer, used if there is no time for any chosen one.
        single_fits : frozenset of int, default=frozenset()
            Numbers of the models that are fitted once, on all rows, in place of averaging the folds' models. If there
            is no time, the model of one fold takes their place.

        Returns
        -------
        fitted : list of (TrialRecord, float)
            The chosen candidates that were fitted, or the best one; the weights add up to 1.
        """
        self.single_fits = single_fits
        self.fitted = {
            number: model for (number, is_single), model in self._models.items() if is_single == (number in single_fits)
        }
        fitted = [pair for pair in sorted(chosen, key=lambda pair: -pair[1]) if self._fit_in_time(pair[0])]
        if not fitted:
            self._fit_model(best, is_required=True)
            fitted = [(best, 1.0)]
        total = sum(weight for _, weight in fitted)
        return [(record, weight / total) for record, weight in fitted]

    def fit_within_limits(
        self, choice: BlendChoice, reader: TableReader, X: MatrixLike
    ) -> tuple[ChosenEnsemble, list[tuple[TrialRecord, float]], Any]:
        """Fit what is chosen. If the final model breaks a limit, the next choice is fitted.

        Parameters
        ----------
        choice : BlendChoice
        reader : TableReader
            Fitted.
        X : array-like
            The raw table.

        Returns
        -------
        chosen : ChosenEnsemble
        fitted : list of (TrialRecord, float)
            As of `fit`.
        model : Pipeline or FixedThresholdClassifier
            Reads a raw table and predicts.
        """
        while True:
            chosen = choice.choose()
            fitted = self.fit(chosen.weighted_records, chosen.best_record, chosen.single_fits)
            self.threshold = self._choose_threshold(fitted)
            model = self._make_model(reader, self.assemble(fitted))
            if choice.accepts(chosen, fitted, model, X):
                return chosen, fitted, model

    def _fit_in_time(self, record: TrialRecord) -> bool:
        """Fit a candidate and the base models that it needs; return whether there was time."""
        is_fitted = (
            all(self._fit_in_time(base) for base in self.second_layer.base_records) if is_second_layer(record) else True
        )
        is_fitted = is_fitted and (record.number in self.fitted or self._fit_model(record))
        if not is_fitted:
            logger.info("No time is left to fit %s on all rows: the blend goes without it.", make_label(record))
        return is_fitted

    def _fit_model(self, record: TrialRecord, *, is_required: bool = False) -> bool:
        models = self._fit_or_take_models(record, is_required=is_required)
        if models is None:
            return False
        model = self.cross_fit.average_models(models, record.outcome.artifacts.temperature)
        self.fitted[record.number] = self._models[record.number, record.number in self.single_fits] = model
        return True

    def _fit_or_take_models(self, record: TrialRecord, *, is_required: bool) -> list[Any] | None:
        """Return the models that a candidate's final model averages, or None if there is no time to fit one."""
        result = record.outcome.artifacts
        if is_second_layer(record):
            seconds = float(np.mean([fold.fit_seconds for fold in record.outcome.folds]))
            return self._fit_or_load(record, seconds, lambda: [self.second_layer.fit(record)])
        is_single = record.number in self.single_fits
        if not self.time_reserve.is_refitted(record) and not is_single:
            if not result.has_lost_models:
                return result.models
            seconds = 0.0 if is_required else self.time_reserve.estimate_fit_seconds(record)
            return self._fit_or_load(
                record, seconds, lambda: self.cross_fit.fit_folds_again(record.params, result), is_required=is_required
            )
        seconds = self.time_reserve.cost_model.estimate_refit_seconds(record, len(self.full_fit.targets))
        fit = partial(self._fit_on_all_rows, record)
        fitted = self._fit_or_load(record, seconds, fit, is_required=is_required and not result.models)
        if fitted is not None:
            return fitted
        return result.models[:1] if is_single and result.models else result.models

    def _fit_on_all_rows(self, record: TrialRecord) -> list[Any]:
        family, found = self.full_fit.families[record.params[FAMILY]], record.outcome.artifacts.rounds
        rounds = round(float(np.mean(found))) if found else None
        return [self.full_fit.fit_on(family, record.params, np.arange(len(self.full_fit.targets)), rounds=rounds)]

    def _fit_or_load(
        self, record: TrialRecord, seconds: float, fit: Callable[[], list[Any]], *, is_required: bool = False
    ) -> list[Any] | None:
        """Return what a killed process has fitted, or fit if there is time; None if there is none."""
        bases = [base.params for base in self.second_layer.base_records] if is_second_layer(record) else []
        key = (FINAL_FIT, record.params, bases, record.number in self.single_fits)
        models: list[Any] | None = self.artifacts.load_interim(key)
        if models is None and (is_required or self._has_time(seconds)):
            start = clock.now()
            models = fit()
            if self._has_time(clock.now() - start):  # writing takes time too, but hardly more than fitting
                self.artifacts.save_for_now(key, models)
        return models

    def _has_time(self, seconds: float) -> bool:
        return self.time_reserve.deadline is None or clock.now() + seconds < self.time_reserve.deadline

    def predict_out_of_fold(self, ensemble: Sequence[tuple[TrialRecord, float]]) -> np.ndarray:
        """Return the blend's predictions for each row by models that were not fitted on it; NaN for rows without any.

        Parameters
        ----------
        ensemble : sequence of (TrialRecord, float)
            Candidates and their weights, which add up to 1.

        Returns
        -------
        predictions : ndarray of shape (n_samples, n_classes) or (n_samples,)
        """
        searched = average_over_folds(self.cross_fit.task, self._predict_on_folds(ensemble))
        predictions = np.full((len(self.full_fit.task.y), *searched.shape[1:]), np.nan)
        predictions[self.rows] = searched
        return predictions

    def _predict_on_folds(self, ensemble: Sequence[tuple[TrialRecord, float]]) -> list[np.ndarray]:
        """Return the blend's predictions for the test rows of each fold."""
        models = [self.second_layer.collect_predictions(record, self.cross_fit) for record, _ in ensemble]
        weights = [weight for _, weight in ensemble]
        return [np.tensordot(weights, np.stack(folds), axes=1) for folds in zip(*models, strict=True)]

    def _choose_threshold(self, ensemble: Sequence[tuple[TrialRecord, float]]) -> float | None:
        """Return the threshold that is best for the blend's out-of-fold predictions of all folds together."""
        task, classes = self.cross_fit.task, self.cross_fit.classes
        if task.thresholds is None or classes is None:
            return None
        predicted = zip(task.folds, self._predict_on_folds(ensemble), strict=True)
        kept = {
            fold.number: task.thresholds.keep_probabilities(prediction, classes, fold.number)
            for fold, prediction in predicted
        }
        return task.thresholds.choose_final(task, kept)

    def _make_model(self, reader: TableReader, ensemble: Any) -> Any:
        """Return a model that reads a raw table, and predicts with the threshold if there is one."""
        model, task = Pipeline([("read", reader), ("model", ensemble)]), self.full_fit.task
        thresholds = self.cross_fit.task.thresholds
        if thresholds is None or self.threshold is None:
            return model
        return thresholds.make_classifier(model, self.threshold, task.X, task.y)

    def fit_on_folds(self, ensemble: Sequence[tuple[TrialRecord, float]], reader: TableReader) -> list[Any]:
        """Return the ensemble of each fold, whose models were fitted on its training rows; none if there is no time.

        The models are those that were measured, so that they predict a fold's test rows as `predict_out_of_fold` does.
        Those that were not kept are fitted again.

        Parameters
        ----------
        ensemble : sequence of (TrialRecord, float)
            Candidates and their weights, which add up to 1.
        reader : TableReader
            Reads the raw tables that the ensembles are given.

        Warns
        -----
        UserWarning
            If there is no time.
        """
        bases = self.second_layer.base_records if any(is_second_layer(record) for record, _ in ensemble) else ()
        records = {record.number: record for record in (*bases, *(record for record, _ in ensemble))}
        lost = [record for record in records.values() if not record.outcome.artifacts.models]
        seconds = sum(fold.fit_seconds for record in lost for fold in record.outcome.folds)
        if lost and not self._has_time(seconds):
            warnings.warn(
                "The time limit left no time to fit the chosen models on the folds again, so there is no "
                "fold_estimators_. Give a longer timeout or fewer families.",
                stacklevel=4,
            )
            return []
        models = {number: self._collect_fold_models(record) for number, record in records.items()}
        ensembles = []
        for fold in range(len(self.cross_fit.task.folds)):
            fitted = {number: of_folds[fold] for number, of_folds in models.items() if fold in of_folds}
            weights = dict.fromkeys(fitted, 0.0)
            for record, weight in ensemble:
                # Without a model of the second layer, the mean of those that it uses takes its place.
                present = [record] if record.number in fitted else bases
                for one in present:
                    weights[one.number] += weight / len(present)
            pairs = [(records[number], weight) for number, weight in weights.items() if weight]
            ensembles.append(self._make_model(reader, self.assemble(pairs, fitted)))
        return ensembles

    def _collect_fold_models(self, record: TrialRecord) -> dict[int, Any]:
        """Return a candidate's model of each fold, by number; one of the second layer may have none of the first."""
        result = record.outcome.artifacts
        evaluation = self.second_layer.evaluations.get(record.params[FAMILY], self.cross_fit)
        models = result.models or evaluation.fit_folds_again(record.params, result)
        found = zip(evaluation.task.folds, models, evaluation.list_temperatures(result), strict=True)
        return {fold.number: self.cross_fit.average_models([model], temperature) for fold, model, temperature in found}

    def assemble(self, chosen: Sequence[tuple[TrialRecord, float]], fitted: Mapping[int, Any] | None = None) -> Any:
        """Combine fitted candidates in an ensemble of scikit-learn, without fitting them again.

        Parameters
        ----------
        chosen : sequence of (TrialRecord, float)
        fitted : mapping of int to estimator, default=None
            The models by number; None is those of `fit`.
        """
        fitted = self.fitted if fitted is None else fitted
        unify_steps([model for averaged in fitted.values() for model in averaged.models])
        classes = self.full_fit.classes
        n_columns = self.full_fit.task.X.shape[1]
        y = np.arange(2.0) if classes is None else classes
        placeholder = np.zeros((len(y), n_columns))
        if any(is_second_layer(record) for record, _ in chosen):
            return self._assemble_stacking(chosen, fitted).fit(placeholder, y)
        named_estimators = [(make_label(record), FrozenEstimator(fitted[record.number])) for record, _ in chosen]
        weights = [weight for _, weight in chosen]
        if classes is None:
            return BlendVotingRegressor(named_estimators, weights=weights).fit(placeholder, y)
        return BlendVotingClassifier(named_estimators, voting="soft", weights=weights).fit(placeholder, y)

    def _assemble_stacking(self, chosen: Sequence[tuple[TrialRecord, float]], fitted: Mapping[int, Any]) -> Any:
        base_records = self.second_layer.base_records
        others = [record for record, _ in chosen if not is_second_layer(record)]
        first = [*base_records] + [
            record for record in others if record.number not in {base.number for base in base_records}
        ]
        weights_by_number = {record.number: weight for record, weight in chosen}
        named_estimators = [(make_label(record), FrozenEstimator(fitted[record.number])) for record in first]
        stacked = [
            (weight, uses_passthrough(record), fitted[record.number])
            for record, weight in chosen
            if is_second_layer(record)
        ]
        weights = [weights_by_number.get(record.number, 0.0) for record in first]
        settings: dict[str, Any] = {"cv": "prefit", "passthrough": True}
        if self.full_fit.classes is None:
            second = FrozenEstimator(SecondLayerRegressor(weights, stacked, len(base_records)))
            return BlendStackingRegressor(named_estimators, second, **settings)
        second = FrozenEstimator(
            SecondLayerClassifier(weights, stacked, len(base_records), np.arange(len(self.full_fit.classes)))
        )
        return BlendStackingClassifier(named_estimators, second, stack_method="predict_proba", **settings)


def unify_steps(models: Sequence[Pipeline]) -> None:
    """Replace steps of models, all but the last, by one object if they are equal, so that a blend applies them once.

    Parameters
    ----------
    models : sequence of Pipeline
        Fitted.
    """
    known: dict[str, Any] = {}
    for model in models:
        model.steps = [(name, known.setdefault(joblib.hash(step), step)) for name, step in model.steps[:-1]] + [
            model.steps[-1]
        ]


def is_classification_task(selector: Any) -> bool:
    """Whether a selector is for classification."""
    return bool(selector.task != "regression")


class BlendPredictor:
    """Predicts with the final model of a selector."""

    best_estimator_: Any

    def predict(self, X: MatrixLike) -> np.ndarray:
        """Predict classes, with ``threshold_`` if there is one, or values.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Columns of a DataFrame may come in another order.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return self.best_estimator_.predict(X)

    @available_if(is_classification_task)
    def predict_proba(self, X: MatrixLike) -> np.ndarray:
        """Predict the probabilities of the classes.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)

        Returns
        -------
        y_proba : ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        check_is_fitted(self)
        return self.best_estimator_.predict_proba(X)

    @available_if(is_classification_task)
    def decision_function(self, X: MatrixLike) -> np.ndarray:
        """Return the logarithm of the odds or, for more than two classes, of the probabilities.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes, the log odds of the second one. For more, the logarithms of the probabilities.
        """
        tiny = np.finfo(float).tiny
        logarithms = np.log(np.maximum(self.predict_proba(X), tiny))
        return logarithms[:, 1] - logarithms[:, 0] if logarithms.shape[1] == 2 else logarithms

    def score(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy, or R², on some rows; higher is better.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        score : float
        """
        metric = accuracy_score if is_classification_task(self) else r2_score
        return float(metric(y, self.predict(X), sample_weight=sample_weight))
