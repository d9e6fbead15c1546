"""TrialProgress: shows the progress of a search after each candidate."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TextIO

import optuna
from optuna.trial import FrozenTrial, TrialState

from sklearn_autotune._compat import clock
from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.progress._display import LINE_SHARE, LineWriter, check_bar_option, format_duration, make_bar
from sklearn_autotune.storage._outcomes import OUTCOME_ATTRIBUTE, is_measured
from sklearn_autotune.storage._study import read_eligible_score, read_study_metric

__all__ = ["TrialProgress"]

COUNTED_STATUSES = tuple(str(status) for status in (Status.COMPLETE, Status.PRUNED, Status.FAILED))

BAR_SECONDS = 0.1  # a bar is drawn at most so often

FIRST_STAGE = "searching"  # named only if other stages follow


class TrialProgress:
    """Shows the progress of a search after each candidate; one of ``callbacks``.

    In a terminal, and in a notebook that has ipywidgets, it draws a progress bar. Elsewhere, for instance in a script
    whose output goes to a file, it writes a line now and then. Both go to the standard error stream. If logging is set
    up for the level INFO, the lines go through logging instead, under the name ``sklearn_autotune.progress``.

    Parameters
    ----------
    n_trials : int, default=None
        Number of candidates, for the share done and the time left. A search of this package tells its own.
    timeout : float, default=None
        Seconds of the search, for the share done and the time left. A search of this package tells its own.
    every : int, default=None
        A line is written after this many candidates. None is about ten lines for a search, and more for a long one: at
        first one every few seconds. No effect on the bar.
    bar : bool or "auto", default="auto"
        Whether to draw a bar, by tqdm. "auto" does where the stream is a terminal, and in notebooks that have
        ipywidgets, but not in worker processes, whose bars would overwrite each other.
    stream : text stream, default=None
        Where bar or lines are written; None is the standard error stream.

    Notes
    -----
    The score is named as scikit-learn names its scorer. A loss is shown with its own sign: lower is better. A candidate
    is named by its row in ``cv_results_``: "candidate 31" is ``cv_results_["params"][31]``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_autotune import OptunaSearchCV
    >>> from sklearn_autotune.progress import TrialProgress
    >>> X, y = load_iris(return_X_y=True)
    >>> progress = TrialProgress(n_trials=3, bar=False)
    >>> tree = DecisionTreeClassifier(random_state=0)
    >>> search = OptunaSearchCV(tree, {"max_depth": [1, 2, 3]}, callbacks=[progress]).fit(X, y)
    >>> print(progress.line().partition(", 3 complete")[0])
    3 of 3 candidates (100 %), best accuracy 0.96 (candidate 2)
    """

    counts: dict[str, int]
    best: float | None
    _tqdm: Any  # the bar, while there is one
    _study: optuna.Study | None
    _n_expected: int | None
    _seconds_allowed: float | None
    _stages: tuple[str, ...]
    _stage: str | None
    _is_over: bool

    def __init__(
        self,
        n_trials: int | None = None,
        timeout: float | None = None,
        *,
        every: int | None = None,
        bar: bool | str = "auto",
        stream: TextIO | None = None,
    ) -> None:
        check_bar_option(bar)
        if every is not None and every < 1:
            raise ValueError(f"every must be at least 1, got {every!r}.")
        self.n_trials = n_trials
        self.timeout = timeout
        self.every = every
        self.bar = bar
        self.stream = stream
        self._reset()

    def begin(
        self,
        study: optuna.Study,
        n_candidates: int | None,
        deadline: float | None = None,
        stages: Sequence[str] = (),
    ) -> None:
        """Show that a search begins; searches of this package call it.

        Parameters
        ----------
        study : optuna.Study
        n_candidates : int or None
            How many candidates will be measured if nothing ends the search early. None if only the time is limited.
        deadline : float or None
            Time by `clock.now` at which the search, later stages included, has to end.
        stages : sequence of str
            Names of the stages after the search.
        """
        self.close()
        self._reset()
        self._study, self._metric, self._stages = study, read_study_metric(study), tuple(stages)
        self._n_expected = n_candidates
        self._seconds_allowed = self.timeout if deadline is None else max(0.0, deadline - self._start)
        self._tqdm = make_bar(self.bar, self.stream, None if self.share is None else 1.0, self._format_beside_bar())

    def __call__(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Count a finished trial, and show the progress."""
        if self._study is not study:
            self._begin_with(study, trial)
        self._count_until(trial)
        self._show()
        if not self._is_announced and self._n_expected is not None and self.n_done >= self._n_expected:
            self.end()

    def begin_stage(self, name: str) -> None:
        """Show that a stage after the search begins: one of the ``stages`` that `begin` was given."""
        if self._study is not None and not self._is_over:
            self._stage = name
            self._show(is_due=True)

    def end(self) -> None:
        """Show that the search is over: the bar is full, or there is a last line."""
        if self._study is None or self._is_over:
            return
        self._count_rest()
        self._is_over = True
        self._show(is_due=True)
        self.close()

    def __enter__(self) -> "TrialProgress":
        """Return itself; the bar begins with the search."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        """Close the bar; it is full unless an exception has ended the block."""
        if kind is None:
            self.end()
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the state of a search under way: a copy starts anew."""
        names = ("n_trials", "timeout", "every", "bar", "stream")
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Start anew."""
        self.__dict__.update(state)
        self._reset()

    @property
    def n_done(self) -> int:
        """How many candidates have been measured, those of an earlier run that was resumed included."""
        return sum(self.counts.values())

    @property
    def share(self) -> float | None:
        """Which part of the budget is spent, later stages included, from 0 to 1; None if nothing limits the search."""
        if self._is_over:
            return 1.0
        shares = []
        if self._n_expected is not None:
            stage = 1 + self._stages.index(self._stage) if self._stage in self._stages else 0
            n_steps = (self._n_expected if stage else min(self.n_done, self._n_expected)) + max(0, stage - 1)
            shares.append(n_steps / max(1, self._n_expected + len(self._stages)))
        if self._seconds_allowed is not None:
            shares.append(min(1.0, self.seconds / self._seconds_allowed) if self._seconds_allowed else 1.0)
        return max(shares) if shares else None

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the budget is spent, by the pace so far; None if that cannot be said."""
        left = []
        n_done_here = self.n_done - self._n_done_before
        if self._n_expected is not None and n_done_here > 0 and self._stage is None:
            left.append(self.seconds / n_done_here * max(0, self._n_expected - self.n_done))
        if self._seconds_allowed is not None:
            left.append(max(0.0, self._seconds_allowed - self.seconds))
        return min(left) if left else None

    @property
    def seconds(self) -> float:
        """Seconds since the search began."""
        return clock.now() - self._start

    def line(self) -> str:
        """Return the progress of the search as a line.

        Returns
        -------
        line : str
        """
        share = self.share
        percent = "" if share is None else f" ({100 * share:.0f} %)"
        stage = f"{self._stage or FIRST_STAGE}: " if self._stages and not self._is_over else ""
        ended = ", search over" if self._is_over and self._n_expected not in (None, self.n_done) else ""
        seconds = f"{format_duration(self.seconds)}{ended}{self._format_time_left()}"
        return f"{stage}{self._format_count(' of ')}{percent}, {self._format_score_and_counts()}, {seconds}"

    def close(self) -> None:
        """Close the bar, if there is one."""
        if self._tqdm is not None:
            self._draw()
            self._tqdm.close()
            self._tqdm = None

    # -- inside --------------------------------------------------------------------------------------------------------

    def _reset(self) -> None:
        self.counts = dict.fromkeys(COUNTED_STATUSES, 0)
        self.best = None
        self._best_row = -1
        self._metric = Metric()
        self._study = None
        self._tqdm = None
        self._start = clock.now()
        self._n_expected = None
        self._seconds_allowed = None
        self._stages = ()
        self._stage = None
        self._is_announced = True
        self._is_over = False
        self._next_number = 0  # trials with lower numbers have been counted
        self._n_done_before = 0
        self._has_counted = False
        self._shown_at = float("-inf")
        self._lines = LineWriter(self._start)

    def _begin_with(self, study: optuna.Study, first: FrozenTrial) -> None:
        """Begin with the first trial of a search that has not told that it begins."""
        self.begin(study, self.n_trials)
        self._is_announced = False
        if first.datetime_start is not None:
            elapsed = datetime.now() - first.datetime_start  # in the wall clock's time, which is Optuna's
            self._start -= max(0.0, elapsed.total_seconds())

    def _count_until(self, last: FrozenTrial) -> None:
        """Count a trial, and those before it that have not been counted: a resumed search tells only new ones."""
        if last.number < self._next_number:
            self._count(last)
            return
        if self._study is not None:
            for trial in self._study.get_trials(deepcopy=False)[self._next_number : last.number]:
                if trial.state.is_finished():
                    self._count(trial)
        if not self._has_counted:
            self._n_done_before, self._has_counted = self.n_done, True
        self._count(last)
        self._next_number = last.number + 1

    def _count_rest(self) -> None:
        """Count the trials at the end of which no callback was called."""
        if self._study is not None:
            for trial in self._study.get_trials(deepcopy=False)[self._next_number :]:
                self._count(trial)
                self._next_number = trial.number + 1

    def _count(self, trial: FrozenTrial) -> None:
        # Failed trials are told as pruned, since samplers learn from those; our own record says which.
        if not is_measured(trial):
            return
        told = Status.COMPLETE if trial.state == TrialState.COMPLETE else Status.PRUNED
        score = None if self._study is None else read_eligible_score(self._study, trial)
        if score is not None and (self.best is None or score > self.best):
            self.best, self._best_row = score, self.n_done  # as many candidates have been counted before
        self.counts[trial.user_attrs.get(OUTCOME_ATTRIBUTE, {}).get("status", str(told))] += 1

    def _show(self, *, is_due: bool = False) -> None:
        """Draw the bar, or write a line, if it is time for it."""
        if self._tqdm is not None:
            if is_due or self.share == 1.0 or clock.now() >= self._shown_at + BAR_SECONDS:
                self._draw()
            return
        if self._is_announced and not self._stages and self.n_done == self._n_expected and not self._is_over:
            return  # `end` writes the last line
        line_share = self.n_done / self.every * LINE_SHARE if self.every is not None else self.share
        if is_due or self._lines.is_due(line_share, clock.now(), goes_by_time=self.every is None):
            self._lines.write(self.line(), (self.n_done, self._stage, self._is_over), self.stream)

    def _draw(self) -> None:
        self._shown_at = clock.now()
        if self._is_over:
            self._tqdm.total = 1.0
        self._tqdm.n = self.share or 0.0
        self._tqdm.set_description_str(self._format_beside_bar(), refresh=False)
        self._tqdm.refresh()

    def _format_beside_bar(self) -> str:
        stage = f"{self._stage or FIRST_STAGE}, " if self._stages and not self._is_over else ""
        left = self._format_time_left().replace("about ", "")
        return f"{stage}{self._format_count('/')}{left}, {self._format_score_and_counts()}"

    def _format_count(self, of: str) -> str:
        if self._n_expected is None:
            return f"{self.n_done} candidate{'' if self.n_done == 1 else 's'}"
        return f"{self.n_done}{of}{self._n_expected} candidates"

    def _format_time_left(self) -> str:
        left = None if self._is_over else self.seconds_left
        return "" if left is None else f", about {format_duration(left)} left"

    def _format_score_and_counts(self) -> str:
        if self.best is None:
            best = "none meets the limits yet" if self.counts[str(Status.COMPLETE)] else "no score yet"
        else:
            direction = f"{self._metric.direction}, " if self._metric.is_loss else ""
            best = f"best {self._metric.format(self.best)} ({direction}candidate {self._best_row})"
        counts = (f"{n} {status}" for status, n in self.counts.items() if n)
        return ", ".join([best, *counts])
