"""The life of one trial: asked, measured, told. The only place that asks and tells.

Trials are told in the order in which they were asked, and the next one is asked as soon as the trial ``look_ahead``
places before it has been told. So the candidates depend on the seed and the look-ahead, never on timing.

So a search is resumed by going through it once more: the sampler is asked again from the first trial on, and where the
outcome of what it proposes is stored, that is told in place of a new one. Whatever a sampler, a bar or a rule for
stopping remembers is then what it was, and a candidate that was under way when the search ended comes up again as
itself.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import optuna
from optuna.trial import FixedTrial, FrozenTrial, TrialState

from sklearn_autotune._compat.optuna import create_random_study
from sklearn_autotune.evaluation import OUT_OF_TIME, Outcome, WorkItem, average_scores
from sklearn_autotune.pruning._bars import NoPruningRule, PruningRule
from sklearn_autotune.search._phase_timer import PhaseTimer
from sklearn_autotune.space._space import Space, make_candidate_key
from sklearn_autotune.storage._outcomes import (
    MEASURED_STATUSES,
    OUTCOME_ATTRIBUTE,
    TrialRecord,
    get_trial_number,
    is_final,
    pack_outcome,
    read_record,
)
from sklearn_autotune.storage._recorder import Recorder

__all__ = ["MEASURED_STATUSES", "Budget", "ReplayMismatchError", "StoppingRule", "TrialLoop", "TrialRecord"]

logger = logging.getLogger(__name__)

# A sampler that keeps proposing candidates already measured is helped out with a random new one, and after so many
# random draws without a new one the space counts as exhausted.
MAX_REPEATS = 3
MAX_RANDOM_DRAWS = 1000


class ReplayMismatchError(Exception):
    """The sampler does not propose a stored candidate again, so the search cannot be gone through once more."""


@dataclass(slots=True)
class Budget:
    """How many candidates may be measured, and until when.

    Attributes
    ----------
    n_trials : int
    deadline : float or None
        ``time.time()`` at which ``fit`` has to be over.
    refit : bool
        Whether a final fit has to find its place before the deadline.
    """

    n_trials: int
    deadline: float | None = None
    refit: bool = True
    fit_seconds: float = field(default=0.0, init=False)

    def note(self, outcome: Outcome) -> None:
        """Remember what fits cost: the refit, on all rows, is expected to take a quarter more than the slowest."""
        if outcome.folds:
            self.fit_seconds = max(self.fit_seconds, 1.25 * max(fold.fit_seconds for fold in outcome.folds))

    @property
    def search_deadline(self) -> float | None:
        """When measuring has to be over."""
        if self.deadline is None:
            return None
        return self.deadline - (self.fit_seconds if self.refit else 0.0)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until measuring has to be over, at least 0."""
        deadline = self.search_deadline
        return None if deadline is None else max(0.0, deadline - time.time())

    @property
    def is_spent(self) -> bool:
        """Whether no further candidate is to be begun."""
        return self.seconds_left == 0.0


@dataclass(slots=True)
class StoppingRule:
    """When a search has found enough: decided by what has been told, so that it never depends on timing.

    Attributes
    ----------
    patience : int or None
        How many candidates may be told in a row without a better mean score than all before.
    target_score : float or None
        The mean score to be reached.
    """

    patience: int | None = None
    target_score: float | None = None
    best: float | None = field(default=None, init=False)
    n_without: int = field(default=0, init=False)

    def note(self, outcome: Outcome, score: float | None) -> None:
        """Take in an outcome, and the mean score if it is complete."""
        if outcome.status not in MEASURED_STATUSES:
            return
        if score is not None and (self.best is None or score > self.best):
            self.best, self.n_without = score, 0
        elif self.best is not None:
            self.n_without += 1

    @property
    def is_met(self) -> bool:
        """Whether to stop."""
        if self.best is None:
            return False
        is_enough = self.target_score is not None and self.best >= self.target_score
        return is_enough or (self.patience is not None and self.n_without >= self.patience)


@dataclass(slots=True)
class _Asked:
    trial: optuna.Trial
    params: Mapping[str, Any]
    row: int


