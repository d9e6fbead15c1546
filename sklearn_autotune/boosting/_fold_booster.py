"""One fold's booster: where it is scored on its way, when it has grown enough, and the thread it lives in."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from traceback import format_exc
from typing import Any

import numpy as np
from sklearn import config_context, get_config

from sklearn_autotune.evaluation._base import Fold, FoldScore, is_finite_score, select_score

__all__ = [
    "FoldBooster",
    "FoldMatrices",
    "estimate_histogram_bytes",
    "get_learning_rate",
    "has_stopped_improving",
    "make_round_grid",
    "make_training_params",
]

# Where candidates are scored, in rounds times learning rate: the first point, and each next one in ratio to the last.
FIRST_PROGRESS = 1.0
PROGRESS_RATIO = 1.2
LAST_PROGRESS = 300.0

# How many points in a row without a better score end the growth of a fold, and of all of them: two are 1.4 times as
# many rounds as were best. Better is what adds a hundredth to all that was gained since the first point: on tables that
# are easy, log loss goes on to fall by next to nothing for thousands of rounds.
MAX_POINTS_WITHOUT_GAIN = 2
MIN_GAIN = 0.01

# XGBoost's own.
DEFAULT_LEARNING_RATE = 0.3
DEFAULT_MAX_DEPTH = 6

BYTES_PER_BIN = 16  # a gradient and a hessian

UNTIL_IT_TURNS = 0


def make_round_grid(learning_rate: float, most: int) -> tuple[int, ...]:
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
    >>> make_round_grid(0.1, 30)
    (10, 12, 14, 17, 21, 25, 30)
    >>> make_round_grid(0.01, 300)
    (100, 120, 144, 173, 207, 249, 299, 300)
    """
    n_points = 1 + int(np.log(LAST_PROGRESS / FIRST_PROGRESS) / np.log(PROGRESS_RATIO))
    places = FIRST_PROGRESS * PROGRESS_RATIO ** np.arange(n_points) / learning_rate
    rounds = np.unique(np.maximum(1, places.round().astype(int)))
    below = tuple(int(amount) for amount in rounds[rounds < most])
    return below if len(below) == len(rounds) else (*below, most)


def has_stopped_improving(scores: Sequence[float]) -> bool:
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
    >>> has_stopped_improving([0.5, 0.7, 0.8]), has_stopped_improving([0.5, 0.7, 0.7, 0.69])
    (False, True)
    >>> has_stopped_improving([0.5, 0.7, 0.701, 0.702])  # it rises, but by less than a hundredth of what it rose before
    True
    """
    last_gain = 0
    for point, score in enumerate(scores):
        if score > scores[last_gain] + MIN_GAIN * (scores[last_gain] - scores[0]):
            last_gain = point
    return len(scores) - 1 - last_gain >= MAX_POINTS_WITHOUT_GAIN


@dataclass(frozen=True, slots=True)
class FoldMatrices:
    """A fold, binned.

    Attributes
    ----------
    train, test : xgboost.DMatrix
    n_bins : int
        Of all columns together; 0 if growing does not go by bins.
    """

    train: Any
    test: Any
    n_bins: int = 0


def make_training_params(model: Any, classes: np.ndarray | None) -> tuple[dict[str, Any], Callable | None]:
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


def get_learning_rate(model: Any) -> float:
    """Return the learning rate that an estimator of XGBoost's has, its default included."""
    return float(model.learning_rate or DEFAULT_LEARNING_RATE)


def estimate_histogram_bytes(model: Any, n_bins: int, n_rows: int) -> int:
    """Return what a booster holds while it grows, beside its trees: XGBoost keeps a histogram for each node of a tree.

    Parameters
    ----------
    model : XGBClassifier or XGBRegressor
    n_bins : int
        Of all columns together.
    n_rows : int
        That it is trained on: there are no more leaves than that.

    Returns
    -------
    n_bytes : int
        At most.

    Examples
    --------
    >>> from xgboost import XGBClassifier
    >>> estimate_histogram_bytes(XGBClassifier(max_depth=10), 50 * 256, 100_000) / 2**20
    200.0
    """
    depth = DEFAULT_MAX_DEPTH if model.max_depth is None else model.max_depth
    n_nodes = min([n_rows, *([2**depth] if depth else []), *([model.max_leaves] if model.max_leaves else [])])
    return n_nodes * n_bins * BYTES_PER_BIN


