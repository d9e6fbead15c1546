"""FoldBooster: one fold's booster, trained in its own thread and scored at certain points until it stops improving."""

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

# Where candidates are scored, in rounds times learning rate: the first point, the ratio of each to the one before, and
# the last point.
MIN_PROGRESS = 1.0
PROGRESS_RATIO = 1.2
MAX_PROGRESS = 300.0

# How many points in a row without a better score end the training of a fold: after two there are 1.4 times as many
# rounds as were best. A score is better if it adds at least a hundredth to what was gained since the first point: on
# easy tables the log loss falls by next to nothing for thousands of rounds.
MAX_POINTS_WITHOUT_GAIN = 2
MIN_GAIN = 0.01

# XGBoost's own defaults.
DEFAULT_LEARNING_RATE = 0.3
DEFAULT_MAX_DEPTH = 6

BYTES_PER_BIN = 16  # a gradient and a hessian

UNTIL_NO_IMPROVEMENT = 0


def make_round_grid(learning_rate: float, max_rounds: int) -> tuple[int, ...]:
    """Return the rounds after which a candidate is scored.

    Parameters
    ----------
    learning_rate : float
    max_rounds : int
        The largest number of rounds.

    Returns
    -------
    rounds : tuple of int
        Ascending. In rounds times learning rate they are the same for all learning rates, up to ``max_rounds``.

    Examples
    --------
    >>> make_round_grid(0.1, 30)
    (10, 12, 14, 17, 21, 25, 30)
    >>> make_round_grid(0.01, 300)
    (100, 120, 144, 173, 207, 249, 299, 300)
    """
    n_points = 1 + int(np.log(MAX_PROGRESS / MIN_PROGRESS) / np.log(PROGRESS_RATIO))
    grid = MIN_PROGRESS * PROGRESS_RATIO ** np.arange(n_points) / learning_rate
    rounds = np.unique(np.maximum(1, grid.round().astype(int)))
    below = tuple(int(amount) for amount in rounds[rounds < max_rounds])
    return below if len(below) == len(rounds) else (*below, max_rounds)


def has_stopped_improving(scores: Sequence[float]) -> bool:
    """Return whether a curve has stopped rising.

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
    last_gain_point = 0
    for point, score in enumerate(scores):
        if score > scores[last_gain_point] + MIN_GAIN * (scores[last_gain_point] - scores[0]):
            last_gain_point = point
    return len(scores) - 1 - last_gain_point >= MAX_POINTS_WITHOUT_GAIN


@dataclass(frozen=True, slots=True)
class FoldMatrices:
    """A fold's training and test rows as matrices of XGBoost's, binned.

    Attributes
    ----------
    train, test : xgboost.DMatrix
    n_bins : int
        The number of bins of all columns together; 0 if the tree method uses no bins.
    """

    train: Any
    test: Any
    n_bins: int = 0


def make_training_params(model: Any, classes: np.ndarray | None) -> tuple[dict[str, Any], Callable | None]:
    """Return what the estimator's ``fit`` passes to XGBoost's training: its parameters and a custom objective.

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
        objective = partial(_call_custom_objective, model.objective)
        params["objective"] = "reg:squarederror" if classes is None else "binary:logistic"
    if classes is not None and len(classes) > 2:
        params |= {"objective": "multi:softprob", "num_class": len(classes)}
    return params, objective


def _call_custom_objective(objective: Callable, predictions: np.ndarray, train: Any) -> Any:
    """Call an objective in the form that scikit-learn's users of XGBoost give it."""
    weight = train.get_weight()
    extra = {"sample_weight": weight} if weight.size > 0 else {}
    return objective(train.get_label(), predictions, **extra)


def get_learning_rate(model: Any) -> float:
    """Return the learning rate of an XGBoost estimator, or XGBoost's default."""
    return float(model.learning_rate or DEFAULT_LEARNING_RATE)