class TrialLoop:
    """Asks, hands out, and tells until the budget is spent.

    Parameters
    ----------
    study : optuna.Study
    space : Space
    executor : Executor
    budget : Budget
    stopping_rule : StoppingRule or None
        When to stop before the budget is spent.
    pruning_rule : PruningRule or None
        What candidates have to clear; None lets all run in full.
    look_ahead : int
        How many candidates may be under way before their results are known.
    metric : str or None
        Which of several scores guides the search.
    seed : int
        For the random candidates that help out a sampler which repeats itself.
    enqueue : sequence of dict
        Candidates to measure first.
    propose : callable or None
        Called with the records told so far and the number of the candidate to come, before the sampler is asked; may
        return a candidate to take instead, or None.
    callbacks : sequence of callable
        Called as ``callback(study, frozen_trial)`` after each tell, in order.
    check_outcome : callable or None
        Called with the first complete outcome; may raise if it is not what the search can use.
    contexts : object with ``open(row)`` and ``close(row)``
        scikit-learn's callback contexts of a candidate's folds.
    recorder : Recorder or None
        Where trials are written down, and where those of the search that is resumed stand.
    skip_replay : bool
        Take the stored trials as they are, in place of going through the search once more.
    clock : PhaseTimer or None
        Where seconds are written down.

    Raises
    ------
    ReplayMismatchError
        By `run`, if the sampler does not propose the stored candidates again: it has no seed, or something that steers
        the search has changed. With ``skip_replay`` that does not matter.
    """

    def __init__(
        self,
        *,
        study: optuna.Study,
        space: Space,
        executor: Any,
        budget: Budget,
        look_ahead: int,
        stopping_rule: StoppingRule | None = None,
        pruning_rule: PruningRule | None = None,
        metric: str | None = None,
        seed: int = 0,
        enqueue: Sequence[Mapping[str, Any]] = (),
        propose: Callable[[Sequence[TrialRecord], int], Mapping[str, Any] | None] | None = None,
        callbacks: Sequence[Callable[[optuna.Study, FrozenTrial], None]] = (),
        check_outcome: Callable[[Outcome], None] | None = None,
        contexts: Any,
        recorder: Recorder | None = None,
        skip_replay: bool = False,
        clock: PhaseTimer | None = None,
    ) -> None:
        self.study = study
        self.space = space
        self.executor = executor
        self.budget = budget
        self.look_ahead = look_ahead
        self.stopping_rule = stopping_rule or StoppingRule()
        self.pruning_rule = pruning_rule or NoPruningRule()
        self.metric = metric
        self.propose = propose
        self.callbacks = callbacks
        self.check_outcome = check_outcome
        self.contexts = contexts
        self.recorder = recorder or Recorder()
        self.clock = clock or PhaseTimer()
        self.records: list[TrialRecord] = []
        self.seen: set[Any] = set()
        self.n_rows = 0
        # Stored trials that have not come up yet: by their numbers in the search, and any others.
        self.known: dict[int, FrozenTrial] = {}
        self.others: list[FrozenTrial] = []
        self._read_stored_trials()
        if skip_replay:
            self._take_as_stored()
        self.is_grid = space.size is not None and space.size <= budget.n_trials
        self.planned: Iterator[dict[str, Any]] = self._plan(enqueue)
        self.random = create_random_study(seed)
        self.under_way: dict[int, _Asked] = {}
        self.arrived: dict[int, Outcome] = {}
        self.is_exhausted = False
        self.stop_requested = self.stopping_rule.is_met
        self.is_telling = False

    @property
    def n_expected_candidates(self) -> int:
        """How many candidates will be measured if nothing stops the search."""
        size = self.space.size
        return self.budget.n_trials if size is None else min(size, self.budget.n_trials)

    def run(self) -> list[TrialRecord]:
        """Spend the budget; return the records of all finished trials, in the order of their numbers."""
        self.study.stop = self._ask_to_stop  # type: ignore[method-assign]  # for Optuna's own callbacks
        try:
            while True:
                self._hand_out()
                if not self.under_way:
                    self._take_as_stored()
                    return self.records
                if next(iter(self.under_way)) not in self.arrived:
                    with self.clock.running("measuring"):
                        self.arrived.update(self.executor.wait(self._patience()))
                    self._hear_of_others()
                self._tell_arrived()
                self._cancel_if_over()
        finally:
            del self.study.stop
            self.callbacks = ()  # the search is over: if one of them raised, it is not called again
            self._cancel(self.under_way, Outcome("cancelled", (), "the search was interrupted"))
            self._close_half_asked()

    # -- asking ------------------------------------------------------------------------------------------------

    def _hand_out(self) -> None:
        while self._may_ask():
            with self.clock.running("sampler"):
                asked = self._ask()
            if asked is None:
                self.is_exhausted = True
                return
            self.under_way[asked.trial.number] = asked
            if asked.trial.number in self.known:
                self.arrived[asked.trial.number] = self._outcome_again(asked.trial)
                continue
            self.executor.submit(
                WorkItem(
                    number=asked.trial.number,
                    row=asked.row,
                    n_rows=self.n_expected_candidates,
                    params=asked.params,
                    pruner_state=self.pruning_rule.take_snapshot(asked.trial),
                    # Without one complete candidate there would be nothing to return.
                    deadline=None if asked.row == 0 else self.budget.search_deadline,
                    contexts=self.contexts.open(asked.row),
                )
            )

    def _may_ask(self) -> bool:
        out_of_time = self.budget.is_spent and self.n_rows > 0
        return not (
            self.is_exhausted
            or self.stop_requested
            or out_of_time
            or self.n_rows >= self.budget.n_trials
            or len(self.under_way) >= self.look_ahead
        )

    def _ask(self) -> _Asked | None:
        """Ask for a candidate that has not been measured, or return None if there is none left."""
        for fixed in self.planned:
            asked = self._accept(self._ask_fixed(fixed))
            if asked is not None:
                return asked
        if self.is_grid:
            return None
        proposed = None if self.propose is None else self.propose(self.records, self.n_rows)
        if proposed is not None:
            asked = self._accept(self._ask_fixed(self.space.encode(proposed)))
            if asked is not None:
                return asked
        for _ in range(MAX_REPEATS):
            asked = self._accept(self.study.ask())
            if asked is not None:
                return asked
        return self._ask_random()

    def _ask_random(self) -> _Asked | None:
        for _ in range(MAX_RANDOM_DRAWS):
            draw = self.random.ask()
            if make_candidate_key(self.space.suggest(draw)) not in self.seen:
                return self._accept(self._ask_fixed(draw.params))
        logger.info("No new candidate in %d random draws: the space is exhausted.", MAX_RANDOM_DRAWS)
        return None

    def _ask_fixed(self, params: Mapping[str, Any]) -> optuna.Trial:
        self.study.enqueue_trial(dict(params))
        return self.study.ask()

    def _accept(self, trial: optuna.Trial) -> _Asked | None:
        """Take the trial's candidate if it is new; otherwise close the trial."""
        params = self.space.suggest(trial)
        key = make_candidate_key(params)
        self._require_repeated(trial, key in self.seen)
        if key in self.seen:
            self._finish(trial, params, Outcome("duplicate"))
            return None
        self.seen.add(key)
        self.n_rows += 1
        return _Asked(trial, params, self.n_rows - 1)

    def _plan(self, enqueue: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        for candidate in enqueue:
            yield self.space.encode(candidate)
        if self.is_grid:
            for fixed in self.space.iterate_grid():
                if make_candidate_key(self.space.suggest(FixedTrial(fixed))) not in self.seen:
                    yield fixed

    # -- what is stored ----------------------------------------------------------------------------------------

    def _read_stored_trials(self) -> None:
        self.recorder.begin()
        for stored in self.recorder.read():
            first = self.known.setdefault(get_trial_number(stored), stored)
            if first.params != stored.params:
                self.others.append(stored)

    def _hear_of_others(self) -> None:
        """Take what other processes at the same study have told."""
        missing = [number for number in self.under_way if number not in self.arrived]
        for number, stored in self.recorder.read_trials_from_others(missing).items():
            self.executor.kill([number])
            self.known[number] = stored
            self.arrived[number] = self._outcome_again(self.under_way[number].trial)

    def _require_repeated(self, trial: optuna.Trial, is_duplicate: bool) -> None:
        """Raise ReplayMismatchError if a stored trial of this number had another candidate."""
        stored = self.known.get(trial.number)
        if stored is None:
            return
        was_duplicate = stored.user_attrs[OUTCOME_ATTRIBUTE]["status"] == "duplicate"
        if stored.params != trial.params or was_duplicate != is_duplicate:
            raise ReplayMismatchError(f"trial {trial.number} has {trial.params}, and had {stored.params}")

    def _outcome_again(self, trial: optuna.Trial) -> Outcome:
        """Return the stored outcome of a trial that came up again, with what its bar reported."""
        stored = self.known[trial.number]
        if self.pruning_rule.report:
            for step, value in sorted(stored.intermediate_values.items()):
                trial.report(value, step)
        return read_record(stored, self.space).outcome

    def _take_as_stored(self) -> None:
        """Take the stored trials that have not come up, if there are any, into the study as they are."""
        for stored in [*self.known.values(), *self.others]:
            self.study.add_trial(stored)
            number = len(self.study.get_trials(deepcopy=False)) - 1
            record = replace(read_record(stored, self.space), number=number)
            self.records.append(record)
            self._learn(record.outcome)
            self.recorder.note(number, None)
            if record.is_measured:
                self.seen.add(make_candidate_key(record.params))
                self.n_rows += 1
        self.known, self.others = {}, []

    # -- telling -----------------------------------------------------------------------------------------------

    def _tell_arrived(self) -> None:
        """Tell what has arrived, in the order in which it was asked."""
        while self.under_way and not self.stop_requested:
            number = next(iter(self.under_way))
            if number not in self.arrived:
                return
            self._raise_arrived(number)
            asked, outcome = self.under_way.pop(number), self.arrived.pop(number)
            if self.check_outcome is not None and outcome.status == "complete":
                self.check_outcome(outcome)
                self.check_outcome = None
            self.contexts.close(asked.row)
            self._finish(asked.trial, asked.params, outcome)
            self.stop_requested |= self.stopping_rule.is_met or any(fold.stop_requested for fold in outcome.folds)
            # Ask before telling the next one, even if that has arrived too: what a candidate is asked from must not
            # depend on how many happen to arrive together.
            self._hand_out()

    def _raise_arrived(self, number: int) -> None:
        """Let through the exception with which a candidate came back, as ``error_score="raise"`` asks."""
        if number in self.arrived and self.arrived[number].exception is not None:
            raise self.arrived.pop(number).exception  # type: ignore[misc]

    def _finish(self, trial: optuna.Trial, params: Mapping[str, Any], outcome: Outcome) -> None:
        self.records.append(TrialRecord(trial.number, params, outcome))
        self._learn(outcome)
        trial.set_user_attr(OUTCOME_ATTRIBUTE, pack_outcome(outcome, trial.number))
        self.is_telling = True
        with self.clock.running("sampler"):
            frozen = self._tell(trial, outcome)
        self.is_telling = False
        is_stored = is_final(outcome) and self.known.pop(trial.number, None) is not None
        is_news = is_final(outcome) and not is_stored
        # Whether a candidate was measured before, each process finds out by itself.
        is_only_ours = outcome.status == "duplicate" and self.recorder.is_shared
        self.recorder.note(trial.number, frozen if is_news and not is_only_ours else None)
        if outcome.status in MEASURED_STATUSES and not is_stored:
            for callback in self.callbacks:
                callback(self.study, frozen)
                self.recorder.record_attributes(self.study.user_attrs)

    def _learn(self, outcome: Outcome) -> None:
        """Pass on what the budget, the bars and the goal go by."""
        self.budget.note(outcome)
        self.pruning_rule.note(outcome)
        self.stopping_rule.note(outcome, self._mean(outcome) if outcome.status == "complete" else None)

    def _mean(self, outcome: Outcome) -> float:
        return average_scores((fold.test for fold in outcome.folds), self.metric)

    def _tell(self, trial: optuna.Trial, outcome: Outcome) -> FrozenTrial:
        if not self.pruning_rule.report:
            self._report(trial, outcome)
        if outcome.status == "complete":
            return self.study.tell(trial, self._mean(outcome))
        if outcome.status in ("failed", "pruned"):
            # Samplers learn nothing from FAIL; PRUNED without a value counts as worst and steers them away.
            return self.study.tell(trial, state=TrialState.PRUNED)
        return self.study.tell(trial, state=TrialState.FAIL)

    def _report(self, trial: optuna.Trial, outcome: Outcome) -> None:
        """Report how far a candidate came: samplers rank those that were stopped by it, and then by their score."""
        for rung in outcome.curve:
            trial.report(average_scores(rung.test, self.metric), rung.resource)
        if outcome.status == "pruned" and not outcome.curve:
            trial.report(self._mean(outcome), len(outcome.folds) - 1)

    # -- stopping ----------------------------------------------------------------------------------------------

    def _ask_to_stop(self) -> None:
        """Take Optuna's ``study.stop()``: a callback ends the search, a sampler that is told says it has no more."""
        if self.is_telling:
            self.is_exhausted = True
        else:
            self.stop_requested = True

    def _patience(self) -> float | None:
        """Seconds to wait for something to arrive; the first candidate is waited for without limit."""
        only_first = all(asked.row == 0 for asked in self.under_way.values())
        return None if only_first else self.budget.seconds_left

    def _cancel_if_over(self) -> None:
        """Give up what is under way once the search was stopped or, but for the first candidate, time is up."""
        if self.stop_requested:
            self.arrived.clear()  # which later candidates have arrived is a matter of timing
            self._cancel(self.under_way, Outcome("cancelled", (), "the search was stopped"))
        elif self.budget.seconds_left == 0.0:
            late = [number for number, asked in self.under_way.items() if asked.row > 0]
            for number in late:
                self._raise_arrived(number)
            self._cancel(late, Outcome("timeout", (), OUT_OF_TIME))

    def _cancel(self, numbers: Iterable[int], otherwise: Outcome) -> None:
        """Close trials under way: with their outcome where it has arrived, otherwise as given."""
        late = list(numbers)
        self.executor.kill(late)
        for number in late:
            asked = self.under_way.pop(number)
            outcome = self.arrived.pop(number, otherwise)
            self._finish(asked.trial, asked.params, otherwise if outcome.exception else outcome)

    def _close_half_asked(self) -> None:
        """Close what an interrupt has left running between asking and telling."""
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self.study.tell(trial.number, state=TrialState.FAIL)
