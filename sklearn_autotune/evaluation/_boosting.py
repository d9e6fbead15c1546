"""Boosting XGBoost fold after fold, on matrices that all candidates share.

The folds are binned once, each from its own training rows. A candidate is one booster per fold. The first one grows
until it gets no better, then the next: after each the candidate may be stopped, going by the best that each fold came
to. Later folds grow no further than the first, unless the mean of all is still getting better then. The number of
rounds with the best mean is the candidate's.

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
from queue import SimpleQueue
from traceback import format_exc
from typing import Any

import numpy as np
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.class_weight import compute_sample_weight

from sklearn_autotune._sklearn import cut_metadata
from sklearn_autotune.evaluation._base import (
    Fold,
    FoldScore,
    Progress,
    Rung,
    Work,
    guiding_score,
    is_finite,
    mean_score,
)
from sklearn_autotune.evaluation._folds import WholeFolds, cut_rows
from sklearn_autotune.evaluation._ladder import chosen_rung

__all__ = ["Boosting", "Target", "progress_grid"]

# Where candidates are scored, in rounds times learning rate: the first point, and each next one in ratio to the last.
FIRST_PROGRESS = 1.0
PROGRESS_RATIO = 1.2
LAST_PROGRESS = 300.0

# How many points in a row without a better score end the growth of a fold, and of all of them: two are 1.4 times as
# many rounds as were best. Better is what adds a hundredth to all that was gained since the first point: on tables that
# are easy, log loss goes on to fall by next to nothing for thousands of rounds.
PATIENCE = 2
LEAST_GAIN = 0.01

DEFAULT_LEARNING_RATE = 0.3  # XGBoost's own

UNTIL_IT_TURNS = 0


def progress_grid(learning_rate: float, most: int) -> tuple[int, ...]:
    """Return the rounds after which a candidate is scored.

    Parameters
    ----------
    learning_rate : float
    most : int
        The largest number of rounds.

    Returns
    -------
    rounds : tuple of int
        Rising; the same places, in rounds times learning rate, for all learning rates, as far as ``most`` allows.

    Examples
    --------
    >>> progress_grid(0.1, 30)
    (10, 12, 16, 20, 24, 30)
    >>> progress_grid(0.01, 300)
    (100, 125, 156, 195, 244, 300)
    """
    n_points = 1 + int(np.log(LAST_PROGRESS / FIRST_PROGRESS) / np.log(PROGRESS_RATIO))
    places = FIRST_PROGRESS * PROGRESS_RATIO ** np.arange(n_points) / learning_rate
    rounds = np.unique(np.maximum(1, places.round().astype(int)))
    below = tuple(int(amount) for amount in rounds[rounds < most])
    return below if len(below) == len(rounds) else (*below, most)


def log_loss_of(places: np.ndarray, prediction: np.ndarray, weight: np.ndarray | None) -> float:
    """Return the log loss of what a booster predicts, as scikit-learn's ``log_loss`` does."""
    shape = class_probabilities(prediction, 2 if prediction.ndim == 1 else prediction.shape[1])
    eps = np.finfo(shape.dtype).eps
    own = np.clip(shape[np.arange(len(places)), places], eps, 1 - eps)
    return float(np.average(-np.log(own, dtype=np.float64), weights=weight))


def root_mean_squared_error_of(values: np.ndarray, prediction: np.ndarray, weight: np.ndarray | None) -> float:
    """Return the root of the mean squared error, as scikit-learn's ``root_mean_squared_error`` does."""
    return float(np.sqrt(np.average((values - prediction) ** 2, weights=weight)))


def has_turned(scores: Sequence[float]) -> bool:
    """Say whether a curve has stopped rising.

    Parameters
    ----------
    scores : sequence of float
        Point by point; higher is better.

    Returns
    -------
    turned : bool

    Examples
    --------
    >>> has_turned([0.5, 0.7, 0.8]), has_turned([0.5, 0.7, 0.7, 0.69])
    (False, True)
    >>> has_turned([0.5, 0.7, 0.701, 0.702])  # it rises, but by less than a hundredth of what it rose before
    True
    """
    last_gain = 0
    for point, score in enumerate(scores):
        if score > scores[last_gain] + LEAST_GAIN * (scores[last_gain] - scores[0]):
            last_gain = point
    return len(scores) - 1 - last_gain >= PATIENCE


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


