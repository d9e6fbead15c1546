"""The trial loop: asks Optuna for candidates, has them measured, and tells their outcomes, in the order of asking.

The loop tells trials in the order in which it asked them, and asks the next one as soon as the trial ``look_ahead``
numbers before it has been told. So the candidates depend on the seed and the look-ahead, never on timing.

So a search is resumed by replaying it: the loop asks the sampler again from the first trial on, and if the outcome of
the proposed candidate is stored, it tells that outcome instead of measuring the candidate (`search._replay`). Sampler,
pruning rule and stopping rule then have the same state as before, and the candidates that were running when the search
ended are proposed again. Callbacks are not called again; what they did to the study is stored with the trial, and is
done again.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from sklearn_autotune._compat.clock import PhaseTimer
from sklearn_autotune._compat.optuna import get_fixed_params
from sklearn_autotune.evaluation import (
    OUT_OF_TIME,
    Outcome,
    PrunerState,
    WorkItem,
)
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.exceptions import StudyStorageError
from sklearn_autotune.proposals._budget import Budget, StoppingRule
from sklearn_autotune.proposals._candidate_source import CandidateSource
from sklearn_autotune.proposals._look_ahead import PRUNER_LAG, LookAhead
from sklearn_autotune.proposals._teller import Aim, Teller
from sklearn_autotune.pruning import NoPruningTracker, PruningTracker
from sklearn_autotune.search._replay import Replay
from sklearn_autotune.space._space import Space, make_candidate_key
from sklearn_autotune.statistics._kept_rows import KeptRows
from sklearn_autotune.storage._outcomes import (
    MEASURED_STATUSES,
    OUTCOME_ATTRIBUTE,
    CallbackEffects,
    Source,
    TrialRecord,
    is_final,
    make_row_attributes,
    pack_outcome,
    read_effects,
    set_effects,
)
from sklearn_autotune.storage._recorder import Recorder
from sklearn_autotune.storage._signals import SignalWatch

__all__ = ["MEASURED_STATUSES", "TrialLoop", "TrialRecord"]

logger = logging.getLogger(__name__)

LOST_BY_OTHERS = (
    "Another process has stored a candidate of this study, but its predictions cannot be found. Give all processes the "
    "same artifact_store."
)


@dataclass(slots=True)
class _AskedTrial:
    trial: optuna.Trial
    params: Mapping[str, Any]
    candidate_index: int
    source: Source
    subsample_numbers: tuple[int, ...] = ()
    state: PrunerState | None = None  # None as long as it is not known
    is_submitted: bool = False


class TrialLoop:
    """Asks for candidates, submits them to an executor, and tells their outcomes until the budget is spent.

    Parameters
    ----------
    study : optuna.Study
    space : Space
    executor : Executor
    budget : Budget
    stopping_rule : StoppingRule or None
        When to stop before the budget is spent.
    pruning_tracker : PruningTracker or None
        Stops candidates; None lets all run in full.
    look_ahead : LookAhead
        How many candidates may be running before their results are known; more where these change nothing.
    aim : Aim or None
        What the search optimises; None is the only score.
    seed : int
        Seed of the random candidates that are drawn when a sampler repeats itself.
    enqueue : sequence of dict
        Candidates to measure first.
    propose : callable or None
        Called with the records so far and the index of the next candidate, before the sampler is asked; may return a
        candidate to use instead, or None.
    callbacks : sequence of callable
        Called as ``callback(study, frozen_trial)`` after each tell, in order.
    check_outcome : callable or None
        Called with the first complete outcome; raises an error if the search cannot use it.
    check_signals : callable or None
        Raises the interrupt that was swallowed while candidates were measured, if there was one.
    contexts : object with ``open(candidate_index)`` and ``close(candidate_index)``
        scikit-learn's callback contexts of a candidate's folds.
    recorder : Recorder or None
        Writes trials to the stored study, and reads those of a search that is resumed.
    skip_replay : bool
        Add the stored trials to the study as they are, instead of replaying the search.
    heeds_stops : bool
        Whether the search ends where a callback of an earlier process has ended it.
    phase_timer : PhaseTimer or None
        Adds up the seconds of the phases.

    Raises
    ------
    ReplayMismatchError
        By `run`, if the sampler does not propose the stored candidates again: it has no seed, or a setting of the
        search has changed. With ``skip_replay`` that does not matter.
    """

    def __init__(
        self,
        *,
        study: optuna.Study,
        space: Space,
        executor: Any,
        budget: Budget,
        look_ahead: LookAhead,
        stopping_rule: StoppingRule | None = None,
        pruning_tracker: PruningTracker | None = None,
        aim: Aim | None = None,
        seed: int = 0,
        enqueue: Sequence[Mapping[str, Any]] = (),
        propose: Callable[[Sequence[TrialRecord], int], Mapping[str, Any] | None] | None = None,
        callbacks: Sequence[Callable[[optuna.Study, FrozenTrial], None]] = (),
        check_outcome: Callable[[Outcome], None] | None = None,
        check_signals: Callable[[], None] | None = None,
        contexts: Any,
        recorder: Recorder | None = None,
        skip_replay: bool = False,
        heeds_stops: bool = True,
        phase_timer: PhaseTimer | None = None,
    ) -> None:
        self.study = study
        self.space = space
        self.executor = executor
        self.budget = budget
        self.look_ahead = look_ahead
        self.stopping_rule = stopping_rule or StoppingRule()
        self.pruning_tracker = pruning_tracker or NoPruningTracker()
        self.teller = Teller(study, aim or Aim(), self.pruning_tracker)
        self.callbacks = callbacks
        self.check_outcome = check_outcome
        self.check_signals = check_signals or SignalWatch().check
        self.contexts = contexts
        self.recorder = recorder or Recorder()
        self.phase_timer = phase_timer or PhaseTimer()
        self.records: list[TrialRecord] = []
        self.kept_rows = KeptRows(self.teller.aim.metric)
        self.kept_predictions = KeptRows(self.teller.aim.metric, name="prediction")
        self.seen_keys: set[Any] = set()
        self.noted_numbers: set[int] = set()  # of the trials that callbacks have enqueued
        self.n_accepted = 0
        self.replay = Replay(self.recorder.restart(), space, budget.n_trials, self.recorder.read_record)
        # By number: stored trials whose outcomes are told next, and whether the callbacks have not seen them like that.
        self.replayed: dict[int, tuple[FrozenTrial, bool]] = {}
        self.budget.n_trials = max(self.budget.n_trials, self.replay.n_stored)
        self.heeds_stops = heeds_stops
        self.stop_requested = False
        if skip_replay:
            self._add_stored_trials()
        self.candidate_source = CandidateSource(
            study, space, enqueue, propose, seed=seed, n_trials=budget.n_trials, seen_keys=self.seen_keys
        )
        self.running: dict[int, _AskedTrial] = {}
        self.arrived_outcomes: dict[int, Outcome] = {}
        self.is_exhausted = False
        self.stop_requested |= self.stopping_rule.is_met
        self.is_telling = False
        is_grid = self.candidate_source.is_grid
        told_changes_nothing = is_grid and isinstance(self.pruning_tracker, NoPruningTracker) and not heeds_stops
        if told_changes_nothing and not (self.recorder.is_shared or self.stopping_rule.can_stop):
            self.look_ahead = look_ahead.widen(2 * executor.capacity)  # all workers can be kept busy

    @property
    def n_expected_candidates(self) -> int:
        """How many candidates will be measured if nothing stops the search early."""
        size = self.space.size
        return self.budget.n_trials if size is None else min(size, self.budget.n_trials)

    def run(self) -> list[TrialRecord]:
        """Spend the budget; return the records of all finished trials, in the order of their numbers."""
        self.study.stop = self._handle_study_stop  # type: ignore[method-assign]  # for Optuna's own callbacks
        try:
            while True:
                self._submit_candidates()
                if not self.running:
                    self._add_stored_trials()
                    return self.records
                if next(iter(self.running)) not in self.arrived_outcomes:
                    with self.phase_timer.measure("measuring"):
                        arrived = self.executor.wait(self._compute_wait_seconds())
                    self.check_signals()
                    self.arrived_outcomes.update(arrived)
                    self._take_outcomes_from_others()
                self._tell_in_order()
                self._cancel_if_over()
        finally:
            self.callbacks = ()  # the search is over: if one of them raised, it is not called again
            try:
                self._cancel(self.running, Outcome(Status.CANCELLED, (), "the search was interrupted"))
                self._close_running_trials()
            finally:
                del self.study.stop  # the last of all: samplers with no candidates left call it when a trial is told

    # -- asking ------------------------------------------------------------------------------------------------

    def _submit_candidates(self) -> None:
        while self._may_ask():
            with self.phase_timer.measure("sampler"):
                asked = self._ask()
            if asked is None:
                self.is_exhausted = True
                return
            self.running[asked.trial.number] = asked
            self._replay_or_submit(asked)

    def _replay_or_submit(self, asked: _AskedTrial) -> None:
        """Let the stored outcome of a candidate arrive; if there is none, have the candidate measured."""
        if asked.state is None and self.replay.has_stored(asked.trial, make_candidate_key(asked.params)):
            return  # the pruner state decides whether the stored outcome can be used
        if asked.state is not None and self._replay_outcome(asked, asked.state):
            return
        asked.is_submitted = True
        self.executor.submit(
            WorkItem(
                number=asked.trial.number,
                candidate_index=asked.candidate_index,
                n_candidates=self.n_expected_candidates,
                params=asked.params,
                pruner_state=asked.state,
                # Without one complete candidate there would be nothing to return.
                deadline=None if asked.candidate_index == 0 else self.budget.search_deadline,
                end_time=self.budget.deadline,
                callback_contexts=self.contexts.open(asked.candidate_index),
                subsample_numbers=asked.subsample_numbers,
            )
        )

    def _make_late_states(self) -> None:
        """Make the pruner states of the running candidates for which enough earlier trials have been told."""
        for n_before, asked in enumerate(list(self.running.values())):
            if asked.state is None and n_before < PRUNER_LAG(asked.candidate_index):
                asked.state = self.pruning_tracker.make_pruner_state(asked.trial)
                if asked.is_submitted:
                    self.executor.decide(asked.trial.number, asked.state)
                else:
                    self._replay_or_submit(asked)

    def _may_ask(self) -> bool:
        out_of_time = self.budget.is_spent and self.n_accepted > 0
        return not (
            self.is_exhausted
            or self.stop_requested
            or out_of_time
            or self.n_accepted >= self.budget.n_trials
            or len(self.running) >= self.look_ahead(self.n_accepted)
        )

    def _ask(self) -> _AskedTrial | None:
        """Ask for a candidate that has not been measured, or return None if there is none left."""
        for trial, source in self.candidate_source.iterate_proposals(self.records, self.n_accepted):
            asked = self._accept(trial, source)
            if asked is not None or self.is_exhausted:
                return asked
        return None

    def _accept(self, trial: optuna.Trial, source: Source) -> _AskedTrial | None:
        """Take the trial's candidate if it is new; otherwise close the trial."""
        params = self.space.suggest(trial)
        key = make_candidate_key(params)
        self.replay.check(trial, source, is_duplicate=key in self.seen_keys)
        if key in self.seen_keys:
            stored = self.replay.find_duplicate(trial)
            if stored is not None:
                self.replayed[trial.number] = stored, False
            asked = _AskedTrial(trial, params, -1, source)
            self._close_trial(asked, Outcome(Status.DUPLICATE))
            return None
        self.seen_keys.add(key)
        self.n_accepted += 1
        subsample_numbers = () if self.contexts.is_active else self.pruning_tracker.choose_subsamples()
        asked = _AskedTrial(trial, params, self.n_accepted - 1, source, subsample_numbers)
        is_known = len(self.running) < PRUNER_LAG(asked.candidate_index)
        if is_known or not self.pruning_tracker.decides_late:
            asked.state = self.pruning_tracker.make_pruner_state(trial)
        return asked

    # -- what is stored ----------------------------------------------------------------------------------------

    def _replay_outcome(self, asked: _AskedTrial, state: PrunerState) -> bool:
        """Let the stored outcome of a candidate arrive, if there is one; return whether there is."""
        key = make_candidate_key(asked.params)
        found = self.replay.find(
            asked.trial, key, self.pruning_tracker, state, n_subsamples=len(asked.subsample_numbers)
        )
        if found is None:
            return False
        stored, self.arrived_outcomes[asked.trial.number] = found
        self.replayed[asked.trial.number] = stored, self.replay.has_diverged
        return True

    def _take_outcomes_from_others(self) -> None:
        """Take the outcomes that other processes have written to the same study."""
        states = {
            number: asked.state
            for number, asked in self.running.items()
            if asked.state is not None and number not in self.arrived_outcomes
        }
        for number, stored in self.recorder.read_trials_from_others(states).items():
            self.executor.kill([number])
            asked, record = self.running[number], self.recorder.read_record(stored, self.space)
            if record is None:
                raise StudyStorageError(LOST_BY_OTHERS)
            outcome = record.outcome
            replayed = self.pruning_tracker.replay(asked.trial, stored, outcome, states[number], is_anew=False)
            self.replayed[number], self.arrived_outcomes[number] = (stored, False), replayed or outcome

    def _add_stored_trials(self) -> None:
        """Add the stored trials that were not replayed to the study as they are."""
        rest = self.replay.take_rest()
        measured = {make_candidate_key(record.params) for record in self.records if record.is_measured}
        for stored in rest:
            record = self.recorder.read_record(stored, self.space)
            if record is None:
                continue
            key = make_candidate_key(record.params)
            if record.is_measured and key in measured:
                continue
            if record.is_measured:
                measured.add(key)
            self.study.add_trial(stored)
            number = len(self.study.get_trials(deepcopy=False)) - 1
            self.records.append(replace(record, number=number, outcome=self.kept_rows.take(number, record.outcome)))
            self._update_rules(record.outcome)
            self.recorder.record(number, None)
            if record.is_measured:
                self.seen_keys.add(key)
                self.n_accepted += 1
        for stored in rest:
            self._apply_effects(read_effects(stored))

    # -- telling -----------------------------------------------------------------------------------------------

    def _tell_in_order(self) -> None:
        """Tell the outcomes that have arrived, in the order in which their candidates were asked."""
        while self.running and not self.stop_requested:
            number = next(iter(self.running))
            if number not in self.arrived_outcomes:
                return
            self._raise_candidate_exception(number)
            asked, outcome = self.running.pop(number), self.arrived_outcomes.pop(number)
            if self.check_outcome is not None and outcome.status == Status.COMPLETE:
                self.check_outcome(outcome)
                self.check_outcome = None
            self.contexts.close(asked.candidate_index)
            self._close_trial(asked, outcome)
            self.stop_requested |= self.stopping_rule.is_met
            self._make_late_states()
            # Ask before telling the next one, even if that has arrived too: what the sampler knows must not depend on
            # how many outcomes happen to arrive together.
            self._submit_candidates()

    def _raise_candidate_exception(self, number: int) -> None:
        """Raise the exception of a candidate that failed under ``error_score="raise"``."""
        if number in self.arrived_outcomes and self.arrived_outcomes[number].exception is not None:
            raise self.arrived_outcomes.pop(number).exception  # type: ignore[misc]

    def _close_trial(self, asked: _AskedTrial, outcome: Outcome) -> None:
        trial = asked.trial
        outcome = self.kept_predictions.take(trial.number, self.kept_rows.take(trial.number, outcome))
        self.records.append(TrialRecord(trial.number, asked.params, outcome))
        self._update_rules(outcome)
        index = None if asked.candidate_index < 0 else asked.candidate_index
        packed = pack_outcome(outcome, trial.number, index=index, source=asked.source)
        trial.set_user_attr(OUTCOME_ATTRIBUTE, packed)
        self.is_telling = True
        with self.phase_timer.measure("sampler"):
            frozen = self.teller.tell(trial, outcome)
        self.is_telling = False
        stored, is_anew = self.replayed.pop(trial.number, (None, True)) if is_final(outcome) else (None, True)
        if stored is not None:
            self.replay.mark_told(stored)
        # Each process finds duplicates by itself.
        is_local = outcome.status == Status.DUPLICATE and self.recorder.is_shared
        was_requested = self.stop_requested
        try:
            if stored is not None and not is_anew:
                self._apply_effects(read_effects(stored))
            elif outcome.status in MEASURED_STATUSES:
                self._call_callbacks(frozen)
                self.stop_requested |= any(fold.stop_requested for fold in outcome.folds)
        finally:
            # Written once the callbacks' effects are known: a killed search either has both or measures again.
            set_effects(frozen, CallbackEffects(self.stop_requested and not was_requested, self._take_enqueued()))
            if self.recorder.study is not None:
                rows = make_row_attributes(self.kept_rows.values.get(trial.number, {}))
                frozen.user_attrs = frozen.user_attrs | rows
            is_new = stored is None and is_final(outcome) and not is_local
            if is_new:
                self.recorder.save_artifacts(asked.params, outcome)
            self.recorder.record(trial.number, frozen if is_new else None)

    def _call_callbacks(self, frozen: FrozenTrial) -> None:
        for callback in self.callbacks:
            callback(self.study, frozen)
            self.recorder.record_attributes(self.study.user_attrs)

    def _take_enqueued(self) -> tuple[dict[str, Any], ...]:
        """Return the parameters of the candidates that have been enqueued since this was last called."""
        waiting = self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        new = [trial for trial in waiting if trial.number not in self.noted_numbers]
        self.noted_numbers.update(trial.number for trial in new)
        return tuple(dict(get_fixed_params(trial)) for trial in new)

    def _apply_effects(self, effects: CallbackEffects) -> None:
        """Do to the study what callbacks did in the process that measured a candidate."""
        self.stop_requested |= effects.stop and self.heeds_stops
        for params in effects.enqueued:
            self.study.enqueue_trial(dict(params))
        self._take_enqueued()

    def _update_rules(self, outcome: Outcome) -> None:
        """Pass an outcome to the budget, the pruning rule and the stopping rule."""
        self.budget.add_outcome(outcome)
        self.pruning_tracker.add_outcome(outcome)
        self.stopping_rule.add_outcome(outcome, self.teller.list_scores(outcome))

    # -- stopping ----------------------------------------------------------------------------------------------

    def _handle_study_stop(self) -> None:
        """Handle Optuna's ``study.stop()``: a callback ends the search, a sampler has no more candidates."""
        if self.is_telling:
            self.is_exhausted = True
        else:
            self.stop_requested = True

    def _compute_wait_seconds(self) -> float | None:
        """Return how long to wait for outcomes; the wait for the first candidate has no limit."""
        only_first = all(asked.candidate_index == 0 for asked in self.running.values())
        return None if only_first else self.budget.seconds_left

    def _cancel_if_over(self) -> None:
        """Cancel running candidates if the search was stopped; if time is up, all but the first candidate."""
        if self.stop_requested:
            self.arrived_outcomes.clear()  # which later candidates have arrived depends on timing
            self._cancel(self.running, Outcome(Status.CANCELLED, (), "the search was stopped"))
        elif self.budget.seconds_left == 0.0:
            late = [number for number, asked in self.running.items() if asked.candidate_index > 0]
            for number in late:
                self._raise_candidate_exception(number)
            self._cancel(late, Outcome(Status.TIMEOUT, (), OUT_OF_TIME))

    def _cancel(self, numbers: Iterable[int], default: Outcome) -> None:
        """Close running trials: with their outcome if it has arrived, with the given one otherwise."""
        late = list(numbers)
        self.executor.kill(late)
        for number in late:
            asked = self.running.pop(number)
            outcome = self.arrived_outcomes.pop(number, default)
            self._close_trial(asked, default if outcome.exception else outcome)

    def _close_running_trials(self) -> None:
        """Close trials that an interrupt has left running between asking and telling."""
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self.study.tell(trial.number, state=TrialState.FAIL)
