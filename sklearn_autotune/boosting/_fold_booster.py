"""FoldBooster: the booster of one fold, trained in its own thread, and scored at given points until it stops improving.

A point is a number of boosting rounds after which the booster is scored.
"""

import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from traceback import format_exc
from typing import Any, Protocol

import numpy as np
from sklearn import config_context, get_config

from sklearn_autotune._compat import clock
from sklearn_autotune.boosting._library import RoundTrainer
from sklearn_autotune.evaluation._base import Fold, FoldCurve, FoldScore
from sklearn_autotune.evaluation._failures import FOLD_FAILURES, Failure, Scored, select_score

__all__ = [
    "FoldBooster",
    "FoldScorer",
    "has_stopped_improving",
    "make_round_grid",
]

# The points at which candidates are scored, in rounds times learning rate: the first one, the ratio of each to the one
# before, and the last one.
MIN_PROGRESS = 1.0
PROGRESS_RATIO = 1.2
MAX_PROGRESS = 300.0

# The training of a fold ends after this many points in a row without a better score. After two points, the booster has
# 1.4 times the best number of rounds. A score counts as better only if the gain since the first point increases by at
# least a hundredth, because on easy data the log loss decreases very slowly for thousands of rounds.
MAX_POINTS_WITHOUT_GAIN = 2
MIN_GAIN = 0.01

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
        Ascending. Multiplied by the learning rate, they are the same for all learning rates, up to ``max_rounds``.

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
        The score at each point; higher is better.

    Returns
    -------
    turned : bool

    Examples
    --------
    >>> has_stopped_improving([0.5, 0.7, 0.8]), has_stopped_improving([0.5, 0.7, 0.7, 0.69])
    (False, True)
    >>> has_stopped_improving([0.5, 0.7, 0.701, 0.702])  # it rises, but by less than a hundredth of its rise before
    True
    """
    last_gain_point = 0
    for point, score in enumerate(scores):
        if score > scores[last_gain_point] + MIN_GAIN * (scores[last_gain_point] - scores[0]):
            last_gain_point = point
    return len(scores) - 1 - last_gain_point >= MAX_POINTS_WITHOUT_GAIN


class FoldScorer(Protocol):
    """Scores the predictions of a fold's booster.

    Attributes
    ----------
    metric : str or None
        The score that guides the search, if there are several; None is the first one.
    """

    @property
    def metric(self) -> str | None: ...

    def score_quickly(self, trainer: RoundTrainer, fold: Fold, prediction: np.ndarray) -> Scored:
        """Score a point of a curve."""
        ...

    def score(self, trainer: RoundTrainer, fold: Fold, prediction: np.ndarray) -> Scored:
        """Score predictions for a fold's test rows."""
        ...

    def score_training_rows(self, trainer: RoundTrainer, n_rounds: int, fold: Fold) -> Scored | None:
        """Score a number of rounds on a fold's training rows, or return None if training scores are not wanted."""
        ...

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
        ...