@dataclass(frozen=True, slots=True)
class _Matrices:
    """A fold, binned."""

    train: Any
    test: Any


@dataclass
class Boosting:
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
        Where the only score is the negated `log_loss_of` or `root_mean_squared_error_of`, that: the points of a curve
        are many, and scikit-learn's checks take as long as a few rounds.
    n_jobs : int
        How many boosters may grow at a time.
    """

    folds: WholeFolds
    target: Target
    metric: str | None = None
    most: int = 5000
    loss: Callable[[np.ndarray, np.ndarray, np.ndarray | None], float] | None = None
    n_jobs: int = 1
    _matrices: dict[Any, tuple[_Matrices, ...]] = field(default_factory=dict, init=False, repr=False)
    _predicted: dict[int, tuple[float, Sequence[np.ndarray]]] = field(default_factory=dict, init=False, repr=False)
    _curves: dict[int, list[Any]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        task = self.folds.task
        weight = task.score_params.get("sample_weight")
        self._test_weights = [None if weight is None else np.asarray(weight)[fold.test] for fold in task.folds]
        self._test_rows = [self._rows(fold)[1] for fold in self.folds.task.folds]
        self._lock = threading.Lock()

    @property
    def n_folds(self) -> int:
        """Into how many parts a candidate can be cut: folds grow together, so it cannot."""
        return 1

    def steps(self, work: Work) -> Generator[Progress, None, None]:
        """Yield the progress after each fold; the last one has the scores of the best number of rounds."""
        model, error = self.folds.prepare(work.params)
        if error is not None:
            yield Progress(0, 1, (FoldScore(self.folds.failed_score(), None, 0.0, 0.0, error),))
            return
        growths = self._plant(model)
        n_folds, n_begun = len(growths), 0
        found: list[FoldScore] = []
        try:
            for place, growth in enumerate(growths):
                # With more than one job folds are begun before it is known whether they will be needed.
                while n_begun < min(n_folds, place + self.n_jobs):
                    growths[n_begun].ask(None)
                    n_begun += 1
                growth.wait(self.folds.task.error_score)
                if place == 0 and growth.error is None:
                    for other in growths[1:]:
                        other.most_points = len(growth.scores)
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

    def _settle(self, work: Work, growths: Sequence["_Growth"]) -> Progress:
        """Bring all folds to the same point, and find the best one."""
        n_points = min(len(growth.scores) for growth in growths)
        while True:
            for growth in growths:
                growth.ask(n_points)
            for growth in growths:
                growth.wait(self.folds.task.error_score)
            reached = growths[0].amounts[:n_points]
            curve = tuple(
                Rung(amount, tuple(growth.scores[point] for growth in growths)) for point, amount in enumerate(reached)
            )
            if len(reached) < n_points or has_turned([mean_score(rung.test, self.metric) for rung in curve]):
                break
            n_points += 1
        best = chosen_rung(curve, self.metric)
        for growth in growths:
            growth.most_points = len(curve)
        self._keep(work.number, mean_score(curve[best].test, self.metric), [g.predictions[best] for g in growths])
        folds = tuple(growth.at(best) for growth in growths)
        return Progress(len(folds) - 1, len(folds), folds, curve, {"n_estimators": curve[best].resource})

    def fit(self, estimator: Any, X: Any, y: Any, fit_params: Mapping[str, Any], curve: Sequence[Rung]) -> Any:
        """Fit the winner on all rows, in place; its number of rounds is among its parameters."""
        weights = self.target.weights(slice(None), fit_params.get("sample_weight"))
        return estimator.fit(X, self.target.values, sample_weight=weights)

    def resource_of(self, curve: Sequence[Rung]) -> int:
        """Return the number of rounds that the scores belong to."""
        return curve[chosen_rung(curve, self.metric)].resource

    def out_of_fold(self, number: int, params: Mapping[str, Any]) -> Sequence[np.ndarray]:
        """Return what a candidate's boosters predicted on their folds; of one measured in an earlier run, once more."""
        if number not in self._predicted:
            self._predicted.clear()
            for _ in self.steps(Work(number, 0, 1, params)):
                pass
        return self._predicted[number][1]

    def curves_of(self, number: int) -> list[tuple[Sequence[int], Sequence[Any]]]:
        """Return, for each fold of a candidate, after how many rounds it was scored, and the scores."""
        return self._curves.get(number, [])

    # -- growing -------------------------------------------------------------------------------------------------------

    def _plant(self, model: Any) -> list["_Growth"]:
        params, objective = training_params(model, self.target.classes)
        amounts = progress_grid(_learning_rate(model), self.most)
        return [
            _Growth(self, fold, matrices, params, objective, amounts)
            for fold, matrices in zip(self.folds.task.folds, self._binned(model), strict=True)
        ]

    def quick_score(self, booster: Any, fold: Fold, prediction: np.ndarray) -> tuple[Any, str | None]:
        """Score a point of a curve: as `score` does, to within rounding, but without its checks where they can be."""
        if self.loss is None:
            return self.score(booster, fold, prediction)
        weight = self._test_weights[fold.number]
        return -self.loss(self.target.values[fold.test], prediction, weight), None

    def score(self, booster: Any, fold: Fold, prediction: np.ndarray) -> tuple[Any, str | None]:
        """Score what a booster predicts on a fold's test rows; return the traceback if that failed."""
        X_test, y_test = self._test_rows[fold.number]
        return self.folds.score(self._model(booster, X_test, prediction), X_test, y_test, fold.test)

    def train_score(self, booster: Any, train: Any, amount: int, fold: Fold) -> Any:
        """Score a booster with so many rounds on a fold's training rows, if that is wanted."""
        if not self.folds.task.return_train_score:
            return None
        X_train, y_train = self._rows(fold)[0]
        prediction = booster.predict(train, iteration_range=(0, amount))
        return self.folds.score(self._model(booster, X_train, prediction), X_train, y_train, fold.train)[0]

    def _model(self, booster: Any, rows: Any, prediction: np.ndarray) -> Any:
        predict = partial(_predict_rows, booster, self.folds.estimator)
        if self.target.classes is None:
            return GrownRegressor(rows, prediction, predict)
        return GrownClassifier(rows, prediction, predict, self.target.classes)

    def _keep(self, number: int, mean: float, predictions: Sequence[np.ndarray]) -> None:
        """Keep the predictions of the best candidates: of those that none was better than."""
        with self._lock:
            self._predicted[number] = mean, predictions
            best = max(kept for kept, _ in self._predicted.values())
            self._predicted = {number: kept for number, kept in self._predicted.items() if kept[0] >= best}

    # -- the data ------------------------------------------------------------------------------------------------------

    def _rows(self, fold: Fold) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
        return cut_rows(self.folds.estimator, self.folds.task, fold)

    def _binned(self, model: Any) -> tuple[_Matrices, ...]:
        """Bin the folds, once for each number of bins."""
        key = model.max_bin, model.tree_method
        with self._lock:
            if key not in self._matrices:
                self._matrices[key] = tuple(self._bin(model, fold) for fold in self.folds.task.folds)
            return self._matrices[key]

    def _bin(self, model: Any, fold: Fold) -> _Matrices:
        import xgboost

        (X_train, _), (X_test, _) = self._rows(fold)
        task = self.folds.task
        fit_params = cut_metadata(task.X, params=task.fit_params, indices=fold.train)
        weight = self.target.weights(fold.train, fit_params.get("sample_weight"))
        shared = {
            "missing": model.missing,
            "nthread": 1,
            "feature_types": model.feature_types,
            "enable_categorical": model.enable_categorical,
        }
        labels = {"label": self.target.values[fold.train], "weight": weight, "feature_weights": model.feature_weights}
        if model.tree_method not in (None, "auto", "hist"):
            return _Matrices(xgboost.DMatrix(X_train, **labels, **shared), xgboost.DMatrix(X_test, **shared))
        bins = {} if model.max_bin is None else {"max_bin": model.max_bin}
        train = xgboost.QuantileDMatrix(X_train, **labels, **bins, **shared)
        return _Matrices(train, xgboost.QuantileDMatrix(X_test, ref=train, **bins, **shared))


