"""The final fits of a search: the winner on all rows and, if wanted, on the training rows of each fold."""

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from types import MappingProxyType
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier

from sklearn_autotune._compat.sklearn import take_metadata_rows
from sklearn_autotune._compat.types import Estimator
from sklearn_autotune.evaluation import FinalFit, PlainFit, Rung, Task
from sklearn_autotune.evaluation._base import get_positions
from sklearn_autotune.evaluation._whole_folds import split_fold_rows

__all__ = [
    "ESTIMATORS",
    "average_over_folds",
    "check_keep",
    "choose_final_threshold",
    "fit_final_models",
    "fit_on_folds",
    "fit_winner",
    "make_fold_attributes",
    "predict_out_of_fold",
    "read_keep",
]

ESTIMATORS = "estimators"
KEPT_METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function")


def fit_final_models(
    search: Any,
    task: Task,
    final_fit: FinalFit,
    curve: Sequence[Rung],
    kept_rows: Mapping[int, np.ndarray],
    kept_models: Sequence[str],
    root: Any,
    callback_arguments: Mapping[str, Any],
) -> None:
    """Fit the winner on all rows and on the folds, as far as the search asks for it, and set its attributes.

    Parameters
    ----------
    search : OptunaSearchCV
        With ``best_params_``.
    task : Task
    final_fit : FinalFit
    curve : sequence of Rung
        What the winner scored on each rung.
    kept_rows : mapping of int to ndarray
        What was kept of the winner's test rows, by fold.
    kept_models : sequence of str
        What `read_keep` has returned.
    root : CallbackContext or None
        That of the search.
    callback_arguments : mapping of str to object
        What the callbacks are called with.
    """

    def make_winner() -> Any:  # parameters may be estimators, of which each fit gets copies
        return clone(search.estimator).set_params(**clone(search.best_params_, safe=False))

    if curve:
        search.best_resource_ = final_fit.get_resource_amount(curve)
    else:  # the default, which is measured without the resource, is fitted without it too
        final_fit = PlainFit()
    if task.thresholds is not None:
        search.threshold_ = choose_final_threshold(make_winner(), task, final_fit, curve, kept_rows)
    if search.refit:
        context = None if root is None else root.subcontext(task_name="refit-with-best-params")
        best = make_winner()
        search.refit_time_ = fit_winner(best, task, final_fit, curve, context, callback_arguments)
        search.best_estimator_ = _set_threshold(best, task, search)
        if hasattr(best, "feature_names_in_"):
            search.feature_names_in_ = best.feature_names_in_
        if context is not None:
            context.call_on_fit_task_end(**callback_arguments)
    if kept_models:
        models = [_set_threshold(model, task, search) for model in fit_on_folds(make_winner(), task, final_fit, curve)]
        for name, value in make_fold_attributes(models, task, kept_models).items():
            setattr(search, name, value)


def _set_threshold(fitted: Any, task: Task, search: Any) -> Any:
    thresholds = task.thresholds
    return fitted if thresholds is None else thresholds.make_classifier(fitted, search.threshold_, task.X, task.y)


def fit_winner(
    estimator: Estimator,
    task: Task,
    final_fit: FinalFit,
    curve: Sequence[Rung],
    context: Any = None,
    callback_arguments: Mapping[str, Any] = MappingProxyType({}),
) -> float:
    """Fit the winner in place on all rows; an exception is raised to the user.

    Parameters
    ----------
    estimator : estimator
        With the winner's parameters.
    task : Task
    final_fit : FinalFit
    curve : sequence of Rung
        What the winner scored on each rung.
    context : CallbackContext or None, default=None
        Of the final fit; its end is called once the winner is on the search. None before scikit-learn 1.9, and for a
        search without scikit-learn's callbacks.
    callback_arguments : mapping of str to object, default={}
        What the callbacks are called with.

    Returns
    -------
    seconds : float
    """
    start = time.perf_counter()
    with nullcontext() if context is None else context.propagate_callback_context(estimator):
        if context is not None:
            context.call_on_fit_task_begin(**callback_arguments)
        final_fit.fit(estimator, task.X, task.y, take_metadata_rows(task.X, task.fit_params), curve)
    return time.perf_counter() - start


def read_keep(keep: str | Sequence[str] | None, known: Sequence[str] = (*KEPT_METHODS, ESTIMATORS)) -> list[str]:
    """Return what is to be kept of the winner on the folds, without repetitions.

    Raises
    ------
    ValueError
        If one of the names is not known.
    """
    names = list(dict.fromkeys([keep] if isinstance(keep, str) else keep or ()))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"keep has {unknown[0]!r}. It can have {', '.join(map(repr, known))}.")
    return names


def check_keep(kept: Sequence[str], y: Any) -> None:
    """Refuse to keep probabilities or decision values of several target columns, which are a table for each of them.

    Raises
    ------
    ValueError
        Before any model is fitted.
    """
    n_columns = np.shape(y)[1] if np.ndim(y) == 2 else 1
    refused = [name for name in kept if name not in ("predict", ESTIMATORS)]
    if n_columns > 1 and refused:
        raise ValueError(
            f"keep has {refused[0]!r}, but y has {n_columns} columns, so that there would be {n_columns} tables. Keep "
            f"'predict', or {ESTIMATORS!r} and call {refused[0]} of each of `fold_estimators_`."
        )


