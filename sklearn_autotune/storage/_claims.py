"""Several processes at one study: each goes through the same search, and measures what no other has claimed.

What a search asks depends on nothing but what has been told, so processes that go through the same search ask the same
candidates. Each claims a candidate before it measures it, leaves to the others what they have claimed, and is told what
they found by the study. So together they do what one would have done, result and budget included, as many candidates at
a time as ``look_ahead`` allows.

A claim is a running trial in a study of its own beside the search's. Of several claims the first one in the storage's
order holds. A claim that shows no sign of life for a while may be taken over.
"""

import logging
import threading
import time
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import optuna
from optuna.trial import FrozenTrial, TrialState

from sklearn_autotune._compat.optuna import get_storage, get_trial_id, quiet_optuna
from sklearn_autotune.evaluation import Outcome, WorkItem
from sklearn_autotune.execution._executors import Executor
from sklearn_autotune.storage._recorder import Recorder

__all__ = ["ClaimingExecutor"]

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
HEARTBEAT_SECONDS = 5.0
CLAIM_TIMEOUT_SECONDS = 60.0  # without a sign of life; by the clock of whoever looks, for clocks of machines differ


class ClaimRegistry:
    """Who measures which candidate of a study.

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
        self.mine: dict[int, int] = {}  # candidates and the trials that stand for the claims
        self.signs: dict[int, tuple[Any, float]] = {}  # of each trial, the last sign of life and when it was new
        self.lock = threading.Lock()
        self.is_over = threading.Event()
        self.heart = threading.Thread(target=self._beat, daemon=True)
        self.heart.start()

    def take(self, number: int) -> bool:
        """Claim a candidate, unless somebody else has it."""
        claims = self._claims(number)
        if any(self._is_alive(claim) for claim in claims):
            return False
        for claim in claims:
            logger.warning("Candidate %d was claimed by a process that shows no sign of life; it is claimed.", number)
            self._finish(get_trial_id(claim))
        attributes = {"number": number, "token": self.token, "beat": 0}
        self.study.add_trial(optuna.trial.create_trial(state=TrialState.RUNNING, user_attrs=attributes))
        claims = self._claims(number)
        own = next((claim for claim in claims if claim.user_attrs["token"] == self.token), None)
        if own is None:  # taken over already
            return False
        if claims[0] is not own:
            self._finish(get_trial_id(own))
            return False
        with self.lock:
            self.mine[number] = get_trial_id(own)
        return True

    def release(self, numbers: Iterable[int]) -> None:
        """Give claims up: their candidates have been told, or are for others to measure."""
        for number in list(numbers):
            with self.lock:
                claim = self.mine.pop(number, None)
            if claim is not None:
                self._finish(claim)

    def close(self) -> None:
        """Give all claims up."""
        self.is_over.set()
        self.heart.join()
        self.release(self.mine)

    def _claims(self, number: int) -> list[FrozenTrial]:
        """Return the claims on a candidate, the one that holds first."""
        running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        found = [trial for trial in running if trial.user_attrs.get("number") == number]
        return sorted(found, key=lambda trial: trial.number)

    def _is_alive(self, claim: FrozenTrial) -> bool:
        now, sign = time.monotonic(), claim.user_attrs.get("beat")
        known, since = self.signs.get(get_trial_id(claim), (None, now))
        if known != sign:
            since = now
        self.signs[get_trial_id(claim)] = sign, since
        return now - since < CLAIM_TIMEOUT_SECONDS

    def _finish(self, claim: int) -> None:
        try:
            self.storage.set_trial_state_values(claim, TrialState.FAIL)
        except Exception as error:  # taken over; or the storage is away, and the claim will be missed by its heartbeat
            logger.info("Claim %d could not be given up: %s", claim, error)

    def _beat(self) -> None:
        """Show that this process is alive."""
        n_beats = 0
        while not self.is_over.wait(HEARTBEAT_SECONDS):
            n_beats += 1
            with self.lock:
                claims = list(self.mine.values())
            for claim in claims:
                try:
                    self.storage.set_trial_user_attr(claim, "beat", n_beats)
                except Exception as error:  # taken over, or the storage is away: whoever writes there will say so
                    logger.info("Claim %d could not be kept up: %s", claim, error)


class ClaimingExecutor:
    """Measures what this process could claim; what others have claimed is left to them.

    Parameters
    ----------
    inner : Executor
        Where candidates are measured.
    recorder : Recorder
    """

    def __init__(self, inner: Executor, recorder: Recorder) -> None:
        self.inner = inner
        self.recorder = recorder
        self.capacity = inner.capacity
        self.claims: ClaimRegistry = recorder.run_with_retries(lambda: ClaimRegistry(recorder.study))  # type: ignore[arg-type]
        self.measured: set[int] = set()
        self.left: dict[int, WorkItem] = {}  # to others, until there is room here

    def submit(self, work: WorkItem) -> None:
        """Measure the candidate if nobody else does, and there is room for it: what would only wait is for others."""
        if not (self._has_room and self._take(work)):
            self.left[work.number] = work

    def wait(self, timeout: float | None = None) -> list[tuple[int, Outcome]]:
        """Wait for something to arrive here, or a moment."""
        self.claims.release([number for number in self.claims.mine if number in self.recorder.told])
        for work in list(self.left.values()):
            if self._has_room and self._take(work):
                del self.left[work.number]
        patience = POLL_SECONDS if timeout is None else min(timeout, POLL_SECONDS)
        if not self.measured:
            time.sleep(patience)
            return []
        arrived = self.inner.wait(patience)
        self.measured -= {number for number, _ in arrived}
        return arrived

    def kill(self, numbers: Iterable[int]) -> None:
        """Give candidates up; others may measure them."""
        gone = set(numbers)
        self.inner.kill(gone & self.measured)
        self.measured -= gone
        self.left = {number: work for number, work in self.left.items() if number not in gone}

    def close(self) -> None:
        """Give everything up."""
        try:
            self.inner.close()
        finally:
            self.claims.close()

    @property
    def _has_room(self) -> bool:
        return len(self.measured) < self.inner.capacity

    def _take(self, work: WorkItem) -> bool:
        number = work.number
        if not self.recorder.run_with_retries(lambda: self.claims.take(number)):
            return False
        # What it was measured by, another process has written down before it gave up the claim.
        if number in self.recorder.read_trials_from_others([number]):
            self.claims.release([number])
            return False
        self.measured.add(number)
        self.inner.submit(work)
        return True