class _Growth:
    """A fold's booster, in a thread of its own, and what it scored on its way.

    Attributes
    ----------
    fold : Fold
    reached : tuple of int
        After how many rounds it was scored.
    scores, predictions : list
        On the fold's test rows, point by point.
    most_points : int or None
        Where to end at the latest, and beyond what nothing counts for `best`.
    error : str or None
        The traceback, if growing or scoring failed.
    """

    def __init__(
        self,
        evaluation: Boosting,
        fold: Fold,
        matrices: _Matrices,
        params: Mapping[str, Any],
        objective: Callable | None,
        amounts: tuple[int, ...],
    ) -> None:
        self.evaluation = evaluation
        self.fold = fold
        self.matrices = matrices
        self.params = params
        self.objective = objective
        self.amounts = amounts
        self.booster: Any = None
        self.scores: list[Any] = []
        self.predictions: list[np.ndarray] = []
        self.fit_seconds = self.score_seconds = 0.0
        self.most_points: int | None = None
        self.error: str | None = None
        self.is_closing = False
        self.asked: SimpleQueue[int | None] = SimpleQueue()
        self.done: SimpleQueue[BaseException | None] = SimpleQueue()
        # A daemon, so that a search abandoned half-way cannot keep Python from ending.
        self.thread = threading.Thread(target=self._run, args=(get_config(),), daemon=True)
        self.thread.start()

    @property
    def visible(self) -> list[Any]:
        """The scores that count: those of a fold begun before it was known where to end may be more."""
        return self.scores[: self.most_points]

    @property
    def reached(self) -> tuple[int, ...]:
        return self.amounts[: len(self.visible)]

    @property
    def best(self) -> FoldScore:
        """The best score so far, by this fold alone; that of the failure if it failed."""
        if self.error is not None:
            failed = self.evaluation.folds.failed_score()
            return FoldScore(failed, None, self.fit_seconds, self.score_seconds, self.error)
        return self.at(int(np.argmax(self._guiding())))

    def at(self, point: int) -> FoldScore:
        """Return the score at a point."""
        train = self.evaluation.train_score(self.booster, self.matrices.train, self.amounts[point], self.fold)
        test, error = self.evaluation.score(self.booster, self.fold, self.predictions[point])
        return FoldScore(test, train, self.fit_seconds, self.score_seconds, error)

    def ask(self, n_points: int | None) -> None:
        """Have it grown up to so many points in all; None: until it gets no better."""
        self.asked.put(n_points if n_points is not None else UNTIL_IT_TURNS)

    def wait(self, error_score: Any) -> None:
        """Wait for that."""
        raised = self.done.get()
        if raised is not None and (error_score == "raise" or not isinstance(raised, Exception | SystemExit)):
            raise raised

    def close(self) -> None:
        """End the thread; rounds that are being grown are waited for."""
        self.is_closing = True
        self.asked.put(None)
        self.thread.join()

    def _run(self, config: dict[str, Any]) -> None:
        while (n_points := self.asked.get()) is not None:
            raised: BaseException | None = None
            try:
                with config_context(**config):  # settings are each thread's own
                    while self._goes_on(n_points):
                        self._take_point()
            except BaseException as error:
                self.error, raised = format_exc(), error
            self.done.put(raised)

    def _goes_on(self, n_points: int) -> bool:
        n_reached = len(self.scores)
        if self.is_closing or self.error is not None or n_reached == len(self.amounts):
            return False
        if n_points == UNTIL_IT_TURNS:
            is_far = self.most_points is not None and n_reached >= self.most_points
            return not (is_far or has_turned(self._guiding()))
        return n_reached < n_points

    def _guiding(self) -> list[float]:
        return [guiding_score(score, self.evaluation.metric) for score in self.visible]

    def _take_point(self) -> None:
        """Grow up to the next point, and score."""
        import xgboost

        start = time.perf_counter()
        train, test = self.matrices.train, self.matrices.test
        if self.booster is None:
            self.booster = xgboost.Booster(self.params, cache=[train, test])
        for iteration in range(self.booster.num_boosted_rounds(), self.amounts[len(self.scores)]):
            self.booster.update(train, iteration, self.objective)
        prediction = self.booster.predict(test)
        grown = time.perf_counter()
        score, error = self.evaluation.quick_score(self.booster, self.fold, prediction)
        if error is None and not is_finite(score):
            error = "a score is not finite"
        self.fit_seconds += grown - start
        self.score_seconds += time.perf_counter() - grown
        self.scores.append(score)
        self.predictions.append(prediction)
        self.error = error