def fit_on_folds(estimator: Estimator, task: Task, final_fit: FinalFit, curve: Sequence[Rung]) -> list[Any]:
    """Fit a clone of the winner on the training rows of each fold, as it was fitted when it was measured.

    Parameters
    ----------
    estimator : estimator
        With the winner's parameters; it is not changed.
    task : Task
    final_fit : FinalFit
    curve : sequence of Rung
        What the winner scored on each rung.
    """
    models = []
    for fold in task.folds:
        model = clone(estimator)
        X, y = split_fold_rows(model, task, fold)[0]
        fit_params = take_metadata_rows(task.X, params=task.fit_params, indices=fold.train)
        final_fit.fit(model, X, y, fit_params, curve)
        models.append(model)
    return models


def choose_final_threshold(
    estimator: Estimator,
    task: Task,
    final_fit: FinalFit,
    curve: Sequence[Rung],
    kept: Mapping[int, np.ndarray],
) -> float:
    """Choose the threshold of the final model on what the winner gives the test rows of all folds.

    Parameters
    ----------
    estimator : estimator
        With the winner's parameters. It is fitted on the folds only if nothing was kept of the winner's test rows.
    task : Task
        With ``thresholds``.
    final_fit : FinalFit
    curve : sequence of Rung
        What the winner scored on each rung.
    kept : mapping of int to ndarray
        What was kept of the winner's test rows, by fold.
    """
    thresholds = task.thresholds
    assert thresholds is not None
    if not kept:
        kept = {}
        for model, fold in zip(fit_on_folds(estimator, task, final_fit, curve), task.folds, strict=True):
            labelled = thresholds.label_rows(model, *split_fold_rows(model, task, fold)[1], fold.test, task.X)
            if labelled is not model:
                kept[fold.number] = thresholds.keep(labelled, fold.number)
    return thresholds.choose_final(task, kept)


def make_fold_attributes(models: list[Any], task: Task, kept: Sequence[str]) -> dict[str, Any]:
    """Return the attributes of a search that hold what it keeps of the winner on the folds.

    Parameters
    ----------
    models : list of estimator
        The winner, fitted on the training rows of each fold.
    task : Task
    kept : sequence of str
        What `read_keep` has returned.
    """
    attributes: dict[str, Any] = {"fold_estimators_": models} if ESTIMATORS in kept else {}
    methods = [name for name in kept if name != ESTIMATORS]
    predictions = {method: predict_out_of_fold(models, task, method) for method in methods}
    if predictions:
        attributes["oof_predictions_"] = predictions if len(predictions) > 1 else predictions[methods[0]]
    return attributes


def predict_out_of_fold(models: Sequence[Any], task: Task, method: str) -> np.ndarray:
    """Predict each row with the models that were not fitted on it.

    Parameters
    ----------
    models : sequence of estimator
        One for each fold.
    task : Task
    method : str
        One of `KEPT_METHODS`.

    Returns
    -------
    predictions : ndarray of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_outputs)
        Where a row is in several test folds, the mean of its predictions, or the most frequent label; where it is in
        none, NaN, or None for labels that are not numbers. Columns are the classes of ``y`` in order. A class that is
        not in a fold's training rows has the probability 0 there, and the lowest number as its decision value.
    """
    predictions = []
    for model, fold in zip(models, task.folds, strict=True):
        (X_test, _) = split_fold_rows(model, task, fold)[1]
        predictions.append(np.asarray(getattr(model, method)(X_test)))
    if method == "predict":
        return _vote(task, predictions) if is_classifier(models[0]) else average_over_folds(task, predictions)
    classes = np.unique(np.asarray(task.y))
    missing = 0.0 if method == "predict_proba" else np.finfo(float).min
    aligned = [
        _align_columns(values, model.classes_, classes, missing)
        for values, model in zip(predictions, models, strict=True)
    ]
    return average_over_folds(task, aligned)


def average_over_folds(task: Task, predictions: Sequence[np.ndarray]) -> np.ndarray:
    """Return the out-of-fold prediction of each row: the mean if it is in several test folds, NaN if it is in none."""
    total = np.zeros((_count_rows(task), *predictions[0].shape[1:]), dtype=predictions[0].dtype)
    n_times = np.zeros(len(total), dtype=total.dtype)
    for fold, values in zip(task.folds, predictions, strict=True):
        np.add.at(total, fold.test, values)
        np.add.at(n_times, fold.test, 1)
    with np.errstate(invalid="ignore"):
        return (total.T / n_times).T


def _count_rows(task: Task) -> int:
    return int(task.X.shape[0]) if hasattr(task.X, "shape") else len(task.X)


def _align_columns(values: np.ndarray, own: np.ndarray, classes: np.ndarray, missing: float) -> np.ndarray:
    """Move the columns of a model's own classes to their places among all classes."""
    if values.ndim == 1 or len(own) == len(classes):
        return values
    aligned = np.full((len(values), len(classes)), missing)
    aligned[:, np.searchsorted(classes, own)] = values
    return aligned


def _vote(task: Task, predictions: Sequence[np.ndarray]) -> np.ndarray:
    """Return the most frequent predicted label of each row; of several, the first in order."""
    if predictions[0].ndim > 1:  # several targets
        n_outputs = predictions[0].shape[1]
        columns = [_vote(task, [values[:, output] for values in predictions]) for output in range(n_outputs)]
        return np.column_stack(columns)
    labels, codes = np.unique(np.concatenate(predictions), return_inverse=True)
    votes = np.zeros((_count_rows(task), len(labels)), dtype=int)
    tests = np.concatenate([get_positions(fold.test) for fold in task.folds])
    np.add.at(votes, (tests, codes), 1)
    is_tested = votes.any(axis=1)
    chosen: np.ndarray = labels[votes.argmax(axis=1)]
    if not is_tested.all():
        chosen = chosen.astype(float if labels.dtype.kind in "iufb" else object)
        chosen[~is_tested] = np.nan if chosen.dtype.kind == "f" else None
    return chosen
