"""Claims on candidates, by which several processes share one search.

The candidates of a search depend only on the trials that have been told. So processes that run the same search propose
the same candidates. A process claims a candidate before it measures it. It does not measure candidates that other
processes have claimed, and reads their outcomes from the stored study instead. So all processes together do what one
process would have done, with the same result and budget, and measure up to ``look_ahead`` candidates at a time.

A claim is a running trial in a separate study of the same storage. If several processes claim one candidate, the first
claim in the storage's order is valid. If the heartbeat of a claim has stopped for `CLAIM_TIMEOUT_SECONDS`, another
process may claim the candidate.
"""

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import uuid4

import optuna
from optuna.trial import FrozenTrial, TrialState

from sklearn_autotune._compat.optuna import get_storage, get_trial_id, quiet_optuna
from sklearn_autotune._compat.urls import redact_text
from sklearn_autotune.evaluation import DEFAULT_NUMBER, Outcome, PrunerState, WorkItem
from sklearn_autotune.execution import Executor
from sklearn_autotune.storage._recorder import Recorder

__all__ = ["ClaimingExecutor"]

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
HEARTBEAT_SECONDS = 5.0
CLAIM_TIMEOUT_SECONDS = 60.0  # by the clock of the process that waits for a heartbeat: machines' clocks differ


class ClaimRegistry:
    """Claims candidates of a study for this process, and keeps the claims alive with heartbeats.

    Parameters
    ----------
    study : optuna.Study
        The stored study of the search.
    """

    def __init__(self, study: optuna.Study) -> None:
        storage = get_storage(study)
        with quiet_optuna():
            self.study = optuna.create_study(
                study_name=f"{study.study_name} (claims)", storage=storage, load_if_exists=True
            )
        self.storage = storage
        self.token = uuid4().hex
        self.own_claims: dict[int, int] = {}  # from candidate numbers to the ids of the claims' trials
        # For the trial of each claim: its last heartbeat, and the time when this process first saw it.
        self.last_heartbeats: dict[int, tuple[Any, float]] = {}
        self.lock = threading.Lock()
        self.is_closed = threading.Event()
        self.heartbeat_thread = threading.Thread(target=self._send_heartbeats, daemon=True)
        self.heartbeat_thread.start()

    def acquire(self, number: int) -> bool:
        """Claim a candidate, unless another process has claimed it; return whether this process has the claim."""
        claims = self._get_claims(number)
        if any(self._is_alive(claim) for claim in claims):
            return False
        for claim in claims:
            logger.warning(
                "Trial %d in the study was claimed by a process that has stopped sending heartbeats. "
                "This process claims it.",
                number,
            )
            self._release_claim(get_trial_id(claim))
        attributes = {"number": number, "token": self.token, "beat": 0}
        self.study.add_trial(optuna.trial.create_trial(state=TrialState.RUNNING, user_attrs=attributes))
        claims = self._get_claims(number)
        own = next((claim for claim in claims if claim.user_attrs["token"] == self.token), None)
        if own is None:  # another process has already replaced it
            return False
        if claims[0] is not own:
            self._release_claim(get_trial_id(own))
            return False
        with self.lock:
            self.own_claims[number] = get_trial_id(own)
        return True

    def release(self, numbers: Iterable[int]) -> None:
        """Release claims on candidates that have been told, or that another process may measure."""
        for number in list(numbers):
            with self.lock:
                claim = self.own_claims.pop(number, None)
            if claim is not None:
                self._release_claim(claim)

    def close(self) -> None:
        """Release all claims, and stop the heartbeats."""
        self.is_closed.set()
        self.heartbeat_thread.join()
        self.release(self.own_claims)

    def _get_claims(self, number: int) -> list[FrozenTrial]:
        """Return the claims on a candidate; the first one is valid."""
        running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        found = [trial for trial in running if trial.user_attrs.get("number") == number]
        return sorted(found, key=lambda trial: trial.number)

    def _is_alive(self, claim: FrozenTrial) -> bool:
        now, heartbeat = time.monotonic(), claim.user_attrs.get("beat")
        last, since = self.last_heartbeats.get(get_trial_id(claim), (None, now))
        if last != heartbeat:
            since = now
        self.last_heartbeats[get_trial_id(claim)] = heartbeat, since
        return now - since < CLAIM_TIMEOUT_SECONDS

    def _release_claim(self, claim: int) -> None:
        try:
            self.storage.set_trial_state_values(claim, TrialState.FAIL)
        except Exception as error:  # replaced by another process; or the storage fails, and the claim will time out
            logger.info("Claim %d could not be released: %s", claim, redact_text(str(error)))

    def _send_heartbeats(self) -> None:
        """Increase an attribute of each claim regularly, to show that this process is alive."""
        n_heartbeats = 0
        while not self.is_closed.wait(HEARTBEAT_SECONDS):
            n_heartbeats += 1
            with self.lock:
                claims = list(self.own_claims.values())
            for claim in claims:
                try:
                    self.storage.set_trial_user_attr(claim, "beat", n_heartbeats)
                except Exception as error:  # replaced by another process; or the storage fails: the next write says so
                    logger.info("The heartbeat of claim %d could not be written: %s", claim, redact_text(str(error)))


