"""Thresholds of candidates: each row is labelled by a threshold that was chosen on other rows of its fold.

So the scores of the labels are not too good, and need the results of no other fold. The threshold of the final model is
chosen on what the winner gives the test rows of all folds together.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from inspect import signature
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import get_scorer
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.utils.multiclass import type_of_target

from sklearn_autotune._compat.scorer_names import check_scorer_names
from sklearn_autotune._compat.sklearn import (
    describe_scorer,
    get_scorers,
    is_rank_scorer,
    read_score_function,
    take_metadata_rows,
)
from sklearn_autotune._compat.types import ArrayLike, Estimator, MatrixLike, Scorer
from sklearn_autotune.evaluation import Task
from sklearn_autotune.evaluation._base import get_positions
from sklearn_autotune.evaluation._row_values import RowKeeper, RowMetric, draw_kept_rows
from sklearn_autotune.objectives._costs import Relabelled
from sklearn_autotune.objectives._groups import BoundToRows
from sklearn_autotune.objectives._limits import Limit
from sklearn_autotune.statistics._threshold_choice import (
    LabelLimit,
    ScoredLabels,
    can_score_at_once,
    choose_threshold,
    label_by_other_rows,
)

__all__ = ["CrossThresholds", "add_thresholds", "resolve_threshold"]

RESPONSES = ("predict_proba", "decision_function")  # the first that a classifier has, as in scikit-learn


class LabelledClassifier(Relabelled, BoundToRows, ClassifierMixin, BaseEstimator):
    """A fitted classifier, for scorers, with other labels for one set of rows than it predicts itself.

    Parameters
    ----------
    fitted : classifier
    rows : array-like
        What the scorers are given as X.
    labels : ndarray of shape (n_rows,)
    response : str
        "predict_proba" or "decision_function".
    values : ndarray
        What this method returns for the rows.
    scored : ScoredLabels
    """

    def __init__(
        self, fitted: Any, rows: Any, labels: np.ndarray, response: str, values: np.ndarray, scored: ScoredLabels
    ) -> None:
        self.fitted = fitted
        self.rows = rows
        self.labels = labels
        self.response = response
        self.values = values
        self.scored = scored

    def predict(self, X: Any) -> np.ndarray:
        """Return the labels of the rows.

        Raises
        ------
        ValueError
            For any other rows: their threshold is not known.
        """
        if X is not self.rows:
            raise ValueError("With threshold=, a scorer can predict only for the X that it is given, and not a part.")
        return self.labels

    def take(self, X: Any, rows: np.ndarray) -> "LabelledClassifier":
        """Return the classifier with the labels of some of its rows."""
        return LabelledClassifier(self.fitted, X, self.labels[rows], self.response, self.values[rows], self.scored)

    def __getattr__(self, name: str) -> Any:
        """Return the computed scores of the rows, and anything else of the fitted classifier."""
        if name.startswith("__") or "scored" not in self.__dict__:
            raise AttributeError(name)
        method = getattr(self.fitted, name)
        if name != self.response:
            return method

        @wraps(method)  # scikit-learn asks for its name
        def compute_response(X: Any, **params: Any) -> Any:
            return self.values if X is self.rows and not params else method(X, **params)

        return compute_response

    def __sklearn_is_fitted__(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class CrossThresholds:
    """How thresholds are chosen, and what is kept of the test rows to choose the final one.

    Attributes
    ----------
    metric : RowMetric
        A function of labels.
    classes : ndarray of shape (2,)
        The negative and the positive class.
    params : mapping of str to object
        Routed metadata for the metric.
    positions : tuple of (ndarray or None)
        Of each fold, the positions of the kept rows among its test rows; None for all.
    keeps_labels : bool
        Whether the score that decides is one of labels, or of probabilities.
    limits : sequence of (RowMetric, {"<=", ">="}, float)
        As of `choose_threshold`.
    """

    metric: RowMetric
    classes: np.ndarray
    params: Mapping[str, Any]
    positions: tuple[np.ndarray | None, ...]
    keeps_labels: bool = True
    limits: Sequence[LabelLimit] = field(default=())

    @property
    def is_quick(self) -> bool:
        """Whether all thresholds are scored at once, without a call of the metric for each."""
        return can_score_at_once(self.metric, self.limits)

    def take_rows(self, table: Any, rows: np.ndarray) -> "CrossThresholds":
        """Return the same for a task that has some rows of the table, of which nothing is kept."""
        given = {name: value for name, value in self.params.items() if value is not None}
        return replace(self, params=take_metadata_rows(table, params=given, indices=rows), positions=())

    def label_rows(self, estimator: Any, X: Any, y: Any, rows: np.ndarray, table: Any) -> Any:
        """Return the classifier with the labels of some rows, each from a threshold that other rows have chosen.

        Parameters
        ----------
        estimator : classifier
            Fitted.
        X, y : array-like
            The rows to label.
        rows : ndarray
            Where they are in the task's data.
        table : array-like
            The task's X; metadata with as many entries have one for each row.

        Returns
        -------
        classifier : LabelledClassifier or classifier
            The classifier itself if it knows only one class.

        Raises
        ------
        ValueError
            If the scores are not finite.
        """
        if len(estimator.classes_) < 2:
            return estimator
        response = next((name for name in RESPONSES if hasattr(estimator, name)), RESPONSES[0])
        values = np.asarray(getattr(estimator, response)(X))
        scores = values
        if values.ndim == 2:
            scores = values[:, np.flatnonzero(estimator.classes_ == self.classes[1])[0]]
        elif estimator.classes_[1] != self.classes[1]:
            scores = -values
        if not np.isfinite(scores).all():
            raise ValueError(f"{response} returns numbers that are not finite, so that no threshold can be chosen.")
        params = take_metadata_rows(table, params=self.params, indices=rows) if self.params else {}
        given = {name: value for name, value in params.items() if value is not None}
        scored = ScoredLabels(np.ravel(y) == self.classes[1], scores, self.classes, response == "predict_proba", given)
        labels = self.classes[label_by_other_rows(scored, self.metric, self.limits).astype(int)]
        return LabelledClassifier(estimator, X, labels, response, values, scored)

    def keep(self, labelled: LabelledClassifier, fold_number: int) -> np.ndarray:
        """Return scores and labels of a fold's test rows with 32 bits, of shape (n_kept_rows, 2), to be stored.

        The label is 1 for positive, and 2 is added if the score is a decision value.
        """
        kind = 0 if labelled.scored.is_probability else 2
        return self._take_kept(labelled.scored.scores, (labelled.labels == self.classes[1]) + kind, fold_number)

    def keep_probabilities(self, probabilities: np.ndarray, classes: np.ndarray, fold_number: int) -> np.ndarray:
        """Return what `keep` does, for `choose_final`: without labels, which take long with functions of the user.

        Parameters
        ----------
        probabilities : ndarray of shape (n_rows, 2)
        classes : ndarray of shape (2,)
            Of its columns.
        fold_number : int
        """
        scores = probabilities[:, np.flatnonzero(classes == self.classes[1])[0]]
        return self._take_kept(scores, np.zeros(len(scores)), fold_number)

    def _take_kept(self, scores: np.ndarray, kinds: np.ndarray, fold_number: int) -> np.ndarray:
        values, positions = np.column_stack([scores, kinds]), self.positions[fold_number]
        return (values if positions is None else values[positions]).astype(np.float32)

    def read_predictions(self, kept: np.ndarray) -> np.ndarray:
        """Return of kept rows the predictions that the deciding score is made of."""
        return self.classes[kept[:, 1].astype(int) % 2] if self.keeps_labels else kept[:, 0]

    def choose_final(self, task: Task, kept: Mapping[int, np.ndarray]) -> float:
        """Choose the threshold of the final model.

        Parameters
        ----------
        task : Task
        kept : mapping of int to ndarray of shape (n_kept_rows, 2)
            What was kept of the winner, by fold. Nothing is kept of folds whose models know a single class; if there
            are no others, the threshold is 0.5.
        """
        if not kept:
            return 0.5
        tests = [get_positions(task.folds[number].test) for number in kept]
        positions = [self.positions[number] for number in kept]
        rows = [test if of_fold is None else test[of_fold] for test, of_fold in zip(tests, positions, strict=True)]
        pooled, indices = np.concatenate(list(kept.values())), np.concatenate(rows)
        given = {name: value for name, value in self.params.items() if value is not None}
        params = take_metadata_rows(task.X, params=given, indices=indices) if given else {}
        is_positive = np.ravel(task.y)[indices] == self.classes[1]
        scored = ScoredLabels(is_positive, pooled[:, 0], self.classes, bool(pooled[0, 1] < 2), params)
        return choose_threshold(scored, self.metric, self.limits)

    def make_classifier(self, fitted: Any, threshold: float, X: MatrixLike, y: ArrayLike) -> FixedThresholdClassifier:
        """Return a fitted classifier that predicts with a threshold."""
        positive = None if self.classes[1] == fitted.classes_[-1] else self.classes.tolist()[1]
        classifier = FixedThresholdClassifier(FrozenEstimator(fitted), threshold=threshold, pos_label=positive)
        return classifier.fit(X, y)


def resolve_threshold(threshold: str | Scorer) -> Any:
    """Return the scorer that chooses the threshold.

    Raises
    ------
    ValueError
        If it is no scorer of labels.
    """
    if isinstance(threshold, str):
        check_scorer_names(threshold, parameter="threshold")
    scorer = get_scorer(threshold)
    described = describe_scorer(scorer)
    if described is None:
        raise ValueError(
            f"threshold={threshold!r} is no scorer whose function is known. Give the name of one of scikit-learn's "
            "scorers of labels, such as 'f1', or what make_scorer or make_cost_scorer returns."
        )
    response = described[2]["response_method"]
    if response != "predict":
        raise ValueError(
            f"threshold={threshold!r} scores what {response if isinstance(response, str) else response[0]} returns, "
            "which no threshold changes. Choose the threshold by a scorer of labels, such as 'f1' or "
            "'balanced_accuracy'; scoring may have any scorer."
        )
    return scorer


def add_thresholds(
    task: Task,
    scorer: Scorer,
    params: Mapping[str, Any],
    estimator: Estimator,
    scoring: Any = None,
    limits: Sequence[Limit] = (),
    limited: Mapping[str, Any] | None = None,
) -> Task:
    """Have candidates labelled by thresholds.

    Parameters
    ----------
    task : Task
    scorer : callable
        What `resolve_threshold` has returned.
    params : mapping of str to object
        Metadata that is routed to it.
    estimator : estimator
    scoring : object, default=None
        As of `OptunaSearchCV`.
    limits : sequence of Limit, default=()
        Those on scores of labels are kept by the thresholds, where the rows that choose them allow it.
    limited : mapping of str to callable, default=None
        The scorers that are limited, by the keys of the limits. None is those of the task.

    Raises
    ------
    ValueError
        If the estimator is no classifier with scores, if the target has not two classes, or if the score that decides
        is the estimator's own and not the accuracy.
    """
    if not is_classifier(estimator):
        raise ValueError(f"threshold is for classifiers, and {type(estimator).__name__} is none. Leave it at None.")
    if not any(hasattr(estimator, name) for name in RESPONSES):
        raise ValueError(
            f"threshold needs a classifier with predict_proba or decision_function, and {type(estimator).__name__} has "
            "neither. CalibratedClassifierCV around it gives it probabilities."
        )
    kind = type_of_target(task.y)
    classes = np.unique(np.asarray(task.y)) if kind == "binary" else np.empty(0)
    if len(classes) != 2:
        found = "a single class" if kind == "binary" else f"a target of the type {kind!r}"
        raise ValueError(f"threshold is for two classes, and y has {found}. Leave it at None.")
    if scoring is None and read_score_function(task.scorer, None, estimator) is None:
        raise ValueError(
            f"threshold needs scoring: what the method score of {type(estimator).__name__} does with labels is not "
            "known. Give scoring the name of a scorer."
        )
    function, sign, settings = _read_function(scorer)
    positive = _find_positive(function, settings, classes)
    if positive is None:
        raise ValueError(
            f"The scorer in threshold takes {settings.get('pos_label', 1)!r} for the positive class, and y has the "
            f"classes {classes.tolist()}. Name the positive one, for example by make_scorer({function.__name__}, "
            f"pos_label={classes.tolist()[1]!r})."
        )
    sizes = [len(get_positions(fold.test)) for fold in task.folds]
    thresholds = CrossThresholds(
        RowMetric(function, sign, settings),
        classes if positive == classes[1] else classes[::-1],
        params,
        draw_kept_rows(sizes),
        limits=tuple(_read_limits(get_scorers(task.scorer) if limited is None else limited, limits)),
    )
    return _adjust_row_keeper(task, thresholds, positive)


def _read_limits(scorers: Any, limits: Sequence[Limit]) -> Iterator[LabelLimit]:
    """Yield the limits on scores of labels, as `choose_threshold` takes them."""
    for limit in limits:
        described = describe_scorer(scorers[limit.key])
        if described is not None and described[2]["response_method"] == "predict":
            function, sign, settings = _read_function(scorers[limit.key])
            yield (
                RowMetric(function, sign, settings),
                ">=" if limit.asks_for_high_score else "<=",
                limit.sign * limit.bound,
            )


def _adjust_row_keeper(task: Task, thresholds: CrossThresholds, positive: Any) -> Task:
    """Add the thresholds, and say what the correction of the best score reads: labels, scores, or nothing."""
    task = replace(task, thresholds=thresholds)
    if not isinstance(task.row_keeper, RowKeeper):
        return task
    scorer = get_scorers(task.scorer)
    if isinstance(scorer, dict):
        scorer = scorer.get(task.metric, next(iter(scorer.values())))
    described = describe_scorer(scorer)
    if described is None or described[2]["response_method"] == "predict":
        return task
    task = replace(task, thresholds=replace(thresholds, keeps_labels=False))
    function, _, settings = _read_function(scorer)
    is_kept = is_rank_scorer(scorer) or described[2]["response_method"] == "predict_proba"
    if not is_kept or _find_positive(function, settings, np.unique(np.asarray(task.y))) != positive:
        return replace(task, row_keeper=f"threshold keeps other scores than those that {scorer!r} needs")
    return task


def _read_function(scorer: Any) -> tuple[Any, int, Mapping[str, Any]]:
    found = read_score_function(scorer, None, None)
    assert found is not None  # a scorer of make_scorer
    return found


def _find_positive(function: Any, settings: Mapping[str, Any], classes: np.ndarray) -> Any:
    """Return the class that a metric takes for positive: ``pos_label`` or, if there is none, the second of the classes.

    None if ``pos_label`` is no class.
    """
    parameter = signature(function).parameters.get("pos_label")
    label = settings.get("pos_label", None if parameter is None else parameter.default)
    if label is None or settings.get("average", "binary") != "binary":
        return classes[1]
    return next((one for one in classes if one == label), None)
