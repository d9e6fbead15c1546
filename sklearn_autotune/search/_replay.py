"""What is replayed when a stored search is resumed, and what is decided anew.

The search asks again from the first trial on. Where the candidate that comes up is stored, its outcome is told and
nothing is measured. The rules of the present search decide what of the outcome counts: a candidate that its pruning
rule stops sooner than the earlier one did is cut there, and one that an earlier rule stopped and this one does not is
measured again. So a search that is resumed with more trials ends like one that had so many from the beginning, also
where the number of trials decides whether candidates are stopped, whether a space is searched in full, or which
candidates are proposed. Once one of these has changed something, the sampler may propose others than those that are
stored; stored candidates are found by their values then, and those that do not come up are left in the storage.

If the stored candidates do not come up for another reason, the sampler has no seed or a setting has changed. The stored
trials are taken as they are then, as part of the search.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import optuna
from optuna.trial import FixedTrial, FrozenTrial

from sklearn_autotune.evaluation import Outcome, PrunerState
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.pruning import PruningTracker
from sklearn_autotune.space._space import Space, make_candidate_key
from sklearn_autotune.storage._outcomes import (
    MEASURED_STATUSES,
    Source,
    TrialRecord,
    get_candidate_index,
    get_source,
    get_status,
    get_trial_number,
    read_record,
)

__all__ = ["Replay", "ReplayMismatchError"]

logger = logging.getLogger(__name__)


class ReplayMismatchError(Exception):
    """The sampler does not propose a stored candidate again, so the stored search cannot be replayed."""


class Replay:
    """Finds the stored outcome of each candidate that comes up again.

    Parameters
    ----------
    stored : sequence of FrozenTrial
        In the order in which they were stored.
    space : Space
    n_trials : int
        How many candidates the search may measure.
    read : callable
        Returns the record of a stored trial; None if something that belongs to it was lost.

    Attributes
    ----------
    has_diverged : bool
        Whether the number of trials, or another pruning rule, has changed something that the sampler is told or that
        decides which candidates come up.
    """

    def __init__(
        self,
        stored: Sequence[FrozenTrial],
        space: Space,
        n_trials: int,
        read: Callable[[FrozenTrial, Space], TrialRecord | None] = read_record,
    ) -> None:
        self.stored = list(stored)
        self.space = space
        self.read = read
        self.n_stored = max((get_candidate_index(trial) + 1 for trial in self.stored), default=0)
        # If more candidates are stored than are asked for, all are kept, and as they are.
        self.keeps_all = self.n_stored > n_trials
        self.has_diverged = False
        self.told: list[FrozenTrial] = []  # the trials whose outcomes have been told
        self._by_number: defaultdict[int, list[FrozenTrial]] = defaultdict(list)
        for trial in self.stored:
            self._by_number[get_trial_number(trial)].append(trial)

    def check(self, trial: optuna.Trial, source: Source, *, is_duplicate: bool) -> None:
        """Raise ReplayMismatchError if another candidate has come up than is stored, and nothing explains it."""
        stored = self._by_number.get(trial.number)
        if not stored or self.has_diverged:
            return
        matching = [each for each in stored if each.params == trial.params]
        if any((get_status(each) == Status.DUPLICATE) == is_duplicate for each in matching):
            return
        sources = {source, *(get_source(each) for each in stored)}
        if sources == {Source.SAMPLER}:
            raise ReplayMismatchError(f"trial {trial.number} has {trial.params}, and had {stored[0].params}")
        self.has_diverged = True

    def find_duplicate(self, trial: optuna.Trial) -> FrozenTrial | None:
        """Return the stored trial of this number if it was a duplicate too."""
        for each in self._by_number.get(trial.number, ()):
            if each.params == trial.params and get_status(each) == Status.DUPLICATE:
                return each
        return None

    def has_stored(self, trial: optuna.Trial, candidate: Hashable) -> bool:
        """Whether there is a stored trial of a candidate; `find` says whether its outcome can be used."""
        return any(True for _ in self._iterate_stored(trial, candidate))

    def find(
        self,
        trial: optuna.Trial,
        candidate: Hashable,
        tracker: PruningTracker,
        state: PrunerState,
        *,
        n_subsamples: int = 0,
    ) -> tuple[FrozenTrial, Outcome] | None:
        """Return the stored trial of a candidate, and its outcome under the present rules; None if it is not known.

        Parameters
        ----------
        trial : optuna.Trial
            The trial that has been asked.
        candidate : hashable
            The key of its candidate.
        tracker : PruningTracker
        state : PrunerState
            The state that the tracker has made for the trial.
        n_subsamples : int, default=0
            On how many subsamples the candidate would be measured now.
        """
        for each in self._iterate_stored(trial, candidate):
            record = self.read(each, self.space)
            if record is None:
                continue
            measured = record.outcome
            usable = _drop_subsamples(measured, n_subsamples)
            if usable is None and not self.keeps_all:
                continue
            outcome = tracker.replay(trial, each, usable or measured, state, is_anew=self.has_diverged)
            if self.keeps_all:
                return each, measured
            self.has_diverged |= outcome is not measured
            if outcome is not None:
                return each, outcome
        return None

    def mark_told(self, stored: FrozenTrial) -> None:
        """Note that the outcome of a stored trial has been told."""
        self.told.append(stored)

    def take_rest(self) -> list[FrozenTrial]:
        """Return the stored trials that were not told and belong to the search; afterwards there are none."""
        told = {trial.number for trial in self.told}
        told_numbers = {get_trial_number(trial) for trial in self.told}
        rest = [trial for trial in self.stored if trial.number not in told]
        self.stored = []
        self._by_number.clear()
        # Others of a number that was told come from before the search got more trials.
        kept = [] if self.has_diverged else [trial for trial in rest if get_trial_number(trial) not in told_numbers]
        if len(kept) < len(rest):
            logger.info(
                "%d stored trials do not come up in a search with these settings; they stay in the storage.",
                len(rest) - len(kept),
            )
        return kept

    def _iterate_stored(self, trial: optuna.Trial, candidate: Hashable) -> Iterator[FrozenTrial]:
        """Yield the stored trials that have measured a candidate: that of this number first."""
        for each in self._by_number.get(trial.number, ()):
            if each.params == trial.params and get_status(each) in MEASURED_STATUSES:
                yield each
        if self.has_diverged:
            yield from self._by_candidate.get(candidate, ())

    @cached_property
    def _by_candidate(self) -> dict[Hashable, list[FrozenTrial]]:
        found: defaultdict[Hashable, list[FrozenTrial]] = defaultdict(list)
        for trial in self.stored:
            if get_status(trial) in MEASURED_STATUSES:
                found[make_candidate_key(self.space.suggest(FixedTrial(trial.params)))].append(trial)
        return dict(found)


def _drop_subsamples(outcome: Outcome, n_kept: int) -> Outcome | None:
    """Return the outcome with so many subsamples at most; None if the candidate was stopped on one of the others."""
    if len(outcome.subsamples) <= n_kept:
        return outcome
    if outcome.status == Status.PRUNED and not outcome.folds:
        return None
    return replace(outcome, subsamples=outcome.subsamples[:n_kept])