class FoldBooster:
    """A fold's booster, trained in its own thread, and its score at each point.

    Parameters
    ----------
    scorer : FoldScorer
    fold : Fold
    trainer : RoundTrainer
    round_grid : tuple of int
        The numbers of rounds after which to score the booster.
    deadline : float or None
        The time by `clock.now` at which training stops.
    compute_latest_end : callable or None, default=None
        Takes the seconds that training has taken so far, and returns a second deadline: the longer training takes, the
        more time has to be left for the final fit.

    Attributes
    ----------
    scored_rounds : tuple of int
        The numbers of rounds after which the booster was scored.
    scores, scored, predictions : list
        At each point, the score, the whole result of scoring, and the predictions on the fold's test rows.
    is_out_of_time : bool
        Whether the deadline passed before the requested point was reached.
    end_time : float or None
        The time by `clock.now` at which training stops if there is at least one round. Unlike after the deadline, the
        candidate is still valid. If the booster has not reached its first point by then, it is scored with the rounds
        that it has.
    is_cut : bool
        Whether training stopped before the first point. Then ``round_grid`` holds only the number of rounds reached.
    max_points : int or None
        The maximum number of points to train to, and to consider for `best`.
    error : str or None
        The traceback or the reason, if training or scoring failed.
    failed : Scored or None
        The result of scoring at the point at which it failed; it is not in ``scores``.
    """

    def __init__(
        self,
        scorer: FoldScorer,
        fold: Fold,
        trainer: RoundTrainer,
        round_grid: tuple[int, ...],
        deadline: float | None,
        compute_latest_end: Callable[[float], float | None] | None = None,
    ) -> None:
        self.scorer = scorer
        self.fold = fold
        self.trainer = trainer
        self.round_grid = round_grid
        self.deadline = deadline
        self.compute_latest_end = compute_latest_end
        self.is_out_of_time = self.is_cut = False
        self.scores: list[Any] = []
        self.scored: list[Scored] = []
        self.predictions: list[np.ndarray] = []
        self.fit_seconds = self.score_seconds = self.round_seconds = 0.0
        self.max_points: int | None = None
        self.end_time: float | None = None
        self.error: str | None = None
        self.failed: Scored | None = None
        self.is_closing = False
        self.requests: SimpleQueue[int | None] = SimpleQueue()
        self.results: SimpleQueue[BaseException | None] = SimpleQueue()
        # A daemon thread, so that Python can exit even if a search is abandoned. It starts with the first request,
        # because the later folds of most candidates are never trained.
        self.thread = threading.Thread(target=self._serve_requests, args=(get_config(),), daemon=True)

    @property
    def counted_scores(self) -> list[Any]:
        """The scores up to `max_points`; a fold that was started before this limit was known may have more."""
        return self.scores[: self.max_points]

    @property
    def scored_rounds(self) -> tuple[int, ...]:
        return self.round_grid[: len(self.counted_scores)]

    @property
    def curve(self) -> FoldCurve:
        """The scores so far, with the numbers of rounds to which they belong."""
        return FoldCurve(self.scored_rounds, tuple(self.counted_scores))

    @property
    def best(self) -> FoldScore:
        """The best score of this fold so far, or the score of a failed fold if it failed.

        It is the score of the curve, by which pruning compares candidates.
        """
        if self.error is not None:
            return self.scorer.make_fold_score(
                self.error, self.failed, None, self.fit_seconds, self.score_seconds, self.curve
            )
        point = int(np.argmax(self._select_scores()))
        return self._make_fold_score(point, self.scored[point])

    def score_point(self, point: int) -> FoldScore:
        """Return the score at a point, as scikit-learn's scorer computes it."""
        return self._make_fold_score(point, self.scorer.score(self.trainer, self.fold, self.predictions[point]))

    def _make_fold_score(self, point: int, test: Scored) -> FoldScore:
        train = self.scorer.score_training_rows(self.trainer, self.round_grid[point], self.fold)
        return self.scorer.make_fold_score(None, test, train, self.fit_seconds, self.score_seconds, self.curve)

    def request(self, n_points: int | None) -> None:
        """Request training up to a number of points, or with None until it stops improving; no effect after `close`."""
        if not self.is_closing:
            if self.thread.ident is None and not self._start_thread():
                return
            self.requests.put(n_points if n_points is not None else UNTIL_NO_IMPROVEMENT)

    def _start_thread(self) -> bool:
        """Start the thread; return whether that succeeded. Without memory for it, the booster has failed."""
        try:
            self.thread.start()
        except RuntimeError as error:
            self.error = format_exc()
            self.results.put(error)
            return False
        return True

    def wait(self, error_score: Any) -> None:
        """Wait until the last request is done."""
        if self.is_closing:
            return
        exception = self.results.get()
        if exception is not None and (error_score == "raise" or not isinstance(exception, FOLD_FAILURES)):
            raise exception

    def release(self) -> None:
        """Keep the trees and free the memory that only training needs; afterwards it cannot be trained further."""
        self.close()
        if self.error is None:
            self.trainer.release()

    def close(self) -> None:
        """End the thread, after the round that is being trained."""
        self.is_closing = True
        if self.thread.ident is not None:
            self.requests.put(None)
            self.thread.join()

    def _serve_requests(self, config: dict[str, Any]) -> None:
        while (n_points := self.requests.get()) is not None:
            exception: BaseException | None = None
            try:
                with config_context(**config):  # every thread has its own settings
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
        return self.is_out_of_time or self.is_closing or self._is_over()

    def _is_over(self) -> bool:
        """Whether another round would end after the end time."""
        if self.end_time is None or self.trainer.n_rounds == 0:
            return False
        return clock.now() + self.round_seconds > self.end_time

    def _has_passed_deadline(self, fit_seconds: float) -> bool:
        if self.deadline is None:
            return False
        latest_end = None if self.compute_latest_end is None else self.compute_latest_end(fit_seconds)
        return clock.now() > (self.deadline if latest_end is None else min(self.deadline, latest_end))

    def _select_scores(self) -> list[float]:
        return [select_score(score, self.scorer.metric) for score in self.counted_scores]

    def _train_to_next_point(self) -> None:
        """Train to the next point, and score."""
        start = round_start = time.perf_counter()
        for _ in range(self.trainer.n_rounds, self.round_grid[len(self.scores)]):
            self.is_out_of_time = self._has_passed_deadline(self.fit_seconds + time.perf_counter() - start)
            if self._should_stop():
                self.is_cut = self._is_over() and not (self.scores or self.is_out_of_time or self.is_closing)
                if not self.is_cut:
                    return
                self.round_grid = (self.trainer.n_rounds,)
                break
            self.trainer.train_round()
            self.round_seconds, round_start = time.perf_counter() - round_start, time.perf_counter()
        prediction = self.trainer.predict_test_rows()
        self.fit_seconds += time.perf_counter() - start
        self._score(prediction)

    def keep_rounds(self, n_rounds: int) -> None:
        """Score only with the first rounds. All folds have these, but one fold ran out of time before its first point.

        The thread must be idle.
        """
        self.is_cut, self.max_points = True, 1
        if self.error is not None or (self.round_grid == (n_rounds,) and self.scores):
            return
        self.round_grid = (n_rounds,)
        self.scores, self.scored, self.predictions = [], [], []
        self._score(self.trainer.predict_test_rows(n_rounds))

    def _score(self, prediction: np.ndarray) -> None:
        """Score the predictions at the next point."""
        start = time.perf_counter()
        scored = self.scorer.score_quickly(self.trainer, self.fold, prediction)
        self.score_seconds += time.perf_counter() - start
        if scored.failure in (None, Failure.OTHER_SCORE):
            self.scores.append(scored.score)
            self.scored.append(scored)
            self.predictions.append(prediction)
        else:
            self.failed, self.error = scored, scored.error