class FoldBooster:
    """A fold's booster, in a thread of its own, and what it scored on its way.

    Parameters
    ----------
    evaluation : FoldBoosting
        Which scores it.
    fold : Fold
    matrices : FoldMatrices
    params : mapping of str to object
    objective : callable or None
    amounts : tuple of int
        After how many rounds to score it.
    deadline : float or None
        ``time.time()`` after which it grows no further.

    Attributes
    ----------
    reached : tuple of int
        After how many rounds it was scored.
    scores, predictions : list
        On the fold's test rows, point by point.
    is_out_of_time : bool
        Whether the deadline has passed before it was as far as was asked for.
    ends : float or None
        ``time.time()`` after which it grows no further, if it has been scored at least once, and is not late for that.
    max_points : int or None
        Where to end at the latest, and beyond what nothing counts for `best`.
    error : str or None
        The traceback, if growing or scoring failed.
    """

    def __init__(
        self,
        evaluation: Any,
        fold: Fold,
        matrices: FoldMatrices,
        params: Mapping[str, Any],
        objective: Callable | None,
        amounts: tuple[int, ...],
        deadline: float | None,
    ) -> None:
        self.evaluation = evaluation
        self.fold = fold
        self.matrices = matrices
        self.params = params
        self.objective = objective
        self.amounts = amounts
        self.deadline = deadline
        self.is_out_of_time = False
        self.booster: Any = None
        self.scores: list[Any] = []
        self.predictions: list[np.ndarray] = []
        self.fit_seconds = self.score_seconds = 0.0
        self.max_points: int | None = None
        self.ends: float | None = None
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
        return self.scores[: self.max_points]

    @property
    def reached(self) -> tuple[int, ...]:
        return self.amounts[: len(self.visible)]

    @property
    def best(self) -> FoldScore:
        """The best score so far, by this fold alone; that of the failure if it failed."""
        if self.error is not None:
            failed = self.evaluation.folds.make_failed_score()
            return FoldScore(failed, None, self.fit_seconds, self.score_seconds, self.error)
        return self.at(int(np.argmax(self._guiding())))

    def at(self, point: int) -> FoldScore:
        """Return the score at a point."""
        train = self.evaluation.score_training_rows(self.booster, self.matrices.train, self.amounts[point], self.fold)
        test, error = self.evaluation.score(self.booster, self.fold, self.predictions[point])
        return FoldScore(test, train, self.fit_seconds, self.score_seconds, error)

    def ask(self, n_points: int | None) -> None:
        """Have it grown up to so many points in all; None: until it gets no better. Closed, it stays as it is."""
        if not self.is_closing:
            self.asked.put(n_points if n_points is not None else UNTIL_IT_TURNS)

    def wait(self, error_score: Any) -> None:
        """Wait for that."""
        if self.is_closing:
            return
        raised = self.done.get()
        if raised is not None and (error_score == "raise" or not isinstance(raised, Exception | SystemExit)):
            raise raised

    def release(self) -> None:
        """Keep the trees, and give back what only growing needs; it cannot grow any further."""
        self.close()
        if self.booster is not None and self.error is None:
            self.booster = self.booster.copy()

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
        if self._is_held_up() or self.error is not None or n_reached == len(self.amounts):
            return False
        if n_points == UNTIL_IT_TURNS:
            is_far = self.max_points is not None and n_reached >= self.max_points
            return not (is_far or has_stopped_improving(self._guiding()))
        return n_reached < n_points

    def _is_held_up(self) -> bool:
        is_over = self.ends is not None and len(self.scores) > 0 and time.time() > self.ends
        return self.is_out_of_time or self.is_closing or is_over

    def _guiding(self) -> list[float]:
        return [select_score(score, self.evaluation.metric) for score in self.visible]

    def _take_point(self) -> None:
        """Grow up to the next point, and score."""
        import xgboost

        start = time.perf_counter()
        train, test = self.matrices.train, self.matrices.test
        if self.booster is None:
            self.booster = xgboost.Booster(self.params, cache=[train, test])
        for iteration in range(self.booster.num_boosted_rounds(), self.amounts[len(self.scores)]):
            self.is_out_of_time = self.deadline is not None and time.time() > self.deadline
            if self._is_held_up():
                return
            self.booster.update(train, iteration, self.objective)
        prediction = self.booster.predict(test)
        grown = time.perf_counter()
        score, error = self.evaluation.score_quickly(self.booster, self.fold, prediction)
        if error is None and not is_finite_score(score):
            error = "a score is not finite"
        self.fit_seconds += grown - start
        self.score_seconds += time.perf_counter() - grown
        self.scores.append(score)
        self.predictions.append(prediction)
        self.error = error