class ClaimingExecutor:
    """Measures the candidates that this process can claim; other processes measure the others.

    Parameters
    ----------
    inner : Executor
        Measures the candidates that this process has claimed.
    recorder : Recorder
    study : optuna.Study
        The stored study of the search.
    """

    def __init__(self, inner: Executor, recorder: Recorder, study: optuna.Study) -> None:
        self.inner = inner
        self.recorder = recorder
        self.capacity = inner.capacity
        self.claims: ClaimRegistry = recorder.run_with_retries(partial(ClaimRegistry, study))
        self.running: set[int] = set()
        self.deferred: dict[int, WorkItem] = {}  # claimed by others, or waiting for a free worker

    def submit(self, work: WorkItem) -> None:
        """Measure the candidate if no other process measures it and a worker is free; otherwise defer it."""
        if not (self._may_start(work.number) and self._submit_if_claimed(work)):
            self.deferred[work.number] = work

    def decide(self, number: int, pruner_state: PrunerState) -> None:
        """Set the pruner state of a candidate, wherever it is."""
        if number in self.deferred:
            self.deferred[number] = replace(self.deferred[number], pruner_state=pruner_state)
        elif number in self.running:
            self.inner.decide(number, pruner_state)

    def wait(self, timeout: float | None = None) -> list[tuple[int, Outcome]]:
        """Try again to claim the deferred candidates, and wait a moment for outcomes of this process."""
        self.claims.release([number for number in self.claims.own_claims if number in self.recorder.finished_numbers])
        for work in list(self.deferred.values()):
            if self._may_start(work.number) and self._submit_if_claimed(work):
                del self.deferred[work.number]
        wait_seconds = POLL_SECONDS if timeout is None else min(timeout, POLL_SECONDS)
        if not self.running:
            time.sleep(wait_seconds)
            return []
        arrived = self.inner.wait(wait_seconds)
        self.running -= {number for number, _ in arrived}
        return arrived

    def kill(self, numbers: Iterable[int]) -> None:
        """Cancel candidates; other processes may measure them."""
        cancelled = set(numbers)
        self.inner.kill(cancelled & self.running)
        self.running -= cancelled
        self.deferred = {number: work for number, work in self.deferred.items() if number not in cancelled}

    def close(self) -> None:
        """Close the executor, and release all claims."""
        try:
            self.inner.close()
        finally:
            self.claims.close()

    def _may_start(self, number: int) -> bool:
        """Whether a worker is free, or all are occupied by later candidates, which may wait for what this one shows."""
        return len(self.running) < self.inner.capacity or number < min(self.running)

    def _submit_if_claimed(self, work: WorkItem) -> bool:
        number = work.number
        if not self.recorder.run_with_retries(lambda: self.claims.acquire(number)):
            return False
        # Another process stores an outcome before it releases its claim.
        if self._is_stored(number):
            self.claims.release([number])
            return False
        self.running.add(number)
        self.inner.submit(work)
        return True

    def _is_stored(self, number: int) -> bool:
        """Whether another process has stored the outcome of a candidate, or of the default."""
        if number == DEFAULT_NUMBER:
            return self.recorder.read_default_from_others() is not None
        return number in self.recorder.read_trials_from_others([number])
