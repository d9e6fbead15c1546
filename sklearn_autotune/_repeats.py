"""The folds: as they are drawn where they are left open, and drawn again for what may enter the blend."""

import time
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn.model_selection import KFold, StratifiedKFold, check_cv

from sklearn_autotune._members import Members
from sklearn_autotune._plan import FEWEST_FOLDS
from sklearn_autotune._trials import Record
from sklearn_autotune.evaluation import Fold, Outcome, Progress, Work
from sklearn_autotune.executors import Executor

__all__ = ["Repeats", "default_folds", "make_repeats"]

# How often they are drawn where a search leaves time. On eleven tables of 1,000 to 7,000 rows, searched for 20 seconds,
# drawing them twice brought 0.8 % less log loss on new rows, three times 0.9 and four times 1.1. Searching on brings as
# much: on 18 tables half of 120 seconds for up to five draws did as well as all for the search (-0.1 %, standard error
# 0.2).
MOST_REPEATS = 5

# What is kept for a repeat, as a multiple of what is foreseen.
SLACK = 1.2


def default_folds(y: np.ndarray, is_classification: bool, seed: int, *, may_lack_classes: bool) -> Any:
    """Return the folds that are drawn where ``cv`` leaves them open: the fewer, the more rows there are.

    ``may_lack_classes`` says that a fold's test rows can be scored without all classes. Else there are no more folds
    than rows of the rarest class.
    """
    n_folds = next((folds for rows, folds in ((3000, 8), (20_000, 5)) if len(y) < rows), FEWEST_FOLDS)
    if not is_classification:
        return KFold(min(n_folds, len(y)), shuffle=True, random_state=seed)
    counts = np.unique(y, return_counts=True)[1]
    rarest = int(counts.min())
    if may_lack_classes and rarest < n_folds <= counts.max():
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The least populated class")
            return list(StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(y, y))
    return StratifiedKFold(int(np.clip(rarest, 2, n_folds)), shuffle=True, random_state=seed)


def make_repeats(selector: Any, measured: Members) -> "Repeats":
    """Make what measures the best again as often as a selector wants it.

    Raises
    ------
    ValueError
        If folds are to be drawn again that were not drawn here.
    """
    most = selector.n_repeats
    if most == "auto":
        is_open = selector.timeout is not None and selector.n_trials is None and selector.cv is None
        most = MOST_REPEATS if is_open else 1
    if most > 1 and selector.cv is not None:
        raise ValueError(
            f"n_repeats={most} draws the folds of the default cv, and cv={selector.cv!r} was given. Use cv=None, or "
            "n_repeats=1."
        )
    is_classification, may_lack_classes = measured.classes is not None, selector.scoring is None
    draw = partial(default_folds, measured.task.y, is_classification, may_lack_classes=may_lack_classes)
    return Repeats(measured, draw, most, effective_n_jobs(selector.n_jobs))


class Repeats:
    """Measures candidates again and again, each time on other folds and with other seeds.

    What is predicted for a row is the mean over the repeats then. The models of a repeat are let go: averaged, they
    would predict as those of the first folds do.

    Parameters
    ----------
    measured : Members
        On the folds that were drawn first.
    draw : callable
        From a seed to folds, as ``cv`` takes them.
    most : int
        How often folds are drawn in all, the first time included.
    n_workers : int
    """

    def __init__(self, measured: Members, draw: Callable[[int], object], most: int, n_workers: int) -> None:
        self.measured = measured
        self.draw = draw
        self.most = most
        self.n_workers = n_workers

    def seconds(self, records: Sequence[Record]) -> float:
        """Foresee how long one repeat of some candidates will take."""
        folds = [fold for record in records for fold in record.outcome.folds]
        spent = sum(fold.fit_seconds + fold.score_seconds for fold in folds)
        return SLACK * spent / min(self.n_workers, max(1, len(records)))

    def measure(
        self, records: Sequence[Record], make_executor: Callable[[Any], Executor], deadline: float | None
    ) -> int:
        """Measure candidates as often as there is time for, and give them the mean of what was predicted.

        Parameters
        ----------
        records : sequence of Record
            Complete candidates, with what measuring them has left.
        make_executor : callable
            From what measures to where that is done.
        deadline : float or None
            ``time.time()`` at which measuring has to be over. A repeat for which there is no time is not begun, and one
            that is not over by then is dropped.

        Returns
        -------
        n_repeats : int
            How often they have been measured, the first time included.
        """
        n_done = 1
        if not self._has_time_for_another(n_done, records, deadline):
            return n_done
        redrawn = Redrawn([self._drawn_again(repeat) for repeat in range(1, self.most)])
        totals = {record.number: self.measured.of_all_rows(record.outcome.kept.predictions) for record in records}
        counts = dict.fromkeys(totals, 1)
        with closing(make_executor(redrawn)) as executor:
            while self._has_time_for_another(n_done, records, deadline):
                outcomes = _outcomes(executor, records, n_done - 1, deadline)
                if outcomes is None:
                    break
                for number, outcome in outcomes.items():
                    if outcome.status == "complete":
                        totals[number] += redrawn.of_repeat[n_done - 1].of_all_rows(outcome.kept.predictions)
                        counts[number] += 1
                n_done += 1
        for record in records:
            self.measured.replace_predictions(record.outcome.kept, totals[record.number] / counts[record.number])
        return n_done

    def _has_time_for_another(self, n_done: int, records: Sequence[Record], deadline: float | None) -> bool:
        return n_done < self.most and self.seconds(records) <= _seconds_until(deadline)

    def _drawn_again(self, repeat: int) -> Members:
        first = self.measured
        y = np.asarray(first.task.y)
        splits = check_cv(self.draw(first.seed + repeat), y, classifier=first.classes is not None).split(y, y)
        folds = tuple(Fold(number, np.asarray(train), np.asarray(test)) for number, (train, test) in enumerate(splits))
        task = replace(first.task, folds=folds)
        return replace(first, task=task, seed=first.seed + repeat, keeps_models=False, foresee=None)


class Redrawn:
    """What measures candidates on the folds of several repeats: which one, the work's row says.

    Parameters
    ----------
    of_repeat : sequence of Members
    """

    n_folds = 1

    def __init__(self, of_repeat: Sequence[Members]) -> None:
        self.of_repeat = of_repeat

    def steps(self, work: Work) -> Generator[Progress, None, None]:
        """Yield the progress after each fold."""
        return self.of_repeat[work.row].steps(work)


def _outcomes(
    executor: Executor, records: Sequence[Record], repeat: int, deadline: float | None
) -> Mapping[int, Outcome] | None:
    """Return how measuring each candidate once more ended, or None if there was no time for all of them."""
    for record in records:
        executor.submit(Work(record.number, repeat, len(records), record.params, deadline=deadline))
    outcomes: dict[int, Outcome] = {}
    while len(outcomes) < len(records):
        arrived = executor.wait(None if deadline is None else max(0.0, _seconds_until(deadline)))
        for number, outcome in arrived:
            if outcome.raised is not None:
                raise outcome.raised
            outcomes[number] = outcome
        is_late = not arrived and _seconds_until(deadline) <= 0
        if is_late or any(outcome.status == "timeout" for _, outcome in arrived):
            return None
    return outcomes


def _seconds_until(deadline: float | None) -> float:
    return float("inf") if deadline is None else deadline - time.time()
