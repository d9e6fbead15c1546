"""Measuring those that lead once more, on folds drawn anew: their predictions then are means, as final ones are."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.model_selection import check_cv

from sklearn_autotune._members import FAMILY, Kept, Members
from sklearn_autotune._plan import N_MEMBERS, default_folds, leaders
from sklearn_autotune._trials import Record
from sklearn_autotune.evaluation import Fold, Outcome, Work, measure

__all__ = ["Repeats"]

# So often the folds are drawn in all. Of k models, the mean comes within 1/k of what infinitely many would bring.
MOST_REPEATS = 3

# Repeating may take this part of a timeout.
REPEAT_SHARE = 0.25

# One more draw is begun if there is so many times the time that the first one took.
SLACK = 1.3


class Repeats:
    """Measures candidates on folds drawn anew, and averages what is predicted of a row over the draws.

    A fold's test rows are predicted by one model, new rows by the mean of all folds' models, which is better: the
    scores of the first draw say nothing of that, so families that gain much by it get too little weight. With every
    draw the two come closer, and there are more models to average.

    Parameters
    ----------
    measured : Members
        Whose folds are those of `default_folds`.
    timeout : float or None
        Of the whole search; without one nothing is repeated.
    n_jobs : int or None
    may_lack_classes : bool
        As of `default_folds`.
    is_wanted : bool
        Whether anything may be repeated.
    """

    def __init__(
        self, measured: Members, timeout: float | None, n_jobs: int | None, *, may_lack_classes: bool, is_wanted: bool
    ) -> None:
        self.measured = measured
        self.n_jobs = n_jobs
        self.may_lack_classes = may_lack_classes
        self.is_possible = is_wanted and timeout is not None
        self.most = REPEAT_SHARE * (timeout or 0.0)

    def seconds(self, records: Sequence[Record]) -> float:
        """Foresee how long repeating will take, if the best so far stay the best.

        No time is kept for those that come after one for which there would be none.
        """
        if not self.is_possible:
            return 0.0
        averaged = [record for record in leaders(records)[:N_MEMBERS] if self._is_averaged(record)]
        each = list(takewhile(lambda seconds: SLACK * seconds <= self.most, map(_seconds_of, averaged)))
        of_one = max([sum(each) / effective_n_jobs(self.n_jobs), *each], default=0.0)
        return min(self.most, SLACK * (MOST_REPEATS - 1) * of_one)

    def measure(self, chosen: Sequence[Record], deadline: float) -> None:
        """Repeat what has models to be averaged, as often as there is time for; those that come first, first.

        Parameters
        ----------
        chosen : sequence of Record
            Complete candidates.
        deadline : float
            ``time.time()`` at which this has to be over.
        """
        n_workers = effective_n_jobs(self.n_jobs)
        going_on = [record for record in chosen if self._is_averaged(record)]
        for repeat in range(1, MOST_REPEATS):
            again = self._on_other_folds(repeat)
            for start in range(0, len(going_on), n_workers):
                for record, outcome in self._outcomes(going_on[start : start + n_workers], again, deadline):
                    if outcome.status == "complete":
                        self._add(record.outcome.kept, again.in_row_order(outcome.kept.predictions), outcome.kept)
            going_on = [record for record in going_on if record.outcome.kept.n_repeats > repeat]

    def _outcomes(self, records: Sequence[Record], again: Members, deadline: float) -> Iterator[tuple[Record, Outcome]]:
        """Measure some candidates side by side, those for which there is time."""
        begun = [record for record in records if time.time() + SLACK * _seconds_of(record) < deadline]
        works = [Work(record.number, 0, 1, record.params, deadline=deadline) for record in begun]
        n_jobs = min(len(works), effective_n_jobs(self.n_jobs))
        outcomes = Parallel(n_jobs)(delayed(measure)(again, work) for work in works) if works else []
        yield from zip(begun, outcomes, strict=True)

    def _is_averaged(self, record: Record) -> bool:
        return self.measured.families[record.params[FAMILY]].is_bagged

    def _on_other_folds(self, repeat: int) -> Members:
        """Return what measures on the folds of a later draw."""
        first = self.measured
        is_classification = first.classes is not None
        drawn = default_folds(
            np.asarray(first.task.y), is_classification, first.seed + repeat, may_lack_classes=self.may_lack_classes
        )
        splits = check_cv(drawn).split(first.task.X, first.task.y)
        folds = tuple(Fold(number, train, test) for number, (train, test) in enumerate(splits))
        return replace(first, task=replace(first.task, folds=folds), foresee=None)

    def _add(self, kept: Kept, predicted: np.ndarray, other: Kept) -> None:
        """Average what a candidate predicts of each row over one more draw, and take its models over."""
        n_repeats, folds = kept.n_repeats, self.measured.task.folds
        mean = (n_repeats * self.measured.in_row_order(kept.predictions) + predicted) / (n_repeats + 1)
        kept.predictions = [mean[fold.test] for fold in folds]
        kept.models = [*(kept.models or ()), *(other.models or ())]
        kept.n_repeats += 1
        if self.measured.classes is not None:
            self.measured.set_temperature(kept, folds)


def _seconds_of(record: Record) -> float:
    return sum(fold.fit_seconds + fold.score_seconds for fold in record.outcome.folds)