def estimate_histogram_bytes(model: Any, n_bins: int, n_rows: int) -> int:
    """Return how much memory a booster's histograms take during training: XGBoost keeps one for each node of a tree.

    Parameters
    ----------
    model : XGBClassifier or XGBRegressor
    n_bins : int
        The number of bins of all columns together.
    n_rows : int
        Training rows; a tree has at most as many leaves.

    Returns
    -------
    n_bytes : int
        An upper bound.

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
    """A fold's booster, trained in a thread of its own, and its score at each point.

    Parameters
    ----------
    evaluation : FoldBoosting
        Scores it.
    fold : Fold
    matrices : FoldMatrices
    params : mapping of str to object
    objective : callable or None
    round_grid : tuple of int
        Numbers of rounds after which to score it.
    deadline : float or None
        ``time.time()`` after which it is trained no further.

    Attributes
    ----------
    scored_rounds : tuple of int
        Numbers of rounds after which it was scored.
    scores, predictions : list
        On the fold's test rows, point by point.
    is_out_of_time : bool
        Whether the deadline passed before the requested point was reached.
    end_time : float or None
        ``time.time()`` after which it is trained no further once it has been scored; unlike after the deadline, it
        still counts.
    max_points : int or None
        The last point that is trained to, and that counts for `best`.
    error : str or None
        The traceback, if training or scoring failed.
    """

    def __init__(
        self,
        evaluation: Any,
        fold: Fold,
        matrices: FoldMatrices,
        params: Mapping[str, Any],
        objective: Callable | None,
        round_grid: tuple[int, ...],
        deadline: float | None,
    ) -> None:
        self.evaluation = evaluation
        self.fold = fold
        self.matrices = matrices
        self.params = params
        self.objective = objective
        self.round_grid = round_grid
        self.deadline = deadline
        self.is_out_of_time = False
        self.booster: Any = None
        self.scores: list[Any] = []
        self.predictions: list[np.ndarray] = []
        self.fit_seconds = self.score_seconds = 0.0
        self.max_points: int | None = None
        self.end_time: float | None = None
        self.error: str | None = None
        self.is_closing = False
        self.requests: SimpleQueue[int | None] = SimpleQueue()
        self.results: SimpleQueue[BaseException | None] = SimpleQueue()
        # A daemon, so that a search abandoned half-way cannot keep Python from ending.
        self.thread = threading.Thread(target=self._serve_requests, args=(get_config(),), daemon=True)
        self.thread.start()

    @property
    def counted_scores(self) -> list[Any]:
        """The scores that count: a fold started before `max_points` was known may have more."""
        return self.scores[: self.max_points]

    @property
    def scored_rounds(self) -> tuple[int, ...]:
        return self.round_grid[: len(self.counted_scores)]

    @property
    def best(self) -> FoldScore:
        """The best score of this fold so far, or the failure's score if it failed."""
        if self.error is not None:
            failed = self.evaluation.folds.make_failed_score()
            return FoldScore(failed, None, self.fit_seconds, self.score_seconds, self.error)
        return self.score_point(int(np.argmax(self._select_scores())))

    def score_point(self, point: int) -> FoldScore:
        """Return the score at a point."""
        train = self.evaluation.score_training_rows(
            self.booster, self.matrices.train, self.round_grid[point], self.fold
        )
        test, error = self.evaluation.score(self.booster, self.fold, self.predictions[point])
        return FoldScore(test, train, self.fit_seconds, self.score_seconds, error)

    def request(self, n_points: int | None) -> None:
        """Request training up to a number of points; None: until it stops improving. No effect after `close`."""
        if not self.is_closing:
            self.requests.put(n_points if n_points is not None else UNTIL_NO_IMPROVEMENT)

    def wait(self, error_score: Any) -> None:
        """Wait until the last request is done."""
        if self.is_closing:
            return
        exception = self.results.get()
        if exception is not None and (error_score == "raise" or not isinstance(exception, Exception | SystemExit)):
            raise exception

    def release(self) -> None:
        """Keep the trees and free the memory that only training needs; it cannot be trained any further."""
        self.close()
        if self.booster is not None and self.error is None:
            self.booster = self.booster.copy()

    def close(self) -> None:
        """End the thread, after the round that is being trained."""
        self.is_closing = True
        self.requests.put(None)
        self.thread.join()

    def _serve_requests(self, config: dict[str, Any]) -> None:
        while (n_points := self.requests.get()) is not None:
            exception: BaseException | None = None
            try:
                with config_context(**config):  # settings are each thread's own
                    while self._should_continue(n_points):
                        self._train_to_next_point()
            except BaseException as error:
                self.error, exception = format_exc(), error
            self.results.put(exception)

    def _should_continue(self, n_points: int) -> bool:
        n_reached = len(self.scores)
        if self._should_stop() or self.error is not None or n_reached == len(self.round_grid):
            return False
        if n_points == UNTIL_NO_IMPROVEMENT:
            is_far = self.max_points is not None and n_reached >= self.max_points
            return not (is_far or has_stopped_improving(self._select_scores()))
        return n_reached < n_points

    def _should_stop(self) -> bool:
        is_over = self.end_time is not None and len(self.scores) > 0 and time.time() > self.end_time
        return self.is_out_of_time or self.is_closing or is_over

    def _select_scores(self) -> list[float]:
        return [select_score(score, self.evaluation.metric) for score in self.counted_scores]

    def _train_to_next_point(self) -> None:
        """Train to the next point, and score."""
        import xgboost

        start = time.perf_counter()
        train, test = self.matrices.train, self.matrices.test
        if self.booster is None:
            self.booster = xgboost.Booster(self.params, cache=[train, test])
        for iteration in range(self.booster.num_boosted_rounds(), self.round_grid[len(self.scores)]):
            self.is_out_of_time = self.deadline is not None and time.time() > self.deadline
            if self._should_stop():
                return
            self.booster.update(train, iteration, self.objective)
        prediction = self.booster.predict(test)
        trained_at = time.perf_counter()
        score, error = self.evaluation.score_quickly(self.booster, self.fold, prediction)
        if error is None and not is_finite_score(score):
            error = "a score is not finite"
        self.fit_seconds += trained_at - start
        self.score_seconds += time.perf_counter() - trained_at
        self.scores.append(score)
        self.predictions.append(prediction)
        self.error = error