def training_params(model: Any, classes: np.ndarray | None) -> tuple[dict[str, Any], Callable | None]:
    """Return what XGBoost's training is given by the estimator's ``fit``: its parameters and a custom objective.

    Parameters
    ----------
    model : XGBClassifier or XGBRegressor
    classes : ndarray of shape (n_classes,) or None

    Returns
    -------
    params : dict
    objective : callable or None
        As ``Booster.update`` takes it.
    """
    params = dict(model.get_xgb_params())
    objective = None
    if callable(model.objective):
        objective = partial(_custom_objective, model.objective)
        params["objective"] = "reg:squarederror" if classes is None else "binary:logistic"
    if classes is not None and len(classes) > 2:
        params |= {"objective": "multi:softprob", "num_class": len(classes)}
    return params, objective


def _custom_objective(objective: Callable, predictions: np.ndarray, train: Any) -> Any:
    """Call an objective in the form that scikit-learn's users of XGBoost give it."""
    weight = train.get_weight()
    extra = {"sample_weight": weight} if weight.size > 0 else {}
    return objective(train.get_label(), predictions, **extra)


def _predict_rows(booster: Any, model: Any, X: Any) -> np.ndarray:
    """Predict rows that are not the fold's own, for scorers that ask for them."""
    import xgboost

    rows = xgboost.DMatrix(
        X,
        missing=model.missing,
        nthread=1,
        feature_types=model.feature_types,
        enable_categorical=model.enable_categorical,
    )
    return booster.predict(rows)


def _learning_rate(model: Any) -> float:
    return float(model.learning_rate or DEFAULT_LEARNING_RATE)


def class_probabilities(prediction: np.ndarray, n_classes: int) -> np.ndarray:
    """Return what ``XGBClassifier.predict_proba`` makes of a booster's prediction, of shape (n_rows, n_classes)."""
    return prediction if prediction.ndim == 2 and n_classes > 2 else np.column_stack([1.0 - prediction, prediction])


class _Grown(BaseEstimator):
    """A grown booster as scikit-learn's scorers know estimators; what it predicts on one set of rows is known."""

    def __init__(self, rows: Any, prediction: np.ndarray, predict_rows: Callable[[Any], np.ndarray]) -> None:
        self.rows = rows
        self.prediction = prediction
        self.predict_rows = predict_rows

    def _predicted(self, X: Any) -> np.ndarray:
        return self.prediction if X is self.rows else self.predict_rows(X)

    def __sklearn_is_fitted__(self) -> bool:
        return True


class GrownRegressor(RegressorMixin, _Grown):
    """A regressor."""

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted values."""
        return self._predicted(X)


class GrownClassifier(ClassifierMixin, _Grown):
    """A classifier."""

    def __init__(
        self, rows: Any, prediction: np.ndarray, predict_rows: Callable[[Any], np.ndarray], classes: np.ndarray
    ) -> None:
        super().__init__(rows, prediction, predict_rows)
        self.classes = classes
        self.classes_ = classes

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted classes."""
        predicted = self._predicted(X)
        places = predicted.argmax(axis=1) if predicted.ndim == 2 else (predicted > 0.5).astype(int)
        return self.classes[places]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the predicted probabilities of the classes."""
        return class_probabilities(self._predicted(X), len(self.classes))
